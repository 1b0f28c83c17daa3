//! Async device sign-in: the [`device_flow`] machine over [`reqwest`] and tokio's timer.
//!
//! ```no_run
//! use device_flow_reqwest::{Endpoint, HttpClient, Policy};
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let client = HttpClient::new(Endpoint::for_region("eu-west-1")?)?;
//!     let policy = Policy::aws("https://d-1234567890.awsapps.com/start").with_client_name("my program");
//!     let signed_in = client.login(policy).run(|prompt| eprintln!("{prompt}")).await?;
//!     eprintln!("signed in, {:?} left", signed_in.expires_in());
//!     use_token(signed_in.token.access_token.expose());
//!     Ok(())
//! }
//! # fn use_token(_: &str) {}
//! ```
//!
//! # What it guarantees
//!
//! The same as `device-flow-ureq`, with the same names and outcomes: an HTTP error status is an answer, redirects are
//! never followed (but by [`MetadataSearch`], which carries no secret), every request has a time-out bounded by the life of the code, headers and bodies are limited, one
//! connection serves a whole sign-in, TLS uses the system's root certificates or a bundle of your own, plain HTTP is
//! for loopback only unless the [`Endpoint`] was made to allow it, and a loopback endpoint is never sent through a
//! proxy.
//!
//! # Cancel safety
//!
//! Every future here can be dropped at any await. A dropped [`Login::run`] is a cancelled sign-in. A dropped
//! [`HttpClient::drive`] leaves its [`DeviceFlow`] as it was, with a request possibly under way; driving the same flow
//! again goes on from there, treats that request as one whose answer was lost, and keeps the pace.
//!
//! # Features
//!
//! * `ring` (default): cryptography by ring. A provider that the program has installed with
//!   `rustls::crypto::CryptoProvider::install_default` is used in its place, so aws-lc-rs needs no ring.
//! * `platform-verifier` (default): trust in what the system trusts. Without it there are `webpki-roots`, compiled in, or
//!   [`HttpClientBuilder::ca_bundle`].
//! * `socks` (default): proxies that speak SOCKS.
//! * `system-proxy` (default): the proxy of the system's settings, on macOS and Windows.
//! * `serde`: `SavedFlow`, `Session`, registrations and tokens can be written and read again, **with their secrets in the clear**.
//! * `tracing`: events with stable names and fields, and never a secret: [events](device_flow#events).
//!
//! `cargo xtask test --only features` builds each alone, counts the crates, and runs the tests with the oldest and the newest reqwest
//! that this crate allows.

mod builder;
mod carrier;
mod client;
mod clock;
mod crypto;
pub mod embedding {
    #![doc = include_str!("../docs/embedding.md")]
}
mod login;
mod proxy;
mod tls;
mod transport;
mod until;

pub use builder::{BuildError, HttpClientBuilder};
pub use carrier::{HardenedClient, hardened};
pub use client::HttpClient;
pub use clock::{Clock, TokioClock};
pub use device_flow::{
    AnsweredBy, CallError, DeviceFlow, Exchange, Expiry, Failure, FirstPoll, MetadataSearch, Misuse,
    NotFollowed, NotSignedIn, Observer, OnPrompt, OnWait, Outcome, Phase, Pkce, Policy, Report, ResponseBody,
    SearchError, Session, SignInError, SignedIn, Status, Stop, Tick, TransportError, Trouble, TryOnPrompt,
    UserPrompt, VirtualTime,
};
#[cfg(feature = "serde")]
pub use device_flow::{ResumeError, SavedFlow};
pub use login::Login;

/// Why a provider's metadata could not be had or used.
pub type DiscoveryError = device_flow::DiscoveryError<BuildError>;

pub use oidc_proto::oauth::{Metadata, MetadataError, Provider, RevocationRequest};
pub use oidc_proto::{
    Client, CreateTokenRequest, DeviceAuthorization, Dialect, Endpoint, EndpointError, Fault, FaultCode,
    Grant, NoVerdict, Operation, RegisterClientRequest, Registration, SSO_ACCOUNT_ACCESS, Secret, Service,
    StartDeviceAuthorizationRequest, Token, UnixSeconds, Violation,
};

/// The crates whose types stand in this one's interface.
pub use {device_flow, oidc_proto, reqwest, rustls};

/// The crate's own README is compiled and run as well.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

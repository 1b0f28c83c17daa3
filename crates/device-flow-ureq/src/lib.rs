//! Blocking device sign-in: the [`device_flow`] machine over [`ureq`].
//!
//! ```no_run
//! use device_flow_ureq::{Endpoint, HttpClient, Policy};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let client = HttpClient::new(Endpoint::for_region("eu-west-1")?)?;
//!     let policy = Policy::aws("https://d-1234567890.awsapps.com/start").with_client_name("my program");
//!     let signed_in = client.login(policy).run(|prompt| eprintln!("{prompt}"))?;
//!     eprintln!("signed in, {:?} left", signed_in.expires_in());
//!     use_token(signed_in.token.access_token.expose());
//!     Ok(())
//! }
//! # fn use_token(_: &str) {}
//! ```
//!
//! # In a test
//!
//! ```
//! use device_flow_ureq::{Endpoint, HttpClient, Policy};
//! use sso_oidc_server::TestServer;
//!
//! let server = TestServer::start();
//! let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
//! let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
//! // The person is a closure here; `server.deny` is the other kind.
//! let signed_in = client.login(policy).run(|prompt| server.approve(&prompt.user_code).unwrap())?;
//! assert_eq!(signed_in.polls, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Login::clock`] paces a sign-in by a clock of your own, so that ten minutes pass in a moment.
//!
//! # What it guarantees
//!
//! * An HTTP error status is an answer, never a Rust error: the body of a 400 reaches the machine.
//! * Redirects are never followed, because every request carries secrets (RFC 9700 §4.12). The one that asks for a
//!   provider's metadata carries none, and [`MetadataSearch`] says which redirects it follows.
//! * Every request has a time-out, bounded by the life of the device code. Response headers and bodies are limited.
//! * One connection is kept alive for a whole sign-in.
//! * TLS uses the system's root certificates, or a bundle of your own. Plain HTTP is for loopback only, unless the
//!   [`Endpoint`] was made to allow it. Proxies, HTTP and SOCKS, come from the environment (`HTTPS_PROXY`, `NO_PROXY`
//!   and the like); a loopback endpoint is never sent through one.
//! * Nothing here needs an async runtime, and nothing minds one.
//!
//! # Features
//!
//! * `ring` (default): cryptography by ring. A provider that the program has installed with
//!   `rustls::crypto::CryptoProvider::install_default` is used in its place, so aws-lc-rs needs no ring.
//! * `platform-verifier` (default): trust in what the system trusts. Without it there are `webpki-roots`, compiled in, or
//!   [`HttpClientBuilder::ca_bundle`].
//! * `socks` (default): proxies that speak SOCKS.
//! * `crypto-provider`: [`HttpClientBuilder`] takes any `rustls::crypto::CryptoProvider`. It stands on a part of ureq's interface
//!   that ureq's semantic versioning does not cover.
//! * `serde`: `SavedFlow`, `Session`, registrations and tokens can be written and read again, **with their secrets in the clear**.
//! * `tracing`: events with stable names and fields, and never a secret: [events](device_flow#events).
//!
//! `cargo xtask test --only features` builds each alone, counts the crates, and runs the tests with the oldest and the newest ureq
//! that this crate allows.

mod builder;
mod cancel;
mod carrier;
mod client;
mod clock;
mod crypto;
pub mod embedding {
    #![doc = include_str!("../docs/embedding.md")]
}
mod failure;
mod login;
mod proxy;
mod redirect;
mod transport;
mod worker;

pub use builder::{BuildError, HttpClientBuilder};
pub use cancel::Cancel;
pub use client::HttpClient;
pub use clock::{Clock, SystemClock};
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
pub use redirect::Redirect;

/// The crates whose types stand in this one's interface.
pub use {device_flow, oidc_proto, rustls, ureq};

/// The crate's own README is compiled and run as well.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

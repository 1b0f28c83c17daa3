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
//! The guarantees, names and outcomes are those of `device-flow-ureq`:
//!
//! * An HTTP error status is a response, never a Rust error.
//! * Redirects are never followed, except by [`MetadataSearch`], whose requests carry no secret.
//! * Every request has a timeout, bounded by the expiry of the code. Headers and bodies are limited.
//! * One connection serves a whole sign-in.
//! * TLS uses the system's root certificates, or your own bundle. Plain HTTP is for loopback only, unless the
//!   [`Endpoint`] allows it explicitly.
//! * Requests to a loopback endpoint never use a proxy.
//!
//! # Cancel safety
//!
//! Every future here can be dropped at any await. Dropping [`Login::run`] cancels the sign-in. Dropping
//! [`HttpClient::drive`] leaves its [`DeviceFlow`] as it was, perhaps with a pending request. If the flow is driven
//! again, it goes on from there, treats that request's response as lost, and keeps the interval.
//!
//! # Features
//!
//! * `ring` (default): cryptography by ring. A provider installed with
//!   `rustls::crypto::CryptoProvider::install_default` takes precedence, so aws-lc-rs needs no ring.
//! * `platform-verifier` (default): trust in the system's certificates. The alternatives are `webpki-roots`, compiled
//!   in, and [`HttpClientBuilder::ca_bundle`].
//! * `socks` (default): SOCKS proxies.
//! * `system-proxy` (default): the proxy of the system's settings, on macOS and Windows.
//! * `serde`: `SavedFlow`, `Session`, registrations and tokens can be serialized, **with their secrets in plain
//!   text**.
//! * `tracing`: [events](device_flow#events) with stable names and fields, and never a secret.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod backend;
mod builder;
mod client;
mod clock;
mod code_login;
mod crypto;
pub mod embedding {
    #![doc = include_str!("../docs/embedding.md")]
}
mod listener;
mod login;
mod portal;
mod proxy;
mod renew;
mod tls;
mod transport;
mod until;

pub use backend::{HardenedClient, hardened};
pub use builder::{BuildError, HttpClientBuilder};
pub use client::HttpClient;
pub use clock::{Clock, TokioClock};
pub use code_login::CodeLogin;
pub use device_flow::{
    AnsweredBy, ApiMisuse, BrowserPrompt, CallError, Callback, CodeFlow, DeviceFlow, Exchange, Expiry,
    Failure, FirstPoll, MetadataSearch, NotFollowed, NotSignedIn, Observer, OnPrompt, OnWait, Outcome, Phase,
    Pkce, Policy, RedirectUri, RedirectUriError, Report, ResponseBody, SearchError, Session, SignInError,
    SignedIn, Status, Stop, Tick, TransientError, TransportError, TryOnPrompt, UserPrompt, VirtualTime,
};
#[cfg(feature = "serde")]
pub use device_flow::{ResumeError, SavedFlow};
pub use listener::{ListenError, Listener, Paste};
pub use login::Login;

/// An error from fetching or using a provider's metadata.
pub type DiscoveryError = device_flow::DiscoveryError<BuildError>;

pub use oidc_proto::oauth::{Metadata, MetadataError, Provider, RevocationRequest};
pub use oidc_proto::{
    Client, CreateTokenRequest, DeviceAuthorization, Dialect, Endpoint, EndpointError, Fault, FaultCode,
    Grant, Indeterminate, InvalidResponse, Operation, RegisterClientRequest, Registration,
    SSO_ACCOUNT_ACCESS, Secret, Service, StartDeviceAuthorizationRequest, Token, UnixSeconds,
};

/// The renewal of a stored session: see [`HttpClient::renew`] and [`HttpClient::ensure`].
pub use device_flow::renewal;
/// The crates whose types are in this crate's API.
pub use {device_flow, oidc_proto, reqwest, rustls};

/// The examples of the crate's README, as doc tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

//! Blocking sign-in: the [`device_flow`] machines over [`ureq`].
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
//! # In a browser on this machine
//!
//! [`Listener`] takes the redirect of the authorization code flow (RFC 8252).
//!
//! ```no_run
//! use device_flow_ureq::{Endpoint, HttpClient, Listener, Policy};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let client = HttpClient::new(Endpoint::for_region("eu-west-1")?)?;
//!     let policy = Policy::aws("https://d-1234567890.awsapps.com/start").with_client_name("my program");
//!     // It listens before the address is shown.
//!     let login = client.code_login(policy, Listener::bind()?);
//!     let signed_in = login.run(|prompt| open_in_browser(&prompt.url))?;
//!     use_token(signed_in.token.access_token.expose());
//!     Ok(())
//! }
//! # fn use_token(_: &str) {}
//! # fn open_in_browser(_: &str) {}
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
//! With [`Login::clock`] a sign-in uses your own clock, so that ten minutes pass in a moment.
//!
//! # What it guarantees
//!
//! * An HTTP error status is a response, never a Rust error: the body of a 400 reaches the machine.
//! * Redirects are never followed, because every request carries secrets (RFC 9700 §4.12). Only the request for a
//!   provider's metadata carries none; [`MetadataSearch`] lists the redirects that it follows.
//! * Every request has a timeout, bounded by the expiry of the device code. Response headers and bodies are limited.
//! * One connection is kept alive for a whole sign-in.
//! * TLS uses the system's root certificates, or your own bundle. Plain HTTP is for loopback only, unless the
//!   [`Endpoint`] allows it explicitly.
//! * Proxies (HTTP and SOCKS) come from the environment (`HTTPS_PROXY`, `NO_PROXY` and so on). Requests to a loopback
//!   endpoint never use a proxy.
//! * The crate needs no async runtime, and works inside one.
//!
//! # Features
//!
//! * `ring` (default): cryptography by ring. A provider installed with
//!   `rustls::crypto::CryptoProvider::install_default` takes precedence, so aws-lc-rs needs no ring.
//! * `platform-verifier` (default): trust in the system's certificates. The alternatives are `webpki-roots`, compiled
//!   in, and [`HttpClientBuilder::ca_bundle`].
//! * `socks` (default): SOCKS proxies.
//! * `crypto-provider`: [`HttpClientBuilder`] takes any `rustls::crypto::CryptoProvider`. This uses a part of ureq's
//!   API that its semantic versioning does not cover.
//! * `serde`: `SavedFlow`, `Session`, registrations and tokens can be serialized, **with their secrets in plain
//!   text**.
//! * `tracing`: [events](device_flow#events) with stable names and fields, and never a secret.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod backend;
mod builder;
mod cancel;
mod client;
mod clock;
mod code_login;
mod crypto;
pub mod embedding {
    #![doc = include_str!("../docs/embedding.md")]
}
mod failure;
mod listener;
mod login;
mod portal;
mod proxy;
mod redirect;
mod renew;
mod transport;
mod worker;

pub use builder::{BuildError, HttpClientBuilder};
pub use cancel::Cancel;
pub use client::HttpClient;
pub use clock::{Clock, SystemClock};
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
pub use redirect::Redirect;

/// The renewal of a stored session: see [`HttpClient::renew`] and [`HttpClient::ensure`].
pub use device_flow::renewal;
/// The crates whose types are in this crate's API.
pub use {device_flow, oidc_proto, rustls, ureq};

/// The examples of the crate's README, as doc tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

//! The wire types of AWS IAM Identity Center's sign-in service ("SSO OIDC") and of RFC 8628 providers, for
//! client and server, with no I/O.
//!
//! Three operations, named as in AWS's API model:
//!
//! | operation | request | what a success becomes |
//! |---|---|---|
//! | RegisterClient | [`RegisterClientRequest`] | [`Registration`] |
//! | StartDeviceAuthorization | [`StartDeviceAuthorizationRequest`] | [`DeviceAuthorization`] |
//! | CreateToken | [`CreateTokenRequest`] with a [`Grant`] | [`Token`] |
//!
//! AWS has them at `POST /client/register`, `POST /device_authorization` and `POST /token`.
//!
//! The accounts, roles and credentials of a signed-in person are the [`portal`]'s.
//!
//! A client encodes a request and decodes an [`Answer`]; a server decodes a [`ServerRequest`] and encodes a
//! success or a [`Fault`]. A [`Service`] has the URLs and the [`Dialect`] of its messages. All dialects share
//! the domain types.
//!
//! ```
//! use oidc_proto::{Answer, Client, CreateTokenRequest, Endpoint, FaultCode, Grant, Secret, Service};
//!
//! let service = Service::from(Endpoint::for_region("eu-west-1")?);
//! let ask = CreateTokenRequest::new(
//!     Client::new("client-id", Secret::from("client-secret")),
//!     Grant::device_code(Secret::from("device-code")),
//! );
//! let request = service.encode_create_token(&ask);
//! assert_eq!(request.uri(), "https://oidc.eu-west-1.amazonaws.com/token");
//!
//! // What came back, from any HTTP client:
//! let response = http::Response::builder()
//!     .status(400)
//!     .header("x-amzn-ErrorType", "AuthorizationPendingException:http://internal.amazon.com/coral/")
//!     .body(br#"{"error":"authorization_pending","error_description":"Authorization is still pending"}"#)?;
//! match service.decode::<CreateTokenRequest, _>(&response) {
//!     Answer::Fault(fault) => assert_eq!(fault.code, FaultCode::AuthorizationPending),
//!     other => panic!("{other:?}"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Reading is tolerant, writing is strict
//!
//! Unknown members are ignored, `null` means absent, and numbers may be strings. A missing required member is
//! an [`InvalidResponse`] that names it. A response without the service's verdict (a proxy's HTML page, a truncated
//! body, a redirect) is an [`Indeterminate`], which a client may retry. No input makes this crate panic.
//!
//! # Features
//!
//! Both are off by default.
//!
//! * `pkce`: the code verifier and challenge of RFC 7636.
//! * `serde`: serializes the values that a program stores. It writes a [`Secret`] in the clear. If one crate
//!   enables it, it is on for the whole program.
//!
//! # Secrets
//!
//! Codes, tokens and client secrets are [`Secret`]s: redacted in `Debug`, no `Display`, zeroized on drop,
//! compared in constant time. Only the feature `serde` writes them. An encoded [`Request`] redacts its body
//! too.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]
#![cfg_attr(
    test,
    allow(clippy::indexing_slicing, reason = "a test that indexes past the end should fail loudly"),
    allow(clippy::wildcard_enum_match_arm, reason = "a test names what it expects, and fails on all else")
)]

extern crate alloc;

mod answer;
mod answer_members;
mod authorization;
mod aws;
mod decode;
mod dialect;
mod endpoint;
mod fault;
mod grant;
mod granted;
mod headers;
mod json;
mod member;
mod message;
pub mod oauth;
mod operation;
mod parameter;
pub mod pkce;
pub mod portal;
mod printable;
mod redact;
mod request;
mod secret;
mod service;
mod start_url;
mod time;
mod token;
mod wire;
mod words;

pub use answer::{Answer, Indeterminate, IndeterminateReason, InvalidResponse, InvalidResponseKind};
pub use authorization::{AuthorizationRequest, AuthorizationResponse, InvalidAuthorizationRequest};
pub use dialect::{Call, Dialect, ServerRequest};
pub use endpoint::{Api, Endpoint, EndpointError, Partition, Variant, is_loopback_host};
pub use fault::{Fault, FaultCode};
pub use grant::{Grant, SSO_ACCOUNT_ACCESS, grant_type};
pub use headers::{REQUEST_ID, date, supply_date};
pub use message::{
    Client, ClientAuthentication, CreateTokenRequest, DeviceAuthorization, RegisterClientRequest,
    Registration, StartDeviceAuthorizationRequest,
};
pub use operation::Operation;
pub use parameter::{Parameter, ParameterError};
pub use printable::printable;
pub use request::{Body, Request};
pub use secret::Secret;
pub use service::Service;
pub use start_url::{StartUrl, StartUrlError};
pub use time::UnixSeconds;
pub use token::{Token, TokenWarning};

/// Runs the README's code as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

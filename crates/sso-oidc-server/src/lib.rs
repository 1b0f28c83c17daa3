//! A local server that stands in for AWS IAM Identity Center's sign-in service, and the page a person approves on.
//!
//! The decisions are [`device_authority`]'s; this crate adds sockets, a clock, the operating system's randomness and
//! a web page. It is meant for one machine: tests, development, demonstrations. It speaks plain HTTP, and with the
//! feature `tls` HTTPS where [`Config::with_tls`] asks for it: with a CA made at start, or with a certificate of one's own.
//!
//! # In a test
//!
//! [`TestServer`] runs on a thread of its own, so blocking and async tests can use it alike. It stops when dropped.
//!
//! ```
//! use sso_oidc_server::TestServer;
//!
//! let server = TestServer::start();
//! // Point a client at `server.endpoint()`; when it shows its user code, be the person:
//! assert!(server.approve("BCDF-GHJK").is_err(), "no device waits with this code");
//! assert!(server.endpoint().starts_with("http://127.0.0.1:"));
//! ```
//!
//! Without sockets, and in time that the test lets pass, [`InProcess`] answers the same.
//!
//! # As a program
//!
//! ```
//! use sso_oidc_server::{Approval, Config, Server};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let until_ctrl_c = async {};
//! let server = Server::bind(Config::default().with_approval(Approval::AfterPolls(2))).await?;
//! println!("listening on {}", server.endpoint());
//! server.serve(until_ctrl_c).await;
//! # Ok::<(), sso_oidc_server::ServeError>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it answers
//!
//! | path | method | what |
//! |---|---|---|
//! | `/client/register`, `/device_authorization`, `/token` | POST | RegisterClient, StartDeviceAuthorization, CreateToken |
//! | `/oauth/register`, `/oauth/device_authorization`, `/oauth/token`, `/oauth/revoke` | POST | the same for every RFC 8628 client: RFC 7591, RFC 8628, RFC 6749, RFC 7009 |
//! | `/.well-known/openid-configuration`, `/.well-known/oauth-authorization-server` | GET | where these are (RFC 8414) |
//! | `/authorize` | GET, POST | says that there is no authorization code flow, and redirects to a loopback `redirect_uri` of the query |
//! | `/jwks.json` | GET | an empty set of keys |
//! | `/device` | GET | the page where a person enters the code; with `?user_code=`, where they confirm it |
//! | `/device` | POST | the person's decision; see below |
//! | `/start` | GET | a start page with the region in `<meta name="region">`, where tools look for it |
//! | `/health` | GET | `ok` |
//! | `/` | GET | on to `/device` |
//! | `/style.css`, `/favicon.ico` | GET | the style sheet of the pages, and no icon |
//!
//! Every answer has an `x-amzn-RequestId`; every fault has a JSON body, and in AWS's dialect `x-amzn-ErrorType`. (Bytes that are no HTTP
//! never get as far as an answer of ours: the connection is closed, after a bare 400 or 431 where that makes sense.)
//!
//! # Clients of two kinds
//!
//! Both dialects speak to one authority. A client that registered at `/client/register` has a secret and may use the OAuth
//! endpoints with it, in the header or in the body. One that registered at `/oauth/register` as public has none, and AWS's
//! dialect, which demands one, does not believe it. [`Config::with_client`] adds clients of a fixed id.
//!
//! Scopes are those that the device authorization request asks for, if they are among the registered ones, and all of
//! those if it asks for none; a token with scopes comes with a refresh token. Revoking a refresh token ends its sign-in.
//! Access tokens are opaque and nothing here takes them, so revoking one succeeds and changes nothing.
//!
//! # Approving from a script
//!
//! The page's form is a stable interface. GET `/device?user_code=CODE` sets the cookie `device_csrf` and has a hidden
//! field `csrf`; POST `/device` as `application/x-www-form-urlencoded` with that cookie and the fields `user_code`,
//! `csrf` and `action`, which is `approve` or `deny`. 200 says that it is done.
#![cfg_attr(feature = "faults", doc = include_str!("fault/about.md"))]

mod approval;
mod authority;
mod clock;
mod config;
mod connection;
mod connections;
mod csrf;
mod discovery;
mod entropy;
mod error;
mod exchange;
#[cfg(feature = "faults")]
mod fault;
mod handle;
mod handler;
mod hosts;
mod in_process;
mod limits;
mod listen;
mod page;
mod record;
mod reply;
mod request_id;
mod router;
mod server;
mod state;
mod test_server;
#[cfg(feature = "tls")]
mod tls;

pub use approval::{Approval, ApprovalError};
pub use config::{Config, Limits};
pub use device_authority::{
    Capacity, ClientRecord, Counts, GuessLimit, PersonError, RegistrationKey, Rotation, ServerPolicy,
    SlowDown, TooManyGuesses, WeakKey,
};
pub use error::ServeError;
#[cfg(feature = "faults")]
pub use fault::{FaultError, FaultRule, FaultRuleError, InjectedFault};
pub use handle::{Handle, Stats};
pub use in_process::InProcess;
pub use oidc_proto::{Client, Operation, Secret};
pub use record::RecordedRequest;
pub use server::Server;
pub use test_server::TestServer;
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsError};

/// The crate's own README is compiled and run as well.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

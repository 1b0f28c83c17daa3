//! A local replacement for the sign-in service of AWS IAM Identity Center, with a page for a person's
//! approval.
//!
//! The decisions are in [`device_authority`]. This crate adds sockets, a clock, the operating system's
//! randomness and a web page. It is for one machine: tests, development, demonstrations. It speaks plain
//! HTTP. With the feature `tls` and [`Config::with_tls`] it speaks HTTPS, with a CA made at start or the
//! user's own certificate.
//!
//! # In a test
//!
//! [`TestServer`] runs on its own thread, so blocking and async tests can use it alike. It stops when
//! dropped.
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
//! [`InProcess`] is the same service without sockets, at virtual time.
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
//! # Routes
//!
//! | path | method | what |
//! |---|---|---|
//! | `/client/register` | POST | RegisterClient |
//! | `/device_authorization` | POST | StartDeviceAuthorization |
//! | `/token` | POST | CreateToken |
//! | `/oauth/register` | POST | registration, for every RFC 8628 client (RFC 7591) |
//! | `/oauth/device_authorization` | POST | the start of a device authorization (RFC 8628) |
//! | `/oauth/token`, `/oauth/revoke` | POST | the token (RFC 6749) and its revocation (RFC 7009) |
//! | `/oauth/introspect` | POST | the state of a token, for its own client (RFC 7662) |
//! | `/oauth/userinfo` | GET, POST | the claims about the person of an access token (OpenID Connect Core §5.3) |
//! | `/assignment/accounts`, `/assignment/roles` | GET | the portal's ListAccounts and ListAccountRoles |
//! | `/federation/credentials` | GET | the portal's GetRoleCredentials |
//! | `/logout` | POST | the portal's Logout |
//! | `/.well-known/openid-configuration` | GET | the metadata of the OAuth endpoints |
//! | `/.well-known/oauth-authorization-server` | GET | the same (RFC 8414) |
//! | `/authorize` | GET | the authorization request of both dialects (RFC 6749 §4.1): the page for the decision |
//! | `/authorize` | POST | the person's decision on the request in the query |
//! | `/jwks.json` | GET | the keys that verify ID tokens (RFC 7517) |
//! | `/device` | GET | the form for the code, or the confirmation of `?user_code=` |
//! | `/device` | POST | the person's decision; see below |
//! | `/start` | GET | a start page with the region in `<meta name="region">`, for tools that read it |
//! | `/health` | GET | `ok` while the process answers |
//! | `/ready` | GET | `ready`, or 503 if the store does not answer |
//! | `/` | GET | a redirect to `/device` |
//! | `/style.css`, `/favicon.ico` | GET | the pages' style sheet, and no icon |
//!
//! Every response has an `x-amzn-RequestId`. Every error has a JSON body, and in the AWS dialect
//! `x-amzn-ErrorType`. Bytes that are not HTTP get no such response: the connection is closed, after a bare
//! 400 or 431 if possible.
//!
//! # Two kinds of clients
//!
//! Both dialects share one authority. A client that registered at `/client/register` has a secret. It may use
//! the OAuth endpoints with it, in the header or in the body. A public client of `/oauth/register` has no
//! secret, so the AWS dialect, which requires one, rejects it. [`Config::with_client`] adds clients with a
//! fixed id.
//!
//! A device authorization request gets the registered ones among its scopes, or all registered scopes if it
//! names none. A token with scopes comes with a refresh token. Revoking a refresh token ends its sign-in.
//! Access tokens are opaque. The portal accepts them until they expire, are revoked, or their sign-in ends.
//!
//! A token with the scope `openid` comes with an ID token (OpenID Connect Core §2), in both dialects. Its key derives
//! from the secret of the store, so the servers of one store share it. A new key signs every thirty days.
//!
//! [`Config::with_accounts`] sets the portal's accounts and roles. Role credentials are random, and no service
//! accepts them.
//!
//! A sign-in in the browser (the authorization code flow) needs PKCE with S256, for every client. A registered
//! client gets its answer at a registered redirect URI only; on a loopback address any port matches. A client of
//! [`Config::with_client`] may use any loopback address. Every answer has `iss` (RFC 9207).
//!
//! # Approving from a script
//!
//! The page's form is a stable interface. GET `/device?user_code=CODE` sets the cookie `device_csrf` and has
//! a hidden field `csrf`. POST `/device` as `application/x-www-form-urlencoded` needs that cookie and the
//! fields `user_code`, `csrf` and `action`. `action` is `approve` or `deny`. With [`Config::with_people`] the field
//! `subject` says who approves; without the field it is the first person. Status 200 means success. The header
//! `x-device-code` names the reason against a decision: `not-a-code`, `unknown`, `expired`, `decided` or
//! `too-many-guesses`.
//! Every page has `server: sso-oidc-server`. `sso-oidc approve CODE` and `sso-oidc deny CODE` do all of this.
//!
//! For `/authorize`, [`Approval::Auto`] and [`Approval::Deny`] decide without a page: the response to the GET is
//! the redirect.
#![doc = include_str!("metrics/about.md")]
#![doc = include_str!("control/about.md")]
#![cfg_attr(feature = "script", doc = include_str!("script/about.md"))]
#![cfg_attr(feature = "faults", doc = include_str!("fault/about.md"))]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod accounts;
mod activity;
mod approval;
mod authority;
mod client_address;
mod clock;
mod config;
mod connection;
mod connections;
mod control;
mod cors;
mod csrf;
mod details;
mod discovery;
mod duration;
mod entropy;
mod error;
mod exchange;
#[cfg(feature = "faults")]
mod fault;
mod forms;
mod grant_id;
mod handle;
mod handler;
mod hosts;
mod in_process;
mod latest;
mod limits;
mod listen;
mod metrics;
mod openid;
mod page;
mod people;
mod portal;
mod record;
mod reply;
mod report;
mod request_id;
mod router;
#[cfg(feature = "script")]
mod script;
mod server;
mod side_port;
mod simulated_person;
mod state;
#[cfg(feature = "file-store")]
mod store;
mod test_server;
#[cfg(feature = "tls")]
mod tls;

pub use accounts::{Account, Role};
pub use approval::{Approval, ApprovalError};
pub use client_address::{TrustedProxy, TrustedProxyError};
pub use clock::TimeInPast;
pub use config::{Config, Limits, SharedStore};
pub use control::{Control, Device, DeviceStatus};
pub use cors::{CorsOrigin, CorsOriginError};
pub use device_authority::{
    Capacity, ClientRecord, Counts, GuessLimit, Memory, PersonError, RegistrationKey, Rotation, ServerPolicy,
    SlowDown, Store, StoreError, Subject, SubjectError, TooManyGuesses, WeakKey,
};
pub use duration::parse_duration;
pub use error::ServeError;
#[cfg(feature = "faults")]
pub use fault::{FaultError, FaultRule, FaultRuleError, InjectedFault};
pub use handle::{Handle, Stats};
pub use in_process::InProcess;
pub use oidc_proto::{Client, Operation, Secret};
pub use people::{People, PeopleError, Person};
pub use record::RecordedRequest;
pub use report::{Finding, Report};
#[cfg(feature = "script")]
pub use script::{Script, ScriptError};
pub use server::Server;
#[cfg(feature = "file-store")]
pub use store::{FileStore, FileStoreError};
pub use test_server::TestServer;
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsError};

/// Compiles and runs the crate's README too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

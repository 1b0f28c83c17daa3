//! A conformance check for servers with OAuth 2.0's device grant (RFC 8628).
//!
//! [`Plan::run`] sends the requests of a device, right ones and wrong ones, and judges each response. The result is a
//! [`Report`] with one [`Outcome`] for each rule, and the exchanges as evidence.
//!
//! ```
//! use core::time::Duration;
//! use device_conform::{Body, Client, Clock, Decision, NoResponse, NotDecided, Plan, Prompt, Transport};
//! use http::{Request, Response};
//! use sso_oidc_server::{Config, Handle, InProcess};
//! use std::sync::{Arc, Mutex};
//!
//! // The server under test, which is called in process here.
//! struct InTest(InProcess);
//! impl Transport for InTest {
//!     fn send(&mut self, request: &Request<Body>) -> Result<Response<Body>, NoResponse> {
//!         Ok(self.0.answer(&request.clone().map(|_| request.body().as_ref())).map(Body::new))
//!     }
//! }
//! // Time that passes when a check waits.
//! #[derive(Clone, Default)]
//! struct Virtual(Arc<Mutex<Duration>>);
//! impl Clock for Virtual {
//!     fn now(&self) -> Duration {
//!         *self.0.lock().unwrap()
//!     }
//!     fn wait(&mut self, time: Duration) {
//!         *self.0.lock().unwrap() += time;
//!     }
//! }
//!
//! let mut clock = Virtual::default();
//! let time = clock.clone();
//! let config = Config::default().with_client(Client::public("my-tool"));
//! let server = InProcess::new(config, move || time.now())?;
//! let handle: Handle = server.handle();
//! let mut person = |prompt: &Prompt<'_>, decision: Decision| match decision {
//!     Decision::Approve => handle.approve(prompt.user_code).map_err(NotDecided::new),
//!     Decision::Deny => handle.deny(prompt.user_code).map_err(NotDecided::new),
//! };
//!
//! let plan = Plan::new(server.endpoint())?.with_client(Client::public("my-tool")).with_scope(["openid"]);
//! let report = plan.run(&mut InTest(server), &mut clock, &mut person);
//! assert_eq!(report.tally().failed, 0, "{report}");
//! println!("{}", report.summary()); // 78 checks: 73 passed, …
//! assert_eq!(report.tally().passed, 73);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! With the feature `ureq`, `HttpTransport` and `SystemClock` check a server over the network.
//!
//! # How a run behaves
//!
//! - It sends no more requests than [`Plan::max_requests`] says.
//! - Twelve polls are sent at once, after an approval, to see that a code brings one token. Nothing else is parallel.
//! - It keeps the interval of the server, except for three polls that are early on purpose, and a fourth at the old
//!   interval after `slow_down`. An interval above five minutes ends the run. It obeys `Retry-After`. One above two
//!   minutes ends the run, too.
//! - It asks for three approvals and one denial. A [`Person`] makes them; without one, those checks are not made. A
//!   server that gives codes for an unknown scope, and refuses it only at the poll, costs a fourth approval.
//! - It ends after [`Plan::with_max_time`], without the time that the person takes. It also ends when requests have
//!   stayed without a response for two minutes in total.
//! - At the end it revokes the tokens that it has obtained. The report says how many may still be valid.
//! - Wrong user codes are tried only after [`Plan::with_guesses`], and last of all.
//!
//! # Structure
//!
//! The run sends and judges nothing; it only records. A check is a pure function over all exchanges, so that its rule
//! can be read, and tested, alone.
//!
//! # How the standards are read
//!
//! - A MUST, a REQUIRED member and a sentence that defines a format are a [`Strength::Must`]: a server that breaks one
//!   fails. Everything else is a [`Strength::Should`], which brings a warning.
//! - RFC 8628 does not say that a device code works once. RFC 6749 §10.5 says so of the authorization code, and a
//!   device code has the same part in its grant. Those checks have the number of that section.
//! - No sentence of RFC 8628 makes a server send `slow_down`. The interval is a limit that only the server can
//!   enforce, so one that never does gets a warning.
//! - RFC 6749 §5.1 wants `Pragma` with each token. RFC 9111 §5.4 has since made the header meaningless, so its absence
//!   is a warning.
//! - A server may look at the pace of a device first. Where `slow_down` hides another verdict, the check is not made.
//! - RFC 7636 is written for the authorization code. A server that ignores PKCE with the device grant gets a warning.
//! - An unknown or redeemed code may get `expired_token` in place of `invalid_grant`, because a server may forget
//!   codes.
//! - Numbers that the standards leave open come from their examples: 34 bits for a user code (RFC 8628 §5.1). A device
//!   code has 128 bits, as RFC 6749 §10.10 asks of tokens. Both are estimated from a few codes, as an upper limit.
//!
//! # What is not checked
//!
//! A page for people has no standard form. So no check looks at the page of RFC 8628 §3.3 or its words (§5.4). For the
//! same reason no code is typed in lower case or with other separators (§6.1). TLS is the business of the HTTP client.
//!
//! # Servers that were checked
//!
//! | server | MUST broken | SHOULD broken |
//! |---|---|---|
//! | `sso-oidc-server` | none | none |
//! | npm's `oidc-provider` 9.13.3 | none | `8628-3.5-slow-down`, `6749-5.1-pragma`, `7636-4.6-verifier` |
//! | PyPI's `django-oauth-toolkit` 3.4.1 | 12; a device code brings a token to each poll | 11 |
//! | a server on PyPI's `Authlib` 1.9.10, as its documentation builds one | 5; the same, and wrong error codes | 5 |
//!
//! All runs are tests of the repository, `xtask/interop/test_conform.py` and `xtask/interop/test_conform_servers.py`.
//! Each finding was compared with the text of its standard. The second of these files says how.
//!
//! # The checks
//!
#![doc = include_str!("../CHECKS.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod check;
mod checks;
mod estimate;
mod evidence;
mod exchange;
#[cfg(feature = "ureq")]
mod over_ureq;
mod plan;
mod report;
mod run;
mod step;
mod surroundings;
mod transcript;

pub use check::{Check, Outcome, Strength};
pub use checks::CHECKS;
pub use evidence::Evidence;
pub use oidc_proto::{Body, Client, EndpointError, Secret};
#[cfg(feature = "ureq")]
pub use over_ureq::{HttpTransport, SystemClock};
pub use plan::Plan;
pub use report::{Checked, Report, Tally};
pub use step::Step;
pub use surroundings::{Absent, Clock, Decision, NoResponse, NotDecided, Person, Prompt, Transport};

//! The device authorization grant (RFC 8628) as a pure state machine: clock ticks and replies in, requests out.
//!
//! [`DeviceFlow`] implements the whole sign-in (register, authorize, prompt, poll, outcome) without I/O: no
//! clock, no socket, no thread, no sleep. A *driver* provides these in a few lines, blocking or async.
//! `device-flow-ureq` and `device-flow-reqwest` are two drivers.
//!
//! # The calling contract
//!
//! An HTTP client has a proxy, certificates and limits for one service. Before it drives a flow of unknown
//! origin, [`DeviceFlow::check_service`] compares the services.
//!
//! Call [`DeviceFlow::poll`], do the action that it returns, and repeat until [`Action::Done`]:
//!
//! 1. [`Action::Send`]: send the request *once*, within its [time limit](PendingRequest::timeout). Do not
//!    follow redirects, and do not treat an HTTP error status as a failure: its body has the service's error.
//!    Pass the response, or the reason why there is none, to [`DeviceFlow::on_result`].
//! 2. [`Action::Prompt`]: show it to the person.
//! 3. [`Action::Wait`]: do nothing until that time. Waking early is harmless. After every sleep, read the
//!    clock again.
//! 4. [`Action::AwaitReply`]: a request is in flight. If it is lost, for example with a dropped future, call
//!    [`DeviceFlow::abandon`].
//! 5. [`Action::Done`]: read [`DeviceFlow::outcome`], or [`DeviceFlow::into_result`].
//!
//! This program is complete. It signs in against a scripted service, at virtual time:
//!
//! ```
//! use core::time::Duration;
//! use device_flow::{Action, DeviceFlow, Operation, Policy, ResponseBody, Tick};
//! use oidc_proto::Endpoint;
//!
//! // Stands in for an HTTP client and the service behind it.
//! let mut script = [
//!     (Operation::RegisterClient, 200, r#"{"clientId":"c","clientSecret":"s","clientSecretExpiresAt":1800000000}"#),
//!     (
//!         Operation::StartDeviceAuthorization,
//!         200,
//!         r#"{"deviceCode":"d","userCode":"WDJB-MJHT","verificationUri":"https://device.example/","expiresIn":600}"#,
//!     ),
//!     (Operation::CreateToken, 400, r#"{"error":"authorization_pending"}"#),
//!     (Operation::CreateToken, 400, r#"{"error":"slow_down"}"#),
//!     (Operation::CreateToken, 200, r#"{"accessToken":"t","expiresIn":28800,"tokenType":"Bearer"}"#),
//! ]
//! .into_iter();
//!
//! let mut now = Tick::ZERO; // a real driver: Tick::since_origin(started.elapsed())
//! let service = Endpoint::for_region("eu-west-1")?;
//! let policy = Policy::aws("https://d-1234567890.awsapps.com/start").with_client_name("my program");
//! let mut flow = DeviceFlow::new(service, policy, None, now);
//! loop {
//!     match flow.poll(now) {
//!         // 1
//!         Action::Send(pending) => {
//!             let (operation, status, body) = script.next().expect("the flow sends nothing after the grant");
//!             assert_eq!(pending.operation(), operation);
//!             let response = http::Response::builder().status(status).body(ResponseBody::from(body))?;
//!             now = now + Duration::from_millis(100); // the answer takes its time
//!             flow.on_result(pending, now, Ok(response))?;
//!         }
//!         // 2
//!         Action::Prompt(prompt) => println!("{prompt}"),
//!         // 3
//!         Action::Wait(until) => now = until, // a real driver sleeps
//!         // 4
//!         Action::AwaitReply => flow.abandon(now), // this driver answers every request at once
//!         // 5
//!         Action::Done => break,
//!     }
//! }
//! assert!(matches!(flow.outcome(), Some(Ok(_token))));
//! // Two intervals of 5 s, and 5 s more after `slow_down`; five answers of 0.1 s.
//! assert_eq!(now.elapsed(), Duration::from_millis(5_000 + 5_000 + 10_000 + 500));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The states
//!
//! ```text
//!          cached registration
//!   new ───────────────────────────────┐
//!    │                                 │
//!    ▼          registration           ▼           codes
//! Register ─────────────────────► Authorize ─────────────────► Prompt
//!    ▲ ⟲ error                         │ ⟲ error                 │ shown
//!    │                                 │                         ▼
//!    └─────────────────────────────────┴─────────────────────── Poll ⟲ pending, slow_down, error
//!       cached client rejected, once                             │
//!                                                                ▼
//!                                            Ended: Granted, Denied, Expired, Rejected, Cancelled,
//!                                                   GrantLost, Refused, Unreachable, InvalidResponse,
//!                                                   UnsupportedOperation, NoStartUrl, NoVerifier
//! ```
//!
//! * **Register**: RegisterClient is due or in flight. Without a verdict it is retried within
//!   [`Policy::setup_retry_window`]. A refusal ends the flow, with or without a standard error code, and so does
//!   a proxy's.
//! * **Authorize**: the same for StartDeviceAuthorization. A cached registration that the service rejects is
//!   replaced, once in a flow, if the service offers registration.
//! * **Prompt**: the codes have arrived, and the person has not seen them.
//! * **Poll**: CreateToken is sent when due, until a verdict ends the flow or the code expires. Three
//!   responses in a row without an endpoint (404, 405, 410, 501) end it too.
//! * **Ended**: final. No call sends anything. Every state can end; the table has the conditions.
//!
//! # Every transition
//!
//! The table is the one `match` of the machine (`src/machine.rs`), in its order. The first matching row
//! counts; an event without a row changes nothing. The events:
//!
//! * `Registered`: RegisterClient succeeded.
//! * `Authorized`: StartDeviceAuthorization succeeded.
//! * `TokenGranted`: CreateToken succeeded.
//! * `Pending`: `authorization_pending`.
//! * `Denied`: `access_denied`.
//! * `Expired`: `expired_token`.
//! * `InvalidGrant`: `invalid_grant`: the code is unknown or spent.
//! * `ClientRejected`: `invalid_client` or `unauthorized_client`.
//! * `OtherFault`: Any other final fault.
//! * `SlowDown`: The service's `slow_down`. Before there are codes it is retried as a transient error.
//! * `Retryable`: No verdict: no response, a response without the service's verdict, or a transient fault. A
//!   transient fault is `server_error`, throttling, or any with such a status.
//! * `PlainRefusal`: A response without the service's verdict that a retry would get again. It is a redirect, a
//!   501, or a 4xx other than 408, 421, 425 and 429. A response with `Retry-After` does not count.
//! * `ProxyRefused`: No response: a proxy refuses the request, and would refuse it again.
//! * `BrokenSuccess`: A success without a required member.
//! * `Shown`: `poll` returned the prompt.
//! * `Overdue`: `poll` found a request overdue by more than an interval.
//! * `Deadline`: `poll` found the device code expired by the flow's own clock.
//! * `UnsupportedOperation`: `poll` found that the service has no URL for the operation.
//! * `NoStartUrl`: `poll` found a service of AWS and a policy without start URL.
//! * `NoVerifier`: `poll` found that the policy requires PKCE, and the driver gave no verifier.
//! * `Cancel`: `cancel` was called, or the HTTP client turned out to be unsafe.
//!
//! | state | event | when | next |
//! |---|---|---|---|
//! | Register | `Registered` |  | Authorize |
//! | Register | `SlowDown`, `Retryable` | retry window is over | Unreachable |
//! | Register | `SlowDown`, `Retryable` |  | Register |
//! | Register | `Pending`, `Denied`, `Expired`, `InvalidGrant`, `ClientRejected`, `OtherFault` |  | Rejected |
//! | Register | `PlainRefusal` |  | Refused |
//! | Register | `ProxyRefused` |  | Unreachable |
//! | Register | `BrokenSuccess` |  | InvalidResponse |
//! | Register | `UnsupportedOperation` |  | UnsupportedOperation |
//! | Register | `NoStartUrl` |  | NoStartUrl |
//! | Register | `NoVerifier` |  | NoVerifier |
//! | Register | `Cancel` |  | Cancelled |
//! | Authorize | `Authorized` |  | Prompt |
//! | Authorize | `SlowDown`, `Retryable` | retry window is over | Unreachable |
//! | Authorize | `SlowDown`, `Retryable` |  | Authorize |
//! | Authorize | `ClientRejected` | client is replaceable | Register |
//! | Authorize | `ClientRejected` |  | Rejected |
//! | Authorize | `Pending`, `Denied`, `Expired`, `InvalidGrant`, `OtherFault` |  | Rejected |
//! | Authorize | `PlainRefusal` |  | Refused |
//! | Authorize | `ProxyRefused` |  | Unreachable |
//! | Authorize | `BrokenSuccess` |  | InvalidResponse |
//! | Authorize | `UnsupportedOperation` |  | UnsupportedOperation |
//! | Authorize | `NoStartUrl` |  | NoStartUrl |
//! | Authorize | `NoVerifier` |  | NoVerifier |
//! | Authorize | `Cancel` |  | Cancelled |
//! | Prompt | `Shown` |  | Poll |
//! | Prompt | `Deadline` |  | Expired |
//! | Prompt | `Cancel` |  | Cancelled |
//! | Poll | `TokenGranted` |  | Granted |
//! | Poll | `Pending` |  | Poll |
//! | Poll | `SlowDown` |  | Poll |
//! | Poll | `PlainRefusal` | endpoint is missing | Refused |
//! | Poll | `PlainRefusal` |  | Poll |
//! | Poll | `Retryable` |  | Poll |
//! | Poll | `ProxyRefused` |  | Poll |
//! | Poll | `Overdue` |  | Poll |
//! | Poll | `Denied` |  | Denied |
//! | Poll | `Expired`, `InvalidGrant` | code may be spent | GrantLost |
//! | Poll | `Expired` |  | Expired |
//! | Poll | `ClientRejected` | client is replaceable | Register |
//! | Poll | `ClientRejected` |  | Rejected |
//! | Poll | `InvalidGrant`, `OtherFault` |  | Rejected |
//! | Poll | `BrokenSuccess` |  | InvalidResponse |
//! | Poll | `Deadline` | no poll got a verdict | Unreachable |
//! | Poll | `Deadline` | code may be spent | GrantLost |
//! | Poll | `Deadline` |  | Expired |
//! | Poll | `Cancel` |  | Cancelled |
//!
//! # Rules
//!
//! * [`Action::Wait`] lies after `now` and never after the deadline; nothing is sent at or after the deadline.
//! * Two CreateToken requests are at least the service's interval apart: 5 s if it sends none, and never under
//!   1 s. Each `slow_down` adds 5 s. A `Retry-After` counts too. A longer interval in a `slow_down` or
//!   `authorization_pending` counts. From the second `slow_down` in a row the interval grows by another
//!   tenth, because the clock of a virtual machine may run fast. Backoff after network errors is separate:
//!   any verdict resets it, and it is never below the interval.
//! * A poll that would be due after the code's expiry is sent 2 s before it (a quarter of a life under 8 s).
//!   It respects the interval that came with the codes, but not the later additions. One poll is sent even if
//!   that interval is longer than the life.
//! * A response with an access token is a grant, even with other members missing or unreadable:
//!   [`Token::warnings`](oidc_proto::Token::warnings).
//! * With a seed ([`DeviceFlow::with_jitter`]) every wait after an error grows by a random part, so that many
//!   flows do not return together after an outage. A poll that is overdue by more than an interval is delayed
//!   for the same reason.
//! * Waits count from a reply's arrival, so a suspended machine causes no burst. A time that goes backwards
//!   is read as the latest seen. All arithmetic saturates.
//! * A device code is single-use. If a response was lost and the service then calls the code spent or
//!   expired, the outcome is [`Outcome::GrantLost`], not a denial.
//! * A transport error is an input ([`TransportError`], [`Reply::Indeterminate`]), the service's verdict is an
//!   [`Outcome`], and a driver's mistake is an `Err` ([`ApiMisuse`]) that changes nothing.
//!
//! # Features
//!
//! All are off by default, and none changes the machine's behaviour.
//!
//! * `arbitrary`: scripts and histories of sign-ins as values (`script`), the input of a fuzz target.
//! * `proptest`: strategies for these values.
//! * `serde`: a pending flow can be saved and resumed in another process, under the same rules (`SavedFlow`).
//!   The saved text contains secrets.
//! * `tracing`: the machine logs its events, as described below.
//!
//! # Events
//!
//! With the feature `tracing`, all events have the target `device_flow` and the level `DEBUG`. Names and
//! fields are stable. Times are whole milliseconds.
//!
//! | name | when | fields |
//! |---|---|---|
//! | `device_flow.sending` | a request is about to be sent | `operation`, `phase`, `attempt`, `uri` |
//! | `device_flow.received` | a response came | `operation`, `phase`, `attempt`, `status`, `request_id`, `broken` |
//! | `device_flow.failed` | no response came | `operation`, `phase`, `attempt`, `failure`, `cause` |
//! | `device_flow.prompt` | the person is about to be asked | `phase`, `expires_in_ms`, `replaces_earlier` |
//! | `device_flow.callback` | a request came at the redirect URI | `result` |
//! | `device_flow.waiting` | the flow asks to wait | `phase`, `polls`, `wait_ms`, `error` |
//! | `device_flow.ended` | the flow is over | `outcome`, `polls`, `elapsed_ms`, `request_id` |
//! | `device_flow.renewed` | a renewal is over | `outcome`, `refreshed`, `requests`, `error` |
//! | `device_flow.fetching` | a provider's metadata is asked for | `uri` |
//! | `device_flow.fetched` | something came of that, or nothing | `uri`, `status`, `failure`, `cause` |
//!
//! `phase` is [`Phase::name`]. `outcome` is [`Outcome::name`], or `granted`; of a renewal it is
//! [`RenewalOutcome::name`](renewal::RenewalOutcome::name). `result` is [`Callback::name`]. `attempt` counts
//! the requests of one operation from 1. `failure` is `not_sent`, `proxy_refused` or `unknown`. `broken` is
//! whether the body broke off. A field without a value is omitted: `request_id` if the service sends none,
//! `phase` in a [`PlainCall`], `error` if there is none. `received` and `failed` also have `took_ms`, the
//! time since the request. They report the results passed to [`DeviceFlow::on_result`] and
//! [`PlainCall::on_result`]. No event contains a secret, a user code or a body.
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

mod action;
mod answered;
mod body;
mod call;
mod client;
pub mod code;
mod driven;
mod end;
#[cfg(feature = "tracing")]
mod events;
mod flow;
mod jitter;
mod machine;
mod observer;
mod outcome;
mod pace;
mod policy;
mod polling;
mod prompt;
mod proof;
mod refresh;
pub mod renewal;
mod reply;
mod report;
mod requests;
mod result;
#[cfg(feature = "serde")]
mod saved;
#[cfg(feature = "arbitrary")]
pub mod script;
mod search;
mod session;
mod setup;
mod tick;
mod transport;
mod view;

pub use action::{Action, PendingRequest};
pub use answered::{AnsweredBy, VirtualTime};
pub use body::ResponseBody;
pub use call::{CallError, DiscoveryError, PlainCall};
pub use code::{
    BrowserPrompt, Callback, CodeFlow, CodeSecrets, Incoming, RedirectUri, RedirectUriError, RequestHead,
};
pub use driven::Flow;
pub use flow::DeviceFlow;
pub use observer::{Exchange, Observer, OnPrompt, OnWait, Status, Stop, TryOnPrompt};
pub use oidc_proto::{Operation, SSO_ACCOUNT_ACCESS};
pub use outcome::{Expiry, Granted, Outcome, TransientError};
pub use policy::{FirstPoll, Pkce, Policy};
pub use prompt::UserPrompt;
pub use refresh::{refresh_is_due, refresh_request};
pub use reply::{ApiMisuse, Failure, Reply};
pub use report::Report;
pub use result::{NotSignedIn, SignInError, SignedIn};
#[cfg(feature = "serde")]
pub use saved::{ResumeError, SavedFlow};
pub use search::{MetadataSearch, NotFollowed, SearchAction, SearchError};
pub use session::Session;
pub use tick::Tick;
pub use transport::TransportError;
pub use view::Phase;

/// Runs the README's code as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

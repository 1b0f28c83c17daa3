//! The device authorization grant (RFC 8628) as a pure state machine: clock ticks and replies in, requests out.
//!
//! [`DeviceFlow`] knows the whole sign-in (register, authorize, prompt, poll, outcome) and does no I/O: it reads no
//! clock, opens no socket, spawns nothing, and never waits. A *driver* does that, in a few lines, blocking or async;
//! `device-flow-ureq` and `device-flow-reqwest` are two ready ones.
//!
//! # The calling contract
//!
//! An HTTP client has a proxy, certificates and limits that fit one service. Before it drives a flow that it has not made,
//! [`DeviceFlow::check_service`] says whether the flow is for that service.
//!
//! Ask [`DeviceFlow::poll`] what to do, do that one thing, and ask again, until it says [`Action::Done`]:
//!
//! 1. [`Action::Send`]: send the request *once*, within its [time limit](PendingRequest::timeout). Do not follow
//!    redirects, and do not treat an HTTP error status as a failure: its body is the service's word. Hand the response,
//!    or why there was none, to [`DeviceFlow::on_result`].
//! 2. [`Action::Prompt`]: show it to the person.
//! 3. [`Action::Wait`]: do nothing until that time. Waking early is harmless; after every sleep, ask the clock.
//! 4. [`Action::AwaitReply`]: a request is under way. If it was lost, for example with a dropped future, call
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
//!    ▲ ⟲ trouble                       │ ⟲ trouble               │ shown
//!    │                                 │                         ▼
//!    └─────────────────────────────────┴─────────────────────── Poll ⟲ pending, slow_down, trouble
//!       cached client rejected, once                             │
//!                                                                ▼
//!                                            Ended: Granted, Denied, Expired, Rejected, Cancelled,
//!                                                   GrantLost, Refused, Unreachable, ProtocolViolation,
//!                                                   NotOffered, NoStartUrl, NoVerifier
//! ```
//!
//! * **Register**: RegisterClient is to be sent or under way. Without a verdict it is repeated within
//!   [`Policy::setup_patience`]; a refusal ends the flow, with a code of the standard or without, and so does a proxy's.
//! * **Authorize**: the same for StartDeviceAuthorization. A cached registration that the service does not accept is
//!   replaced, once in a flow, where a new one can be had.
//! * **Prompt**: the codes have arrived and the person has not seen them.
//! * **Poll**: CreateToken is sent when it is due, until there is a verdict that ends it or the code has died, or three
//!   answers in a row said that there is no such endpoint (404, 405, 410, 501).
//! * **Ended**: for good. Nothing is sent, whatever is called. Every state can end; the table says how.
//!
//! # Every transition
//!
//! The table is the one `match` of the machine (`src/machine.rs`), in its order: the first row that fits counts, and what
//! no row names changes nothing. The events are these:
//!
//! * `Registered`: RegisterClient succeeded.
//! * `Authorized`: StartDeviceAuthorization succeeded.
//! * `TokenGranted`: CreateToken succeeded.
//! * `Pending`: `authorization_pending`.
//! * `Denied`: `access_denied`.
//! * `Expired`: `expired_token`.
//! * `InvalidGrant`: `invalid_grant`: a code that is unknown, or spent.
//! * `ClientRejected`: `invalid_client` or `unauthorized_client`.
//! * `OtherFault`: Any other fault that is final.
//! * `SlowDown`: The service's `slow_down`. Before there are codes it is no verdict.
//! * `Retryable`: No verdict: no response, a response that is not the service's word, or a fault that may be gone
//!   a moment later. Such a fault is `server_error`, throttling, or any with a status that says so.
//! * `PlainRefusal`: A response that is not the service's word, and that will be the same a moment later: a
//!   redirect, a 501, or a 4xx but 408, 421, 425 and 429. One that names a time to come again is none.
//! * `ProxyRefused`: No response: a proxy does not carry the request, and will not a moment later.
//! * `BrokenSuccess`: A success without what it must have.
//! * `Shown`: `poll` handed the prompt out.
//! * `Overdue`: `poll` found a request late by more than an interval.
//! * `Deadline`: `poll` found that the device code has died by the flow's own time.
//! * `NotOffered`: `poll` found that the service has no URL for the operation.
//! * `NoStartUrl`: `poll` found that the service is AWS's, and the policy has no start URL.
//! * `NoVerifier`: `poll` found that the policy wants PKCE in any case, and the driver gave no verifier.
//! * `Cancel`: `cancel` was called, or the HTTP client turned out not to be safe.
//!
//! | state | event | when | next |
//! |---|---|---|---|
//! | Register | `Registered` |  | Authorize |
//! | Register | `SlowDown`, `Retryable` | patience is over | Unreachable |
//! | Register | `SlowDown`, `Retryable` |  | Register |
//! | Register | `Pending`, `Denied`, `Expired`, `InvalidGrant`, `ClientRejected`, `OtherFault` |  | Rejected |
//! | Register | `PlainRefusal` |  | Refused |
//! | Register | `ProxyRefused` |  | Unreachable |
//! | Register | `BrokenSuccess` |  | ProtocolViolation |
//! | Register | `NotOffered` |  | NotOffered |
//! | Register | `NoStartUrl` |  | NoStartUrl |
//! | Register | `NoVerifier` |  | NoVerifier |
//! | Register | `Cancel` |  | Cancelled |
//! | Authorize | `Authorized` |  | Prompt |
//! | Authorize | `SlowDown`, `Retryable` | patience is over | Unreachable |
//! | Authorize | `SlowDown`, `Retryable` |  | Authorize |
//! | Authorize | `ClientRejected` | client is replaceable | Register |
//! | Authorize | `ClientRejected` |  | Rejected |
//! | Authorize | `Pending`, `Denied`, `Expired`, `InvalidGrant`, `OtherFault` |  | Rejected |
//! | Authorize | `PlainRefusal` |  | Refused |
//! | Authorize | `ProxyRefused` |  | Unreachable |
//! | Authorize | `BrokenSuccess` |  | ProtocolViolation |
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
//! | Poll | `BrokenSuccess` |  | ProtocolViolation |
//! | Poll | `Deadline` | no poll got a verdict | Unreachable |
//! | Poll | `Deadline` | code may be spent | GrantLost |
//! | Poll | `Deadline` |  | Expired |
//! | Poll | `Cancel` |  | Cancelled |
//!
//! # Rules
//!
//! * [`Action::Wait`] lies after `now` and never after the deadline; nothing is sent at or after the deadline.
//! * Between two CreateToken requests passes at least the service's interval (5 s if it names none, never under
//!   1 s), plus 5 s for each `slow_down` so far, and any `Retry-After`. A longer interval that a `slow_down` or an
//!   `authorization_pending` names is believed. From the second `slow_down` in a row the interval grows by a tenth on top,
//!   because the clock of a virtual machine may be fast. Backoff after network trouble is kept apart, is reset by any
//!   verdict, and never undercuts that floor.
//! * A poll that would come only after the code's death is made shortly before it: 2 s, or a quarter of a code's life that is
//!   shorter than 8 s. It keeps the interval that came with the codes, but not what was added to it. One poll is made even
//!   if that interval is longer than the life.
//! * A token with an access token in it is a grant, whatever its other members look like:
//!   [`Token::warnings`](oidc_proto::Token::warnings).
//! * Where the driver gives a seed ([`DeviceFlow::with_jitter`]), every wait after trouble becomes longer by a random part,
//!   so that many flows do not come back all at once after an outage. A poll that comes late by more than an interval is
//!   put off for the same reason.
//! * Waits are counted from when a reply arrived, so a suspended machine causes no burst; time that goes backwards is
//!   read as the latest seen; all arithmetic saturates.
//! * A device code is single-use. If an answer was lost after the request may have been seen, and the service then
//!   calls the code spent or dead, the outcome is [`Outcome::GrantLost`], not a denial.
//! * Transport trouble is an input ([`TransportError`], [`Reply::NoVerdict`]), the service's verdict is an
//!   [`Outcome`], a driver's mistake is an `Err` ([`Misuse`]) and changes nothing.
//!
//! # Features
//!
//! None is on by default, and none changes what the machine does.
//!
//! * `arbitrary`: scripts and histories of sign-ins as values (`script`), which a fuzz target takes as its input.
//! * `proptest`: strategies for them.
//! * `serde`: a pending flow can be saved and goes on in another process, by the same rules (`SavedFlow`). What is
//!   written holds secrets.
//! * `tracing`: the machine logs what happens. See the next chapter.
//!
//! # Events
//!
//! With the feature `tracing`, all events have the target `device_flow` and the level `DEBUG`. Names and fields are stable;
//! times are whole milliseconds.
//!
//! | name | when | fields |
//! |---|---|---|
//! | `device_flow.sending` | a request is about to be sent | `operation`, `phase`, `attempt`, `uri` |
//! | `device_flow.received` | a response came | `operation`, `phase`, `attempt`, `status`, `request_id`, `broken`, `took_ms` |
//! | `device_flow.failed` | no response came | `operation`, `phase`, `attempt`, `failure`, `cause`, `took_ms` |
//! | `device_flow.prompt` | the person is about to be asked | `phase`, `expires_in_ms`, `replaces_earlier` |
//! | `device_flow.waiting` | the flow asks to wait | `phase`, `polls`, `wait_ms`, `trouble` |
//! | `device_flow.ended` | the flow is over | `outcome`, `polls`, `elapsed_ms`, `request_id` |
//! | `device_flow.fetching` | a provider's metadata is asked for | `uri` |
//! | `device_flow.fetched` | something came of that, or nothing | `uri`, `status`, `failure`, `cause` |
//!
//! `phase` is [`Phase::name`]; `outcome` is [`Outcome::name`], or `granted`; `attempt` counts the requests of one operation
//! from 1; `failure` is `not_sent` or `unknown`; `broken` is whether the body broke off. A field without a value is left
//! out: `request_id` where the service gave none, `phase` where a [`PlainCall`] is no part of a flow, `trouble` where all
//! is well. `received` and `failed` are told of what goes through [`DeviceFlow::on_result`] and [`PlainCall::on_result`]. No
//! event has a secret, a user code or a body in it.
#![warn(
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm
)]
#![cfg_attr(
    test,
    allow(clippy::indexing_slicing, reason = "a test that indexes past the end should fail loudly"),
    allow(clippy::wildcard_enum_match_arm, reason = "a test names what it expects, and fails on all else")
)]

mod action;
mod answered;
mod body;
mod call;
mod client;
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
mod reply;
mod report;
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
pub use flow::DeviceFlow;
pub use observer::{Exchange, Observer, OnPrompt, OnWait, Status, Stop, TryOnPrompt};
pub use oidc_proto::{Operation, SSO_ACCOUNT_ACCESS};
pub use outcome::{Expiry, Granted, Outcome, Trouble};
pub use policy::{FirstPoll, Pkce, Policy};
pub use prompt::UserPrompt;
pub use refresh::{refresh_is_due, refresh_request};
pub use reply::{Failure, Misuse, Reply};
pub use report::Report;
pub use result::{NotSignedIn, SignInError, SignedIn};
#[cfg(feature = "serde")]
pub use saved::{ResumeError, SavedFlow};
pub use search::{MetadataSearch, NotFollowed, SearchAction, SearchError};
pub use session::Session;
pub use tick::Tick;
pub use transport::TransportError;
pub use view::Phase;

/// The crate's own README is compiled and run as well.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

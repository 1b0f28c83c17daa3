//! The device authorization grant (RFC 8628) as a pure state machine: clock ticks and replies in, requests out.
//!
//! [`DeviceFlow`] knows the whole sign-in (register, authorize, prompt, poll, outcome) and does no I/O: it reads no
//! clock, opens no socket, spawns nothing, and never waits. A *driver* does that, in a few lines, blocking or async;
//! `device-flow-ureq` and `device-flow-reqwest` are two ready ones. [`driver`] has what drivers have in common.
//!
//! # The calling contract
//!
//! Ask [`DeviceFlow::poll`] what to do, do that one thing, and ask again, until it says [`Action::Done`]:
//!
//! 1. [`Action::Send`]: send the request *once*. Do not follow redirects, and do not treat an HTTP error status as a
//!    failure: its body is the service's word. Hand the response to [`DeviceFlow::on_response`], or what went wrong
//!    to [`DeviceFlow::on_reply`] as [`Reply::Failed`], together with the ticket.
//! 2. [`Action::Prompt`]: show it to the person.
//! 3. [`Action::Wait`]: do nothing until that time. Waking early is harmless; after every sleep, ask the clock.
//! 4. [`Action::AwaitReply`]: a ticket is out. If it was lost, call [`DeviceFlow::abandon`].
//! 5. [`Action::Done`]: read [`DeviceFlow::outcome`], or [`DeviceFlow::into_result`].
//!
//! This program is complete. It signs in against a scripted service, at virtual time:
//!
//! ```
//! use core::time::Duration;
//! use device_flow::{Action, DeviceFlow, Operation, Outcome, Policy, Tick};
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
//!         Action::Send(request, ticket) => {
//!             let (operation, status, body) = script.next().expect("the flow sends nothing after the grant");
//!             assert_eq!(request.operation(), operation);
//!             now = now + Duration::from_millis(100); // the answer takes its time
//!             let response = http::Response::builder().status(status).body(body)?;
//!             flow.on_response(ticket, now, &response)?;
//!         }
//!         // 2
//!         Action::Prompt(prompt) => println!("{prompt}"),
//!         // 3
//!         Action::Wait(until) => now = until, // a real driver sleeps
//!         // 4
//!         Action::AwaitReply => unreachable!("this driver answers every request at once"),
//!         // 5
//!         Action::Done => break,
//!     }
//! }
//! assert!(matches!(flow.outcome(), Some(Outcome::Granted { .. })));
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
//!                                                   GrantLost, Unreachable, ProtocolViolation, NotOffered
//! ```
//!
//! * **Register**: RegisterClient is to be sent or under way. Without a verdict it is repeated within
//!   [`Policy::setup_patience`]; a refusal ends the flow.
//! * **Authorize**: the same for StartDeviceAuthorization. A cached registration that the service does not accept is
//!   replaced, once in a flow, where a new one can be had.
//! * **Prompt**: the codes have arrived and the person has not seen them.
//! * **Poll**: CreateToken is sent when it is due, until there is a verdict that ends it or the code has died.
//! * **Ended**: for good. Nothing is sent, whatever is called. Every state can end; the table says how.
//!
//! # Every transition
//!
//! As [data](transitions::TABLE). The first row that fits counts; what no row names cannot happen in that state.
//!
//! | state | what happens | when | then |
//! |---|---|---|---|
//! | Register | registration |  | Authorize |
//! | Register | `slow_down`, transient fault, no verdict, not sent, reply lost | patience over | Unreachable |
//! | Register | `slow_down`, transient fault, no verdict, not sent, reply lost |  | Register |
//! | Register | `authorization_pending`, `access_denied`, `expired_token`, `invalid_grant`, client not accepted, other fault |  | Rejected |
//! | Register | broken success |  | ProtocolViolation |
//! | Register | no endpoint |  | NotOffered |
//! | Register | cancel |  | Cancelled |
//! | Authorize | codes |  | Prompt |
//! | Authorize | `slow_down`, transient fault, no verdict, not sent, reply lost | patience over | Unreachable |
//! | Authorize | `slow_down`, transient fault, no verdict, not sent, reply lost |  | Authorize |
//! | Authorize | client not accepted | cached registration, and a new one can be had | Register |
//! | Authorize | `authorization_pending`, `access_denied`, `expired_token`, `invalid_grant`, client not accepted, other fault |  | Rejected |
//! | Authorize | broken success |  | ProtocolViolation |
//! | Authorize | cancel |  | Cancelled |
//! | Prompt | shown |  | Poll |
//! | Prompt | deadline |  | Expired |
//! | Prompt | cancel |  | Cancelled |
//! | Poll | token |  | Granted |
//! | Poll | `authorization_pending` |  | Poll |
//! | Poll | `slow_down` |  | Poll |
//! | Poll | transient fault, no verdict, not sent, reply lost |  | Poll |
//! | Poll | `access_denied` |  | Denied |
//! | Poll | `expired_token`, `invalid_grant` | code may be spent | GrantLost |
//! | Poll | `expired_token` |  | Expired |
//! | Poll | client not accepted | cached registration, and a new one can be had | Register |
//! | Poll | `invalid_grant`, client not accepted, other fault |  | Rejected |
//! | Poll | broken success |  | ProtocolViolation |
//! | Poll | deadline | no poll got a verdict | Unreachable |
//! | Poll | deadline | code may be spent | GrantLost |
//! | Poll | deadline |  | Expired |
//! | Poll | cancel |  | Cancelled |
//!
//! # Rules
//!
//! * [`Action::Wait`] lies after `now` and never after the deadline; nothing is sent at or after the deadline.
//! * Between two CreateToken requests passes at least the service's interval (5 s if it names none, never under
//!   1 s), plus 5 s for each `slow_down` so far, and any `Retry-After`. Backoff after network trouble is kept apart,
//!   is reset by any verdict, and never undercuts that floor.
//! * Where the driver gives a seed ([`DeviceFlow::with_jitter`]), every wait after trouble becomes longer by a random part,
//!   so that many flows do not come back all at once after an outage. A poll that comes late by more than an interval is
//!   put off for the same reason.
//! * Waits are counted from when a reply arrived, so a suspended machine causes no burst; time that goes backwards is
//!   read as the latest seen; all arithmetic saturates.
//! * A device code is single-use. If an answer was lost after the request may have been seen, and the service then
//!   calls the code spent or dead, the outcome is [`Outcome::GrantLost`], not a denial.
//! * Transport trouble is an input ([`Reply::Failed`], [`Reply::NoVerdict`]), the service's verdict is an
//!   [`Outcome`], a driver's mistake is an `Err` ([`Misuse`]) and changes nothing.
//!
//! # Features
//!
//! Neither is on by default, and neither changes what the machine does.
//!
//! * `serde`: a pending flow can be saved and goes on in another process, by the same rules (`SavedFlow`). What is
//!   written holds secrets.
//! * `tracing`: drivers log events with stable names and fields (`events`). The machine itself logs nothing.
#![warn(
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![cfg_attr(
    test,
    allow(clippy::indexing_slicing, reason = "a test that indexes past the end should fail loudly")
)]

mod action;
pub mod driver;
#[cfg(feature = "tracing")]
pub mod events;
#[cfg(not(feature = "tracing"))]
#[path = "no_events.rs"]
mod events;
mod flow;
mod jitter;
mod observer;
mod outcome;
mod pace;
mod policy;
mod refresh;
mod reply;
mod report;
mod result;
#[cfg(feature = "serde")]
mod saved;
mod state;
mod tick;
pub mod transitions;

pub use action::{Action, Ticket, UserPrompt};
pub use flow::{DeviceFlow, Phase};
pub use observer::{Exchange, Observer, Status};
pub use oidc_proto::Operation;
pub use outcome::{Expiry, Outcome, Trouble};
pub use policy::{FirstPoll, Policy};
pub use refresh::{refresh_is_due, refresh_request};
pub use reply::{Failure, Misuse, Reply};
pub use report::Report;
pub use result::{CallError, DiscoveryError, NotSignedIn, SignedIn, TransportError};
#[cfg(feature = "serde")]
pub use saved::{ResumeError, SavedFlow};
pub use tick::Tick;

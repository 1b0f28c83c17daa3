//! The authorization code grant with PKCE (RFC 6749 §4.1, RFC 7636) as a pure state machine, the sibling of
//! [`DeviceFlow`](crate::DeviceFlow).
//!
//! The driver listens on this machine before it shows the address (RFC 8252 §7.3). It passes each request to
//! the flow, and returns the flow's page to the browser.
//!
//! ```text
//!   new ──────────────────────┐ known client
//!    ▼       registration     ▼     shown              code            token
//! Register ───────────────► Prompt ───────► Listen ───────────► Redeem ──────► Ended
//!    ▲ ⟲ error                              ⟲ foreign request     │ ⟲ error
//!    └────────────────────────────────────────────────────────────┘
//!       cached client rejected, once
//! ```
//!
//! # Every transition
//!
//! The table is the one `match` of `src/code/machine.rs`, in its order. The first matching row
//! counts; an event without a row changes nothing. The events:
//!
//! * `Registered`: RegisterClient succeeded.
//! * `Shown`: `poll` returned the prompt.
//! * `Code`: The browser brought a code.
//! * `UserDenied`: The browser brought `access_denied`.
//! * `AuthorizationFailed`: The browser brought another error.
//! * `WrongIssuer`: The browser brought a response of another issuer (RFC 9207).
//! * `Deadline`: `poll` found that the redirect has not come in time.
//! * `TokenGranted`: CreateToken succeeded.
//! * `Pending`: `authorization_pending`.
//! * `Denied`: `access_denied`.
//! * `Expired`: `expired_token`.
//! * `InvalidGrant`: `invalid_grant`: the code is unknown or spent.
//! * `ClientRejected`: `invalid_client` or `unauthorized_client`.
//! * `OtherFault`: Any other final fault.
//! * `Retryable`: No verdict: no response, a response without the service's verdict, or a transient fault.
//! * `PlainRefusal`: A response without the service's verdict that a retry would get again.
//! * `ProxyRefused`: No response: a proxy refuses the request, and would refuse it again.
//! * `BrokenSuccess`: A success without a required member.
//! * `UnsupportedOperation`: `poll` found that the service has no URL for RegisterClient.
//! * `NoAuthorizationEndpoint`: `poll` found that the service has no authorization endpoint.
//! * `NoStartUrl`: `poll` found a service of AWS and a policy without start URL.
//! * `Cancel`: `cancel` was called, or the HTTP client turned out to be unsafe.
//!
//! | state | event | when | next |
//! |---|---|---|---|
//! | Register | `Registered` |  | Prompt |
//! | Register | `Retryable` | retry window is over | Unreachable |
//! | Register | `Retryable` |  | Register |
//! | Register | `Pending`, `Denied`, `Expired`, `InvalidGrant`, `ClientRejected`, `OtherFault` |  | Rejected |
//! | Register | `PlainRefusal` |  | Refused |
//! | Register | `ProxyRefused` |  | Unreachable |
//! | Register | `BrokenSuccess` |  | InvalidResponse |
//! | Register | `UnsupportedOperation` |  | UnsupportedOperation |
//! | Register | `NoAuthorizationEndpoint` |  | NoAuthorizationEndpoint |
//! | Register | `NoStartUrl` |  | NoStartUrl |
//! | Register | `Cancel` |  | Cancelled |
//! | Prompt | `Shown` |  | Listen |
//! | Prompt | `NoAuthorizationEndpoint` |  | NoAuthorizationEndpoint |
//! | Prompt | `NoStartUrl` |  | NoStartUrl |
//! | Prompt | `Cancel` |  | Cancelled |
//! | Listen | `Code` |  | Redeem |
//! | Listen | `UserDenied` |  | Denied |
//! | Listen | `AuthorizationFailed` |  | AuthorizationFailed |
//! | Listen | `WrongIssuer` |  | WrongIssuer |
//! | Listen | `Deadline` |  | NoRedirect |
//! | Listen | `Cancel` |  | Cancelled |
//! | Redeem | `TokenGranted` |  | Granted |
//! | Redeem | `Retryable` | retry window is over | Unreachable |
//! | Redeem | `Retryable` |  | Redeem |
//! | Redeem | `Expired`, `InvalidGrant` | code may be spent | GrantLost |
//! | Redeem | `Expired` |  | Expired |
//! | Redeem | `ClientRejected` | client is replaceable | Register |
//! | Redeem | `ClientRejected` |  | Rejected |
//! | Redeem | `Denied` |  | Denied |
//! | Redeem | `Pending`, `InvalidGrant`, `OtherFault` |  | Rejected |
//! | Redeem | `PlainRefusal` | code is unspent | Refused |
//! | Redeem | `PlainRefusal` | retry window is over | Unreachable |
//! | Redeem | `PlainRefusal` |  | Redeem |
//! | Redeem | `ProxyRefused` |  | Unreachable |
//! | Redeem | `BrokenSuccess` |  | InvalidResponse |
//! | Redeem | `Cancel` |  | Cancelled |
//!
//! # Rules
//!
//! * A request with another path, another `state`, or neither code nor error is not the response. The flow keeps
//!   listening: any program or page can send such a request. The time of the person is limited by
//!   [`Policy::redirect_timeout`](crate::Policy::redirect_timeout).
//! * The first response counts, and only that one.
//! * The code goes to the token endpoint of the flow's own service, with the redirect URI, port included, and the
//!   verifier. A response of another issuer ends the flow before that (RFC 9207 §2.4).
//! * A code is single-use. A lost exchange is repeated, because the tokens of a lost response are lost anyway. If
//!   the service then calls the code invalid, the outcome is [`Outcome::GrantLost`](crate::Outcome::GrantLost)
//!   and not a refusal. A plain refusal is then no end either: it may be that word, cut off on its way.
//! * An exchange without a verdict is repeated within [`Policy::setup_retry_window`](crate::Policy).

mod callback;
mod flow;
mod head;
pub(crate) mod machine;
mod page;
mod prompt;
mod redirect;
mod result;
mod secrets;
mod view;

pub use self::callback::Callback;
pub use self::flow::CodeFlow;
pub use self::head::{Incoming, RequestHead};
pub use self::prompt::BrowserPrompt;
pub use self::redirect::{RedirectUri, RedirectUriError};
pub use self::secrets::CodeSecrets;

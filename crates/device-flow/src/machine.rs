//! The machine: every transition, one arm each, in the order of the table in the [crate
//! documentation](crate).
//!
//! [`step`] *is* the table: a test generates the documentation's from it. An arm has state, event, condition
//! and next state. The states' own methods do the work. Every rule of the protocol is here or in one of these
//! methods.

use oidc_proto::{
    DeviceAuthorization, Fault, FaultCode, Indeterminate, InvalidResponse, Operation, Registration, Service,
    Token,
};

use crate::client::KnownClient;
use crate::end::End;
use crate::jitter::Jitter;
use crate::polling::Polling;
use crate::proof::Proof;
use crate::setup::{Asking, Setup};
use crate::{Expiry, Failure, Outcome, Policy, Tick, TransientError};

use Answer::{ClientRejected, Denied, Expired, InvalidGrant, OtherFault, Pending};
use Event::{
    Authorized, BrokenSuccess, Cancel, Deadline, NoStartUrl, NoVerifier, Overdue, PlainRefusal, ProxyRefused,
    Refused, Registered, Retryable, Shown, SlowDown, TokenGranted, UnsupportedOperation,
};
use Operation::{CreateToken, RegisterClient, StartDeviceAuthorization};
use State::{Authorize, Ended, Poll, Prompt, Register};

/// The state of a flow.
#[derive(Debug)]
pub(crate) enum State {
    /// RegisterClient is due or in flight.
    Register(Box<Setup>),
    /// StartDeviceAuthorization is due or in flight.
    Authorize(Box<Asking>),
    /// The codes have arrived, and the person has not seen them.
    Prompt(Box<Polling>),
    /// CreateToken is due later, or in flight.
    Poll(Box<Polling>),
    /// Final.
    Ended(End),
}

/// The state during a transition. If the transition never finished, it would send nothing.
impl Default for State {
    fn default() -> Self {
        Ended(End::Cancelled(None))
    }
}

/// An event of a flow. A refusal is borrowed, because nearly every one is `authorization_pending`, of which
/// nothing is kept.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// RegisterClient succeeded.
    Registered(Registration),
    /// StartDeviceAuthorization succeeded.
    Authorized(DeviceAuthorization),
    /// CreateToken succeeded.
    TokenGranted(Token),
    /// A final fault other than `slow_down`.
    Refused(Answer, &'a Fault),
    /// The service's `slow_down`. Before there are codes it is retried as a transient error.
    SlowDown(TransientError),
    /// No verdict: no response, a response without the service's verdict, or a transient fault. A transient
    /// fault is `server_error`, throttling, or any with such a status.
    Retryable(TransientError),
    /// A response without the service's verdict that a retry would get again. It is a redirect, a 501, or a
    /// 4xx other than 408, 421, 425 and 429. A response with `Retry-After` does not count.
    PlainRefusal(Indeterminate),
    /// No response: a proxy refuses the request, and would refuse it again.
    ProxyRefused,
    /// A success without a required member.
    BrokenSuccess(InvalidResponse),
    /// `poll` returned the prompt.
    Shown,
    /// `poll` found a request overdue by more than an interval.
    Overdue,
    /// `poll` found the device code expired by the flow's own clock.
    Deadline,
    /// `poll` found that the service has no URL for the operation.
    UnsupportedOperation,
    /// `poll` found a service of AWS and a policy without start URL.
    NoStartUrl,
    /// `poll` found that the policy requires PKCE, and the driver gave no verifier.
    NoVerifier,
    /// `cancel` was called, or the HTTP client turned out to be unsafe.
    Cancel,
}

/// The class of a fault, as far as the states differ by it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// `authorization_pending`.
    Pending,
    /// `access_denied`.
    Denied,
    /// `expired_token`.
    Expired,
    /// `invalid_grant`: the code is unknown or spent.
    InvalidGrant,
    /// `invalid_client` or `unauthorized_client`.
    ClientRejected,
    /// Any other final fault.
    OtherFault,
}

impl Answer {
    /// Returns the class of a fault; `None` for a `slow_down` or a transient fault.
    pub(crate) fn of(fault: &Fault) -> Option<Self> {
        Some(match fault.code {
            // These two are instructions to the client, whatever the status (RFC 8628 §3.5).
            FaultCode::SlowDown => return None,
            FaultCode::AuthorizationPending => Pending,
            // Before the others, because a throttling service may send any code, `access_denied` included.
            _ if fault.is_transient() => return None,
            // An `access_denied` with a KMS reason concerns the key's policy and is not a person's denial.
            FaultCode::AccessDenied if fault.is_about_key() => OtherFault,
            FaultCode::AccessDenied => Denied,
            FaultCode::ExpiredToken => Expired,
            FaultCode::InvalidGrant => InvalidGrant,
            FaultCode::InvalidClient | FaultCode::UnauthorizedClient => ClientRejected,
            FaultCode::InternalServer
            | FaultCode::InvalidClientMetadata
            | FaultCode::InvalidRedirectUri
            | FaultCode::InvalidRequest
            | FaultCode::InvalidRequestRegion
            | FaultCode::InvalidScope
            | FaultCode::UnsupportedGrantType
            | FaultCode::Other(_) => OtherFault,
            _ => OtherFault,
        })
    }
}

/// The error that stands for [`Event::ProxyRefused`].
const PROXY_REFUSED: TransientError = TransientError::Failed(Failure::ProxyRefused);

/// The inputs of a transition beside state and event.
pub(crate) struct Context<'a> {
    pub(crate) service: &'a Service,
    pub(crate) policy: &'a Policy,
    pub(crate) proof: Option<&'a Proof>,
    /// Spreads the waits after errors.
    pub(crate) jitter: &'a mut Jitter,
    pub(crate) now: Tick,
    /// The time when the event's request was sent.
    pub(crate) sent_at: Tick,
}

/// Returns the state after an event. The first matching arm counts.
#[rustfmt::skip]
pub(crate) fn step(state_and_event: (State, Event<'_>), cx: &mut Context<'_>) -> State {
    match state_and_event {
        (Register(setup), Registered(registration)) => Authorize(setup.registered(registration, cx)),
        (Register(setup), SlowDown(error) | Retryable(error)) if setup.retry_window_is_over(&error, cx.now, cx.policy)
            => ended(None, Outcome::unreachable(RegisterClient, error)),
        (Register(setup), SlowDown(error) | Retryable(error)) => Register(setup.again(error, cx.now, cx.policy, cx.jitter)),
        (Register(_), Refused(Pending | Denied | Expired | InvalidGrant | ClientRejected | OtherFault, fault))
            => ended(None, Outcome::rejected(RegisterClient, fault)),
        (Register(_), PlainRefusal(answer)) => ended(None, Outcome::refused(RegisterClient, answer)),
        (Register(_), ProxyRefused) => ended(None, Outcome::unreachable(RegisterClient, PROXY_REFUSED)),
        (Register(_), BrokenSuccess(invalid)) => ended(None, Outcome::InvalidResponse(invalid)),
        (Register(_), UnsupportedOperation) => ended(None, Outcome::UnsupportedOperation(first_missing(cx.service))),
        (Register(_), NoStartUrl) => ended(None, Outcome::NoStartUrl),
        (Register(_), NoVerifier) => ended(None, Outcome::NoVerifier),
        (Register(_), Cancel) => cancelled(None),

        (Authorize(asking), Authorized(codes)) => Prompt(asking.authorized(codes, cx)),
        (Authorize(asking), SlowDown(error) | Retryable(error)) if asking.retry_window_is_over(&error, cx)
            => ended(asking.client.known(), Outcome::unreachable(StartDeviceAuthorization, error)),
        (Authorize(asking), SlowDown(error) | Retryable(error)) => Authorize(asking.again(error, cx)),
        (Authorize(asking), Refused(ClientRejected, _)) if asking.client_is_replaceable(cx) => Register(asking.start_over(cx)),
        (Authorize(_), Refused(ClientRejected, fault)) => ended(None, Outcome::rejected(StartDeviceAuthorization, fault)),
        (Authorize(asking), Refused(Pending | Denied | Expired | InvalidGrant | OtherFault, fault))
            => ended(asking.client.known(), Outcome::rejected(StartDeviceAuthorization, fault)),
        (Authorize(asking), PlainRefusal(answer)) => ended(asking.client.known(), Outcome::refused(StartDeviceAuthorization, answer)),
        (Authorize(asking), ProxyRefused) => ended(asking.client.known(), Outcome::unreachable(StartDeviceAuthorization, PROXY_REFUSED)),
        (Authorize(asking), BrokenSuccess(invalid)) => ended(asking.client.known(), Outcome::InvalidResponse(invalid)),
        (Authorize(asking), UnsupportedOperation)
            => ended(asking.client.known(), Outcome::UnsupportedOperation(StartDeviceAuthorization)),
        (Authorize(asking), NoStartUrl) => ended(asking.client.known(), Outcome::NoStartUrl),
        (Authorize(asking), NoVerifier) => ended(asking.client.known(), Outcome::NoVerifier),
        (Authorize(asking), Cancel) => cancelled(asking.client.known()),

        (Prompt(session), Shown) => Poll(session),
        (Prompt(session), Deadline) => ended(session.client.known(), Outcome::Expired(Expiry::Clock(None))),
        (Prompt(session), Cancel) => cancelled(session.client.known()),

        (Poll(session), TokenGranted(token)) => granted(session.client.known(), token, cx),
        (Poll(session), Refused(Pending, fault)) => Poll(session.pending(fault, cx)),
        (Poll(session), SlowDown(answer)) => Poll(session.slow_down(answer, cx)),
        (Poll(session), PlainRefusal(answer)) if session.endpoint_is_missing(&answer)
            => ended(session.client.known(), Outcome::refused(CreateToken, answer)),
        (Poll(session), PlainRefusal(answer)) => Poll(session.back_off(TransientError::Indeterminate(answer), cx)),
        (Poll(session), Retryable(error)) => Poll(session.back_off(error, cx)),
        (Poll(session), ProxyRefused) => Poll(session.back_off(PROXY_REFUSED, cx)),
        (Poll(session), Overdue) => Poll(session.delay_poll(cx)),
        (Poll(session), Refused(Denied, fault)) => ended(session.client.known(), Outcome::Denied(fault.clone())),
        (Poll(session), Refused(Expired | InvalidGrant, fault)) if session.code_may_be_spent
            => ended(session.client.known(), Outcome::GrantLost(Expiry::Service(fault.clone()))),
        (Poll(session), Refused(Expired, fault)) => ended(session.client.known(), Outcome::Expired(Expiry::Service(fault.clone()))),
        (Poll(session), Refused(ClientRejected, fault)) if session.client_is_replaceable(cx)
            => Register(session.start_over(fault, cx)),
        (Poll(_), Refused(ClientRejected, fault)) => ended(None, Outcome::rejected(CreateToken, fault)),
        (Poll(session), Refused(InvalidGrant | OtherFault, fault)) => ended(session.client.known(), Outcome::rejected(CreateToken, fault)),
        (Poll(session), BrokenSuccess(invalid)) => ended(session.client.known(), Outcome::InvalidResponse(invalid)),
        (Poll(session), Deadline) if session.no_poll_got_a_verdict()
            => ended(session.client.known(), Outcome::unreachable(CreateToken, last_of(session.error))),
        (Poll(session), Deadline) if session.code_may_be_spent
            => ended(session.client.known(), Outcome::GrantLost(Expiry::by_clock(session.error))),
        (Poll(session), Deadline) => ended(session.client.known(), Outcome::Expired(Expiry::by_clock(session.error))),
        (Poll(session), Cancel) => cancelled(session.client.known()),

        // Nothing else can happen. A success of another operation is rejected earlier, no reply comes without
        // a request, and an end is final. The list makes a new event fail to compile until its arms exist.
        (state @ Register(_), Authorized(_) | TokenGranted(_) | Shown | Overdue | Deadline)
        | (state @ Authorize(_), Registered(_) | TokenGranted(_) | Shown | Overdue | Deadline)
        | (state @ Prompt(_), Registered(_) | Authorized(_) | TokenGranted(_) | BrokenSuccess(_) | Refused(..))
        | (state @ Prompt(_), SlowDown(_) | Retryable(_) | PlainRefusal(_) | ProxyRefused | Overdue | UnsupportedOperation)
        | (state @ Prompt(_), NoStartUrl | NoVerifier)
        | (state @ Poll(_), Registered(_) | Authorized(_) | Shown | UnsupportedOperation | NoStartUrl | NoVerifier)
        | (state @ Ended(_), _) => state,
    }
}

fn granted(client: KnownClient, token: Token, cx: &Context<'_>) -> State {
    Ended(End::granted(client, token, cx.sent_at))
}

fn ended(client: impl Into<Option<KnownClient>>, outcome: Outcome) -> State {
    Ended(End::without_token(client.into(), outcome))
}

fn cancelled(client: impl Into<Option<KnownClient>>) -> State {
    Ended(End::cancelled(client.into()))
}

/// Returns the operation without which no sign-in is possible. A registration alone is of no use.
fn first_missing(service: &Service) -> Operation {
    if service.offers(StartDeviceAuthorization) { RegisterClient } else { StartDeviceAuthorization }
}

/// Returns the latest error of the polls. A session without any verdict always has one.
fn last_of(error: Option<Box<TransientError>>) -> TransientError {
    error.map_or(TransientError::Failed(Failure::Unknown), |error| *error)
}

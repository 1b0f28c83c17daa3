//! The states, and what each reply does in each. One function per state; every transition consumes the old state.

use core::time::Duration;

use oidc_proto::{
    Client, CreateTokenRequest, DeviceAuthorization, Dialect, Fault, FaultCode, Grant, Operation,
    RegisterClientRequest, Registration, Request, Service, StartDeviceAuthorizationRequest,
};

use crate::jitter::Draw;
use crate::pace::Pace;
use crate::policy::FirstPoll;
use crate::{Expiry, Failure, Outcome, Policy, Reply, Tick, Trouble};

/// Where the flow is. The default is a state to leave behind while a transition computes the next: cancelled, so that
/// even a transition that never finished would send nothing.
#[derive(Debug)]
pub(crate) enum State {
    /// RegisterClient is to be sent, or is under way.
    Register(Box<Setup>),
    /// StartDeviceAuthorization is to be sent, or is under way.
    Authorize(Box<Setup>),
    /// There are codes, which the person has not seen yet.
    Prompt(Box<Session>),
    /// CreateToken is to be sent when due, or is under way.
    Poll(Box<Session>),
    /// Over, for good. `None` stands for [`Outcome::Cancelled`], because the default must not allocate.
    Ended(Option<Box<Outcome>>),
}

/// What [`State::Ended`] without an outcome stands for.
pub(crate) static CANCELLED: Outcome = Outcome::Cancelled;

impl Default for State {
    fn default() -> Self {
        Self::Ended(None)
    }
}

/// The times that a reply is judged by.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    /// When the request was sent.
    pub(crate) sent_at: Tick,
    /// When the reply arrived.
    pub(crate) now: Tick,
    /// The floor of an earlier device code of this flow: no CreateToken before this time.
    pub(crate) not_before: Tick,
    /// By how much a wait after trouble is drawn out.
    pub(crate) draw: Draw,
}

/// What a reply leads to.
pub(crate) enum Progress {
    /// Another state, or the same one again.
    To(State),
    /// There is a registration now.
    Registered(Registration),
    /// The service does not accept the client. If the registration is old, a new one may help; CreateToken's floor
    /// holds until this time, whatever comes in between.
    ClientRejected(Operation, Fault, Tick),
}

/// Before there is a device code: a request that is repeated while there is no verdict, up to the policy's patience.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) pace: Pace,
    pub(crate) give_up_at: Tick,
    pub(crate) trouble: Option<Box<Trouble>>,
}

/// A device code's life.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) authorization: DeviceAuthorization,
    /// Encoded once, lent for every poll.
    request: Request,
    pub(crate) pace: Pace,
    /// Anchored where the device authorization arrived.
    pub(crate) deadline: Tick,
    /// A CreateToken request whose answer was lost may have spent the code, and no later answer has shown otherwise.
    pub(crate) may_be_spent: bool,
    /// Whether any poll got a verdict.
    pub(crate) heard: bool,
    pub(crate) trouble: Option<Box<Trouble>>,
}

impl Setup {
    pub(crate) fn new(now: Tick, patience: Duration) -> Box<Self> {
        Box::new(Self { pace: Pace::setup(now), give_up_at: now + patience, trouble: None })
    }

    pub(crate) const fn due(&self) -> Tick {
        self.pace.due()
    }

    pub(crate) const fn trouble(&self) -> Option<&Trouble> {
        match &self.trouble {
            Some(trouble) => Some(trouble),
            None => None,
        }
    }

    /// No verdict: again later, or never if that would be after the patience has run out.
    fn retry(
        mut self: Box<Self>,
        operation: Operation,
        policy: &Policy,
        times: Times,
        trouble: Trouble,
    ) -> Result<Box<Self>, Outcome> {
        let Times { now, draw, .. } = times;
        let cap = policy.max_backoff;
        let least = match &trouble {
            Trouble::Fault(fault) if fault.code == FaultCode::SlowDown => {
                self.pace.slow_down(now, fault.retry_after);
                self.pace.due()
            }
            Trouble::Fault(fault) => self.pace.after_trouble(now, fault.retry_after, cap, draw),
            Trouble::NoVerdict(answer) => self.pace.after_trouble(now, answer.retry_after, cap, draw),
            Trouble::Failed(_) => self.pace.after_trouble(now, None, cap, draw),
        };
        if least > self.give_up_at {
            return Err(Outcome::Unreachable { operation, trouble });
        }
        // What was drawn comes on top of the patience, so that it costs no try.
        self.give_up_at = self.give_up_at + self.pace.due().since(least);
        self.trouble = Some(Box::new(trouble));
        Ok(self)
    }
}

impl Session {
    pub(crate) fn new(
        service: &Service,
        policy: &Policy,
        client: Client,
        authorization: DeviceAuthorization,
        now: Tick,
        not_before: Tick,
    ) -> Self {
        let grant = Grant::DeviceCode { device_code: authorization.device_code.clone() };
        let at_once = policy.first_poll == FirstPoll::Immediately;
        Self {
            request: service.encode_create_token(&CreateTokenRequest::new(client, grant)),
            pace: Pace::polling(authorization.interval, at_once, now).not_before(not_before),
            deadline: now + authorization.expires_in,
            authorization,
            may_be_spent: false,
            heard: false,
            trouble: None,
        }
    }

    pub(crate) const fn due(&self) -> Tick {
        self.pace.due()
    }

    pub(crate) const fn interval(&self) -> Duration {
        self.pace.interval()
    }

    pub(crate) const fn trouble(&self) -> Option<&Trouble> {
        match &self.trouble {
            Some(trouble) => Some(trouble),
            None => None,
        }
    }

    /// The outcome when our own clock has reached the deadline.
    pub(crate) fn expire(&mut self) -> Outcome {
        match self.trouble.take() {
            Some(trouble) if !self.heard => {
                Outcome::Unreachable { operation: Operation::CreateToken, trouble: *trouble }
            }
            trouble if self.may_be_spent => Outcome::GrantLost(Expiry::Clock(trouble.map(|boxed| *boxed))),
            trouble => Outcome::Expired(Expiry::Clock(trouble.map(|boxed| *boxed))),
        }
    }

    /// A verdict came: whatever went wrong before is over.
    fn hear(&mut self) {
        self.heard = true;
        self.trouble = None;
    }

    /// Whether the service's word is to poll on (RFC 8628 §3.5), which then is arranged.
    fn goes_on(&mut self, now: Tick, fault: &Fault) -> bool {
        match fault.code {
            FaultCode::AuthorizationPending => {
                // A code that still waits for its person has not been spent.
                self.may_be_spent = false;
                self.pace.after_verdict(now, fault.retry_after);
            }
            FaultCode::SlowDown => self.pace.slow_down(now, fault.retry_after),
            _ => return false,
        }
        self.hear();
        true
    }

    /// No verdict: back off and poll again. `may_have_acted` says whether the code may be spent by now.
    fn lose(
        mut self: Box<Self>,
        policy: &Policy,
        times: Times,
        trouble: Trouble,
        may_have_acted: bool,
    ) -> State {
        let retry_after = match &trouble {
            Trouble::Fault(fault) => fault.retry_after,
            Trouble::NoVerdict(answer) => answer.retry_after,
            Trouble::Failed(_) => None,
        };
        self.pace.after_trouble(times.now, retry_after, policy.max_backoff, times.draw);
        self.may_be_spent |= may_have_acted;
        self.trouble = Some(Box::new(trouble));
        State::Poll(self)
    }
}

impl State {
    pub(crate) fn ended(outcome: Outcome) -> Self {
        Self::Ended(Some(Box::new(outcome)))
    }

    /// The person has been given the prompt.
    pub(crate) fn prompted(self) -> Self {
        match self {
            Self::Prompt(session) => Self::Poll(session),
            other @ (Self::Register(_) | Self::Authorize(_) | Self::Poll(_) | Self::Ended(_)) => other,
        }
    }

    /// The operation that this state asks for, if any.
    pub(crate) const fn operation(&self) -> Option<Operation> {
        match self {
            Self::Register(_) => Some(Operation::RegisterClient),
            Self::Authorize(_) => Some(Operation::StartDeviceAuthorization),
            Self::Poll(_) => Some(Operation::CreateToken),
            Self::Prompt(_) | Self::Ended(_) => None,
        }
    }

    /// The request to send in this state, if it sends any.
    pub(crate) fn request(
        &self,
        service: &Service,
        policy: &Policy,
        registration: Option<&Registration>,
    ) -> Option<Request> {
        match self {
            Self::Register(_) => {
                let request = RegisterClientRequest::new(&policy.client_name).with_scopes(&policy.scopes);
                service.encode(&request)
            }
            Self::Authorize(_) => {
                let client = registration?.client.clone();
                let request = match service.dialect() {
                    Dialect::Aws => StartDeviceAuthorizationRequest::new(client, &policy.start_url),
                    Dialect::OAuth => StartDeviceAuthorizationRequest::for_scope(client, &policy.scopes),
                };
                Some(service.encode_start_device_authorization(&request))
            }
            Self::Poll(session) => Some(session.request.clone()),
            Self::Prompt(_) | Self::Ended(_) => None,
        }
    }

    /// Takes in a reply that leaves the flow in this state, and says whether it was one. Almost every reply is, so this
    /// works in place and moves nothing.
    pub(crate) fn stays(&mut self, now: Tick, reply: &Reply) -> bool {
        match (self, reply) {
            (Self::Poll(session), Reply::Fault(fault)) => session.goes_on(now, fault),
            _ => false,
        }
    }

    /// What a reply to this state's request leads to, if it does not [stay](Self::stays).
    pub(crate) fn on_reply(
        self,
        service: &Service,
        policy: &Policy,
        registration: Option<&Registration>,
        times: Times,
        reply: Reply,
    ) -> Progress {
        match self {
            Self::Register(setup) => registering(setup, policy, times, reply),
            Self::Authorize(setup) => authorizing(setup, service, policy, registration, times, reply),
            Self::Poll(session) => polling(session, policy, times, reply),
            // Nothing is under way in these states, so no reply can be for them.
            state @ (Self::Prompt(_) | Self::Ended(_)) => Progress::To(state),
        }
    }
}

fn ended(outcome: Outcome) -> Progress {
    Progress::To(State::ended(outcome))
}

fn registering(setup: Box<Setup>, policy: &Policy, times: Times, reply: Reply) -> Progress {
    match reply {
        Reply::Registered(registration) => Progress::Registered(registration),
        reply => not_set_up(Operation::RegisterClient, setup, policy, times, reply, State::Register),
    }
}

fn authorizing(
    setup: Box<Setup>,
    service: &Service,
    policy: &Policy,
    registration: Option<&Registration>,
    times: Times,
    reply: Reply,
) -> Progress {
    const OPERATION: Operation = Operation::StartDeviceAuthorization;
    let Times { now, not_before, .. } = times;
    match (reply, registration) {
        (Reply::Authorized(authorization), Some(registration)) => {
            let session =
                Session::new(service, policy, registration.client.clone(), authorization, now, not_before);
            Progress::To(State::Prompt(Box::new(session)))
        }
        (Reply::Fault(fault), _) if rejects_client(&fault) => Progress::ClientRejected(OPERATION, fault, now),
        (reply, _) => not_set_up(OPERATION, setup, policy, times, reply, State::Authorize),
    }
}

/// What RegisterClient and StartDeviceAuthorization have in common: everything but their successes.
fn not_set_up(
    operation: Operation,
    setup: Box<Setup>,
    policy: &Policy,
    times: Times,
    reply: Reply,
    again: fn(Box<Setup>) -> State,
) -> Progress {
    let trouble = match reply {
        Reply::Fault(fault) if fault.is_transient() || fault.code == FaultCode::SlowDown => {
            Trouble::Fault(fault)
        }
        Reply::Fault(fault) => return ended(Outcome::Rejected { operation, fault }),
        Reply::Violation(violation) => return ended(Outcome::ProtocolViolation(violation)),
        Reply::NoVerdict(no_verdict) => Trouble::NoVerdict(no_verdict),
        Reply::Failed(failure) => Trouble::Failed(failure),
        // A success of another operation is refused before it comes here.
        Reply::Registered(_) | Reply::Authorized(_) | Reply::Granted(_) => return Progress::To(again(setup)),
    };
    match setup.retry(operation, policy, times, trouble) {
        Ok(setup) => Progress::To(again(setup)),
        Err(outcome) => ended(outcome),
    }
}

fn polling(session: Box<Session>, policy: &Policy, times: Times, reply: Reply) -> Progress {
    match reply {
        Reply::Granted(token) => ended(Outcome::Granted { token, requested_at: times.sent_at }),
        Reply::Fault(fault) => refused(session, policy, times, fault),
        Reply::Violation(violation) => ended(Outcome::ProtocolViolation(violation)),
        Reply::NoVerdict(no_verdict) => {
            let may_have_acted = no_verdict.may_have_acted();
            Progress::To(session.lose(policy, times, Trouble::NoVerdict(no_verdict), may_have_acted))
        }
        Reply::Failed(failure) => {
            Progress::To(session.lose(policy, times, Trouble::Failed(failure), failure == Failure::Unknown))
        }
        // A success of another operation is refused before it comes here.
        Reply::Registered(_) | Reply::Authorized(_) => Progress::To(State::Poll(session)),
    }
}

/// The service's last word on a poll (RFC 8628 §3.5), or none: a failure of its own.
fn refused(mut session: Box<Session>, policy: &Policy, times: Times, fault: Fault) -> Progress {
    let now = times.now;
    match &fault.code {
        // First, because a service that throttles may call it anything, `access_denied` included.
        _ if fault.is_transient() => {
            let may_have_acted = fault.status >= 500;
            Progress::To(session.lose(policy, times, Trouble::Fault(fault), may_have_acted))
        }
        FaultCode::AccessDenied => ended(Outcome::Denied(fault)),
        FaultCode::ExpiredToken | FaultCode::InvalidGrant if session.may_be_spent => {
            ended(Outcome::GrantLost(Expiry::Service(fault)))
        }
        FaultCode::ExpiredToken => ended(Outcome::Expired(Expiry::Service(fault))),
        _ if rejects_client(&fault) => {
            session.pace.after_verdict(now, fault.retry_after);
            Progress::ClientRejected(Operation::CreateToken, fault, session.due())
        }
        _ => ended(Outcome::Rejected { operation: Operation::CreateToken, fault }),
    }
}

/// Whether the service does not accept the client: unknown, lapsed, or not allowed to use this grant.
fn rejects_client(fault: &Fault) -> bool {
    !fault.is_transient() && matches!(fault.code, FaultCode::InvalidClient | FaultCode::UnauthorizedClient)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DeviceFlow;

    /// A million flows wait in one process. The texts come on top, and the policy, which flows share.
    #[test]
    fn a_pending_flow_takes_at_most_512_bytes() {
        let identity = size_of::<[usize; 2]>();
        let size = size_of::<DeviceFlow>() + size_of::<Session>() + identity;
        assert!(size <= 512, "{size} = {} + {} + {identity}", size_of::<DeviceFlow>(), size_of::<Session>());
    }
}

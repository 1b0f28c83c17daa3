//! The client's state machine under any sequence of calls, compared with a model of its rules.

use core::time::Duration;

use device_flow::{
    Action, ApiMisuse, DeviceFlow, Expiry, Failure, FirstPoll, Granted, Operation, Outcome, PendingRequest,
    Phase, Policy, Reply, Tick, TransientError,
};
use oidc_proto::{Client, Endpoint, Registration, Request, Secret};

use crate::script::{Bytes, REPLIES, SENTINEL, Success, other_success, response};
use crate::session::Session;

/// The operations, by their letter in a seed. Any other byte also selects one of them.
const CALLS: &[u8] = b"pwabmrdxsojM";

/// The end of a flow.
pub(crate) type End = Result<Granted, Outcome>;

/// Drives a flow. The first byte is the policy, the others are calls with arguments; see the seeds.
pub fn flow(data: &[u8]) {
    drop(drive(data));
}

/// Drives a flow, and returns its end.
pub(crate) fn drive(data: &[u8]) -> End {
    let mut bytes = Bytes(data);
    let mut run = Run::new(bytes.next());
    // Longer histories find nothing more, and are slower.
    for _ in 0..512 {
        if bytes.0.is_empty() {
            break;
        }
        let call = bytes.one_of(CALLS);
        run.call(call, &mut bytes);
    }
    run.end()
}

/// Returns the address of the encoded bytes.
fn address(request: &Request) -> *const u8 {
    request.body().as_ref().as_ptr()
}

struct Run {
    flow: DeviceFlow,
    /// The driver's clock, which may go backwards, and the latest time that the flow has seen.
    now: Tick,
    latest: Tick,
    /// The time of the flow's last wait.
    wait: Option<Tick>,
    outstanding: Option<Operation>,
    pending: Option<PendingRequest>,
    stale: Vec<PendingRequest>,
    /// Whether the registration came from outside and was not rejected.
    cached: bool,
    registered: bool,
    first_poll_at_once: bool,
    session: Option<Session>,
    /// The earliest poll by the interval of an earlier device code.
    not_before: Tick,
    polls: u32,
    ended: Option<End>,
}

impl Run {
    fn new(flags: u8) -> Self {
        let cached = flags & 1 != 0;
        let first_poll_at_once = flags & 2 != 0;
        let endpoint = Endpoint::for_region("eu-west-1").unwrap();
        let mut policy = Policy::aws("https://d-1.awsapps.com/start");
        if first_poll_at_once {
            policy = policy.with_first_poll(FirstPoll::Immediately);
        }
        if flags & 4 != 0 {
            policy = policy
                .with_setup_retry_window(Duration::from_secs(3))
                .with_max_backoff(Duration::from_secs(2));
        }
        let registration = cached.then(|| Registration::new(Client::new("cached", Secret::from(SENTINEL))));
        Self {
            flow: DeviceFlow::new(endpoint, policy, registration, Tick::ZERO),
            now: Tick::ZERO,
            latest: Tick::ZERO,
            wait: None,
            outstanding: None,
            pending: None,
            stale: Vec::new(),
            cached,
            registered: cached,
            first_poll_at_once,
            session: None,
            not_before: Tick::ZERO,
            polls: 0,
            ended: None,
        }
    }

    fn call(&mut self, call: u8, bytes: &mut Bytes<'_>) {
        match call {
            b'p' => self.settle(),
            b'w' => {
                self.settle();
                if let Some(until) = self.wait {
                    self.now = until;
                    // Rule 1: at exactly that time the flow has something to do.
                    assert!(!self.poll(), "due at {until:?} and still waiting");
                }
            }
            b'a' => self.now = self.now + Duration::from_secs(bytes.seconds()),
            b'm' => self.now = self.now + Duration::from_millis(bytes.seconds()),
            b'b' => {
                let back = Duration::from_secs(bytes.seconds());
                self.now = Tick::since_origin(self.now.elapsed().saturating_sub(back));
            }
            b'j' => self.now = self.now + Duration::from_secs(86_400),
            b'M' => self.now = Tick::since_origin(Duration::MAX),
            b'r' => self.reply(bytes),
            b'd' => {
                self.flow.abandon(self.now);
                self.stale.extend(self.pending.take());
                if let Some(operation) = self.outstanding.take() {
                    self.latest = self.latest.max(self.now);
                    self.expect(operation, b'l', 0, None);
                }
            }
            b'x' => {
                self.flow.cancel();
                self.stale.extend(self.pending.take());
                self.outstanding = None;
                if self.ended.is_none() {
                    assert_eq!(self.flow.outcome(), Some(Err(&Outcome::Cancelled)));
                    self.ended = Some(Err(Outcome::Cancelled));
                }
            }
            b's' => {
                if let Some(pending) = self.stale.pop() {
                    let before = self.snapshot();
                    let refused = self.flow.on_reply(pending, self.now, Reply::Failed(Failure::Unknown));
                    assert_eq!(refused, Err(ApiMisuse::StaleRequest));
                    assert_eq!(self.snapshot(), before, "an illegal call changes nothing");
                }
            }
            _ => {
                if let (Some(pending), Some(operation)) = (self.pending.take(), self.outstanding) {
                    let before = self.snapshot();
                    let refused = self.flow.on_reply(pending, self.now, other_success(operation));
                    assert!(matches!(refused, Err(ApiMisuse::WrongOperation { .. })), "{refused:?}");
                    assert_eq!(self.snapshot(), before, "an illegal call changes nothing");
                }
            }
        }
        assert_eq!(self.outcome(), self.ended, "an end is for good");
        assert_eq!(self.flow.polls(), self.polls);
    }

    /// Polls until the flow has nothing to do at this time. By rule 1 this takes few calls.
    fn settle(&mut self) {
        for _ in 0..4 {
            let before = (self.outstanding, self.session.as_ref().map(|session| session.prompted));
            let waits = self.poll();
            let after = (self.outstanding, self.session.as_ref().map(|session| session.prompted));
            if waits || self.ended.is_some() || before == after {
                return;
            }
        }
        panic!("the flow does not settle");
    }

    /// Polls once, and returns whether the flow waits.
    fn poll(&mut self) -> bool {
        let action = self.flow.poll(self.now);
        self.latest = self.latest.max(self.now);
        self.wait = None;
        match action {
            Action::Send(pending) => {
                assert!(
                    self.ended.is_none() && self.outstanding.is_none(),
                    "one request at a time, none after the end"
                );
                self.sends(pending.request());
                self.outstanding = Some(pending.operation());
                self.pending = Some(pending);
            }
            Action::Prompt(prompt) => {
                let session = self.session.as_mut().expect("a prompt needs a code");
                assert!(!session.prompted && self.latest < session.deadline && self.ended.is_none());
                assert_eq!(prompt.deadline, session.deadline);
                session.prompted = true;
            }
            Action::Wait(until) => {
                assert!(until > self.latest, "{until:?} is not after {:?}", self.latest);
                assert!(self.outstanding.is_none() && self.ended.is_none());
                if let Some(session) = &self.session {
                    assert!(until <= session.deadline && session.prompted);
                }
                self.wait = Some(until);
                return true;
            }
            Action::AwaitReply => assert!(self.outstanding.is_some()),
            Action::Done => self.is_done(),
        }
        false
    }

    fn sends(&mut self, request: &Request) {
        match request.operation() {
            Operation::RegisterClient => assert!(!self.registered && self.session.is_none()),
            Operation::StartDeviceAuthorization => assert!(self.registered && self.session.is_none()),
            _ => {
                let session = self.session.as_mut().expect("a poll needs a code");
                assert!(session.prompted);
                // Rules 3 and 4, and rule 5.
                let lead = Duration::from_secs(2).min(session.life / 4);
                let is_last = self.latest + lead >= session.deadline && self.latest >= session.last_from;
                assert!(
                    self.latest >= session.earliest || is_last,
                    "{:?} is before {:?}",
                    self.latest,
                    session.earliest
                );
                assert!(self.latest < session.deadline, "sent after the deadline");
                // Rule 10.
                let first = session.request.get_or_insert_with(|| request.clone());
                assert_eq!(address(first), address(request), "a poll is encoded once");
                self.polls += 1;
            }
        }
    }

    /// Checks the end of the flow: by a reply, which the model has seen, or by its clock.
    fn is_done(&mut self) {
        let outcome = self.outcome().expect("a flow that is done has an outcome");
        assert_eq!(self.flow.phase(), Phase::Ended);
        if self.ended.is_none() {
            let session = self.session.as_ref().expect("only a code can expire by the clock");
            assert!(
                self.latest >= session.deadline && self.outstanding.is_none(),
                "ended before its deadline"
            );
            let by_clock = match outcome {
                // Rule 6.
                Err(Outcome::GrantLost(Expiry::Clock(_))) => session.may_be_spent,
                Err(Outcome::Expired(Expiry::Clock(_))) => !session.may_be_spent,
                Err(Outcome::Unreachable { .. }) => true,
                _ => false,
            };
            assert!(by_clock, "{outcome:?}");
            self.ended = Some(outcome);
        }
    }

    fn reply(&mut self, bytes: &mut Bytes<'_>) {
        let kind = bytes.one_of(REPLIES);
        let argument = bytes.seconds();
        let success = Success { interval: bytes.next(), life: argument };
        let Some(pending) = self.pending.take() else { return };
        let operation = self.outstanding.take().expect("a request is out");
        // Rule 7: error and verdicts are not misuse by the driver.
        let taken = match kind {
            b'n' => self.flow.on_reply(pending, self.now, Reply::Failed(Failure::NotSent)),
            b'x' => self.flow.on_reply(pending, self.now, Reply::Failed(Failure::ProxyRefused)),
            b'l' => self.flow.on_reply(pending, self.now, Reply::Failed(Failure::Unknown)),
            kind => self.flow.on_response(pending, self.now, &response(operation, kind, argument, &success)),
        };
        assert_eq!(taken, Ok(()));
        self.latest = self.latest.max(self.now);
        self.expect(operation, kind, argument, Some(&success));
    }

    /// Checks the effect of the reply.
    fn expect(&mut self, operation: Operation, kind: u8, argument: u64, success: Option<&Success>) {
        let now = self.latest;
        let outcome = self.outcome();
        let rejects_client = matches!(kind, b'c' | b'u') && operation != Operation::RegisterClient;
        if rejects_client && self.cached {
            // Rule 8: the registration is replaced once.
            assert_eq!((outcome, self.flow.phase()), (None, Phase::Registering));
            // The interval outlives its code.
            self.not_before = now + self.session.take().map_or(Duration::ZERO, |session| session.floor);
            (self.cached, self.registered) = (false, false);
            return;
        }
        let retryable = match kind {
            b'g' => {
                self.expect_success(operation, success.expect("a success has its numbers"));
                return;
            }
            b'k' => operation == Operation::CreateToken,
            // Before the code, a plain refusal is final; a missing endpoint is final after three times in a row.
            b'3' | b'4' if operation != Operation::CreateToken => {
                let is_refused =
                    matches!(&outcome, Some(Err(Outcome::Refused { operation: of, .. })) if *of == operation);
                assert!(is_refused, "{outcome:?}");
                self.ended = outcome;
                return;
            }
            // Before the code, a proxy's refusal is final.
            b'x' if operation != Operation::CreateToken => {
                let is_unreachable = matches!(
                    &outcome,
                    Some(Err(Outcome::Unreachable { operation: of, error: TransientError::Failed(Failure::ProxyRefused), .. }))
                        if *of == operation
                );
                assert!(is_unreachable, "{outcome:?}");
                self.ended = outcome;
                return;
            }
            b'4' if self
                .session
                .as_ref()
                .is_some_and(|session| session.missing >= 2 && !session.may_be_spent) =>
            {
                assert!(matches!(&outcome, Some(Err(Outcome::Refused { .. }))), "{outcome:?}");
                self.ended = outcome;
                return;
            }
            b's' | b'5' | b'h' | b'0' | b'3' | b'4' | b't' | b'n' | b'x' | b'l' => true,
            _ => false,
        };
        if let (true, Operation::CreateToken) = (retryable, operation) {
            let session = self.session.as_mut().expect("a poll has a code");
            session.answered(now, kind, argument);
            assert_eq!(self.flow.interval(), Some(session.floor));
            assert_eq!(self.flow.deadline(), Some(session.deadline));
            assert_eq!(outcome, None);
            return;
        }
        match (&outcome, retryable) {
            // The setup goes on, or has exceeded the policy's retry window.
            (None | Some(Err(Outcome::Unreachable { .. })), true) => {}
            (Some(Err(outcome)), false) => {
                let spent = self.session.as_ref().is_some_and(|session| session.may_be_spent);
                let polling = operation == Operation::CreateToken;
                let fits = match (kind, polling) {
                    (b'd', true) => matches!(outcome, Outcome::Denied(_)),
                    // Rule 6.
                    (b'e' | b'i', true) if spent => matches!(outcome, Outcome::GrantLost(_)),
                    (b'e', true) => matches!(outcome, Outcome::Expired(Expiry::Service(_))),
                    (b'2', _) => matches!(outcome, Outcome::InvalidResponse(_)),
                    _ => matches!(outcome, Outcome::Rejected { operation: of, .. } if *of == operation),
                };
                assert!(fits, "{} led to {outcome:?}", char::from(kind));
            }
            other => panic!("{} led to {other:?}", char::from(kind)),
        }
        self.ended = outcome;
    }

    fn expect_success(&mut self, operation: Operation, success: &Success) {
        let now = self.latest;
        match operation {
            Operation::RegisterClient => {
                assert!(self.flow.is_newly_registered());
                self.registered = true;
            }
            Operation::StartDeviceAuthorization => {
                let session = Session::new(now, success, self.first_poll_at_once, self.not_before);
                assert_eq!(self.flow.deadline(), Some(session.deadline));
                self.session = Some(session);
            }
            _ => {
                let outcome = self.outcome();
                assert!(matches!(outcome, Some(Ok(_))), "{outcome:?}");
                self.ended = outcome;
            }
        }
    }

    /// Returns the visible state of the flow.
    fn snapshot(&self) -> String {
        format!("{:?}", self.flow)
    }

    /// Returns a copy of the outcome.
    fn outcome(&self) -> Option<End> {
        self.flow.outcome().map(|end| end.cloned().map_err(Outcome::clone))
    }

    fn end(mut self) -> End {
        self.settle();
        self.flow.cancel();
        self.stale.extend(self.pending.take());
        self.outstanding = None;
        let outcome = self.ended.take().unwrap_or(Err(Outcome::Cancelled));
        self.ended = Some(outcome.clone());
        assert_eq!(self.flow.outcome(), Some(outcome.as_ref()));
        // Rule 2: after the end, nothing is sent and nothing changes.
        for pending in self.stale {
            let late = self.flow.on_reply(pending, self.now, Reply::Failed(Failure::NotSent));
            assert_eq!(late, Err(ApiMisuse::StaleRequest));
        }
        let got = self.flow.poll(Tick::since_origin(Duration::MAX));
        assert!(matches!(got, Action::Done), "{got:?}");
        assert_eq!(self.flow.outcome(), Some(outcome.as_ref()));
        let told = outcome.as_ref().err().map(ToString::to_string).unwrap_or_default();
        let shown = format!("{told} {outcome:?} {:?}", self.flow);
        assert!(!shown.contains(SENTINEL), "{shown}");
        assert!(!told.contains('\u{1b}'));
        outcome
    }
}

//! The machine and the reference side by side: each input goes to both, and their actions must agree.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use device_flow::script::ScriptedAnswer;
use device_flow::{
    Action, ApiMisuse, DeviceFlow, Expiry, Failure, FirstPoll, Granted, Operation, Outcome, PendingRequest,
    Policy, Reply, SavedFlow, Tick,
};
use oidc_proto::oauth::Provider;
use oidc_proto::{
    Client, Endpoint, Fault, FaultCode, Indeterminate, IndeterminateReason, Registration, Secret, Service,
};

use super::changes::{Change, Kind, is_end, kind, state};
use super::reference::{Ask, Code, End, Heard, Model, Said, Settings, Step};

/// An input to a sign-in. Times are milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Input {
    /// Time passes.
    Pass(u64),
    /// The flow is polled with an earlier time, and continues from the latest.
    Backwards(u64),
    /// The request in flight gets its result.
    Reply(Heard),
    /// The same, with the clock this much behind.
    ReplyBackwards(Heard, u64),
    /// The pending request gets a success of another operation.
    WrongOperation,
    /// Another flow's pending request gets a result.
    StaleRequest,
    Abandon,
    Cancel,
    /// Saved, and resumed by another process after this time; `None` if its wall clock is behind.
    Restart(Option<u64>),
}

pub(crate) struct Pair {
    pub(crate) flow: DeviceFlow,
    pub(crate) model: Model,
    pub(crate) pending: Option<PendingRequest>,
    pub(crate) service: Service,
    pub(crate) policy: Arc<Policy>,
    /// The driver's clock.
    pub(crate) now: u64,
    /// The last action.
    pub(crate) said: Said,
    pub(crate) changes: Vec<Change>,
}

/// Not zero, so that a time cannot pass for a duration.
pub(crate) const BEGIN: u64 = 1_000_000;
const WALL: Duration = Duration::from_secs(1_800_000_000);

pub(crate) const fn millis(time: u64) -> Duration {
    Duration::from_millis(time)
}

pub(crate) const fn tick(time: u64) -> Tick {
    Tick::since_origin(millis(time))
}

pub(crate) fn service(settings: Settings) -> Service {
    match settings.missing {
        None => Endpoint::for_region("eu-west-1").unwrap().into(),
        Some(Ask::Register) => Provider::new("https://id.example/d", "https://id.example/t").unwrap().into(),
        Some(Ask::Authorize) => {
            let provider = Provider::for_code("https://id.example/a", "https://id.example/t").unwrap();
            provider.with_registration("https://id.example/r").unwrap().into()
        }
        Some(Ask::Token) => panic!("every service has it"),
    }
}

pub(crate) fn policy(settings: Settings) -> Arc<Policy> {
    let policy = Policy::aws("https://d-1234567890.awsapps.com/start")
        .with_first_poll(if settings.eager { FirstPoll::Immediately } else { FirstPoll::AfterInterval })
        .with_setup_retry_window(millis(settings.retry_window))
        .with_max_backoff(millis(settings.max_backoff));
    Arc::new(policy)
}

pub(crate) fn new_flow(settings: Settings) -> DeviceFlow {
    let cached = settings.cached.then(|| Registration::new(Client::new("cached", Secret::from("s"))));
    DeviceFlow::new(service(settings), policy(settings), cached, tick(BEGIN))
}

pub(crate) const fn operation(ask: Ask) -> Operation {
    match ask {
        Ask::Register => Operation::RegisterClient,
        Ask::Authorize => Operation::StartDeviceAuthorization,
        Ask::Token => Operation::CreateToken,
    }
}

fn code(code: Code) -> FaultCode {
    match code {
        Code::Pending => FaultCode::AuthorizationPending,
        Code::SlowDown => FaultCode::SlowDown,
        Code::Denied => FaultCode::AccessDenied,
        Code::Expired => FaultCode::ExpiredToken,
        Code::InvalidGrant => FaultCode::InvalidGrant,
        Code::InvalidClient => FaultCode::InvalidClient,
        Code::UnauthorizedClient => FaultCode::UnauthorizedClient,
        Code::ServerError => FaultCode::InternalServer,
        Code::Throttled => FaultCode::Other("TooManyRequestsException".to_owned()),
        Code::Other => FaultCode::Other("odd".to_owned()),
    }
}

const fn success(interval: Option<Duration>, expires_in: Duration) -> ScriptedAnswer {
    ScriptedAnswer::Success { interval, expires_in }
}

fn answer(heard: Heard) -> ScriptedAnswer {
    match heard {
        Heard::Success { interval, life } => success(interval.map(millis), millis(life)),
        Heard::Fault(what, after) => {
            let mut fault = Fault::new(code(what));
            if what == Code::Throttled {
                fault.status = 429;
            }
            fault.retry_after = after.map(millis);
            ScriptedAnswer::Fault(fault)
        }
        Heard::Indeterminate(status, after) => {
            let is_redirect = (300..400).contains(&status);
            let reason = if is_redirect { IndeterminateReason::Redirect } else { IndeterminateReason::Html };
            let mut none = Indeterminate::new(reason, status);
            none.retry_after = after.map(millis);
            ScriptedAnswer::Indeterminate(none)
        }
        Heard::InvalidResponse => ScriptedAnswer::InvalidResponse,
        Heard::NotSent => ScriptedAnswer::Failed(Failure::NotSent),
        Heard::ProxyRefused => ScriptedAnswer::Failed(Failure::ProxyRefused),
        Heard::Lost => ScriptedAnswer::Failed(Failure::Unknown),
    }
}

fn reply(pending: &PendingRequest, heard: Heard) -> Reply {
    answer(heard).reply(pending.operation())
}

/// Returns a success of an operation, with arbitrary contents.
fn any_success(operation: Operation) -> Reply {
    success(None, millis(1_000)).reply(operation)
}

fn same_end(end: End, outcome: Result<&Granted, &Outcome>) -> bool {
    let outcome = match (end, outcome) {
        (End::Granted { asked_at }, Ok(granted)) => return granted.requested_at == tick(asked_at),
        (_, Ok(_)) => return false,
        (_, Err(outcome)) => outcome,
    };
    match (end, outcome) {
        (End::Denied, Outcome::Denied(_))
        | (End::ExpiredByService, Outcome::Expired(Expiry::Service(_)))
        | (End::ExpiredByClock, Outcome::Expired(Expiry::Clock(_)))
        | (End::LostByService, Outcome::GrantLost(Expiry::Service(_)))
        | (End::LostByClock, Outcome::GrantLost(Expiry::Clock(_)))
        | (End::Cancelled, Outcome::Cancelled) => true,
        (End::UnsupportedOperation(ask), Outcome::UnsupportedOperation(theirs)) => operation(ask) == *theirs,
        (End::Rejected(ask), Outcome::Rejected { operation: theirs, .. })
        | (End::Unreachable(ask), Outcome::Unreachable { operation: theirs, .. })
        | (End::Refused(ask), Outcome::Refused { operation: theirs, .. }) => operation(ask) == *theirs,
        (End::Broken(ask), Outcome::InvalidResponse(invalid)) => operation(ask) == invalid.operation,
        _ => false,
    }
}

impl Pair {
    pub(crate) fn new(settings: Settings) -> Self {
        let flow = new_flow(settings);
        let mut pair = Self::from_parts(policy(settings), flow, Model::new(settings, BEGIN), BEGIN);
        pair.settle();
        pair
    }

    /// Creates a pair from a flow and a model at the same point, not yet polled there.
    pub(crate) fn from_parts(policy: Arc<Policy>, flow: DeviceFlow, model: Model, now: u64) -> Self {
        Self {
            service: flow.service().clone(),
            flow,
            model,
            pending: None,
            policy,
            now,
            said: Said::Await,
            changes: Vec::new(),
        }
    }

    /// Polls both once; their actions must agree.
    pub(crate) fn ask(&mut self, now: u64) {
        let before = state(self.model.step);
        self.said = self.model.poll(now);
        match (self.flow.poll(tick(now)), &self.said) {
            (Action::Send(pending), Said::Send(ask)) => {
                assert_eq!(pending.operation(), operation(*ask));
                self.pending = Some(pending);
            }
            (Action::Prompt(prompt), Said::Prompt { replaces_earlier }) => {
                assert_eq!(prompt.replaces_earlier, *replaces_earlier);
                self.note(before, Kind::Shown);
            }
            (Action::Wait(until), Said::Wait(time)) => assert_eq!(until, tick(*time)),
            (Action::AwaitReply, Said::Await) => {}
            (Action::Done, Said::Done) => {
                let after = state(self.model.step);
                if after != before {
                    let offered = after != "UnsupportedOperation";
                    self.note(before, if offered { Kind::Deadline } else { Kind::UnsupportedOperation });
                }
            }
            (action, said) => panic!("the machine says {action:?}, the reference {said:?}"),
        }
        self.compare();
    }

    /// Polls until nothing changes.
    pub(crate) fn settle(&mut self) {
        self.ask(self.now);
        if matches!(self.said, Said::Prompt { .. }) {
            self.ask(self.now);
        }
        assert!(!matches!(self.said, Said::Prompt { .. }), "a prompt comes once");
    }

    fn note(&mut self, before: &'static str, kind: Kind) {
        self.changes.push((before, kind, state(self.model.step)));
    }

    /// Compares everything visible from outside.
    fn compare(&self) {
        let (flow, model) = (&self.flow, &self.model);
        match (model.step, flow.outcome()) {
            (Step::Over(end), Some(outcome)) => assert!(same_end(end, outcome), "{end:?} is {outcome:?}"),
            (Step::Over(_), None) | (_, Some(_)) => panic!("{:?} is {:?}", model.step, flow.outcome()),
            (_, None) => {
                assert_eq!(flow.error().is_some(), model.error);
                assert_eq!(flow.registration().is_some(), model.registered);
                assert_eq!(flow.is_newly_registered(), model.registered && !model.replaceable);
            }
        }
        let codes = model.has_codes().then(|| (tick(model.deadline), millis(model.floor)));
        assert_eq!(flow.deadline().zip(flow.interval()), codes);
    }

    /// Applies one input to both, without polling. Returns `false` if it is impossible here.
    pub(crate) fn put(&mut self, input: Input) -> bool {
        let before = state(self.model.step);
        match input {
            Input::Pass(time) => self.now += time,
            Input::Backwards(time) => self.ask(self.now.saturating_sub(time)),
            Input::Reply(heard) => return self.reply(heard, self.now),
            Input::ReplyBackwards(heard, time) => return self.reply(heard, self.now.saturating_sub(time)),
            Input::WrongOperation => {
                let Some(pending) = self.pending.take() else { return false };
                let mine = pending.operation();
                let other = if mine == Operation::CreateToken {
                    Operation::RegisterClient
                } else {
                    Operation::CreateToken
                };
                let refused = self.flow.on_reply(pending, tick(self.now), any_success(other));
                assert_eq!(refused, Err(ApiMisuse::WrongOperation { request: mine, reply: other }));
            }
            Input::StaleRequest => {
                let settings = Settings {
                    cached: false,
                    eager: false,
                    missing: None,
                    retry_window: 1_000,
                    max_backoff: 1_000,
                };
                let Action::Send(foreign) = new_flow(settings).poll(tick(BEGIN)) else { panic!() };
                let reply = any_success(foreign.operation());
                assert_eq!(self.flow.on_reply(foreign, tick(self.now), reply), Err(ApiMisuse::StaleRequest));
            }
            Input::Abandon => {
                let was_out = self.model.under_way.is_some();
                self.pending = None;
                self.flow.abandon(tick(self.now));
                self.model.abandon(self.now);
                if was_out {
                    self.note(before, Kind::Lost);
                }
            }
            Input::Cancel => {
                self.flow.cancel();
                self.model.cancel();
                if !is_end(before) {
                    self.note(before, Kind::Cancel);
                }
                if let Some(late) = self.pending.take() {
                    // A cancellation wins over a late reply.
                    let reply = any_success(late.operation());
                    assert_eq!(self.flow.on_reply(late, tick(self.now), reply), Err(ApiMisuse::StaleRequest));
                }
            }
            Input::Restart(away) => return self.restart(away),
        }
        true
    }

    fn reply(&mut self, heard: Heard, at: u64) -> bool {
        let (Some(pending), Some((ask, _))) = (self.pending.take(), self.model.under_way) else {
            return false;
        };
        let before = state(self.model.step);
        let reply = reply(&pending, heard);
        assert_eq!(self.flow.on_reply(pending, tick(at), reply), Ok(()));
        self.model.hear(at, heard);
        self.note(before, kind(heard, ask));
        self.compare();
        true
    }

    /// Restarts at [`BEGIN`] in another process.
    fn restart(&mut self, away: Option<u64>) -> bool {
        let Some(saved) = self.flow.save(tick(self.now), UNIX_EPOCH + WALL) else { return false };
        let before = state(self.model.step);
        let text = serde_json::to_vec(&saved).unwrap();
        let saved: SavedFlow = serde_json::from_slice(&text).unwrap();
        let wall = away.map_or(WALL - Duration::from_secs(9), |away| WALL + millis(away));
        self.flow =
            saved.resume(self.service.clone(), self.policy.clone(), tick(BEGIN), UNIX_EPOCH + wall).unwrap();
        self.pending = None;
        let was_out = self.model.under_way.is_some();
        self.model.see(self.now);
        self.model.restart(BEGIN, away.unwrap_or(0));
        self.now = BEGIN;
        if was_out {
            self.note(before, Kind::Lost);
        }
        self.compare();
        true
    }
}

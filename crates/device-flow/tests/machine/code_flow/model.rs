//! The machine beside its reference.

use std::collections::BTreeSet;

use device_flow::{Action, Callback, CodeFlow, Failure, PendingRequest, Policy, Reply, Tick};
use oidc_proto::oauth::Provider;
use oidc_proto::{Endpoint, Fault, FaultCode, InvalidResponse, InvalidResponseKind, Operation, Service};
use proptest::prelude::*;

use super::reference::{End, Heard, Lack, Model, Said, Settings, Step, Target, Verdict};
use super::rig::{BEGIN, CODE, SPARE, STATE, flow, page, policy, registration, secs, token};

/// An input of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    Poll,
    Pass(u64),
    /// Passes the time until the flow has something to do.
    PassUntilDue,
    Callback(Target),
    Reply(Heard),
    Abandon,
    Cancel,
}

/// A change of state: from, event, to, in the words of the table.
pub(crate) type Change = (&'static str, &'static str, &'static str);

pub(crate) struct Pair {
    flow: CodeFlow,
    pub(crate) model: Model,
    now: Tick,
    pending: Option<PendingRequest>,
    /// The `state` of the latest prompt.
    state: &'static str,
    pub(crate) changes: BTreeSet<Change>,
}

fn service(lack: Lack) -> Service {
    const TOKEN: &str = "https://id.example/token";
    let provider = match lack {
        Lack::StartUrl => return Endpoint::for_region("eu-west-1").unwrap().into(),
        Lack::Page => Provider::new("https://id.example/device", TOKEN),
        Lack::Nothing | Lack::Registration => Provider::for_code("https://id.example/authorize", TOKEN),
    };
    let provider = provider.unwrap().with_issuer("https://id.example", false);
    match lack {
        Lack::Registration => provider.into(),
        _ => provider.with_registration("https://id.example/register").unwrap().into(),
    }
}

fn target(target: Target, state: &str) -> String {
    let text = match target {
        Target::OtherPath => "/favicon.ico".to_owned(),
        Target::NoResponse => "/oauth/callback?x=1&state=the-state".to_owned(),
        Target::OtherState => "/oauth/callback?code=c&state=other".to_owned(),
        Target::Code => CODE.to_owned(),
        Target::Denied => "/oauth/callback?error=access_denied&state=the-state".to_owned(),
        Target::Error => "/oauth/callback?error=server_error&state=the-state".to_owned(),
        Target::OtherIssuer => format!("{CODE}&iss=https%3A%2F%2Fevil.example"),
    };
    text.replace(STATE, state)
}

fn reply(pending: &PendingRequest, heard: Heard) -> Reply {
    let fault = |code| Reply::Fault(Fault::new(code));
    match heard {
        Heard::Success if pending.operation() == Operation::CreateToken => Reply::Granted(token()),
        Heard::Success => Reply::Registered(registration("new")),
        Heard::SlowDown => fault(FaultCode::SlowDown),
        Heard::ServerError => fault(FaultCode::InternalServer),
        Heard::Pending => fault(FaultCode::AuthorizationPending),
        Heard::Denied => fault(FaultCode::AccessDenied),
        Heard::Expired => fault(FaultCode::ExpiredToken),
        Heard::InvalidGrant => fault(FaultCode::InvalidGrant),
        Heard::InvalidClient => fault(FaultCode::InvalidClient),
        Heard::Other => fault(FaultCode::Other("odd".to_owned())),
        Heard::BadGateway => page(502),
        Heard::NotFound => page(404),
        Heard::Broken => Reply::InvalidResponse(InvalidResponse::new(
            pending.operation(),
            "member",
            InvalidResponseKind::Missing,
        )),
        Heard::NotSent => Reply::Failed(Failure::NotSent),
        Heard::ProxyRefused => Reply::Failed(Failure::ProxyRefused),
        Heard::Lost => Reply::Failed(Failure::Unknown),
    }
}

/// Returns the event of the table.
const fn event(heard: Heard, redeems: bool) -> &'static str {
    match heard {
        Heard::Success if redeems => "TokenGranted",
        Heard::Success => "Registered",
        Heard::SlowDown | Heard::ServerError | Heard::BadGateway | Heard::NotSent | Heard::Lost => {
            "Retryable"
        }
        Heard::Pending => "Pending",
        Heard::Denied => "Denied",
        Heard::Expired => "Expired",
        Heard::InvalidGrant => "InvalidGrant",
        Heard::InvalidClient => "ClientRejected",
        Heard::Other => "OtherFault",
        Heard::NotFound => "PlainRefusal",
        Heard::Broken => "BrokenSuccess",
        Heard::ProxyRefused => "ProxyRefused",
    }
}

const fn name(step: Step) -> &'static str {
    match step {
        Step::Register => "Register",
        Step::Prompt => "Prompt",
        Step::Listen => "Listen",
        Step::Redeem => "Redeem",
        Step::Over(end) => match end {
            End::Granted => "Granted",
            End::Denied => "Denied",
            End::AuthorizationFailed => "AuthorizationFailed",
            End::WrongIssuer => "WrongIssuer",
            End::NoRedirect => "NoRedirect",
            End::Expired => "Expired",
            End::Rejected => "Rejected",
            End::Refused => "Refused",
            End::Unreachable => "Unreachable",
            End::InvalidResponse => "InvalidResponse",
            End::GrantLost => "GrantLost",
            End::UnsupportedOperation => "UnsupportedOperation",
            End::NoAuthorizationEndpoint => "NoAuthorizationEndpoint",
            End::NoStartUrl => "NoStartUrl",
            End::Cancelled => "Cancelled",
        },
    }
}

impl Pair {
    pub(crate) fn new(settings: Settings) -> Self {
        let policy = if settings.lack == Lack::StartUrl { Policy::oauth() } else { policy() };
        let policy = policy
            .with_setup_retry_window(secs(settings.retry_window))
            .with_redirect_timeout(secs(settings.redirect_timeout));
        let cached = settings.cached.then(|| registration("cached"));
        Self {
            flow: flow(service(settings.lack), policy, cached),
            model: Model::new(settings),
            now: BEGIN,
            pending: None,
            state: STATE,
            changes: BTreeSet::new(),
        }
    }

    pub(crate) fn apply(&mut self, input: Input) {
        match input {
            Input::Poll => _ = self.poll(),
            Input::Pass(seconds) => self.pass(seconds),
            Input::PassUntilDue => {
                if let Said::Wait(seconds) = self.poll() {
                    self.pass(seconds);
                }
            }
            Input::Callback(what) => self.callback(what),
            Input::Reply(heard) => self.reply(heard),
            Input::Abandon => {
                let before = self.model.step;
                self.pending = None;
                self.flow.abandon(self.now);
                if self.model.in_flight {
                    self.model.hear(Heard::Lost);
                    self.note(before, "Retryable");
                }
            }
            Input::Cancel => {
                let before = self.model.step;
                self.flow.cancel();
                self.model.cancel();
                if !matches!(before, Step::Over(_)) {
                    self.note(before, "Cancel");
                }
            }
        }
        self.compare();
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now + secs(seconds);
        self.model.pass(seconds);
    }

    fn poll(&mut self) -> Said {
        let before = self.model.step;
        let said = self.model.poll();
        match (self.flow.poll(self.now), said) {
            (Action::Send(pending), Said::Send) => self.pending = Some(pending),
            (Action::Prompt(prompt), Said::Prompt { replaces_earlier }) => {
                assert_eq!(prompt.replaces_earlier, replaces_earlier);
                self.state = if replaces_earlier { SPARE } else { STATE };
                self.note(before, "Shown");
            }
            (Action::Wait(until), Said::Wait(seconds)) => assert_eq!(until, self.now + secs(seconds)),
            (Action::AwaitReply, Said::Await) => {}
            (Action::Done, Said::Done) => {
                if before != self.model.step {
                    let event = match self.model.step {
                        Step::Over(End::NoRedirect) => "Deadline",
                        other => name(other),
                    };
                    self.note(before, event);
                }
            }
            (action, said) => panic!("the machine says {action:?}, the reference {said:?}"),
        }
        said
    }

    fn callback(&mut self, what: Target) {
        let before = self.model.step;
        let expected = match self.model.callback(what) {
            Verdict::Accepted => Callback::Accepted,
            Verdict::NotFound => Callback::NotFound,
            Verdict::Unrelated => Callback::Unrelated,
            Verdict::Late => Callback::Late,
        };
        assert_eq!(self.flow.on_callback(&target(what, self.state), self.now), expected);
        if expected == Callback::Accepted {
            let event = match what {
                Target::Code => "Code",
                Target::Denied => "UserDenied",
                Target::Error => "AuthorizationFailed",
                Target::OtherIssuer => "WrongIssuer",
                Target::OtherPath | Target::NoResponse | Target::OtherState => panic!("it is no response"),
            };
            self.note(before, event);
        }
    }

    fn reply(&mut self, heard: Heard) {
        let Some(pending) = self.pending.take() else { return };
        let before = self.model.step;
        let reply = reply(&pending, heard);
        let taken = self.flow.on_reply(pending, self.now, reply);
        assert_eq!(taken.is_ok(), self.model.in_flight, "{taken:?}");
        if self.model.in_flight {
            self.model.hear(heard);
            self.note(before, event(heard, before == Step::Redeem));
        }
    }

    fn note(&mut self, before: Step, event: &'static str) {
        self.changes.insert((name(before), event, name(self.model.step)));
    }

    /// Compares everything visible from outside.
    fn compare(&self) {
        let outcome = self.flow.outcome();
        match (self.model.step, outcome) {
            (Step::Over(End::Granted), Some(Ok(_))) => {}
            (Step::Over(end), Some(Err(outcome))) => {
                let expected = name(Step::Over(end)).to_lowercase();
                assert_eq!(outcome.name().replace('_', ""), expected, "{outcome}");
            }
            (Step::Over(_), _) | (_, Some(_)) => panic!("{:?} is {outcome:?}", self.model.step),
            (step, None) => {
                assert_eq!(self.flow.is_listening(), step == Step::Listen);
                if matches!(step, Step::Register | Step::Redeem) {
                    assert_eq!(self.flow.error().is_some(), self.model.error);
                }
            }
        }
    }
}

fn heard() -> impl Strategy<Value = Heard> {
    prop::sample::select(&super::explore::HEARD[..])
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        4 => Just(Input::Poll),
        2 => (0_u64..40).prop_map(Input::Pass),
        3 => Just(Input::PassUntilDue),
        3 => prop::sample::select(&super::explore::TARGETS[..]).prop_map(Input::Callback),
        2 => Just(Input::Callback(Target::Code)),
        6 => heard().prop_map(Input::Reply),
        1 => Just(Input::Abandon),
        1 => Just(Input::Cancel),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let lack = prop_oneof![
        9 => Just(Lack::Nothing), 1 => Just(Lack::Registration), 1 => Just(Lack::Page), 1 => Just(Lack::StartUrl)
    ];
    (lack, any::<bool>(), 0_u64..60, 1_u64..100).prop_map(|(lack, cached, retry_window, redirect_timeout)| {
        Settings { lack, cached, retry_window, redirect_timeout }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_machine_does_what_the_reference_says(settings in settings(), inputs in prop::collection::vec(input(), 0..60)) {
        let mut pair = Pair::new(settings);
        for input in inputs {
            pair.apply(input);
        }
    }
}

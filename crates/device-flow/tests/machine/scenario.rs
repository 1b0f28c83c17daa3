//! A flow and its driver in virtual time, for short tests.

use std::time::Duration;

use device_flow::{
    Action, DeviceFlow, Failure, Granted, Operation, Outcome, PendingRequest, Policy, Reply, Tick, UserPrompt,
};
use oidc_proto::{
    Client, DeviceAuthorization, Endpoint, Fault, FaultCode, Registration, Secret, Service, Token,
    UnixSeconds,
};

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn service() -> Service {
    Endpoint::for_region("eu-west-1").unwrap().into()
}

pub(crate) fn policy() -> Policy {
    Policy::aws("https://d-1234567890.awsapps.com/start")
}

pub(crate) fn registration(id: &str) -> Registration {
    Registration::new(Client::new(id, Secret::from("client-secret")))
        .with_expiry(UnixSeconds::new(1_800_000_000))
}

/// Returns codes with a life of ten minutes and an interval of five seconds.
pub(crate) fn authorization() -> DeviceAuthorization {
    DeviceAuthorization::new(Secret::from("device-code"), "WDJB-MJHT", "https://device.example/", secs(600))
        .with_interval(secs(5))
}

pub(crate) fn token() -> Token {
    Token::bearer(Secret::from("access-token"), secs(28_800))
}

pub(crate) fn fault(code: FaultCode) -> Reply {
    Reply::Fault(Fault::new(code))
}

pub(crate) fn pending() -> Reply {
    fault(FaultCode::AuthorizationPending)
}

/// Decodes an HTTP response to a request.
pub(crate) fn response(asked: &PendingRequest, status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut builder = http::Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    Reply::decode(asked, &builder.body(body).unwrap())
}

pub(crate) struct Scenario {
    pub(crate) flow: DeviceFlow,
    pub(crate) now: Tick,
    /// Every request, with its time.
    pub(crate) sent: Vec<(Operation, Tick)>,
    pub(crate) prompts: Vec<UserPrompt>,
}

/// More requests than any test needs; at this number a test is in a loop.
const TOO_MANY: usize = 1_000;

impl Scenario {
    pub(crate) fn new(policy: Policy) -> Self {
        Self::with_registration(policy, None)
    }

    pub(crate) fn with_registration(policy: Policy, registration: Option<Registration>) -> Self {
        Self::at(service(), policy, registration)
    }

    pub(crate) fn at(
        service: impl Into<Service>,
        policy: Policy,
        registration: Option<Registration>,
    ) -> Self {
        // Not zero, so that an absolute time cannot pass for a duration.
        let now = Tick::since_origin(secs(1_000));
        Self {
            flow: DeviceFlow::new(service, policy, registration, now),
            now,
            sent: Vec::new(),
            prompts: Vec::new(),
        }
    }

    /// Returns a flow that is registered, authorized and prompted, and waits for its first poll.
    pub(crate) fn polling(policy: Policy, authorization: DeviceAuthorization) -> Self {
        let mut scenario = Self::new(policy);
        scenario.answer(Operation::RegisterClient, Reply::Registered(registration("client")));
        scenario.answer(Operation::StartDeviceAuthorization, Reply::Authorized(authorization));
        let got = scenario.flow.poll(scenario.now);
        assert!(matches!(got, Action::Prompt(_)), "{got:?}");
        scenario
    }

    /// Drives the flow in virtual time until it sends a request.
    pub(crate) fn next_send(&mut self) -> PendingRequest {
        for _ in 0..10 {
            match self.flow.poll(self.now) {
                Action::Send(pending) => {
                    self.sent.push((pending.operation(), self.now));
                    assert!(self.sent.len() < TOO_MANY, "there is no end of requests");
                    return pending;
                }
                Action::Prompt(prompt) => self.prompts.push(prompt),
                Action::Wait(until) => {
                    assert!(until > self.now, "a wait must lie in the future");
                    self.now = until;
                }
                other @ (Action::AwaitReply | Action::Done) => {
                    panic!("no request, but {other:?}; outcome {:?}", self.flow.outcome())
                }
            }
        }
        panic!("the flow does not settle")
    }

    /// Expects this request next, and replies at once.
    pub(crate) fn answer(&mut self, operation: Operation, reply: Reply) {
        let asked = self.next_send();
        assert_eq!(asked.operation(), operation);
        self.flow.on_reply(asked, self.now, reply).unwrap();
    }

    /// Expects a poll next, and replies at once. Returns the flow's wait before it.
    pub(crate) fn poll(&mut self, reply: Reply) -> Duration {
        let before = self.now;
        self.answer(Operation::CreateToken, reply);
        self.now.since(before)
    }

    /// Expects that the flow has ended for good.
    fn end(&mut self) -> Result<Granted, Outcome> {
        for _ in 0..3 {
            let action = self.flow.poll(self.now);
            assert!(matches!(action, Action::Done), "{action:?}");
        }
        let outcome = self.flow.outcome().expect("an ended flow has an outcome");
        outcome.cloned().map_err(Outcome::clone)
    }

    /// Expects that the flow has ended without a token.
    pub(crate) fn outcome(&mut self) -> Outcome {
        self.end().expect_err("it has brought no token")
    }

    /// Expects that the flow has ended with a token.
    pub(crate) fn granted(&mut self) -> Granted {
        self.end().expect("it has brought a token")
    }

    /// Jumps to the deadline, and expects that the flow ends there.
    pub(crate) fn outcome_at_the_deadline(&mut self) -> Outcome {
        self.now = self.flow.deadline().expect("there are codes");
        self.outcome()
    }

    /// Waits in virtual time until the flow has ended, and expects that it sends nothing.
    pub(crate) fn outcome_without_sending(&mut self) -> Outcome {
        for _ in 0..10 {
            match self.flow.poll(self.now) {
                Action::Wait(until) => self.now = until,
                Action::Done => return self.outcome(),
                other @ (Action::Send(_) | Action::Prompt(_) | Action::AwaitReply) => panic!("{other:?}"),
            }
        }
        panic!("the flow does not settle")
    }
}

pub(crate) fn unknown() -> Reply {
    Reply::Failed(Failure::Unknown)
}

pub(crate) fn not_sent() -> Reply {
    Reply::Failed(Failure::NotSent)
}

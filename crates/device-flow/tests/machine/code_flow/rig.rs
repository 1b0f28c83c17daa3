//! A code flow and its driver in virtual time.

use std::time::Duration;

use device_flow::{
    Action, BrowserPrompt, Callback, CodeFlow, CodeSecrets, Outcome, PendingRequest, Policy, RedirectUri,
    Reply, Tick,
};
use oidc_proto::{
    Client, Endpoint, Fault, FaultCode, Indeterminate, IndeterminateReason, Registration, Secret, Service,
    Token,
};

/// RFC 7636, Appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const STATE: &str = "the-state";
pub(crate) const CODE: &str = "/oauth/callback?code=the-code&state=the-state";
/// The verifier, the challenge and the state of a second authorization request.
pub(crate) const SPARE: &str = "the-second-values";
pub(crate) const BEGIN: Tick = Tick::since_origin(secs(1_000));

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn aws() -> Service {
    Endpoint::for_region("eu-west-1").unwrap().into()
}

pub(crate) fn policy() -> Policy {
    Policy::aws("https://d-1234567890.awsapps.com/start")
}

pub(crate) fn registration(id: &str) -> Registration {
    Registration::new(Client::new(id, Secret::from("client-secret")))
}

pub(crate) fn token() -> Token {
    Token::bearer(Secret::from("access-token"), secs(3_600))
}

pub(crate) fn fault(code: FaultCode) -> Reply {
    Reply::Fault(Fault::new(code))
}

pub(crate) const fn page(status: u16) -> Reply {
    Reply::Indeterminate(Indeterminate::new(IndeterminateReason::Html, status))
}

pub(crate) fn flow(service: impl Into<Service>, policy: Policy, cached: Option<Registration>) -> CodeFlow {
    let secrets = CodeSecrets::new(Secret::from(VERIFIER), CHALLENGE, Secret::from(STATE));
    let spare = CodeSecrets::new(Secret::from(SPARE), SPARE, Secret::from(SPARE));
    CodeFlow::new(service, policy, cached, RedirectUri::loopback(8400), secrets, BEGIN)
        .with_spare_secrets(spare)
}

pub(crate) struct Rig {
    pub(crate) flow: CodeFlow,
    pub(crate) now: Tick,
}

impl Rig {
    pub(crate) fn new(service: impl Into<Service>, policy: Policy, cached: Option<Registration>) -> Self {
        Self { flow: flow(service, policy, cached), now: BEGIN }
    }

    /// Returns a flow that listens, with a cached registration.
    pub(crate) fn listening() -> Self {
        let mut rig = Self::new(aws(), policy(), Some(registration("cached")));
        rig.prompt();
        rig
    }

    /// Returns a flow that has its code.
    pub(crate) fn redeeming() -> Self {
        let mut rig = Self::listening();
        assert_eq!(rig.callback(CODE), Callback::Accepted);
        rig
    }

    #[track_caller]
    pub(crate) fn prompt(&mut self) -> BrowserPrompt {
        match self.flow.poll(self.now) {
            Action::Prompt(prompt) => prompt,
            other => panic!("no prompt, but {other:?}"),
        }
    }

    /// Passes the time until the flow sends a request.
    #[track_caller]
    pub(crate) fn send(&mut self) -> PendingRequest {
        for _ in 0..10 {
            match self.flow.poll(self.now) {
                Action::Send(pending) => return pending,
                Action::Wait(until) if until > self.now => self.now = until,
                other => panic!("no request, but {other:?}; outcome {:?}", self.flow.outcome()),
            }
        }
        panic!("it waits again and again");
    }

    /// Answers the next request.
    #[track_caller]
    pub(crate) fn answer(&mut self, reply: Reply) {
        let pending = self.send();
        self.flow.on_reply(pending, self.now, reply).unwrap();
    }

    pub(crate) fn callback(&mut self, target: &str) -> Callback {
        self.flow.on_callback(target, self.now)
    }

    #[track_caller]
    pub(crate) fn outcome(&mut self) -> Outcome {
        assert!(matches!(self.flow.poll(self.now), Action::Done));
        self.flow.outcome().unwrap().unwrap_err().clone()
    }
}

/// Returns the body of a request as text.
pub(crate) fn body(pending: &PendingRequest) -> String {
    String::from_utf8(pending.request().body().as_ref().to_vec()).unwrap()
}

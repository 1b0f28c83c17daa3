//! The renewal of a stored session, rule by rule.

mod errors;
mod model;
mod rules;
mod texts;

use std::time::Duration;

use device_flow::renewal::{
    NotUsable, RefreshError, Renewal, RenewalAction, RenewalOutcome, RenewalPolicy, Usable,
};
use device_flow::{
    ApiMisuse, Failure, PendingRequest, Reply, ResponseBody, Session, Tick, TransientError, TransportError,
};
use oidc_proto::{
    Fault, FaultCode, Indeterminate, IndeterminateReason, Registration, Secret, Token, UnixSeconds,
};

use crate::scenario::{fault, registration, secs, service};

const WALL: UnixSeconds = UnixSeconds::new(1_790_000_000);

/// Returns a session whose access token has this much life left.
fn session(name: &str, left: i64) -> Session {
    let token = Token::bearer(format!("access-{name}").into(), secs(3_600))
        .with_refresh_token(format!("refresh-{name}").into());
    let expires_at = UnixSeconds::new(WALL.get() + left);
    Session::restored(&service(), registration("client"), token, Some(expires_at))
}

fn new_token() -> Token {
    Token::bearer("access-new".into(), secs(3_600)).with_refresh_token("refresh-new".into())
}

fn page(status: u16) -> Reply {
    Reply::Indeterminate(Indeterminate::new(IndeterminateReason::Html, status))
}

/// A renewal and its store, in virtual time.
struct Scenario {
    renewal: Renewal,
    now: Tick,
    wall: UnixSeconds,
    stored: Option<Session>,
    reads: u32,
    locks: u32,
    writes: u32,
    sent: Vec<Tick>,
}

impl Scenario {
    fn new(stored: Option<Session>) -> Self {
        Self::with(stored, RenewalPolicy::default())
    }

    fn with(stored: Option<Session>, policy: RenewalPolicy) -> Self {
        let now = Tick::since_origin(secs(1_000));
        let renewal = Renewal::new(service(), policy, now);
        Self { renewal, now, wall: WALL, stored, reads: 0, locks: 0, writes: 0, sent: Vec::new() }
    }

    /// Lets time pass on both clocks.
    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.wall = self.wall.saturating_add(time);
    }

    /// Does one action; returns the request, if it is one.
    fn act(&mut self) -> Option<PendingRequest> {
        match self.renewal.poll(self.now) {
            RenewalAction::Read => {
                self.reads += 1;
                self.renewal.on_read(self.now, self.wall, self.stored.clone()).unwrap();
            }
            RenewalAction::Lock => {
                self.locks += 1;
                self.renewal.on_lock(self.now, self.wall, true).unwrap();
            }
            RenewalAction::Send(pending) => {
                self.sent.push(self.now);
                return Some(pending);
            }
            RenewalAction::Store(new) => {
                self.writes += 1;
                self.stored = Some(*new);
                self.renewal.on_stored(self.now, self.wall).unwrap();
            }
            RenewalAction::Wait(until) => {
                assert!(until > self.now);
                self.pass(until.since(self.now));
            }
            RenewalAction::AwaitReply | RenewalAction::Done => panic!("{:?}", self.renewal.outcome()),
        }
        None
    }

    fn next_send(&mut self) -> PendingRequest {
        for _ in 0..200 {
            if let Some(pending) = self.act() {
                return pending;
            }
        }
        panic!("no request");
    }

    fn answer(&mut self, reply: Reply) {
        let pending = self.next_send();
        self.renewal.on_reply(pending, self.now, self.wall, reply).unwrap();
    }

    /// Runs to the end, and expects no request.
    fn end(mut self) -> (Result<Usable, NotUsable>, Self) {
        for _ in 0..200 {
            if self.renewal.outcome().is_some() {
                let over = Renewal::new(service(), RenewalPolicy::default(), self.now);
                return (std::mem::replace(&mut self.renewal, over).into_result(), self);
            }
            assert!(self.act().is_none(), "a request");
        }
        panic!("no end");
    }

    fn usable(self) -> (Usable, Self) {
        let (result, scenario) = self.end();
        (result.expect("a token"), scenario)
    }

    fn failed(self) -> (NotUsable, Self) {
        let (result, scenario) = self.end();
        (result.expect_err("no token"), scenario)
    }
}

fn access(session: &Session) -> &str {
    session.token.access_token.expose()
}

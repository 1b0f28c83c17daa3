//! Compares the renewal with a reference, written from the documented rules and not from its code. In arbitrary
//! histories of inputs, times and wall clocks, actions, waits and ends must agree at every step.

use device_flow::{Failure, Reply};
use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000;

/// A stored token: its name, its refresh token's, and its end by the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stored {
    access: u32,
    refresh: Option<u32>,
    ends: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Granted { rotated: bool },
    InvalidGrant,
    InvalidClient,
    Busy,
    NotSent,
    Lost,
    Page,
}

#[derive(Clone, Copy, Debug)]
enum Input {
    Read(Option<Stored>),
    StoreError,
    Lock(bool),
    Heard(Heard),
    Stored,
    Cancel,
    Pass(u64),
    Jump(i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Read,
    Lock,
    Send(u32),
    Store(u32),
    Wait(u64),
    Await,
    Done(RenewalOutcome, Option<u32>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    First,
    Locking,
    Second,
    Asking,
    Sent,
    Again,
    Last,
    Writing,
    Over(RenewalOutcome),
}

/// What the rules say.
#[derive(Debug)]
struct Reference {
    step: Step,
    now: u64,
    wall: i64,
    due: u64,
    until: u64,
    held: Option<Stored>,
    new: Option<Stored>,
    requests: u32,
    errors: u32,
    /// A response may have been lost, and the service's last word was `invalid_grant`, or any refusal.
    is_lost: bool,
    is_spent: bool,
    is_refused: bool,
    is_busy: bool,
    has_tried_another: bool,
}

impl Reference {
    fn is_due(&self, stored: Stored) -> bool {
        stored.ends.saturating_sub(self.wall) <= 300
    }

    fn lives(&self) -> bool {
        self.held.is_some_and(|held| held.ends.saturating_sub(self.wall) > 60)
    }

    fn act(&mut self) -> Act {
        match self.step {
            Step::Over(outcome) => return Act::Done(outcome, self.held.map(|held| held.access)),
            Step::Sent => return Act::Await,
            _ if self.now < self.due => return Act::Wait(self.due),
            _ => {}
        }
        match self.step {
            Step::First | Step::Second | Step::Again | Step::Last => Act::Read,
            Step::Locking => Act::Lock,
            Step::Asking => {
                self.step = Step::Sent;
                self.requests += 1;
                Act::Send(self.held.and_then(|held| held.refresh).expect("it can be refreshed"))
            }
            Step::Writing => Act::Store(self.new.expect("a new one").access),
            Step::Sent | Step::Over(_) => unreachable!(),
        }
    }

    fn over(&mut self, outcome: RenewalOutcome) {
        self.step = Step::Over(outcome);
    }

    fn read(&mut self, stored: Option<Stored>) {
        let Some(stored) = stored else {
            self.held = None;
            let is_busy = self.step == Step::Again && self.is_busy;
            return self.over(if is_busy { RenewalOutcome::Busy } else { RenewalOutcome::SignInNeeded });
        };
        let is_new = self.held.map(|held| held.access) != Some(stored.access);
        match (self.step, self.is_due(stored)) {
            (Step::Last, false) if is_new => {}
            (Step::Last, _) => return self.step = Step::Writing,
            (Step::Again, true) => return self.read_again(stored),
            (_, false) => {}
            (_, true) if stored.refresh.is_none() => {
                self.held = Some(stored);
                return self.over(RenewalOutcome::SignInNeeded);
            }
            (Step::First, true) => {
                self.held = Some(stored);
                let wait = if self.lives() { 10 } else { 60 };
                (self.step, self.due, self.until) = (Step::Locking, self.now, self.now + wait * SECOND);
                return;
            }
            (_, true) => {
                self.held = Some(stored);
                return self.ask();
            }
        }
        self.held = Some(stored);
        self.over(RenewalOutcome::Usable);
    }

    fn ask(&mut self) {
        (self.step, self.due, self.until) = (Step::Asking, self.now, self.now + 30 * SECOND);
    }

    fn read_again(&mut self, stored: Stored) {
        let is_other = self.held.is_some_and(|held| held.refresh != stored.refresh);
        if self.is_spent && !self.has_tried_another && is_other && stored.refresh.is_some() {
            (self.has_tried_another, self.is_spent, self.is_refused) = (true, false, false);
            (self.is_lost, self.errors) = (false, 0);
            self.held = Some(stored);
            return self.ask();
        }
        if !self.is_refused && self.lives() {
            return self.over(RenewalOutcome::Usable);
        }
        if self.is_spent && self.now + 250 <= self.until {
            self.due = self.now + 250;
            return;
        }
        self.over(match () {
            () if self.is_busy => RenewalOutcome::Busy,
            () if self.is_spent && self.is_lost => RenewalOutcome::SessionLost,
            () if self.is_refused => RenewalOutcome::SignInNeeded,
            () => RenewalOutcome::Unreachable,
        });
    }

    fn store_error(&mut self) {
        let lives = self.lives();
        match self.step {
            Step::Last => self.step = Step::Writing,
            Step::Writing => {
                self.held = self.new;
                self.over(RenewalOutcome::NotStored);
            }
            _ if lives => self.over(RenewalOutcome::Usable),
            Step::Again if self.is_spent && self.now + 250 <= self.until => self.due = self.now + 250,
            _ => self.over(RenewalOutcome::StoreFailed),
        }
    }

    fn lock(&mut self, is_taken: bool) {
        match is_taken {
            true => (self.step, self.due) = (Step::Second, self.now),
            false if self.now + 25 > self.until => {
                (self.step, self.due, self.is_busy) = (Step::Again, self.now, true);
            }
            false => self.due = self.now + 25,
        }
    }

    fn heard(&mut self, heard: Heard) {
        self.step = Step::Again;
        self.due = self.now;
        let (may_have_acted, is_final) = match heard {
            Heard::Granted { rotated } => {
                let old = self.held.expect("it was refreshed");
                let refresh = if rotated { Some(1_000 + self.requests) } else { old.refresh };
                let access = 1_000 + self.requests;
                self.new = Some(Stored { access, refresh, ends: self.wall.saturating_add(3_600) });
                return self.step = Step::Last;
            }
            Heard::InvalidGrant => {
                (self.is_spent, self.is_refused, self.until) = (true, true, self.now + 2 * SECOND);
                return;
            }
            Heard::InvalidClient => return self.is_refused = true,
            Heard::Busy | Heard::NotSent => (false, false),
            Heard::Lost => (true, false),
            Heard::Page => (false, true),
        };
        let backoff = (SECOND << self.errors.min(10)).min(20 * SECOND);
        let is_rescue = may_have_acted && !self.is_lost;
        let is_in_time = self.now + backoff <= self.until && self.requests < 5;
        if !is_final && is_in_time && (is_rescue || !self.lives()) {
            (self.step, self.due) = (Step::Asking, self.now + backoff);
            self.errors += 1;
        }
        self.is_lost |= may_have_acted;
    }

    fn cancel(&mut self) {
        if !matches!(self.step, Step::Last | Step::Writing | Step::Over(_)) {
            self.over(RenewalOutcome::Cancelled);
        }
    }
}

fn session_of(stored: Stored) -> Session {
    let mut session = session("x", 0);
    session.token.access_token = stored.access.to_string().into();
    session.token.refresh_token = stored.refresh.map(|refresh| refresh.to_string().into());
    session.expires_at = Some(UnixSeconds::new(stored.ends));
    session.registration = Registration::new(registration("client").client);
    session
}

fn reply_of(heard: Heard, requests: u32) -> Reply {
    let name = (1_000 + requests).to_string();
    let granted = Token::bearer(name.clone().into(), secs(3_600));
    match heard {
        Heard::Granted { rotated: true } => Reply::Granted(granted.with_refresh_token(name.into())),
        Heard::Granted { rotated: false } => Reply::Granted(granted),
        Heard::InvalidGrant => fault(FaultCode::InvalidGrant),
        Heard::InvalidClient => fault(FaultCode::InvalidClient),
        Heard::Busy => page(429),
        Heard::NotSent => Reply::Failed(Failure::NotSent),
        Heard::Lost => Reply::Failed(Failure::Unknown),
        Heard::Page => page(404),
    }
}

fn number(text: &Secret) -> u32 {
    text.expose().parse().unwrap()
}

/// Runs a history on both.
fn compare(inputs: Vec<Input>) -> std::collections::BTreeSet<String> {
    let tick = |now: u64| Tick::since_origin(Duration::from_millis(now));
    let mut met = std::collections::BTreeSet::new();
    let mut model = Reference {
        step: Step::First,
        now: 1_000,
        wall: WALL.get(),
        due: 1_000,
        until: 0,
        held: None,
        new: None,
        requests: 0,
        errors: 0,
        is_lost: false,
        is_spent: false,
        is_refused: false,
        is_busy: false,
        has_tried_another: false,
    };
    let mut renewal = Renewal::new(service(), RenewalPolicy::default(), tick(model.now));
    let mut pending = None;
    for input in inputs {
        let expected = model.act();
        let got = match renewal.poll(tick(model.now)) {
            RenewalAction::Read => Act::Read,
            RenewalAction::Lock => Act::Lock,
            RenewalAction::Send(request) => {
                let body = String::from_utf8_lossy(request.request().body().as_ref()).into_owned();
                let body: serde_json::Value = serde_json::from_str(&body).unwrap();
                pending = Some(request);
                Act::Send(body["refreshToken"].as_str().unwrap().parse().unwrap())
            }
            RenewalAction::Store(new) => Act::Store(number(&new.token.access_token)),
            RenewalAction::Wait(until) => Act::Wait(u64::try_from(until.elapsed().as_millis()).unwrap()),
            RenewalAction::AwaitReply => Act::Await,
            RenewalAction::Done => {
                let outcome = renewal.outcome().unwrap();
                met.insert(format!("{outcome:?}"));
                let session = match renewal.into_result() {
                    Ok(usable) => Some(usable.session),
                    Err(end) => end.session.map(|session| *session),
                };
                let got = Act::Done(outcome, session.map(|session| number(&session.token.access_token)));
                assert_eq!(got, expected);
                return met;
            }
        };
        assert_eq!(got, expected, "{model:?}");
        let (now, wall) = (tick(model.now), UnixSeconds::new(model.wall));
        // An input that was not asked for is no input of the reference, and changes nothing in the machine.
        match (input, got) {
            (Input::Read(stored), Act::Read) => {
                model.read(stored);
                renewal.on_read(now, wall, stored.map(session_of)).unwrap();
            }
            (Input::StoreError, Act::Read | Act::Lock | Act::Store(_)) => {
                model.store_error();
                renewal.on_store_error(now, wall).unwrap();
            }
            (Input::Lock(is_taken), Act::Lock) => {
                model.lock(is_taken);
                renewal.on_lock(now, wall, is_taken).unwrap();
            }
            (Input::Stored, Act::Store(_)) => {
                model.held = model.new;
                model.over(RenewalOutcome::Usable);
                renewal.on_stored(now, wall).unwrap();
            }
            (Input::Heard(heard), Act::Send(_) | Act::Await) => {
                let Some(request) = pending.take() else { continue };
                model.heard(heard);
                renewal.on_reply(request, now, wall, reply_of(heard, model.requests)).unwrap();
            }
            (Input::Cancel, _) => {
                model.cancel();
                renewal.cancel();
            }
            (Input::Pass(_), Act::Wait(until)) => model.now = until,
            (Input::Pass(time), _) => model.now += time,
            (Input::Jump(by), _) => model.wall = model.wall.saturating_add(by),
            (Input::Read(stored), _) => assert!(renewal.on_read(now, wall, stored.map(session_of)).is_err()),
            (Input::Lock(is_taken), _) => assert!(renewal.on_lock(now, wall, is_taken).is_err()),
            (Input::Stored, _) => assert!(renewal.on_stored(now, wall).is_err()),
            (Input::StoreError | Input::Heard(_), _) => {}
        }
    }
    met
}

fn stored() -> impl Strategy<Value = Stored> {
    let left = prop_oneof![
        4 => Just(0_i64),
        3 => prop_oneof![Just(60_i64), Just(61), Just(300), Just(301)],
        2 => Just(200_i64),
        2 => Just(3_600_i64),
        1 => Just(i64::MAX - WALL.get()),
        1 => Just(i64::MIN / 2),
    ];
    let refresh = prop_oneof![6 => (1_u32..4).prop_map(Some), 1 => Just(None)];
    (1_u32..4, refresh, left).prop_map(|(access, refresh, left)| Stored {
        access,
        refresh,
        ends: WALL.get().saturating_add(left),
    })
}

fn input() -> impl Strategy<Value = Input> {
    let heard = prop_oneof![
        any::<bool>().prop_map(|rotated| Heard::Granted { rotated }),
        Just(Heard::InvalidGrant),
        Just(Heard::InvalidGrant),
        Just(Heard::InvalidClient),
        Just(Heard::Busy),
        Just(Heard::NotSent),
        Just(Heard::Lost),
        Just(Heard::Lost),
        Just(Heard::Page),
    ];
    prop_oneof![
        12 => prop_oneof![9 => stored().prop_map(Some), 1 => Just(None)].prop_map(Input::Read),
        1 => Just(Input::StoreError),
        6 => prop_oneof![3 => Just(true), 1 => Just(false)].prop_map(Input::Lock),
        8 => heard.prop_map(Input::Heard),
        3 => Just(Input::Stored),
        1 => prop_oneof![1 => Just(Input::Cancel), 9 => Just(Input::Pass(0))],
        5 => (0_u64..20_000).prop_map(Input::Pass),
        1 => prop_oneof![-4_000_i64..4_000, Just(i64::MAX / 4), Just(i64::MIN / 4)].prop_map(Input::Jump),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_machine_agrees_with_the_rules(inputs in prop::collection::vec(input(), 1..120)) {
        compare(inputs);
    }
}

#[test]
fn the_generator_reaches_every_end() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let history = prop::collection::vec(input(), 120);
    let mut met = std::collections::BTreeSet::new();
    for _ in 0..20_000 {
        met.append(&mut compare(history.new_tree(&mut runner).unwrap().current()));
        if met.len() == 8 {
            return;
        }
    }
    panic!("only {met:?}");
}

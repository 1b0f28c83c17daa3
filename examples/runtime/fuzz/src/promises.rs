//! The promises of a sign-in under any input. The property tests and the fuzz targets check them for the program and
//! for the machine alone.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use device_flow::script::{ACCESS_TOKEN, Event, History, Script, ScriptedAnswer};
use device_flow::{DeviceFlow, Failure, Operation, Outcome, Policy, Tick, TransportError, VirtualTime};
use example_runtime::{Clock, Http, HttpResult, sign_in};
use oidc_proto::{Client, Dialect, Endpoint, FaultCode, Registration, Request, Secret};
use smol::future::{block_on, yield_now};

/// The limit of clock reads, above the need of any sign-in.
const TOO_OFTEN: u32 = 10_000;

/// The time before the code's expiry in which the last poll may come, regardless of an increased interval.
const LAST: Duration = Duration::from_secs(2);

/// The time that a poll may take beyond the code's expiry, because its response may be the token.
const ANSWER: Duration = Duration::from_secs(12);

fn flow(registration: Option<Registration>) -> DeviceFlow {
    let service = Endpoint::for_region("eu-west-1").expect("there is such a region");
    let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    DeviceFlow::new(service, policy, registration, Tick::ZERO)
}

/// Checks the promises of the program's own loop, without and with an earlier registration. Returns both outcomes.
pub fn sign_in_promises(script: &Script) -> [Result<(), Outcome>; 2] {
    let registration = Registration::new(Client::new("earlier-client", Secret::from("earlier-secret")));
    [None, Some(registration)].map(|earlier| {
        let is_earlier = earlier.is_some();
        // An earlier registration replaces the first response.
        let world = World::new(script.steps().get(usize::from(is_earlier)..).unwrap_or_default());
        let mut prompts = 0;
        let end = block_on(sign_in(&world, &world, flow(earlier), |_| prompts += 1));
        let seen = world.seen();
        assert_eq!(prompts, seen.codes, "each code is shown once");
        assert!(prompts <= 1 + u32::from(is_earlier), "only a rejected registration makes another code");
        let outcome = end.map(|signed_in| signed_in.token).map_err(|end| end.outcome);
        assert_eq!(outcome.is_ok(), seen.granted, "a token is returned if it came: {outcome:?}");
        match &outcome {
            Ok(token) => assert_eq!(token.access_token.expose(), ACCESS_TOKEN),
            Err(Outcome::GrantLost(_)) => assert!(seen.may_be_spent, "no answer was lost"),
            Err(Outcome::Expired(_)) => assert!(!seen.may_be_spent, "an answer was lost"),
            Err(Outcome::Cancelled) => panic!("the program cancelled nothing"),
            Err(_) => {}
        }
        outcome.map(drop)
    })
}

/// The service, the network and the clock of one sign-in.
struct World {
    time: VirtualTime,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    script: VecDeque<(Duration, ScriptedAnswer)>,
    asked_the_time: u32,
    is_under_way: bool,
    codes: u32,
    deadline: Tick,
    /// The interval from the response with the latest code, and the current one.
    announced: Duration,
    interval: Duration,
    /// The time of the response to that code's latest poll, and the earliest time of the next poll.
    answered: Option<Tick>,
    earliest: Tick,
    may_be_spent: bool,
    granted: bool,
}

impl World {
    fn new(steps: &[(Duration, ScriptedAnswer)]) -> Self {
        let script = steps.iter().cloned().collect();
        Self { time: VirtualTime::default(), seen: Seen { script, ..Seen::default() }.into() }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("a broken promise ends the test")
    }
}

impl Http for World {
    async fn send(&self, request: &Request, limit: Duration) -> HttpResult {
        let operation = request.operation();
        let (took, answer) = self.seen().sent(operation, self.time.now(), limit);
        yield_now().await;
        let in_time = took <= limit;
        let answer = if in_time { answer } else { ScriptedAnswer::Failed(Failure::Unknown) };
        self.time.pass(took.min(limit));
        self.seen().answered(operation, self.time.now(), &answer);
        answer.response(operation, Dialect::Aws).map_err(TransportError::from)
    }
}

impl Clock for World {
    fn now(&self) -> Tick {
        let mut seen = self.seen();
        seen.asked_the_time += 1;
        assert!(seen.asked_the_time < TOO_OFTEN, "it never ends");
        self.time.now()
    }

    async fn sleep_until(&self, time: Tick) {
        self.time.pass(time.since(self.time.now()));
    }
}

impl Seen {
    fn sent(&mut self, operation: Operation, now: Tick, limit: Duration) -> (Duration, ScriptedAnswer) {
        assert!(!self.is_under_way, "one request at a time");
        assert!(!self.granted, "nothing is sent after the token came");
        self.is_under_way = true;
        if operation == Operation::CreateToken {
            assert!(now < self.deadline, "nothing is sent to an expired code");
            assert!(limit <= ANSWER.max(self.deadline.since(now)), "a poll ends with its code");
            let is_first = self.answered.is_none();
            let is_last = now + LAST >= self.deadline;
            let least = self.answered.unwrap_or_default() + self.announced;
            assert!(is_first || now >= self.earliest || (is_last && now >= least), "polled too early");
        }
        self.script.pop_front().unwrap_or((Duration::ZERO, ScriptedAnswer::SUCCESS))
    }

    fn answered(&mut self, operation: Operation, now: Tick, answer: &ScriptedAnswer) {
        self.is_under_way = false;
        match (operation, answer) {
            (Operation::StartDeviceAuthorization, ScriptedAnswer::Success { interval, expires_in }) => {
                self.codes += 1;
                self.deadline = now + *expires_in;
                self.announced = interval.unwrap_or(Duration::from_secs(5)).max(Duration::from_secs(1));
                self.interval = self.announced;
                (self.answered, self.may_be_spent) = (None, false);
            }
            (Operation::CreateToken, answer) => self.polled(now, answer),
            _ => {}
        }
    }

    fn polled(&mut self, now: Tick, answer: &ScriptedAnswer) {
        let mut asked_for = Duration::ZERO;
        match answer {
            ScriptedAnswer::Success { .. } => self.granted = true,
            ScriptedAnswer::Fault(fault) => {
                match fault.code {
                    FaultCode::SlowDown => {
                        self.interval = self.interval.saturating_add(Duration::from_secs(5))
                    }
                    FaultCode::AuthorizationPending => self.may_be_spent = false,
                    _ => self.may_be_spent |= fault.status >= 500,
                }
                asked_for = fault.retry_after.unwrap_or_default();
            }
            ScriptedAnswer::Indeterminate(answer) => {
                self.may_be_spent |= answer.may_have_acted();
                asked_for = answer.retry_after.unwrap_or_default();
            }
            ScriptedAnswer::Failed(failure) => self.may_be_spent |= *failure == Failure::Unknown,
            ScriptedAnswer::InvalidResponse => {}
        }
        self.answered = Some(now);
        self.earliest = now + self.interval.max(asked_for);
    }
}

/// Checks the promises of the machine alone, also with a clock that goes back, a late driver, and a cancellation.
/// Returns the outcome.
pub fn history_promises(history: &History) -> Result<(), Outcome> {
    let mut flow = flow(None);
    let played = history.play(&mut flow, Tick::ZERO);
    let outcome = flow.outcome().expect("every history comes to its end").map(drop).map_err(Outcome::clone);
    assert!(played.prompts.len() <= 1, "a code is shown once");
    assert!(played.waits.iter().all(|(began, until)| began < until), "a wait ends later than it began");

    let is_poll = |(operation, _): &&(Operation, Tick)| *operation == Operation::CreateToken;
    let polls: Vec<Tick> = played.requests.iter().filter(is_poll).map(|(_, time)| *time).collect();
    assert!(outcome.is_err() || !polls.is_empty(), "a token comes of a poll");
    let deadline = played.prompts.first().map_or(Tick::ZERO, |prompt| prompt.deadline);
    assert!(
        polls.iter().all(|time| *time < deadline),
        "nothing is sent to an expired code, or to one not shown"
    );

    let met = |is_it: fn(&Event) -> bool| history.events().iter().any(is_it);
    if !met(|event| matches!(event, Event::GoBack(_))) {
        let gaps = polls.windows(2).map(|pair| pair[1].since(pair[0]));
        assert!(gaps.min().is_none_or(|gap| gap >= Duration::from_secs(1)), "no polls in a rush: {polls:?}");
    }
    let may_lose = |event: &Event| match event {
        Event::Abandon | Event::Answer(ScriptedAnswer::Failed(Failure::Unknown)) => true,
        Event::Answer(ScriptedAnswer::Indeterminate(answer)) => answer.may_have_acted(),
        Event::Answer(ScriptedAnswer::Fault(fault)) => fault.status >= 500,
        _ => false,
    };
    match &outcome {
        Err(Outcome::Cancelled) => assert!(met(|event| *event == Event::Cancel), "the program gave up"),
        Err(Outcome::GrantLost(_)) => assert!(history.events().iter().any(may_lose), "no answer was lost"),
        _ => {}
    }
    outcome
}

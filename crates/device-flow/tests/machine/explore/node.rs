//! A state of the search: flow, reference and rules in a compact form, and all possible inputs.
//!
//! A flow cannot be cloned, on purpose. So its saved form is kept, and a request in flight is sent again from
//! there. Thus each step also tests that a resumed flow behaves the same. A sample of the states is reached
//! again from the beginning in one process, to confirm that.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use device_flow::{Action, DeviceFlow, Policy, SavedFlow};

use super::rules::Rules;
use crate::model::changes::Change;
use crate::model::pair::{BEGIN, Input, Pair, new_flow, policy, service, tick};
use crate::model::reference::{Ask, Code, Heard, Model, Said, Settings, Step};

/// The wall clock is the same in all states.
const WALL: Duration = Duration::from_secs(1_800_000_000);

/// The longest time that a request stays in flight, in steps of a second: the retry window and one second more.
/// Separate steps pass the deadline.
const LONGEST_REQUEST: u64 = 7_000;

pub(crate) struct Node {
    settings: Settings,
    policy: Arc<Policy>,
    /// The saved flow, from before the request in flight was sent.
    saved: SavedFlow,
    /// A hash of the parts that decide the future.
    state: u64,
    /// The time that a request has been in flight, and whether it can still get a response.
    flight: Option<(u64, bool)>,
    model: Model,
    rules: Rules,
    path: Path,
}

/// The inputs that led to the state, latest first.
#[derive(Clone)]
pub(crate) struct Path(Option<Arc<(Input, Self)>>);

impl Path {
    fn inputs(&self) -> Vec<Input> {
        let (mut inputs, mut at) = (Vec::new(), self);
        while let Some(step) = &at.0 {
            inputs.push(step.0);
            at = &step.1;
        }
        inputs.reverse();
        inputs
    }
}

impl Drop for Path {
    /// Iterative, because the chain is too long for recursion.
    fn drop(&mut self) {
        let mut at = self.0.take();
        while let Some(step) = at {
            at = Arc::into_inner(step).and_then(|(_, mut rest)| rest.0.take());
        }
    }
}

/// Prints the path to a failure.
struct Story<'a>(&'a Node, Input);

impl Drop for Story<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{:?}\nafter {:#?}\nthen {:?}", self.0.settings, self.0.path.inputs(), self.1);
        }
    }
}

/// The result of an input.
pub(crate) enum Next {
    /// The input is impossible here.
    Nothing,
    /// The flow has ended.
    End(Vec<Change>),
    Node(Box<Node>, Vec<Change>),
}

/// Serializes a saved flow.
fn text_of(saved: &SavedFlow) -> Vec<u8> {
    serde_json::to_vec(saved).unwrap()
}

/// Hashes the parts that decide the future: without date and counters.
fn state_of(saved: &SavedFlow) -> u64 {
    let text = text_of(saved);
    let mark = b"\"saved_at\"";
    let end = text.windows(mark.len()).rposition(|window| window == mark).expect("it is in the form");
    let mut hasher = DefaultHasher::new();
    text[..end].hash(&mut hasher);
    hasher.finish()
}

fn save(pair: &Pair) -> Option<SavedFlow> {
    pair.flow.save(tick(pair.now), UNIX_EPOCH + WALL)
}

impl Node {
    pub(crate) fn root(settings: Settings) -> Self {
        let flow = new_flow(settings);
        let mut pair = Pair::from_parts(policy(settings), flow, Model::new(settings, BEGIN), BEGIN);
        let saved = save(&pair).expect("a new flow has not ended");
        pair.ask(BEGIN);
        assert!(matches!(pair.said, Said::Send(_)), "a new flow has something to send");
        let (state, policy, model) = (state_of(&saved), pair.policy, pair.model);
        let rules = Rules::new(settings);
        Self { settings, policy, saved, state, flight: Some((0, true)), model, rules, path: Path(None) }
    }

    pub(crate) fn key(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.state, self.flight, &self.model, &self.rules).hash(&mut hasher);
        hasher.finish()
    }

    /// Returns whether the driver has yet to fetch a prompt.
    fn has_prompt(&self) -> bool {
        self.model.step == Step::Show
    }

    fn resume(&self) -> DeviceFlow {
        self.saved
            .clone()
            .resume(service(self.settings), self.policy.clone(), tick(BEGIN), UNIX_EPOCH + WALL)
            .unwrap()
    }

    /// Restores flow and reference.
    fn restore(&self) -> Pair {
        let mut flow = self.resume();
        let sent = self.flight.map(|flight| match flow.poll(tick(BEGIN)) {
            Action::Send(pending) => (flight, pending),
            other => panic!("it was due, and not {other:?}"),
        });
        let since = self.flight.map_or(0, |(since, _)| since);
        let mut pair = Pair::from_parts(self.policy.clone(), flow, self.model.clone(), BEGIN + since);
        if let Some(((_, has_pending), pending)) = sent {
            pair.pending = has_pending.then_some(pending);
        }
        if !self.has_prompt() {
            pair.ask(pair.now);
        }
        pair
    }

    pub(crate) fn step(&self, input: Input) -> Next {
        let story = Story(self, input);
        let mut pair = self.restore();
        let mut rules = self.rules.clone();
        let mistake = matches!(input, Input::WrongOperation | Input::StaleRequest);
        let before = mistake.then(|| save(&pair).as_ref().map(text_of));
        let (then, said, out) = (pair.now, pair.said.clone(), self.model.under_way.map(|(ask, _)| ask));
        if !pair.put(input) {
            return Next::Nothing;
        }
        if let Some(before) = before {
            assert!(save(&pair).as_ref().map(text_of) == before, "a mistake of the driver changes nothing");
        }
        rules.after_input(input, &pair, then, out, &said);
        let next = self.settle(pair, rules, input);
        drop(story);
        next
    }

    /// Reaches the same state in one process from the beginning, with saves only where the history has them.
    pub(crate) fn check_against_replay(&self) {
        let mut pair = Pair::new(self.settings);
        for input in self.path.inputs() {
            let had_prompt = pair.model.step == Step::Show;
            assert!(pair.put(input), "{input:?} could happen before");
            if had_prompt || pair.model.step != Step::Show {
                pair.settle();
            }
        }
        let same = pair.model.clone().rebased(BEGIN) == self.model.clone().rebased(BEGIN);
        assert!(same, "another reference after {:?}", self.path.inputs());
        if self.flight.is_none() {
            let saved = save(&pair).expect("it has not ended");
            assert!(state_of(&saved) == self.state, "another flow after {:?}", self.path.inputs());
        }
    }

    /// Checks that a resumed flow saves its own saved form again.
    pub(crate) fn check_resuming_changes_nothing(&self) {
        let flow = self.resume();
        let again = flow.save(tick(BEGIN), UNIX_EPOCH + WALL).as_ref().map(text_of);
        assert!(again == Some(text_of(&self.saved)), "resuming is no change");
    }

    /// Polls until nothing changes, and keeps the flow as it was before a request. A driver may fetch a
    /// prompt late, so that is a state of its own.
    fn settle(&self, mut pair: Pair, mut rules: Rules, input: Input) -> Next {
        let mut saved = save(&pair);
        let mut flight = None;
        if pair.model.under_way.is_some() {
            pair.ask(pair.now);
            rules.after_action(&pair);
            saved = Some(self.saved.clone());
            flight = Some((pair.now - BEGIN, pair.pending.is_some()));
        } else if self.has_prompt() || pair.model.step != Step::Show {
            pair.ask(pair.now);
            rules.after_action(&pair);
            if matches!(pair.said, Said::Prompt { .. }) {
                saved = save(&pair);
                pair.ask(pair.now);
                rules.after_action(&pair);
            }
            match pair.said {
                Said::Done => saved = None,
                Said::Send(_) => flight = Some((0, true)),
                Said::Wait(_) => {}
                Said::Prompt { .. } | Said::Await => panic!("the flow does not settle"),
            }
        }
        let Some(saved) = saved else {
            rules.after_end(&mut pair);
            return Next::End(pair.changes);
        };
        rules.forget_the_moment();
        let mut model = pair.model;
        // Every state is moved to time zero, unless its request has been in flight longer.
        if !matches!(flight, Some((1.., _))) {
            rules.rebase(pair.now, BEGIN);
            model = model.rebased(BEGIN);
        }
        let path = Path(Some(Arc::new((input, self.path.clone()))));
        let (settings, policy, state) = (self.settings, self.policy.clone(), state_of(&saved));
        Next::Node(
            Box::new(Self { settings, policy, saved, state, flight, model, rules, path }),
            pair.changes,
        )
    }

    /// Returns all possible inputs, with times just before, at and just after each threshold.
    pub(crate) fn inputs(&self) -> Vec<Input> {
        let now = self.model.now;
        let mut inputs = vec![
            Input::Backwards(3_000),
            Input::StaleRequest,
            Input::Abandon,
            Input::Cancel,
            Input::Restart(None),
            Input::Restart(Some(0)),
            Input::Restart(Some(1_000_000_000)),
        ];
        // Beyond the longest limit, one more second in flight changes nothing.
        if matches!(self.flight, Some((since, _)) if since < LONGEST_REQUEST) {
            inputs.push(Input::Pass(1_000));
        }
        let mut around = |time: u64| {
            for time in [time.saturating_sub(1), time, time + 1] {
                if time > now {
                    inputs.push(Input::Pass(time - now));
                    inputs.push(Input::Restart(Some(time - now)));
                }
            }
        };
        if self.model.has_codes() {
            around(self.model.deadline);
        }
        match (self.flight, self.model.under_way) {
            (Some((_, true)), Some((ask, _))) => {
                inputs.push(Input::WrongOperation);
                inputs.extend(answers(ask).map(Input::Reply));
                inputs.push(Input::ReplyBackwards(Heard::Fault(Code::Pending, None), 3_000));
                inputs.push(Input::ReplyBackwards(Heard::NotSent, 3_000));
            }
            (Some(_), _) => {}
            (None, _) if self.has_prompt() => inputs.push(Input::Pass(0)),
            (None, _) => around(self.model.due),
        }
        inputs.sort_unstable();
        inputs.dedup();
        inputs
    }
}

/// Returns every kind of reply to a request.
fn answers(ask: Ask) -> impl Iterator<Item = Heard> {
    const SOON: Option<u64> = Some(1_000);
    const LATE: Option<u64> = Some(100_000);
    let successes: &[(Option<u64>, u64)] = match ask {
        Ask::Authorize => &[(None, 12_000), (Some(2_000), 9_000), (Some(0), 4_000)],
        Ask::Register | Ask::Token => &[(None, 60_000)],
    };
    let faults = [
        (Code::Pending, None),
        (Code::Pending, SOON),
        (Code::Pending, LATE),
        (Code::SlowDown, None),
        (Code::SlowDown, LATE),
        (Code::Denied, None),
        (Code::Expired, None),
        (Code::InvalidGrant, None),
        (Code::InvalidClient, None),
        (Code::UnauthorizedClient, LATE),
        (Code::ServerError, None),
        (Code::ServerError, LATE),
        (Code::Throttled, SOON),
        (Code::Other, None),
    ];
    let pages = [(502, None), (200, None), (302, None), (404, None), (403, SOON), (429, SOON), (503, LATE)];
    successes
        .iter()
        .map(|(interval, life)| Heard::Success { interval: *interval, life: *life })
        .chain(faults.into_iter().map(|(code, after)| Heard::Fault(code, after)))
        .chain(pages.into_iter().map(|(status, after)| Heard::Indeterminate(status, after)))
        .chain([Heard::InvalidResponse, Heard::NotSent, Heard::ProxyRefused, Heard::Lost])
}

//! A state of the search: a flow, its reference and its rules, small enough to keep by the million, and all the inputs
//! that can happen to it.
//!
//! A flow cannot be cloned, on purpose. It is kept as what it saves, and a request that is under way is sent again from
//! there: so each step also tests that a saved flow is the same flow. One state in some hundreds is reached once more
//! from the very beginning, in one process, to show that this is so.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use device_flow::{Action, DeviceFlow, Policy, SavedFlow};

use crate::changes::Change;
use crate::model::{Ask, Code, Heard, Model, Said, Settings, Step};
use crate::pair::{BEGIN, Input, Pair, new_flow, policy, service, tick};
use crate::rules::Rules;

/// The wall clock does not move between a state and the next.
const WALL: Duration = Duration::from_secs(1_800_000_000);

/// How long a request is left under way, in steps of a second: as long as the patience, and a second more. The deadline
/// is passed by steps of its own.
const LONGEST_REQUEST: u64 = 7_000;

pub(crate) struct Node {
    settings: Settings,
    policy: Arc<Policy>,
    /// What the flow saved, before a request that is under way was sent.
    saved: SavedFlow,
    /// The part of it that decides about the future.
    state: u64,
    /// How long a request has been under way, and whether it can still be answered.
    flight: Option<(u64, bool)>,
    model: Model,
    rules: Rules,
    path: Path,
}

/// How the state was reached, latest first.
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
    /// One by one: a long chain must not be a deep recursion.
    fn drop(&mut self) {
        let mut at = self.0.take();
        while let Some(step) = at {
            at = Arc::into_inner(step).and_then(|(_, mut rest)| rest.0.take());
        }
    }
}

/// Says how a failure was reached.
struct Story<'a>(&'a Node, Input);

impl Drop for Story<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{:?}\nafter {:#?}\nthen {:?}", self.0.settings, self.0.path.inputs(), self.1);
        }
    }
}

/// What an input led to.
pub(crate) enum Next {
    /// It cannot happen here.
    Nothing,
    /// The flow has ended.
    End(Vec<Change>),
    Node(Box<Node>, Vec<Change>),
}

/// What a flow writes when it is saved.
fn text_of(saved: &SavedFlow) -> Vec<u8> {
    serde_json::to_vec(saved).unwrap()
}

/// The part of it that decides about its future: without the date, and without figures.
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

    /// A prompt is there, and the driver has not asked for it yet.
    fn has_prompt(&self) -> bool {
        self.model.step == Step::Show
    }

    fn resume(&self) -> DeviceFlow {
        self.saved
            .clone()
            .resume(service(self.settings), self.policy.clone(), tick(BEGIN), UNIX_EPOCH + WALL)
            .unwrap()
    }

    /// The flow and its reference, as they were.
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

    /// The same state, reached in one process from the very beginning, by a flow that was saved only where the history
    /// says so.
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

    /// A flow that was resumed saves what it was resumed from.
    pub(crate) fn check_resuming_changes_nothing(&self) {
        let flow = self.resume();
        let again = flow.save(tick(BEGIN), UNIX_EPOCH + WALL).as_ref().map(text_of);
        assert!(again == Some(text_of(&self.saved)), "resuming is no change");
    }

    /// Asks until there is nothing new, and keeps what the flow was before it sent something. A driver may be late with
    /// its question when a prompt is there, so that is a state of its own.
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
        // Every state is at the beginning of time, but one whose request has been under way since then.
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

    /// Everything that can happen now, with times just before, at and just after whatever they are compared with.
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
        // A request that is under way for longer than anything is limited to has no other future than one that has
        // been under way for a second less.
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

/// Every kind of answer to a request.
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
        .chain(pages.into_iter().map(|(status, after)| Heard::NoVerdict(status, after)))
        .chain([Heard::Violation, Heard::NotSent, Heard::ProxyRefused, Heard::Lost])
}

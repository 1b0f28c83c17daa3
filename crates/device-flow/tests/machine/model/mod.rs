//! Compares the machine with a reference, written from RFC 8628 and the crate's documentation and not from
//! its code. In arbitrary histories, actions, waits and outcomes must agree at every step.
//!
//! The generator is tested too: it is deterministic for a seed, and it reaches every transition of the table.

pub(crate) mod changes;
pub(crate) mod pair;
pub(crate) mod reference;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use self::changes::{Change, changes_of_the_table};
use self::pair::{Input, Pair};
use self::reference::{Ask, Code, Heard, Settings};

/// The next event. Boundaries have names, because a random number never meets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    Do(Input),
    /// Time passes until the flow needs a call, one millisecond less, or one more.
    Wake(i64),
    /// Time passes until the code expires, one millisecond less, or one more.
    Deadline(i64),
}

fn code() -> impl Strategy<Value = Code> {
    prop_oneof![
        8 => Just(Code::Pending),
        4 => Just(Code::SlowDown),
        2 => Just(Code::Denied),
        3 => Just(Code::Expired),
        3 => Just(Code::InvalidGrant),
        3 => Just(Code::InvalidClient),
        2 => Just(Code::UnauthorizedClient),
        2 => Just(Code::ServerError),
        1 => Just(Code::Throttled),
        1 => Just(Code::Other),
    ]
}

fn retry_after() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![4 => Just(None), 1 => (0_u64..90_000).prop_map(Some)]
}

fn heard() -> impl Strategy<Value = Heard> {
    let interval =
        prop_oneof![Just(None), Just(Some(0)), (0_u64..20_000).prop_map(Some), Just(Some(1 << 40))];
    let status = prop_oneof![Just(200_u16), Just(302), Just(404), Just(429), Just(500), Just(502)];
    prop_oneof![
        // A quarter of a life must be whole milliseconds, the reference's unit.
        9 => (interval, 1_u64..50_000).prop_map(|(interval, life)| Heard::Success { interval, life: 4 * life }),
        9 => (code(), retry_after()).prop_map(|(code, after)| Heard::Fault(code, after)),
        2 => (status, retry_after()).prop_map(|(status, after)| Heard::Indeterminate(status, after)),
        1 => Just(Heard::InvalidResponse),
        1 => Just(Heard::NotSent),
        1 => Just(Heard::ProxyRefused),
        4 => Just(Heard::Lost),
    ]
}

fn plan() -> impl Strategy<Value = Plan> {
    let offset = prop_oneof![3 => Just(0_i64), 1 => Just(-1), 1 => Just(1)];
    prop_oneof![
        3 => (0_u64..20_000).prop_map(|time| Plan::Do(Input::Pass(time))),
        1 => (0_u64..20_000).prop_map(|time| Plan::Do(Input::Backwards(time))),
        12 => offset.clone().prop_map(Plan::Wake),
        2 => offset.prop_map(Plan::Deadline),
        16 => heard().prop_map(|heard| Plan::Do(Input::Reply(heard))),
        1 => (heard(), 0_u64..9_000).prop_map(|(heard, time)| Plan::Do(Input::ReplyBackwards(heard, time))),
        1 => Just(Plan::Do(Input::WrongOperation)),
        1 => Just(Plan::Do(Input::StaleRequest)),
        1 => Just(Plan::Do(Input::Abandon)),
        1 => Just(Plan::Do(Input::Cancel)),
        1 => prop_oneof![Just(None), (0_u64..40_000).prop_map(Some)]
            .prop_map(|away| Plan::Do(Input::Restart(away))),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let retry_window = prop_oneof![1 => Just(0_u64), 3 => Just(20_000), 1 => 0_u64..30_000];
    let missing =
        prop_oneof![8 => Just(None), 1 => Just(Some(Ask::Register)), 1 => Just(Some(Ask::Authorize))];
    (any::<bool>(), any::<bool>(), missing, retry_window, 0_u64..40_000).prop_map(
        |(cached, eager, missing, retry_window, max_backoff)| Settings {
            cached,
            eager,
            missing,
            retry_window,
            max_backoff,
        },
    )
}

/// Each step, and whether the flow is polled afterwards: a driver may be late.
type History = (Settings, Vec<(Plan, bool)>);

fn history() -> impl Strategy<Value = History> {
    let asked = prop_oneof![5 => Just(true), 1 => Just(false)];
    let step = (plan(), asked).prop_map(|step| vec![step]);
    let steps = prop_oneof![30 => step, 1 => lost_answer(), 1 => missing_endpoint()];
    (settings(), beginning(), prop::collection::vec(steps, 1..40)).prop_map(|(settings, beginning, steps)| {
        let (settings, first) = beginning.of(settings);
        (settings, [first, steps.concat()].concat())
    })
}

/// The beginning of a history, so that rare states are reached more often.
#[derive(Clone, Copy, Debug)]
enum Beginning {
    Anything,
    /// Replies that bring codes, and optionally the prompt.
    Codes {
        shown: bool,
    },
    /// A failed first request, and no retry window.
    TransientError(Heard),
}

fn beginning() -> impl Strategy<Value = Beginning> {
    let error = vec![
        Heard::Fault(Code::SlowDown, None),
        Heard::Fault(Code::ServerError, None),
        Heard::Fault(Code::Throttled, None),
        Heard::Indeterminate(502, None),
        Heard::NotSent,
        Heard::Lost,
    ];
    prop_oneof![
        5 => Just(Beginning::Anything),
        4 => any::<bool>().prop_map(|shown| Beginning::Codes { shown }),
        1 => prop::sample::select(error).prop_map(Beginning::TransientError),
    ]
}

impl Beginning {
    fn of(self, settings: Settings) -> (Settings, Vec<(Plan, bool)>) {
        let reply = |heard| Plan::Do(Input::Reply(heard));
        let success = reply(Heard::Success { interval: None, life: 100_000 });
        match self {
            Self::Anything => (settings, vec![]),
            Self::Codes { shown } if settings.cached => (settings, vec![(success, shown)]),
            Self::Codes { shown } => (settings, vec![(success, true), (success, shown)]),
            Self::TransientError(heard) => {
                (Settings { retry_window: 0, ..settings }, vec![(reply(heard), true)])
            }
        }
    }
}

/// Generates a lost reply, and a next one that shows whether it mattered. Independent steps would rarely have
/// this order.
fn lost_answer() -> impl Strategy<Value = Vec<(Plan, bool)>> {
    let reply = |heard| Plan::Do(Input::Reply(heard));
    let codes = [Code::InvalidGrant, Code::Expired, Code::Pending, Code::InvalidClient];
    let next = codes.map(|code| vec![Plan::Wake(0), reply(Heard::Fault(code, None))]).to_vec();
    let next = [next, vec![vec![Plan::Deadline(0)]]].concat();
    prop::sample::select(next).prop_map(move |next| {
        let lost = vec![Plan::Wake(0), reply(Heard::Lost)];
        [lost, next].concat().into_iter().map(|plan| (plan, true)).collect()
    })
}

/// Generates polls without an endpoint, one after another.
fn missing_endpoint() -> impl Strategy<Value = Vec<(Plan, bool)>> {
    let status = prop::sample::select(vec![404, 405, 410, 501]);
    prop::collection::vec(status, 2..5).prop_map(|statuses| {
        let answer = |status| [Plan::Wake(0), Plan::Do(Input::Reply(Heard::Indeterminate(status, None)))];
        statuses.into_iter().flat_map(answer).map(|plan| (plan, true)).collect()
    })
}

/// Plays a history to its end, and returns the transitions.
fn play(settings: Settings, plans: &[(Plan, bool)]) -> Vec<Change> {
    let mut pair = Pair::new(settings);
    for (plan, asked) in plans {
        let until =
            |time: u64, offset: i64| Input::Pass(time.saturating_add_signed(offset).saturating_sub(pair.now));
        let input = match (*plan, &pair.said) {
            (Plan::Do(input), _) => input,
            (Plan::Wake(offset), reference::Said::Wait(time)) => until(*time, offset),
            (Plan::Wake(_), _) => Input::Pass(0),
            (Plan::Deadline(offset), _) if pair.model.has_codes() => until(pair.model.deadline, offset),
            (Plan::Deadline(_), _) => Input::Pass(0),
        };
        if pair.put(input) && *asked {
            pair.settle();
        }
    }
    pair.changes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_machine_does_what_the_reference_does((settings, plans) in history()) {
        play(settings, &plans);
    }
}

/// Returns the first histories of a seed.
fn histories(seed: u8, count: usize) -> Vec<History> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    (0..count).map(|_| history().new_tree(&mut runner).unwrap().current()).collect()
}

#[test]
fn the_generator_makes_the_same_histories_from_the_same_seed_and_others_from_another() {
    assert_eq!(histories(7, 50), histories(7, 50));
    assert_ne!(histories(7, 50), histories(8, 50));
}

/// The number of histories for the coverage, and the least count of the rarest transition: once would be
/// luck.
const COUNTED: usize = 2_500;
const LEAST: u32 = 3;

#[test]
fn the_generator_reaches_every_transition_of_the_table_and_no_other() {
    let mut counts = BTreeMap::new();
    for (settings, plans) in histories(7, COUNTED) {
        for change in play(settings, &plans) {
            *counts.entry(change).or_insert(0_u32) += 1;
        }
    }
    let rows = changes_of_the_table().into_iter();
    let mut rows: Vec<(u32, Change)> =
        rows.map(|change| (counts.get(&change).copied().unwrap_or_default(), change)).collect();
    rows.sort_unstable();
    println!("{} transitions in {COUNTED} histories; the rarest: {:?}", rows.len(), rows.first());
    let rare: Vec<_> = rows.iter().filter(|(count, _)| *count < LEAST).collect();
    assert!(rare.is_empty(), "reached fewer than {LEAST} times: {rare:?}");
    let unknown: Vec<_> = counts.keys().filter(|change| rows.iter().all(|(_, row)| row != *change)).collect();
    assert!(unknown.is_empty(), "not in the table: {unknown:?}");
}

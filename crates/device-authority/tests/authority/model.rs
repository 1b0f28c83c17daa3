//! Random histories against a reference model. The histories are deterministic for a seed and reach every
//! transition.

use std::collections::{BTreeMap, BTreeSet};

use device_authority::{Rotation, SlowDown};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::history::World;
use crate::history::op::{Answer, By, Decision, Odd, Op, Which};
use crate::history::reference::Rules;
use crate::history::transitions::{Transition, status, table, transition};

const DEVICES: usize = 3;
const SOURCES: usize = 3;

/// The variants of a policy.
type Modes = (SlowDown, Rotation, bool);

fn rules((slow_down, rotation, is_graced): Modes) -> Rules {
    Rules {
        slow_down,
        rotation,
        rotation_grace: 6_000,
        device_grace: if is_graced { 4_000 } else { 0 },
        interval: 5_000,
        device_ttl: 60_000,
        remember: 30_000,
        registration_ttl: 100_000,
        // Shorter than a registration, so that a family can end while its client lives.
        family_ttl: 40_000,
        access_ttl: 50_000,
        window: 20_000,
        per_source: 2,
        everyone: 3,
        in_crowd: 1,
        ceiling: 5,
    }
}

fn op() -> impl Strategy<Value = Op> {
    let device = || 0..DEVICES;
    let by = || prop_oneof![8 => Just(By::Owner), 1 => Just(By::AnotherClient), 1 => Just(By::WrongSecret)];
    let decision =
        prop_oneof![4 => Just(Decision::Approve), 2 => Just(Decision::Deny), 1 => Just(Decision::Expire)];
    let which = || prop_oneof![3 => Just(Which::Current), 1 => Just(Which::Rotated)];
    prop_oneof![
        3 => (0..2usize, prop::bool::weighted(0.7))
            .prop_map(|(client, scoped)| Op::Register { client, scoped }),
        4 => device().prop_map(|device| Op::Start { device }),
        12 => (device(), by()).prop_map(|(device, by)| Op::Poll { device, by }),
        2 => device().prop_map(|device| Op::Replay { device }),
        5 => (device(), decision).prop_map(|(device, decision)| Op::Decide { device, decision }),
        2 => (0..SOURCES).prop_map(|from| Op::Guess { from }),
        2 => (device(), 0..SOURCES).prop_map(|(device, from)| Op::Peek { device, from }),
        4 => (device(), which(), by()).prop_map(|(device, token, by)| Op::Refresh { device, token, by }),
        1 => (device(), which(), by()).prop_map(|(device, token, by)| Op::Revoke { device, token, by }),
        1 => (0..Odd::ALL.len()).prop_map(|at| Op::Odd(Odd::ALL[at])),
        // Whole seconds hit boundaries, and fractions miss them.
        6 => (0..12i64).prop_map(|seconds| Op::Wait(seconds * 1000)),
        2 => (0..60_000i64).prop_map(Op::Wait),
        1 => (0..500i64).prop_map(|seconds| Op::Wait(seconds * 1000)),
        1 => (1..30_000i64).prop_map(Op::Back),
    ]
}

/// Generates a code in one of its states, and one operation on it. Independent steps would rarely reach the
/// rare ones.
fn story_of_a_code() -> impl Strategy<Value = Vec<Op>> {
    let everyone = [By::Owner, By::AnotherClient, By::WrongSecret].map(|by| (Some(by), None));
    let decisions =
        [Decision::Approve, Decision::Deny, Decision::Expire].map(|decision| (None, Some(decision)));
    let acts = [&everyone[..], &decisions[..], &[(None, None)]].concat();
    (0..DEVICES, 0..11usize, prop::sample::select(acts), any::<bool>()).prop_map(
        |(device, status, act, scoped)| {
            let decide = |decision| Op::Decide { device, decision };
            let (poll, start) = (Op::Poll { device, by: By::Owner }, Op::Start { device });
            let begin = vec![Op::Register { client: device % 2, scoped }, start];
            let mut story = match status {
                0 => begin,
                1 => [begin, vec![decide(Decision::Approve)]].concat(),
                2 => [begin, vec![decide(Decision::Deny)]].concat(),
                3 => [begin, vec![decide(Decision::Expire)]].concat(),
                4 => [begin, vec![decide(Decision::Approve), poll]].concat(),
                5 => [begin, vec![Op::Wait(60_000)]].concat(),
                6 => [begin, vec![decide(Decision::Approve), Op::Wait(60_000)]].concat(),
                // The next code makes the store forget it.
                7 => [begin, vec![Op::Wait(90_000), Op::Start { device: (device + 1) % DEVICES }]].concat(),
                // The device polls just before the decision.
                8 => [begin, vec![poll, decide(Decision::Approve)]].concat(),
                9 => [begin, vec![poll, decide(Decision::Deny)]].concat(),
                // The registration expires while the code waits.
                _ => vec![
                    Op::Register { client: device % 2, scoped },
                    Op::Wait(70_000),
                    start,
                    Op::Wait(30_000),
                ],
            };
            story.push(match act {
                (Some(by), _) => Op::Poll { device, by },
                (_, Some(decision)) => decide(decision),
                _ => Op::Peek { device, from: 1 },
            });
            story
        },
    )
}

/// Generates a refreshed sign-in in one of its states, and one operation on it.
fn story_of_a_family() -> impl Strategy<Value = Vec<Op>> {
    // The owner's old token has another meaning under each rotation, so these are more frequent.
    let by = prop_oneof![3 => Just(By::Owner), 1 => Just(By::AnotherClient), 1 => Just(By::WrongSecret)];
    let token = prop::sample::select(vec![Which::Current, Which::Rotated]);
    (0..DEVICES, 0..5usize, token, by, any::<bool>()).prop_map(|(device, status, token, by, revokes)| {
        let poll = Op::Poll { device, by: By::Owner };
        vec![
            Op::Register { client: device % 2, scoped: true },
            Op::Start { device },
            Op::Decide { device, decision: Decision::Approve },
            poll,
            Op::Refresh { device, token: Which::Current, by: By::Owner },
            match status {
                0 | 4 => Op::Wait(0),
                1 => Op::Wait(40_000),
                // A second use of the code ends its family.
                2 => poll,
                _ => Op::Wait(100_000),
            },
            if revokes { Op::Revoke { device, token, by } } else { Op::Refresh { device, token, by } },
        ]
    })
}

fn histories() -> impl Strategy<Value = (Modes, Vec<Op>)> {
    let slow_down = prop_oneof![
        Just(SlowDown::Always),
        Just(SlowDown::Strict),
        Just(SlowDown::Grace),
        Just(SlowDown::Off)
    ];
    let rotation = prop_oneof![Just(Rotation::Strict), Just(Rotation::Grace), Just(Rotation::Reuse)];
    let steps = prop_oneof![
        20 => op().prop_map(|op| vec![op]),
        1 => story_of_a_code(),
        1 => story_of_a_family(),
    ];
    (
        (slow_down, rotation, any::<bool>()),
        prop::collection::vec(steps, 0..50).prop_map(|steps| steps.concat()),
    )
}

/// Plays a history, and passes each response to the caller, with the device's state before.
fn play(modes: Modes, ops: &[Op], mut seen: impl FnMut(&'static str, Op, &Answer)) -> Result<(), String> {
    let mut world = World::new(rules(modes), DEVICES, SOURCES);
    for op in ops {
        let before = status(&world.reference, *op);
        if let Some(answer) = world.play(*op)? {
            seen(before, *op, &answer);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_history_gets_the_answers_that_the_rules_say((modes, ops) in histories()) {
        play(modes, &ops, |_, _, _| {}).map_err(TestCaseError::fail)?;
    }
}

/// Returns the first histories of a seed.
fn of_seed(seed: u8, count: usize) -> Vec<(Modes, Vec<Op>)> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    (0..count).map(|_| histories().new_tree(&mut runner).unwrap().current()).collect()
}

#[test]
fn a_seed_gives_the_same_histories_every_time_and_another_seed_gives_others() {
    assert_eq!(of_seed(1, 20), of_seed(1, 20));
    assert_ne!(of_seed(1, 20), of_seed(2, 20));
}

/// The number of histories for the coverage.
const COUNTED: usize = 1500;
/// The least count of the rarest transition: once would be luck.
const LEAST: u32 = 3;

#[test]
fn the_histories_reach_every_transition_of_the_table_and_no_other() {
    let mut counts = BTreeMap::new();
    for (modes, ops) in of_seed(7, COUNTED) {
        let note = |from: &'static str, op: Op, answer: &Answer| {
            if let Some(row) = transition(from, op, answer) {
                *counts.entry(row).or_insert(0u32) += 1;
            }
        };
        play(modes, &ops, note).unwrap();
    }
    let table = table();
    let unknown: Vec<_> = counts.keys().filter(|row| !table.contains(*row)).collect();
    assert!(unknown.is_empty(), "not in the table: {unknown:?}");
    let count = |row: &Transition| counts.get(row).copied().unwrap_or_default();
    let rarest = table.iter().min_by_key(|row| count(row)).unwrap();
    println!(
        "{} transitions in {COUNTED} histories; the rarest, {} times: {rarest:?}",
        counts.len(),
        count(rarest)
    );
    let rare: Vec<_> =
        table.iter().map(|row| (count(row), row)).filter(|(count, _)| *count < LEAST).collect();
    assert!(rare.is_empty(), "reached fewer than {LEAST} times: {rare:?}");
}

#[test]
fn the_table_has_every_fault_that_an_authority_of_one_region_can_say() {
    let said: BTreeSet<_> = oidc_proto::FaultCode::known().map(oidc_proto::FaultCode::error).collect();
    let told: BTreeSet<_> = table().into_iter().map(|(_, _, answer)| answer).collect();
    let missing: Vec<_> = said.difference(&told).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

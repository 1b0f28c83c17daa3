//! Breadth first, by levels: the states of one depth, then all of the next, on every processor.
//!
//! A state in the queue is the list of moves that leads to it, which is small and can be played again: the entropy is
//! seeded. What was seen before is known by a hash of 128 bits.

use core::time::Duration;
use std::thread;

use crate::history::World;
use crate::history::op::Op;
use crate::history::reference::Rules;
use crate::moves::{Cast, SOURCES, moves};

/// One search.
pub(crate) struct Search {
    pub(crate) name: &'static str,
    pub(crate) rules: Rules,
    pub(crate) cast: Cast,
    /// How deep to go in every test run: as deep as a second allows without optimisation.
    pub(crate) depth: usize,
    /// Of the time in `EXPLORE_SECONDS`, how much this search gets.
    pub(crate) share: f64,
}

/// How many finds are kept before those that are the same are thrown away.
const FULL: usize = 1_000_000;

/// What to search: so deep, or as deep as so much time allows.
enum Limit {
    Depth(usize),
    Time(Duration),
}

/// A state and how to get there: the place of each move in the list of the moves that there were.
type Path = Vec<u8>;

struct Found {
    key: u128,
    path: Path,
}

/// Searches, prints what was searched, and panics at the first history that breaks a law, with that history.
pub(crate) fn explore(search: &Search) {
    let Search { name, rules, cast, .. } = *search;
    let limit = limit(search);
    let start = clock();
    let root = World::new(rules, cast.devices(), SOURCES);
    let mut seen = vec![root.reference.key()];
    let mut level = vec![Path::new()];
    let (mut transitions, mut depth, mut growth) = (0u64, 0usize, 1.0f64);
    let mut last_took = Duration::ZERO;
    while !level.is_empty() && goes_on(&limit, depth, clock() - start, last_took.mul_f64(growth)) {
        let begun = clock();
        let before = level.len();
        let (found, count) = expand(&root, cast, &level, &seen);
        transitions += count;
        seen = merge(seen, found.iter().map(|found| found.key));
        level = found.into_iter().map(|found| found.path).collect();
        depth += 1;
        let states = seen.len();
        println!(
            "{name}: depth {depth}: {} new states, {states} in all, {transitions} transitions",
            level.len()
        );
        (last_took, growth) = (clock() - begun, level.len() as f64 / before as f64);
    }
    let (states, took) = (seen.len(), (clock() - start).as_secs_f64());
    println!(
        "{name}: every history to depth {depth}: {states} states, {transitions} transitions, {took:.1} s"
    );
}

fn goes_on(limit: &Limit, depth: usize, passed: Duration, next: Duration) -> bool {
    match limit {
        Limit::Depth(most) => depth < *most,
        // The next level takes longer than the last by about as much as it is larger.
        Limit::Time(time) => passed + next <= *time,
    }
}

/// The states one move further that are new, each once, with the first way there; and how many moves were made.
fn expand(root: &World, cast: Cast, level: &[Path], seen: &[u128]) -> (Vec<Found>, u64) {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    // Dealt out in turn, so that no thread gets all the rich states.
    let work = |first: usize| {
        let mut found = Vec::new();
        let (mut count, mut full) = (0u64, FULL);
        for path in level.iter().skip(first).step_by(threads) {
            count += expand_one(root, cast, path, seen, &mut found);
            // Most of what is found is found often.
            if found.len() > full {
                settle(&mut found);
                full = FULL.max(2 * found.len());
            }
        }
        settle(&mut found);
        (found, count)
    };
    let parts: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|first| scope.spawn(move || work(first))).collect();
        running.into_iter().map(|thread| thread.join().expect("a history broke a law")).collect()
    });
    let mut count = 0;
    let mut all = Vec::new();
    for (found, moves) in parts {
        all.extend(found);
        count += moves;
    }
    settle(&mut all);
    (all, count)
}

/// Each state once, with the first way there, so that a search is the same every time.
fn settle(found: &mut Vec<Found>) {
    found.sort_unstable_by(|one, other| one.key.cmp(&other.key).then_with(|| one.path.cmp(&other.path)));
    found.dedup_by_key(|found| found.key);
}

fn expand_one(root: &World, cast: Cast, path: &[u8], seen: &[u128], found: &mut Vec<Found>) -> u64 {
    let (world, history) = replay(root, cast, path);
    let moves = moves(&world, cast);
    for (at, op) in moves.iter().enumerate() {
        let mut next = world.clone();
        if let Err(what) = next.play(*op) {
            panic!("{what}\nThe history: {history:?}, then {op:?}");
        }
        let key = next.reference.key();
        if seen.binary_search(&key).is_err() {
            let mut path = path.to_vec();
            path.push(u8::try_from(at).expect("fewer than 256 moves"));
            found.push(Found { key, path });
        }
    }
    moves.len() as u64
}

fn replay(root: &World, cast: Cast, path: &[u8]) -> (World, Vec<Op>) {
    let mut world = root.clone();
    let history = path
        .iter()
        .map(|at| {
            let op = moves(&world, cast)[usize::from(*at)];
            world.play(op).expect("it went well the first time");
            op
        })
        .collect();
    (world, history)
}

/// Two sorted lists as one.
fn merge(seen: Vec<u128>, new: impl Iterator<Item = u128>) -> Vec<u128> {
    let mut all = seen;
    all.extend(new);
    // A stable sort merges two sorted runs in one pass.
    all.sort();
    all
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a search may take is the test's matter, not the crate's"
)]
fn clock() -> std::time::Instant {
    std::time::Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "how far to search is the test's matter, not the crate's")]
fn limit(search: &Search) -> Limit {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u32>().expect("a number"));
    match (number("EXPLORE_DEPTH"), number("EXPLORE_SECONDS")) {
        (Some(depth), _) => Limit::Depth(depth as usize),
        (None, Some(seconds)) => Limit::Time(Duration::from_secs(u64::from(seconds)).mul_f64(search.share)),
        (None, None) => Limit::Depth(search.depth),
    }
}

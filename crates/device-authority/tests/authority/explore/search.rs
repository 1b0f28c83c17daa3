//! The search, breadth first and by levels, on every processor.
//!
//! A queued state is its list of moves, which is small and repeatable, because the entropy is seeded. A hash
//! of 128 bits identifies known states.

use core::fmt::Debug;
use core::time::Duration;
use std::thread;

/// A state with its possible moves.
pub(crate) trait Explored: Clone + Send + Sync {
    type Op: Copy + Debug;

    /// Returns every useful move, in the same order each time.
    fn moves(&self) -> Vec<Self::Op>;

    /// Makes a move.
    ///
    /// # Errors
    /// Returns the disagreement or the broken law.
    fn play(&mut self, op: Self::Op) -> Result<(), String>;

    /// Returns a key of everything that a response can depend on.
    fn key(&self) -> u128;
}

/// One search.
pub(crate) struct Search {
    pub(crate) name: &'static str,
    /// The depth in every test run, about a second without optimisation.
    pub(crate) depth: usize,
    /// The share of `EXPLORE_SECONDS` for this search.
    pub(crate) share: f64,
}

/// The number of new states after which duplicates are removed.
const FULL: usize = 1_000_000;

/// The limit of a search: a depth, or a time.
enum Limit {
    Depth(usize),
    Time(Duration),
}

/// The way to a state: the index of each move in the list of possible moves.
type Path = Vec<u8>;

struct Found {
    key: u128,
    path: Path,
}

/// Searches, prints the counts, and panics with the first history that breaks a law.
pub(crate) fn explore<W: Explored>(root: &W, search: &Search) {
    let name = search.name;
    let limit = limit(search);
    let start = clock();
    let mut seen = vec![root.key()];
    let mut level = vec![Path::new()];
    let (mut transitions, mut depth, mut growth) = (0u64, 0usize, 1.0f64);
    let mut last_took = Duration::ZERO;
    while !level.is_empty() && goes_on(&limit, depth, clock() - start, last_took.mul_f64(growth)) {
        let begun = clock();
        let before = level.len();
        let (found, count) = expand(root, &level, &seen);
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
        // The next level takes longer than the last in proportion to its size.
        Limit::Time(time) => passed + next <= *time,
    }
}

/// Returns the new states one move further, each once, with the first path to it, and the number of moves
/// made.
fn expand<W: Explored>(root: &W, level: &[Path], seen: &[u128]) -> (Vec<Found>, u64) {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    // Dealt out in turn, so that no thread gets all expensive states.
    let work = |first: usize| {
        let mut found = Vec::new();
        let (mut count, mut full) = (0u64, FULL);
        for path in level.iter().skip(first).step_by(threads) {
            count += expand_one(root, path, seen, &mut found);
            // Most new states are found repeatedly.
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

/// Keeps each state once, with the first path to it, so that a search is deterministic.
fn settle(found: &mut Vec<Found>) {
    found.sort_unstable_by(|one, other| one.key.cmp(&other.key).then_with(|| one.path.cmp(&other.path)));
    found.dedup_by_key(|found| found.key);
}

fn expand_one<W: Explored>(root: &W, path: &[u8], seen: &[u128], found: &mut Vec<Found>) -> u64 {
    let (world, history) = replay(root, path);
    let moves = world.moves();
    for (at, op) in moves.iter().enumerate() {
        let mut next = world.clone();
        if let Err(what) = next.play(*op) {
            panic!("{what}\nThe history: {history:?}, then {op:?}");
        }
        let key = next.key();
        if seen.binary_search(&key).is_err() {
            let mut path = path.to_vec();
            path.push(u8::try_from(at).expect("fewer than 256 moves"));
            found.push(Found { key, path });
        }
    }
    moves.len() as u64
}

fn replay<W: Explored>(root: &W, path: &[u8]) -> (W, Vec<W::Op>) {
    let mut world = root.clone();
    let history = path
        .iter()
        .map(|at| {
            let op = world.moves()[usize::from(*at)];
            world.play(op).expect("it went well the first time");
            op
        })
        .collect();
    (world, history)
}

/// Merges two sorted lists.
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

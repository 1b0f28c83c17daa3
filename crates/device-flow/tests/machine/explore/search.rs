//! The search: breadth first, one history length after the other, on two threads.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

use super::node::{Next, Node};
use crate::model::changes::{Change, is_end};
use crate::model::reference::{Ask, Settings};

const CORES: usize = 2;

/// The share of states that are reached again from the beginning.
const REPLAY_ONE_IN: u64 = 64;

/// The counts of the search.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) states: usize,
    /// The number of inputs tried.
    steps: u64,
    ends: u64,
    replays: u64,
    /// All histories up to this length were tried.
    pub(crate) depth: u32,
    /// No longer history leads to a new state.
    exhausted: bool,
    took: Duration,
    pub(crate) changes: BTreeSet<Change>,
    widths: Vec<usize>,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} states, {} transitions ({} of them to an end), {} replayed from the start, in {:.1} s",
            self.states,
            self.steps,
            self.ends,
            self.replays,
            self.took.as_secs_f64()
        )?;
        let more = if self.exhausted { "there are no others" } else { "longer ones exist" };
        writeln!(f, "every history of up to {} inputs; {more}", self.depth)?;
        writeln!(f, "new states by length: {:?}", self.widths)?;
        let ends: BTreeSet<_> = self.changes.iter().map(|(_, _, to)| *to).collect();
        let ends: Vec<_> = ends.into_iter().filter(|to| is_end(to)).collect();
        write!(f, "{} changes of state; ends: {}", self.changes.len(), ends.join(", "))
    }
}

/// The result of one thread.
#[derive(Default)]
struct Found {
    nodes: BTreeMap<u64, Node>,
    figures: Figures,
    /// Whether it finished its share.
    whole: bool,
}

/// Returns the initial states. Their numbers are small, so a code lives for a few polls and every boundary is
/// near. One flow has a cached registration, one has none and may poll at once, and one cannot replace its
/// own.
fn roots() -> Vec<Node> {
    [(true, false, None), (false, true, None), (true, true, Some(Ask::Register))]
        .into_iter()
        .map(|(cached, eager, missing)| {
            Node::root(Settings { cached, eager, missing, retry_window: 6_000, max_backoff: 8_000 })
        })
        .collect()
}

/// Tries every history of up to `depth` inputs, within `seconds`.
pub(crate) fn explore(depth: u32, seconds: Option<Duration>) -> Figures {
    #[expect(clippy::disallowed_methods, reason = "how long the search takes is no part of what it checks")]
    let clock = Instant::now;
    let begin = clock();
    let in_time = || seconds.is_none_or(|limit| clock().duration_since(begin) < limit);
    let mut figures = Figures::default();
    let mut level = roots();
    let mut seen: Vec<u64> = level.iter().map(Node::key).collect();
    seen.sort_unstable();
    figures.widths.push(level.len());
    while figures.depth < depth && in_time() {
        let share = level.len().div_ceil(CORES);
        let parts: Vec<Found> = std::thread::scope(|scope| {
            let (seen, in_time) = (&seen, &in_time);
            let parts: Vec<_> =
                level.chunks(share).map(|nodes| scope.spawn(move || expand(nodes, seen, in_time))).collect();
            parts.into_iter().map(|part| part.join().expect("no rule is broken")).collect()
        });
        let mut nodes = BTreeMap::new();
        let mut whole = true;
        for part in parts {
            whole &= part.whole;
            nodes.extend(part.nodes);
            figures.steps += part.figures.steps;
            figures.ends += part.figures.ends;
            figures.replays += part.figures.replays;
            figures.changes.extend(part.figures.changes);
        }
        seen.extend(nodes.keys());
        seen.sort_unstable();
        level = nodes.into_values().collect();
        figures.widths.push(level.len());
        if !whole {
            break;
        }
        figures.depth += 1;
        if level.is_empty() {
            figures.exhausted = true;
            break;
        }
    }
    figures.states = seen.len();
    figures.took = clock().duration_since(begin);
    figures
}

/// Applies every input to each of these states, and keeps the new states.
fn expand(level: &[Node], seen: &[u64], in_time: &impl Fn() -> bool) -> Found {
    let mut found = Found { whole: true, ..Found::default() };
    for (at, node) in level.iter().enumerate() {
        if at % 32 == 0 && !in_time() {
            found.whole = false;
            break;
        }
        node.check_resuming_changes_nothing();
        if node.key() % REPLAY_ONE_IN == 0 {
            node.check_against_replay();
            found.figures.replays += 1;
        }
        for input in node.inputs() {
            let changes = match node.step(input) {
                Next::Nothing => continue,
                Next::End(changes) => {
                    found.figures.ends += 1;
                    changes
                }
                Next::Node(next, changes) => {
                    let key = next.key();
                    if seen.binary_search(&key).is_err() {
                        found.nodes.entry(key).or_insert(*next);
                    }
                    changes
                }
            };
            found.figures.steps += 1;
            found.figures.changes.extend(changes);
        }
    }
    found
}

//! Explores every short history. It drives the machine through all sequences of inputs, breadth first, and
//! compares each step with the documented rules and the reference.
//!
//! States that differ only in time count as one, and codes live for seconds, so the search is finite. A
//! release build exhausts it in about a minute. `EXPLORE_DEPTH` is the longest history in inputs,
//! `EXPLORE_SECONDS` the time limit:
//!
//! ```text
//! EXPLORE_SECONDS=120 cargo test --release -p device-flow --test machine explore:: -- --nocapture
//! ```

mod node;
mod rules;
mod search;

use std::time::Duration;

use crate::model::changes::{Kind, changes_of_the_table};

/// The longest history in an ordinary test run, a few seconds of a debug build.
const DEPTH: u32 = 5;

/// Reads a number from the environment, for runs that are longer than a test.
fn setting(name: &str) -> Option<u64> {
    #[expect(
        clippy::disallowed_methods,
        reason = "only this run's size comes from outside, not what it checks"
    )]
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect("a whole number"))
}

#[test]
fn no_short_history_breaks_a_rule() {
    let seconds = setting("EXPLORE_SECONDS").map(Duration::from_secs);
    let depth = setting("EXPLORE_DEPTH").map(|depth| u32::try_from(depth).expect("a depth"));
    // An ordinary test sets neither. With a time limit alone, the depth has no limit.
    let depth = depth.unwrap_or_else(|| if seconds.is_some() { u32::MAX } else { DEPTH });
    let figures = search::explore(depth, seconds);
    println!("{figures}");
    // Codes, and three polls without an endpoint, with a wait before each.
    let is_too_long = |change| change == ("Poll", Kind::PlainRefusal, "Refused") && figures.depth < 8;
    let reached = |change| figures.changes.contains(&change) || is_too_long(change);
    let missing: Vec<_> = changes_of_the_table()
        .into_iter()
        // Without a registration endpoint, such a flow ends before its history begins.
        .filter(|change| change.1 != Kind::UnsupportedOperation && !reached(*change))
        .collect();
    println!("transitions of the table that were not met: {missing:?}");
    assert!(figures.states > 1_000, "the explorer stands still");
    assert!(figures.depth < DEPTH || missing.is_empty(), "deep enough, but never met: {missing:?}");
}

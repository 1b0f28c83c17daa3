//! Every short history: the machine is driven through all sequences of inputs, breadth first, and at every step it must
//! keep the rules of its documentation and say what the reference says.
//!
//! States that differ only in when they happen are one state, and with codes that live for seconds there is an end to
//! them: in about a minute of a release build the search has been everywhere. `EXPLORE_DEPTH` is how many inputs long a
//! history may be, `EXPLORE_SECONDS` how long to go on:
//!
//! ```text
//! EXPLORE_SECONDS=120 cargo test --release -p device-flow --test explore -- --nocapture
//! ```

#[path = "../model/changes.rs"]
mod changes;
#[path = "../model/model.rs"]
mod model;
mod node;
#[path = "../model/pair.rs"]
mod pair;
#[path = "../model/rows.rs"]
mod rows;
mod rules;
mod search;

use std::time::Duration;

use changes::{Kind, changes_of_the_table};

/// How long a history is in an ordinary test run: as long as a debug build takes a few seconds for.
const DEPTH: u32 = 5;

/// A number from the environment, for runs that take longer than a test may.
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
    // With neither, an ordinary test; with a time alone, as deep as it gets.
    let depth = depth.unwrap_or_else(|| if seconds.is_some() { u32::MAX } else { DEPTH });
    let figures = search::explore(depth, seconds);
    println!("{figures}");
    // Codes, and three polls that find nothing at the endpoint, with a wait before each.
    let is_too_long = |change| change == ("Poll", Kind::PlainRefusal, "Refused") && figures.depth < 8;
    let reached = |change| figures.changes.contains(&change) || is_too_long(change);
    let missing: Vec<_> = changes_of_the_table()
        .into_iter()
        // A flow that would register where nobody can has ended before there is a history.
        .filter(|change| change.1 != Kind::NotOffered && !reached(*change))
        .collect();
    println!("transitions of the table that were not met: {missing:?}");
    assert!(figures.states > 1_000, "the explorer stands still");
    assert!(figures.depth < DEPTH || missing.is_empty(), "deep enough, but never met: {missing:?}");
}

//! Every short history: all sequences of what two clients, two devices, a person and an attacker can do, up to a depth.
//!
//! States that differ only in when they happen are one state, so the number of states grows far slower than that of
//! sequences. On every step the store is held against the reference, in its answer and in its records, and the laws are
//! checked. In a test run the depth is small; `cargo xtask explore` goes as deep as its time allows.

#[path = "../common/mod.rs"]
mod common;
#[path = "../history/mod.rs"]
mod history;
mod moves;
mod search;

use device_authority::{Rotation, SlowDown};
use history::reference::Rules;
use moves::Cast;
use search::{Search, explore};

/// Short lives, all different, so that each end can come before and after each other one.
const fn rules(slow_down: SlowDown, rotation: Rotation) -> Rules {
    Rules {
        slow_down,
        rotation,
        rotation_grace: 3_000,
        interval: 5_000,
        device_ttl: 13_000,
        remember: 9_000,
        registration_ttl: 31_000,
        chain_ttl: 17_000,
        window: 7_000,
        per_source: 2,
        everyone: 3,
    }
}

#[test]
fn no_short_history_breaks_a_law_where_every_early_poll_is_slowed_down() {
    explore(&Search {
        name: "strict",
        rules: rules(SlowDown::Strict, Rotation::Strict),
        cast: Cast::Full,
        depth: 5,
        share: 0.55,
    });
}

#[test]
fn no_short_history_breaks_a_law_where_one_early_poll_is_forgiven() {
    explore(&Search {
        name: "grace",
        rules: rules(SlowDown::Grace, Rotation::Grace),
        cast: Cast::Full,
        depth: 4,
        share: 0.15,
    });
}

#[test]
fn no_longer_history_of_one_device_breaks_a_law() {
    // With fewer to take part, more of what they do: a code approved, collected, refreshed, rotated, replayed and asked anew.
    explore(&Search {
        name: "one device",
        rules: rules(SlowDown::Strict, Rotation::Strict),
        cast: Cast::Small,
        depth: 6,
        share: 0.15,
    });
}

#[test]
fn no_longer_history_of_one_device_breaks_a_law_where_a_used_refresh_token_may_pass_for_a_moment() {
    explore(&Search {
        name: "one device, graced",
        rules: rules(SlowDown::Strict, Rotation::Grace),
        cast: Cast::Small,
        depth: 6,
        share: 0.15,
    });
}

//! Explores every short history: all sequences of actions of two clients, two devices, a person and an
//! attacker, up to a depth. The same for authorization codes, with an attacker who learns every code.
//!
//! States that differ only in time count as one, so states grow far more slowly than sequences. Every step
//! compares the store's response and records with the reference, and checks the laws. In a test run the depth
//! is small; `cargo xtask explore` uses all its time.

mod codes;
mod moves;
mod search;

use device_authority::{Rotation, SlowDown};

use self::codes::{Codes, SignIns};
use self::moves::{Cast, Devices};
use self::search::{Search, explore};
use crate::history::reference::Rules;

/// Returns rules with short lives, all different, so that each can end before and after any other.
const fn rules(slow_down: SlowDown, rotation: Rotation) -> Rules {
    Rules {
        slow_down,
        rotation,
        rotation_grace: 3_000,
        // The two graces belong to the same kind of service.
        device_grace: if matches!(rotation, Rotation::Grace) { 2_000 } else { 0 },
        interval: 5_000,
        device_ttl: 13_000,
        remember: 9_000,
        registration_ttl: 31_000,
        family_ttl: 17_000,
        access_ttl: 19_000,
        window: 7_000,
        per_source: 2,
        everyone: 2,
        in_crowd: 1,
        ceiling: 3,
    }
}

#[test]
fn no_short_history_breaks_a_law_where_every_early_poll_is_slowed_down() {
    explore(
        &Devices::new(rules(SlowDown::Strict, Rotation::Strict), Cast::Full),
        &Search { name: "strict", depth: 5, share: 0.45 },
    );
}

#[test]
fn no_short_history_breaks_a_law_where_one_early_poll_is_forgiven() {
    explore(
        &Devices::new(rules(SlowDown::Grace, Rotation::Grace), Cast::Full),
        &Search { name: "grace", depth: 4, share: 0.15 },
    );
}

#[test]
fn no_longer_history_of_one_device_breaks_a_law() {
    // Fewer participants, and more actions: a code approved, collected, refreshed, rotated, replayed and
    // requested again.
    explore(
        &Devices::new(rules(SlowDown::Strict, Rotation::Strict), Cast::Small),
        &Search { name: "one device", depth: 6, share: 0.15 },
    );
}

#[test]
fn no_longer_history_of_one_device_breaks_a_law_where_a_used_refresh_token_may_pass_for_a_moment() {
    explore(
        &Devices::new(rules(SlowDown::Strict, Rotation::Grace), Cast::Small),
        &Search { name: "one device, graced", depth: 6, share: 0.15 },
    );
}

#[test]
fn no_short_history_of_authorization_codes_breaks_a_law() {
    explore(&Codes::new(SignIns::Refreshable), &Search { name: "codes", depth: 5, share: 0.06 });
}

#[test]
fn no_short_history_of_authorization_codes_without_refresh_tokens_breaks_a_law() {
    explore(&Codes::new(SignIns::Short), &Search { name: "codes, short", depth: 5, share: 0.04 });
}

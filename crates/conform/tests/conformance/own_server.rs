//! This project's server keeps every rule.

use std::time::Duration;

use device_conform::{Client, Outcome, Report};
use sso_oidc_server::{Capacity, FileStore};

use crate::server::{Kind, World, unchanged};

/// Returns the ids of the checks that were not made.
#[track_caller]
fn not_made(report: &Report) -> Vec<&'static str> {
    for checked in &report.checks {
        let is_kept = matches!(checked.outcome, Outcome::Pass | Outcome::NotMade(_));
        assert!(is_kept, "{report}");
    }
    let left_out = report.checks.iter().filter(|checked| matches!(checked.outcome, Outcome::NotMade(_)));
    left_out.map(|checked| checked.check.id).collect()
}

fn check(kind: Kind) -> Report {
    let mut world = World::new(kind);
    world.guesses = 5;
    world.check(unchanged()).0
}

#[test]
fn a_client_that_registers_itself_sees_every_rule_kept() {
    let of_secrets = ["6749-2.3-two-methods", "6749-3.2.1-no-secret", "6749-5.2-wrong-secret"];
    assert_eq!(not_made(&check(Kind::Registered)), of_secrets);
}

#[test]
fn a_client_with_a_secret_sees_every_rule_kept_wherever_it_sends_the_secret() {
    for kind in [Kind::Confidential, Kind::Basic] {
        let of_others =
            ["7591-3.2.1-created", "7591-3.2.1-client-id", "9700-4.14.2-rotation", "9700-4.14.2-old-token"];
        assert_eq!(not_made(&check(kind)), of_others);
    }
}

#[test]
fn a_server_that_keeps_its_records_in_a_file_keeps_every_rule_as_well() {
    let directory = tempfile::tempdir().unwrap();
    for kind in [Kind::Registered, Kind::Public, Kind::Confidential, Kind::Basic] {
        let mut world = World::new(kind);
        world.guesses = 5;
        let in_memory = not_made(&world.check(unchanged()).0);
        let path = directory.path().join(format!("{kind:?}"));
        world.config = world.config.with_store(FileStore::open(&path, Capacity::default()).unwrap());
        let (report, _) = world.check(unchanged());
        assert_eq!(not_made(&report), in_memory);
        assert!(path.exists());
    }
}

#[test]
fn a_second_client_that_the_server_does_not_know_proves_nothing() {
    let world = World { other: Client::public("stranger"), ..World::new(Kind::Public) };
    let left_out = not_made(&world.check(unchanged()).0);
    for id in ["6749-5.2-other-client", "6749-10.4-client"] {
        assert!(left_out.contains(&id), "{id}: {left_out:?}");
    }
}

#[test]
fn a_server_with_a_grace_for_device_codes_has_codes_that_are_good_twice() {
    let mut world = World::new(Kind::Public);
    world.config.policy.device_grace = Duration::from_secs(30);
    let (report, _) = world.check(unchanged());
    let failed = report.checks.iter().filter(|checked| matches!(checked.outcome, Outcome::Fail(_)));
    let failed: Vec<_> = failed.map(|checked| checked.check.id).collect();
    assert_eq!(failed, ["6749-10.5-single-use", "6749-10.5-at-once"], "{report}");
}

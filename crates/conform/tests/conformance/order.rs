//! The order of a run: no request spoils the check of another one, and nothing is left behind.

use device_conform::{CHECKS, Outcome, Report, Step};
use serde_json::json;

use crate::server::{Answer, Asked, Kind, World, unchanged};

#[track_caller]
fn outcome<'a>(report: &'a Report, id: &str) -> &'a Outcome {
    &report.checks.iter().find(|checked| checked.check.id == id).unwrap().outcome
}

#[test]
fn wrong_codes_are_tried_last_so_that_a_limit_of_guesses_blocks_nothing_else() {
    // After the first wrong code the server refuses this machine for an hour.
    let mut blocked = false;
    let strict = move |asked: &Asked<'_>| {
        blocked |= asked.step == Step::Guess;
        match blocked {
            true => Answer::json(429, "{}").header("retry-after", "3600"),
            false => asked.pass_on(),
        }
    };
    let world = World { guesses: 5, ..World::new(Kind::Public) };
    let (report, sent) = world.check(Box::new(strict));
    assert_eq!((report.tally().failed, report.tally().warned), (0, 0), "{report}");
    for id in ["6749-5.1-approved", "8628-3.5-denied", "8628-3.5-expired", "8628-5.1-guesses"] {
        assert_eq!(*outcome(&report, id), Outcome::Pass, "{report}");
    }
    assert_eq!(report.stopped, None, "the pause concerns nothing that is left to do");
    assert_eq!(sent.earlier.last().unwrap().0, Step::Guess);
    assert_eq!(report.requests, sent.earlier.len());
}

#[test]
fn the_tokens_of_a_run_are_revoked_at_its_end() {
    let (report, sent) = World::new(Kind::Public).check(unchanged());
    let last = sent.earlier.iter().filter(|(step, _)| *step == Step::LastRevocation);
    assert_eq!(last.count(), 2, "those of two approvals; the check of revocation ends the third");
    assert_eq!((report.tokens_revoked, report.tokens_left), (3, 0), "{report}");
    assert!(!sent.has_live_refresh_token());
    assert!(report.to_string().contains("\nThe tokens of this run were revoked: 3.\n"), "{report}");
}

#[test]
fn a_report_tells_of_tokens_that_stay_valid_and_why() {
    let silent = |asked: &Asked<'_>| match asked.step {
        Step::Metadata => asked.pass_on().remove("revocation_endpoint"),
        _ => asked.pass_on(),
    };
    let (report, sent) = World::new(Kind::Public).check(Box::new(silent));
    assert_eq!((report.tokens_revoked, report.tokens_left), (0, 3), "{report}");
    assert!(sent.has_live_refresh_token());
    let text = report.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    let why = "tokens of this run that may be valid: 3; no revocation endpoint is known that can be used";
    assert!(text.contains(why), "{text}");

    let refused = |asked: &Asked<'_>| match asked.step {
        Step::LastRevocation => Answer::error("invalid_request"),
        _ => asked.pass_on(),
    };
    let (report, _) = World::new(Kind::Public).check(Box::new(refused));
    assert_eq!((report.tokens_revoked, report.tokens_left), (1, 2), "{report}");
}

#[test]
fn a_server_that_gives_a_token_to_every_poll_gets_no_more_revocations_than_the_limit_allows() {
    let generous = |asked: &Asked<'_>| match asked.step {
        Step::CrowdPoll => {
            let number = asked.earlier.len();
            let token = json!({"access_token": format!("token {number}"), "token_type": "Bearer"});
            Answer::json(200, &token.to_string())
        }
        _ => asked.pass_on(),
    };
    let (report, sent) = World::new(Kind::Public).check(Box::new(generous));
    let last = sent.earlier.iter().filter(|(step, _)| *step == Step::LastRevocation);
    assert_eq!(last.count(), 6);
    // The replay brings a token, too. Our server takes the revocation of every token.
    assert_eq!((report.tokens_revoked, report.tokens_left), (7, 8), "{report}");
    assert!(report.to_string().contains("a run revokes at most 6"), "{report}");
    assert!(report.requests <= report.max_requests);
}

#[test]
fn without_tokens_there_is_nothing_to_revoke() {
    let (report, sent) = World { limit: 20, ..World::new(Kind::Public) }.check(unchanged());
    assert!(sent.earlier.iter().all(|(step, _)| *step != Step::LastRevocation));
    assert_eq!((report.tokens_revoked, report.tokens_left), (0, 0));
    assert!(!report.to_string().contains("of this run"), "{report}");
}

#[test]
fn an_empty_scope_is_compared_with_a_request_that_has_none() {
    // A server that wants a scope refuses both, and keeps the rule.
    let wants_scope = |asked: &Asked<'_>| match asked.step {
        Step::NoScope | Step::EmptyParameter => Answer::error("invalid_scope"),
        _ => asked.pass_on(),
    };
    let (report, _) = World::new(Kind::Public).check(Box::new(wants_scope));
    assert_eq!((report.tally().failed, report.tally().warned), (0, 0), "{report}");
    // Without a scope of the caller the usual request has none.
    let world = World { scope: &[], ..World::new(Kind::Public) };
    let (report, sent) = world.check(unchanged());
    assert!(sent.earlier.iter().all(|(step, _)| *step != Step::NoScope));
    assert_eq!(*outcome(&report, "8628-3.1-empty-parameter"), Outcome::Pass, "{report}");
    let refused = |asked: &Asked<'_>| match asked.step {
        Step::EmptyParameter => Answer::error("invalid_scope"),
        _ => asked.pass_on(),
    };
    let (report, _) = world.check(Box::new(refused));
    assert!(matches!(outcome(&report, "8628-3.1-empty-parameter"), Outcome::Fail(_)), "{report}");
}

#[test]
fn the_address_of_the_metadata_stands_for_its_issuer_with_or_without_a_slash() {
    let path = "/.well-known/openid-configuration";
    for slash in ["", "/"] {
        let ended = move |asked: &Asked<'_>| {
            let answer = asked.pass_on();
            let issuer = answer.text("issuer").filter(|_| asked.step == Step::Metadata);
            match issuer {
                Some(issuer) => answer.set("issuer", format!("{issuer}{slash}")),
                None => answer,
            }
        };
        let (report, _) = World { path, ..World::new(Kind::Public) }.check(Box::new(ended));
        assert_eq!((report.tally().failed, report.tally().warned), (0, 0), "{report}");
        assert!(!report.issuer.contains("well-known"), "{}", report.issuer);
        // A caller who writes the issuer knows its last character.
        let (report, _) = World::new(Kind::Public).check(Box::new(ended));
        let is_kept = *outcome(&report, "8414-3.3-issuer") == Outcome::Pass;
        assert_eq!(is_kept, slash.is_empty(), "{report}");
    }
}

#[test]
fn the_rules_of_the_device_authorization_request_have_the_number_of_its_section() {
    for name in ["unknown-parameter", "empty-parameter", "repeated-parameter"] {
        let id = format!("8628-3.1-{name}");
        assert!(CHECKS.iter().any(|check| check.id == id), "{id}");
    }
}

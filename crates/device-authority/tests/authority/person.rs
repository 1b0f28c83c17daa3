//! The person's side: review, decision, and the limit on guesses.

use core::net::IpAddr;
use core::time::Duration;
use device_authority::{GuessLimit, PersonError, ServerPolicy, Source, UserDecision};
use oidc_proto::{FaultCode, RegisterClientRequest};

use crate::common::{Bench, START_URL};

fn source(text: &str) -> Option<Source> {
    Some(Source::of(text.parse::<IpAddr>().unwrap()))
}

fn look(bench: &mut Bench, from: Option<Source>, code: &str) -> Result<(), PersonError> {
    bench.store.review(&bench.policy, from, code, bench.now).map(|_| ())
}

fn try_to(bench: &mut Bench, code: &str, verdict: UserDecision) -> Result<(), PersonError> {
    bench.store.decide(&bench.policy, None, code, verdict, bench.now)
}

#[test]
fn a_person_sees_who_asks_for_what_since_when_and_for_how_long() {
    let mut bench = Bench::new(ServerPolicy::default());
    let ask = RegisterClientRequest::new("my tool").with_scopes(["sso:account:access"]);
    let client = bench.register(&ask).unwrap().client;
    let device = bench.start(&client).unwrap();
    bench.wait(90.0);
    let review = bench.store.review(&bench.policy, None, &device.user_code, bench.now).unwrap();
    assert_eq!(review.client_name, "my tool");
    assert_eq!(review.scopes, ["sso:account:access"]);
    assert_eq!(review.start_url.as_deref(), Some(START_URL));
    assert_eq!(review.asked, Duration::from_secs(90));
    assert_eq!(review.left, Duration::from_secs(510));
    assert_eq!(review.user_code.to_string(), device.user_code);
}

#[test]
fn looking_decides_nothing() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.client();
    let device = bench.start(&client).unwrap();
    assert_eq!(look(&mut bench, None, &device.user_code), Ok(()));
    let fault = bench.poll(&client, &device.device_code).unwrap_err();
    assert_eq!(fault.code, FaultCode::AuthorizationPending);
}

#[test]
fn a_code_is_found_however_it_was_typed() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.client();
    let device = bench.start(&client).unwrap();
    let plain = device.user_code.replace('-', "").to_lowercase();
    for typed in [plain.clone(), format!(" {plain}\n"), format!("{} {}", &plain[..4], &plain[4..])] {
        assert_eq!(look(&mut bench, None, &typed), Ok(()), "{typed}");
    }
}

#[test]
fn a_decision_stands_whatever_the_second_one_is() {
    for first in [UserDecision::APPROVE, UserDecision::Deny] {
        for second in [UserDecision::APPROVE, UserDecision::Deny, UserDecision::Expire] {
            let mut bench = Bench::new(ServerPolicy::default());
            let client = bench.client();
            let device = bench.start(&client).unwrap();
            bench.person(&device.user_code, first);
            assert_eq!(try_to(&mut bench, &device.user_code, second), Err(PersonError::Decided));
            let outcome = bench.poll(&client, &device.device_code);
            assert_eq!(outcome.is_ok(), first == UserDecision::APPROVE);
        }
    }
}

#[test]
fn a_code_that_was_collected_cannot_be_decided_on_again() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.client();
    let device = bench.start(&client).unwrap();
    bench.person(&device.user_code, UserDecision::APPROVE);
    assert!(bench.poll(&client, &device.device_code).is_ok());
    assert_eq!(look(&mut bench, None, &device.user_code), Err(PersonError::Decided));
    assert_eq!(try_to(&mut bench, &device.user_code, UserDecision::APPROVE), Err(PersonError::Decided));
}

#[test]
fn an_expired_code_cannot_be_decided_on() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.client();
    let device = bench.start(&client).unwrap();
    bench.wait(600.0);
    assert_eq!(look(&mut bench, None, &device.user_code), Err(PersonError::Expired));
    assert_eq!(try_to(&mut bench, &device.user_code, UserDecision::APPROVE), Err(PersonError::Expired));
    let expired = bench.start(&client).unwrap();
    bench.person(&expired.user_code, UserDecision::Expire);
    assert_eq!(try_to(&mut bench, &expired.user_code, UserDecision::APPROVE), Err(PersonError::Expired));
}

#[test]
fn an_unknown_code_is_unknown() {
    let mut bench = Bench::new(ServerPolicy::default());
    for code in ["BCDF-GHJK", "", "1234-5678", "<script>"] {
        assert_eq!(look(&mut bench, None, code), Err(PersonError::Unknown), "{code}");
        assert_eq!(try_to(&mut bench, code, UserDecision::APPROVE), Err(PersonError::Unknown), "{code}");
    }
}

#[test]
fn over_the_limit_a_right_code_is_refused_too_and_another_source_is_not() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.client();
    let device = bench.start(&client).unwrap();
    let guesser = source("192.0.2.1");
    for _ in 0..10 {
        assert_eq!(look(&mut bench, guesser, "BBBB-BBBB"), Err(PersonError::Unknown));
    }
    let refused = look(&mut bench, guesser, &device.user_code);
    assert!(matches!(refused, Err(PersonError::TooManyGuesses(_))), "{refused:?}");
    let code = device.user_code.as_str();
    let refused = bench.store.decide(&bench.policy, guesser, code, UserDecision::APPROVE, bench.now);
    assert!(matches!(refused, Err(PersonError::TooManyGuesses(_))), "{refused:?}");
    assert_eq!(look(&mut bench, source("192.0.2.2"), code), Ok(()));
    assert_eq!(look(&mut bench, None, code), Ok(()), "a trusted caller is not limited");
}

#[test]
fn a_right_code_does_not_reset_the_count() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.client();
    let guesser = source("192.0.2.1");
    for _ in 0..10 {
        let own = bench.start(&client).unwrap();
        assert_eq!(look(&mut bench, guesser, &own.user_code), Ok(()));
        assert_eq!(look(&mut bench, guesser, "BBBB-BBBB"), Err(PersonError::Unknown));
    }
    let own = bench.start(&client).unwrap();
    let got = look(&mut bench, guesser, &own.user_code);
    assert!(matches!(got, Err(PersonError::TooManyGuesses(_))), "{got:?}");
}

#[test]
fn the_count_starts_anew_when_the_window_has_passed() {
    let mut bench = Bench::new(ServerPolicy::default());
    let guesser = source("192.0.2.1");
    for _ in 0..10 {
        let _ = look(&mut bench, guesser, "BBBB-BBBB");
        bench.wait(1.0);
    }
    match look(&mut bench, guesser, "BBBB-BBBB") {
        Err(PersonError::TooManyGuesses(limit)) => assert_eq!(limit.wait, Duration::from_secs(50)),
        other => panic!("{other:?}"),
    }
    bench.wait(50.0);
    assert_eq!(look(&mut bench, guesser, "BBBB-BBBB"), Err(PersonError::Unknown));
}

#[test]
fn guesses_from_everywhere_are_limited_together() {
    let limit = GuessLimit::default().with_everyone(5);
    let mut bench = Bench::new(ServerPolicy::default().with_guesses(limit));
    for i in 0..5 {
        assert_eq!(look(&mut bench, source(&format!("192.0.2.{i}")), "BBBB-BBBB"), Err(PersonError::Unknown));
    }
    let refused = look(&mut bench, source("192.0.2.9"), "BBBB-BBBB");
    assert!(matches!(refused, Err(PersonError::TooManyGuesses(_))), "{refused:?}");
}

#[test]
fn one_ipv6_network_is_one_source_and_a_mapped_address_is_its_ipv4_one() {
    assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
    assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
    assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
    assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
}

#[test]
fn a_clock_that_steps_back_does_not_lock_a_person_out_for_longer_than_a_window() {
    let mut bench = Bench::new(ServerPolicy::default());
    let guesser = source("192.0.2.1");
    for _ in 0..10 {
        let _ = look(&mut bench, guesser, "BBBB-BBBB");
    }
    bench.step_back(86_400);
    assert_eq!(look(&mut bench, guesser, "BBBB-BBBB"), Err(PersonError::Unknown));
    match look(&mut bench, guesser, "BBBB-BBBB") {
        Err(PersonError::TooManyGuesses(limit)) => assert_eq!(limit.wait, Duration::from_secs(60)),
        other => panic!("{other:?}"),
    }
    bench.wait(60.0);
    assert_eq!(look(&mut bench, guesser, "BBBB-BBBB"), Err(PersonError::Unknown));
}

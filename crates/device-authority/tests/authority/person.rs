//! The person's side: review and decision.

use core::time::Duration;
use device_authority::{PersonError, ServerPolicy, Source, UserDecision};
use oidc_proto::{FaultCode, RegisterClientRequest};

use crate::common::{Bench, START_URL};

pub(crate) fn look(bench: &mut Bench, from: Option<Source>, code: &str) -> Result<(), PersonError> {
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
fn an_unknown_code_is_unknown_and_a_text_of_another_form_is_no_code() {
    let mut bench = Bench::new(ServerPolicy::default());
    for (code, error) in [
        ("BCDF-GHJK", PersonError::Unknown),
        ("", PersonError::NotACode),
        ("1234-5678", PersonError::NotACode),
        ("BCDF-GHJ", PersonError::NotACode),
        ("<script>", PersonError::NotACode),
    ] {
        assert_eq!(look(&mut bench, None, code), Err(error), "{code}");
        assert_eq!(try_to(&mut bench, code, UserDecision::APPROVE), Err(error), "{code}");
    }
}

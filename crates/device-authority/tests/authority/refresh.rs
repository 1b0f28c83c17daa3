//! CreateToken with a refresh token.

use core::time::Duration;
use device_authority::{Rotation, Selector, ServerPolicy};
use oidc_proto::{FaultCode, RegisterClientRequest, Secret, grant_type};

use crate::common::{Bench, fault};

#[test]
fn a_refresh_gives_a_new_access_token_and_a_new_refresh_token() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.scoped_client();
    let first = bench.sign_in(&client);
    let second = bench.refresh(&client, first.refresh_token.as_ref().unwrap()).unwrap();
    assert_ne!(first.access_token, second.access_token);
    assert_ne!(first.refresh_token, second.refresh_token);
    assert_eq!(second.expires_in, Some(Duration::from_secs(3600)));
    assert!(bench.refresh(&client, second.refresh_token.as_ref().unwrap()).is_ok());
}

#[test]
fn a_refresh_token_that_comes_back_ends_the_whole_family() {
    let mut bench = Bench::new(ServerPolicy::default().with_rotation(Rotation::Strict));
    let client = bench.scoped_client();
    let first = bench.sign_in(&client).refresh_token.unwrap();
    let second = bench.refresh(&client, &first).unwrap().refresh_token.unwrap();
    let third = bench.refresh(&client, &second).unwrap().refresh_token.unwrap();
    assert_eq!(fault(bench.refresh(&client, &first)), FaultCode::InvalidGrant);
    assert_eq!(fault(bench.refresh(&client, &third)), FaultCode::InvalidGrant);
}

#[test]
fn the_end_of_one_chain_is_not_the_end_of_another() {
    let mut bench = Bench::new(ServerPolicy::default().with_rotation(Rotation::Strict));
    let client = bench.scoped_client();
    let (one, two) = (bench.sign_in(&client), bench.sign_in(&client));
    let one = one.refresh_token.unwrap();
    assert!(bench.refresh(&client, &one).is_ok());
    assert_eq!(fault(bench.refresh(&client, &one)), FaultCode::InvalidGrant);
    assert!(bench.refresh(&client, &two.refresh_token.unwrap()).is_ok());
}

#[test]
fn a_refresh_token_of_another_client_is_refused_and_stays_good_for_its_own() {
    let mut bench = Bench::new(ServerPolicy::default());
    let (owner, another) = (bench.scoped_client(), bench.scoped_client());
    let token = bench.sign_in(&owner).refresh_token.unwrap();
    assert_eq!(fault(bench.refresh(&another, &token)), FaultCode::InvalidGrant);
    assert!(bench.refresh(&owner, &token).is_ok());
}

#[test]
fn a_chain_ends_90_days_after_the_sign_in_however_often_it_was_refreshed() {
    let mut bench = Bench::new(ServerPolicy::default().with_registration_ttl(Duration::MAX));
    let client = bench.scoped_client();
    let mut token = bench.sign_in(&client).refresh_token.unwrap();
    for _ in 0..89 {
        bench.wait(86_400.0);
        token = bench.refresh(&client, &token).unwrap().refresh_token.unwrap();
    }
    bench.wait(86_399.0);
    token = bench.refresh(&client, &token).unwrap().refresh_token.unwrap();
    bench.wait(1.0);
    assert_eq!(fault(bench.refresh(&client, &token)), FaultCode::InvalidGrant);
}

#[test]
fn a_text_that_never_was_a_refresh_token_is_refused() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.scoped_client();
    for text in [String::new(), "x".to_owned(), "x".repeat(86), "é".repeat(50)] {
        assert_eq!(fault(bench.refresh(&client, &Secret::new(text))), FaultCode::InvalidGrant);
    }
}

#[test]
fn a_client_that_registered_without_the_refresh_grant_may_not_refresh() {
    let mut bench = Bench::new(ServerPolicy::default());
    let mut ask = RegisterClientRequest::new("tool");
    ask.grant_types = vec![grant_type::DEVICE_CODE.to_owned()];
    let client = bench.register(&ask).unwrap().client;
    assert_eq!(fault(bench.refresh(&client, &Secret::new("x".repeat(86)))), FaultCode::UnauthorizedClient);
}

#[test]
fn a_token_used_twice_within_a_minute_gives_an_access_token_and_the_same_successor_both_times() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.scoped_client();
    let first = bench.sign_in(&client).refresh_token.unwrap();
    let one = bench.refresh(&client, &first).unwrap();
    for seconds in [0.0, 30.0, 29.9] {
        bench.wait(seconds);
        let again = bench.refresh(&client, &first).unwrap();
        assert_eq!(again.refresh_token, one.refresh_token);
        assert_ne!(again.access_token, one.access_token);
    }
    assert!(bench.refresh(&client, &one.refresh_token.unwrap()).is_ok());
}

#[test]
fn a_token_used_again_after_its_minute_ends_the_family() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.scoped_client();
    let first = bench.sign_in(&client).refresh_token.unwrap();
    let second = bench.refresh(&client, &first).unwrap().refresh_token.unwrap();
    bench.wait(60.0);
    assert_eq!(fault(bench.refresh(&client, &first)), FaultCode::InvalidGrant);
    assert_eq!(fault(bench.refresh(&client, &second)), FaultCode::InvalidGrant);
}

#[test]
fn processes_that_take_turns_with_tokens_of_the_last_minute_all_keep_their_session() {
    // Four of them read the same token, and each overwrites the others' result.
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.scoped_client();
    let mut cached = bench.sign_in(&client).refresh_token.unwrap();
    for _ in 0..20 {
        let read = [cached.clone(), cached.clone(), cached.clone(), cached.clone()];
        for token in &read {
            cached = bench.refresh(&client, token).unwrap().refresh_token.unwrap();
            bench.wait(7.0);
        }
    }
}

#[test]
fn a_chain_moves_on_at_most_once_a_minute_so_that_no_used_token_is_lost_to_another() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.scoped_client();
    let first = bench.sign_in(&client).refresh_token.unwrap();
    let second = bench.refresh(&client, &first).unwrap().refresh_token.unwrap();
    bench.wait(59.0);
    let same = bench.refresh(&client, &second).unwrap().refresh_token.unwrap();
    assert_eq!(same, second);
    assert!(bench.refresh(&client, &first).is_ok(), "not a minute after its first use");
    bench.wait(1.0);
    assert_ne!(bench.refresh(&client, &second).unwrap().refresh_token.unwrap(), second);
    assert!(bench.refresh(&client, &second).is_ok(), "used at 59 s as well as at 60 s");
}

#[test]
fn a_clock_that_steps_back_takes_no_grace_away() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.scoped_client();
    let first = bench.sign_in(&client).refresh_token.unwrap();
    assert!(bench.refresh(&client, &first).is_ok());
    bench.step_back(3600);
    assert!(bench.refresh(&client, &first).is_ok());
}

#[test]
fn a_grace_does_not_outlive_its_chain_nor_serve_another_client() {
    let minutes = Duration::from_secs(100);
    let mut bench = Bench::new(ServerPolicy::default().with_refresh_ttl(minutes));
    let (client, another) = (bench.scoped_client(), bench.scoped_client());
    let first = bench.sign_in(&client).refresh_token.unwrap();
    bench.wait(50.0);
    assert!(bench.refresh(&client, &first).is_ok());
    assert_eq!(fault(bench.refresh(&another, &first)), FaultCode::InvalidGrant);
    bench.wait(49.0);
    assert!(bench.refresh(&client, &first).is_ok());
    bench.wait(1.0);
    assert_eq!(fault(bench.refresh(&client, &first)), FaultCode::InvalidGrant);
}

#[test]
fn a_made_up_token_with_the_selector_of_a_chain_gets_no_grace() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.scoped_client();
    let first = bench.sign_in(&client).refresh_token.unwrap();
    assert!(bench.refresh(&client, &first).is_ok());
    let made_up = Secret::new(format!("{}{}", &first.expose()[..Selector::LEN], "x".repeat(64)));
    assert_eq!(fault(bench.refresh(&client, &made_up)), FaultCode::InvalidGrant);
}

#[test]
fn a_token_that_may_be_reused_has_no_successor_and_ends_with_its_family() {
    let policy =
        ServerPolicy::default().with_rotation(Rotation::Reuse).with_refresh_ttl(Duration::from_secs(3600));
    let mut bench = Bench::new(policy);
    let client = bench.scoped_client();
    let token = bench.sign_in(&client).refresh_token.unwrap();
    for _ in 0..9 {
        let answer = bench.refresh(&client, &token).unwrap();
        assert_eq!(answer.refresh_token.as_ref(), Some(&token));
        bench.wait(400.0);
    }
    assert_eq!(fault(bench.refresh(&client, &token)), FaultCode::InvalidGrant);
}

#[test]
fn a_made_up_token_does_not_end_a_chain_whose_token_may_be_reused() {
    let mut bench = Bench::new(ServerPolicy::default().with_rotation(Rotation::Reuse));
    let client = bench.scoped_client();
    let token = bench.sign_in(&client).refresh_token.unwrap();
    let made_up = Secret::new(format!("{}{}", &token.expose()[..Selector::LEN], "x".repeat(64)));
    assert_eq!(fault(bench.refresh(&client, &made_up)), FaultCode::InvalidGrant);
    assert!(bench.refresh(&client, &token).is_ok());
}

#[test]
fn every_refusal_of_a_refresh_token_has_the_real_services_text() {
    let mut bench = Bench::new(ServerPolicy::default().with_rotation(Rotation::Strict));
    let (client, another) = (bench.scoped_client(), bench.scoped_client());
    let token = bench.sign_in(&client).refresh_token.unwrap();
    let mut text = |client: &_, token: &Secret| bench.refresh(client, token).unwrap_err().description;
    let expected = Some("Invalid refresh token provided".to_owned());
    assert_eq!(text(&client, &Secret::from("no token")), expected);
    assert_eq!(text(&client, &Secret::new("x".repeat(86))), expected);
    assert_eq!(text(&another, &token), expected);
    assert!(bench.refresh(&client, &token).is_ok());
    let used = bench.refresh(&client, &token).unwrap_err().description;
    assert_eq!(used, expected);
}

//! CreateToken with a refresh token.

mod common;

use common::{Bench, fault};
use core::time::Duration;
use device_authority::Policy;
use oidc_proto::{FaultCode, RegisterClientRequest, Secret, grant_type};

#[test]
fn a_refresh_gives_a_new_access_token_and_a_new_refresh_token() {
    let mut bench = Bench::new(Policy::default());
    let client = bench.scoped_client();
    let first = bench.sign_in(&client);
    let second = bench.refresh(&client, first.refresh_token.as_ref().unwrap()).unwrap();
    assert_ne!(first.access_token, second.access_token);
    assert_ne!(first.refresh_token, second.refresh_token);
    assert_eq!(second.expires_in, Some(Duration::from_secs(3600)));
    assert!(bench.refresh(&client, second.refresh_token.as_ref().unwrap()).is_ok());
}

#[test]
fn a_refresh_token_that_comes_back_ends_the_whole_chain() {
    let mut bench = Bench::new(Policy::default());
    let client = bench.scoped_client();
    let first = bench.sign_in(&client).refresh_token.unwrap();
    let second = bench.refresh(&client, &first).unwrap().refresh_token.unwrap();
    let third = bench.refresh(&client, &second).unwrap().refresh_token.unwrap();
    assert_eq!(fault(bench.refresh(&client, &first)), FaultCode::InvalidGrant);
    assert_eq!(fault(bench.refresh(&client, &third)), FaultCode::InvalidGrant);
}

#[test]
fn the_end_of_one_chain_is_not_the_end_of_another() {
    let mut bench = Bench::new(Policy::default());
    let client = bench.scoped_client();
    let (one, two) = (bench.sign_in(&client), bench.sign_in(&client));
    let one = one.refresh_token.unwrap();
    assert!(bench.refresh(&client, &one).is_ok());
    assert_eq!(fault(bench.refresh(&client, &one)), FaultCode::InvalidGrant);
    assert!(bench.refresh(&client, &two.refresh_token.unwrap()).is_ok());
}

#[test]
fn a_refresh_token_of_another_client_is_refused_and_stays_good_for_its_own() {
    let mut bench = Bench::new(Policy::default());
    let (owner, thief) = (bench.scoped_client(), bench.scoped_client());
    let token = bench.sign_in(&owner).refresh_token.unwrap();
    assert_eq!(fault(bench.refresh(&thief, &token)), FaultCode::InvalidGrant);
    assert!(bench.refresh(&owner, &token).is_ok());
}

#[test]
fn a_chain_ends_90_days_after_the_sign_in_however_often_it_was_refreshed() {
    let mut bench = Bench::new(Policy::default().with_registration_ttl(Duration::MAX));
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
    let mut bench = Bench::new(Policy::default());
    let client = bench.scoped_client();
    for text in [String::new(), "x".to_owned(), "x".repeat(86), "é".repeat(50)] {
        assert_eq!(fault(bench.refresh(&client, &Secret::new(text))), FaultCode::InvalidGrant);
    }
}

#[test]
fn a_client_that_registered_without_the_refresh_grant_may_not_refresh() {
    let mut bench = Bench::new(Policy::default());
    let mut ask = RegisterClientRequest::new("tool");
    ask.grant_types = vec![grant_type::DEVICE_CODE.to_owned()];
    let client = bench.register(&ask).unwrap().client;
    assert_eq!(fault(bench.refresh(&client, &Secret::new("x".repeat(86)))), FaultCode::UnauthorizedClient);
}

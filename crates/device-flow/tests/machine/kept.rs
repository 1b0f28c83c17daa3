//! The session that a program keeps, and the rule of refresh.

use core::time::Duration;

use device_flow::{Policy, Reply, Session, SignedIn};
use oidc_proto::{Endpoint, Secret, Token, UnixSeconds, grant_type};

use crate::scenario::{Scenario, authorization, policy, secs, service, token};

/// A time in 2027.
const WALL: UnixSeconds = UnixSeconds::new(1_800_000_000);

fn signed_in(token: Token) -> SignedIn {
    let mut scenario = Scenario::polling(policy().with_scopes(["a", "b"]), authorization());
    scenario.poll(Reply::Granted(token));
    scenario.flow.into_result(scenario.now + secs(2)).unwrap()
}

fn session() -> Session {
    Session::new(signed_in(token().with_refresh_token(Secret::from("r1"))), WALL)
}

#[test]
fn a_session_dies_with_its_token_whose_life_counts_from_the_request() {
    let session = session();
    // The token's request was sent two seconds ago.
    assert_eq!(session.expires_at, Some(UnixSeconds::new(1_800_028_798)));
    let margin = secs(300);
    assert!(!session.is_due(UnixSeconds::new(1_800_028_497), margin));
    assert!(session.is_due(UnixSeconds::new(1_800_028_498), margin));
    let mut unknown = token();
    unknown.expires_in = None;
    let session = Session::new(signed_in(unknown), WALL);
    assert!(session.expires_at.is_none() && !session.is_due(UnixSeconds::new(i64::MAX), Duration::MAX));
}

#[test]
fn what_was_granted_counts_and_what_was_asked_for_where_nothing_is_said() {
    assert_eq!(session().scopes, ["a", "b"]);
    let mut granted = token();
    granted.scope = Some(vec!["a".to_owned()]);
    assert_eq!(Session::new(signed_in(granted), WALL).scopes, ["a"]);
}

#[test]
fn a_refresh_keeps_what_the_answer_leaves_out() {
    let mut session = session();
    let request = session.refresh_request().unwrap();
    assert_eq!(request.grant.grant_type(), grant_type::REFRESH_TOKEN);
    assert_eq!(request.client, session.registration.client);
    session.refresh(Token::bearer(Secret::from("a2"), secs(60)), WALL);
    assert_eq!(session.token.refresh_token, Some(Secret::from("r1")));
    assert_eq!((session.expires_at, session.scopes.len()), (Some(UnixSeconds::new(1_800_000_060)), 2));

    let mut rotated = Token::bearer(Secret::from("a3"), secs(60)).with_refresh_token(Secret::from("r2"));
    rotated.scope = Some(vec!["b".to_owned()]);
    session.refresh(rotated, WALL);
    assert_eq!(session.token.refresh_token, Some(Secret::from("r2")));
    assert_eq!(session.scopes, ["b"]);
    assert!(Session::new(signed_in(token()), WALL).refresh_request().is_none());
}

#[test]
fn a_session_knows_its_service_and_tells_no_secret() {
    let session = session();
    let own = policy().with_scopes(["b"]);
    assert!(session.is_for(&service(), &own));
    let elsewhere = Endpoint::for_region("us-east-1").unwrap().into();
    assert!(!session.is_for(&elsewhere, &own) && !session.is_from(&elsewhere));
    assert!(!session.is_for(&service(), &own.with_scopes(["c"])), "it has not this scope");
    let another = Policy::aws("https://d-9999999999.awsapps.com/start").with_scopes(["b"]);
    assert!(!session.is_for(&service(), &another), "two portals of a region share their service");
    let shown = format!("{session:?}");
    for secret in ["access-token", "r1", "client-secret"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let text = serde_json::to_string(&session).unwrap();
    assert!(text.contains("access-token"), "kept in the clear, as it says");
    assert_eq!(serde_json::from_str::<Session>(&text).unwrap(), session);
}

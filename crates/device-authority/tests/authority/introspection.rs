//! Introspection (RFC 7662): the states of a token, and to whom they are told.

use core::time::Duration;

use device_authority::{ClientRecord, Rotation, ServerPolicy, UserDecision};
use oidc_proto::oauth::{ActiveToken, Introspection, IntrospectionRequest, RevocationRequest};
use oidc_proto::{Client, FaultCode, Secret, Token};

use crate::common::{Bench, fault};

fn bench(policy: ServerPolicy) -> (Bench, Client) {
    let mut bench = Bench::new(policy);
    let client = bench.scoped_client();
    (bench, client)
}

/// Returns the state of a token by each hint, which must be the same.
fn state(bench: &Bench, client: &Client, token: &Secret) -> Option<ActiveToken> {
    let ask = |request| match bench.store.introspect_token(&bench.policy, &request, bench.now).unwrap() {
        Introspection::Active(token) => Some(token),
        Introspection::Inactive => None,
    };
    let by_access = ask(IntrospectionRequest::access_token(client.clone(), token.clone()));
    let by_refresh = ask(IntrospectionRequest::refresh_token(client.clone(), token.clone()));
    assert_eq!(by_access, by_refresh, "a hint only says where to look first");
    by_access
}

fn refresh_token(token: &Token) -> &Secret {
    token.refresh_token.as_ref().unwrap()
}

#[test]
fn a_valid_token_of_each_kind_is_active_for_its_client() {
    let (mut bench, client) = bench(ServerPolicy::default());
    let token = bench.sign_in(&client);
    let access = state(&bench, &client, &token.access_token).unwrap();
    assert_eq!(
        (access.client_id.as_str(), access.token_type.as_deref()),
        (client.id.as_str(), Some("Bearer"))
    );
    assert_eq!((access.scope, access.subject), (token.scope.clone().unwrap(), Some("person".to_owned())));
    assert_eq!(access.expires_at.get(), 1_700_003_600);
    let refresh = state(&bench, &client, refresh_token(&token)).unwrap();
    assert_eq!((refresh.token_type, refresh.scope), (None, token.scope.unwrap()));
    assert_eq!(refresh.expires_at.get(), 1_700_000_000 + 7_776_000);
}

#[test]
fn another_clients_token_is_as_inactive_as_an_unknown_one() {
    let (mut bench, client) = bench(ServerPolicy::default());
    let other = bench.scoped_client();
    let token = bench.sign_in(&client);
    for text in [&token.access_token, refresh_token(&token), &Secret::new("x".repeat(86)), &Secret::from("x")]
    {
        assert_eq!(state(&bench, &other, text), None);
    }
    assert!(state(&bench, &client, &token.access_token).is_some());
}

#[test]
fn a_client_that_does_not_prove_itself_learns_nothing() {
    let (mut bench, client) = bench(ServerPolicy::default());
    let token = bench.sign_in(&client);
    let thief = Client::new(client.id.clone(), Secret::from("guess"));
    for who in [thief, Client::public(client.id.clone()), Client::public("nobody")] {
        let request = IntrospectionRequest::access_token(who, token.access_token.clone());
        let refused = bench.store.introspect_token(&bench.policy, &request, bench.now);
        assert_eq!(fault(refused), FaultCode::InvalidClient);
    }
}

#[test]
fn a_token_is_inactive_after_its_life_its_revocation_and_the_end_of_its_sign_in() {
    let (mut bench, client) = bench(ServerPolicy::default().with_refresh_ttl(Duration::from_secs(8 * 3600)));
    let token = bench.sign_in(&client);
    let second = bench.sign_in(&client);
    bench.wait(3600.0);
    assert_eq!(state(&bench, &client, &token.access_token), None, "its life is over");
    assert!(state(&bench, &client, refresh_token(&token)).is_some());
    let fresh = bench.refresh(&client, refresh_token(&second)).unwrap();
    let end = RevocationRequest::refresh_token(client.clone(), refresh_token(&fresh).clone());
    bench.store.revoke_token(&bench.policy, &end, bench.now).unwrap();
    for ended in [&fresh.access_token, refresh_token(&fresh)] {
        assert_eq!(state(&bench, &client, ended), None, "its sign-in has ended");
    }
    bench.wait(7.0 * 3600.0);
    assert_eq!(state(&bench, &client, refresh_token(&token)), None, "the sign-in is over");
}

#[test]
fn a_rotated_refresh_token_is_inactive_once_its_grace_ends_and_asking_ends_nothing() {
    let (mut bench, client) = bench(ServerPolicy::default());
    let old = bench.sign_in(&client);
    let new = bench.refresh(&client, refresh_token(&old)).unwrap();
    assert!(state(&bench, &client, refresh_token(&old)).is_some(), "it is in its grace");
    bench.wait(60.0);
    assert_eq!(state(&bench, &client, refresh_token(&old)), None);
    assert!(state(&bench, &client, refresh_token(&new)).is_some());
    bench.refresh(&client, refresh_token(&new)).unwrap();

    let (mut bench, client) = self::bench(ServerPolicy::default().with_rotation(Rotation::Strict));
    let old = bench.sign_in(&client);
    bench.refresh(&client, refresh_token(&old)).unwrap();
    assert_eq!(state(&bench, &client, refresh_token(&old)), None, "without a grace it ends at once");
}

#[test]
fn a_code_is_no_token() {
    let (mut bench, client) = bench(ServerPolicy::default());
    let device = bench.start(&client).unwrap();
    bench.person(&device.user_code, UserDecision::APPROVE);
    assert_eq!(state(&bench, &client, &device.device_code), None);
}

#[test]
fn a_client_of_the_operator_may_ask_too() {
    let record = ClientRecord::preconfigured(Client::public("fixed"), Some(vec!["openid".to_owned()]));
    let (mut bench, client) = bench(ServerPolicy::default().with_client(record));
    let fixed = Client::public("fixed");
    let token = bench.sign_in(&fixed);
    assert!(state(&bench, &fixed, &token.access_token).is_some());
    assert_eq!(state(&bench, &client, &token.access_token), None);
}

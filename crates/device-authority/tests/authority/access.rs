//! Access tokens at the portal: valid for their life, and no longer than their sign-in.

use device_authority::{AccessRecord, Capacity, Rotation, ServerPolicy};
use oidc_proto::oauth::RevocationRequest;
use oidc_proto::portal::PortalFault;
use oidc_proto::{Client, Fault, FaultCode, Secret, Token};

use crate::common::{Bench, START_URL, fault};

fn at_portal(bench: &Bench, token: &Secret) -> Result<AccessRecord, Fault> {
    bench.store.recognize_token(token, bench.now).cloned()
}

#[track_caller]
fn is_valid(bench: &Bench, token: &Secret) -> bool {
    at_portal(bench, token)
        .inspect_err(|fault| assert_eq!(PortalFault::of(fault), PortalFault::Unauthorized))
        .is_ok()
}

fn revoke(bench: &mut Bench, client: &Client, token: &Secret) -> Result<(), Fault> {
    let request = RevocationRequest::access_token(client.clone(), token.clone());
    bench.store.revoke_token(&bench.policy, &request, bench.now)
}

fn refreshed(bench: &mut Bench, client: &Client, token: &Token) -> Token {
    bench.refresh(client, token.refresh_token.as_ref().unwrap()).unwrap()
}

#[test]
fn an_access_token_of_each_grant_is_valid_until_its_last_instant_and_knows_its_portal() {
    let mut bench = Bench::new(ServerPolicy::default());
    let (plain, scoped, coded) = (bench.client(), bench.scoped_client(), bench.code_client());
    let code = bench.code(&coded);
    let of_code = bench.redeem(&coded, &code).unwrap();
    let of_device = bench.sign_in(&scoped);
    let of_refresh = refreshed(&mut bench, &scoped, &of_device);
    let short = [(&of_code, &coded), (&of_device, &scoped), (&of_refresh, &scoped)];
    for (token, client) in short {
        let record = at_portal(&bench, &token.access_token).unwrap();
        assert_eq!(record.client_id, client.id);
        let portal = (*client == scoped).then_some(START_URL);
        assert_eq!(record.start_url.as_deref(), portal, "the code client registered without one");
    }
    let long = bench.sign_in(&plain);
    bench.wait(3_599.0);
    assert!(short.iter().all(|(token, _)| is_valid(&bench, &token.access_token)));
    bench.wait(1.0);
    assert!(!short.iter().any(|(token, _)| is_valid(&bench, &token.access_token)));
    assert!(is_valid(&bench, &long.access_token), "without scopes it lasts eight hours");
}

#[test]
fn logout_ends_every_token_of_the_sign_in_and_no_other() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.scoped_client();
    let (one, other) = (bench.sign_in(&client), bench.sign_in(&client));
    let later = refreshed(&mut bench, &client, &one);
    bench.store.logout(&one.access_token, bench.now).unwrap();
    for token in [&one, &later] {
        assert!(!is_valid(&bench, &token.access_token));
        let refresh_token = token.refresh_token.as_ref().unwrap();
        assert_eq!(fault(bench.refresh(&client, refresh_token)), FaultCode::InvalidGrant);
    }
    assert!(is_valid(&bench, &other.access_token));
    let again = bench.store.logout(&one.access_token, bench.now).unwrap_err();
    assert_eq!(PortalFault::of(&again), PortalFault::Unauthorized);

    let plain = bench.client();
    let token = bench.sign_in(&plain).access_token;
    bench.store.logout(&token, bench.now).unwrap();
    assert!(!is_valid(&bench, &token), "a sign-in without refresh tokens ends too");
}

#[test]
fn a_replay_and_a_revoked_family_end_the_access_tokens() {
    let mut bench = Bench::new(ServerPolicy::default().with_rotation(Rotation::Strict));
    let client = bench.scoped_client();
    let first = bench.sign_in(&client);
    let second = refreshed(&mut bench, &client, &first);
    assert!(is_valid(&bench, &first.access_token) && is_valid(&bench, &second.access_token));
    assert!(bench.refresh(&client, first.refresh_token.as_ref().unwrap()).is_err());
    assert!(!is_valid(&bench, &first.access_token) && !is_valid(&bench, &second.access_token));

    let third = bench.sign_in(&client);
    let request = RevocationRequest::refresh_token(client.clone(), third.refresh_token.unwrap());
    bench.store.revoke_token(&bench.policy, &request, bench.now).unwrap();
    assert!(!is_valid(&bench, &third.access_token));
}

#[test]
fn a_revoked_access_token_ends_alone_and_only_its_client_may_revoke_it() {
    let mut bench = Bench::new(ServerPolicy::default());
    let (client, another) = (bench.scoped_client(), bench.scoped_client());
    let first = bench.sign_in(&client);
    let second = refreshed(&mut bench, &client, &first);
    assert_eq!(fault(revoke(&mut bench, &another, &first.access_token)), FaultCode::InvalidGrant);
    assert!(is_valid(&bench, &first.access_token));
    revoke(&mut bench, &client, &first.access_token).unwrap();
    assert!(!is_valid(&bench, &first.access_token) && is_valid(&bench, &second.access_token));
    revoke(&mut bench, &client, &first.access_token).unwrap(); // it is invalid already
    refreshed(&mut bench, &client, &second);
}

#[test]
fn a_made_up_token_with_the_selector_of_another_is_invalid_and_revokes_nothing() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.scoped_client();
    let token = bench.sign_in(&client).access_token;
    let made_up = Secret::new(format!("{}{}", &token.expose()[..22], "x".repeat(64)));
    for invented in [&made_up, &Secret::from(""), &Secret::from("short")] {
        assert!(!is_valid(&bench, invented));
        assert!(bench.store.logout(invented, bench.now).is_err());
        revoke(&mut bench, &client, invented).unwrap();
    }
    assert!(is_valid(&bench, &token));
}

#[test]
fn a_full_table_of_access_tokens_drops_the_one_that_ends_first() {
    let capacity = Capacity::default().with_access(2);
    let mut bench = Bench::with_capacity(ServerPolicy::default(), capacity);
    let client = bench.scoped_client();
    let tokens: Vec<Token> = (0..3)
        .map(|_| {
            bench.wait(1.0);
            bench.sign_in(&client)
        })
        .collect();
    let valid: Vec<bool> = tokens.iter().map(|token| is_valid(&bench, &token.access_token)).collect();
    assert_eq!((valid, bench.store.counts().access), (vec![false, true, true], 2));
    bench.wait(3_601.0);
    bench.sign_in(&client);
    assert_eq!(bench.store.counts().access, 1, "expired ones are removed with the next token");
}

//! CreateToken with an authorization code: the checks, their order, single use, and what an attacker can do.

use core::time::Duration;
use device_authority::{NoEntropy, Selector, ServerPolicy, UserDecision};
use oidc_proto::{Client, CreateTokenRequest, FaultCode, Secret, pkce};

use crate::common::{
    Bench, CALLBACK, REDIRECT, code_grant, code_registration, code_request, fault, verifier,
};

fn bench() -> (Bench, Client) {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.code_client();
    (bench, client)
}

#[test]
fn a_code_brings_the_same_tokens_as_a_device() {
    let (mut bench, client) = bench();
    let device_client = bench.scoped_client();
    let from_device = bench.sign_in(&device_client);
    let code = bench.code(&client);
    let token = bench.redeem(&client, &code).unwrap();
    assert_eq!(token.expires_in, from_device.expires_in);
    assert_eq!(token.token_type, from_device.token_type);
    assert_eq!(token.scope, from_device.scope);
    let next = bench.refresh(&client, &token.refresh_token.unwrap()).unwrap();
    assert_eq!(next.expires_in, Some(Duration::from_secs(3600)));

    let bare = bench.register(&code_registration()).unwrap().client;
    let code = bench.code(&bare);
    let token = bench.redeem(&bare, &code).unwrap();
    assert_eq!((token.expires_in, token.refresh_token), (Some(Duration::from_secs(8 * 3600)), None));
}

#[test]
fn the_requested_scopes_are_granted_and_no_others() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.register(&code_registration().with_scopes(["read", "write"])).unwrap().client;
    let request = code_request(&client).with_scope(["read"]);
    let code = bench.authorize(&request, UserDecision::APPROVE).unwrap();
    let token = bench.redeem(&client, &code).unwrap();
    assert_eq!(token.scope, Some(vec!["read".to_owned()]));
    let next = bench.refresh(&client, &token.refresh_token.unwrap()).unwrap();
    assert_eq!(next.scope, Some(vec!["read".to_owned()]));
}

#[test]
fn the_checks_come_in_their_order_and_a_failed_one_changes_nothing() {
    let (mut bench, client) = bench();
    let another = bench.code_client();
    let code = bench.code(&client);
    bench.redeem(&client, &code).unwrap();
    bench.wait(60.0); // spent and expired
    let selector = Selector::of(&code).unwrap();
    let before = bench.store.code(selector).cloned();
    let with_wrong_secret = Client::new(client.id.clone(), Secret::from("wrong"));
    let elsewhere = Some("http://127.0.0.1:1/oauth/callback");
    // Everything about it is wrong; each step puts one thing right.
    let unknown = Secret::new("x".repeat(86));
    for (by, code, at, proof, expected, why) in [
        (&with_wrong_secret, &unknown, elsewhere, None, FaultCode::InvalidClient, "Invalid client"),
        (&another, &unknown, elsewhere, None, FaultCode::InvalidGrant, "Invalid grant provided"),
        (&another, &code, elsewhere, None, FaultCode::InvalidGrant, "Invalid grant provided"),
        (&client, &code, elsewhere, None, FaultCode::InvalidGrant, "redirect_uri"),
        (&client, &code, Some(CALLBACK), None, FaultCode::InvalidGrant, "code_verifier is missing"),
        (
            &client,
            &code,
            Some(CALLBACK),
            Some(pkce::verifier(&[8; 32])),
            FaultCode::InvalidGrant,
            "does not match",
        ),
    ] {
        let refused = bench.token(by, code_grant(code, at, proof)).unwrap_err();
        assert_eq!(refused.code, expected);
        assert!(refused.to_string().contains(why), "{refused}, not {why}");
        assert_eq!(bench.store.code(selector).cloned(), before);
        assert_eq!(bench.store.counts().families, 1);
    }
    // Used comes before expired: the replay revokes.
    let replay = bench.redeem(&client, &code).unwrap_err();
    assert!(replay.to_string().contains("Invalid grant provided"), "{replay}");
    assert_eq!(bench.store.counts().families, 0);
    let late = bench.code(&client);
    bench.wait(60.0);
    let expired = bench.redeem(&client, &late).unwrap_err();
    assert_eq!(expired.code, FaultCode::InvalidGrant);
    assert!(expired.to_string().contains("has expired"), "{expired}");
}

#[test]
fn one_who_has_only_the_code_can_neither_use_it_nor_spend_it_nor_end_the_sign_in() {
    let (mut bench, client) = bench();
    let code = bench.code(&client);
    let challenge = code_request(&client).code_challenge.map(Secret::new);
    let guesses = [
        None,
        Some(pkce::verifier(&[8; 32])),
        Some(Secret::from("")),
        Some(Secret::from("short")),
        // What the method `plain` would accept; it has travelled through the browser.
        challenge,
    ];
    for guess in &guesses {
        let attempt = code_grant(&code, Some(CALLBACK), guess.clone());
        assert_eq!(fault(bench.token(&client, attempt)), FaultCode::InvalidGrant);
    }
    let token = bench.redeem(&client, &code).unwrap();
    for guess in guesses {
        let attempt = code_grant(&code, Some(CALLBACK), guess);
        assert_eq!(fault(bench.token(&client, attempt)), FaultCode::InvalidGrant);
    }
    assert!(bench.refresh(&client, &token.refresh_token.unwrap()).is_ok());
}

#[test]
fn a_code_is_good_once_and_its_replay_ends_the_sign_in() {
    let (mut bench, client) = bench();
    let (code, other) = (bench.code(&client), bench.code(&client));
    let token = bench.redeem(&client, &code).unwrap();
    let next = bench.refresh(&client, &token.refresh_token.unwrap()).unwrap();
    let untouched = bench.redeem(&client, &other).unwrap();
    assert_eq!(fault(bench.redeem(&client, &code)), FaultCode::InvalidGrant);
    assert_eq!(fault(bench.refresh(&client, &next.refresh_token.unwrap())), FaultCode::InvalidGrant);
    assert!(bench.refresh(&client, &untouched.refresh_token.unwrap()).is_ok(), "another sign-in goes on");
}

#[test]
fn a_replay_ends_a_sign_in_without_refresh_tokens_too() {
    let mut bench = Bench::new(ServerPolicy::default());
    let bare = bench.register(&code_registration()).unwrap().client;
    let (code, other) = (bench.code(&bare), bench.code(&bare));
    let (token, untouched) = (bench.redeem(&bare, &code).unwrap(), bench.redeem(&bare, &other).unwrap());
    assert_eq!(token.refresh_token, None);
    // A thief of the code alone ends nothing.
    let stolen = code_grant(&code, Some(CALLBACK), Some(pkce::verifier(&[8; 32])));
    assert_eq!(fault(bench.token(&bare, stolen)), FaultCode::InvalidGrant);
    assert!(bench.store.recognize_token(&token.access_token, bench.now).is_ok());

    assert_eq!(fault(bench.redeem(&bare, &code)), FaultCode::InvalidGrant);
    assert!(bench.store.recognize_token(&token.access_token, bench.now).is_err());
    assert!(bench.store.recognize_token(&untouched.access_token, bench.now).is_ok());
    assert_eq!(fault(bench.redeem(&bare, &code)), FaultCode::InvalidGrant, "a third use finds nothing");
}

#[test]
fn a_code_of_another_client_is_as_good_as_none() {
    let (mut bench, owner) = bench();
    let another = bench.code_client();
    let code = bench.code(&owner);
    let stolen = bench.redeem(&another, &code).unwrap_err();
    let unknown = bench.redeem(&another, &Secret::new("x".repeat(86))).unwrap_err();
    assert_eq!(stolen, unknown);
    assert_eq!(stolen.code, FaultCode::InvalidGrant);
    assert!(bench.redeem(&owner, &code).is_ok(), "the attempt has cost the owner nothing");
}

#[test]
fn the_redirect_uri_is_that_of_the_request_to_the_last_character() {
    let (mut bench, client) = bench();
    let code = bench.code(&client);
    let longer = format!("{CALLBACK}/");
    for at in [None, Some(REDIRECT), Some("http://127.0.0.1:49153/oauth/callback"), Some(&longer), Some("")] {
        let attempt = code_grant(&code, at, Some(verifier()));
        assert_eq!(fault(bench.token(&client, attempt)), FaultCode::InvalidGrant, "{at:?}");
    }
    assert!(bench.redeem(&client, &code).is_ok());
}

#[test]
fn every_character_of_a_code_counts() {
    let (mut bench, client) = bench();
    let code = bench.code(&client);
    let right = code.expose();
    for i in 0..right.len() {
        let mut wrong = right.as_bytes().to_vec();
        wrong[i] = if wrong[i] == b'A' { b'B' } else { b'A' };
        let wrong = Secret::new(String::from_utf8(wrong).unwrap());
        assert_eq!(fault(bench.redeem(&client, &wrong)), FaultCode::InvalidGrant, "{i}");
    }
    for wrong in [&right[..85], &format!("{right}A"), &right[..22], ""] {
        assert_eq!(fault(bench.redeem(&client, &Secret::from(wrong))), FaultCode::InvalidGrant);
    }
    assert!(bench.redeem(&client, &code).is_ok());
}

#[test]
fn a_code_expires_a_minute_after_its_approval() {
    let (mut bench, client) = bench();
    let (early, late) = (bench.code(&client), bench.code(&client));
    bench.wait(59.999);
    assert!(bench.redeem(&client, &early).is_ok());
    bench.wait(0.001);
    assert_eq!(fault(bench.redeem(&client, &late)), FaultCode::InvalidGrant);
    let policy = ServerPolicy::default().with_code_ttl(Duration::from_secs(5));
    let mut short = Bench::new(policy);
    let client = short.code_client();
    let code = short.code(&client);
    short.wait(5.0);
    assert_eq!(fault(short.redeem(&client, &code)), FaultCode::InvalidGrant);
}

#[test]
fn a_code_that_was_issued_expired_brings_nothing() {
    let (mut bench, client) = bench();
    let code = bench.authorize(&code_request(&client), UserDecision::Expire).unwrap();
    let refused = bench.redeem(&client, &code).unwrap_err();
    assert!(refused.to_string().contains("has expired"), "{refused}");
}

#[test]
fn a_client_without_the_grant_is_refused_before_its_code_is_looked_at() {
    let (mut bench, client) = bench();
    let code = bench.code(&client);
    let device_client = bench.client();
    assert_eq!(fault(bench.redeem(&device_client, &code)), FaultCode::UnauthorizedClient);
    assert_eq!(fault(bench.redeem(&device_client, &Secret::from("c"))), FaultCode::UnauthorizedClient);
    assert_eq!(fault(bench.start(&client)), FaultCode::UnauthorizedClient, "nor the other way round");
}

#[test]
fn without_entropy_a_code_stays_good() {
    let (mut bench, client) = bench();
    let code = bench.code(&client);
    let request =
        CreateTokenRequest::new(client.clone(), code_grant(&code, Some(CALLBACK), Some(verifier())));
    let mut broken = |_: &mut [u8]| Err(NoEntropy::new());
    let reply = bench.store.create_token(&bench.policy, &request, bench.now, &mut broken);
    assert_eq!(fault(reply), FaultCode::InternalServer);
    assert!(bench.redeem(&client, &code).is_ok());
}

#[test]
fn a_code_is_no_device_code_and_a_device_code_no_code() {
    let (mut bench, client) = bench();
    let device_client = bench.client();
    let device = bench.start(&device_client).unwrap();
    bench.person(&device.user_code, UserDecision::APPROVE);
    let code = bench.code(&client);
    assert_eq!(fault(bench.redeem(&client, &device.device_code)), FaultCode::InvalidGrant);
    assert_eq!(fault(bench.poll(&device_client, &code)), FaultCode::InvalidGrant);
    assert_eq!(fault(bench.refresh(&client, &code)), FaultCode::InvalidGrant);
}

//! The ID token of a token response: which responses have one, and what it says (OpenID Connect Core §2 and §12).

use core::time::Duration;
use std::sync::Mutex;

use device_authority::{
    Exchanged, IdTokenClaims, ServerPolicy, Store, Subject, UserDecision, authorize_form,
};
use oidc_proto::{
    AuthorizationRequest, Client, CreateTokenRequest, Grant, Parameter, RegisterClientRequest, Secret, Token,
};
use serde_json::{Value, json};

use crate::common::{Bench, CALLBACK, code_grant, code_registration, code_request, entropy, verifier};

/// Performs a CreateToken request at the store, as a server does.
fn present(bench: &mut Bench, client: &Client, grant: Grant, scope: &[&str]) -> Exchanged {
    let mut request = CreateTokenRequest::new(client.clone(), grant);
    request.scope = scope.iter().map(|scope| (*scope).to_owned()).collect();
    let memory = Mutex::new(bench.store.clone());
    let store: &dyn Store = &memory;
    let mut rng = fastrand::Rng::with_seed(bench.now.since_epoch().as_secs());
    let entropy = &mut entropy(&mut rng);
    let exchanged =
        pollster::block_on(store.create_token(&bench.policy, &request, bench.now, entropy)).unwrap();
    bench.store = memory.into_inner().unwrap();
    exchanged
}

fn granted(exchanged: Exchanged) -> (Token, Option<IdTokenClaims>) {
    (exchanged.reply.unwrap(), exchanged.id_token.map(|claims| *claims))
}

fn ada() -> UserDecision {
    UserDecision::Approve(Subject::new("ada").unwrap())
}

/// Returns a client of the device flow with these scopes.
fn device_client(bench: &mut Bench, scopes: &[&str]) -> Client {
    bench.register(&RegisterClientRequest::new("tool").with_scopes(scopes.iter().copied())).unwrap().client
}

fn code_client(bench: &mut Bench, scopes: &[&str]) -> Client {
    bench.register(&code_registration().with_scopes(scopes.iter().copied())).unwrap().client
}

fn with_nonce(client: &Client, nonce: &str) -> AuthorizationRequest {
    let mut request = code_request(client).with_scope(["openid"]);
    request.parameters.push(Parameter::new("nonce", nonce).unwrap());
    request
}

fn redeemed(bench: &mut Bench, client: &Client, code: &Secret) -> (Token, Option<IdTokenClaims>) {
    granted(present(bench, client, code_grant(code, Some(CALLBACK), Some(verifier())), &[]))
}

fn said(claims: &IdTokenClaims, token: &Token) -> Value {
    serde_json::from_slice(&claims.to_json("https://id.example", &token.access_token)).unwrap()
}

#[test]
fn a_device_gets_an_id_token_about_the_person_who_approved_and_the_time_of_that() {
    let mut bench = Bench::new(ServerPolicy::default().with_id_token_ttl(Duration::from_millis(299_500)));
    let client = device_client(&mut bench, &["openid"]);
    let device = bench.start(&client).unwrap();
    bench.wait(60.0);
    bench.person(&device.user_code, ada());
    bench.wait(2.5);
    let (token, claims) = granted(present(&mut bench, &client, Grant::device_code(device.device_code), &[]));
    let said = said(&claims.unwrap(), &token);
    let at_hash = said["at_hash"].clone();
    assert_eq!(at_hash.as_str().map(str::len), Some(22), "16 bytes in base64url");
    assert_eq!(
        said,
        json!({
            "iss": "https://id.example", "sub": "ada", "aud": client.id, "iat": 1_700_000_062, "exp": 1_700_000_362,
            "auth_time": 1_700_000_060, "at_hash": at_hash,
        })
    );
}

#[test]
fn no_openid_scope_means_no_id_token() {
    let mut bench = Bench::new(ServerPolicy::default());
    for (scopes, has_one) in
        [(&["email"][..], false), (&["openid2", "xopenid", "OpenID"], false), (&["email", "openid"], true)]
    {
        let client = device_client(&mut bench, scopes);
        let device = bench.start(&client).unwrap();
        bench.person(&device.user_code, ada());
        let (_, claims) = granted(present(&mut bench, &client, Grant::device_code(device.device_code), &[]));
        assert_eq!(claims.is_some(), has_one, "{scopes:?}");
    }
    let client = device_client(&mut bench, &[]);
    let device = bench.start(&client).unwrap();
    bench.person(&device.user_code, ada());
    assert_eq!(granted(present(&mut bench, &client, Grant::device_code(device.device_code), &[])).1, None);
}

#[test]
fn a_client_with_the_scope_gets_no_id_token_for_a_request_without_it() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = code_client(&mut bench, &["openid", "email"]);
    let code = bench.authorize(&code_request(&client).with_scope(["email"]), ada()).unwrap();
    assert_eq!(redeemed(&mut bench, &client, &code).1, None);
}

#[test]
fn the_nonce_is_bound_to_its_code() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = code_client(&mut bench, &["openid"]);
    let one = bench.authorize(&with_nonce(&client, "n-one"), ada()).unwrap();
    let two = bench.authorize(&with_nonce(&client, "n-two"), ada()).unwrap();
    let none = bench.authorize(&code_request(&client).with_scope(["openid"]), ada()).unwrap();
    for (code, nonce) in [(two, json!("n-two")), (none, Value::Null), (one, json!("n-one"))] {
        let (token, claims) = redeemed(&mut bench, &client, &code);
        assert_eq!(said(&claims.unwrap(), &token)["nonce"], nonce);
    }
}

#[test]
fn the_form_of_the_page_keeps_the_nonce_too() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = code_client(&mut bench, &["openid"]);
    let mut rng = fastrand::Rng::with_seed(7);
    let code = device_authority::authorization_code(&mut entropy(&mut rng)).unwrap();
    let record = bench.store.client(&client.id);
    let (response, change) =
        authorize_form(&bench.policy, record, None, &with_nonce(&client, "n"), ada(), &code, bench.now);
    assert!(response.is_ok());
    let Some(device_authority::Change::AddCode(record)) = change else { panic!("it is stored") };
    assert_eq!(record.nonce.as_deref(), Some("n"));
}

#[test]
fn a_refresh_says_who_signed_in_and_when_and_repeats_no_nonce() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = code_client(&mut bench, &["openid", "email"]);
    let mut request = with_nonce(&client, "n");
    request.scope.push("email".to_owned());
    let code = bench.authorize(&request, ada()).unwrap();
    let (first, claims) = redeemed(&mut bench, &client, &code);
    let first_said = said(&claims.unwrap(), &first);
    bench.wait(7200.0);
    let refresh = |token: &Token| Grant::RefreshToken { refresh_token: token.refresh_token.clone().unwrap() };
    let (second, claims) = granted(present(&mut bench, &client, refresh(&first), &[]));
    let second_said = said(&claims.unwrap(), &second);
    for same in ["iss", "sub", "aud", "auth_time"] {
        assert_eq!(second_said[same], first_said[same], "{same}");
    }
    assert_eq!((&second_said["nonce"], &second_said["iat"]), (&Value::Null, &json!(1_700_007_200)));
    assert_ne!(second_said["at_hash"], first_said["at_hash"], "it belongs to another access token");

    bench.wait(7200.0);
    let (third, claims) = granted(present(&mut bench, &client, refresh(&second), &["email"]));
    assert_eq!((third.scope, claims), (Some(vec!["email".to_owned()]), None), "the scope was narrowed");
    bench.wait(7200.0);
    let fourth = Grant::RefreshToken { refresh_token: third.refresh_token.unwrap() };
    assert!(granted(present(&mut bench, &client, fourth, &["openid"])).1.is_some(), "of this one token only");
}

#[test]
fn a_refusal_has_no_id_token() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = device_client(&mut bench, &["openid"]);
    let device = bench.start(&client).unwrap();
    let grant = Grant::device_code(device.device_code);
    let pending = present(&mut bench, &client, grant.clone(), &[]);
    assert!(pending.reply.is_err() && pending.id_token.is_none());
    bench.person(&device.user_code, ada());
    bench.wait(5.0);
    assert!(present(&mut bench, &client, grant.clone(), &[]).id_token.is_some());
    let spent = present(&mut bench, &client, grant, &[]);
    assert!(spent.reply.is_err() && spent.id_token.is_none() && spent.ends_sign_in);
}

#[test]
fn a_device_code_in_its_grace_brings_an_id_token_of_the_same_person_again() {
    let mut bench = Bench::new(ServerPolicy::default().with_device_grace(Duration::from_secs(30)));
    let client = device_client(&mut bench, &["openid"]);
    let device = bench.start(&client).unwrap();
    let grant = Grant::device_code(device.device_code);
    bench.person(&device.user_code, ada());
    let (first, claims) = granted(present(&mut bench, &client, grant.clone(), &[]));
    bench.wait(5.0);
    let (again, later) = granted(present(&mut bench, &client, grant, &[]));
    assert_eq!(again.access_token, first.access_token);
    let (claims, later) = (claims.unwrap(), later.unwrap());
    assert_eq!((later.authentication, later.issued_at), (claims.authentication, claims.issued_at + 5));
}

#[test]
fn the_access_token_that_the_server_sends_is_the_one_that_is_hashed() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = device_client(&mut bench, &["openid"]);
    let device = bench.start(&client).unwrap();
    bench.person(&device.user_code, ada());
    let (token, claims) = granted(present(&mut bench, &client, Grant::device_code(device.device_code), &[]));
    let claims = claims.unwrap();
    let said = |access_token: &Secret| claims.to_json("https://id.example", access_token);
    assert_ne!(said(&token.access_token), said(&Secret::from("another")));
    let shown = format!("{claims:?}{}", String::from_utf8(said(&token.access_token)).unwrap());
    assert!(!shown.contains(token.access_token.expose()), "neither `Debug` nor the ID token has the token");
}

//! OpenID Connect over a socket: ID tokens and their keys, UserInfo, and introspection.

mod common;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use common::code::{self, CALLBACK, oauth_grant, query};
use common::{Http, Response, poll, start, text};
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sso_oidc_server::{
    Approval, Capacity, Client, Config, Memory, People, Person, Secret, Subject, TestServer,
};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn server() -> TestServer {
    with(Config::default())
}

fn with(config: Config) -> TestServer {
    let config = config.with_approval(Approval::Auto).with_client(Client::public("public"));
    TestServer::with(config.with_client(Client::new("confidential", Secret::from("s e:cret")))).unwrap()
}

/// Signs a device in with these scopes, and returns the token response.
fn sign_in(http: &mut Http, scope: &str) -> Value {
    let device = start(http, "public", scope);
    let response = poll(http, "public", &device);
    assert_eq!(response.status, 200, "{response:?}");
    response.json()
}

fn decoded(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).unwrap()
}

/// Returns the claims of an ID token if a published key verifies it, as a client would; else the id of its key.
fn verified(http: &mut Http, token: &str) -> Result<Value, String> {
    let mut parts = token.split('.');
    let [header, payload, signature] = [(); 3].map(|()| parts.next().unwrap());
    assert_eq!(parts.next(), None);
    let header: Value = serde_json::from_slice(&decoded(header)).unwrap();
    assert_eq!((text(&header, "alg"), text(&header, "typ")), ("ES256", "JWT"));
    let id = text(&header, "kid");
    let set = http.get("/jwks.json").json();
    let jwk = set["keys"].as_array().unwrap().iter().find(|key| key["kid"] == id);
    let jwk = jwk.ok_or_else(|| id.to_owned())?;
    assert_eq!((text(jwk, "use"), text(jwk, "alg")), ("sig", "ES256"));
    let point = [vec![4], decoded(text(jwk, "x")), decoded(text(jwk, "y"))].concat();
    let key = VerifyingKey::from_sec1_bytes(&point).unwrap();
    let (signed, _) = token.rsplit_once('.').unwrap();
    let signature = Signature::from_slice(&decoded(signature)).unwrap();
    key.verify(signed.as_bytes(), &signature).map_err(|_| id.to_owned())?;
    Ok(serde_json::from_slice(&decoded(payload)).unwrap())
}

/// Returns the verified claims of a token response, whose ID token must belong to its access token.
fn claims(http: &mut Http, response: &Value) -> Value {
    let claims = verified(http, text(response, "id_token")).unwrap();
    let hash = Sha256::digest(text(response, "access_token"));
    assert_eq!(text(&claims, "at_hash"), URL_SAFE_NO_PAD.encode(&hash[..16]));
    claims
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Signs in with an authorization code, and returns the token response.
fn sign_in_by_browser(http: &mut Http, changes: &[(&str, &str)]) -> Value {
    let page = http.get(&format!("/authorize?{}", query(changes)));
    let code = code::code(&page);
    let response = http.form("/oauth/token", &[], &oauth_grant(&code, "public"));
    assert_eq!(response.status, 200, "{response:?} {CALLBACK}");
    response.json()
}

fn refresh(http: &mut Http, token: &Value) -> Value {
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", text(token, "refresh_token")),
        ("client_id", "public"),
    ];
    http.form("/oauth/token", &[], &form).json()
}

#[test]
fn the_scope_openid_brings_an_id_token_that_the_published_keys_verify() {
    let server = server();
    let mut http = Http::to(&server);
    let token = sign_in(&mut http, "openid email");
    let claims = claims(&mut http, &token);
    assert_eq!(text(&claims, "iss"), server.endpoint());
    assert_eq!((text(&claims, "sub"), text(&claims, "aud")), ("person", "public"));
    let (issued, expires) = (claims["iat"].as_u64().unwrap(), claims["exp"].as_u64().unwrap());
    assert!(now().abs_diff(issued) < 60 && expires - issued == 3600, "{claims}");
    assert!(claims["auth_time"].as_u64().unwrap() <= issued);
    let members: BTreeSet<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, BTreeSet::from(["iss", "sub", "aud", "exp", "iat", "auth_time", "at_hash"]));
    for scope in ["email", ""] {
        assert_eq!(sign_in(&mut http, scope)["id_token"], Value::Null, "{scope:?}");
    }
}

#[test]
fn the_nonce_of_the_browsers_request_is_in_the_first_id_token_alone() {
    let server = server();
    let mut http = Http::to(&server);
    let token = sign_in_by_browser(&mut http, &[("nonce", "n-0S6_WzA2Mj")]);
    let first = claims(&mut http, &token);
    assert_eq!(text(&first, "nonce"), "n-0S6_WzA2Mj");
    server.advance(Duration::from_secs(1800));
    let again = refresh(&mut http, &token);
    let second = claims(&mut http, &again);
    assert_eq!((&second["nonce"], &second["auth_time"]), (&Value::Null, &first["auth_time"]));
    assert!(second["iat"].as_u64() >= first["iat"].as_u64().map(|time| time + 1800));
    let token = sign_in_by_browser(&mut http, &[]);
    assert_eq!(claims(&mut http, &token)["nonce"], Value::Null);
}

#[test]
fn awss_dialect_has_an_id_token_only_for_a_client_that_registered_the_scope() {
    let server = server();
    let mut http = Http::to(&server);
    for (scopes, has_one) in [(json!(["sso:account:access"]), false), (json!(["openid"]), true)] {
        let client = json!({"clientName": "my tool", "clientType": "public", "scopes": scopes});
        let client = http.register(&client);
        let device = http.start(&client);
        let token = http.poll(&client, &device).json();
        assert_eq!(token["idToken"].is_string(), has_one, "{token}");
        if has_one {
            let claims = verified(&mut http, text(&token, "idToken")).unwrap();
            assert_eq!(text(&claims, "aud"), client.id);
        }
    }
}

#[test]
fn a_key_is_published_until_its_last_token_has_expired_and_the_next_one_signs() {
    let server = server();
    let mut http = Http::to(&server);
    let old = text(&sign_in(&mut http, "openid"), "id_token").to_owned();
    assert!(verified(&mut http, &old).is_ok());
    let mut ids = BTreeSet::new();
    for _ in 0..3 {
        server.advance(30 * DAY);
        let token = sign_in(&mut http, "openid");
        let claims = claims(&mut http, &token);
        assert!(claims["iat"].as_u64().unwrap() >= now() - 60 + 30 * DAY.as_secs());
        ids.insert(text(&token, "id_token").split('.').next().unwrap().to_owned());
        let keys = http.get("/jwks.json").json()["keys"].as_array().unwrap().len();
        assert!((1..=2).contains(&keys), "{keys}");
    }
    assert_eq!(ids.len(), 3, "each period has a key of its own");
    assert!(verified(&mut http, &old).is_err(), "its token expired three months ago");
}

#[test]
fn the_set_of_keys_may_be_kept_for_an_hour() {
    let server = server();
    let keys = Http::to(&server).get("/jwks.json");
    assert_eq!((keys.status, keys.header("Content-Type")), (200, Some("application/jwk-set+json")));
    assert_eq!(keys.header("Cache-Control"), Some("public, max-age=3600"));
    for key in keys.json()["keys"].as_array().unwrap() {
        let members: BTreeSet<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            members,
            BTreeSet::from(["alg", "crv", "kid", "kty", "use", "x", "y"]),
            "no private member"
        );
    }
}

#[test]
fn servers_at_one_store_verify_each_others_tokens_and_a_server_at_another_store_does_not() {
    // A copy of a configuration has the same store.
    let config = Config::default().with_store(Mutex::new(Memory::new(Capacity::default())));
    let (one, two) = (with(config.clone()), with(config));
    let (mut first, mut second) = (Http::to(&one), Http::to(&two));
    let token = sign_in(&mut first, "openid");
    let claims = verified(&mut second, text(&token, "id_token")).unwrap();
    assert_eq!(text(&claims, "iss"), one.endpoint());
    assert_eq!(text(&user_info(&mut second, Some(text(&token, "access_token"))).json(), "sub"), "person");
    let stranger = server();
    assert!(verified(&mut Http::to(&stranger), text(&token, "id_token")).is_err());
}

/// Asks for the claims about the person, with this access token.
fn user_info(http: &mut Http, token: Option<&str>) -> Response {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<_> = bearer.iter().map(|bearer| ("Authorization", bearer.as_str())).collect();
    http.send("GET", "/oauth/userinfo", &headers, "")
}

#[test]
fn user_info_says_whose_token_it_is_by_get_and_by_post() {
    let server = server();
    let mut http = Http::to(&server);
    let token = sign_in(&mut http, "openid");
    let response = user_info(&mut http, Some(text(&token, "access_token")));
    assert_eq!((response.status, response.header("Content-Type")), (200, Some("application/json")));
    assert_eq!(response.header("Cache-Control"), Some("no-store"));
    assert_eq!(response.json(), json!({ "sub": "person" }));
    assert_eq!(response.json()["sub"], claims(&mut http, &token)["sub"], "OpenID Connect Core §5.3.2");
    let bearer = format!("Bearer {}", text(&token, "access_token"));
    let posted = http.send("POST", "/oauth/userinfo", &[("Authorization", &bearer)], "");
    assert_eq!((posted.status, posted.json()), (200, response.json()));
    let put = http.send("PUT", "/oauth/userinfo", &[("Authorization", &bearer)], "");
    assert_eq!((put.status, put.header("Allow")), (405, Some("GET, HEAD, POST")));
    assert_eq!(put.json()["error"], "invalid_request");
}

#[test]
fn user_info_has_the_name_for_profile_and_the_address_for_email() {
    let subject = Subject::new("u-1").unwrap();
    let alice = Person::new(subject).with_name("Alice Example").with_email("alice@example.com");
    let server = with(Config::default().with_people(People::new([alice]).unwrap()));
    let mut http = Http::to(&server);
    for (scope, expected) in [
        ("openid", json!({ "sub": "u-1" })),
        ("openid profile", json!({ "sub": "u-1", "name": "Alice Example" })),
        ("openid email", json!({ "sub": "u-1", "email": "alice@example.com" })),
        (
            "openid profile email",
            json!({ "sub": "u-1", "name": "Alice Example", "email": "alice@example.com" }),
        ),
    ] {
        let token = sign_in(&mut http, scope);
        assert_eq!(user_info(&mut http, Some(text(&token, "access_token"))).json(), expected, "{scope}");
        let claims = claims(&mut http, &token);
        assert_eq!((text(&claims, "sub"), claims.get("email")), ("u-1", None), "§5.4: they are at UserInfo");
    }
}

#[test]
fn user_info_refuses_a_request_without_a_good_token_as_the_standard_says() {
    let server = server();
    let mut http = Http::to(&server);
    let challenge = |response: &Response| response.header("WWW-Authenticate").unwrap().to_owned();
    let none = user_info(&mut http, None);
    assert_eq!((none.status, challenge(&none).as_str()), (401, "Bearer realm=\"userinfo endpoint\""));
    let unknown = user_info(&mut http, Some("unknown"));
    assert_eq!((unknown.status, text(&unknown.json(), "error")), (401, "invalid_token"));
    assert!(challenge(&unknown).contains("error=\"invalid_token\""));
    let broken = user_info(&mut http, Some("two words"));
    assert_eq!((broken.status, text(&broken.json(), "error")), (400, "invalid_request"));
    let narrow = sign_in(&mut http, "email");
    let narrow = user_info(&mut http, Some(text(&narrow, "access_token")));
    assert_eq!((narrow.status, text(&narrow.json(), "error")), (403, "insufficient_scope"));
    assert!(challenge(&narrow).ends_with("scope=\"openid\""));
    let token = sign_in(&mut http, "openid");
    let refresh_token = user_info(&mut http, Some(text(&token, "refresh_token")));
    assert_eq!(refresh_token.status, 401, "only an access token opens it");
    server.advance(Duration::from_secs(3600));
    let expired = user_info(&mut http, Some(text(&token, "access_token")));
    assert_eq!((expired.status, text(&expired.json(), "error")), (401, "invalid_token"));
}

fn introspect(http: &mut Http, headers: &[(&str, &str)], form: &[(&str, &str)]) -> Response {
    http.form("/oauth/introspect", headers, form)
}

#[test]
fn introspection_tells_a_client_the_state_of_its_own_tokens() {
    let server = server();
    let mut http = Http::to(&server);
    let token = sign_in(&mut http, "openid email");
    let (access, refresh) = (text(&token, "access_token"), text(&token, "refresh_token"));
    let mut state = |token: &str, hint: &str| {
        let form = [("client_id", "public"), ("token", token), ("token_type_hint", hint)];
        let response = introspect(&mut http, &[], &form);
        assert_eq!(
            (response.status, response.header("Cache-Control")),
            (200, Some("no-store")),
            "{response:?}"
        );
        response.json()
    };
    for hint in ["access_token", "refresh_token", "invented", ""] {
        let known = state(access, hint);
        assert!(known["exp"].as_u64().unwrap().abs_diff(now() + 3600) < 60);
        let expected = json!({
            "active": true, "scope": "openid email", "client_id": "public", "token_type": "Bearer",
            "sub": "person", "iss": server.endpoint(), "exp": known["exp"],
        });
        assert_eq!(known, expected, "{hint}");
        let known = state(refresh, hint);
        assert_eq!((&known["active"], &known["token_type"]), (&json!(true), &Value::Null), "{hint}");
        assert_eq!(state("unknown", hint), json!({ "active": false }));
        assert_eq!(state(text(&token, "id_token"), hint), json!({ "active": false }), "it opens nothing");
    }
    server.advance(Duration::from_secs(3600));
    assert_eq!(state(access, ""), json!({ "active": false }));
}

#[test]
fn introspection_tells_nothing_to_another_client_or_to_one_that_does_not_prove_itself() {
    let server = server();
    let mut http = Http::to(&server);
    let token = sign_in(&mut http, "openid");
    let token = [("token", text(&token, "access_token"))];
    let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
    let (right, wrong) = (basic("confidential:s%20e%3Acret"), basic("confidential:guess"));
    let other = introspect(&mut http, &[("Authorization", &right)], &token);
    assert_eq!((other.status, other.json()), (200, json!({ "active": false })));
    let refused = introspect(&mut http, &[("Authorization", &wrong)], &token);
    assert_eq!((refused.status, text(&refused.json(), "error")), (401, "invalid_client"));
    assert!(refused.header("WWW-Authenticate").is_some_and(|value| value.starts_with("Basic ")));
    let nobody = introspect(&mut http, &[], &token);
    assert_eq!((nobody.status, text(&nobody.json(), "error")), (400, "invalid_request"));
    let nothing = introspect(&mut http, &[], &[("client_id", "public")]);
    assert_eq!((nothing.status, text(&nothing.json(), "error")), (400, "invalid_request"));
}

#[test]
fn a_registration_says_how_its_id_tokens_are_signed_whatever_the_client_asked_for() {
    let server = server();
    let mut http = Http::to(&server);
    for asked in
        [json!({"client_name": "n"}), json!({"client_name": "n", "id_token_signed_response_alg": "RS256"})]
    {
        let registered = http.post("/oauth/register", &asked);
        assert_eq!(
            (registered.status, text(&registered.json(), "id_token_signed_response_alg")),
            (201, "ES256")
        );
    }
}

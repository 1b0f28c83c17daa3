//! The OAuth dialect over a socket, as every RFC 8628 client sees it.

mod common;

use std::time::Duration;

use common::{DEVICE_GRANT, Http, Response, poll, start, text};
use serde_json::{Value, json};
use sso_oidc_server::{Approval, Capacity, Client, Config, Secret, SlowDown, TestServer};

/// Starts a server with three clients: public, confidential, and limited to two scopes.
fn server(config: Config) -> TestServer {
    let confidential = Client::new("confidential", Secret::from("s:e c&r=et"));
    TestServer::with(
        config
            .with_client(Client::public("public"))
            .with_client(confidential)
            .with_client_for(Client::public("bound"), ["read", "write"]),
    )
    .unwrap()
}

/// Returns the `error` of a JSON error response. The response must forbid storage and have a request id.
#[track_caller]
fn error(response: &Response) -> String {
    assert_eq!(response.header("Content-Type"), Some("application/json"), "{response:?}");
    assert_eq!(response.header("Cache-Control"), Some("no-store"), "{response:?}");
    assert!(response.header("x-amzn-RequestId").is_some(), "{response:?}");
    assert!(response.header("x-amzn-ErrorType").is_none(), "that is another dialect's: {response:?}");
    response.json()["error"].as_str().unwrap().to_owned()
}

fn refresh(http: &mut Http, client: &str, token: &str, scope: &str) -> Response {
    let form =
        [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", client), ("scope", scope)];
    http.form("/oauth/token", &[], &form)
}

#[test]
fn both_discovery_documents_say_where_everything_is() {
    let server = TestServer::start();
    let mut http = Http::to(&server);
    let url = |path: &str| format!("{}{path}", server.endpoint());
    let mut get = |name: &str| http.get(&format!("/.well-known/{name}"));
    let (openid, oauth) = (get("openid-configuration"), get("oauth-authorization-server"));
    assert_eq!((openid.status, oauth.status), (200, 200));
    let mut openid = openid.json();
    // OpenID Connect Discovery §3 also requires these members.
    for (name, value) in [
        ("userinfo_endpoint", json!(url("/oauth/userinfo"))),
        ("subject_types_supported", json!(["public"])),
        ("id_token_signing_alg_values_supported", json!(["ES256"])),
        (
            "claims_supported",
            json!(["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "name", "email"]),
        ),
    ] {
        assert_eq!(openid.as_object_mut().unwrap().remove(name), Some(value), "{name}");
    }
    for document in [openid, oauth.json()] {
        assert_eq!(
            document,
            json!({
                "issuer": server.endpoint(),
                "authorization_endpoint": url("/authorize"),
                "device_authorization_endpoint": url("/oauth/device_authorization"),
                "token_endpoint": url("/oauth/token"),
                "registration_endpoint": url("/oauth/register"),
                "revocation_endpoint": url("/oauth/revoke"),
                "introspection_endpoint": url("/oauth/introspect"),
                "jwks_uri": url("/jwks.json"),
                "scopes_supported": ["openid", "profile", "email"],
                "authorization_response_iss_parameter_supported": true,
                "grant_types_supported": ["authorization_code", DEVICE_GRANT, "refresh_token"],
                "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
                "revocation_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
                "introspection_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
                "response_types_supported": ["code"],
                "response_modes_supported": ["query"],
                "request_parameter_supported": false,
                "request_uri_parameter_supported": false,
                "code_challenge_methods_supported": ["S256"],
            })
        );
    }
}

#[test]
fn the_issuer_is_the_public_url_and_not_the_host_of_the_request() {
    let server = TestServer::with(Config::default().with_public_url("https://id.example")).unwrap();
    let document = Http::to(&server).get("/.well-known/openid-configuration").json();
    assert_eq!(text(&document, "issuer"), "https://id.example");
    assert_eq!(text(&document, "token_endpoint"), "https://id.example/oauth/token");
}

#[test]
fn a_sign_in_is_pending_until_a_person_approves_and_its_code_is_good_once() {
    let server = server(Config::default().with_slow_down(SlowDown::Off));
    let mut http = Http::to(&server);
    let device = start(&mut http, "public", "openid email");
    assert_eq!(text(&device, "verification_uri"), format!("{}/device", server.endpoint()));
    assert_eq!((&device["expires_in"], &device["interval"]), (&json!(600), &json!(1)));
    let pending = poll(&mut http, "public", &device);
    assert_eq!((pending.status, error(&pending).as_str()), (400, "authorization_pending"));
    server.approve(text(&device, "user_code")).unwrap();
    let granted = poll(&mut http, "public", &device);
    assert_eq!(granted.status, 200, "{granted:?}");
    assert_eq!(granted.header("Cache-Control"), Some("no-store"));
    let token = granted.json();
    assert_eq!(text(&token, "token_type"), "Bearer");
    assert_eq!(text(&token, "scope"), "openid email");
    assert_eq!(token["expires_in"], 3600);
    assert!(text(&token, "access_token").len() > 40 && text(&token, "refresh_token").len() > 40);
    let spent = poll(&mut http, "public", &device);
    assert_eq!((spent.status, error(&spent).as_str()), (400, "invalid_grant"));
}

#[test]
fn a_device_that_polls_too_early_is_told_to_slow_down() {
    let server = server(Config::default().with_slow_down(SlowDown::Strict));
    let mut http = Http::to(&server);
    let device = start(&mut http, "public", "");
    let answers = [0, 1].map(|_| {
        let response = poll(&mut http, "public", &device);
        (response.status, error(&response))
    });
    assert_eq!(answers, [(400, "authorization_pending".to_owned()), (400, "slow_down".to_owned())]);
}

#[test]
fn a_denied_code_and_an_expired_one_are_told_apart() {
    let server = server(Config::default());
    let mut http = Http::to(&server);
    let device = start(&mut http, "public", "");
    server.deny(text(&device, "user_code")).unwrap();
    let denied = poll(&mut http, "public", &device);
    assert_eq!((denied.status, error(&denied).as_str()), (400, "access_denied"));
    let device = start(&mut http, "public", "");
    server.expire(text(&device, "user_code")).unwrap();
    let expired = poll(&mut http, "public", &device);
    assert_eq!((expired.status, error(&expired).as_str()), (400, "expired_token"));
}

#[test]
fn the_simulated_people_serve_both_dialects() {
    for (approval, end) in [
        (Approval::Auto, None),
        (Approval::AfterPolls(1), None),
        (Approval::Deny, Some("access_denied")),
        (Approval::Expire, Some("expired_token")),
    ] {
        let server = server(Config::default().with_approval(approval).with_slow_down(SlowDown::Off));
        let mut http = Http::to(&server);
        let device = start(&mut http, "public", "");
        let answers = [0, 1].map(|_| poll(&mut http, "public", &device));
        let answer = answers.iter().find(|answer| !answer.body.contains("pending")).unwrap();
        assert_eq!(answer.json()["error"].as_str(), end, "{approval}");
    }
}

#[test]
fn another_clients_code_and_an_unknown_one_are_an_invalid_grant() {
    let server = server(Config::default().with_approval(Approval::Auto));
    let mut http = Http::to(&server);
    let device = start(&mut http, "public", "");
    let others = poll(&mut http, "bound", &device);
    let unknown =
        poll(&mut http, "public", &json!({"device_code": "no such code, but long enough to be one"}));
    for response in [&others, &unknown] {
        assert_eq!((response.status, error(response).as_str()), (400, "invalid_grant"));
    }
    assert_eq!(others.body, unknown.body);
    assert_eq!(poll(&mut http, "public", &device).status, 200, "the owner's code is still good");
}

#[test]
fn a_client_that_cannot_be_believed_is_401_with_the_scheme_to_use_if_it_used_the_header_and_else_400() {
    let server = server(Config::default());
    let mut http = Http::to(&server);
    let path = "/oauth/device_authorization";
    // The headers decode to confidential:wrong and public:x. The client `public` has no secret.
    let basic = |value| [("Authorization", value)];
    let in_header = [
        http.form(path, &basic("Basic Y29uZmlkZW50aWFsOndyb25n"), &[]),
        http.form(path, &basic("Basic cHVibGljOng="), &[]),
        http.form(path, &basic("Bearer token"), &[]),
        http.form(
            "/oauth/token",
            &basic("Basic cHVibGljOng="),
            &[("grant_type", "refresh_token"), ("refresh_token", "x")],
        ),
        http.form("/oauth/revoke", &basic("Basic cHVibGljOng="), &[("token", "x")]),
    ];
    let in_body = [
        http.form(path, &[], &[("client_id", "confidential"), ("client_secret", "wrong")]),
        http.form(path, &[], &[("client_id", "confidential")]),
        http.form(path, &[], &[("client_id", "unknown")]),
        http.form(
            "/oauth/token",
            &[],
            &[("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", "unknown")],
        ),
        http.form("/oauth/revoke", &[], &[("token", "x"), ("client_id", "unknown")]),
    ];
    for response in in_body {
        assert_eq!((response.status, error(&response).as_str()), (400, "invalid_client"), "{response:?}");
        assert_eq!(response.header("WWW-Authenticate"), None);
    }
    for response in in_header {
        assert_eq!((response.status, error(&response).as_str()), (401, "invalid_client"), "{response:?}");
        assert!(response.header("WWW-Authenticate").unwrap().starts_with("Basic realm="), "{response:?}");
    }
}

#[test]
fn a_confidential_client_shows_its_secret_in_the_header_or_in_the_body() {
    let server = server(Config::default().with_approval(Approval::Auto));
    let mut http = Http::to(&server);
    // The header decodes to confidential:s%3Ae+c%26r%3Det.
    let header = [("Authorization", "Basic Y29uZmlkZW50aWFsOnMlM0FlK2MlMjZyJTNEZXQ=")];
    let body = [("client_id", "confidential"), ("client_secret", "s:e c&r=et")];
    for (headers, client) in [(&header[..], &[][..]), (&[][..], &body[..])] {
        let device = http.form("/oauth/device_authorization", headers, client);
        assert_eq!(device.status, 200, "{device:?}");
        let device = device.json();
        let mut form = client.to_vec();
        form.extend([("grant_type", DEVICE_GRANT), ("device_code", text(&device, "device_code"))]);
        assert_eq!(http.form("/oauth/token", headers, &form).status, 200);
    }
}

#[test]
fn what_is_asked_for_is_granted_and_nothing_that_was_not_registered() {
    let server = server(Config::default().with_approval(Approval::Auto));
    let mut http = Http::to(&server);
    for (asked, granted) in [("read", "read"), ("write read", "write read"), ("", "read write")] {
        let device = start(&mut http, "bound", asked);
        assert_eq!(text(&poll(&mut http, "bound", &device).json(), "scope"), granted);
    }
    let form = [("client_id", "bound"), ("scope", "read admin")];
    let refused = http.form("/oauth/device_authorization", &[], &form);
    assert_eq!((refused.status, error(&refused).as_str()), (400, "invalid_scope"));
}

#[test]
fn a_refresh_token_is_rotated_and_an_old_one_ends_the_chain() {
    let server = server(Config::default().with_approval(Approval::Auto));
    let mut http = Http::to(&server);
    let device = start(&mut http, "bound", "");
    let first = poll(&mut http, "bound", &device).json();
    let wider = refresh(&mut http, "bound", text(&first, "refresh_token"), "admin");
    assert_eq!((wider.status, error(&wider).as_str()), (400, "invalid_scope"));
    let second = refresh(&mut http, "bound", text(&first, "refresh_token"), "read").json();
    assert_eq!(text(&second, "scope"), "read");
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    for token in [&first, &second] {
        let spent = refresh(&mut http, "bound", text(token, "refresh_token"), "");
        assert_eq!((spent.status, error(&spent).as_str()), (400, "invalid_grant"));
    }
}

#[test]
fn revocation_ends_a_sign_in_and_is_a_success_for_what_is_unknown() {
    let server = server(Config::default().with_approval(Approval::Auto));
    let mut http = Http::to(&server);
    let device = start(&mut http, "bound", "");
    let token = poll(&mut http, "bound", &device).json();
    let refresh_token = text(&token, "refresh_token").to_owned();
    let mut revoke = |token: &str, client: &str, hint: &str| {
        let form = [("token", token), ("client_id", client), ("token_type_hint", hint)];
        http.form("/oauth/revoke", &[], &form)
    };
    let others = revoke(&refresh_token, "public", "refresh_token");
    assert_eq!((others.status, error(&others).as_str()), (400, "invalid_grant"));
    let unauthenticated = revoke(&refresh_token, "confidential", "");
    assert_eq!((unauthenticated.status, error(&unauthenticated).as_str()), (400, "invalid_client"));
    for (unknown, hint) in [(text(&token, "access_token"), "access_token"), ("who knows", "cookie")] {
        let response = revoke(unknown, "bound", hint);
        assert_eq!((response.status, response.body.as_str()), (200, ""));
        assert_eq!(response.header("Cache-Control"), Some("no-store"));
    }
    // The service may ignore the hint (RFC 7009 §2.1).
    assert_eq!(revoke(&refresh_token, "bound", "access_token").status, 200);
    assert_eq!(revoke(&refresh_token, "bound", "refresh_token").status, 200, "again, which is no mistake");
    let revoked = refresh(&mut http, "bound", &refresh_token, "");
    assert_eq!(error(&revoked), "invalid_grant");
}

#[test]
fn a_client_registers_itself_and_is_told_what_was_registered() {
    let server = TestServer::with(Config::default().with_approval(Approval::Auto)).unwrap();
    let mut http = Http::to(&server);
    let ask =
        json!({"client_name": "tool", "token_endpoint_auth_method": "none", "scope": "read", "logo_uri": 5});
    let response = http.post("/oauth/register", &ask);
    assert_eq!(response.status, 201, "{response:?}");
    assert_eq!(response.header("Cache-Control"), Some("no-store"));
    let public = response.json();
    assert_eq!(public.get("client_secret"), None);
    assert_eq!(public.get("client_secret_expires_at"), None);
    assert_eq!(text(&public, "token_endpoint_auth_method"), "none");
    assert_eq!(public["grant_types"], json!([DEVICE_GRANT, "refresh_token"]));
    assert_eq!((text(&public, "scope"), text(&public, "client_name")), ("read", "tool"));
    let device = start(&mut http, text(&public, "client_id"), "read");
    assert_eq!(poll(&mut http, text(&public, "client_id"), &device).status, 200);

    let confidential = http.post("/oauth/register", &json!({})).json();
    assert_eq!(text(&confidential, "token_endpoint_auth_method"), "client_secret_basic");
    assert_eq!(confidential["client_name"], confidential["client_id"]);
    let issued = confidential["client_id_issued_at"].as_i64().unwrap();
    assert_eq!(confidential["client_secret_expires_at"], issued + 7_776_000);
    let body = [
        ("client_id", text(&confidential, "client_id")),
        ("client_secret", text(&confidential, "client_secret")),
    ];
    assert_eq!(http.form("/oauth/device_authorization", &[], &body).status, 200);
    assert_eq!(http.form("/oauth/device_authorization", &[], &body[..1]).status, 400);

    // The client asks for more than there is. The response lists what it got.
    let ask = json!({
        "client_name": "web", "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", DEVICE_GRANT, "refresh_token", "implicit"],
        "response_types": ["code"], "redirect_uris": ["http://localhost:8400/cb"],
    });
    let narrowed = http.post("/oauth/register", &ask);
    assert_eq!(narrowed.status, 201, "{narrowed:?}");
    let narrowed = narrowed.json();
    assert_eq!(narrowed["grant_types"], json!(["authorization_code", DEVICE_GRANT, "refresh_token"]));
    assert_eq!(narrowed["response_types"], json!(["code"]));
    assert_eq!(narrowed["redirect_uris"], json!(["http://localhost:8400/cb"]));
}

#[test]
fn the_page_shows_a_client_of_no_portal_without_one() {
    let server = server(Config::default());
    let mut http = Http::to(&server);
    let device = start(&mut http, "public", "openid");
    let page = http.get(&format!("/device?user_code={}", text(&device, "user_code")));
    assert!(page.body.contains("<code>openid</code>") && page.body.contains("public"), "{page:?}");
    assert!(!page.body.contains("Sign in at"), "{page:?}");
    let device = start(&mut http, "public", "");
    let page = http.get(&format!("/device?user_code={}", text(&device, "user_code")));
    assert!(page.body.contains("<li>Sign in</li>"), "{page:?}");
}

#[test]
fn a_client_of_awss_dialect_may_use_the_oauth_endpoints_with_its_secret() {
    let server = TestServer::with(Config::default().with_approval(Approval::Auto)).unwrap();
    let mut http = Http::to(&server);
    let client = http.client();
    let body = [("client_id", client.id.as_str()), ("client_secret", client.secret.as_str())];
    assert_eq!(http.form("/oauth/device_authorization", &[], &body).status, 200);
    let without = http.form("/oauth/device_authorization", &[], &body[..1]);
    assert_eq!((without.status, error(&without).as_str()), (400, "invalid_client"));
}

#[test]
fn a_public_client_is_unknown_in_awss_dialect() {
    let server = server(Config::default());
    let mut http = Http::to(&server);
    for secret in [Value::Null, json!(""), json!("-"), json!("-".repeat(64))] {
        let body = json!({"clientId": "public", "clientSecret": secret, "startUrl": common::START_URL});
        let response = http.post("/device_authorization", &body);
        let fault = response.fault();
        assert!(["InvalidRequestException", "InvalidClientException"].contains(&fault), "{response:?}");
        assert_ne!(response.status, 200);
    }
}

#[test]
fn the_scope_of_awss_create_token_has_no_effect() {
    let server = TestServer::with(Config::default().with_approval(Approval::Auto)).unwrap();
    let mut http = Http::to(&server);
    let client = http.register(&json!({"clientName": "t", "clientType": "public", "scopes": ["read"]}));
    let device = http.start(&client);
    let token = http.poll(&client, &device).json();
    let body = json!({
        "clientId": client.id, "clientSecret": client.secret, "grantType": "refresh_token",
        "refreshToken": token["refreshToken"], "scope": ["admin"],
    });
    let refreshed = http.post("/token", &body);
    assert_eq!((refreshed.status, refreshed.json().get("scope")), (200, None));
}

#[test]
fn a_full_server_asks_to_come_back_later() {
    let config = Config::default().with_capacity(Capacity::default().with_clients(1).with_devices(1));
    let server = TestServer::with(config.with_client(Client::public("public"))).unwrap();
    let mut http = Http::to(&server);
    // The client of a live code keeps its place, and the operator's client needs none.
    let first = http
        .post("/oauth/register", &json!({"client_name": "first", "token_endpoint_auth_method": "none"}))
        .json();
    let _ = start(&mut http, first["client_id"].as_str().unwrap(), "");
    let answers = [
        http.post("/oauth/register", &json!({"client_name": "second"})),
        http.form("/oauth/device_authorization", &[], &[("client_id", "public")]),
    ];
    for answer in answers {
        assert_eq!((answer.status, error(&answer).as_str()), (503, "temporarily_unavailable"));
        let wait: u64 = answer.header("Retry-After").unwrap().parse().unwrap();
        assert!((590..=600).contains(&wait), "{wait} s, and the first code lives for 600");
    }
    let answer = http.post("/client/register", &json!({"clientName": "second", "clientType": "public"}));
    assert_eq!((answer.status, answer.fault()), (400, "SlowDownException"));
    assert!(answer.header("Retry-After").is_some());
}

#[test]
fn a_code_dies_of_age_in_this_dialect_as_in_the_other() {
    let server = server(Config::default().with_device_ttl(Duration::from_millis(300)));
    let mut http = Http::to(&server);
    let device = start(&mut http, "public", "");
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(error(&poll(&mut http, "public", &device)), "expired_token");
}

#[test]
fn a_request_is_remembered_with_the_words_of_its_dialect() {
    let server = server(Config::default());
    let mut http = Http::to(&server);
    let device = start(&mut http, "public", "");
    let _ = poll(&mut http, "public", &device);
    let last = server.requests().pop().unwrap();
    assert_eq!((last.path.as_str(), last.error.as_deref()), ("/oauth/token", Some("authorization_pending")));
}

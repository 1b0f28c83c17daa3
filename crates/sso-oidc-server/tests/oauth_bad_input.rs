//! The OAuth dialect over a socket: malformed, incomplete and ambiguous requests.

mod common;

use common::{DEVICE_GRANT, Http, Response, form};
use serde_json::json;
use sso_oidc_server::{Client, Config, TestServer};

const FORMS: [&str; 3] = ["/oauth/device_authorization", "/oauth/token", "/oauth/revoke"];
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

fn server() -> TestServer {
    TestServer::with(Config::default().with_client(Client::public("public"))).unwrap()
}

#[track_caller]
fn assert_invalid_request(response: &Response, word: &str) {
    assert_eq!(response.status, 400, "{response:?}");
    let json = response.json();
    assert_eq!(json["error"], "invalid_request", "{response:?}");
    assert!(json["error_description"].as_str().unwrap().contains(word), "{word}: {response:?}");
}

#[test]
fn a_form_that_calls_itself_something_else_is_refused() {
    let server = server();
    let mut http = Http::to(&server);
    let body = form(&[("client_id", "public"), ("grant_type", DEVICE_GRANT), ("token", "t")]);
    for path in FORMS {
        for content_type in ["application/json", "text/plain", "multipart/form-data", ""] {
            let response = http.send("POST", path, &[("Content-Type", content_type)], &body);
            assert_invalid_request(&response, "application/x-www-form-urlencoded");
        }
        assert_invalid_request(&http.send("POST", path, &[], &body), "content type");
    }
    let with_charset = [("Content-Type", "Application/X-WWW-Form-URLencoded ; charset=UTF-8")];
    assert_eq!(http.send("POST", FORMS[0], &with_charset, &body).status, 200);
    assert_eq!(server.connections(), 1, "one connection served them all");
}

#[test]
fn a_parameter_that_stands_twice_is_refused() {
    let server = server();
    let mut http = Http::to(&server);
    for path in FORMS {
        for twice in [
            "client_id=public&client_id=public",
            "client_id=public&x=1&x=2",
            "scope=a&scope=b&client_id=public",
        ] {
            assert_invalid_request(&http.send("POST", path, &[FORM], twice), "more than once");
        }
    }
}

#[test]
fn two_ways_to_authenticate_in_one_request_are_refused() {
    let server = server();
    let mut http = Http::to(&server);
    let basic = ("Authorization", "Basic cHVibGljOng=");
    let code = [("grant_type", DEVICE_GRANT), ("device_code", "d"), ("token", "t")];
    for path in FORMS {
        let mut body = code.to_vec();
        body.extend([("client_id", "public"), ("client_secret", "x")]);
        assert_invalid_request(&http.form(path, &[basic], &body), "one authentication method");
        assert_invalid_request(&http.form(path, &[basic, basic], &code), "one authentication method");
        let mut other = code.to_vec();
        other.push(("client_id", "another client"));
        assert_invalid_request(&http.form(path, &[basic], &other), "client_id");
    }
}

#[test]
fn what_is_missing_is_named() {
    let server = server();
    let mut http = Http::to(&server);
    let device = form(&[("grant_type", DEVICE_GRANT)]);
    let cases = [
        ("/oauth/device_authorization", "", "client_id"),
        ("/oauth/device_authorization", "client_id=", "client_id"),
        ("/oauth/token", "client_id=public", "grant_type"),
        ("/oauth/token", &format!("{device}&client_id=public"), "device_code"),
        ("/oauth/token", &format!("{device}&device_code=d"), "client_id"),
        ("/oauth/token", "grant_type=refresh_token&client_id=public", "refresh_token"),
        ("/oauth/token", "grant_type=authorization_code&client_id=public", "code"),
        ("/oauth/revoke", "client_id=public", "token"),
        ("/oauth/revoke", "client_id=public&token=", "token"),
        ("/oauth/revoke", "token=t", "client_id"),
    ];
    for (path, body, missing) in cases {
        assert_invalid_request(&http.send("POST", path, &[FORM], body), missing);
    }
}

#[test]
fn a_grant_type_that_the_server_does_not_know_is_unsupported_and_one_without_codes_finds_none() {
    let server = server();
    let mut http = Http::to(&server);
    let mut grant = |grant: &str| {
        let form = [("grant_type", grant), ("client_id", "public"), ("code", "c"), ("password", "p")];
        let response = http.form("/oauth/token", &[], &form);
        assert_eq!(response.status, 400);
        response.json()["error"].as_str().unwrap().to_owned()
    };
    assert_eq!(grant("password"), "unsupported_grant_type");
    let long = "x".repeat(60_000);
    let form = [("grant_type", long.as_str()), ("client_id", "public")];
    assert!(http.form("/oauth/token", &[], &form).body.len() < 200, "a grant type is not said back whole");
    let mut grant = |grant: &str| {
        let form = [("grant_type", grant), ("client_id", "public"), ("code", "c")];
        http.form("/oauth/token", &[], &form).json()["error"].as_str().unwrap().to_owned()
    };
    assert_eq!(grant("authorization_code"), "invalid_grant", "it exists, and the code does not");
}

#[test]
fn a_registration_that_cannot_be_had_says_why() {
    let server = server();
    let mut http = Http::to(&server);
    for (body, error) in [
        (json!({"client_name": "x", "grant_types": ["authorization_code"]}), "invalid_redirect_uri"),
        (json!({"client_name": "x", "redirect_uris": ["http://app.example/"]}), "invalid_redirect_uri"),
        (json!({"client_name": "x", "grant_types": ["password"]}), "invalid_client_metadata"),
        (json!({"client_name": "x", "scope": "a\"b"}), "invalid_client_metadata"),
        (json!({"client_name": "x".repeat(300)}), "invalid_client_metadata"),
        (json!({"client_name": "x", "grant_types": "refresh_token"}), "invalid_request"),
        (json!(["x"]), "invalid_request"),
        (json!(null), "invalid_request"),
    ] {
        let response = http.post("/oauth/register", &body);
        assert_eq!(response.status, 400, "{body}");
        assert_eq!(response.json()["error"], error, "{body}");
    }
    assert_eq!(http.send("POST", "/oauth/register", &[], "{").json()["error"], "invalid_request");
}

#[test]
fn paths_and_methods_that_are_none_are_said_in_this_dialects_words() {
    let server = server();
    let mut http = Http::to(&server);
    for path in ["/oauth/", "/oauth/authorize", "/oauth/token/", "/oauth/TOKEN"] {
        let response = http.form(path, &[], &[]);
        assert_eq!((response.status, response.header("x-amzn-ErrorType")), (404, None), "{path}");
        assert_eq!(response.json()["error"], "invalid_request");
    }
    for path in FORMS.iter().chain(&["/oauth/register"]) {
        for method in ["GET", "PUT", "DELETE"] {
            let response = http.send(method, path, &[], "");
            assert_eq!((response.status, response.header("Allow")), (405, Some("POST")), "{method} {path}");
        }
    }
    let response = http.form("/.well-known/openid-configuration", &[], &[]);
    assert_eq!((response.status, response.header("Allow")), (405, Some("GET, HEAD")));
    assert_eq!(http.send("HEAD", "/.well-known/openid-configuration", &[], "").status, 200);
    assert_eq!(http.get("/.well-known/nothing").status, 404);
}

#[test]
fn a_name_that_was_rebound_to_this_machine_is_misdirected_and_a_long_body_too_long() {
    let server = server();
    let mut http = Http::to(&server);
    let response = http.send("POST", "/oauth/token", &[("Host", "evil.example"), FORM], "");
    assert_eq!((response.status, response.header("x-amzn-ErrorType")), (421, None));
    assert_eq!(
        http.send("GET", "/.well-known/openid-configuration", &[("Host", "evil.example")], "").status,
        421
    );
    let response = http.send("POST", "/oauth/token", &[FORM], &"x".repeat(65_537));
    assert_eq!((response.status, response.header("x-amzn-ErrorType")), (413, None));
    assert_eq!(response.json()["error"], "invalid_request");
}

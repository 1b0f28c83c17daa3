//! Web pages of other origins, by the CORS protocol of the Fetch Standard.

mod common;

use common::{Http, Response, form};
use serde_json::json;
use sso_oidc_server::{Client, Config, Control, CorsOrigin, Secret, TestServer};

const APP: &str = "http://app.example:3000";

fn server(origins: &[&str]) -> TestServer {
    let origins = origins.iter().map(|origin| origin.parse::<CorsOrigin>().unwrap());
    TestServer::with(Config::default().with_cors_origins(origins).with_client(Client::public("public")))
        .unwrap()
}

/// Asks as a browser does before a request that is not simple.
fn preflight(server: &TestServer, path: &str, origin: &str, method: &str) -> Response {
    let headers = [
        ("Origin", origin),
        ("Access-Control-Request-Method", method),
        ("Access-Control-Request-Headers", "content-type"),
    ];
    Http::to(server).send("OPTIONS", path, &headers, "")
}

fn allowed(response: &Response) -> Option<&str> {
    response.header("access-control-allow-origin")
}

#[test]
fn a_page_of_the_origin_may_send_what_each_endpoint_of_a_program_takes() {
    let server = server(&["https://other.example", APP]);
    for (path, methods) in [
        ("/client/register", "POST"),
        ("/device_authorization", "POST"),
        ("/token", "POST"),
        ("/oauth/register", "POST"),
        ("/oauth/device_authorization", "POST"),
        ("/oauth/token", "POST"),
        ("/oauth/revoke", "POST"),
        ("/assignment/accounts", "GET"),
        ("/federation/credentials", "GET"),
        ("/logout", "POST"),
        ("/.well-known/openid-configuration", "GET, HEAD"),
        ("/.well-known/oauth-authorization-server", "GET, HEAD"),
        ("/jwks.json", "GET, HEAD"),
    ] {
        let method = methods.split(',').next().unwrap();
        let response = preflight(&server, path, APP, method);
        assert_eq!((response.status, allowed(&response)), (204, Some(APP)), "{path}");
        assert_eq!(response.header("access-control-allow-methods"), Some(methods), "{path}");
        assert_eq!(response.header("access-control-allow-headers"), Some("authorization, *"));
        assert_eq!(response.header("access-control-max-age"), Some("7200"));
        assert_eq!(response.header("vary"), Some("origin"));
        assert_eq!(response.header("access-control-allow-credentials"), None);
    }
    let of_post = preflight(&server, "/token", APP, "POST");
    assert_eq!((of_post.body.as_str(), of_post.header("content-length")), ("", None));
}

#[test]
fn a_page_may_read_the_answer_and_the_error_of_both_dialects() {
    let server = server(&[APP]);
    let mut http = Http::to(&server);
    let mut ask = |path: &str, content_type: &str, body: &str| {
        http.send("POST", path, &[("Origin", APP), ("Content-Type", content_type)], body)
    };
    let aws = json!({ "clientName": "page", "clientType": "public" }).to_string();
    let (json, form_type) = ("application/json", "application/x-www-form-urlencoded");
    for (path, content_type, body, status) in [
        ("/client/register", json, &*aws, 200),
        ("/client/register", json, "{}", 400),
        ("/oauth/device_authorization", form_type, &form(&[("client_id", "public")]), 200),
        ("/oauth/token", form_type, "", 400),
    ] {
        let response = ask(path, content_type, body);
        assert_eq!((response.status, allowed(&response)), (status, Some(APP)), "{path}: {response:?}");
        let exposed = response.header("access-control-expose-headers").unwrap();
        for name in ["x-amzn-requestid", "x-amzn-errortype", "retry-after", "www-authenticate"] {
            assert!(exposed.split(", ").any(|one| one == name), "{exposed}");
        }
        assert_eq!(response.header("vary"), Some("origin"));
    }
    let refused = http.send("GET", "/oauth/token", &[("Origin", APP)], "");
    assert_eq!((refused.status, allowed(&refused)), (405, Some(APP)));
}

#[test]
fn only_the_exact_origin_may_read() {
    let server = server(&[APP]);
    for other in [
        "https://app.example:3000",
        "http://app.example",
        "http://app.example:3001",
        "http://app.example:3000.evil.example",
        "http://evil.example",
        "http://app.example:3000/",
        "HTTP://app.example:3000",
        "null",
        "",
        "*",
    ] {
        let response = Http::to(&server).send("GET", "/jwks.json", &[("Origin", other)], "");
        assert_eq!((response.status, allowed(&response)), (200, None), "{other}");
        assert_eq!(response.header("access-control-expose-headers"), None);
        assert_eq!(response.header("vary"), Some("origin"), "a cache must not keep it for the page");
        let refused = preflight(&server, "/token", other, "POST");
        assert_eq!((refused.status, allowed(&refused)), (403, None), "{other}");
        assert_eq!(refused.header("access-control-allow-methods"), None);
        assert!(refused.body.contains("--cors ORIGIN"), "{}", refused.body);
    }
    let twice = Http::to(&server).send("GET", "/jwks.json", &[("Origin", APP), ("Origin", APP)], "");
    assert_eq!(allowed(&twice), None);
}

#[test]
fn a_star_allows_every_origin_and_no_credentials() {
    let server = server(&[APP, "*"]);
    for origin in [APP, "null", "http://evil.example"] {
        let response = preflight(&server, "/token", origin, "POST");
        assert_eq!((response.status, allowed(&response)), (204, Some("*")), "{origin}");
        assert_eq!(response.header("access-control-allow-credentials"), None);
        assert_eq!(response.header("vary"), None, "the answer is the same for all");
    }
}

#[test]
fn the_pages_for_people_and_the_control_api_are_closed_to_all_origins() {
    let config = Config::default().with_cors_origins(["*".parse().unwrap(), APP.parse().unwrap()]);
    let control = Control::new(Secret::from("t"));
    let server = TestServer::with(config.with_control(control)).unwrap();
    let origin = [("Origin", APP), ("Access-Control-Request-Method", "POST")];
    for path in [
        "/device",
        "/authorize",
        "/",
        "/start",
        "/style.css",
        "/health",
        "/ready",
        "/favicon.ico",
        "/unknown",
    ] {
        for method in ["OPTIONS", "GET"] {
            let response = Http::to(&server).send(method, path, &origin, "");
            let cors = response.headers.iter().find(|(name, _)| name.starts_with("access-control"));
            assert_eq!(cors, None, "{method} {path}");
            assert!(method != "OPTIONS" || response.status == 405 || response.status == 404, "{path}");
        }
    }
    let mut api = Http::to_endpoint(server.handle().control_endpoint().unwrap());
    for (method, authorization) in [("OPTIONS", ""), ("POST", "Bearer t")] {
        let headers = [origin[0], origin[1], ("Authorization", authorization)];
        let response = api.send(method, "/_control/reset", &headers, "");
        assert!(response.status == 401 || response.status == 200, "{response:?}");
        assert_eq!(allowed(&response), None);
    }
}

#[test]
fn nothing_changes_without_an_origin_of_the_configuration() {
    let server = server(&[]);
    let response = preflight(&server, "/token", APP, "POST");
    assert_eq!((response.status, response.header("allow"), allowed(&response)), (405, Some("POST"), None));
    let response = Http::to(&server).send("GET", "/jwks.json", &[("Origin", APP)], "");
    assert_eq!((allowed(&response), response.header("vary")), (None, None));
}

#[test]
fn options_that_is_no_preflight_is_no_method_of_an_endpoint() {
    let server = server(&[APP]);
    for headers in [&[][..], &[("Origin", APP)], &[("Access-Control-Request-Method", "POST")]] {
        assert_eq!(Http::to(&server).send("OPTIONS", "/token", headers, "").status, 405, "{headers:?}");
    }
}

#[test]
fn an_unknown_host_name_is_refused_before_the_origin_counts() {
    let server = server(&["*"]);
    let headers = [("Host", "rebound.example"), ("Origin", APP), ("Access-Control-Request-Method", "POST")];
    assert_eq!(Http::to(&server).send("OPTIONS", "/token", &headers, "").status, 421);
}

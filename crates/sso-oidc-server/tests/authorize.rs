//! `/authorize`, which tells the client at once that there is no authorization code flow.

mod common;

use common::Http;
use sso_oidc_server::TestServer;

fn authorize(query: &str) -> common::Response {
    let server = TestServer::start();
    Http::to(&server).get(&format!("/authorize?{query}"))
}

#[test]
fn a_program_that_waits_on_this_machine_is_told_at_once_and_gets_its_state_back() {
    // The AWS CLI sends these parameters.
    let response = authorize(
        "response_type=code&client_id=x&redirect_uri=http%3A%2F%2F127.0.0.1%3A49152%2Foauth%2Fcallback\
         &state=a%20b%26error%3Dx%0D%0A%C3%A9&code_challenge_method=S256&scopes=sso%3Aaccount%3Aaccess&code_challenge=c",
    );
    assert_eq!(response.status, 302);
    let location = response.header("Location").unwrap();
    let (target, query) = location.split_once('?').unwrap();
    assert_eq!(target, "http://127.0.0.1:49152/oauth/callback");
    let mut parameters = query.split('&');
    assert_eq!(parameters.next(), Some("error=unsupported_response_type"));
    let description = parameters.next().unwrap();
    assert!(description.starts_with("error_description=") && description.contains("use-device-code"));
    assert_eq!(parameters.next(), Some("state=a+b%26error%3Dx%0D%0A%C3%A9"), "RFC 6749, appendix B");
    assert_eq!(parameters.next(), None);
}

#[test]
fn a_redirect_keeps_the_query_that_its_address_has_and_invents_no_state() {
    for (uri, begin) in [
        ("http://[::1]:1/cb?a=b", "http://[::1]:1/cb?a=b&error="),
        ("http://localhost:1/cb?", "http://localhost:1/cb?error="),
        ("http://127.0.0.1:1/?a&", "http://127.0.0.1:1/?a&error="),
        ("http://127.0.0.1", "http://127.0.0.1?error="),
    ] {
        let response = authorize(&format!("redirect_uri={}", uri.replace('&', "%26")));
        let location = response.header("Location").unwrap();
        assert!(location.starts_with(begin) && !location.contains("state"), "{location}");
    }
}

#[test]
fn nothing_but_this_machine_is_redirected_to() {
    for uri in [
        "https%3A%2F%2Fevil.example%2F",
        "http%3A%2F%2Fevil.example%2F",
        "http%3A%2F%2F127.0.0.1%40evil.example%2F",
        "http%3A%2F%2F127.0.0.1.evil.example%2F",
        "http%3A%2F%2F127.0.0.1%3A80%5C%40evil.example%2F",
        "%2F%2Fevil.example%2F",
        "javascript%3Aalert(1)",
        "http%3A%2F%2F127.0.0.1%2F%0D%0ASet-Cookie%3A%20x",
        "http%3A%2F%2F127.0.0.1%2F&redirect_uri=http%3A%2F%2F127.0.0.1%2F",
        "",
    ] {
        let response = authorize(&format!("response_type=code&state=s&redirect_uri={uri}"));
        assert_eq!((response.status, response.header("Location")), (501, None), "{uri}");
        assert_eq!(response.header("Set-Cookie"), None);
        assert!(response.body.contains("--use-device-code"), "{uri}");
    }
}

#[test]
fn a_person_reads_what_to_do_instead_and_no_word_of_the_request() {
    let server = TestServer::start();
    let mut http = Http::to(&server);
    for (method, query) in [("GET", ""), ("GET", "?state=%3Cscript%3E"), ("POST", ""), ("HEAD", "")] {
        let response = http.send(method, &format!("/authorize{query}"), &[], "");
        assert_eq!(response.status, 501, "{method}");
        assert_eq!(response.header("Content-Type"), Some("text/html; charset=utf-8"));
        assert!(response.header("Content-Security-Policy").unwrap().contains("default-src 'none'"));
        assert!(method == "HEAD" || response.body.contains("no authorization code flow"));
        assert!(!response.body.contains("script"));
    }
    let response = http.send("DELETE", "/authorize", &[], "");
    assert_eq!((response.status, response.header("Allow")), (405, Some("GET, HEAD, POST")));
}

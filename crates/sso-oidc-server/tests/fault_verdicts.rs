//! Injected faults that are answers of the protocol: what they say, and what they leave undone.

mod common;

use common::{Http, poll, start};
use sso_oidc_server::{Approval, Client, Config, FaultRule, TestServer};

fn server(rule: &str) -> TestServer {
    let rule: FaultRule = rule.parse().unwrap();
    let config = Config::default().with_approval(Approval::Auto).with_client(Client::public("public"));
    TestServer::with(config.with_fault(rule)).unwrap()
}

/// Returns the status and the error of three polls with each of two device codes, in the AWS dialect.
fn polls(rule: &str) -> Vec<Vec<(u16, String)>> {
    let server = server(rule);
    let mut http = Http::to(&server);
    let client = http.client();
    let mut codes = || {
        let device = http.start(&client);
        let answers = (0..3).map(|_| http.poll(&client, &device));
        answers
            .map(|answer| (answer.status, answer.header("x-amzn-ErrorType").unwrap_or_default().to_owned()))
            .collect()
    };
    vec![codes(), codes()]
}

#[test]
fn an_answer_that_ends_a_code_is_given_to_every_later_poll_with_it_and_to_no_other() {
    for (fault, exception) in [
        ("expired", "ExpiredTokenException"),
        ("access-denied", "AccessDeniedException"),
        ("invalid-grant", "InvalidGrantException"),
    ] {
        let [first, second] = polls(&format!("{fault}@poll:1")).try_into().unwrap();
        assert!(first.iter().all(|answer| *answer == (400, exception.to_owned())), "{fault}: {first:?}");
        assert_eq!(second[0].0, 200, "{fault}: {second:?}");
    }
}

#[test]
fn an_answer_of_the_moment_leaves_the_grant_for_the_next_poll() {
    for (fault, status, exception) in [
        ("slow-down", 400, "SlowDownException"),
        ("invalid-client", 401, "InvalidClientException"),
        ("server-error", 500, "InternalServerException"),
    ] {
        let [first, _] = polls(&format!("{fault}@poll:1")).try_into().unwrap();
        assert_eq!(first[0], (status, exception.to_owned()), "{fault}");
        assert_eq!(first[1].0, 200, "{fault}: nothing was done before: {first:?}");
    }
}

#[test]
fn the_oauth_dialect_has_the_codes_of_its_own() {
    for (rule, status, error) in [
        ("slow-down@poll", 400, "slow_down"),
        ("expired@poll", 400, "expired_token"),
        ("access-denied@poll", 400, "access_denied"),
        ("invalid-grant@poll", 400, "invalid_grant"),
        // RFC 6749 §5.2 has 401 only for a client that used the header.
        ("invalid-client@poll", 400, "invalid_client"),
        ("server-error@poll", 500, "server_error"),
    ] {
        let server = server(rule);
        let mut http = Http::to(&server);
        let device = start(&mut http, "public", "");
        let answer = poll(&mut http, "public", &device);
        let body = answer.json();
        assert_eq!((answer.status, body["error"].as_str()), (status, Some(error)), "{rule}");
        assert_eq!(server.requests().pop().unwrap().error.as_deref(), Some(error), "{rule}");
    }
    // RFC 8628 §3.5 has `slow_down` for polls only.
    let server = server("slow-down@authorize");
    let form = [("client_id", "public")];
    let answer = Http::to(&server).form("/oauth/device_authorization", &[], &form);
    assert_eq!((answer.status, answer.json()["error"].as_str()), (503, Some("temporarily_unavailable")));
}

#[test]
fn a_gateway_that_answers_503_has_passed_nothing_on() {
    let server = server("gateway-503:1");
    let mut http = Http::to(&server);
    let form = [("client_id", "public")];
    let answer = http.form("/oauth/device_authorization", &[], &form);
    assert_eq!((answer.status, answer.header("retry-after")), (503, None));
    assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html")));
    assert_eq!(server.handle().stats().held.devices, 0);
}

#[test]
fn a_code_that_has_ended_works_once_faults_are_stopped() {
    let server = server("invalid-grant@poll:1");
    let mut http = Http::to(&server);
    let client = http.client();
    let device = http.start(&client);
    assert_eq!([400, 400], [0; 2].map(|_| http.poll(&client, &device).status));
    server.stop_faults();
    assert_eq!(http.poll(&client, &device).status, 200);
}

#[test]
fn an_answer_without_an_operation_applies_where_it_can_occur() {
    let server = server("expired");
    let mut http = Http::to(&server);
    let client = http.client();
    let device = http.start(&client);
    assert_eq!(http.poll(&client, &device).fault(), "ExpiredTokenException");
}

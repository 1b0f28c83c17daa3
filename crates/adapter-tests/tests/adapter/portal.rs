//! The portal's operations through both adapters.

use adapter_tests::stub::{Step, Stub};
use adapter_tests::{Adapter, for_both_adapters};
use device_flow::CallError;
use oidc_proto::Secret;
use oidc_proto::portal::{GetRoleCredentialsRequest, PortalFault};

fn token() -> Secret {
    Secret::from("stub-access-token")
}

/// Returns the request lines, and checks that each request has the token and no body.
fn lines(stub: &Stub) -> Vec<String> {
    let line = |head: &str| head.lines().next().unwrap().to_owned();
    let seen = stub.seen();
    for request in &seen {
        assert!(
            request.head.to_ascii_lowercase().contains("x-amz-sso_bearer_token: stub-access-token"),
            "{}",
            request.head
        );
        assert_eq!(request.body, "");
    }
    seen.iter().map(|request| line(&request.head)).collect()
}

fn all_pages_of_a_list_are_requested_with_the_token_of_the_page_before<A: Adapter>() {
    let stub = Stub::start([
        Step::ok(r#"{"accountList":[{"accountId":"000000000001"}],"nextToken":"a/b c"}"#),
        Step::ok(r#"{"accountList":[{"accountId":"000000000002"}],"nextToken":null}"#),
    ]);
    let accounts = A::accounts(&stub.endpoint(), &token()).unwrap();
    let ids: Vec<&str> = accounts.iter().map(|account| account.account_id.as_str()).collect();
    assert_eq!(ids, ["000000000001", "000000000002"]);
    let expected =
        ["GET /assignment/accounts HTTP/1.1", "GET /assignment/accounts?next_token=a%2Fb%20c HTTP/1.1"];
    assert_eq!(lines(&stub), expected);

    let stub = Stub::start([
        Step::ok(r#"{"roleList":[{"roleName":"a"}],"nextToken":"2"}"#),
        Step::ok(r#"{"roleList":[{"roleName":"b"}],"nextToken":"2"}"#),
    ]);
    let roles = A::roles(&stub.endpoint(), &token(), "000000000001").unwrap();
    assert_eq!(roles.len(), 2, "a token that returns ends the list");
    assert_eq!(lines(&stub)[1], "GET /assignment/roles?next_token=2&account_id=000000000001 HTTP/1.1");
}

fn a_page_that_fails_fails_the_list_and_nothing_is_retried<A: Adapter>() {
    let stub = Stub::start([
        Step::ok(r#"{"accountList":[{"accountId":"000000000001"}],"nextToken":"2"}"#),
        Step::Answer(502, "", "<html>".to_owned()),
    ]);
    let error = A::accounts(&stub.endpoint(), &token()).unwrap_err();
    assert!(matches!(error, CallError::Indeterminate(_)), "{error:?}");
    assert_eq!(stub.seen().len(), 2);
}

fn a_fault_says_what_it_means_and_keeps_no_secret<A: Adapter>() {
    let reader = GetRoleCredentialsRequest::new("000000000001", "reader");
    for (status, body, expected) in [
        (401, r#"{"message":"token stub-access-token not found"}"#, PortalFault::Unauthorized),
        (
            403,
            r#"{"message":"No access","__type":"com.amazonaws.switchboard.portal#ForbiddenException"}"#,
            PortalFault::Forbidden,
        ),
        (429, r#"{"message":"HTTP 429 Unknown Code"}"#, PortalFault::TooManyRequests),
    ] {
        let stub = Stub::start([Step::Answer(status, "", body.to_owned())]);
        let error = A::credentials(&stub.endpoint(), &token(), &reader).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("stub-access-token"), "{error:?}");
        let CallError::Fault(fault) = error else { panic!("{error:?}") };
        assert_eq!((PortalFault::of(&fault), fault.is_transient()), (expected, status == 429));
    }
}

fn logout_is_a_post_without_body_whose_answer_may_be_empty<A: Adapter>() {
    let stub = Stub::start([Step::Answer(200, "", String::new())]);
    A::logout(&stub.endpoint(), &token()).unwrap();
    assert_eq!(lines(&stub), ["POST /logout HTTP/1.1"]);
    let head = stub.seen()[0].head.to_ascii_lowercase();
    assert!(head.contains("content-length: 0") && !head.contains("transfer-encoding"), "{head}");
}

for_both_adapters!(
    all_pages_of_a_list_are_requested_with_the_token_of_the_page_before,
    a_page_that_fails_fails_the_list_and_nothing_is_retried,
    a_fault_says_what_it_means_and_keeps_no_secret,
    logout_is_a_post_without_body_whose_answer_may_be_empty,
);

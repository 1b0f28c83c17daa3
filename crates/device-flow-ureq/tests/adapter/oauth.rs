//! Providers of the OAuth dialect, at a stub: discovery, client authentication, revocation. Compiled into the tests of
//! both adapters.

use std::error::Error;

use device_flow::CallError;
use oidc_proto::oauth::RevocationRequest;
use oidc_proto::{Client, FaultCode, Secret, pkce};

use crate::stub::{Step, Stub};
use crate::{discovered_issuer, oauth_sign_in, revoke};

/// A stub whose first answers are metadata that names the stub itself.
fn provider(metadata: &str, then: impl IntoIterator<Item = Step>) -> Stub {
    Stub::start_with(|endpoint| {
        let metadata = metadata.replace("SELF", endpoint);
        let first = if metadata.is_empty() { Vec::new() } else { vec![Step::ok(&metadata)] };
        first.into_iter().chain(then).collect()
    })
}

const METADATA: &str = r#"{"issuer":"SELF","device_authorization_endpoint":"SELF/d?tenant=a","token_endpoint":"SELF/t","revocation_endpoint":"SELF/v","unknown":[1]}"#;
const CODES: &str = r#"{"device_code":"stub-device-code","user_code":"ABCD-1234","verification_uri":"https://id.example/device","expires_in":600}"#;
const TOKEN: &str = r#"{"access_token":"stub-access-token","token_type":"bearer","expires_in":"3599","refresh_token":"stub-refresh-token","scope":"openid"}"#;

#[test]
fn a_provider_is_discovered_and_signed_in_to_with_forms() {
    let stub = provider(
        METADATA,
        [Step::ok(CODES), Step::fault("authorization_pending"), Step::fault("slow_down"), Step::ok(TOKEN)],
    );
    let signed_in =
        oauth_sign_in(&stub.endpoint(), Client::public("my client"), &["openid", "email"]).unwrap();
    assert_eq!(signed_in.polls, 3);
    assert_eq!(signed_in.token.scope, Some(vec!["openid".to_owned()]), "less than what was asked for");
    let seen = stub.seen();
    let lines: Vec<&str> = seen.iter().map(|request| request.head.lines().next().unwrap()).collect();
    assert_eq!(
        lines,
        [
            "GET /.well-known/openid-configuration HTTP/1.1",
            "POST /d?tenant=a HTTP/1.1",
            "POST /t HTTP/1.1",
            "POST /t HTTP/1.1",
            "POST /t HTTP/1.1"
        ]
    );
    assert_eq!(seen[1].body, "scope=openid+email&client_id=my+client");
    assert_eq!(
        seen[2].body,
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=stub-device-code&client_id=my+client"
    );
}

#[test]
fn a_confidential_client_shows_its_secret_in_the_header_and_nowhere_else() {
    let stub = provider(METADATA, [Step::ok(CODES), Step::ok(TOKEN)]);
    let client = Client::new("id", Secret::from("s:e c")).with_basic_authentication();
    oauth_sign_in(&stub.endpoint(), client, &[]).unwrap();
    for (request, has_id) in stub.seen()[1..].iter().zip([true, false]) {
        // id:s%3Ae%20c
        assert!(request.head.contains("Basic aWQ6cyUzQWUlMjBj"), "{}", request.head);
        assert!(!request.body.contains("client_secret"), "{}", request.body);
        assert_eq!(request.body.contains("client_id=id"), has_id, "{}", request.body);
    }
}

#[test]
fn metadata_is_looked_for_at_both_addresses() {
    let stub = Stub::start_with(|endpoint| {
        vec![Step::Answer(404, "", "not here".to_owned()), Step::ok(&METADATA.replace("SELF", endpoint))]
    });
    assert_eq!(discovered_issuer(&stub.endpoint()).unwrap(), stub.endpoint());
    let second = stub.seen()[1].head.clone();
    assert!(second.starts_with("GET /.well-known/oauth-authorization-server "), "{second}");
}

#[test]
fn metadata_of_another_issuer_or_without_a_device_endpoint_is_refused() {
    let other = provider(&METADATA.replace("\"issuer\":\"SELF\"", "\"issuer\":\"https://evil.example\""), []);
    let error = discovered_issuer(&other.endpoint()).unwrap_err();
    assert!(error.contains("evil.example"), "{error}");
    let without = provider(r#"{"issuer":"SELF","token_endpoint":"SELF/t"}"#, []);
    let error = oauth_sign_in(&without.endpoint(), Client::public("c"), &[]).unwrap_err();
    assert!(error.contains("device_authorization_endpoint"), "{error}");
}

#[test]
fn a_client_of_the_programs_own_that_is_rejected_ends_the_sign_in() {
    let stub = provider(
        METADATA,
        [Step::Answer(
            401,
            "www-authenticate: Basic realm=x\r\n",
            r#"{"error":"invalid_client"}"#.to_owned(),
        )],
    );
    let error = oauth_sign_in(&stub.endpoint(), Client::public("nobody"), &[]).unwrap_err();
    assert!(error.contains("invalid_client"), "{error}");
    assert_eq!(stub.seen().len(), 2, "nothing is registered in its place");
}

#[test]
fn a_token_is_revoked_and_a_503_leaves_it_alive() {
    let client = Client::public("c");
    let token = || RevocationRequest::refresh_token(client.clone(), Secret::from("stub-refresh-token"));
    let stub = provider(METADATA, [Step::Answer(200, "", String::new())]);
    revoke(&stub.endpoint(), &token()).unwrap();
    assert_eq!(stub.seen()[1].body, "token=stub-refresh-token&token_type_hint=refresh_token&client_id=c");

    let busy = provider(METADATA, [Step::Answer(503, "retry-after: 7\r\n", "busy".to_owned())]);
    let error = revoke(&busy.endpoint(), &token()).unwrap_err();
    assert!(matches!(&error, CallError::NoVerdict(answer) if answer.retry_after.is_some()), "{error:?}");

    let refused =
        provider(METADATA, [Step::Answer(400, "", r#"{"error":"unsupported_token_type"}"#.to_owned())]);
    let error = revoke(&refused.endpoint(), &token()).unwrap_err();
    assert!(
        matches!(&error, CallError::Fault(fault) if fault.code == FaultCode::Other("unsupported_token_type".to_owned())),
        "{error:?}"
    );

    let without = provider(
        r#"{"issuer":"SELF","device_authorization_endpoint":"SELF/d","token_endpoint":"SELF/t"}"#,
        [],
    );
    let error = revoke(&without.endpoint(), &token()).unwrap_err();
    assert!(matches!(error, CallError::NotOffered(_)), "{error:?}");
    assert!(error.source().is_none());
}

/// The value of a parameter that needs no decoding.
fn parameter<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    body.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

#[test]
fn pkce_is_used_where_the_metadata_offers_s256_and_with_a_new_verifier_each_time() {
    let offering =
        METADATA.replace("\"unknown\"", "\"code_challenge_methods_supported\":[\"plain\",\"S256\"],\"u\"");
    let mut verifiers = Vec::new();
    for _ in 0..2 {
        let stub =
            provider(&offering, [Step::ok(CODES), Step::fault("authorization_pending"), Step::ok(TOKEN)]);
        oauth_sign_in(&stub.endpoint(), Client::public("c"), &[]).unwrap();
        let seen = stub.seen();
        assert_eq!(parameter(&seen[1].body, "code_challenge_method"), Some("S256"), "{}", seen[1].body);
        let challenge = parameter(&seen[1].body, "code_challenge").unwrap();
        for poll in &seen[2..] {
            let verifier = parameter(&poll.body, "code_verifier").unwrap();
            assert!(pkce::matches(challenge, &Secret::from(verifier)), "{challenge} {verifier}");
            verifiers.push(verifier.to_owned());
        }
    }
    assert!(verifiers[0] == verifiers[1] && verifiers[1] != verifiers[2], "{verifiers:?}");

    for silent in [METADATA.to_owned(), offering.replace("S256", "none")] {
        let stub = provider(&silent, [Step::ok(CODES), Step::ok(TOKEN)]);
        oauth_sign_in(&stub.endpoint(), Client::public("c"), &[]).unwrap();
        let seen = stub.seen();
        assert!(seen.iter().all(|request| !request.body.contains("code_")), "{}", seen[1].body);
    }
}

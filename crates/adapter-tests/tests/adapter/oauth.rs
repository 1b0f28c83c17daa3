//! Providers of the OAuth dialect, played by a stub: discovery, client authentication, revocation.

use std::error::Error;
use std::time::Duration;

use adapter_tests::stub::{ClosedPort, Step, Stub};
use adapter_tests::{Adapter, for_both_adapters};
use device_flow::{CallError, Failure, NotFollowed, SearchError};
use oidc_proto::oauth::{MetadataError, RevocationRequest};
use oidc_proto::{Client, FaultCode, Secret, pkce};

/// Returns a stub whose first responses are metadata with its own URLs.
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

fn a_provider_is_discovered_and_signed_in_to_with_forms<A: Adapter>() {
    let stub = provider(
        METADATA,
        [Step::ok(CODES), Step::fault("authorization_pending"), Step::fault("slow_down"), Step::ok(TOKEN)],
    );
    let signed_in =
        A::oauth_sign_in(&stub.endpoint(), Client::public("my client"), &["openid", "email"]).unwrap();
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

fn a_confidential_client_shows_its_secret_in_the_header_and_nowhere_else<A: Adapter>() {
    let stub = provider(METADATA, [Step::ok(CODES), Step::ok(TOKEN)]);
    let client = Client::new("id", Secret::from("s:e c")).with_basic_authentication();
    A::oauth_sign_in(&stub.endpoint(), client, &[]).unwrap();
    for (request, has_id) in stub.seen()[1..].iter().zip([true, false]) {
        // The value decodes to id:s%3Ae%20c.
        assert!(request.head.contains("Basic aWQ6cyUzQWUlMjBj"), "{}", request.head);
        assert!(!request.body.contains("client_secret"), "{}", request.body);
        assert_eq!(request.body.contains("client_id=id"), has_id, "{}", request.body);
    }
}

/// Returns a stub with these steps, one for each request, and its issuer, which has a path. SELF becomes the
/// stub's URL.
fn tenant(steps: impl IntoIterator<Item = Step>) -> (Stub, String) {
    let stub = Stub::start_with(|endpoint| {
        let named = |step| match step {
            Step::Answer(status, headers, body) => {
                let body = body.replace("\"issuer\":\"SELF\"", &format!("\"issuer\":\"{endpoint}/t\""));
                Step::Answer(status, headers, body.replace("SELF", endpoint))
            }
            other => other,
        };
        steps.into_iter().map(named).collect()
    });
    let issuer = format!("{}/t", stub.endpoint());
    (stub, issuer)
}

/// Returns the paths of a stub's requests.
fn paths(stub: &Stub) -> Vec<String> {
    let path = |head: &str| head.split(' ').nth(1).unwrap_or_default().to_owned();
    stub.seen().iter().map(|request| path(&request.head)).collect()
}

fn no(status: u16) -> Step {
    Step::Answer(status, "", "not here".to_owned())
}

/// The metadata URLs for the issuer of [`tenant`], in the order of the search.
const ADDRESSES: [&str; 4] = [
    "/t/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server/t",
    "/t/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration/t",
];

fn metadata_is_looked_for_at_every_address<A: Adapter>() {
    for index in 0..ADDRESSES.len() {
        let steps = (0..index).map(|_| no(404)).chain([Step::ok(METADATA)]);
        let (stub, issuer) = tenant(steps);
        let (found, took) = A::searched(&issuer, |search| search);
        assert_eq!(found.unwrap().issuer, issuer);
        assert_eq!(
            (paths(&stub), took),
            (ADDRESSES[..=index].iter().map(ToString::to_string).collect(), Duration::ZERO)
        );
        assert_eq!(stub.connections(), 1, "one connection serves all");
    }
}

fn a_question_for_metadata_carries_nothing_and_asks_for_plain_json<A: Adapter>() {
    let (stub, issuer) = tenant([Step::ok(METADATA)]);
    A::searched(&issuer, |search| search).0.unwrap();
    let head = stub.seen()[0].head.to_lowercase();
    assert!(head.contains("\r\naccept: application/json\r\n"), "{head}");
    assert!(head.contains("\r\naccept-encoding: identity\r\n"), "{head}");
    assert!(
        !head.contains("authorization:") && !head.contains("cookie:") && !head.contains("referer:"),
        "{head}"
    );
}

fn metadata_of_another_issuer_or_without_a_device_endpoint_is_refused<A: Adapter>() {
    let evil = METADATA.replace("\"issuer\":\"SELF\"", "\"issuer\":\"https://evil.example\"");
    let (_stub, issuer) = tenant([Step::ok(&evil), no(404), no(404), no(404)]);
    let error = A::searched(&issuer, |search| search).0.unwrap_err();
    let Some(MetadataError::Issuer { found, .. }) = why(&error) else { panic!("{error:?}") };
    assert_eq!(found, "https://evil.example");

    let without = r#"{"issuer":"SELF","token_endpoint":"SELF/t"}"#;
    let (stub, issuer) = tenant([Step::ok(without), no(404), no(404), no(404)]);
    let found = A::searched(&issuer, |search| search).0.unwrap();
    assert_eq!(found.provider(), Err(MetadataError::Missing("device_authorization_endpoint")));
    assert_eq!(paths(&stub), ADDRESSES, "another address might have it");
    let (stub, issuer) = tenant([Step::ok(without)]);
    let by_hand = format!("{}/d", stub.endpoint());
    let found = A::searched(&issuer, |search| search.with_device_authorization_endpoint(by_hand)).0.unwrap();
    assert!(found.provider().is_ok());
    assert_eq!(stub.seen().len(), 1);
}

/// Returns the reason why the metadata is invalid.
fn why(error: &SearchError) -> Option<&MetadataError> {
    match error {
        SearchError::Metadata { source, .. } => Some(source),
        _ => None,
    }
}

fn a_redirect_on_the_same_origin_is_followed_and_one_to_plain_http_elsewhere_only_named<A: Adapter>() {
    let moved = Step::Answer(301, "location: /index.php/metadata?x=1\r\n", String::new());
    let (stub, issuer) = tenant([moved, Step::ok(METADATA)]);
    assert_eq!(A::searched(&issuer, |search| search).0.unwrap().issuer, issuer);
    assert_eq!(paths(&stub), [ADDRESSES[0], "/index.php/metadata?x=1"]);

    let elsewhere = Stub::start([]);
    let location: &'static str =
        Box::leak(format!("location: {}/m\r\n", elsewhere.endpoint()).into_boxed_str());
    let moved = || Step::Answer(308, location, String::new());
    let (stub, issuer) = tenant([moved(), moved(), moved(), moved()]);
    let error = A::searched(&issuer, |search| search).0.unwrap_err();
    let SearchError::Redirect { target, reason, .. } = error else { panic!("{error:?}") };
    assert_eq!((target, reason), (format!("{}/m", elsewhere.endpoint()), NotFollowed::PlainHttp));
    assert_eq!((stub.seen().len(), elsewhere.connections()), (4, 0));
}

fn a_provider_that_gives_no_answer_is_asked_again_as_at_registration<A: Adapter>() {
    let busy = Step::Answer(503, "retry-after: 7\r\n", "busy".to_owned());
    for (first, waited) in [(Step::Close, 1), (busy, 7), (no(429), 1), (Step::Raw(b"nonsense".to_vec()), 1)] {
        let (stub, issuer) = tenant([first.clone(), Step::ok(METADATA)]);
        let (found, took) = A::searched(&issuer, |search| search);
        assert_eq!(found.unwrap().issuer, issuer, "{first:?}");
        assert_eq!(paths(&stub), [ADDRESSES[0], ADDRESSES[0]], "{first:?}");
        assert_eq!(took, Duration::from_secs(waited), "{first:?}");
    }
    let (stub, issuer) = tenant((0..9).map(|_| Step::Close));
    let (found, took) = A::searched(&issuer, |search| search);
    let error = found.unwrap_err();
    assert!(
        matches!(&error, SearchError::Transport { source, .. } if source.failure() == Failure::Unknown),
        "{error:?}"
    );
    assert!(error.source().is_some(), "the cause is kept");
    assert_eq!((stub.seen().len(), took), (5, Duration::from_secs(15)));
    let closed = ClosedPort::bind();
    let (found, took) = A::searched(&closed.endpoint(), |search| search);
    let error = found.unwrap_err();
    assert!(
        matches!(&error, SearchError::Transport { source, .. } if source.failure() == Failure::NotSent),
        "{error:?}"
    );
    assert_eq!(took, Duration::from_secs(15));
}

fn metadata_that_comes_compressed_all_the_same_is_named_as_that<A: Adapter>() {
    let packed = || Step::Answer(200, "content-encoding: gzip\r\n", "\u{1f}...".to_owned());
    let (_stub, issuer) = tenant([packed(), packed(), packed(), packed()]);
    let error = A::searched(&issuer, |search| search).0.unwrap_err();
    assert_eq!(why(&error), Some(&MetadataError::Encoded("gzip".to_owned())), "{error:?}");
    let (_stub, issuer) = tenant([Step::ok(&format!("\u{feff}{METADATA}"))]);
    assert!(A::searched(&issuer, |search| search).0.is_ok(), "a byte order mark does no harm");
}

fn a_client_of_the_programs_own_that_is_rejected_ends_the_sign_in<A: Adapter>() {
    let stub = provider(
        METADATA,
        [Step::Answer(
            401,
            "www-authenticate: Basic realm=x\r\n",
            r#"{"error":"invalid_client"}"#.to_owned(),
        )],
    );
    let error = A::oauth_sign_in(&stub.endpoint(), Client::public("unknown"), &[]).unwrap_err();
    assert!(error.contains("invalid_client"), "{error}");
    assert_eq!(stub.seen().len(), 2, "nothing is registered in its place");
}

fn a_token_is_revoked_and_a_503_leaves_it_alive<A: Adapter>() {
    let client = Client::public("c");
    let token = || RevocationRequest::refresh_token(client.clone(), Secret::from("stub-refresh-token"));
    let stub = provider(METADATA, [Step::Answer(200, "", String::new())]);
    A::revoke(&stub.endpoint(), &token()).unwrap();
    assert_eq!(stub.seen()[1].body, "token=stub-refresh-token&token_type_hint=refresh_token&client_id=c");

    let busy = provider(METADATA, [Step::Answer(503, "retry-after: 7\r\n", "busy".to_owned())]);
    let error = A::revoke(&busy.endpoint(), &token()).unwrap_err();
    assert!(matches!(&error, CallError::Indeterminate(answer) if answer.retry_after.is_some()), "{error:?}");

    let refused =
        provider(METADATA, [Step::Answer(400, "", r#"{"error":"unsupported_token_type"}"#.to_owned())]);
    let error = A::revoke(&refused.endpoint(), &token()).unwrap_err();
    assert!(
        matches!(&error, CallError::Fault(fault) if fault.code == FaultCode::Other("unsupported_token_type".to_owned())),
        "{error:?}"
    );

    let without = provider(
        r#"{"issuer":"SELF","device_authorization_endpoint":"SELF/d","token_endpoint":"SELF/t"}"#,
        [],
    );
    let error = A::revoke(&without.endpoint(), &token()).unwrap_err();
    assert!(matches!(error, CallError::UnsupportedOperation(_)), "{error:?}");
    assert!(error.source().is_none());
}

/// Returns the value of a parameter that needs no decoding.
fn parameter<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    body.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

fn pkce_is_used_where_the_metadata_offers_s256_and_with_a_new_verifier_each_time<A: Adapter>() {
    let offering =
        METADATA.replace("\"unknown\"", "\"code_challenge_methods_supported\":[\"plain\",\"S256\"],\"u\"");
    let mut verifiers = Vec::new();
    for _ in 0..2 {
        let stub =
            provider(&offering, [Step::ok(CODES), Step::fault("authorization_pending"), Step::ok(TOKEN)]);
        A::oauth_sign_in(&stub.endpoint(), Client::public("c"), &[]).unwrap();
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
        A::oauth_sign_in(&stub.endpoint(), Client::public("c"), &[]).unwrap();
        let seen = stub.seen();
        assert!(seen.iter().all(|request| !request.body.contains("code_")), "{}", seen[1].body);
    }
}

for_both_adapters! {
    a_provider_is_discovered_and_signed_in_to_with_forms,
    a_confidential_client_shows_its_secret_in_the_header_and_nowhere_else,
    metadata_is_looked_for_at_every_address,
    a_question_for_metadata_carries_nothing_and_asks_for_plain_json,
    metadata_of_another_issuer_or_without_a_device_endpoint_is_refused,
    a_redirect_on_the_same_origin_is_followed_and_one_to_plain_http_elsewhere_only_named,
    a_provider_that_gives_no_answer_is_asked_again_as_at_registration,
    metadata_that_comes_compressed_all_the_same_is_named_as_that,
    a_client_of_the_programs_own_that_is_rejected_ends_the_sign_in,
    a_token_is_revoked_and_a_503_leaves_it_alive,
    pkce_is_used_where_the_metadata_offers_s256_and_with_a_new_verifier_each_time,
}

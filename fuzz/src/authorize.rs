//! The authorization request in a browser, and the authority's review and decision.

use core::time::Duration;

use device_authority::{
    AuthorizationError, Change, ClientRecord, Moment, NoEntropy, ServerPolicy, UserDecision,
    authorize as decide, refuse_authorization, review_authorization,
};
use http::{HeaderValue, Uri};
use oidc_proto::oauth::Provider;
use oidc_proto::{AuthorizationRequest, AuthorizationResponse, Client, Endpoint, Service};

use crate::script::Bytes;

const NOW: Moment = Moment::new(Duration::from_secs(1_000_000));
const ISSUER: &str = "https://id.example";
/// Registered redirect URIs, and for those of this machine the text before and after a port.
const REGISTERED: [(&str, Option<(&str, &str)>); 4] = [
    ("https://app.example/cb?own=1", None),
    ("http://127.0.0.1/oauth/callback", Some(("http://127.0.0.1", "/oauth/callback"))),
    ("http://localhost:1?x=y", Some(("http://localhost", "?x=y"))),
    ("http://[::1]:2/", Some(("http://[::1]", "/"))),
];
/// The parameters of a response.
const OURS: [&str; 5] = ["code", "error", "error_description", "state", "iss"];

/// Asks for an authorization. The first byte selects the client and the decision, the rest is a query.
pub fn authorize(data: &[u8]) {
    drive(data);
}

/// The place of the answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A code, at the client.
    Code,
    /// A fault, at the client.
    Fault,
    /// A page here.
    Page,
}

/// Asks for an authorization, and returns the place of the answer.
pub(crate) fn drive(data: &[u8]) -> Answer {
    let mut bytes = Bytes(data);
    let flags = bytes.next();
    let query = String::from_utf8_lossy(bytes.0);
    let client = client(flags);
    let request = match AuthorizationRequest::decode(&query) {
        Ok(request) => request,
        Err(invalid) => {
            let known = invalid.client_id.as_deref() == Some("c");
            let error = refuse_authorization(known.then_some(&client), &invalid, NOW);
            let uri = invalid.redirect_uri.as_deref();
            assert_eq!(error == AuthorizationError::Incomplete(invalid.fault.clone()), {
                invalid.client_id.is_none() || uri.is_none()
            });
            if let AuthorizationError::Redirect(fault) = error {
                assert!(known);
                let response = AuthorizationResponse::fault(fault).with_state(invalid.state.clone());
                arrives(&client, uri.expect("a redirect has a target"), &response);
                return Answer::Fault;
            }
            return Answer::Page;
        }
    };
    survives(&request);
    only_what_is_supported(&query);
    let decision = match flags >> 4 & 3 {
        0 => UserDecision::Deny,
        1 => UserDecision::Expire,
        _ => UserDecision::APPROVE,
    };
    let known = (request.client_id == "c").then_some(&client);
    let reviewed = review_authorization(known, &request, NOW);
    let mut entropy = |bytes: &mut [u8]| {
        bytes.iter_mut().zip(0..).for_each(|(byte, number)| *byte = number);
        if flags & 0x80 == 0 { Ok(()) } else { Err(NoEntropy::new()) }
    };
    let decided = decide(&ServerPolicy::default(), known, &request, decision, NOW, &mut entropy);
    match (reviewed, decided) {
        (Ok(review), Ok((response, Change::AddCode(record)))) => {
            assert!(values(&query, "prompt").all(|prompt| prompt != "none"), "no code without a page");
            assert!(decision != UserDecision::Deny && response.state == request.state);
            assert!(response.result.as_ref().is_ok_and(|code| record.code.matches(code)));
            assert_eq!(
                (&record.client_id, &record.redirect_uri),
                (&request.client_id, &request.redirect_uri)
            );
            assert_eq!(
                Some(&*record.code_challenge),
                request.code_challenge.as_deref(),
                "no code without PKCE"
            );
            assert!(client.any_scope || review.scopes.iter().all(|scope| client.scopes.contains(scope)));
            assert_eq!(decision == UserDecision::APPROVE, record.expires_at > NOW);
            let kept = record.redirect_uri.len() + record.scope.iter().map(String::len).sum::<usize>();
            assert!(kept <= 2048 + 4096 && record.scope.len() <= 25, "a record is bounded");
            arrives(&client, &request.redirect_uri, &response);
            Answer::Code
        }
        (Ok(_), Ok(_)) => panic!("an approval adds a code"),
        (Ok(_), Err(AuthorizationError::Redirect(fault))) => {
            assert!(decision == UserDecision::Deny || flags & 0x80 != 0, "the review said yes");
            let response = AuthorizationResponse::fault(fault).with_state(request.state.clone());
            arrives(&client, &request.redirect_uri, &response);
            Answer::Fault
        }
        (Err(reviewed), Err(decided)) => {
            assert_eq!(reviewed, decided);
            match reviewed {
                AuthorizationError::Redirect(fault) => {
                    let response = AuthorizationResponse::fault(fault).with_state(request.state.clone());
                    arrives(&client, &request.redirect_uri, &response);
                    Answer::Fault
                }
                AuthorizationError::UnknownRedirectUri => {
                    let is_ours = is_registered(&client, &request.redirect_uri);
                    // The loopback rule has more conditions than that of this file.
                    assert!(!is_ours || client.any_loopback_redirect, "{}", request.redirect_uri);
                    Answer::Page
                }
                other => {
                    assert_eq!((other, known), (AuthorizationError::UnknownClient, None));
                    Answer::Page
                }
            }
        }
        (reviewed, decided) => panic!("{reviewed:?}, and then {decided:?}"),
    }
}

fn client(flags: u8) -> ClientRecord {
    let scopes = (flags & 4 == 0).then(|| vec!["openid".to_owned(), "a:b".to_owned()]);
    let mut client = ClientRecord::preconfigured(Client::public("c"), scopes);
    client.any_loopback_redirect = flags & 1 != 0;
    client.redirect_uris = REGISTERED.iter().map(|(uri, _)| (*uri).to_owned()).collect();
    let grant = if flags & 2 == 0 { "authorization_code" } else { "refresh_token" };
    client.grant_types = vec![grant.to_owned()];
    client
}

/// Checks that a request is read as it was written.
fn survives(request: &AuthorizationRequest) {
    let provider = Provider::for_code("https://id.example/authorize", "https://id.example/token").unwrap();
    let read = |service: Service, request: &AuthorizationRequest| {
        let url = service.authorization_url(request).expect("it has an authorization endpoint");
        let (_, query) = url.split_once('?').expect("it has a query");
        AuthorizationRequest::decode(query)
    };
    assert_eq!(read(provider.into(), request).as_ref(), Ok(request));
    let aws = read(Endpoint::for_region("eu-west-1").unwrap().into(), request);
    assert_eq!(aws, Ok(request.clone().with_parameters([])), "AWS has no more parameters");
}

/// Returns the values of a parameter that needs no decoding and is not empty.
fn values<'a>(query: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let pairs = query.split('&').filter_map(move |pair| pair.strip_prefix(name)?.strip_prefix('='));
    pairs.filter(|value| !value.is_empty())
}

/// Checks that a request with this query may be read at all.
fn only_what_is_supported(query: &str) {
    assert!(values(query, "response_mode").all(|mode| mode.contains(['%', '+']) || mode == "query"));
    for name in ["request", "request_uri"] {
        assert_eq!(values(query, name).next(), None, "{name} replaces the other parameters");
    }
    for name in ["client_id", "state", "scopes", "nonce", "prompt", "response_mode"] {
        assert!(values(query, name).nth(1).is_none(), "{name} is there twice");
    }
}

/// Checks that a response goes to a registered place, as a header, and is read as it was written.
fn arrives(client: &ClientRecord, redirect_uri: &str, response: &AuthorizationResponse) {
    assert!(is_registered(client, redirect_uri), "{redirect_uri}");
    let response = response.clone().with_issuer(ISSUER);
    let url = response.redirect(redirect_uri);
    assert!(HeaderValue::from_str(&url).is_ok(), "{url}");
    let (asked, gone): (Uri, Uri) = (redirect_uri.parse().unwrap(), url.parse().unwrap());
    assert_eq!((asked.scheme(), asked.authority()), (gone.scheme(), gone.authority()), "the same place");
    assert_eq!(asked.path(), gone.path());
    let query = gone.query().expect("it has parameters");
    let own = asked.query().unwrap_or_default();
    assert!(query.starts_with(own), "its own parameters stay");
    // A client with such a parameter of its own in its redirect URI confuses itself only.
    let is_plain = |name: &str| !name.contains('%') && !name.contains('+') && !OURS.contains(&name);
    if own.split('&').all(|pair| is_plain(pair.split('=').next().unwrap_or_default())) {
        assert_eq!(AuthorizationResponse::decode(query).as_ref(), Some(&response), "{url}");
    }
}

/// Returns whether the client may get its response there, read with nothing of the tested crates.
fn is_registered(client: &ClientRecord, uri: &str) -> bool {
    let at_any_port = |(before, after): (&str, &str)| {
        let Some(rest) = uri.strip_prefix(before) else { return false };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let port = rest[..end].strip_prefix(':');
        let is_port = |port: &str| {
            port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse().is_ok_and(|port: u16| port > 0)
        };
        let target = |text: &str| text.strip_prefix('/').unwrap_or(text).to_owned();
        (end == 0 || port.is_some_and(is_port)) && target(&rest[end..]) == target(after)
    };
    let is_loopback = || {
        let host = uri.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
        uri.starts_with("http://")
            && host.is_some_and(|host| ["127.0.0.1", "[::1]", "localhost"].contains(&&*host))
    };
    REGISTERED.iter().any(|(registered, port)| *registered == uri || port.is_some_and(at_any_port))
        || (client.any_loopback_redirect && is_loopback())
}

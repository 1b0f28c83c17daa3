//! Clients of the OAuth dialect: public and confidential ones, their scopes, and revocation.

use core::time::Duration;
use device_authority::{ClientRecord, ServerPolicy, UserDecision};
use oidc_proto::oauth::RevocationRequest;
use oidc_proto::{
    Client, CreateTokenRequest, DeviceAuthorization, Fault, FaultCode, Grant, RegisterClientRequest,
    Registration, Secret, StartDeviceAuthorizationRequest, Token, UnixSeconds, grant_type,
};

use crate::common::{Bench, entropy, fault};

fn bench() -> Bench {
    Bench::new(ServerPolicy::default())
}

fn register(bench: &mut Bench, request: &RegisterClientRequest) -> Result<Registration, Fault> {
    let mut rng = fastrand::Rng::with_seed(7);
    bench.store.register_oauth_client(&bench.policy, request, bench.now, &mut entropy(&mut rng))
}

/// Registers a public client with these scopes.
fn public(bench: &mut Bench, scopes: &[&str]) -> Client {
    register(bench, &RegisterClientRequest::new("tool").with_scopes(scopes.iter().copied())).unwrap().client
}

fn start(bench: &mut Bench, client: &Client, scopes: &[&str]) -> Result<DeviceAuthorization, Fault> {
    let request = StartDeviceAuthorizationRequest::for_scope(client.clone(), scopes.iter().copied());
    let mut rng = fastrand::Rng::with_seed(11);
    bench.store.start_device_authorization(&bench.policy, &request, bench.now, &mut entropy(&mut rng))
}

fn sign_in(bench: &mut Bench, client: &Client, scopes: &[&str]) -> Token {
    let device = start(bench, client, scopes).unwrap();
    bench.person(&device.user_code, UserDecision::APPROVE);
    bench.poll(client, &device.device_code).unwrap()
}

fn refresh(bench: &mut Bench, client: &Client, token: &Token, scopes: &[&str]) -> Result<Token, Fault> {
    let grant = Grant::RefreshToken { refresh_token: token.refresh_token.clone().unwrap() };
    let request = CreateTokenRequest::new(client.clone(), grant).with_scope(scopes.iter().copied());
    let mut rng = fastrand::Rng::with_seed(13);
    bench.store.create_token(&bench.policy, &request, bench.now, &mut entropy(&mut rng))
}

fn revoke(bench: &mut Bench, client: &Client, token: &Secret) -> Result<(), Fault> {
    let request = RevocationRequest::refresh_token(client.clone(), token.clone());
    bench.store.revoke_token(&bench.policy, &request, bench.now)
}

fn scopes(list: &[&str]) -> Option<Vec<String>> {
    Some(list.iter().map(|scope| (*scope).to_owned()).collect())
}

#[test]
fn a_public_client_gets_no_secret_and_a_confidential_one_a_secret_that_expires() {
    let mut bench = bench();
    let public = register(&mut bench, &RegisterClientRequest::new("tool")).unwrap();
    assert_eq!((public.client.secret, public.expires_at), (None, None));
    let mut ask = RegisterClientRequest::new("tool");
    ask.client_type = "confidential".to_owned();
    let confidential = register(&mut bench, &ask).unwrap();
    assert!(confidential.client.secret.is_some());
    let end = bench.now.unix_seconds().get() + 7_776_000;
    assert_eq!(confidential.expires_at, Some(UnixSeconds::new(end)));
}

#[test]
fn a_public_client_is_believed_without_a_secret_and_not_with_one() {
    let mut bench = bench();
    let mut client = public(&mut bench, &[]);
    assert!(start(&mut bench, &client, &[]).is_ok());
    for secret in ["", "-", &"-".repeat(64)] {
        client.secret = Some(Secret::from(secret));
        assert_eq!(fault(start(&mut bench, &client, &[])), FaultCode::InvalidClient, "{secret:?}");
    }
}

#[test]
fn a_client_with_a_secret_is_not_believed_without_it() {
    let mut bench = bench();
    let mut client = bench.client();
    client.secret = None;
    assert_eq!(fault(bench.start(&client)), FaultCode::InvalidClient);
    assert_eq!(fault(start(&mut bench, &client, &[])), FaultCode::InvalidClient);
}

#[test]
fn a_public_client_expires_like_any_other() {
    let mut bench = bench();
    let client = public(&mut bench, &[]);
    bench.wait(7_776_000.0);
    assert_eq!(fault(start(&mut bench, &client, &[])), FaultCode::InvalidClient);
}

/// Registers with these grants and redirect URIs, and returns what was registered.
fn registered(grants: &[&str], redirects: &[&str]) -> Result<(Vec<String>, Vec<String>), FaultCode> {
    let mut bench = bench();
    let mut ask = RegisterClientRequest::new("tool");
    ask.grant_types = grants.iter().map(|grant| (*grant).to_owned()).collect();
    ask.redirect_uris = redirects.iter().map(|uri| (*uri).to_owned()).collect();
    let id = register(&mut bench, &ask).map_err(|fault| fault.code)?.client.id;
    let record = bench.store.client(&id).unwrap();
    assert!(!record.any_loopback_redirect);
    Ok((record.grant_types.clone(), record.redirect_uris.clone()))
}

const DEVICE: &str = grant_type::DEVICE_CODE;
const CODE: &str = grant_type::AUTHORIZATION_CODE;
const REFRESH: &str = grant_type::REFRESH_TOKEN;

#[test]
fn a_registration_is_narrowed_to_the_grants_that_there_are() {
    let uri = "http://localhost:8400/cb";
    for (asked, granted) in [
        (&[DEVICE, CODE, REFRESH][..], &[DEVICE, CODE, REFRESH][..]),
        (&[CODE], &[CODE]),
        (&["password", CODE, REFRESH], &[CODE, REFRESH]),
        (&["implicit", "client_credentials", CODE, "urn:x", DEVICE], &[CODE, DEVICE]),
    ] {
        let (grants, redirects) = registered(asked, &[uri]).unwrap();
        assert_eq!((grants, redirects), (scopes(granted).unwrap(), vec![uri.to_owned()]), "{asked:?}");
    }
    for (asked, granted) in
        [(&["password", DEVICE][..], &[DEVICE][..]), (&[DEVICE, REFRESH], &[DEVICE, REFRESH])]
    {
        // Without the grant that needs them, redirect URIs are dropped, whatever they are.
        let (grants, redirects) = registered(asked, &[uri, "com.example.app:/cb"]).unwrap();
        assert_eq!((grants, redirects.len()), (scopes(granted).unwrap(), 0), "{asked:?}");
    }
}

#[test]
fn without_grant_types_the_redirect_uris_tell_which_flow_is_meant() {
    let uri = "http://127.0.0.1/";
    assert_eq!(registered(&[], &[uri]).unwrap(), (scopes(&[CODE, REFRESH]).unwrap(), vec![uri.to_owned()]));
    assert_eq!(registered(&[], &[]).unwrap(), (Vec::new(), Vec::new()), "the device flow and refresh");
}

#[test]
fn a_redirect_uri_is_https_or_http_to_this_machine() {
    for uri in [
        "https://app.example/cb?tenant=a",
        "https://app.example:8443",
        "http://127.0.0.1",
        "http://127.0.0.1:8400/cb?x=1",
        "http://[::1]:8400/cb",
        "http://localhost/cb",
    ] {
        assert!(registered(&[CODE], &[uri]).is_ok(), "{uri}");
    }
    let long = format!("https://app.example/{}", "x".repeat(2048));
    for uri in [
        "",
        "http://app.example/cb",
        "https://",
        "https:///cb",
        "https://app.example/cb#x",
        "https://user@app.example/cb",
        "https://app.example\\.evil.example/",
        "https://app.example/a b",
        "https://app.example/\r\nSet-Cookie:x",
        "https://app.example:0/",
        "https://app.example:/",
        "com.example.app:/cb",
        "javascript://127.0.0.1/%0aalert(1)",
        "urn:ietf:wg:oauth:2.0:oob",
        "http://127.0.0.1.evil.example/",
        "http://127.0.0.1@evil.example/",
        "http://localhost.evil.example/",
        "http://[::2]/",
        "http://[::1/",
        "http://127.0.0.2/",
        &long,
    ] {
        assert_eq!(registered(&[CODE, DEVICE], &[uri]), Err(FaultCode::InvalidRedirectUri), "{uri}");
    }
    assert_eq!(registered(&[CODE, DEVICE], &[]), Err(FaultCode::InvalidRedirectUri), "there must be one");
}

#[test]
fn a_registration_for_nothing_that_there_is_is_invalid_client_metadata() {
    let mut bench = bench();
    // Only another grant leads to a refresh token.
    for grants in [&["password"][..], &[""], &["implicit", "password"], &[REFRESH]] {
        for uris in [&["http://127.0.0.1/"][..], &[]] {
            assert_eq!(registered(grants, uris), Err(FaultCode::InvalidClientMetadata), "{grants:?}");
        }
    }
    let ask = RegisterClientRequest::new("tool").with_scopes(["a\"b"]);
    assert_eq!(fault(register(&mut bench, &ask)), FaultCode::InvalidClientMetadata);
    for name in ["\u{1b}\u{7}".to_owned(), "x".repeat(257)] {
        let ask = RegisterClientRequest::new(name);
        assert_eq!(fault(register(&mut bench, &ask)), FaultCode::InvalidClientMetadata);
    }
}

#[test]
fn a_client_without_a_name_is_shown_by_its_id() {
    let mut bench = bench();
    let client = register(&mut bench, &RegisterClientRequest::new("")).unwrap().client;
    let device = start(&mut bench, &client, &[]).unwrap();
    let review = bench.store.review(&bench.policy, None, &device.user_code, bench.now).unwrap();
    assert_eq!((review.client_name, review.start_url), (client.id, None));
}

#[test]
fn what_was_asked_for_is_what_the_person_sees_and_what_is_granted() {
    let mut bench = bench();
    let client = public(&mut bench, &["read", "write"]);
    let device = start(&mut bench, &client, &["read"]).unwrap();
    let review = bench.store.review(&bench.policy, None, &device.user_code, bench.now).unwrap();
    assert_eq!(Some(review.scopes), scopes(&["read"]));
    let token = sign_in(&mut bench, &client, &["write"]);
    assert_eq!(token.scope, scopes(&["write"]));
}

#[test]
fn who_asks_for_no_scope_gets_the_registered_ones() {
    let mut bench = bench();
    let client = public(&mut bench, &["read", "write"]);
    assert_eq!(sign_in(&mut bench, &client, &[]).scope, scopes(&["read", "write"]));
    let client = public(&mut bench, &[]);
    let token = sign_in(&mut bench, &client, &[]);
    assert_eq!((token.scope, token.refresh_token), (None, None));
}

#[test]
fn a_scope_that_was_not_registered_is_invalid() {
    let mut bench = bench();
    let client = public(&mut bench, &["read"]);
    for asked in [&["write"][..], &["read", "write"], &["READ"], &["re"], &[""], &["a\\b"]] {
        assert_eq!(fault(start(&mut bench, &client, asked)), FaultCode::InvalidScope, "{asked:?}");
    }
}

#[test]
fn a_client_set_up_by_hand_may_ask_for_any_scope_or_for_those_that_it_was_given() {
    let mut bench = bench();
    let free = Client::public("free");
    bench.store.add_client(ClientRecord::preconfigured(free.clone(), None));
    assert_eq!(sign_in(&mut bench, &free, &["anything"]).scope, scopes(&["anything"]));
    let long = "x".repeat(4097);
    assert_eq!(fault(start(&mut bench, &free, &[&long])), FaultCode::InvalidScope);
    assert_eq!(fault(start(&mut bench, &free, &["a"; 26])), FaultCode::InvalidScope);
    let bound = Client::new("bound", Secret::from("s"));
    bench.store.add_client(ClientRecord::preconfigured(bound.clone(), scopes(&["read"])));
    assert_eq!(fault(start(&mut bench, &bound, &["anything"])), FaultCode::InvalidScope);
    bench.now = bench.now.after(Duration::from_secs(10_000_000_000));
    assert!(start(&mut bench, &bound, &["read"]).is_ok(), "it does not expire");
}

#[test]
fn a_refresh_may_narrow_the_scope_for_once_and_never_widen_it() {
    let mut bench = bench();
    let client = public(&mut bench, &["a", "b", "c"]);
    let first = sign_in(&mut bench, &client, &["a", "b"]);
    assert_eq!(fault(refresh(&mut bench, &client, &first, &["c"])), FaultCode::InvalidScope);
    let narrow = refresh(&mut bench, &client, &first, &["a"]).expect("the refusal spent nothing");
    assert_eq!(narrow.scope, scopes(&["a"]));
    // RFC 6749 §6: the refresh token's scope does not change.
    assert_eq!(refresh(&mut bench, &client, &narrow, &[]).unwrap().scope, scopes(&["a", "b"]));
}

#[test]
fn a_revoked_refresh_token_ends_its_family() {
    let mut bench = bench();
    let client = public(&mut bench, &["a"]);
    let first = sign_in(&mut bench, &client, &[]);
    let second = refresh(&mut bench, &client, &first, &[]).unwrap();
    revoke(&mut bench, &client, second.refresh_token.as_ref().unwrap()).unwrap();
    assert_eq!(fault(refresh(&mut bench, &client, &second, &[])), FaultCode::InvalidGrant);
    // A second revocation is no error (RFC 7009 §2.2).
    revoke(&mut bench, &client, second.refresh_token.as_ref().unwrap()).unwrap();
}

#[test]
fn a_token_that_was_rotated_out_ends_its_chain_too() {
    let mut bench = bench();
    let client = public(&mut bench, &["a"]);
    let first = sign_in(&mut bench, &client, &[]);
    let second = refresh(&mut bench, &client, &first, &[]).unwrap();
    revoke(&mut bench, &client, first.refresh_token.as_ref().unwrap()).unwrap();
    assert_eq!(fault(refresh(&mut bench, &client, &second, &[])), FaultCode::InvalidGrant);
}

#[test]
fn only_the_tokens_own_client_can_revoke_it() {
    let mut bench = bench();
    let owner = bench.scoped_client();
    let token = bench.sign_in(&owner);
    let other = public(&mut bench, &[]);
    let refresh_token = token.refresh_token.unwrap();
    assert_eq!(fault(revoke(&mut bench, &other, &refresh_token)), FaultCode::InvalidGrant);
    let mut with_wrong_secret = owner.clone();
    with_wrong_secret.secret = Some(Secret::from("guess"));
    assert_eq!(fault(revoke(&mut bench, &with_wrong_secret, &refresh_token)), FaultCode::InvalidClient);
    assert!(bench.refresh(&owner, &refresh_token).is_ok());
}

#[test]
fn an_access_token_and_any_other_text_are_revoked_by_being_unknown() {
    let mut bench = bench();
    let client = public(&mut bench, &["a"]);
    let token = sign_in(&mut bench, &client, &[]);
    for text in [token.access_token.expose(), "short", ""] {
        revoke(&mut bench, &client, &Secret::from(text)).unwrap();
    }
    assert!(refresh(&mut bench, &client, &token, &[]).is_ok());
}

#[test]
fn the_scopes_of_one_request_may_have_4096_bytes_and_no_more() {
    let mut bench = bench();
    let client = Client::public("any");
    bench.store.add_client(ClientRecord::preconfigured(client.clone(), None));
    let (half, more) = ("x".repeat(2048), "y".repeat(2049));
    assert!(start(&mut bench, &client, &[&half, &half]).is_ok());
    assert_eq!(fault(start(&mut bench, &client, &[&half, &more])), FaultCode::InvalidScope);
}

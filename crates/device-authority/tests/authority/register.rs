//! RegisterClient.

use core::time::Duration;
use device_authority::{NoEntropy, ServerPolicy, register_client};
use oidc_proto::{FaultCode, RegisterClientRequest, UnixSeconds, grant_type};

use crate::common::{Bench, fault};

fn request() -> RegisterClientRequest {
    RegisterClientRequest::new("tool")
}

fn code_flow(redirect: &str) -> RegisterClientRequest {
    let mut request = request();
    request.grant_types =
        vec![grant_type::AUTHORIZATION_CODE.to_owned(), grant_type::REFRESH_TOKEN.to_owned()];
    request.redirect_uris = vec![redirect.to_owned()];
    request
}

#[test]
fn a_registration_lasts_7776000_seconds_and_names_no_endpoints() {
    let mut bench = Bench::new(ServerPolicy::default());
    let registration = bench.register(&request()).unwrap();
    let now = bench.now.unix_seconds();
    assert_eq!(registration.issued_at, Some(now));
    assert_eq!(registration.expires_at, Some(UnixSeconds::new(now.get() + 7_776_000)));
    assert_eq!(registration.authorization_endpoint, None);
    assert_eq!(registration.token_endpoint, None);
}

#[test]
fn two_registrations_have_different_ids_and_secrets_of_256_bits_and_more() {
    let mut bench = Bench::new(ServerPolicy::default());
    let (one, two) = (bench.client(), bench.client());
    assert_ne!(one.id, two.id);
    assert_ne!(one.secret, two.secret);
    assert!(one.secret.unwrap().expose().len() * 6 >= 256);
}

#[test]
fn a_client_id_ends_in_the_region_like_the_real_one() {
    // base64url of 16 bytes and "us-east-1"; the bytes of the region alone are constant.
    let mut bench = Bench::new(ServerPolicy::default());
    let ids = [bench.client().id, bench.client().id];
    assert!(ids.iter().all(|id| id.ends_with("LWVhc3QtMQ") && id.len() == 34), "{ids:?}");
    let elsewhere =
        ServerPolicy::default().with_verification_uri("http://127.0.0.1:9/").with_region("eu-west-1");
    assert_eq!(elsewhere.verification_uri, "http://127.0.0.1:9/");
    let id = Bench::new(elsewhere).client().id;
    assert!(id.ends_with("LXdlc3QtMQ") && id.len() == 34, "{id}");
}

#[test]
fn no_client_id_or_secret_passes_for_a_flag_of_a_command_line() {
    let mut bench = Bench::new(ServerPolicy::default());
    for _ in 0..512 {
        let client = bench.client();
        assert!(
            !client.id.starts_with('-') && !client.secret.unwrap().expose().starts_with('-'),
            "{}",
            client.id
        );
    }
}

#[test]
fn a_client_type_other_than_public_is_invalid_client_metadata() {
    for kind in ["confidential", "Public", "PUBLIC", ""] {
        let mut ask = request();
        ask.client_type = kind.to_owned();
        assert_eq!(
            fault(Bench::new(ServerPolicy::default()).register(&ask)),
            FaultCode::InvalidClientMetadata,
            "{kind}"
        );
    }
}

#[test]
fn a_name_that_is_unreadable_or_too_long_is_invalid_client_metadata() {
    for name in [" ".to_owned(), "\u{1b}\u{7}\u{200b}".to_owned(), "x".repeat(257)] {
        let ask = RegisterClientRequest::new(name);
        assert_eq!(
            fault(Bench::new(ServerPolicy::default()).register(&ask)),
            FaultCode::InvalidClientMetadata
        );
    }
    assert!(
        Bench::new(ServerPolicy::default()).register(&RegisterClientRequest::new("é".repeat(256))).is_ok()
    );
}

#[test]
fn an_unknown_grant_type_is_unsupported() {
    for grant in ["password", "urn:ietf:params:oauth:grant-type:device-code", ""] {
        let mut ask = request();
        ask.grant_types = vec![grant_type::REFRESH_TOKEN.to_owned(), grant.to_owned()];
        assert_eq!(
            fault(Bench::new(ServerPolicy::default()).register(&ask)),
            FaultCode::UnsupportedGrantType
        );
    }
}

#[test]
fn the_device_and_the_code_grant_in_one_registration_are_an_invalid_scope() {
    let mut ask = code_flow("http://127.0.0.1");
    assert!(Bench::new(ServerPolicy::default()).register(&ask).is_ok());
    ask.grant_types.push(grant_type::DEVICE_CODE.to_owned());
    assert_eq!(fault(Bench::new(ServerPolicy::default()).register(&ask)), FaultCode::InvalidScope);
}

#[test]
fn a_redirect_goes_to_127_0_0_1_over_http_with_any_port_and_path() {
    for uri in [
        "http://127.0.0.1",
        "http://127.0.0.1/",
        "http://127.0.0.1/oauth/callback",
        "http://127.0.0.1:1",
        "http://127.0.0.1:65535/a%20b",
    ] {
        assert!(Bench::new(ServerPolicy::default()).register(&code_flow(uri)).is_ok(), "{uri}");
    }
}

#[test]
fn a_redirect_to_anywhere_else_is_an_invalid_redirect_uri() {
    for uri in [
        "",
        "https://127.0.0.1",
        "HTTP://127.0.0.1",
        "http://127.0.0.1.evil.example/",
        "http://127.0.0.1@evil.example/",
        "http://user@127.0.0.1/",
        "http://127.0.0.1:80@evil.example/",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:65536/",
        "http://127.0.0.1:/",
        "http://127.0.0.1:+80/",
        "http://127.0.0.1/cb?x=1",
        "http://127.0.0.1/cb#x",
        "http://127.0.0.1#x",
        "http://127.0.0.1\\evil",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/\r\nSet-Cookie:x",
        "http://127.1/",
        "http://localhost/",
        "http://[::1]/",
        "http://127.0.0.2/",
        "//127.0.0.1/",
        "myapp://127.0.0.1",
    ] {
        let result = Bench::new(ServerPolicy::default()).register(&code_flow(uri));
        assert_eq!(fault(result), FaultCode::InvalidRedirectUri, "{uri}");
    }
    let mut none = code_flow("http://127.0.0.1");
    none.redirect_uris.clear();
    assert_eq!(fault(Bench::new(ServerPolicy::default()).register(&none)), FaultCode::InvalidRedirectUri);
}

#[test]
fn twenty_five_scopes_are_accepted_and_twenty_six_are_not() {
    let scopes = |n: usize| request().with_scopes((0..n).map(|i| format!("scope:{i}")));
    assert!(Bench::new(ServerPolicy::default()).register(&scopes(25)).is_ok());
    assert_eq!(fault(Bench::new(ServerPolicy::default()).register(&scopes(26))), FaultCode::InvalidScope);
}

#[test]
fn a_scope_has_the_characters_of_rfc_6749() {
    for scope in ["", "a b", "a\"b", "a\\b", "é", "a\n"] {
        let ask = request().with_scopes([scope]);
        assert_eq!(
            fault(Bench::new(ServerPolicy::default()).register(&ask)),
            FaultCode::InvalidScope,
            "{scope:?}"
        );
    }
}

#[test]
fn a_registration_that_would_fill_the_store_by_its_size_is_refused() {
    let mut long_url = request();
    long_url.issuer_url = Some("x".repeat(5000));
    let mut many = request();
    many.redirect_uris = vec!["http://127.0.0.1".to_owned(); 500];
    let mut arn = request();
    arn.entitled_application_arn = Some("x".repeat(5000));
    for ask in [long_url, many, arn] {
        assert_eq!(
            fault(Bench::new(ServerPolicy::default()).register(&ask)),
            FaultCode::InvalidClientMetadata
        );
    }
}

#[test]
fn without_entropy_the_server_fails_and_changes_nothing() {
    let mut broken = |_: &mut [u8]| Err(NoEntropy::new());
    let now = device_authority::Moment::new(Duration::from_secs(1));
    let decision = register_client(&ServerPolicy::default(), &request(), now, &mut broken);
    assert_eq!(fault(decision.reply), FaultCode::InternalServer);
    assert!(decision.changes.is_empty());
}

#[test]
fn a_registration_of_4096_bytes_is_kept_and_a_longer_one_is_not() {
    let of = |bytes: usize| {
        let mut ask = request();
        ask.issuer_url = Some("x".repeat(bytes - ask.client_name.len()));
        Bench::new(ServerPolicy::default()).register(&ask)
    };
    assert!(of(4096).is_ok());
    assert_eq!(fault(of(4097)), FaultCode::InvalidClientMetadata);
}

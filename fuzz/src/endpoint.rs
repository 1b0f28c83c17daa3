//! Texts for the service's address, from users and configuration files.

use device_authority::{Capacity, Memory, Moment, NoEntropy, ServerPolicy};
use oidc_proto::oauth::Provider;
use oidc_proto::{
    CreateTokenRequest, Endpoint, EndpointError, Grant, RegisterClientRequest, Secret, Service,
    StartDeviceAuthorizationRequest,
};

use crate::wire::no_controls;

/// Parses a text as a base URL, a provider's URL, a region and a start URL.
pub fn endpoint(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    base(text);
    match Provider::new(text, "https://id.example/token") {
        Ok(provider) => {
            let shown = provider.to_string();
            assert_eq!(shown, "https://id.example/token");
            uri_is_of(&provider.into(), text);
        }
        Err(error) => refused(&error, text),
    }
    match Endpoint::for_region(text) {
        Ok(endpoint) => {
            assert!(endpoint.is_https() && !endpoint.is_loopback());
            assert!(endpoint.to_string().starts_with(&format!("https://oidc.{text}.")), "{endpoint}");
        }
        Err(error) => refused(&error, text),
    }
    start_url(text);
}

fn base(text: &str) {
    let free = Endpoint::allow_insecure_http(text);
    match Endpoint::custom(text) {
        Ok(endpoint) => {
            assert!(endpoint.is_https() || endpoint.is_loopback(), "{endpoint}");
            assert_eq!(free.as_ref(), Ok(&endpoint), "what is safe is allowed where more is allowed");
            let shown = endpoint.to_string();
            assert_eq!(
                Endpoint::custom(&shown).as_ref(),
                Ok(&endpoint),
                "what is shown is the same endpoint"
            );
            no_controls(&shown);
            uri_is_of(&endpoint.into(), text);
        }
        Err(error) => {
            if free.is_ok() {
                assert!(matches!(error, EndpointError::InsecureHttp(_)), "{error}");
            }
            refused(&error, text);
        }
    }
}

/// Checks that requests go only to the named host.
fn uri_is_of(service: &Service, text: &str) {
    let ask = StartDeviceAuthorizationRequest::new(oidc_proto::Client::public("id"), "https://x.example");
    let uri = service.encode(&ask).expect("every endpoint of AWS has it").uri().clone();
    let authority = text.trim().split_once("://").map_or("", |(_, rest)| rest);
    let authority = authority.split(['/', '?']).next().unwrap_or_default();
    assert_eq!(uri.authority().map(http::uri::Authority::as_str), Some(authority), "{text:?}");
    assert!(uri.scheme().is_some() && uri.path().starts_with('/'), "{uri}");
    let again: http::Uri = uri.to_string().parse().expect("a URI that was made is one");
    assert_eq!(again, uri);
}

/// Checks that an error has no password and no control characters.
fn refused(error: &EndpointError, text: &str) {
    let shown = error.to_string();
    no_controls(&shown);
    let authority = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    if let Some((user, _)) = authority.rsplit_once('@')
        && user.len() > 20
        && !matches!(error, EndpointError::InvalidRegion(_))
        // The error's own text is not secret, and libFuzzer finds it through comparisons.
        && !EndpointError::UserInfo.to_string().contains(user)
    {
        assert!(!shown.contains(user), "{shown}");
    }
}

/// Checks that the authority accepts or rejects a start URL, and stays consistent.
fn start_url(text: &str) {
    let mut next = 0_u8;
    let mut entropy = |bytes: &mut [u8]| {
        bytes.fill_with(|| {
            next = next.wrapping_mul(5).wrapping_add(1);
            next
        });
        Ok::<(), NoEntropy>(())
    };
    let (policy, now) = (ServerPolicy::default(), Moment::new(core::time::Duration::from_secs(1)));
    let mut store = Memory::new(Capacity::default());
    let registration =
        store.register_client(&policy, &RegisterClientRequest::new("n"), now, &mut entropy).unwrap();
    let ask = StartDeviceAuthorizationRequest::new(registration.client.clone(), text);
    let begun = store.start_device_authorization(&policy, &ask, now, &mut entropy);
    assert_eq!(store.counts().devices, usize::from(begun.is_ok()));
    match begun {
        Ok(_) => assert!(text.is_ascii() && text.contains("://") && text.len() <= 2048, "{text:?}"),
        Err(fault) => {
            assert_eq!(fault.status, 400);
            no_controls(&fault.to_string());
            let grant = Grant::device_code(Secret::from(text));
            let poll = CreateTokenRequest::new(registration.client, grant);
            assert!(store.create_token(&policy, &poll, now, &mut entropy).is_err());
        }
    }
}

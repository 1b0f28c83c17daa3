//! Generators of messages, as far as a dialect can carry them.

use core::time::Duration;

use oidc_proto::oauth::{Metadata, RevocationRequest, TokenTypeHint};
use oidc_proto::{
    Client, CreateTokenRequest, DeviceAuthorization, Dialect, Fault, FaultCode, Grant, Parameter,
    RegisterClientRequest, Registration, Secret, StartDeviceAuthorizationRequest, Token, UnixSeconds,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

/// Generates non-empty text of any characters. The wire reads an empty member as absent.
pub(crate) fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 1..12).prop_map(|chars| chars.into_iter().collect())
}

fn secret() -> impl Strategy<Value = Secret> {
    text().prop_map(Secret::new)
}

/// Generates whole seconds, the wire's resolution.
fn seconds(least: u64) -> impl Strategy<Value = Duration> {
    prop_oneof![least..100_000, least..=i64::MAX.unsigned_abs()].prop_map(Duration::from_secs)
}

/// Generates scopes. AWS's are any strings. OAuth's have blanks between them (RFC 6749 §3.3), and a client
/// reads commas as blanks.
fn scopes(dialect: Dialect) -> impl Strategy<Value = Vec<String>> {
    let any = vec(".*", 0..3);
    any.prop_map(move |mut scopes| {
        if dialect == Dialect::OAuth {
            for scope in &mut scopes {
                scope.retain(|c| !c.is_ascii_whitespace() && c != ',');
            }
            scopes.retain(|scope| !scope.is_empty());
        }
        scopes
    })
}

/// Generates the additional parameters that a server reads. AWS's dialect has none.
fn parameters(dialect: Dialect) -> impl Strategy<Value = Vec<Parameter>> {
    let one = (prop::sample::select(vec!["resource", "audience"]), text());
    let one = one.prop_map(|(name, value)| Parameter::new(name, value).unwrap());
    vec(one, 0..3).prop_map(move |all| if dialect == Dialect::OAuth { all } else { Vec::new() })
}

/// Generates a client. AWS's have a secret and one method; OAuth's have no secret, or one and two methods.
fn client(dialect: Dialect) -> impl Strategy<Value = Client> {
    (text(), secret(), 0..3).prop_map(move |(id, secret, kind)| match (dialect, kind) {
        (Dialect::OAuth, 0) => Client::public(id),
        (Dialect::OAuth, 1) => Client::new(id, secret).with_basic_authentication(),
        _ => Client::new(id, secret),
    })
}

prop_compose! {
    pub(crate) fn register(dialect: Dialect)(
        name in text(), kind in text(), is_public in any::<bool>(), scopes in scopes(dialect),
        uris in vec(".*", 0..3), grants in vec(".*", 0..3), issuer in of(text()), application in of(text()),
    ) -> RegisterClientRequest {
        let mut request = RegisterClientRequest::new(name);
        request.scopes = scopes;
        request.redirect_uris = uris;
        request.grant_types = grants;
        if dialect == Dialect::Aws {
            request.client_type = kind;
            request.issuer_url = issuer;
            request.entitled_application_arn = application;
        } else {
            if !is_public {
                "confidential".clone_into(&mut request.client_type);
            }
            request.id_token_signed_response_alg = application;
            // An empty list is written as the device flow's grants.
            request.grant_types.push("refresh_token".to_owned());
        }
        request
    }
}

prop_compose! {
    pub(crate) fn start(dialect: Dialect)(
        client in client(dialect), url in text(), scope in scopes(dialect), challenge in of("[A-Za-z0-9_-]{43}"),
        parameters in parameters(dialect),
    ) -> StartDeviceAuthorizationRequest {
        match dialect {
            Dialect::OAuth => {
                let mut request = StartDeviceAuthorizationRequest::for_scope(client, scope);
                request.code_challenge = challenge;
                request.with_parameters(parameters)
            }
            _ => StartDeviceAuthorizationRequest::new(client, url),
        }
    }
}

/// Generates a grant. AWS's device codes have no verifier.
fn grant(dialect: Dialect) -> impl Strategy<Value = Grant> {
    prop_oneof![
        (secret(), of(secret())).prop_map(move |(device_code, code_verifier)| {
            let code_verifier = code_verifier.filter(|_| dialect == Dialect::OAuth);
            Grant::DeviceCode { device_code, code_verifier }
        }),
        secret().prop_map(|refresh_token| Grant::RefreshToken { refresh_token }),
        (secret(), of(text()), of(secret())).prop_map(|(code, redirect_uri, code_verifier)| {
            Grant::AuthorizationCode { code, redirect_uri, code_verifier }
        }),
    ]
}

prop_compose! {
    pub(crate) fn create(dialect: Dialect)(
        client in client(dialect), grant in grant(dialect), scope in scopes(dialect),
        parameters in parameters(dialect),
    ) -> CreateTokenRequest {
        CreateTokenRequest::new(client, grant).with_scope(scope).with_parameters(parameters)
    }
}

prop_compose! {
    pub(crate) fn revocation()(
        client in client(Dialect::OAuth), token in secret(), hint in 0..3,
    ) -> RevocationRequest {
        let mut request = RevocationRequest::access_token(client, token);
        request.hint = match hint {
            0 => None,
            1 => Some(TokenTypeHint::AccessToken),
            _ => Some(TokenTypeHint::RefreshToken),
        };
        request
    }
}

prop_compose! {
    /// Generates a registration with the default authentication method, which the response does not carry.
    pub(crate) fn registration(dialect: Dialect)(
        id in text(), secret in secret(), is_public in any::<bool>(), issued in of(any::<i64>()),
        expires in of(any::<i64>()), authorize in of(text()), token in of(text()),
    ) -> Registration {
        let is_public = is_public && dialect == Dialect::OAuth;
        let client = if is_public { Client::public(id) } else { Client::new(id, secret) };
        let mut registration = Registration::new(client);
        registration.issued_at = issued.map(UnixSeconds::new);
        // Zero on the wire means no expiry (RFC 7591 §3.2.1).
        registration.expires_at = expires.filter(|end| *end != 0).map(UnixSeconds::new);
        if dialect == Dialect::Aws {
            registration.authorization_endpoint = authorize;
            registration.token_endpoint = token;
        }
        registration
    }
}

prop_compose! {
    pub(crate) fn authorization()(
        code in secret(), user_code in text(), uri in text(), complete in of(text()), life in seconds(1),
        interval in of(seconds(0)),
    ) -> DeviceAuthorization {
        let mut authorization = DeviceAuthorization::new(code, user_code, uri, life);
        authorization.verification_uri_complete = complete;
        authorization.interval = interval;
        authorization
    }
}

prop_compose! {
    pub(crate) fn token(dialect: Dialect)(
        access in secret(), kind in "[!-~é数]{1,12}", life in seconds(1), is_for_good in any::<bool>(),
        refresh in of(secret()), id in of(secret()), scope in of(scopes(dialect)),
    ) -> Token {
        let mut token = Token::bearer(access, life);
        token.token_type = kind;
        token.refresh_token = refresh;
        token.id_token = id;
        if dialect == Dialect::OAuth {
            token.expires_in = token.expires_in.filter(|_| !is_for_good);
            token.scope = scope.filter(|scope| !scope.is_empty());
        }
        token
    }
}

/// Generates a fault code. Only AWS has two kinds of invalid request.
fn fault_code(dialect: Dialect) -> impl Strategy<Value = FaultCode> {
    let mut known: Vec<FaultCode> = FaultCode::known().cloned().collect();
    known.retain(|code| dialect == Dialect::Aws || *code != FaultCode::InvalidRequestRegion);
    prop_oneof![
        4 => prop::sample::select(known),
        1 => "[A-Za-z_é数]{1,20}"
            .prop_filter("not a known one", |text| {
                FaultCode::from_exception(text).is_none() && FaultCode::from_error(text).is_none()
            })
            .prop_map(FaultCode::Other),
    ]
}

prop_compose! {
    pub(crate) fn fault(dialect: Dialect)(
        code in fault_code(dialect), description in of(text()), plain in of("[ !#-\\[\\]-~]{1,20}"),
        reason in of(text()), endpoint in of(text()), region in of("[a-z0-9-]{1,20}"),
        status in prop_oneof![200_u16..300, 400_u16..600], id in of("[!-~]{1,40}"), wait in of(any::<u64>()),
        uri in of(text()), interval in of(0..=i64::MAX.unsigned_abs()),
    ) -> Fault {
        let mut fault = Fault::new(code).with_status(status);
        fault.request_id = id;
        fault.retry_after = wait.map(Duration::from_secs);
        if dialect == Dialect::Aws {
            fault.description = description;
            fault.reason = reason;
            fault.endpoint = endpoint;
            fault.region = region;
        } else {
            // RFC 6749 §5.2: the characters allowed in a description.
            fault.description = plain;
            fault.uri = uri;
            fault.interval = interval.map(Duration::from_secs);
        }
        fault
    }
}

prop_compose! {
    /// Generates metadata. Only the issuer must be a URL.
    pub(crate) fn metadata()(
        path in "[a-z0-9/]{0,12}", urls in vec(of(text()), 8..9), lists in vec(vec(".*", 0..3), 8..9),
    ) -> Metadata {
        let mut metadata = Metadata::default();
        let (mut urls, mut lists) = (urls.into_iter().flatten(), lists.into_iter());
        metadata.issuer = format!("https://id.example/{path}");
        metadata.device_authorization_endpoint = urls.next();
        metadata.token_endpoint = urls.next();
        metadata.registration_endpoint = urls.next();
        metadata.revocation_endpoint = urls.next();
        metadata.grant_types_supported = lists.next().unwrap_or_default();
        metadata.token_endpoint_auth_methods_supported = lists.next().unwrap_or_default();
        metadata.scopes_supported = lists.next().unwrap_or_default();
        metadata.code_challenge_methods_supported = lists.next().unwrap_or_default();
        metadata.authorization_endpoint = urls.next();
        metadata.jwks_uri = urls.next();
        metadata.introspection_endpoint = urls.next();
        metadata.userinfo_endpoint = urls.next();
        metadata.response_types_supported = lists.next().unwrap_or_default();
        metadata.subject_types_supported = lists.next().unwrap_or_default();
        metadata.id_token_signing_alg_values_supported = lists.next().unwrap_or_default();
        metadata.claims_supported = lists.next().unwrap_or_default();
        metadata
    }
}

//! Messages made from bytes: each side reads the messages of the other, in both dialects.

use core::fmt::Debug;
use core::time::Duration;

use arbitrary::{Result, Unstructured};
use oidc_proto::oauth::{Metadata, Provider, RevocationRequest};
use oidc_proto::{
    Answer, Call, Client, CreateTokenRequest, DeviceAuthorization, Dialect, Endpoint, Fault, FaultCode,
    Grant, Parameter, RegisterClientRequest, Registration, Secret, ServerRequest, Service,
    StartDeviceAuthorizationRequest, Token, UnixSeconds, pkce,
};

use crate::wire::reads_again;

/// Makes one message from the bytes, and sends it.
pub fn messages(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    // Too few bytes make no message.
    let _made = message(&mut bytes);
}

fn message(bytes: &mut Unstructured<'_>) -> Result<()> {
    let dialect = if bytes.arbitrary()? { Dialect::OAuth } else { Dialect::Aws };
    match bytes.int_in_range(0..=8)? {
        0 => asks(dialect, register(dialect, bytes)?, ServerRequest::RegisterClient),
        1 => asks(dialect, start(dialect, bytes)?, ServerRequest::StartDeviceAuthorization),
        2 => asks(dialect, create(dialect, bytes)?, ServerRequest::CreateToken),
        3 => answers::<RegisterClientRequest>(dialect, &registration(dialect, bytes)?),
        4 => answers::<StartDeviceAuthorizationRequest>(dialect, &authorization(bytes)?),
        5 => answers::<CreateTokenRequest>(dialect, &token(dialect, bytes)?),
        6 => reads_again::<CreateTokenRequest>(dialect, &fault(bytes)?),
        7 => revokes(&revocation(bytes)?),
        _ => describes(&metadata(bytes)?),
    }
    Ok(())
}

fn asks<C: Call + Clone + Debug>(dialect: Dialect, call: C, wrap: fn(C) -> ServerRequest) {
    let base = Endpoint::custom("https://id.example/x").unwrap();
    let service: Service = match dialect {
        Dialect::Aws => base.into(),
        Dialect::OAuth => Provider::at_default_paths(&base).into(),
    };
    let request = service.encode(&call).expect("both have every operation of a sign-in");
    let path = request.uri().path().strip_prefix("/x").expect("below the base");
    let operation = dialect.operation(request.method(), path).expect("an operation's own path");
    assert_eq!(operation, C::OPERATION);
    let read = dialect.decode_http_request(operation, request.headers(), request.body().as_ref());
    assert_eq!(read, Ok(wrap(call)));
}

fn answers<C: Call>(dialect: Dialect, answer: &C::Answer)
where
    C::Answer: Clone + Debug + PartialEq,
{
    let read = dialect.decode::<C, _>(&dialect.encode_success::<C>(answer));
    assert_eq!(read, Answer::Success(answer.clone()));
}

fn revokes(request: &RevocationRequest) {
    let provider = Provider::at_default_paths(&Endpoint::custom("https://id.example").unwrap());
    let sent = request.encode(&provider.into()).expect("it has a URL for it");
    let read = RevocationRequest::decode_request(sent.headers(), sent.body().as_ref());
    assert_eq!(read.as_ref(), Ok(request));
}

fn describes(metadata: &Metadata) {
    assert_eq!(Metadata::decode(&metadata.issuer, &metadata.encode()).as_ref(), Ok(metadata));
}

/// Makes a non-empty text: an empty member counts as absent on the wire.
fn text(bytes: &mut Unstructured<'_>) -> Result<String> {
    let text: String = bytes.arbitrary()?;
    Ok(if text.is_empty() { "x".to_owned() } else { text })
}

fn secret(bytes: &mut Unstructured<'_>) -> Result<Secret> {
    text(bytes).map(Secret::new)
}

fn of<T>(
    bytes: &mut Unstructured<'_>,
    make: impl FnOnce(&mut Unstructured<'_>) -> Result<T>,
) -> Result<Option<T>> {
    if bytes.arbitrary()? { make(bytes).map(Some) } else { Ok(None) }
}

fn list(bytes: &mut Unstructured<'_>) -> Result<Vec<String>> {
    let len = bytes.int_in_range(0..=3)?;
    (0..len).map(|_| bytes.arbitrary()).collect()
}

/// Makes scopes, which have no spaces (RFC 6749 §3.3).
fn scopes(bytes: &mut Unstructured<'_>) -> Result<Vec<String>> {
    let mut scopes = list(bytes)?;
    for scope in &mut scopes {
        scope.retain(|c| !c.is_ascii_whitespace() && c != ',');
    }
    scopes.retain(|scope| !scope.is_empty());
    Ok(scopes)
}

/// Makes whole seconds, in the range of the wire.
fn seconds(bytes: &mut Unstructured<'_>, least: u64) -> Result<Duration> {
    bytes.int_in_range(least..=i64::MAX.unsigned_abs()).map(Duration::from_secs)
}

fn client(dialect: Dialect, bytes: &mut Unstructured<'_>) -> Result<Client> {
    let client = Client::new(text(bytes)?, secret(bytes)?);
    Ok(match (dialect, bytes.int_in_range(0..=2)?) {
        (Dialect::OAuth, 0) => Client::public(client.id.clone()),
        (Dialect::OAuth, 1) => client.with_basic_authentication(),
        _ => client,
    })
}

fn register(dialect: Dialect, bytes: &mut Unstructured<'_>) -> Result<RegisterClientRequest> {
    let mut request = RegisterClientRequest::new(text(bytes)?);
    request.redirect_uris = list(bytes)?;
    request.grant_types = list(bytes)?;
    if dialect == Dialect::OAuth {
        if bytes.arbitrary()? {
            "confidential".clone_into(&mut request.client_type);
        }
        request.scopes = scopes(bytes)?;
        // On the wire, no grant types means those of the device flow.
        request.grant_types.push("refresh_token".to_owned());
    } else {
        request.client_type = text(bytes)?;
        request.scopes = list(bytes)?;
        request.issuer_url = of(bytes, text)?;
        request.entitled_application_arn = of(bytes, text)?;
    }
    Ok(request)
}

fn start(dialect: Dialect, bytes: &mut Unstructured<'_>) -> Result<StartDeviceAuthorizationRequest> {
    let client = client(dialect, bytes)?;
    Ok(match dialect {
        Dialect::OAuth => {
            let mut request = StartDeviceAuthorizationRequest::for_scope(client, scopes(bytes)?);
            request.code_challenge = of(bytes, |bytes| Ok(pkce::challenge(&secret(bytes)?)))?;
            request.with_parameters(parameters(bytes)?)
        }
        _ => StartDeviceAuthorizationRequest::new(client, text(bytes)?),
    })
}

fn create(dialect: Dialect, bytes: &mut Unstructured<'_>) -> Result<CreateTokenRequest> {
    let grant = match bytes.int_in_range(0..=2)? {
        0 => {
            let device_code = secret(bytes)?;
            // AWS's device codes have no verifier.
            let code_verifier = of(bytes, secret)?.filter(|_| dialect == Dialect::OAuth);
            Grant::DeviceCode { device_code, code_verifier }
        }
        1 => Grant::RefreshToken { refresh_token: secret(bytes)? },
        _ => Grant::AuthorizationCode {
            code: secret(bytes)?,
            redirect_uri: of(bytes, text)?,
            code_verifier: of(bytes, secret)?,
        },
    };
    let scope = if dialect == Dialect::OAuth { scopes(bytes)? } else { list(bytes)? };
    let request = CreateTokenRequest::new(client(dialect, bytes)?, grant).with_scope(scope);
    Ok(if dialect == Dialect::OAuth { request.with_parameters(parameters(bytes)?) } else { request })
}

/// Makes additional parameters, as the server reads them.
fn parameters(bytes: &mut Unstructured<'_>) -> Result<Vec<Parameter>> {
    let len = bytes.int_in_range(0..=2)?;
    let one = |bytes: &mut Unstructured<'_>| {
        let name = if bytes.arbitrary()? { "resource" } else { "audience" };
        Ok(Parameter::new(name, text(bytes)?).expect("a name and a value"))
    };
    (0..len).map(|_| one(bytes)).collect()
}

fn registration(dialect: Dialect, bytes: &mut Unstructured<'_>) -> Result<Registration> {
    // The response does not have the client's authentication method.
    let mut client = client(Dialect::Aws, bytes)?;
    if dialect == Dialect::OAuth && bytes.arbitrary()? {
        client = Client::public(client.id.clone());
    }
    let mut registration = Registration::new(client);
    registration.issued_at = of(bytes, |bytes| bytes.arbitrary().map(UnixSeconds::new))?;
    registration.expires_at = of(bytes, |bytes| bytes.arbitrary().map(UnixSeconds::new))?;
    // Zero on the wire means no expiry (RFC 7591 §3.2.1).
    registration.expires_at = registration.expires_at.filter(|end| end.get() != 0);
    if dialect == Dialect::Aws {
        registration.authorization_endpoint = of(bytes, text)?;
        registration.token_endpoint = of(bytes, text)?;
    }
    Ok(registration)
}

fn authorization(bytes: &mut Unstructured<'_>) -> Result<DeviceAuthorization> {
    let mut authorization =
        DeviceAuthorization::new(secret(bytes)?, text(bytes)?, text(bytes)?, seconds(bytes, 1)?);
    authorization.verification_uri_complete = of(bytes, text)?;
    authorization.interval = of(bytes, |bytes| seconds(bytes, 0))?;
    Ok(authorization)
}

fn token(dialect: Dialect, bytes: &mut Unstructured<'_>) -> Result<Token> {
    let mut token = Token::bearer(secret(bytes)?, seconds(bytes, 1)?);
    // A client trims the type, and treats a blank one as absent.
    let kind = text(bytes)?.trim().to_owned();
    token.token_type = if kind.is_empty() { "Bearer".to_owned() } else { kind };
    token.refresh_token = of(bytes, secret)?;
    token.id_token = of(bytes, secret)?;
    if dialect == Dialect::OAuth {
        token.expires_in = token.expires_in.filter(|life| life.as_secs() % 2 == 0);
        token.scope = of(bytes, scopes)?.filter(|scope| !scope.is_empty());
    }
    Ok(token)
}

fn fault(bytes: &mut Unstructured<'_>) -> Result<Fault> {
    let known: Vec<&FaultCode> = FaultCode::known().collect();
    let mut fault = Fault::new((*bytes.choose(&known)?).clone());
    fault.status = if bytes.arbitrary()? { fault.status } else { bytes.int_in_range(400..=599)? };
    fault.description = of(bytes, text)?;
    fault.reason = of(bytes, text)?;
    fault.endpoint = of(bytes, text)?;
    fault.retry_after = of(bytes, |bytes| bytes.arbitrary().map(Duration::from_secs))?;
    Ok(fault)
}

fn revocation(bytes: &mut Unstructured<'_>) -> Result<RevocationRequest> {
    let (client, token) = (client(Dialect::OAuth, bytes)?, secret(bytes)?);
    let mut request = if bytes.arbitrary()? {
        RevocationRequest::access_token(client, token)
    } else {
        RevocationRequest::refresh_token(client, token)
    };
    if bytes.arbitrary()? {
        request.hint = None;
    }
    Ok(request)
}

fn metadata(bytes: &mut Unstructured<'_>) -> Result<Metadata> {
    let mut metadata = Metadata::default();
    // An issuer must be a URL.
    metadata.issuer = format!("https://id.example/{}", bytes.arbitrary::<u32>()?);
    metadata.device_authorization_endpoint = of(bytes, text)?;
    metadata.token_endpoint = of(bytes, text)?;
    metadata.registration_endpoint = of(bytes, text)?;
    metadata.revocation_endpoint = of(bytes, text)?;
    metadata.introspection_endpoint = of(bytes, text)?;
    metadata.userinfo_endpoint = of(bytes, text)?;
    metadata.grant_types_supported = list(bytes)?;
    metadata.token_endpoint_auth_methods_supported = list(bytes)?;
    metadata.scopes_supported = list(bytes)?;
    metadata.code_challenge_methods_supported = list(bytes)?;
    metadata.authorization_endpoint = of(bytes, text)?;
    metadata.jwks_uri = of(bytes, text)?;
    metadata.response_types_supported = list(bytes)?;
    metadata.subject_types_supported = list(bytes)?;
    metadata.id_token_signing_alg_values_supported = list(bytes)?;
    metadata.claims_supported = list(bytes)?;
    Ok(metadata)
}

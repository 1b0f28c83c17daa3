//! Requests: the device authorization request (RFC 8628 §3.1) and the token request (RFC 6749 §4.1.3, §6; RFC 8628
//! §3.4).

use http::HeaderMap;

use super::client;
use super::form::{Form, Parameters, invalid};
use crate::printable::grant_type_shown;
use crate::wire::Payload;
use crate::{
    Client, CreateTokenRequest, Fault, FaultCode, Grant, Secret, StartDeviceAuthorizationRequest, grant_type,
};

/// Creates a form-encoded request of this client.
pub(super) fn payload<'a>(client: &'a Client, mut form: Form<'a>) -> Payload {
    let authorization = client::authenticate(client, &mut form);
    Payload { body: form.finish(), authorization }
}

/// The only supported transform (RFC 7636 §4.2), and the length of its result: 256 bits in base64url.
const METHOD: &str = "S256";
const CHALLENGE_LEN: usize = 43;

pub(crate) fn start_to_payload(request: &StartDeviceAuthorizationRequest) -> Payload {
    let scope = request.scope.join(" ");
    let mut form = Form::new();
    form.add_some("scope", Some(&scope));
    if let Some(challenge) = &request.code_challenge {
        form.add("code_challenge", challenge);
        form.add("code_challenge_method", METHOD);
    }
    form.add_all(&request.parameters);
    let authorization = client::authenticate(&request.client, &mut form);
    if authorization.is_some() {
        // RFC 8628 §3.1 requires it of public clients, django-oauth-toolkit of all clients. It is no
        // credential.
        form.add("client_id", &request.client.id);
    }
    Payload { body: form.finish(), authorization }
}

pub(crate) fn start_from(headers: &HeaderMap, body: &[u8]) -> Result<StartDeviceAuthorizationRequest, Fault> {
    let parameters = Parameters::read(headers, body)?;
    let client = client::read(headers, &parameters)?;
    let mut request = StartDeviceAuthorizationRequest::for_scope(client, parameters.scope());
    request.code_challenge = code_challenge(&parameters)?;
    request.parameters = parameters.further();
    Ok(request)
}

/// Returns the challenge of a request, if present.
///
/// # Errors
/// Returns an error for any transform but S256 (RFC 7636 §4.4.1). An unnamed one is `plain` (§4.3), which
/// protects nothing here. No verifier could match a challenge that S256 does not produce. A transform without
/// a challenge would leave the client unprotected.
fn code_challenge(parameters: &Parameters<'_>) -> Result<Option<String>, Fault> {
    let is_base64url = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    match (parameters.get("code_challenge"), parameters.get("code_challenge_method")) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(invalid("code_challenge_method requires code_challenge")),
        (Some(_), method) if method != Some(METHOD) => {
            Err(invalid("transform algorithm not supported; code_challenge_method must be S256"))
        }
        (Some(text), _) if text.len() == CHALLENGE_LEN && text.bytes().all(is_base64url) => {
            Ok(Some(text.to_owned()))
        }
        (Some(_), _) => Err(invalid("code_challenge must be the 43-character output of S256")),
    }
}

pub(crate) fn create_token_to_payload(request: &CreateTokenRequest) -> Payload {
    let scope = request.scope.join(" ");
    let mut form = Form::new();
    form.add("grant_type", request.grant.grant_type());
    match &request.grant {
        Grant::DeviceCode { device_code, code_verifier } => {
            form.add("device_code", device_code.expose());
            form.add_some("code_verifier", code_verifier.as_ref().map(Secret::expose));
        }
        Grant::AuthorizationCode { code, redirect_uri, code_verifier } => {
            form.add("code", code.expose());
            form.add_some("redirect_uri", redirect_uri.as_deref());
            form.add_some("code_verifier", code_verifier.as_ref().map(Secret::expose));
        }
        Grant::RefreshToken { refresh_token } => form.add("refresh_token", refresh_token.expose()),
    }
    form.add_some("scope", Some(&scope));
    form.add_all(&request.parameters);
    payload(&request.client, form)
}

pub(crate) fn create_token_from(headers: &HeaderMap, body: &[u8]) -> Result<CreateTokenRequest, Fault> {
    let parameters = Parameters::read(headers, body)?;
    let secret = |name| parameters.required(name).map(Secret::from);
    let verifier = || parameters.get("code_verifier").map(Secret::from);
    let grant = match parameters.required("grant_type")? {
        grant_type::DEVICE_CODE => {
            Grant::DeviceCode { device_code: secret("device_code")?, code_verifier: verifier() }
        }
        grant_type::AUTHORIZATION_CODE => Grant::AuthorizationCode {
            code: secret("code")?,
            redirect_uri: parameters.get("redirect_uri").map(str::to_owned),
            code_verifier: verifier(),
        },
        grant_type::REFRESH_TOKEN => Grant::RefreshToken { refresh_token: secret("refresh_token")? },
        other => {
            return Err(Fault::new(FaultCode::UnsupportedGrantType)
                .with_description(format!("grant_type {} is not supported", grant_type_shown(other))));
        }
    };
    let client = client::read(headers, &parameters)?;
    Ok(CreateTokenRequest { client, grant, scope: parameters.scope(), parameters: parameters.further() })
}

//! Requests: the device authorization request (RFC 8628 §3.1) and the token request (RFC 6749 §4.1.3, §6; RFC 8628
//! §3.4).

use http::HeaderMap;

use super::client;
use super::form::{Form, Parameters};
use crate::wire::Payload;
use crate::{
    Client, CreateTokenRequest, Fault, FaultCode, Grant, Secret, StartDeviceAuthorizationRequest, grant_type,
    printable,
};

/// A form-encoded request of this client.
pub(super) fn payload<'a>(client: &'a Client, mut form: Form<'a>) -> Payload {
    let authorization = client::authenticate(client, &mut form);
    Payload { body: form.finish(), authorization }
}

pub(crate) fn start_to_payload(request: &StartDeviceAuthorizationRequest) -> Payload {
    let scope = request.scope.join(" ");
    let mut form = Form::new();
    form.add_some("scope", Some(&scope));
    payload(&request.client, form)
}

pub(crate) fn start_from(headers: &HeaderMap, body: &[u8]) -> Result<StartDeviceAuthorizationRequest, Fault> {
    let parameters = Parameters::read(headers, body)?;
    let client = client::read(headers, &parameters)?;
    Ok(StartDeviceAuthorizationRequest::for_scope(client, parameters.scope()))
}

pub(crate) fn create_token_to_payload(request: &CreateTokenRequest) -> Payload {
    let scope = request.scope.join(" ");
    let mut form = Form::new();
    form.add("grant_type", request.grant.grant_type());
    match &request.grant {
        Grant::DeviceCode { device_code } => form.add("device_code", device_code.expose()),
        Grant::AuthorizationCode { code, redirect_uri, code_verifier } => {
            form.add("code", code.expose());
            form.add_some("redirect_uri", redirect_uri.as_deref());
            form.add_some("code_verifier", code_verifier.as_ref().map(Secret::expose));
        }
        Grant::RefreshToken { refresh_token } => form.add("refresh_token", refresh_token.expose()),
    }
    form.add_some("scope", Some(&scope));
    payload(&request.client, form)
}

pub(crate) fn create_token_from(headers: &HeaderMap, body: &[u8]) -> Result<CreateTokenRequest, Fault> {
    let parameters = Parameters::read(headers, body)?;
    let secret = |name| parameters.required(name).map(Secret::from);
    let grant = match parameters.required("grant_type")? {
        grant_type::DEVICE_CODE => Grant::DeviceCode { device_code: secret("device_code")? },
        grant_type::AUTHORIZATION_CODE => Grant::AuthorizationCode {
            code: secret("code")?,
            redirect_uri: parameters.get("redirect_uri").map(str::to_owned),
            code_verifier: parameters.get("code_verifier").map(Secret::from),
        },
        grant_type::REFRESH_TOKEN => Grant::RefreshToken { refresh_token: secret("refresh_token")? },
        other => {
            return Err(Fault::new(FaultCode::UnsupportedGrantType)
                .with_description(format!("grant_type {} is not supported", printable(other))));
        }
    };
    let client = client::read(headers, &parameters)?;
    Ok(CreateTokenRequest { client, grant, scope: parameters.scope() })
}

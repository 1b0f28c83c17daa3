//! Requests: the device authorization request (RFC 8628 §3.1) and the token request (RFC 6749 §4.1.3, §6; RFC 8628
//! §3.4).

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Request};

use super::client;
use super::form::{FORM, Form, Parameters};
use crate::{
    Body, Client, CreateTokenRequest, Fault, FaultCode, Grant, Secret, StartDeviceAuthorizationRequest,
    grant_type, printable,
};

/// A form-encoded request of this client; where it goes is filled in by the caller.
pub(super) fn to_http<'a>(client: &'a Client, mut form: Form<'a>) -> Request<Body> {
    let authorization = client::authenticate(client, &mut form);
    let mut request = Request::new(Body::new(form.finish()));
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
    // Without it GitHub answers in a form.
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(authorization) = authorization {
        headers.insert(AUTHORIZATION, authorization);
    }
    request
}

pub(crate) fn start_to_http(request: &StartDeviceAuthorizationRequest) -> Request<Body> {
    let scope = request.scope.join(" ");
    let mut form = Form::new();
    form.add_some("scope", Some(&scope));
    to_http(&request.client, form)
}

pub(crate) fn start_from(headers: &HeaderMap, body: &[u8]) -> Result<StartDeviceAuthorizationRequest, Fault> {
    let parameters = Parameters::read(headers, body)?;
    let client = client::read(headers, &parameters)?;
    Ok(StartDeviceAuthorizationRequest::for_scope(client, parameters.scope()))
}

pub(crate) fn create_token_to_http(request: &CreateTokenRequest) -> Request<Body> {
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
    to_http(&request.client, form)
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

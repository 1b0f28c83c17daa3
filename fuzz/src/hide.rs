//! Replacement of every secret in a parsed value. The printed text must not depend on it.

use oidc_proto::oauth::RevocationRequest;
use oidc_proto::{Client, DeviceAuthorization, Grant, Registration, Secret, ServerRequest, Token};

fn hide_client(client: Client) -> Client {
    let mut hidden = client;
    hidden.secret = hidden.secret.map(hide);
    hidden
}

fn hide(_: Secret) -> Secret {
    Secret::from("hidden")
}

pub(crate) fn hide_registration(mut registration: Registration) -> Registration {
    registration.client = hide_client(registration.client);
    registration
}

pub(crate) fn hide_authorization(mut authorization: DeviceAuthorization) -> DeviceAuthorization {
    authorization.device_code = hide(authorization.device_code);
    authorization
}

pub(crate) fn hide_token(mut token: Token) -> Token {
    token.access_token = hide(token.access_token);
    token.refresh_token = token.refresh_token.map(hide);
    token.id_token = token.id_token.map(hide);
    token
}

pub(crate) fn hide_request(request: ServerRequest) -> ServerRequest {
    match request {
        ServerRequest::RegisterClient(call) => ServerRequest::RegisterClient(call),
        ServerRequest::StartDeviceAuthorization(mut call) => {
            call.client = hide_client(call.client);
            ServerRequest::StartDeviceAuthorization(call)
        }
        ServerRequest::CreateToken(mut call) => {
            call.client = hide_client(call.client);
            call.grant = match call.grant {
                Grant::DeviceCode { device_code, code_verifier } => Grant::DeviceCode {
                    device_code: hide(device_code),
                    code_verifier: code_verifier.map(hide),
                },
                Grant::RefreshToken { refresh_token } => {
                    Grant::RefreshToken { refresh_token: hide(refresh_token) }
                }
                Grant::AuthorizationCode { code, redirect_uri, code_verifier } => Grant::AuthorizationCode {
                    code: hide(code),
                    redirect_uri,
                    code_verifier: code_verifier.map(hide),
                },
                other => other,
            };
            ServerRequest::CreateToken(call)
        }
    }
}

pub(crate) fn hide_revocation(mut request: RevocationRequest) -> RevocationRequest {
    request.client = hide_client(request.client);
    request.token = hide(request.token);
    request
}

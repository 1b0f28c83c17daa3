//! Requests, encoded by a client and decoded by a server.
//!
//! The bodies look alike on purpose: each lists the members of its shape in AWS's API model.

use alloc::borrow::Cow;

use http::Method;
use serde::{Deserialize, Serialize};

use crate::json::{starts_with, to_vec};
use crate::member::{Text, Texts};
use crate::printable::grant_type_shown;
use crate::{
    Client, CreateTokenRequest, Fault, FaultCode, Grant, Operation, RegisterClientRequest, Secret,
    StartDeviceAuthorizationRequest, grant_type,
};

/// Returns the operation that a request is for.
pub(crate) fn operation(method: &Method, path: &str) -> Result<Operation, Fault> {
    let Some(operation) =
        Operation::SIGN_IN.iter().copied().find(|operation| operation.aws_path() == Some(path))
    else {
        return Err(Fault::new(FaultCode::Other("UnknownOperationException".to_owned()))
            .with_description("no operation has this path")
            .with_status(404));
    };
    if method != Method::POST {
        return Err(Fault::new(FaultCode::Other("MethodNotAllowedException".to_owned()))
            .with_description("operations require POST")
            .with_status(405));
    }
    Ok(operation)
}

/// All members of a request of any operation.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RequestMembers<'a> {
    #[serde(borrow)]
    client_name: Text<'a>,
    #[serde(borrow)]
    client_type: Text<'a>,
    scopes: Texts,
    redirect_uris: Texts,
    grant_types: Texts,
    #[serde(borrow)]
    issuer_url: Text<'a>,
    #[serde(borrow)]
    entitled_application_arn: Text<'a>,
    #[serde(borrow)]
    client_id: Text<'a>,
    #[serde(borrow)]
    client_secret: Text<'a>,
    #[serde(borrow)]
    start_url: Text<'a>,
    #[serde(borrow)]
    grant_type: Text<'a>,
    #[serde(borrow)]
    device_code: Text<'a>,
    #[serde(borrow)]
    code: Text<'a>,
    #[serde(borrow)]
    refresh_token: Text<'a>,
    scope: Texts,
    #[serde(borrow)]
    redirect_uri: Text<'a>,
    #[serde(borrow)]
    code_verifier: Text<'a>,
}

fn members(body: &[u8]) -> Result<RequestMembers<'_>, Fault> {
    if !starts_with(body, b'{') {
        return Err(invalid("the body must be a JSON object"));
    }
    // One UTF-8 check of the whole body is faster than one for each string. If it fails, serde_json reports
    // the byte.
    let read = match core::str::from_utf8(body) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(body),
    };
    read.map_err(|error| {
        // Invalid JSON or a duplicate member. serde_json's message may quote a secret, so it is dropped.
        invalid(if error.is_eof() {
            Cow::Borrowed("the body ends before its JSON object is complete")
        } else {
            Cow::Owned(format!(
                "the body is not a valid request (line {}, column {})",
                error.line(),
                error.column()
            ))
        })
    })
}

fn invalid(description: impl Into<Cow<'static, str>>) -> Fault {
    Fault::new(FaultCode::InvalidRequest).with_description(description)
}

fn required(member: Text<'_>, name: &'static str) -> Result<String, Fault> {
    text(member, name).map(Cow::into_owned)
}

/// Returns the text, borrowed from the body.
fn text<'a>(member: Text<'a>, name: &'static str) -> Result<Cow<'a, str>, Fault> {
    match member {
        Text::Value(text) if !text.is_empty() => Ok(text),
        Text::Value(_) | Text::Absent => Err(invalid(format!("{name} is required"))),
        Text::Wrong => Err(invalid(format!("{name} must be a string"))),
    }
}

fn optional(member: Text<'_>, name: &'static str) -> Result<Option<String>, Fault> {
    match member {
        Text::Value(text) => Ok(Some(text.into_owned()).filter(|text| !text.is_empty())),
        Text::Absent => Ok(None),
        Text::Wrong => Err(invalid(format!("{name} must be a string"))),
    }
}

fn list(member: Texts, name: &'static str) -> Result<Vec<String>, Fault> {
    member.into_list().ok_or_else(|| invalid(format!("{name} must be a list of strings")))
}

fn client(id: Text<'_>, secret: Text<'_>) -> Result<Client, Fault> {
    let id = required(id, "clientId")?;
    Ok(Client::new(id, Secret::new(required(secret, "clientSecret")?)))
}

fn is_empty(list: &&[String]) -> bool {
    list.is_empty()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RegisterClientBody<'a> {
    client_name: &'a str,
    client_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    entitled_application_arn: Option<&'a str>,
    #[serde(skip_serializing_if = "is_empty")]
    grant_types: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer_url: Option<&'a str>,
    #[serde(skip_serializing_if = "is_empty")]
    redirect_uris: &'a [String],
    #[serde(skip_serializing_if = "is_empty")]
    scopes: &'a [String],
}

/// Encodes the body of a RegisterClientRequest.
pub(crate) fn register_to_body(request: &RegisterClientRequest) -> Vec<u8> {
    to_vec(&RegisterClientBody {
        client_name: &request.client_name,
        client_type: &request.client_type,
        entitled_application_arn: request.entitled_application_arn.as_deref(),
        grant_types: &request.grant_types,
        issuer_url: request.issuer_url.as_deref(),
        redirect_uris: &request.redirect_uris,
        scopes: &request.scopes,
    })
}

/// Decodes the body of a RegisterClientRequest.
pub(crate) fn register_from(body: &[u8]) -> Result<RegisterClientRequest, Fault> {
    let members = members(body)?;
    Ok(RegisterClientRequest {
        client_name: required(members.client_name, "clientName")?,
        client_type: required(members.client_type, "clientType")?,
        scopes: list(members.scopes, "scopes")?,
        redirect_uris: list(members.redirect_uris, "redirectUris")?,
        grant_types: list(members.grant_types, "grantTypes")?,
        issuer_url: optional(members.issuer_url, "issuerUrl")?,
        entitled_application_arn: optional(members.entitled_application_arn, "entitledApplicationArn")?,
        id_token_signed_response_alg: None,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StartDeviceAuthorizationBody<'a> {
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_url: Option<&'a str>,
}

/// Encodes the body of a StartDeviceAuthorizationRequest.
pub(crate) fn start_to_body(request: &StartDeviceAuthorizationRequest) -> Vec<u8> {
    to_vec(&StartDeviceAuthorizationBody {
        client_id: &request.client.id,
        client_secret: request.client.secret.as_ref().map(Secret::expose),
        start_url: request.start_url.as_deref(),
    })
}

/// Decodes the body of a StartDeviceAuthorizationRequest.
pub(crate) fn start_from(body: &[u8]) -> Result<StartDeviceAuthorizationRequest, Fault> {
    let members = members(body)?;
    Ok(StartDeviceAuthorizationRequest::new(
        client(members.client_id, members.client_secret)?,
        required(members.start_url, "startUrl")?,
    ))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreateTokenBody<'a> {
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code_verifier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_code: Option<&'a str>,
    grant_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "is_empty")]
    scope: &'a [String],
}

/// Encodes the body of a CreateTokenRequest.
pub(crate) fn create_token_to_body(request: &CreateTokenRequest) -> Vec<u8> {
    let mut body = CreateTokenBody {
        client_id: &request.client.id,
        client_secret: request.client.secret.as_ref().map(Secret::expose),
        code: None,
        code_verifier: None,
        device_code: None,
        grant_type: request.grant.grant_type(),
        redirect_uri: None,
        refresh_token: None,
        scope: &request.scope,
    };
    match &request.grant {
        // This dialect has no challenge, so no verifier.
        Grant::DeviceCode { device_code, .. } => body.device_code = Some(device_code.expose()),
        Grant::AuthorizationCode { code, redirect_uri, code_verifier } => {
            body.code = Some(code.expose());
            body.redirect_uri = redirect_uri.as_deref();
            body.code_verifier = code_verifier.as_ref().map(Secret::expose);
        }
        Grant::RefreshToken { refresh_token } => body.refresh_token = Some(refresh_token.expose()),
    }
    to_vec(&body)
}

/// Decodes the body of a CreateTokenRequest.
pub(crate) fn create_token_from(body: &[u8]) -> Result<CreateTokenRequest, Fault> {
    let members = members(body)?;
    let client = client(members.client_id, members.client_secret)?;
    let grant = match &*text(members.grant_type, "grantType")? {
        grant_type::DEVICE_CODE => {
            Grant::device_code(Secret::new(required(members.device_code, "deviceCode")?))
        }
        grant_type::AUTHORIZATION_CODE => Grant::AuthorizationCode {
            code: Secret::new(required(members.code, "code")?),
            redirect_uri: optional(members.redirect_uri, "redirectUri")?,
            code_verifier: optional(members.code_verifier, "codeVerifier")?.map(Secret::new),
        },
        grant_type::REFRESH_TOKEN => Grant::RefreshToken {
            refresh_token: Secret::new(required(members.refresh_token, "refreshToken")?),
        },
        other => {
            return Err(Fault::new(FaultCode::UnsupportedGrantType)
                .with_description(format!("grantType {} is not supported", grant_type_shown(other))));
        }
    };
    Ok(CreateTokenRequest::new(client, grant).with_scope(list(members.scope, "scope")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: Vec<u8>) -> String {
        String::from_utf8(body).unwrap()
    }

    #[test]
    fn a_request_writes_nothing_that_it_does_not_have() {
        let register = RegisterClientRequest::new("n");
        assert_eq!(text(register_to_body(&register)), r#"{"clientName":"n","clientType":"public"}"#);
        let client = Client::new("c", Secret::from("s"));
        let start = StartDeviceAuthorizationRequest::new(client.clone(), "u");
        assert_eq!(text(start_to_body(&start)), r#"{"clientId":"c","clientSecret":"s","startUrl":"u"}"#);
        let grant = Grant::RefreshToken { refresh_token: Secret::from("r") };
        assert_eq!(
            text(create_token_to_body(&CreateTokenRequest::new(client, grant))),
            r#"{"clientId":"c","clientSecret":"s","grantType":"refresh_token","refreshToken":"r"}"#
        );
    }
}

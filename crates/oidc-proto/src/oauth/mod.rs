//! The OAuth dialect: form-encoded requests, snake_case JSON responses.
//!
//! RFC 8628 §3.1–3.5 (device authorization), RFC 6749 §5–6 (tokens, refresh), RFC 7591 (registration), RFC 7009
//! (revocation), RFC 8414 and OpenID Connect Discovery (metadata).
//!
//! Server side only: introspection (RFC 7662), and UserInfo (OpenID Connect Core §5.3) with its token (RFC 6750).

pub(crate) mod answer;
mod bearer;
mod client;
mod form;
mod introspection;
mod metadata;
mod metadata_error;
mod metadata_members;
mod metadata_provider;
mod provider;
pub(crate) mod register;
pub(crate) mod request;
mod revocation;
mod user_info;
mod well_known;

use http::header::{HeaderValue, WWW_AUTHENTICATE};
use http::{Method, Response};
use serde::Serialize;

pub use bearer::{BearerError, bearer_token};
pub use introspection::{ActiveToken, Introspection, IntrospectionRequest};
pub use metadata::Metadata;
pub use metadata_error::MetadataError;
pub use provider::Provider;
pub use register::encode_registration;
pub use revocation::{RevocationRequest, TokenTypeHint};
pub use user_info::UserInfo;

use crate::{Body, Fault, FaultCode, Operation, json};

/// Returns the path of an operation below a plain base URL, as this project's own server has it. Other
/// providers publish theirs in their metadata.
pub(crate) const fn path(operation: Operation) -> Option<&'static str> {
    Some(match operation {
        Operation::RegisterClient => "/oauth/register",
        Operation::StartDeviceAuthorization => "/oauth/device_authorization",
        Operation::CreateToken => "/oauth/token",
        Operation::RevokeToken => "/oauth/revoke",
        Operation::IntrospectToken => "/oauth/introspect",
        Operation::GetRoleCredentials
        | Operation::ListAccountRoles
        | Operation::ListAccounts
        | Operation::Logout => return None,
    })
}

/// Returns the operation that a request is for.
pub(crate) fn operation(method: &Method, asked: &str) -> Result<Operation, Fault> {
    let all = Operation::SIGN_IN.iter().copied().chain([Operation::RevokeToken, Operation::IntrospectToken]);
    let Some(operation) = all.into_iter().find(|operation| path(*operation) == Some(asked)) else {
        return Err(Fault::new(FaultCode::InvalidRequest)
            .with_description("the server has no endpoint at this path")
            .with_status(404));
    };
    if method != Method::POST {
        return Err(Fault::new(FaultCode::InvalidRequest)
            .with_description("this endpoint requires POST")
            .with_status(405));
    }
    Ok(operation)
}

/// The body of an error (RFC 6749 §5.2). AWS's is in `aws/fault.rs`: no fault has a member of the other dialect.
#[derive(Serialize)]
struct FaultBody<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<u64>,
}

/// Encodes this fault (RFC 6749 §5.2).
pub(crate) fn encode_fault(fault: &Fault) -> Response<Body> {
    let description = fault.description.as_deref().map(allowed);
    let body = json::to_vec(&FaultBody {
        error: fault.code.error(),
        error_description: description.as_deref(),
        error_uri: fault.uri.as_deref(),
        interval: fault.interval.map(|interval| interval.as_secs()),
    });
    let mut response = json::fault_response(fault, body);
    if fault.status == 401 {
        // Must match the scheme that the client used. Basic is the only one supported.
        let challenge = HeaderValue::from_static("Basic realm=\"token endpoint\", charset=\"UTF-8\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// Replaces the characters that RFC 6749 §5.2 forbids in a description; a quotation mark becomes an
/// apostrophe.
fn allowed(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '"' => '\'',
            '\\' => '/',
            ' '..='~' => c,
            _ => '?',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::allowed;

    #[test]
    fn a_description_is_written_in_the_characters_that_the_standard_allows() {
        assert_eq!(allowed("say \"no\" to a\\b, é\n!#[]~\u{7f}"), "say 'no' to a/b, ??!#[]~?");
    }
}

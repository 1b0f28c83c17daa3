//! Responses: what a client reads and what a server writes.

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde::Serialize;

use super::members::AnswerMembers;
use super::{fault, headers};
use crate::{
    Answer, Body, Call, Client, DeviceAuthorization, NoVerdict, NoVerdictReason, Operation, Registration,
    Secret, Token, Violation,
};

/// The meaning of a response to a `C`.
pub(crate) fn decode_answer<C: Call>(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Answer<<C as Call>::Answer> {
    let no_verdict = |reason| {
        Answer::NoVerdict(NoVerdict {
            reason,
            status: status.as_u16(),
            retry_after: headers::retry_after(headers),
            request_id: headers::request_id(headers),
        })
    };
    // A redirect is no verdict even with an OAuth body: whoever redirects is not the service.
    if status.is_redirection() {
        return no_verdict(NoVerdictReason::Redirect);
    }
    let members = match serde_json::from_slice::<AnswerMembers<'_>>(body) {
        Ok(members) => members,
        Err(error) => {
            // The header is the service's word too, whatever became of the body; but a success must show its body.
            if !status.is_success()
                && let Some(fault) = fault::named(status, headers, &AnswerMembers::default())
            {
                return Answer::Fault(fault);
            }
            return no_verdict(unreadable(body, &error));
        }
    };
    if let Some(fault) = fault::named(status, headers, &members) {
        return Answer::Fault(fault);
    }
    if !status.is_success() {
        return no_verdict(NoVerdictReason::UnnamedError);
    }
    match C::success_from(members) {
        Ok(success) => Answer::Success(success),
        Err(mut violation) => {
            violation.request_id = headers::request_id(headers);
            Answer::Violation(violation)
        }
    }
}

/// Why a body could not be read.
fn unreadable(body: &[u8], error: &serde_json::Error) -> NoVerdictReason {
    if body.iter().all(u8::is_ascii_whitespace) {
        NoVerdictReason::EmptyBody
    } else if starts_with(body, b'<') {
        NoVerdictReason::Html
    } else if error.is_eof() {
        NoVerdictReason::CutBody
    } else if error.is_data() && !starts_with(body, b'{') {
        NoVerdictReason::NotAnObject
    } else {
        NoVerdictReason::NotJson
    }
}

fn starts_with(body: &[u8], first: u8) -> bool {
    body.iter().find(|b| !b.is_ascii_whitespace()) == Some(&first)
}

/// The response that says success to a `C`.
pub(crate) fn encode_success<C: Call>(answer: &<C as Call>::Answer) -> Response<Body> {
    json_response(StatusCode::OK, C::success_to_body(answer))
}

pub(super) fn json_response(status: StatusCode, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // RFC 6749 §5.1 and §5.2: what holds or speaks of tokens must not be stored.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// JSON of a type that cannot fail to serialize: strings, numbers, lists of strings.
///
/// The buffer is sized generously so that it does not grow: growing would leave unzeroized copies of secrets behind.
pub(super) fn to_json(value: &impl Serialize) -> Vec<u8> {
    let mut buffer = Vec::with_capacity(4096);
    let done = serde_json::to_writer(&mut buffer, value);
    debug_assert!(done.is_ok(), "strings, numbers and lists always serialize");
    buffer
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RegistrationBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_endpoint: Option<&'a str>,
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id_issued_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    client_secret_expires_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_endpoint: Option<&'a str>,
}

pub(super) fn registration_to_body(registration: &Registration) -> Vec<u8> {
    to_json(&RegistrationBody {
        authorization_endpoint: registration.authorization_endpoint.as_deref(),
        client_id: &registration.client.id,
        client_id_issued_at: registration.issued_at.map(crate::UnixSeconds::get),
        client_secret: registration.client.secret.as_ref().map(Secret::expose),
        client_secret_expires_at: registration.expires_at.map_or(0, crate::UnixSeconds::get),
        token_endpoint: registration.token_endpoint.as_deref(),
    })
}

pub(super) fn registration_from(members: AnswerMembers<'_>) -> Result<Registration, Violation> {
    const OP: Operation = Operation::RegisterClient;
    let id = members.client_id.required(OP, "clientId")?;
    let secret = members.client_secret.required(OP, "clientSecret")?;
    Ok(Registration {
        client: Client::new(id, Secret::new(secret)),
        issued_at: members.client_id_issued_at.optional_time(),
        // RFC 7591 §3.2.1: zero means that it does not expire.
        expires_at: members.client_secret_expires_at.optional_time().filter(|time| time.get() != 0),
        authorization_endpoint: members.authorization_endpoint.into_non_empty(),
        token_endpoint: members.token_endpoint.into_non_empty(),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeviceAuthorizationBody<'a> {
    device_code: &'a str,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<u64>,
    user_code: &'a str,
    verification_uri: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    verification_uri_complete: Option<&'a str>,
}

pub(super) fn authorization_to_body(authorization: &DeviceAuthorization) -> Vec<u8> {
    to_json(&DeviceAuthorizationBody {
        device_code: authorization.device_code.expose(),
        expires_in: authorization.expires_in.as_secs(),
        interval: authorization.interval.map(|interval| interval.as_secs()),
        user_code: &authorization.user_code,
        verification_uri: &authorization.verification_uri,
        verification_uri_complete: authorization.verification_uri_complete.as_deref(),
    })
}

pub(super) fn authorization_from(members: AnswerMembers<'_>) -> Result<DeviceAuthorization, Violation> {
    const OP: Operation = Operation::StartDeviceAuthorization;
    Ok(DeviceAuthorization {
        device_code: Secret::new(members.device_code.required(OP, "deviceCode")?),
        user_code: members.user_code.required(OP, "userCode")?,
        verification_uri: members.verification_uri.required(OP, "verificationUri")?,
        verification_uri_complete: members.verification_uri_complete.into_non_empty(),
        expires_in: members.expires_in.required_lifetime(OP, "expiresIn")?,
        interval: members.interval.optional_duration(),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenBody<'a> {
    access_token: &'a str,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    token_type: &'a str,
}

pub(super) fn token_to_body(token: &Token) -> Vec<u8> {
    to_json(&TokenBody {
        access_token: token.access_token.expose(),
        expires_in: token.expires_in.as_secs(),
        id_token: token.id_token.as_ref().map(Secret::expose),
        refresh_token: token.refresh_token.as_ref().map(Secret::expose),
        token_type: &token.token_type,
    })
}

pub(super) fn token_from(members: AnswerMembers<'_>) -> Result<Token, Violation> {
    const OP: Operation = Operation::CreateToken;
    Ok(Token {
        access_token: Secret::new(members.access_token.required(OP, "accessToken")?),
        token_type: members.token_type.into_non_empty().unwrap_or_else(|| "Bearer".to_owned()),
        expires_in: members.expires_in.required_lifetime(OP, "expiresIn")?,
        refresh_token: members.refresh_token.into_secret(),
        id_token: members.id_token.into_secret(),
        scope: None,
    })
}

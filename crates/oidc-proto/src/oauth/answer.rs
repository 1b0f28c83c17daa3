//! Successes: the device authorization response (RFC 8628 §3.2) and the token response (RFC 6749 §5.1).
//!
//! AWS's successes are in `aws/answer.rs`, because AWS spells and orders the members in another way.

use serde::Serialize;

use crate::answer_members::AnswerMembers;
use crate::granted::{self, Spelling};
use crate::json::to_vec;
use crate::{DeviceAuthorization, InvalidResponse, Operation, Secret, Token};

#[derive(Serialize)]
struct DeviceAuthorizationBody<'a> {
    device_code: &'a str,
    user_code: &'a str,
    verification_uri: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    verification_uri_complete: Option<&'a str>,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<u64>,
}

pub(crate) fn authorization_to_body(authorization: &DeviceAuthorization) -> Vec<u8> {
    to_vec(&DeviceAuthorizationBody {
        device_code: authorization.device_code.expose(),
        user_code: &authorization.user_code,
        verification_uri: &authorization.verification_uri,
        verification_uri_complete: authorization.verification_uri_complete.as_deref(),
        expires_in: authorization.expires_in.as_secs(),
        interval: authorization.interval.map(|interval| interval.as_secs()),
    })
}

pub(crate) fn authorization_from(members: AnswerMembers<'_>) -> Result<DeviceAuthorization, InvalidResponse> {
    const OP: Operation = Operation::StartDeviceAuthorization;
    let complete = members.verification_uri_complete.into_non_empty();
    Ok(DeviceAuthorization {
        device_code: Secret::new(members.device_code.required(OP, "device_code")?),
        user_code: members.user_code.required(OP, "user_code")?,
        // The complete address leads to the same page.
        verification_uri: match (members.verification_uri.required(OP, "verification_uri"), &complete) {
            (Err(_), Some(complete)) => complete.clone(),
            (plain, _) => plain?,
        },
        verification_uri_complete: complete,
        expires_in: members.expires_in.required_lifetime(OP, "expires_in")?,
        interval: members.interval.optional_wait(),
    })
}

#[derive(Serialize)]
struct TokenBody<'a> {
    access_token: &'a str,
    token_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

pub(crate) fn token_to_body(token: &Token) -> Vec<u8> {
    to_vec(&TokenBody {
        access_token: token.access_token.expose(),
        token_type: &token.token_type,
        expires_in: token.expires_in.map(|life| life.as_secs()),
        refresh_token: token.refresh_token.as_ref().map(Secret::expose),
        id_token: token.id_token.as_ref().map(Secret::expose),
        scope: token.scope.as_ref().map(|scope| scope.join(" ")),
    })
}

pub(crate) fn token_from(members: AnswerMembers<'_>) -> Result<Token, InvalidResponse> {
    granted::token(
        members,
        &Spelling {
            access_token: "access_token",
            token_type: "token_type",
            expires_in: "expires_in",
            refresh_token: "refresh_token",
            id_token: "id_token",
            scope: Some("scope"),
            names_the_life: false,
        },
    )
}

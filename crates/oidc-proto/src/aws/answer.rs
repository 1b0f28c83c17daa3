//! Successes in AWS's dialect. Those of the OAuth dialect are in `oauth/answer.rs`.

use serde::Serialize;

use crate::answer_members::AnswerMembers;
use crate::granted::{self, Spelling};
use crate::json::to_vec;
use crate::{Client, DeviceAuthorization, InvalidResponse, Operation, Registration, Secret, Token};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RegistrationBody<'a> {
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

pub(crate) fn registration_to_body(registration: &Registration) -> Vec<u8> {
    to_vec(&RegistrationBody {
        authorization_endpoint: registration.authorization_endpoint.as_deref(),
        client_id: &registration.client.id,
        client_id_issued_at: registration.issued_at.map(crate::UnixSeconds::get),
        client_secret: registration.client.secret.as_ref().map(Secret::expose),
        client_secret_expires_at: registration.expires_at.map_or(0, crate::UnixSeconds::get),
        token_endpoint: registration.token_endpoint.as_deref(),
    })
}

pub(crate) fn registration_from(members: AnswerMembers<'_>) -> Result<Registration, InvalidResponse> {
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

pub(crate) fn authorization_to_body(authorization: &DeviceAuthorization) -> Vec<u8> {
    to_vec(&DeviceAuthorizationBody {
        device_code: authorization.device_code.expose(),
        expires_in: authorization.expires_in.as_secs(),
        interval: authorization.interval.map(|interval| interval.as_secs()),
        user_code: &authorization.user_code,
        verification_uri: &authorization.verification_uri,
        verification_uri_complete: authorization.verification_uri_complete.as_deref(),
    })
}

pub(crate) fn authorization_from(members: AnswerMembers<'_>) -> Result<DeviceAuthorization, InvalidResponse> {
    const OP: Operation = Operation::StartDeviceAuthorization;
    let complete = members.verification_uri_complete.into_non_empty();
    Ok(DeviceAuthorization {
        device_code: Secret::new(members.device_code.required(OP, "deviceCode")?),
        user_code: members.user_code.required(OP, "userCode")?,
        // The complete address leads to the same page.
        verification_uri: match (members.verification_uri.required(OP, "verificationUri"), &complete) {
            (Err(_), Some(complete)) => complete.clone(),
            (plain, _) => plain?,
        },
        verification_uri_complete: complete,
        expires_in: members.expires_in.required_lifetime(OP, "expiresIn")?,
        interval: members.interval.optional_wait(),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenBody<'a> {
    access_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    token_type: &'a str,
}

pub(crate) fn token_to_body(token: &Token) -> Vec<u8> {
    to_vec(&TokenBody {
        access_token: token.access_token.expose(),
        expires_in: token.expires_in.map(|life| life.as_secs()),
        id_token: token.id_token.as_ref().map(Secret::expose),
        refresh_token: token.refresh_token.as_ref().map(Secret::expose),
        token_type: &token.token_type,
    })
}

pub(crate) fn token_from(members: AnswerMembers<'_>) -> Result<Token, InvalidResponse> {
    granted::token(
        members,
        &Spelling {
            access_token: "accessToken",
            token_type: "tokenType",
            expires_in: "expiresIn",
            refresh_token: "refreshToken",
            id_token: "idToken",
            scope: None,
            names_the_life: true,
        },
    )
}

//! Faults in AWS's dialect: `x-amzn-ErrorType`, and a body in snake_case.

use http::{HeaderMap, Response, StatusCode};
use serde::Serialize;

use super::headers;
use super::members::AnswerMembers;
use crate::{Body, Fault, FaultCode, printable};

#[derive(Serialize)]
struct FaultBody<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
}

/// The response that says this fault. The header is what AWS's own clients read the name from.
pub(crate) fn encode_fault(fault: &Fault) -> Response<Body> {
    let body = super::answer::to_json(&FaultBody {
        error: fault.code.error(),
        error_description: fault.description.as_deref(),
        reason: fault.reason.as_deref(),
        endpoint: fault.endpoint.as_deref(),
        region: fault.region.as_deref(),
    });
    let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = super::answer::json_response(status, body);
    let headers = response.headers_mut();
    if let Ok(name) = fault.code.exception().parse() {
        headers.insert(headers::ERROR_TYPE, name);
    }
    if let Some(id) = fault.request_id.as_deref().and_then(|id| id.parse().ok()) {
        headers.insert(headers::REQUEST_ID, id);
    }
    if let Some(wait) = fault.retry_after {
        headers.insert(http::header::RETRY_AFTER, wait.as_secs().into());
    }
    response
}

/// The fault that a response names, if it names one: in the header, in `__type` or `code`, in `error`. The first
/// name that the model knows wins; if none is known, the first name there is keeps its text.
///
/// Inside a success status only the header and `error` count, because `code` may be anybody's member.
pub(crate) fn named(status: StatusCode, headers: &HeaderMap, members: &AnswerMembers<'_>) -> Option<Fault> {
    let header = headers::text(headers, headers::ERROR_TYPE).filter(|text| !text.trim().is_empty());
    let error = members.error.non_empty();
    let (type_name, code) = if status.is_success() {
        (None, None)
    } else {
        (members.type_name.non_empty(), members.code.non_empty())
    };
    let known = [header, type_name, code]
        .into_iter()
        .flatten()
        .find_map(FaultCode::from_exception)
        .or_else(|| [error, code].into_iter().flatten().find_map(FaultCode::from_error));
    // Only a shape name has a namespace and a suffix to cut off; an `error` code may be a URN.
    let unknown = || {
        let shapes = [header, type_name, code].into_iter().flatten().map(FaultCode::other);
        let error = error.map(|text| FaultCode::Other(printable(text).into_owned()));
        shapes.chain(error).find(|code| !code.error().trim().is_empty())
    };
    let code = known.or_else(unknown)?;
    let own = |text: Option<&str>| text.map(str::to_owned);
    Some(Fault {
        code,
        description: own(members.error_description.non_empty().or_else(|| members.message.non_empty())),
        reason: own(members.reason.non_empty()),
        endpoint: own(members.endpoint.non_empty()),
        region: own(members.region.non_empty()).map(|text| printable(&text).into_owned()),
        status: status.as_u16(),
        request_id: headers::request_id(headers),
        retry_after: headers::retry_after(headers),
    })
}

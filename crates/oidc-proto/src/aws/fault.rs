//! Faults in AWS's dialect: `x-amzn-ErrorType`, and a body in snake_case.
//!
//! The OAuth dialect has a body of its own in `oauth/mod.rs`. So no fault has a member of the other dialect.

use http::{HeaderValue, Response};
use serde::Serialize;

use crate::{Body, Fault, headers, json};

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
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<u64>,
}

/// Encodes this fault. AWS's own clients read its name from the header.
pub(crate) fn encode_fault(fault: &Fault) -> Response<Body> {
    let body = json::fault_to_vec(&FaultBody {
        error: fault.code.error(),
        error_description: fault.description.as_deref(),
        reason: fault.reason.as_deref(),
        endpoint: fault.endpoint.as_deref(),
        region: fault.region.as_deref(),
        interval: fault.interval.map(|interval| interval.as_secs()),
    });
    let mut response = json::fault_response(fault, body);
    let name = match fault.code.known_exception() {
        Some(name) => Some(HeaderValue::from_static(name)),
        None => fault.code.exception().parse().ok(),
    };
    if let Some(name) = name {
        response.headers_mut().insert(&headers::ERROR_TYPE, name);
    }
    response
}

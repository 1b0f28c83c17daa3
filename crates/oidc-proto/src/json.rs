//! JSON bodies, and the headers that go with them in both dialects.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use crate::{Body, Fault, headers};

/// Whether the first byte that is no blank is this one: `{` for what can only be an object. (serde's derived readers
/// also take a list of the values.)
pub(crate) fn starts_with(body: &[u8], first: u8) -> bool {
    body.iter().find(|b| !b.is_ascii_whitespace()) == Some(&first)
}

/// A response with this JSON.
pub(crate) fn response(status: StatusCode, body: Vec<u8>) -> Response<Body> {
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
pub(crate) fn to_vec(value: &impl Serialize) -> Vec<u8> {
    let mut buffer = Vec::with_capacity(4096);
    let done = serde_json::to_writer(&mut buffer, value);
    debug_assert!(done.is_ok(), "strings, numbers and lists always serialize");
    buffer
}

/// A response that says a fault with this JSON: its status, request id and `Retry-After`.
pub(crate) fn fault_response(fault: &Fault, body: Vec<u8>) -> Response<Body> {
    let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = response(status, body);
    let headers = response.headers_mut();
    if let Some(id) = fault.request_id.as_deref().and_then(|id| id.parse().ok()) {
        headers.insert(headers::REQUEST_ID, id);
    }
    if let Some(wait) = fault.retry_after {
        headers.insert(RETRY_AFTER, wait.as_secs().into());
    }
    response
}

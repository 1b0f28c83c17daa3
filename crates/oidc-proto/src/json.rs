//! JSON bodies and their headers, in both dialects.

use std::io;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{Body, Fault, headers};

/// Returns whether the first byte after white space is this one. Checked for `{` first, because serde's
/// derived reader also accepts an array of the members' values.
pub(crate) fn starts_with(body: &[u8], first: u8) -> bool {
    body.iter().find(|b| !b.is_ascii_whitespace()) == Some(&first)
}

/// Creates a response with this JSON.
pub(crate) fn response(status: StatusCode, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // RFC 6749 §5.1 and §5.2: a response about tokens must not be stored.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Serializes a type that cannot fail to serialize: strings, numbers, lists of strings.
///
/// A zeroized buffer receives the JSON first, so growing leaves no copy of a secret. The result has its exact
/// size, because a flow keeps its request while the person takes their time.
pub(crate) fn to_vec(value: &impl Serialize) -> Vec<u8> {
    let mut scratch = Scratch(Zeroizing::new(Vec::with_capacity(1024)));
    write(&mut scratch, value);
    scratch.0.to_vec()
}

/// Serializes a fault. It has no secret, so its buffer may grow.
pub(crate) fn fault_to_vec(value: &impl Serialize) -> Vec<u8> {
    let mut buffer = Vec::with_capacity(256);
    write(&mut buffer, value);
    buffer
}

fn write(to: impl io::Write, value: &impl Serialize) {
    let done = serde_json::to_writer(to, value);
    debug_assert!(done.is_ok(), "strings, numbers and lists always serialize");
}

/// A buffer that zeroizes each allocation it had.
struct Scratch(Zeroizing<Vec<u8>>);

impl Scratch {
    #[cold]
    fn grow(&mut self, more: usize) {
        let capacity = self.0.len().saturating_add(more).saturating_mul(2);
        let mut larger = Zeroizing::new(Vec::with_capacity(capacity));
        larger.extend_from_slice(&self.0);
        self.0 = larger;
    }
}

impl io::Write for Scratch {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.0.capacity() - self.0.len() {
            self.grow(bytes.len());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Creates the response for a fault with this JSON: its status, request id and `Retry-After`.
pub(crate) fn fault_response(fault: &Fault, body: Vec<u8>) -> Response<Body> {
    let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = response(status, body);
    let headers = response.headers_mut();
    if let Some(id) = fault.request_id.as_deref().and_then(|id| id.parse().ok()) {
        headers.insert(&headers::REQUEST_ID, id);
    }
    if let Some(wait) = fault.retry_after {
        headers.insert(RETRY_AFTER, wait.as_secs().into());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_takes_no_more_room_than_it_has_bytes_whatever_its_length() {
        for length in [0, 1, 850, 5_000] {
            let body = to_vec(&serde_json::json!({ "secret": "\"".repeat(length), "n": [1, null] }));
            assert_eq!(body.capacity(), body.len(), "{length}");
            assert!(body.len() > 2 * length);
        }
    }
}

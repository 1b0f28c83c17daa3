//! An HTTP client that no adapter of this project is for: minreq, blocking, with nothing behind it.

use std::env;
use std::io::Read as _;
use std::time::Duration;

use device_flow::{Failure, PendingRequest, ResponseBody, TransportError};

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(40);

/// Sends the request once, follows no redirect, and reads no more than a body may have.
pub(crate) fn send(pending: &PendingRequest) -> Result<http::Response<ResponseBody>, TransportError> {
    let request = pending.request();
    let headers =
        request.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let asked = minreq::post(request.uri().to_string())
        .with_headers(headers)
        .with_body(request.body().as_ref())
        .with_timeout(pending.timeout(TIMEOUT).as_secs().max(1))
        .with_follow_redirects(false);
    // Which of its errors come before the first byte was sent minreq does not say.
    let mut answer = asked.send_lazy().map_err(|error| TransportError::new(Failure::Unknown, error))?;
    let mut response = http::Response::builder().status(answer.status_code);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    let mut body = ResponseBody::expecting(None);
    while !body.room().is_empty() {
        match answer.read(body.room()) {
            Ok(0) => break,
            Ok(count) => body.filled(count),
            // What arrived counts.
            Err(error) => {
                body.break_off(error);
                break;
            }
        }
    }
    response.body(body).map_err(|error| TransportError::new(Failure::Unknown, error))
}

/// A setting of the example.
#[expect(clippy::disallowed_methods, reason = "an example is a program, not part of the machine")]
pub(crate) fn required(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("set {name} in the environment"))
}

//! An HTTP client that no adapter of this project is for: minreq, blocking, with nothing behind it.

use std::env;
use std::io::Read as _;

use device_flow::{Failure, Reply, Ticket};
use oidc_proto::Request;

/// Sends the request once, follows no redirect, and reads at most 256 KiB within 40 s.
pub(crate) fn send(request: &Request, ticket: &Ticket) -> Reply {
    let headers =
        request.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let asked = minreq::post(request.uri().to_string())
        .with_headers(headers)
        .with_body(request.body().as_ref())
        .with_timeout(40)
        .with_follow_redirects(false);
    let Ok(answer) = asked.send_lazy() else { return Reply::Failed(Failure::Unknown) };
    let mut response = http::Response::builder().status(answer.status_code);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    let mut body = Vec::new();
    // What arrived counts, also if the connection broke after it.
    let _ = answer.take(256 * 1024).read_to_end(&mut body);
    match response.body(body) {
        Ok(response) => Reply::decode(ticket, &response),
        Err(_) => Reply::Failed(Failure::Unknown),
    }
}

/// A setting of the example.
#[expect(clippy::disallowed_methods, reason = "an example is a program, not part of the machine")]
pub(crate) fn required(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("set {name} in the environment"))
}

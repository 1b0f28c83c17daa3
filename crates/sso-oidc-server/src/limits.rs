//! The limits on one request: its head, its host, its body.

use core::error::Error;
use core::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::request::Parts;
use http::{StatusCode, Version};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1::Builder;
use oidc_proto::Fault;

use crate::Limits;
use crate::reply::{Reply, Spelling, invalid, text};
use crate::state::State;

/// The longest part of a rejected body that is still read, so that the client gets the response instead of a
/// reset.
const DISCARDED: usize = 8 * 1024 * 1024;
/// The longest time for reading it.
const DISCARDING: Duration = Duration::from_secs(1);

/// The highest number of headers that hyper reads by default. With it hyper saves two allocations for each
/// request.
const HYPERS_HEADERS: usize = 100;

/// Returns hyper's builder with the limits on a head.
pub(crate) fn http1(limits: &Limits) -> Builder {
    let mut http = Builder::new();
    http.max_buf_size(limits.head_bytes.max(8 * 1024));
    if limits.headers > HYPERS_HEADERS {
        http.max_headers(limits.headers);
    }
    http
}

/// Returns the error response to a request whose head alone is invalid, in its spelling if it has one.
pub(crate) fn error_of_head(state: &State, head: &Parts, spelling: Option<Spelling>) -> Option<Reply> {
    let error = |why, status| Reply::fault(spelling.unwrap_or_default(), invalid(why, status));
    if head.headers.len() > state.limits.headers {
        return Some(error("the request has too many headers", 431).closing());
    }
    let Ok(host) = the_host(head) else {
        return Some(error("the request must name one host", 400).closing());
    };
    let authority = head.uri.authority().map(http::uri::Authority::as_str);
    let foreign = host.into_iter().chain(authority).find(|host| !state.hosts.allow(host))?;
    // The log escapes the name, which is text from a peer.
    tracing::warn!(host = foreign, "a request to an unknown host name got 421; --allow-host NAME accepts it");
    // The reason for status 421 (RFC 9110 §15.5.20).
    const WHY: &str = "this server does not answer to the host name of the request; its owner can add the name, \
                       with sso-oidc serve --allow-host NAME";
    const PAGE: &str = "This server does not answer to this host name. Its owner can add the name, with\n\
                        sso-oidc serve --allow-host NAME\n";
    Some(match spelling {
        Some(_) => error(WHY, 421),
        None => text(StatusCode::MISDIRECTED_REQUEST, PAGE).into(),
    })
}

/// Returns the only `Host` header (RFC 9112 §3.2). A second one could make a proxy choose another host than
/// we do. HTTP/1.0 may omit it; browsers do not use that version.
fn the_host(head: &Parts) -> Result<Option<&str>, NotOneHost> {
    let mut hosts = head.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().map(Some).map_err(|_| NotOneHost),
        (None, _) if head.version < Version::HTTP_11 => Ok(None),
        _ => Err(NotOneHost),
    }
}

struct NotOneHost;

/// Reads the whole body, within its limits.
pub(crate) async fn read_body<B>(limits: &Limits, body: &mut B) -> Result<Bytes, Fault>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    // An announced length needs no reading.
    check_length(limits, body.size_hint().lower())?;
    let reading = Limited::new(body, limits.body_bytes).collect();
    match tokio::time::timeout(limits.body_timeout, reading).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long()),
        Ok(Err(_)) => Err(invalid("failed to read the request body", 400)),
        Err(_) => Err(invalid("the request body timed out", 408)),
    }
}

/// Rejects a body that exceeds the limit.
pub(crate) fn check_length(limits: &Limits, length: u64) -> Result<(), Fault> {
    if length > limits.body_bytes as u64 { Err(too_long()) } else { Ok(()) }
}

fn too_long() -> Fault {
    invalid("the request body is too long", 413)
}

/// Reads the rest of a rejected body. Closing a socket with unread bytes resets the connection, and the
/// client may lose the response.
pub(crate) async fn discard(body: Incoming) {
    let mut rest = Limited::new(body, DISCARDED);
    let reading = async { while let Some(Ok(_)) = rest.frame().await {} };
    // Some of it may not have arrived, which this cannot change.
    let _ = tokio::time::timeout(DISCARDING, reading).await;
}

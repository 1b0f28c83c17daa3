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
use oidc_proto::{Dialect, Fault};

use crate::Limits;
use crate::reply::{Reply, invalid, text};
use crate::state::State;

/// How much of a body that was refused is still read, so that its sender sees the answer and not a reset.
const DISCARDED: usize = 8 * 1024 * 1024;
/// How long it is read.
const DISCARDING: Duration = Duration::from_secs(1);

/// The most headers that hyper reads without being told, and without two allocations a request.
const HYPERS_HEADERS: usize = 100;

/// hyper, with the limits on a head.
pub(crate) fn http1(limits: &Limits) -> Builder {
    let mut http = Builder::new();
    http.max_buf_size(limits.head_bytes.max(8 * 1024));
    if limits.headers > HYPERS_HEADERS {
        http.max_headers(limits.headers);
    }
    http
}

/// The answer to a request that is refused by its head alone, in its dialect if it has one.
pub(crate) fn refusal_of_head(state: &State, head: &Parts, dialect: Option<Dialect>) -> Option<Reply> {
    let refusal = |why, status| Reply::refusal(dialect.unwrap_or(Dialect::Aws), invalid(why, status));
    if head.headers.len() > state.limits.headers {
        return Some(refusal("the request has too many headers", 431).closing());
    }
    let Ok(host) = the_host(head) else {
        return Some(refusal("the request must name one host", 400).closing());
    };
    let authority = head.uri.authority().map(http::uri::Authority::as_str);
    if host.into_iter().chain(authority).all(|host| state.hosts.allow(host)) {
        return None;
    }
    // RFC 9110 §15.5.20.
    const WHY: &str = "this server does not answer to the host name of the request; its owner can add the name, \
                       with sso-oidc serve --allow-host NAME";
    const PAGE: &str = "This server does not answer to this host name. Its owner can add the name, with\n\
                        sso-oidc serve --allow-host NAME\n";
    Some(match dialect {
        Some(_) => refusal(WHY, 421),
        None => text(StatusCode::MISDIRECTED_REQUEST, PAGE).into(),
    })
}

/// RFC 9112 §3.2: exactly one `Host`, so that no proxy reads it differently from us. HTTP/1.0 may leave it out, and no
/// browser that could be misled does.
fn the_host(head: &Parts) -> Result<Option<&str>, NotOneHost> {
    let mut hosts = head.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().map(Some).map_err(|_| NotOneHost),
        (None, _) if head.version < Version::HTTP_11 => Ok(None),
        _ => Err(NotOneHost),
    }
}

struct NotOneHost;

/// The whole body, within its limits.
pub(crate) async fn read_body<B>(limits: &Limits, body: &mut B) -> Result<Bytes, Fault>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    // A length that is announced need not be waited for.
    check_length(limits, body.size_hint().lower())?;
    let reading = Limited::new(body, limits.body_bytes).collect();
    match tokio::time::timeout(limits.body_timeout, reading).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long()),
        Ok(Err(_)) => Err(invalid("the request body cannot be read", 400)),
        Err(_) => Err(invalid("the request body did not arrive in time", 408)),
    }
}

/// Refuses a body of more bytes than one may have.
pub(crate) fn check_length(limits: &Limits, length: u64) -> Result<(), Fault> {
    if length > limits.body_bytes as u64 { Err(too_long()) } else { Ok(()) }
}

fn too_long() -> Fault {
    invalid("the request body is too long", 413)
}

/// Reads on what a peer still sends of a body that was refused. A socket that is closed with bytes unread resets the
/// connection, and the answer is lost on the way.
pub(crate) async fn discard(body: Incoming) {
    let mut rest = Limited::new(body, DISCARDED);
    let reading = async { while let Some(Ok(_)) = rest.frame().await {} };
    // Not all of it may have come, and there is no more to do about it.
    let _ = tokio::time::timeout(DISCARDING, reading).await;
}

//! One request, one answer: limits, routing, the headers of every answer, the log line.

use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::sync::atomic::Ordering;
use core::task::Poll;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HOST};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use oidc_proto::{Body, Dialect, Fault, FaultCode, Operation};

use crate::api::{Said, refusal};
use crate::connection::Peer;
use crate::fault::{Strike, stand_in};
use crate::record::RecordedRequest;
use crate::route::{NoRoute, Route, allowed, route};
use crate::shared::Shared;
use crate::{api, discovery, page};

const REQUEST_ID: &str = "x-amzn-requestid";

/// How a request came.
#[derive(Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) peer: Peer,
    /// What strikes it, on a server that misbehaves.
    pub(crate) strike: Option<Strike>,
    /// How many other requests wait for the rest of their answers.
    pub(crate) in_flight: usize,
}

impl From<Peer> for Arrival {
    fn from(peer: Peer) -> Self {
        Self { peer, strike: None, in_flight: 0 }
    }
}

/// The answer to this request. It never fails: whatever is wrong becomes an answer.
pub(crate) async fn answer(
    shared: &Shared,
    arrival: Arrival,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let peer = arrival.peer;
    let id = shared.request_ids.next();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = route(&method, &path);
    let asked = match route {
        Ok(Route::Api(dialect, operation)) => Some((dialect, operation)),
        _ => None,
    };
    let operation = asked.map(|(_, operation)| operation);
    let (mut response, arrived) = match route {
        _ if !names_one_host(&request) => {
            let fault = invalid("the request must name one host", 400);
            let dialect = asked.map_or(Dialect::Aws, |(dialect, _)| dialect);
            (hanging_up(refusal(dialect, &fault)), shared.clock.up())
        }
        _ if !is_for_us(shared, &request) => {
            (misdirected(asked.map(|(dialect, _)| dialect)), shared.clock.up())
        }
        Ok(route) => dispatch(shared, arrival, route, request).await,
        Err(NoRoute::Api(dialect, fault)) => (refuse(dialect, &fault, &path), shared.clock.up()),
        Err(NoRoute::Method) => {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "This page does not take this method.\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed(&path)));
            (response, shared.clock.up())
        }
    };
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));

    let fault = response.extensions_mut().remove::<Said>().map(|Said(name)| name);
    let struck = arrival.strike.map(|strike| strike.fault());
    let says_nothing = struck.is_some_and(crate::Fault::says_nothing);
    let status = if says_nothing { 0 } else { response.status().as_u16() };
    shared.requests.fetch_add(1, Ordering::Relaxed);
    tracing::info!(
        operation = operation.map_or("-", Operation::name),
        route = route_name(&path),
        status,
        fault = fault.as_deref().unwrap_or("-"),
        struck = struck.map(crate::Fault::name),
        request_id = id,
        connection = peer.connection,
        "answered"
    );
    if shared.remembers {
        shared.records().push(RecordedRequest {
            operation,
            method: method.to_string(),
            path,
            at: arrived,
            connection: peer.connection,
            status,
            fault,
            request_id: id,
            struck,
            others_in_flight: arrival.in_flight,
        });
    }
    response.map(|body| Full::new(body.bytes()))
}

/// Reads the body, if the route has one, and answers; with the time at which the request had arrived.
async fn dispatch(
    shared: &Shared,
    arrival: Arrival,
    route: Route,
    request: Request<Incoming>,
) -> (Response<Body>, core::time::Duration) {
    let (head, body) = request.into_parts();
    let takes_body = matches!(route, Route::Api(..) | Route::Decide);
    let body = if takes_body { read(shared, body).await } else { Ok(Bytes::new()) };
    let arrived = shared.clock.up();
    let response = match (body, route) {
        (Err(fault), Route::Api(dialect, _)) => hanging_up(refusal(dialect, &fault)),
        (Err(fault), _) => hanging_up(refusal(Dialect::Aws, &fault)),
        (Ok(body), Route::Api(dialect, operation)) => {
            operate(shared, arrival, dialect, operation, &head, &body).await
        }
        (Ok(_), Route::Metadata) => {
            let fault = arrival.strike.map(|strike| strike.fault());
            let other = fault.and_then(|fault| stand_in(fault, &shared.faults, head.uri.path()));
            other.unwrap_or_else(|| discovery::metadata(shared))
        }
        (Ok(_), Route::Device) => page::look(shared, arrival.peer, &head),
        (Ok(body), Route::Decide) => page::decide(shared, arrival.peer, &head, &body),
        (Ok(_), Route::Style) => page::style(),
        (Ok(_), Route::Root) => page::on_to_device(),
        (Ok(_), Route::Start) => page::start(shared),
        (Ok(_), Route::Health) => text(StatusCode::OK, "ok\n"),
        (Ok(_), Route::Icon) => text(StatusCode::NO_CONTENT, ""),
    };
    (response, arrived)
}

/// The answer to an operation, or what comes in its place.
async fn operate(
    shared: &Shared,
    arrival: Arrival,
    dialect: Dialect,
    operation: Operation,
    head: &Parts,
    body: &[u8],
) -> Response<Body> {
    let fault = arrival.strike.map(|strike| strike.fault());
    let act = || api::answer(shared, dialect, operation, head, body);
    let mut response = match fault.and_then(|fault| stand_in(fault, &shared.faults, head.uri.path())) {
        Some(other) => {
            if fault.is_some_and(crate::Fault::commits) {
                drop(act());
            }
            other
        }
        None => act(),
    };
    if shared.faults.any() && is_last(shared, operation, response.status()).await {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Whether the next request is to need another connection, where a fault can strike; after this answer the port may have
/// been closed.
async fn is_last(shared: &Shared, operation: Operation, status: StatusCode) -> bool {
    if status.is_success() {
        shared.faults.succeeded(operation);
        if shared.faults.refuse_after(operation) {
            shared.faults.close_port().await;
            return true;
        }
    }
    shared.faults.strike_handshakes()
}

/// The whole body, within its limits.
async fn read(shared: &Shared, body: Incoming) -> Result<Bytes, Fault> {
    let limit = shared.limits.body_bytes;
    let too_long = || invalid("the request body is too long", 413);
    // A length that is announced need not be waited for.
    if body.size_hint().lower() > limit as u64 {
        return Err(too_long());
    }
    let mut reading = pin!(Limited::new(body, limit).collect());
    let read = match at_once(reading.as_mut()).await {
        Poll::Ready(read) => read,
        Poll::Pending => match tokio::time::timeout(shared.limits.body_timeout, reading).await {
            Ok(read) => read,
            Err(_) => return Err(invalid("the request body did not arrive in time", 408)),
        },
    };
    match read {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_long()),
        Err(_) => Err(invalid("the request body cannot be read", 400)),
    }
}

/// RFC 9112 §3.2: exactly one `Host`, which whoever stands in between and we cannot read differently; HTTP/1.0 may leave
/// it out.
fn names_one_host(request: &Request<Incoming>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().is_ok(),
        (None, _) => request.version() < Version::HTTP_11,
        (Some(_), Some(_)) => false,
    }
}

/// What comes of a future that needs no waiting. Most bodies arrive with their heads, and a timer that is set for nothing is
/// a system call for nothing. The later looks are for hyper, which hands a body on only after somebody has asked for it, and its
/// end only after that.
async fn at_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    let mut looks = 0..2;
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Pending if looks.next().is_some() => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        polled => Poll::Ready(polled),
    })
    .await
}

/// Whether the request is addressed to this server; see [`Shared::answers_to`]. HTTP/1.0 may leave the host out, and
/// no browser that could be misled does.
fn is_for_us(shared: &Shared, request: &Request<Incoming>) -> bool {
    let header = request.headers().get(HOST).map(|host| host.to_str().unwrap_or_default());
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    header.into_iter().chain(authority).all(|host| shared.answers_to(host))
}

/// RFC 9110 §15.5.20.
fn misdirected(dialect: Option<Dialect>) -> Response<Body> {
    const WHY: &str = "this server does not answer to the host name of the request";
    match dialect {
        Some(dialect) => refusal(dialect, &invalid(WHY, 421)),
        None => text(StatusCode::MISDIRECTED_REQUEST, "This server does not answer to this host name.\n"),
    }
}

/// An unknown path, or a method that the path does not take.
fn refuse(dialect: Dialect, fault: &Fault, path: &str) -> Response<Body> {
    let mut response = refusal(dialect, fault);
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed(path)));
    }
    response
}

/// The rest of the body is not waited for, so the connection cannot be used again.
fn hanging_up(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn invalid(why: &'static str, status: u16) -> Fault {
    Fault::new(FaultCode::InvalidRequest).with_description(why).with_status(status)
}

fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::new(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// A path as the log may have it: what a stranger wrote there is not repeated.
pub(crate) fn route_name(path: &str) -> &str {
    match path {
        "/device" | "/style.css" | "/" | "/start" | "/health" | "/favicon.ico" => path,
        path if discovery::PATHS.contains(&path) => path,
        path if [Dialect::Aws, Dialect::OAuth].iter().any(|d| d.operation(&Method::POST, path).is_ok()) => {
            path
        }
        _ => "unknown",
    }
}

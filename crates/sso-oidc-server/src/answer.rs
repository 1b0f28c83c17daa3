//! One request, one answer: limits, routing, the headers of every answer, the log line.

use core::error::Error;
use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::sync::atomic::Ordering;
use core::task::Poll;
use core::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HOST, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use oidc_proto::{Body, Dialect, Fault, FaultCode, Operation};

use crate::api::{Reply, Said, refusal};
use crate::connection::Peer;
use crate::fault::{FaultRule, canned_response};
use crate::record::RecordedRequest;
use crate::route::{NoRoute, Route, allowed, route};
use crate::shared::Shared;
use crate::{api, discovery, page};

static REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// How a request came.
#[derive(Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) peer: Peer,
    /// The rule that applies to it, on a server that misbehaves.
    pub(crate) rule: Option<FaultRule>,
    /// How many other requests wait for the rest of their answers.
    pub(crate) in_flight: usize,
}

impl From<Peer> for Arrival {
    fn from(peer: Peer) -> Self {
        Self { peer, rule: None, in_flight: 0 }
    }
}

/// The answer to this request. It never fails: whatever is wrong becomes an answer.
pub(crate) async fn answer(
    shared: &Shared,
    arrival: Arrival,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    answer_to(shared, arrival, head, read(shared, body)).await.map(|body| Full::new(body.bytes()))
}

/// The answer to a request with this head, whose body is read if its route has one.
pub(crate) async fn answer_to(
    shared: &Shared,
    arrival: Arrival,
    head: Parts,
    body: impl Future<Output = Result<Bytes, Fault>>,
) -> Response<Body> {
    let id = shared.request_ids.next();
    let path = head.uri.path();
    let route = route(&head.method, path);
    let asked = match route {
        Ok(Route::Api(dialect, operation)) => Some((dialect, operation)),
        _ => None,
    };
    let operation = asked.map(|(_, operation)| operation);
    let (reply, arrived) = match objection(shared, &head, asked.map(|(dialect, _)| dialect)) {
        Some(objection) => (objection, shared.clock.up()),
        None => dispatch(shared, arrival, route, &head, body).await,
    };
    let Reply { mut response, fault } = reply;
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        headers.insert(&REQUEST_ID, value);
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));

    let injected = arrival.rule.map(|rule| rule.fault());
    let says_nothing = injected.is_some_and(crate::InjectedFault::says_nothing);
    let status = if says_nothing { 0 } else { response.status().as_u16() };
    shared.requests.fetch_add(1, Ordering::Relaxed);
    tracing::info!(
        operation = operation.map_or("-", Operation::name),
        route = route_name(path),
        sent = status,
        error = fault.as_ref().map_or("-", Said::name),
        injected = injected.map(crate::InjectedFault::name),
        request_id = id.as_str(),
        connection = arrival.peer.connection,
        "answered"
    );
    if shared.remembers {
        shared.records().push(RecordedRequest {
            operation,
            method: head.method.to_string(),
            path: path.to_owned(),
            at: arrived,
            connection: arrival.peer.connection,
            status,
            error: fault.map(|said| said.name().to_owned()),
            request_id: id.as_str().to_owned(),
            injected,
            others_in_flight: arrival.in_flight,
        });
    }
    response
}

/// The answer to a request that is not even looked at, in its dialect if it has one.
fn objection(shared: &Shared, head: &Parts, asked: Option<Dialect>) -> Option<Reply> {
    let dialect = asked.unwrap_or(Dialect::Aws);
    if head.headers.len() > shared.limits.headers {
        return Some(hanging_up(refusal(dialect, invalid("the request has too many headers", 431))));
    }
    let Ok(host) = the_host(head) else {
        return Some(hanging_up(refusal(dialect, invalid("the request must name one host", 400))));
    };
    let authority = head.uri.authority().map(http::uri::Authority::as_str);
    if host.into_iter().chain(authority).all(|host| shared.answers_to(host)) {
        return None;
    }
    // RFC 9110 §15.5.20.
    const WHY: &str = "this server does not answer to the host name of the request; its owner can add the name, \
                       with sso-oidc serve --allow-host NAME";
    Some(match asked {
        Some(dialect) => refusal(dialect, invalid(WHY, 421)),
        None => {
            const PAGE: &str = "This server does not answer to this host name. Its owner can add the name, with\n\
                                sso-oidc serve --allow-host NAME\n";
            text(StatusCode::MISDIRECTED_REQUEST, PAGE).into()
        }
    })
}

/// RFC 9112 §3.2: exactly one `Host`, so that no proxy reads it differently from us; HTTP/1.0 may leave
/// it out, and no browser that could be misled does.
fn the_host(head: &Parts) -> Result<Option<&str>, NotOneHost> {
    let mut hosts = head.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().map(Some).map_err(|_| NotOneHost),
        (None, _) if head.version < Version::HTTP_11 => Ok(None),
        _ => Err(NotOneHost),
    }
}

struct NotOneHost;

/// Reads the body, if the route has one, and answers; with the time at which the request had arrived.
async fn dispatch(
    shared: &Shared,
    arrival: Arrival,
    route: Result<Route, NoRoute>,
    head: &Parts,
    body: impl Future<Output = Result<Bytes, Fault>>,
) -> (Reply, Duration) {
    let takes_body = matches!(route, Ok(Route::Api(..) | Route::Decide));
    let body = if takes_body { body.await } else { Ok(Bytes::new()) };
    let arrived = shared.clock.up();
    let reply = match (body, route) {
        (Err(fault), Ok(Route::Api(dialect, _))) => hanging_up(refusal(dialect, fault)),
        (Err(fault), _) => hanging_up(refusal(Dialect::Aws, fault)),
        (Ok(body), Ok(Route::Api(dialect, operation))) => {
            operate(shared, arrival, dialect, operation, head, &body, arrived).await
        }
        (Ok(_), Err(no_route)) => refuse(no_route, head.uri.path()),
        (Ok(_), Ok(Route::Metadata(standard))) => {
            let fault = arrival.rule.map(|rule| rule.fault());
            let other = fault.and_then(|fault| canned_response(fault, &shared.faults, head.uri.path()));
            other.unwrap_or_else(|| discovery::metadata(shared, standard)).into()
        }
        (Ok(_), Ok(Route::Device)) => page::look(shared, arrival.peer, head).into(),
        (Ok(body), Ok(Route::Decide)) => page::decide(shared, arrival.peer, head, &body).into(),
        (Ok(_), Ok(Route::Style)) => page::style().into(),
        (Ok(_), Ok(Route::Root)) => page::on_to_device().into(),
        (Ok(_), Ok(Route::Authorize)) => {
            tracing::warn!(
                "a client wants the authorization code flow, which this server has not; for the AWS CLI: \
                 aws sso login --use-device-code"
            );
            page::authorize(head).into()
        }
        (Ok(_), Ok(Route::Keys)) => discovery::keys().into(),
        (Ok(_), Ok(Route::Start)) => page::start(shared).into(),
        (Ok(_), Ok(Route::Health)) => text(StatusCode::OK, "ok\n").into(),
        (Ok(_), Ok(Route::Icon)) => text(StatusCode::NO_CONTENT, "").into(),
    };
    (reply, arrived)
}

/// The answer to an operation, or what comes in its place.
async fn operate(
    shared: &Shared,
    arrival: Arrival,
    dialect: Dialect,
    operation: Operation,
    head: &Parts,
    body: &[u8],
    arrived: Duration,
) -> Reply {
    let fault = arrival.rule.map(|rule| rule.fault());
    let act = || api::answer(shared, dialect, operation, head, body, shared.clock.at(arrived));
    let mut reply = match fault.and_then(|fault| canned_response(fault, &shared.faults, head.uri.path())) {
        Some(other) => {
            if fault.is_some_and(crate::InjectedFault::commits) {
                drop(act());
            }
            other.into()
        }
        None => act(),
    };
    if shared.faults.any() && is_last(shared, operation, reply.response.status()).await {
        reply = hanging_up(reply);
    }
    reply
}

/// Whether the next request is to need another connection, where a fault can apply; after this answer the port may have
/// been closed.
async fn is_last(shared: &Shared, operation: Operation, status: StatusCode) -> bool {
    if status.is_success() {
        shared.faults.succeeded(operation);
        if shared.faults.refuse_after(operation) {
            shared.faults.close_port().await;
            return true;
        }
    }
    shared.faults.has_handshake_faults()
}

/// The whole body, within its limits.
pub(crate) async fn read<B>(shared: &Shared, body: B) -> Result<Bytes, Fault>
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
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

/// What comes of a future that needs no waiting. Most bodies arrive with their heads, and a timer that is set for nothing is
/// a system call for nothing. The later looks are for hyper, which hands a body on only after it was asked for, and its
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

/// An unknown path, or a method that the path does not take.
fn refuse(no_route: NoRoute, path: &str) -> Reply {
    let mut reply = match no_route {
        NoRoute::Api(dialect, fault) => refusal(dialect, *fault),
        NoRoute::Method => {
            text(StatusCode::METHOD_NOT_ALLOWED, "This page does not take this method.\n").into()
        }
    };
    if reply.response.status() == StatusCode::METHOD_NOT_ALLOWED {
        reply.response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed(path)));
    }
    reply
}

/// The rest of the body is not waited for, so the connection cannot be used again.
fn hanging_up(mut reply: Reply) -> Reply {
    reply.response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    reply
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
        "/device" | "/style.css" | "/" | "/authorize" | "/jwks.json" | "/start" | "/health"
        | "/favicon.ico" => path,
        path if discovery::PATHS.contains(&path) => path,
        path if [Dialect::Aws, Dialect::OAuth].iter().any(|d| d.operation(&Method::POST, path).is_ok()) => {
            path
        }
        _ => "unknown",
    }
}

//! A connection with injected faults: hyper reads the requests, and this code writes every byte of the
//! response.

use core::convert::Infallible;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::header::CONNECTION;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use oidc_proto::Operation;
#[cfg(feature = "script")]
use oidc_proto::{CreateTokenRequest, Grant, ServerRequest};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::canned::canned_response;
use super::message::Message;
use super::prefixed::PrefixedStream;
use super::rule::Target;
#[cfg(feature = "tls")]
use super::transport::Socket;
use super::transport::Transport;
use super::{FaultRule, InjectedFault, inject, verdict};
use crate::activity::Activity;
use crate::exchange::Exchange;
use crate::handler::{handle, respond};
use crate::limits::{discard, http1, read_body};
use crate::reply::Reply;
use crate::router::{Handler, Route, route};
use crate::state::{Context, Peer, State};

/// The parsed request line. A fault applies after the line, because the operation must be known.
struct RequestLine {
    method: Method,
    path: String,
    target: Option<Target>,
}

/// A request after reading, and its response.
struct Answered {
    message: Message,
    /// The rule whose fault is injected.
    rule: Option<FaultRule>,
    /// Whether to close the connection afterwards, because either side asked for it.
    close: bool,
}

/// Serves one connection until it ends.
pub(crate) async fn serve(state: Arc<State>, stream: TcpStream, peer: Peer, activity: Arc<Activity>) {
    let Some(transport) = transport(&state, stream, &peer).await else { return };
    let mut connection = PrefixedStream { early: BytesMut::new(), transport };
    loop {
        let line = tokio::time::timeout(
            state.limits.idle_timeout,
            request_line(&mut connection, state.limits.head_bytes),
        );
        let Ok(Some(line)) = line.await else { return };
        let rule = line.target.and_then(|target| state.faults.rule(target));
        let others_in_flight = state.faults.in_flight();
        if let Some(rule) = rule.filter(|rule| rule.fault() == InjectedFault::ResetRequest) {
            record_cut(&state, &peer, line, others_in_flight);
            return inject::reset_request(connection, rule.bytes()).await;
        }
        let wrapped = exchange(&state, connection, &peer, rule, others_in_flight).await;
        let Some((answered, rest)) = wrapped else { return };
        activity.request();
        let stays = inject::deliver(&state.faults, rest, answered.message, answered.rule).await;
        activity.response();
        match stays {
            Some(rest) if !answered.close => connection = rest,
            Some(mut rest) => {
                // Fails only if the connection is gone.
                let _ = rest.transport.stream.shutdown().await;
                return;
            }
            None => return,
        }
    }
}

/// Runs the handler and applies this fault, which may replace the response.
async fn handle_with(fault: InjectedFault, context: &Context<'_>, route: &Route) -> Reply {
    if let Some(reply) = verdict::reply(Some(fault), context, route) {
        return reply;
    }
    let (takes_faults, commits) = match route.handler {
        Handler::Operation(..) | Handler::Portal(_) | Handler::Authorization(_) => (true, fault.commits()),
        Handler::Metadata(_) => (true, false),
        Handler::UserInfo | Handler::Page(_) | Handler::Ready | Handler::Device(_) => (false, false),
    };
    let canned = takes_faults.then(|| canned_response(fault, &context.state.faults, route.path)).flatten();
    match canned {
        Some(response) => {
            if commits {
                drop(own(context, route).await);
            }
            response.into()
        }
        None => own(context, route).await,
    }
}

/// Returns the reply without a fault. A code or token that an earlier fault ended stays so.
async fn own(context: &Context<'_>, route: &Route) -> Reply {
    match verdict::reply(None, context, route) {
        Some(reply) => reply,
        None => handle(context, route).await,
    }
}

/// Returns the response to a request, after this rule's fault or that of a script, and writes the log line. Returns the
/// rule, too.
async fn answer(
    state: &State,
    peer: &Peer,
    mut rule: Option<FaultRule>,
    others_in_flight: usize,
    request: Request<Incoming>,
) -> (Response<oidc_proto::Body>, Option<FaultRule>) {
    let (head, mut body) = request.into_parts();
    let route_of_head = route(&head.method, head.uri.path()).ok();
    let is_form = head.method == Method::POST;
    let reading = async || read_body(&state.limits, &mut body).await;
    let mut exchange = Exchange::new(head, peer);
    let mut response =
        respond(state, &mut exchange, reading, async |context: &Context<'_>, route: &Route| {
            rule = scripted(context, route).map(FaultRule::new).or(rule);
            match rule {
                Some(rule) => handle_with(rule.fault(), context, route).await,
                None => own(context, route).await,
            }
        })
        .await;
    let fault = rule.map(|rule| rule.fault());
    if !body.is_end_stream() {
        // The next request must not begin inside this body.
        discard(body).await;
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let succeeded = route_of_head.filter(|_| exchange.error.is_none());
    let is_real = fault.is_none_or(InjectedFault::commits);
    if is_last(state, succeeded.and_then(|route| step(route, is_form, is_real, response.status()))).await {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if fault.is_some_and(InjectedFault::says_nothing) {
        exchange.status = 0;
    }
    exchange.injected = fault;
    exchange.others_in_flight = others_in_flight;
    exchange.record(state);
    (response, rule)
}

/// Returns the fault of a poll that a script injects.
#[cfg(feature = "script")]
fn scripted(context: &Context<'_>, route: &Route) -> Option<InjectedFault> {
    let run = context.state.script.used()?;
    let Handler::Operation(dialect, Operation::CreateToken) = route.handler else { return None };
    let headers = &context.head.headers;
    match dialect.decode_http_request(Operation::CreateToken, headers, context.body).ok()? {
        ServerRequest::CreateToken(CreateTokenRequest {
            grant: Grant::DeviceCode { device_code, .. },
            ..
        }) => run.fault(&device_code),
        _ => None,
    }
}

#[cfg(not(feature = "script"))]
const fn scripted(_: &Context<'_>, _: &Route) -> Option<InjectedFault> {
    None
}

/// Returns the step of a sign-in that a response without an error completes. The code of `/authorize` is the
/// authorization code flow's counterpart of a device's codes. A redirect that a fault made up brings none.
fn step(route: &Route, is_form: bool, is_real: bool, status: StatusCode) -> Option<Operation> {
    match route.handler {
        Handler::Operation(_, operation) => Some(operation).filter(|_| status.is_success()),
        Handler::Authorization(_) => {
            // A simulated person's code comes with a redirect, and a person's with the page after the form.
            let has_code = status == StatusCode::FOUND || (is_form && status == StatusCode::OK);
            Some(Operation::StartDeviceAuthorization).filter(|_| has_code && is_real)
        }
        Handler::Portal(_)
        | Handler::UserInfo
        | Handler::Metadata(_)
        | Handler::Page(_)
        | Handler::Ready
        | Handler::Device(_) => None,
    }
}

/// Returns whether the connection must close, so that a fault can apply to the next one. Closes the port if a
/// fault requires it after this step.
async fn is_last(state: &State, succeeded: Option<Operation>) -> bool {
    if let Some(operation) = succeeded {
        state.faults.succeeded(operation);
        if state.faults.refuse_after(operation) {
            state.faults.close_port(operation).await;
        }
    }
    state.faults.has_connection_faults()
}

/// Returns the transport for the responses.
#[cfg(not(feature = "tls"))]
#[expect(clippy::unused_async, reason = "with the feature `tls` it shakes hands")]
async fn transport(_: &State, stream: TcpStream, _: &Peer) -> Option<Transport> {
    Some(Transport::plain(stream))
}

/// Returns the transport for the responses; `None` if the TLS handshake fails.
#[cfg(feature = "tls")]
async fn transport(state: &State, stream: TcpStream, peer: &Peer) -> Option<Transport> {
    let Some(acceptor) = &state.tls else { return Some(Transport::plain(stream)) };
    let (stream, limit) = (Arc::new(stream), state.limits.idle_timeout);
    let socket = Arc::clone(&stream);
    let fault = state.faults.handshake_fault();
    let wrong = fault.and_then(|fault| Some((acceptor.wrong.certificate(fault)?, fault.name())));
    let wrong = wrong.as_ref().map(|(certificate, name)| (certificate, *name));
    let secure = acceptor.handshake(stream, Socket, limit, peer.connection, wrong).await?;
    Some(Transport { socket, stream: Box::new(secure) })
}

/// Reads the first line of a request, and puts it back. A line above the limit names nothing, and gets its
/// response as usual.
async fn request_line(connection: &mut PrefixedStream, limit: usize) -> Option<RequestLine> {
    let end = loop {
        if let Some(end) = connection.early.iter().position(|byte| *byte == b'\n') {
            break end;
        }
        if connection.early.len() > limit {
            return Some(RequestLine { method: Method::GET, path: String::new(), target: None });
        }
        if connection.read_more().await.ok()? == 0 {
            return None;
        }
    };
    let line = String::from_utf8_lossy(&connection.early[..end]);
    let mut parts = line.split(' ');
    let method = parts.next()?.parse().unwrap_or_default();
    let target: http::Uri = parts.next().unwrap_or_default().parse().unwrap_or_default();
    let path = target.path().to_owned();
    let target = match route(&method, &path) {
        Ok(Route { handler: Handler::Operation(_, operation) | Handler::Portal(operation), .. }) => {
            Some(Target::Operation(*operation))
        }
        Ok(Route { handler: Handler::Metadata(_), .. }) => Some(Target::Discovery),
        Ok(Route { handler: Handler::Authorization(_), .. }) => Some(Target::AuthorizationPage),
        _ => None,
    };
    Some(RequestLine { method, path, target })
}

/// Lets hyper read one request, writes the response, and returns the connection.
async fn exchange(
    state: &Arc<State>,
    connection: PrefixedStream,
    peer: &Peer,
    rule: Option<FaultRule>,
    others_in_flight: usize,
) -> Option<(Answered, PrefixedStream)> {
    let (sender, mut answered) = mpsc::unbounded_channel();
    let service = service_fn({
        let state = Arc::clone(state);
        move |request: Request<Incoming>| {
            let (state, sender) = (Arc::clone(&state), sender.clone());
            async move {
                let is_head = request.method() == Method::HEAD;
                let close = !stays_open(request.version(), request.headers());
                let (response, rule) = answer(&state, peer, rule, others_in_flight, request).await;
                let close = close || says(response.headers(), "close");
                let (parts, body) = response.into_parts();
                let message = Message::new(parts, &body.bytes(), is_head);
                // Fails only if the connection is gone.
                let _ = sender.send(Answered { message, rule, close });
                // hyper never gets a response, because this code writes the message.
                core::future::pending::<Result<Response<Full<Bytes>>, Infallible>>().await
            }
        }
    });
    let mut http = http1(&state.limits);
    http.timer(TokioTimer::new()).header_read_timeout(state.limits.idle_timeout);
    let mut serving = http.serve_connection(TokioIo::new(connection), service);
    let answered = tokio::select! {
        biased;
        answered = answered.recv() => answered?,
        _ = &mut serving => return None,
    };
    let parts = serving.into_parts();
    let mut connection = parts.io.into_inner();
    let mut early = BytesMut::from(parts.read_buf);
    early.extend_from_slice(&connection.early);
    connection.early = early;
    Some((answered, connection))
}

/// Returns whether the client keeps the connection open (RFC 9112 §9.3).
fn stays_open(version: Version, headers: &HeaderMap) -> bool {
    if version == Version::HTTP_10 { says(headers, "keep-alive") } else { !says(headers, "close") }
}

fn says(headers: &HeaderMap, option: &str) -> bool {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().eq_ignore_ascii_case(option))
}

/// Records a request that the server does not read to its end.
fn record_cut(state: &State, peer: &Peer, line: RequestLine, others_in_flight: usize) {
    let operation = line.target.and_then(Target::operation);
    let mut exchange = Exchange::new(head_of(line), peer);
    exchange.operation = operation;
    exchange.injected = Some(InjectedFault::ResetRequest);
    exchange.others_in_flight = others_in_flight;
    exchange.record(state);
}

fn head_of(line: RequestLine) -> Parts {
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = line.method;
    head.uri = line.path.parse().unwrap_or_default();
    head
}

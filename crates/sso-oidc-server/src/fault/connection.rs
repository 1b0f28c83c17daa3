//! A connection of a server that misbehaves: hyper reads the requests, and what is written is ours to the byte.

use core::convert::Infallible;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::header::CONNECTION;
use http::{HeaderMap, Method, Request, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use oidc_proto::Operation;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::message::Message;
use super::rewound::Rewound;
use super::rule::Target;
use super::wire::{Socket, Wire};
use super::{InjectedFault, inject};
use crate::answer::{Arrival, answer, route_name};
use crate::connection::Peer;
use crate::record::RecordedRequest;
use crate::route::{Route, route};
use crate::seat::Seat;
use crate::shared::Shared;

/// Where a reset request is cut at the earliest: what it asks for must be known.
const LONGEST_LINE: usize = 8 * 1024;

/// Serves one connection until it ends, or the server stops. A server that misbehaves takes no leave.
pub(crate) async fn serve(shared: Arc<Shared>, stream: TcpStream, peer: Peer, seat: Arc<Seat>) {
    tokio::select! {
        () = converse(&shared, stream, peer) => {}
        () = seat.asked_to_leave() => {}
    }
}

/// What a request line asks for.
struct Asked {
    method: Method,
    path: String,
    target: Option<Target>,
}

/// A request that was read, and the answer to it.
struct Exchange {
    message: Message,
    /// Whether the connection is to be closed afterwards, for either side's sake.
    close: bool,
}

async fn converse(shared: &Arc<Shared>, stream: TcpStream, peer: Peer) {
    let Some(wire) = wire(shared, stream, peer).await else { return };
    let mut connection = Rewound { early: BytesMut::new(), wire };
    loop {
        let line = tokio::time::timeout(shared.limits.idle_timeout, asked(&mut connection));
        let Ok(Some(asked)) = line.await else { return };
        let rule = asked.target.and_then(|target| shared.faults.rule(target));
        let in_flight = shared.faults.in_flight();
        let arrival = Arrival { peer, rule, in_flight };
        if let Some(rule) = rule.filter(|rule| rule.fault() == InjectedFault::ResetRequest) {
            record_cut(shared, arrival, asked);
            return inject::reset_request(connection, rule.bytes()).await;
        }
        let Some((exchange, rest)) = exchange(shared, connection, arrival).await else { return };
        let stays = inject::deliver(&shared.faults, rest, exchange.message, rule).await;
        match stays {
            Some(rest) if !exchange.close => connection = rest,
            Some(mut rest) => {
                // Fails only if the connection is gone already.
                let _ = rest.wire.stream.shutdown().await;
                return;
            }
            None => return,
        }
    }
}

/// The connection as the answers go over it; `None` if it should be a secure one and is not.
async fn wire(shared: &Shared, stream: TcpStream, peer: Peer) -> Option<Wire> {
    let Some(acceptor) = &shared.tls else { return Some(Wire::plain(stream)) };
    let injected = shared.faults.handshake_fault();
    let stream = Arc::new(stream);
    let socket = Arc::clone(&stream);
    let secure = acceptor.shake_hands(shared, stream, peer, injected, Socket).await?;
    Some(Wire { socket, stream: Box::new(secure) })
}

/// Reads the first line of a request, and leaves it to be read again. What is no line of a request is asked for nothing.
async fn asked(connection: &mut Rewound) -> Option<Asked> {
    let end = loop {
        if let Some(end) = connection.early.iter().position(|byte| *byte == b'\n') {
            break end;
        }
        if connection.early.len() > LONGEST_LINE || connection.read_more().await.ok()? == 0 {
            return None;
        }
    };
    let line = String::from_utf8_lossy(&connection.early[..end]);
    let mut parts = line.split(' ');
    let method = parts.next()?.parse().unwrap_or_default();
    let target: http::Uri = parts.next().unwrap_or_default().parse().unwrap_or_default();
    let path = target.path().to_owned();
    let target = match route(&method, &path) {
        Ok(Route::Api(_, operation)) => Some(Target::Operation(operation)),
        Ok(Route::Metadata(_)) => Some(Target::Discovery),
        _ => None,
    };
    Some(Asked { method, path, target })
}

/// Lets hyper read one request, answers it, and takes the connection back.
async fn exchange(
    shared: &Arc<Shared>,
    connection: Rewound,
    arrival: Arrival,
) -> Option<(Exchange, Rewound)> {
    let (sender, mut answered) = mpsc::unbounded_channel();
    let service = service_fn({
        let shared = Arc::clone(shared);
        move |request: Request<Incoming>| {
            let (shared, sender) = (Arc::clone(&shared), sender.clone());
            async move {
                let is_head = request.method() == Method::HEAD;
                let close = !stays_open(request.version(), request.headers());
                let response = answer(&shared, arrival, request).await;
                let close = close || says(response.headers(), "close");
                let (parts, body) = response.into_parts();
                let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
                let message = Message::new(parts, &body, is_head);
                // Fails only if the connection is gone.
                let _ = sender.send(Exchange { message, close });
                // The answer is written by hand; hyper never gets one.
                core::future::pending::<Result<Response<Full<Bytes>>, Infallible>>().await
            }
        }
    });
    let limits = shared.limits;
    let mut serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_headers(limits.headers)
        .max_buf_size(limits.head_bytes.max(8 * 1024))
        .serve_connection(TokioIo::new(connection), service);
    let exchange = tokio::select! {
        biased;
        exchange = answered.recv() => exchange?,
        _ = &mut serving => return None,
    };
    let parts = serving.into_parts();
    let mut connection = parts.io.into_inner();
    let mut early = BytesMut::from(parts.read_buf);
    early.extend_from_slice(&connection.early);
    connection.early = early;
    Some((exchange, connection))
}

/// Whether the client lets the connection stay (RFC 9112 §9.3).
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

/// A request that is not read to its end is told of and remembered all the same.
fn record_cut(shared: &Shared, arrival: Arrival, asked: Asked) {
    let operation = asked.target.and_then(Target::operation);
    tracing::info!(
        operation = operation.map_or("-", Operation::name),
        route = route_name(&asked.path),
        sent = 0,
        error = "-",
        injected = InjectedFault::ResetRequest.name(),
        connection = arrival.peer.connection,
        "answered"
    );
    if !shared.remembers {
        return;
    }
    shared.records().push(RecordedRequest {
        operation,
        method: asked.method.to_string(),
        path: asked.path,
        at: shared.clock.up(),
        connection: arrival.peer.connection,
        status: 0,
        error: None,
        request_id: String::new(),
        injected: Some(InjectedFault::ResetRequest),
        others_in_flight: arrival.in_flight,
    });
}

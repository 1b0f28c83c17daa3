//! The path of a request to its response: router, limits, handler, common headers, log line.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Response, StatusCode};
use oidc_proto::{Body, Fault, REQUEST_ID};

use crate::details::Details;
use crate::exchange::{Arrival, Exchange};
use crate::openid::user_info;
use crate::reply::{Reply, text};
use crate::router::{Handler, NoRoute, Route, Step, allowed, route};
use crate::state::{Context, State};
use crate::{authority, client_address, cors, limits, page, portal};

/// Returns the response to the request of this exchange, and writes the log line. It never fails: every error becomes a
/// response.
pub(crate) async fn answer(
    state: &State,
    exchange: &mut Exchange<'_>,
    body: impl AsyncFnOnce() -> Result<Bytes, Fault>,
) -> Response<Body> {
    let response = respond(state, exchange, body, handle).await;
    exchange.record(state);
    response
}

/// Returns the response of this handler to the request of this exchange, and notes it there. It reads the body if a
/// handler uses it.
pub(crate) async fn respond(
    state: &State,
    exchange: &mut Exchange<'_>,
    body: impl AsyncFnOnce() -> Result<Bytes, Fault>,
    handle: impl AsyncFnOnce(&Context<'_>, &Route) -> Reply,
) -> Response<Body> {
    let id = state.request_ids.next();
    let head = &exchange.head;
    let path = head.uri.path();
    let route = route(&head.method, path);
    let known = route.as_ref().ok();
    let spelling = known.and_then(|route| route.spelling());
    let address = exchange.peer.address.ip();
    exchange.operation = known.and_then(|route| route.operation());
    exchange.client = client_address::named(&state.trusted_proxies, address, &head.headers);
    let error_of_head = limits::error_of_head(state, head, spelling);
    let Reply { mut response, error } = if let Some(reply) = error_of_head {
        reply
    } else {
        match route {
            Err(no_route) => match cors::preflight(&state.cors_origins, head) {
                Some(reply) => reply,
                None => refuse(no_route, path),
            },
            Ok(route) => {
                let takes_body = head.method == http::Method::POST;
                let body = if takes_body { body().await } else { Ok(Bytes::new()) };
                let Arrival { up, .. } = *exchange.arrival.insert(Arrival::now(&state.clock));
                match body {
                    Ok(body) => {
                        let now = state.clock.at(up);
                        exchange.grant = state.grant_for_report(route, head, &body);
                        let client = exchange.client.unwrap_or(address);
                        let context = Context { state, client, head, body: &body, now };
                        let reply = handle(&context, route).await;
                        if state.records.keeps_any() {
                            exchange.details = Box::pin(Details::of(&context, route, &reply.response)).await;
                        }
                        reply
                    }
                    // The server does not wait for the rest of the body, so the connection cannot be reused.
                    Err(fault) => Reply::fault(spelling.unwrap_or_default(), fault).closing(),
                }
            }
        }
    };
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        headers.insert(&REQUEST_ID, value);
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    cors::mark(&state.cors_origins, head, headers);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    exchange.status = response.status().as_u16();
    exchange.error = error;
    exchange.request_id = Some(id);
    response
}

/// Returns the reply of the route's handler. Only the operations, most of them polls, have no box: each
/// connection keeps room for the largest future of a request, and each request moves that room.
pub(crate) async fn handle(context: &Context<'_>, route: &Route) -> Reply {
    match route.handler {
        Handler::Operation(dialect, operation) => authority::answer(context, dialect, operation).await,
        Handler::Portal(operation) => Box::pin(portal::answer(context, operation)).await,
        Handler::Metadata(page) | Handler::Page(page) => page(context).into(),
        Handler::UserInfo => Box::pin(user_info::answer(context)).await,
        Handler::Ready => ready(context).await,
        Handler::Device(Step::Ask) => Box::pin(page::look(context)).await,
        Handler::Device(Step::Decide) => Box::pin(page::decide(context)).await,
        Handler::Authorization(Step::Ask) => Box::pin(page::authorize(context)).await,
        Handler::Authorization(Step::Decide) => Box::pin(page::decide_authorization(context)).await,
    }
}

/// Returns whether the server can work: its store answers. Its process may be well all the same.
async fn ready(context: &Context<'_>) -> Reply {
    match context.state.store().check().await {
        Ok(()) => text(StatusCode::OK, "ready\n").into(),
        Err(error) => {
            tracing::error!(%error, "not ready");
            text(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n").into()
        }
    }
}

/// Returns the reply to an unknown path or an unsupported method.
fn refuse(no_route: NoRoute, path: &str) -> Reply {
    let mut reply = match no_route {
        NoRoute::Operation(spelling, fault) => Reply::fault(spelling, *fault),
        NoRoute::Page => {
            text(StatusCode::METHOD_NOT_ALLOWED, "This page does not take this method.\n").into()
        }
    };
    if reply.response.status() == StatusCode::METHOD_NOT_ALLOWED
        && let Ok(allowed) = HeaderValue::from_str(&allowed(path))
    {
        reply.response.headers_mut().insert(ALLOW, allowed);
    }
    reply
}

//! The page that a person approves on (RFC 8628 §3.3), without JavaScript.
//!
//! Looking never decides: only a POST with the page's own token does. What a client said about itself is escaped and
//! freed of control characters before it is shown.

mod authorize;
mod csrf;
mod form;
mod html;
mod text;

use device_authority::{PersonError, Review, Source, Verdict};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER, SET_COOKIE};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use oidc_proto::Body;

pub(crate) use self::authorize::authorize;
pub(crate) use self::csrf::Key as CsrfKey;
use crate::connection::Peer;
use crate::shared::Shared;

/// No script, no frame, no image, nothing from elsewhere; forms go back to this server.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// GET `/device`: the form for a code, or what the code in the query stands for.
pub(crate) fn look(shared: &Shared, peer: Peer, head: &Parts) -> Response<Body> {
    let typed = head.uri.query().and_then(|query| form::field(query.as_bytes(), "user_code"));
    let Some(typed) = typed.filter(|typed| !typed.trim().is_empty()) else {
        return page(StatusCode::OK, text::enter(None, ""));
    };
    if csrf::is_from_elsewhere(shared, &head.headers) {
        // Another site's page would use up this person's guesses, picture by picture. A link that was followed from there
        // shows the form, filled in: the person goes on from our own page.
        return page(StatusCode::OK, text::enter(None, &typed));
    }
    let now = shared.now();
    let source = Source::of(peer.address.ip());
    let found = shared.store().review(&shared.policy, Some(source), &typed, now);
    match found {
        Ok(review) => confirm(shared, head, &review),
        Err(error) => refused(&error, &typed),
    }
}

/// POST `/device`: the person's decision.
pub(crate) fn decide(shared: &Shared, peer: Peer, head: &Parts, body: &[u8]) -> Response<Body> {
    let typed = form::field(body, "user_code").unwrap_or_default();
    let token = form::field(body, "csrf").unwrap_or_default();
    if !csrf::is_from_our_page(shared, &head.headers, &token) {
        return page(StatusCode::FORBIDDEN, text::forged(&typed));
    }
    let verdict = match form::field(body, "action").as_deref() {
        Some("approve") => Verdict::Approve,
        Some("deny") => Verdict::Deny,
        _ => return page(StatusCode::BAD_REQUEST, text::undecided(&typed)),
    };
    let now = shared.now();
    let source = Source::of(peer.address.ip());
    let decided = shared.store().decide(&shared.policy, Some(source), &typed, verdict, now);
    match decided {
        Ok(()) => page(StatusCode::OK, text::done(verdict == Verdict::Approve)),
        Err(error) => refused(&error, &typed),
    }
}

/// The question, with the token that the answer has to bring back.
fn confirm(shared: &Shared, head: &Parts, review: &Review) -> Response<Body> {
    let Some(pass) = csrf::Pass::of(shared, &head.headers) else {
        return page(StatusCode::INTERNAL_SERVER_ERROR, text::broken());
    };
    let mut response = page(StatusCode::OK, text::confirm(review, &pass.token));
    if let Some(cookie) = pass.set_cookie(shared) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

/// Why the code cannot be decided on, and the form for another one.
fn refused(error: &PersonError, typed: &str) -> Response<Body> {
    let status = match error {
        PersonError::Expired | PersonError::Decided => StatusCode::GONE,
        PersonError::TooManyGuesses(_) => StatusCode::TOO_MANY_REQUESTS,
        // Unknown, and whatever else may keep a code from being found.
        _ => StatusCode::NOT_FOUND,
    };
    let mut response = page(status, text::enter(Some(error), typed));
    if let PersonError::TooManyGuesses(limit) = error {
        response.headers_mut().insert(RETRY_AFTER, limit.wait.as_secs().max(1).into());
    }
    response
}

/// GET `/start`: what stands in for the portal's start page. Tools read the region off its `<meta name="region">`.
pub(crate) fn start(shared: &Shared) -> Response<Body> {
    page(StatusCode::OK, text::start(&shared.policy.region))
}

/// GET `/`.
pub(crate) fn on_to_device() -> Response<Body> {
    let mut response = page(StatusCode::SEE_OTHER, text::moved());
    response.headers_mut().insert(LOCATION, HeaderValue::from_static("/device"));
    response
}

/// GET `/style.css`.
pub(crate) fn style() -> Response<Body> {
    let mut response = Response::new(Body::new(include_bytes!("style.css").to_vec()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// A page with the headers that keep other sites and other eyes out.
fn page(status: StatusCode, html: String) -> Response<Body> {
    const HEADERS: [(&str, &str); 8] = [
        ("content-type", "text/html; charset=utf-8"),
        ("content-security-policy", POLICY),
        ("cache-control", "no-store"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
        // Not `no-referrer`: then browsers would give our own form the origin `null`, as any sandboxed frame has it.
        ("referrer-policy", "same-origin"),
        ("x-frame-options", "DENY"),
    ];
    let mut response = Response::new(Body::new(html.into_bytes()));
    *response.status_mut() = status;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

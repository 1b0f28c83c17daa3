//! The pages for a person's approval (RFC 8628 §3.3, RFC 6749 §4.1.1), without JavaScript.
//!
//! Only a POST with the page's own token decides; a GET never does. The page escapes a client's own texts and
//! removes their control characters.

mod authorize;
mod authorize_text;
mod form;
mod html;
mod text;
mod who;

use device_authority::{PersonError, Review, Source, StoreError, UserCode};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use oidc_proto::Body;

pub(crate) use self::authorize::{authorize, decide_authorization};
use crate::csrf;
use crate::reply::{self, Reply};
use crate::state::Context;

/// Forbids scripts, frames, images and foreign resources. Forms go to this server only.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Handles GET `/device`: returns the form for a code, or the confirmation of the code in the query.
pub(crate) async fn look(context: &Context<'_>) -> Reply {
    let Context { state, client, head, now, .. } = *context;
    let typed = head.uri.query().and_then(|query| form::field(query.as_bytes(), "user_code"));
    let Some(typed) = typed.filter(|typed| !typed.trim().is_empty()) else {
        return page(StatusCode::OK, text::enter(None, "")).into();
    };
    if csrf::is_from_elsewhere(&state.hosts, &head.headers) {
        // A page of another site could use up this person's guesses with images. A foreign link shows the
        // prefilled form, and the person continues from our own page.
        return page(StatusCode::OK, text::enter(None, &typed)).into();
    }
    let source = Source::of(client);
    match state.stored(state.store().review(&state.policy, Some(source), &typed, now)).await {
        Ok(Ok(review)) => confirm(context, &review).into(),
        Ok(Err(error)) => {
            if let (PersonError::TooManyGuesses(_), Some(metrics)) = (&error, &state.metrics) {
                metrics.refused_guess();
            }
            refused(&error, &typed).into()
        }
        Err(error) => unavailable(&error),
    }
}

/// Handles POST `/device`, the person's decision.
pub(crate) async fn decide(context: &Context<'_>) -> Reply {
    let Context { state, head, body, now, .. } = *context;
    if !is_form(&head.headers) {
        return page(StatusCode::UNSUPPORTED_MEDIA_TYPE, text::not_a_form()).into();
    }
    let typed = form::field(body, "user_code").unwrap_or_default();
    let token = form::field(body, "csrf").unwrap_or_default();
    let is_ours = state.csrf.as_ref().zip(UserCode::typed(&typed)).is_some_and(|(key, code)| {
        csrf::may_be_our_page(&state.hosts, &head.headers)
            && key.is_ours(&csrf::DEVICE, &head.headers, &code.to_string(), &token)
    });
    if !is_ours {
        return page(StatusCode::FORBIDDEN, text::forged(&typed)).into();
    }
    let decision = match who::decision(&state.people, body) {
        Ok(decision) => decision,
        Err(why) => return page(StatusCode::BAD_REQUEST, text::undecided(why, &typed)).into(),
    };
    // The page has shown this code, so it is no guess.
    match state.stored(state.store().decide(&state.policy, None, &typed, decision, now)).await {
        Ok(Ok(())) => page(StatusCode::OK, text::done(decision, &state.people)).into(),
        Ok(Err(error)) => refused(&error, &typed).into(),
        Err(error) => unavailable(&error),
    }
}

/// Returns whether the body is a form. A page of another site can send `text/plain` without a preflight
/// request.
fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Returns the confirmation page, with the token that the decision must carry.
fn confirm(context: &Context<'_>, review: &Review) -> Response<Body> {
    let Context { state, head, .. } = *context;
    let code = review.user_code.to_string();
    let form = state.csrf.as_ref().and_then(|key| key.form(&csrf::DEVICE, &head.headers, &code));
    let Some(form) = form else {
        return page(StatusCode::INTERNAL_SERVER_ERROR, text::broken());
    };
    let mut response = page(StatusCode::OK, text::confirm(review, &form.token, &state.people));
    if let Some(cookie) = form.set_cookie(&state.hosts) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

/// Returns the page for a store that does not answer. Nothing was decided.
fn unavailable(error: &StoreError) -> Reply {
    tracing::error!(%error, "a page failed");
    page(StatusCode::SERVICE_UNAVAILABLE, text::unavailable()).into()
}

/// Returns the page with the reason against a decision, and the form for another code.
fn refused(error: &PersonError, typed: &str) -> Response<Body> {
    let status = match error {
        PersonError::NotACode => StatusCode::BAD_REQUEST,
        PersonError::Expired | PersonError::Decided => StatusCode::GONE,
        PersonError::TooManyGuesses(_) => StatusCode::TOO_MANY_REQUESTS,
        // The code is unknown, or a newer error prevents the decision.
        _ => StatusCode::NOT_FOUND,
    };
    let mut response = page(status, text::enter(Some(error), typed));
    response.headers_mut().insert("x-device-code", HeaderValue::from_static(problem(error)));
    if let PersonError::TooManyGuesses(limit) = error {
        response.headers_mut().insert(RETRY_AFTER, reply::retry_after(limit.wait));
    }
    response
}

/// Returns the reason against a decision, for scripts.
const fn problem(error: &PersonError) -> &'static str {
    match error {
        PersonError::NotACode => "not-a-code",
        PersonError::Expired => "expired",
        PersonError::Decided => "decided",
        PersonError::TooManyGuesses(_) => "too-many-guesses",
        _ => "unknown",
    }
}

/// Handles GET `/start`: returns a portal's start page. Tools read the region from its `<meta
/// name="region">`.
pub(crate) fn start(context: &Context<'_>) -> Response<Body> {
    page(StatusCode::OK, text::start(&context.state.policy.region))
}

/// Handles GET `/`.
pub(crate) fn to_device(_: &Context<'_>) -> Response<Body> {
    let mut response = page(StatusCode::SEE_OTHER, text::moved());
    response.headers_mut().insert(LOCATION, HeaderValue::from_static("/device"));
    response
}

/// Handles GET `/health`.
pub(crate) fn health(_: &Context<'_>) -> Response<Body> {
    reply::text(StatusCode::OK, "ok\n")
}

/// Handles GET `/favicon.ico`, which does not exist.
pub(crate) fn icon(_: &Context<'_>) -> Response<Body> {
    reply::text(StatusCode::NO_CONTENT, "")
}

/// Handles GET `/style.css`.
pub(crate) fn style(_: &Context<'_>) -> Response<Body> {
    let mut response = Response::new(Body::new(include_bytes!("style.css").to_vec()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// Returns a page, with headers against other sites.
fn page(status: StatusCode, html: String) -> Response<Body> {
    const HEADERS: [(&str, &str); 9] = [
        // A script finds out with it that the page is ours.
        ("server", "sso-oidc-server"),
        ("content-type", "text/html; charset=utf-8"),
        ("content-security-policy", POLICY),
        ("cache-control", "no-store"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
        // With `no-referrer`, browsers would send our own form with the origin `null`, like that of a
        // sandboxed frame.
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

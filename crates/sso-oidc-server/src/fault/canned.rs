//! Canned responses of gateways, captive portals and redirects.

use core::time::Duration;
use std::time::SystemTime;

use http::header::{CONTENT_TYPE, DATE, LOCATION, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response};
use oidc_proto::Body;

use super::InjectedFault;
use super::faults::Faults;
use crate::reply::{retry_after, whole_seconds};

/// The longest `Retry-After` as a date, in seconds: a year. HTTP's dates end with the year 9999.
const LONGEST: u64 = 365 * 24 * 60 * 60;

const PORTAL: &str = "<!DOCTYPE html><title>Welcome</title><p>Accept the terms to use this network.\n";
const GATEWAY: &str = "<html><head><title>502 Bad Gateway</title></head></html>\n";

const UNAVAILABLE: &str = "<html><head><title>503 Service Temporarily Unavailable</title></head></html>\n";
const NOT_FOUND: &str = "<html><head><title>404 Not Found</title></head></html>\n";
const FORBIDDEN: &str = "<html><head><title>Access is forbidden</title></head></html>\n";

/// Returns the response that replaces the service's own, if this fault has one. The response of a fault that
/// sends nothing is empty.
pub(crate) fn canned_response(fault: InjectedFault, faults: &Faults, path: &str) -> Option<Response<Body>> {
    let wait = faults.retry_after;
    let later = |status| {
        let mut response = page(status, "");
        response.headers_mut().insert(RETRY_AFTER, retry_after(wait));
        response
    };
    Some(match fault {
        InjectedFault::Html200 => page(200, PORTAL),
        InjectedFault::Html502 => page(502, GATEWAY),
        InjectedFault::TooManyRequests => later(429),
        InjectedFault::Unavailable => later(503),
        InjectedFault::TooManyRequestsDate => until_a_date(page(429, ""), wait),
        InjectedFault::UnavailableDate => until_a_date(page(503, ""), wait),
        InjectedFault::Gateway503 => page(503, UNAVAILABLE),
        InjectedFault::NotFound => page(404, NOT_FOUND),
        InjectedFault::Forbidden => page(403, FORBIDDEN),
        InjectedFault::Redirect301 => moved(301, faults, path),
        InjectedFault::Redirect302 => moved(302, faults, path),
        InjectedFault::Redirect303 => moved(303, faults, path),
        InjectedFault::Redirect307 => moved(307, faults, path),
        InjectedFault::Redirect308 => moved(308, faults, path),
        fault if fault.commits() => return None,
        _ => page(200, ""),
    })
}

fn page(status: u16, text: &str) -> Response<Body> {
    let mut response = with(Response::new(Body::new(text.into())), CONTENT_TYPE, "text/html");
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    response
}

fn until_a_date(response: Response<Body>, wait: Duration) -> Response<Body> {
    let now = SystemTime::now();
    let later = now + Duration::from_secs(whole_seconds(wait).min(LONGEST));
    // One reading of the clock serves both, so their difference is exact.
    let response = with(response, DATE, &httpdate::fmt_http_date(now));
    with(response, RETRY_AFTER, &httpdate::fmt_http_date(later))
}

/// Returns a redirect to the same path on another host. A client that follows it leaks the request's secrets.
fn moved(status: u16, faults: &Faults, path: &str) -> Response<Body> {
    let target = faults.redirect_target.get().map_or("http://elsewhere.invalid", String::as_str);
    with(page(status, ""), LOCATION, &format!("{target}{path}"))
}

fn with(mut response: Response<Body>, name: HeaderName, value: &str) -> Response<Body> {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

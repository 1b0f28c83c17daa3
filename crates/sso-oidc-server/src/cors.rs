//! Web pages of other origins (Fetch Standard, "HTTP CORS protocol"): a browser lets their scripts read a response only
//! if the server says so.
//!
//! It concerns the endpoints of programs alone. The pages and forms for people stay closed to other origins, and the
//! control API is on a port of its own. No response allows credentials, because no endpoint of a program uses a cookie.

use core::fmt;
use core::net::Ipv6Addr;
use core::str::FromStr;

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use oidc_proto::Body;

use crate::reply::{Reply, text};
use crate::router;

/// The request headers for a page: all but those that a browser keeps for itself. Of them `*` does not mean
/// `Authorization`, so it has its name.
const HEADERS: HeaderValue = HeaderValue::from_static("authorization, *");
/// The response headers for a page, beside those that every page may read.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("x-amzn-requestid, x-amzn-errortype, retry-after, www-authenticate");
/// The time for which a browser remembers a preflight, in seconds. Chromium keeps none for longer than two hours.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// The origin of web pages that may call the server's endpoints: a scheme, a host and a port, as a browser writes it in
/// `Origin` (RFC 6454 §6.2). `*` stands for all.
///
/// ```
/// use sso_oidc_server::CorsOrigin;
/// let origin: CorsOrigin = "https://App.example:443".parse()?;
/// assert_eq!(origin.to_string(), "https://app.example");
/// assert_eq!("*".parse::<CorsOrigin>()?.to_string(), "*");
/// for text in ["app.example", "https://app.example/", "https://*.example", "null"] {
///     assert!(text.parse::<CorsOrigin>().is_err(), "{text}");
/// }
/// # Ok::<(), sso_oidc_server::CorsOriginError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsOrigin(HeaderValue);

/// The error of a text that is no [`CorsOrigin`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected an origin as a browser writes it, such as https://app.example or http://localhost:3000, or * for all: \
     a scheme, a host in ASCII and a port, without a path or a slash at the end"
)]
#[non_exhaustive]
pub struct CorsOriginError;

impl FromStr for CorsOrigin {
    type Err = CorsOriginError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let origin = if text == "*" { Some(text.to_owned()) } else { canonical(text) };
        origin.and_then(|origin| HeaderValue::try_from(origin).ok()).map(Self).ok_or(CorsOriginError)
    }
}

impl fmt::Display for CorsOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_str().unwrap_or_default())
    }
}

/// Returns an origin as a browser writes it (URL Standard, "serialization of an origin").
fn canonical(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let mut letters = scheme.bytes();
    let is_scheme = letters.next()?.is_ascii_alphabetic()
        && letters.all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    let scheme = scheme.to_ascii_lowercase();
    // The colons of an IPv6 address are in brackets.
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse::<u16>().ok()?)),
        _ => (rest, None),
    };
    let host = match host.strip_prefix('[') {
        Some(rest) => format!("[{}]", rest.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?),
        None => host.to_ascii_lowercase(),
    };
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
    };
    if !is_scheme || !(host.starts_with('[') || is_name(&host)) {
        return None;
    }
    let port = match (&*scheme, port) {
        (_, Some(0)) => return None,
        ("http", Some(80)) | ("https", Some(443)) | (_, None) => String::new(),
        (_, Some(port)) => format!(":{port}"),
    };
    Some(format!("{scheme}://{host}{port}"))
}

/// Returns the value of `Access-Control-Allow-Origin`: the only origin of the request if it is one of these, or `*`.
fn allowed<'a>(origins: &'a [CorsOrigin], headers: &HeaderMap) -> Option<&'a HeaderValue> {
    if let Some(CorsOrigin(all)) = origins.iter().find(|CorsOrigin(origin)| origin == "*") {
        return Some(all);
    }
    let mut sent = headers.get_all(ORIGIN).iter();
    let (Some(sent), None) = (sent.next(), sent.next()) else { return None };
    origins.iter().map(|CorsOrigin(origin)| origin).find(|origin| *origin == sent)
}

/// Returns the reply to a preflight: a browser asks whether a page may send a request. `None` for any other request,
/// and on a path for people.
pub(crate) fn preflight(origins: &[CorsOrigin], head: &Parts) -> Option<Reply> {
    let headers = &head.headers;
    let asks = head.method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let path = head.uri.path();
    if origins.is_empty() || !asks || !router::is_for_programs(path) {
        return None;
    }
    let origin = headers.get(ORIGIN)?;
    if allowed(origins, headers).is_none() {
        const WHY: &str = "This server takes no requests from pages of this origin. Its owner can add the origin, with\n\
                           sso-oidc serve --cors ORIGIN\n";
        // The log escapes the origin, which is text from a peer.
        let origin = String::from_utf8_lossy(origin.as_bytes());
        tracing::warn!(%origin, "a page of an unknown origin was refused; --cors ORIGIN accepts it");
        return Some(text(StatusCode::FORBIDDEN, WHY).into());
    }
    let mut response = http::Response::new(Body::new(Vec::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let allow = response.headers_mut();
    if let Ok(methods) = HeaderValue::try_from(router::allowed(path)) {
        allow.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    }
    allow.insert(ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
    allow.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    Some(response.into())
}

/// Tells the browser whether a page may read this response.
pub(crate) fn mark(origins: &[CorsOrigin], head: &Parts, response: &mut HeaderMap) {
    if origins.is_empty() || !router::is_for_programs(head.uri.path()) {
        return;
    }
    let allowed = allowed(origins, &head.headers);
    if let Some(origin) = allowed {
        response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        if head.method != Method::OPTIONS {
            response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
    if allowed.is_none_or(|origin| origin != "*") {
        // A cache must not show one origin what another one was allowed.
        response.append(VARY, HeaderValue::from_static("origin"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_compared_as_a_browser_writes_it() {
        for (text, written) in [
            ("HTTPS://App.Example", "https://app.example"),
            ("https://app.example:443", "https://app.example"),
            ("https://app.example:80", "https://app.example:80"),
            ("http://localhost:03000", "http://localhost:3000"),
            ("http://[2001:DB8:0::1]:80", "http://[2001:db8::1]"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("chrome-extension://abcdefgh", "chrome-extension://abcdefgh"),
            ("*", "*"),
        ] {
            let origin = text.parse::<CorsOrigin>().map(|origin| origin.to_string());
            assert_eq!(origin.as_deref(), Ok(written), "{text}");
        }
    }

    #[test]
    fn a_text_that_no_browser_writes_is_refused() {
        for text in [
            "",
            "null",
            "app.example",
            "https://",
            "https://:443",
            "https://app.example/",
            "https://app.example/x",
            "https://app.example?x",
            "https://a@app.example",
            "https://*.example",
            "https://bücher.example",
            "https://app.example:",
            "https://app.example:0",
            "https://app.example:65536",
            "https://app.example:x",
            "https://[::1",
            "https://[::1]x",
            "https://[app]",
            "https://app example",
            "1http://app.example",
            "https://app.example, https://b.example",
        ] {
            assert_eq!(text.parse::<CorsOrigin>(), Err(CorsOriginError), "{text}");
        }
    }
}

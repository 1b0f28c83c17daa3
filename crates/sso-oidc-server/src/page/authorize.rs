//! `/authorize` (RFC 6749 §3.1), which reports that there is no authorization code flow. The report goes to
//! the person in the browser, and to the waiting program on this machine.

use http::header::LOCATION;
use http::{HeaderValue, Response, StatusCode};
use oidc_proto::Body;

use super::{form, page, text};
use crate::state::Context;

/// The error code of RFC 6749 §4.1.2.1.
const ERROR: &str = "unsupported_response_type";
const WHY: &str = "this server has no authorization code flow yet; sign in with a device code (aws sso login --use-device-code)";

/// Handles GET and POST `/authorize`. A client that listens on this machine gets the error at once, instead
/// of waiting for its timeout. A redirect elsewhere could serve an attacker, because no registration here
/// confirms the target.
pub(crate) fn authorize(context: &Context<'_>) -> Response<Body> {
    tracing::warn!(
        "a client asked for the authorization code flow, which this server does not support; for the AWS CLI: aws sso \
         login --use-device-code"
    );
    let query = context.head.uri.query().unwrap_or_default().as_bytes();
    let target = form::only(query, "redirect_uri").filter(|uri| is_loopback(uri));
    let Some(target) = target else { return page(StatusCode::NOT_IMPLEMENTED, text::no_authorization()) };
    let (before, query_of_target) = target.split_once('?').unwrap_or((&target, ""));
    let mut parameters = form_urlencoded::Serializer::new(query_of_target.trim_end_matches('&').to_owned());
    parameters.append_pair("error", ERROR).append_pair("error_description", WHY);
    if let Some(state) = form::only(query, "state") {
        parameters.append_pair("state", &state);
    }
    let location = format!("{before}?{}", parameters.finish());
    let Ok(location) = HeaderValue::from_str(&location) else {
        return page(StatusCode::NOT_IMPLEMENTED, text::no_authorization());
    };
    let mut response = page(StatusCode::FOUND, text::no_authorization());
    response.headers_mut().insert(LOCATION, location);
    response
}

/// Returns whether this is an absolute http URL of this machine that every browser reads alike. It has a
/// known host and a port, no user information, no fragment, and only a URL's own characters (RFC 8252 §7.3,
/// RFC 6749 §3.1.2).
fn is_loopback(uri: &str) -> bool {
    const SCHEME: &str = "http://";
    let Some(rest) = uri.get(SCHEME.len()..).filter(|_| uri.is_char_boundary(SCHEME.len())) else {
        return false;
    };
    let scheme_is_http = uri.get(..SCHEME.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME));
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        // The colons of an IPv6 address are inside its brackets.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let host_is_here = ["127.0.0.1", "[::1]", "localhost"].iter().any(|name| host.eq_ignore_ascii_case(name));
    let port_is_fine = port.is_none_or(|port| {
        port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port != 0)
    });
    // The characters of RFC 3986 §2, without the start of a fragment.
    let characters_are_fine =
        uri.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%".contains(&b));
    scheme_is_http && host_is_here && port_is_fine && characters_are_fine
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_http_url_of_this_machine_is_redirected_to() {
        for uri in [
            "http://127.0.0.1:49152/oauth/callback",
            "http://127.0.0.1/oauth/callback?x=1",
            "http://127.0.0.1",
            "http://127.0.0.1:1?",
            "http://[::1]:65535/",
            "http://[::1]/",
            "HTTP://LocalHost:8400/",
            "http://localhost:8400/a%20b/@/:x",
        ] {
            assert!(is_loopback(uri), "{uri}");
        }
        for uri in [
            "",
            "http:",
            "http://",
            "127.0.0.1",
            "/device",
            "//127.0.0.1/",
            "https://127.0.0.1/",
            "ftp://127.0.0.1/",
            "javascript://127.0.0.1/%0aalert(1)",
            "http://evil.example/",
            "http://127.0.0.1.evil.example/",
            "http://127.0.0.1@evil.example/",
            "http://127.0.0.1:80@evil.example/",
            "http://user@127.0.0.1/",
            "http://evil.example/@127.0.0.1/",
            "http://evil.example\\@127.0.0.1/",
            "http://127.0.0.1\\.evil.example/",
            "http://127.0.0.1#@evil.example/",
            "http://127.0.0.1/#x",
            "http://127.0.0.1:/",
            "http://127.0.0.1:0/",
            "http://127.0.0.1:65536/",
            "http://127.0.0.1:80:80/",
            "http://127.0.0.1:+80/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0.0.0.0/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::1",
            "http://::1/",
            "http://localhost./",
            "http://localhost.evil.example/",
            "http://localhóst/",
            "http://127.0.0.1/\r\nSet-Cookie: x",
            "http://127.0.0.1/ x",
            "http://127.0.0.1/é",
            " http://127.0.0.1/",
            "http://127.0.0.1\t/",
            "héttp://127.0.0.1/",
        ] {
            assert!(!is_loopback(uri), "{uri}");
        }
    }
}

//! Redirect URIs: those that a client may register, and those that match a registered one (RFC 6749 §3.1.2,
//! RFC 8252 §7.3, RFC 9700 §2.1).

use crate::ClientRecord;

/// Our limit, in bytes, because a code's record keeps its redirect URI.
const MAX_URI: usize = 2048;
/// The names of this machine in a redirect URI. Browsers spell them in this way.
const LOOPBACK: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

/// The parts of a redirect URI.
struct Parts<'a> {
    scheme: &'a str,
    host: &'a str,
    /// The path and the query.
    rest: &'a str,
}

impl<'a> Parts<'a> {
    /// Reads an absolute http or https URL that every browser reads alike. It has a host, and no user
    /// information or fragment. It consists of a URL's own characters (RFC 3986 §2).
    fn of(uri: &'a str) -> Option<Self> {
        let (scheme, after) =
            uri.split_once("://").filter(|(scheme, _)| ["http", "https"].contains(scheme))?;
        let (authority, rest) = after.split_at(after.find(['/', '?']).unwrap_or(after.len()));
        let (host, port) = match authority.rsplit_once(':') {
            // The colons of an IPv6 address are inside its brackets.
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let port_is_fine = port.is_none_or(|port| {
            port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port != 0)
        });
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
        let host_is_fine = host == "[::1]" || (!host.is_empty() && host.bytes().all(is_name));
        let rest_is_fine =
            rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~:/?@!$&'()*+,;=%".contains(&b));
        (port_is_fine && host_is_fine && rest_is_fine && uri.len() <= MAX_URI).then_some(Self {
            scheme,
            host,
            rest,
        })
    }

    fn is_loopback(&self) -> bool {
        self.scheme == "http" && LOOPBACK.contains(&self.host)
    }

    /// Returns path and query without the first slash. Browsers request an empty path as `/` (RFC 3986 §6.2.3).
    fn target(&self) -> &'a str {
        self.rest.strip_prefix('/').unwrap_or(self.rest)
    }
}

/// Returns whether AWS's service accepts this URI in a registration: `http://127.0.0.1` with an optional port
/// and path. It has no query, and no other spelling of the host.
pub(crate) fn is_aws(uri: &str) -> bool {
    Parts::of(uri)
        .is_some_and(|parts| parts.scheme == "http" && parts.host == "127.0.0.1" && !parts.rest.contains('?'))
}

/// Returns whether a client of the OAuth dialect may register this URI: https, or http to this machine.
pub(crate) fn is_oauth(uri: &str) -> bool {
    Parts::of(uri).is_some_and(|parts| parts.scheme == "https" || parts.is_loopback())
}

/// Returns whether the client may get its response at this URI.
pub(crate) fn is_allowed(client: &ClientRecord, uri: &str) -> bool {
    let Some(parts) = Parts::of(uri) else { return false };
    (client.any_loopback_redirect && parts.is_loopback())
        || client.redirect_uris.iter().any(|registered| matches(registered, uri, &parts))
}

/// Returns whether a URI is the registered one, character by character. Only the port of this machine may
/// differ, because a program learns it from its operating system.
fn matches(registered: &str, uri: &str, parts: &Parts<'_>) -> bool {
    registered == uri
        || (parts.is_loopback()
            && Parts::of(registered).is_some_and(|registered| {
                registered.is_loopback()
                    && registered.host == parts.host
                    && registered.target() == parts.target()
            }))
}

/// Returns the host and the port of a URI, for the person.
pub(crate) fn destination(uri: &str) -> &str {
    let after = uri.split_once("://").map_or(uri, |(_, after)| after);
    after.split(['/', '?']).next().unwrap_or(after)
}

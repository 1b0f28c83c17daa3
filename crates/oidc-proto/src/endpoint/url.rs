//! A checked absolute URL: scheme, authority, path, and an optional query.

use core::fmt;
use core::net::Ipv6Addr;
use core::str::FromStr;

use http::uri::{Authority, Parts, PathAndQuery, Scheme, Uri};

use super::EndpointError;

/// An absolute `http` or `https` URL without user name and fragment. Equality ignores the host's case and the
/// scheme's default port (RFC 3986 §6.2.2.1, §6.2.3).
#[derive(Clone)]
pub(crate) struct Url {
    scheme: Scheme,
    authority: Authority,
    /// Path and query; empty for a bare host.
    path: String,
}

/// The parts that a URL may have, beside user name and fragment, which it never has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A base URL: no query. A trailing slash does not count.
    Base,
    /// A complete endpoint URL; its query is kept (RFC 6749 §3.2).
    Whole,
}

impl Url {
    /// Creates a URL of a bare `https` host.
    pub(crate) fn https(host: String) -> Option<Self> {
        let authority = Authority::try_from(host).ok()?;
        Some(Self { scheme: Scheme::HTTPS, authority, path: String::new() })
    }

    pub(crate) fn parse(url: &str, kind: Kind) -> Result<Self, EndpointError> {
        let url = url.trim();
        // First, before any other error quotes the URL: the text before an `@` may be a password.
        let authority_part = url.split_once("://").map_or(url, |(_, rest)| rest);
        let authority_part = authority_part.split(['/', '?', '#']).next().unwrap_or_default();
        if authority_part.contains('@') {
            return Err(EndpointError::UserInfo);
        }
        let shown = || crate::printable(url).into_owned();
        // `http::Uri` silently drops a fragment.
        if url.contains('#') || (kind == Kind::Base && url.contains('?')) {
            return Err(EndpointError::QueryOrFragment(shown()));
        }
        // `http::Uri` accepts UTF-8. A URL has none (RFC 3986 §2), and it may hold control characters.
        let is_letter = |c: char| c.is_ascii_graphic() || (!c.is_ascii() && c.is_alphanumeric());
        if !url.is_ascii() && url.chars().all(is_letter) && is_web(url) {
            return Err(EndpointError::NotAscii(shown()));
        }
        if !url.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(EndpointError::NotAUrl(shown()));
        }
        let parts = url.parse::<Uri>().map_err(|_| EndpointError::NotAUrl(shown()))?.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(EndpointError::NotAUrl(shown()));
        };
        if (scheme != Scheme::HTTPS && scheme != Scheme::HTTP) || !leads_somewhere(&authority) {
            return Err(EndpointError::NotAUrl(shown()));
        }
        let path = parts.path_and_query.as_ref().map_or("", PathAndQuery::as_str);
        let path = if kind == Kind::Base { path.trim_end_matches('/') } else { path };
        Ok(Self { scheme, authority, path: path.to_owned() })
    }

    pub(crate) fn is_https(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    pub(crate) fn host(&self) -> &str {
        self.authority.host()
    }

    /// Returns the port to connect to.
    fn port(&self) -> u16 {
        let default = if self.is_https() { 443 } else { 80 };
        self.authority.port_u16().unwrap_or(default)
    }

    /// Returns whether the port is the scheme's default.
    pub(crate) fn has_usual_port(&self) -> bool {
        self.port() == if self.is_https() { 443 } else { 80 }
    }

    /// Returns whether the host is `localhost`, 127.0.0.0/8 or `[::1]`, by name alone.
    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback_host(self.authority.host())
    }

    /// Returns an error for plain HTTP to another machine.
    pub(crate) fn secure(self) -> Result<Self, EndpointError> {
        if self.is_https() || self.is_loopback() {
            Ok(self)
        } else {
            Err(EndpointError::InsecureHttp(self.authority.to_string()))
        }
    }

    /// Returns the URL of a path below this one. `path` starts with a slash.
    pub(crate) fn join(&self, path: &str) -> Self {
        Self { path: format!("{}{path}", self.path), ..self.clone() }
    }

    /// Returns the URI of a path below this URL with this query, unless it is too long.
    pub(crate) fn uri_with_query(&self, path: &str, query: &str) -> Option<Uri> {
        let separator = if query.is_empty() { "" } else { "?" };
        let mut parts = Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query =
            Some(PathAndQuery::try_from(format!("{}{path}{separator}{query}", self.path)).ok()?);
        Uri::from_parts(parts).ok()
    }

    /// Returns the URI of a path below this URL. `path` is empty or starts with a slash.
    pub(crate) fn uri(&self, path: &'static str) -> Uri {
        let path = if self.path.is_empty() {
            PathAndQuery::from_static(if path.is_empty() { "/" } else { path })
        } else {
            // Both halves are valid paths, so joining them cannot fail.
            PathAndQuery::try_from(format!("{}{path}", self.path))
                .unwrap_or_else(|_| PathAndQuery::from_static("/"))
        };
        let mut parts = Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).unwrap_or_default()
    }
}

/// Returns whether the scheme is `http` or `https`.
fn is_web(url: &str) -> bool {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")
}

/// Returns whether there is a host, followed by nothing or a port. `http::Uri` also accepts
/// `a.example:99999`, `[::1]x` and `[zz]`, which are not connectable.
fn leads_somewhere(authority: &Authority) -> bool {
    let host = authority.host();
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(bare) => Ipv6Addr::from_str(bare).is_ok(),
        None => !host.is_empty(),
    };
    let is_port = match authority.as_str().strip_prefix(host) {
        // RFC 3986 §3.2.3: an empty port is the scheme's default.
        Some("" | ":") => true,
        Some(_) => authority.port_u16().is_some_and(|port| port != 0),
        None => false,
    };
    is_host && is_port
}

impl PartialEq for Url {
    fn eq(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && self.host().eq_ignore_ascii_case(other.host())
            && self.port() == other.port()
            && self.path == other.path
    }
}

impl Eq for Url {}

impl Url {
    /// Returns the spelling that equal URLs share.
    pub(crate) fn canonical(&self) -> String {
        let (host, path) = (self.host().to_ascii_lowercase(), &self.path);
        format!("{}://{host}:{}{path}", self.scheme, self.port())
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}
/// Returns whether a URL's host is `localhost`, in 127.0.0.0/8, or `[::1]`. It resolves no names.
///
/// ```
/// use oidc_proto::is_loopback_host;
/// assert!(["LocalHost", "127.9.9.9", "[::1]"].into_iter().all(is_loopback_host));
/// assert!(!["localhost.example", "10.0.0.1", "[::2]", ""].into_iter().any(is_loopback_host));
/// ```
#[must_use]
pub fn is_loopback_host(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    // The usual spellings need no parsing.
    host == "127.0.0.1"
        || host.eq_ignore_ascii_case("localhost")
        || core::net::IpAddr::from_str(bare).is_ok_and(|address| address.is_loopback())
}

//! A checked absolute URL: scheme, authority, path, and a query where one may be.

use core::fmt;
use core::str::FromStr;

use http::uri::{Authority, Parts, PathAndQuery, Scheme, Uri};

use super::EndpointError;

/// An absolute `http` or `https` URL without user name and fragment. Two are equal if they lead to the same place
/// (RFC 3986 §6.2.2.1, §6.2.3): the case of the host and a port that the scheme has anyway do not count.
#[derive(Clone)]
pub(super) struct Url {
    scheme: Scheme,
    authority: Authority,
    /// Path and query; empty for a bare host.
    path: String,
}

/// What is not allowed in the URL beside a user name and a fragment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A base URL: no query, and a slash at its end does not count.
    Base,
    /// An endpoint of its own (RFC 6749 §3.2: a query is kept).
    Whole,
}

impl Url {
    /// A bare `https` host.
    pub(super) fn https(host: String) -> Option<Self> {
        let authority = Authority::try_from(host).ok()?;
        Some(Self { scheme: Scheme::HTTPS, authority, path: String::new() })
    }

    pub(super) fn parse(url: &str, kind: Kind) -> Result<Self, EndpointError> {
        let url = url.trim();
        // Before the URL is quoted in any other error: what stands before an `@` may be a password.
        let authority_part = url.split_once("://").map_or(url, |(_, rest)| rest);
        let authority_part = authority_part.split(['/', '?', '#']).next().unwrap_or_default();
        if authority_part.contains('@') {
            return Err(EndpointError::UserInfo);
        }
        let shown = || crate::printable(url).into_owned();
        // `http::Uri` drops a fragment without a word.
        if url.contains('#') || (kind == Kind::Base && url.contains('?')) {
            return Err(EndpointError::QueryOrFragment(shown()));
        }
        // `http::Uri` lets UTF-8 through, which no URL has (RFC 3986 §2) and which may hold control characters.
        if !url.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(EndpointError::NotAUrl(shown()));
        }
        let parts = url.parse::<Uri>().map_err(|_| EndpointError::NotAUrl(shown()))?.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(EndpointError::NotAUrl(shown()));
        };
        if (scheme != Scheme::HTTPS && scheme != Scheme::HTTP) || authority.host().is_empty() {
            return Err(EndpointError::NotAUrl(shown()));
        }
        let path = parts.path_and_query.as_ref().map_or("", PathAndQuery::as_str);
        let path = if kind == Kind::Base { path.trim_end_matches('/') } else { path };
        Ok(Self { scheme, authority, path: path.to_owned() })
    }

    pub(super) fn is_https(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    pub(super) fn host(&self) -> &str {
        self.authority.host()
    }

    /// The port that is connected to, or what stands in its place and is none.
    fn port(&self) -> Result<u16, &str> {
        let written = self.authority.as_str().strip_prefix(self.host()).unwrap_or_default();
        match written.trim_start_matches(':') {
            "" if self.is_https() => Ok(443),
            "" => Ok(80),
            port => port.parse().map_err(|_| port),
        }
    }

    /// `localhost`, 127.0.0.0/8 or `[::1]`, by name alone.
    pub(super) fn is_loopback(&self) -> bool {
        let host = self.authority.host();
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        host.eq_ignore_ascii_case("localhost")
            || core::net::IpAddr::from_str(bare).is_ok_and(|address| address.is_loopback())
    }

    /// Fails for plain HTTP to another machine.
    pub(super) fn secure(self) -> Result<Self, EndpointError> {
        if self.is_https() || self.is_loopback() {
            Ok(self)
        } else {
            Err(EndpointError::InsecureHttp(self.authority.to_string()))
        }
    }

    /// The URI of a path below this URL; `path` is empty or starts with a slash.
    pub(super) fn uri(&self, path: &'static str) -> Uri {
        let path = if self.path.is_empty() {
            PathAndQuery::from_static(if path.is_empty() { "/" } else { path })
        } else {
            // Both halves were paths already, so joining them cannot fail.
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

impl PartialEq for Url {
    fn eq(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && self.host().eq_ignore_ascii_case(other.host())
            && self.port() == other.port()
            && self.path == other.path
    }
}

impl Eq for Url {}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}

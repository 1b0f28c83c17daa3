//! The redirect URI: an address of this machine, where the browser brings the response (RFC 8252 §7.3).

use core::fmt;

use oidc_proto::Dialect;

/// The path that AWS's own tools register.
const PATH: &str = "/oauth/callback";

/// The redirect URI of a listener on `127.0.0.1`. Its path is `/oauth/callback`, as with AWS's own tools.
///
/// It names the address, because `localhost` may mean another interface (RFC 8252 §8.3).
///
/// ```
/// use device_flow::RedirectUri;
/// let uri = RedirectUri::loopback(49152);
/// assert_eq!(uri.to_string(), "http://127.0.0.1:49152/oauth/callback");
/// assert_eq!(uri.port(), 49152);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RedirectUri {
    port: u16,
}

impl RedirectUri {
    /// Creates the URI of a listener on this port.
    #[must_use]
    pub const fn loopback(port: u16) -> Self {
        Self { port }
    }

    /// Returns the listener's port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Returns the URI to register. AWS's service compares it without the port, and its registrations are kept.
    /// Some providers compare the port too.
    pub(crate) fn to_register(self, dialect: Dialect) -> String {
        match dialect {
            Dialect::Aws => format!("http://127.0.0.1{PATH}"),
            Dialect::OAuth => self.to_string(),
        }
    }

    /// Returns the query of a request with this target, if its path is ours.
    pub(crate) fn query_of<'a>(&self, target: &'a str) -> Option<&'a str> {
        let target = target.strip_prefix("http://").unwrap_or(target);
        let target = match target.strip_prefix("127.0.0.1") {
            // A browser leaves out the usual port.
            Some(rest) if self.port == 80 && !rest.starts_with(':') => rest,
            Some(rest) => rest.strip_prefix(&format!(":{}", self.port))?,
            None => target,
        };
        let rest = target.strip_prefix(PATH)?;
        let query = if rest.is_empty() { "" } else { rest.strip_prefix('?')? };
        // A pasted address may have a fragment.
        Some(query.split('#').next().unwrap_or_default())
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://127.0.0.1:{}{PATH}", self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_path_has_a_query_for_us() {
        let uri = RedirectUri::loopback(8400);
        for (target, query) in [
            ("/oauth/callback?code=c&state=s", Some("code=c&state=s")),
            ("/oauth/callback", Some("")),
            ("/oauth/callback?", Some("")),
            ("http://127.0.0.1:8400/oauth/callback?code=c#x", Some("code=c")),
            ("127.0.0.1:8400/oauth/callback?code=c", Some("code=c")),
            ("http://127.0.0.1/oauth/callback?code=c", None),
            ("http://127.0.0.1:84001/oauth/callback?code=c", None),
            ("http://127.0.0.1:8401/oauth/callback?code=c", None),
            ("https://127.0.0.1:8400/oauth/callback?code=c", None),
            ("/oauth/callback/?code=c", None),
            ("/oauth/callbacks?code=c", None),
            ("/OAuth/callback?code=c", None),
            ("/favicon.ico", None),
            ("/?code=c", None),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(uri.query_of(target), query, "{target}");
        }
        let usual = RedirectUri::loopback(80);
        assert_eq!(usual.query_of("http://127.0.0.1/oauth/callback?code=c"), Some("code=c"));
        assert_eq!(usual.query_of("http://127.0.0.1:80/oauth/callback?code=c"), Some("code=c"));
        assert_eq!(usual.query_of("http://127.0.0.1:8400/oauth/callback?code=c"), None);
    }
}

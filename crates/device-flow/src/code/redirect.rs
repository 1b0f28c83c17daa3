//! The redirect URI: an address of this machine, where the browser brings the response (RFC 8252 §7.3).

use alloc::borrow::Cow;
use core::fmt;

use oidc_proto::{Dialect, printable};

/// The path that AWS's own tools register.
const PATH: &str = "/oauth/callback";
/// The address of the listener.
const ADDRESS: &str = "127.0.0.1";

/// The redirect URI of a listener on `127.0.0.1`.
///
/// By default it names that address, because `localhost` may mean another interface (RFC 8252 §8.3), and its path is
/// `/oauth/callback`, as with AWS's own tools. A client that was registered with another URI of this machine needs
/// that one.
///
/// ```
/// use device_flow::RedirectUri;
/// let uri = RedirectUri::loopback(49152);
/// assert_eq!(uri.to_string(), "http://127.0.0.1:49152/oauth/callback");
/// assert_eq!(uri.port(), 49152);
/// let uri = RedirectUri::parse("http://localhost/signed-in")?;
/// assert_eq!(uri.port(), 0); // any
/// assert_eq!(uri.with_port(8400).to_string(), "http://localhost:8400/signed-in");
/// # Ok::<(), device_flow::RedirectUriError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RedirectUri {
    host: &'static str,
    port: u16,
    path: Cow<'static, str>,
}

/// The error of a text that is no redirect URI of this machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not http://127.0.0.1 or http://localhost with an optional port and path", printable(.0))]
#[non_exhaustive]
pub struct RedirectUriError(String);

impl RedirectUri {
    /// Creates the URI of a listener on this port.
    #[must_use]
    pub const fn loopback(port: u16) -> Self {
        Self { host: ADDRESS, port, path: Cow::Borrowed(PATH) }
    }

    /// Reads a URI as a client is registered with it: `http://127.0.0.1` or `http://localhost`, with an optional port
    /// and path. Without a port it is for any.
    ///
    /// ```
    /// use device_flow::RedirectUri;
    /// assert_eq!(RedirectUri::parse("http://localhost:8400/")?.to_string(), "http://localhost:8400/");
    /// assert!(RedirectUri::parse("https://program.example/cb").is_err());
    /// # Ok::<(), device_flow::RedirectUriError>(())
    /// ```
    ///
    /// # Errors
    /// [`RedirectUriError`]: another scheme or host, a query, a fragment, or an invalid port.
    pub fn parse(uri: &str) -> Result<Self, RedirectUriError> {
        Self::of(uri.trim()).ok_or_else(|| RedirectUriError(uri.to_owned()))
    }

    fn of(uri: &str) -> Option<Self> {
        let rest = uri.strip_prefix("http://")?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = authority.split_once(':').unwrap_or((authority, "0"));
        let host = [ADDRESS, "localhost"].into_iter().find(|known| *known == host)?;
        let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|port| is_number && (*port != 0 || !authority.contains(':')))?;
        // RFC 3986 §3.3: the characters of a path.
        let is_path = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(&byte);
        path.bytes().all(is_path).then(|| Self { host, port, path: path.to_owned().into() })
    }

    /// Returns the same URI with this port.
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Returns the listener's port; 0 means any.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Returns the URI to register. AWS's service compares it without the port, and its registrations are kept.
    /// Some providers compare the port too.
    pub(crate) fn to_register(&self, dialect: Dialect) -> String {
        match dialect {
            Dialect::Aws => format!("http://{}{}", self.host, self.path),
            Dialect::OAuth => self.to_string(),
        }
    }

    /// Returns the query of a request with this target, if its path is ours.
    pub(crate) fn query_of<'a>(&self, target: &'a str) -> Option<&'a str> {
        let target = target.strip_prefix("http://").unwrap_or(target);
        let target = match target.strip_prefix(self.host) {
            // A browser leaves out the usual port.
            Some(rest) if self.port == 80 && !rest.starts_with(':') => rest,
            Some(rest) => rest.strip_prefix(&format!(":{}", self.port))?,
            None => target,
        };
        // A browser requests an empty path as `/` (RFC 3986 §6.2.3).
        let rest = match target.strip_prefix(&*self.path) {
            Some(rest) if self.path.is_empty() => rest.strip_prefix('/').unwrap_or(rest),
            rest => rest?,
        };
        let query = if rest.is_empty() { "" } else { rest.strip_prefix('?')? };
        // A pasted address may have a fragment.
        Some(query.split('#').next().unwrap_or_default())
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}{}", self.host, self.port, self.path)
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

    #[test]
    fn only_a_plain_uri_of_this_machine_is_one() {
        for (text, written) in [
            ("http://127.0.0.1", "http://127.0.0.1:8400"),
            ("http://localhost", "http://localhost:8400"),
            ("http://localhost:1/", "http://localhost:8400/"),
            (" http://127.0.0.1:65535/a/b%20c", "http://127.0.0.1:8400/a/b%20c"),
        ] {
            assert_eq!(RedirectUri::parse(text).unwrap().with_port(8400).to_string(), written);
        }
        for text in [
            "",
            "localhost",
            "https://localhost/",
            "http://localhost.evil.example/",
            "http://127.0.0.1@evil.example/",
            "http://user@127.0.0.1/",
            "http://127.0.0.2/",
            "http://[::1]/",
            "http://localhost:/",
            "http://localhost:0/",
            "http://localhost:+1/",
            "http://localhost:65536/",
            "http://localhost/?x=1",
            "http://localhost/#x",
            "http://localhost/\u{1b}[2J",
        ] {
            let error = RedirectUri::parse(text).unwrap_err().to_string();
            assert!(error.contains("is not http://127.0.0.1") && !error.contains('\u{1b}'), "{error}");
        }
    }

    #[test]
    fn an_empty_path_is_that_of_the_root() {
        let uri = RedirectUri::parse("http://localhost").unwrap().with_port(8400);
        for (target, query) in [
            ("/?code=c", Some("code=c")),
            ("/", Some("")),
            ("http://localhost:8400/?code=c", Some("code=c")),
            ("http://localhost:8400?code=c", Some("code=c")),
            ("/favicon.ico", None),
            ("http://127.0.0.1:8400/?code=c", None),
        ] {
            assert_eq!(uri.query_of(target), query, "{target}");
        }
    }
}

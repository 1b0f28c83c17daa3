//! The names of this server: for its own URLs, and for the host of a request.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::header::HOST;
use http::{HeaderMap, HeaderValue};
use oidc_proto::is_loopback_host;

use crate::{Config, ServeError};

/// The names of this server.
pub(crate) struct Hosts {
    /// The base URL for clients on this machine, for example `http://127.0.0.1:8080`.
    pub(crate) endpoint: String,
    /// The base URL for people: `http://host:port` or `https://host:port`.
    pub(crate) public_url: String,
    /// The scheme of the server itself, `http://` or `https://`.
    scheme: &'static str,
    /// The names that a request may use as its host; `None` for any.
    allowed: Option<Vec<String>>,
}

impl Hosts {
    /// Returns the names of a server with this configuration on this address.
    pub(crate) fn new(config: &Config, address: SocketAddr) -> Result<Self, ServeError> {
        let scheme = config.scheme();
        let endpoint = format!("{scheme}{}", reachable(address));
        let public_url = match &config.public_url {
            Some(url) => {
                let url = url.strip_suffix('/').unwrap_or(url).to_owned();
                if host_of_url(&url).is_none() {
                    return Err(ServeError::PublicUrl { url });
                }
                url
            }
            None => endpoint.clone(),
        };
        let mut allowed = config.allowed_hosts.clone();
        let allowed = if address.ip().is_loopback() || !allowed.is_empty() {
            allowed.extend(host_of_url(&public_url).map(str::to_owned));
            Some(allowed)
        } else {
            None
        };
        Ok(Self { endpoint, public_url, scheme, allowed })
    }

    /// Accepts any host name, for a service that no browser can reach.
    pub(crate) fn allowing_any(self) -> Self {
        Self { allowed: None, ..self }
    }

    /// Returns the host of the public URL.
    #[cfg(feature = "tls")]
    pub(crate) fn public_host(&self) -> Option<&str> {
        host_of_url(&self.public_url)
    }

    /// Returns whether people use HTTPS, of this server or of a proxy before it.
    pub(crate) fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    /// Returns whether a request may use this host, as spelled in a `Host` header or a URL's authority. After
    /// DNS rebinding a browser sends another site's name.
    pub(crate) fn allow(&self, authority: &str) -> bool {
        let Some(allowed) = &self.allowed else { return true };
        let host = host_of_authority(authority);
        is_loopback_host(host) || allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(host))
    }

    /// Returns whether this origin is ours: the public URL, or the request's host, which the limits have
    /// checked.
    pub(crate) fn is_own_origin(&self, headers: &HeaderMap, origin: &str) -> bool {
        let host = headers.get(HOST).map(HeaderValue::to_str).and_then(Result::ok);
        let is_addressee = origin.strip_prefix(self.scheme).is_some_and(|origin| Some(origin) == host);
        is_addressee || origin.eq_ignore_ascii_case(&self.public_url)
    }
}

/// Returns an address to connect to. The unspecified address becomes loopback.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Returns the host of `host:port`. Brackets stay.
fn host_of_authority(authority: &str) -> &str {
    let end = match authority.rfind(']') {
        Some(bracket) => bracket + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    authority.get(..end).unwrap_or(authority)
}

/// Returns the host of `http[s]://host[:port]`; `None` if the URL has any other part.
fn host_of_url(url: &str) -> Option<&str> {
    let authority = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    let parsed: http::uri::Authority = authority.parse().ok()?;
    let is_plain = !authority.contains('@') && !parsed.host().is_empty();
    is_plain.then(|| host_of_authority(authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(config: &Config) -> Hosts {
        Hosts::new(config, SocketAddr::new(config.listen.ip(), 8080)).unwrap()
    }

    #[test]
    fn a_loopback_server_allows_loopback_names_and_configured_ones_only() {
        let config =
            Config::default().with_public_url("https://sso.example:8443/").with_allowed_host("box.local");
        let hosts = hosts(&config);
        for host in [
            "127.0.0.1:8080",
            "127.0.0.1",
            "127.9.9.9",
            "localhost:1",
            "LOCALHOST",
            "[::1]:8080",
            "sso.example",
            "BOX.local:9",
        ] {
            assert!(hosts.allow(host), "{host}");
        }
        for host in
            ["evil.example", "127.0.0.1.evil.example", "localhost.evil", "10.0.0.1", "", "[::2]", "x@y"]
        {
            assert!(!hosts.allow(host), "{host}");
        }
    }

    #[test]
    fn a_server_for_a_network_allows_any_name_unless_some_are_listed() {
        let open = Config::default().with_listen(([0, 0, 0, 0], 0).into());
        assert!(hosts(&open).allow("anything.example"));
        assert!(!hosts(&open.with_allowed_host("this.example")).allow("anything.example"));
    }

    #[test]
    fn the_unspecified_address_is_reached_through_loopback() {
        let hosts = hosts(&Config::default().with_listen(([0, 0, 0, 0], 0).into()));
        assert_eq!(hosts.endpoint, "http://127.0.0.1:8080");
    }

    #[test]
    fn a_public_url_with_more_than_a_host_and_a_port_is_refused() {
        for url in ["ftp://x", "http://", "http://x/path", "http://u@x", "x", "http://x?q", "https://"] {
            let made = Hosts::new(&Config::default().with_public_url(url), ([127, 0, 0, 1], 1).into());
            let refused = made.err();
            assert!(matches!(refused, Some(ServeError::PublicUrl { .. })), "{url}: {refused:?}");
        }
    }
}

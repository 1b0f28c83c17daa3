//! Proxies from the environment, with the rules of curl, Go and reqwest.
//!
//! ureq also reads the environment. But it takes the first proxy variable for every URL scheme, and compares
//! `NO_PROXY` entries literally.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;

use http::StatusCode;
use oidc_proto::{Service, is_loopback_host};
use ureq::{Proxy, ProxyProtocol};

use crate::BuildError;
use crate::backend::address;
use crate::failure::{is_about_connecting, is_look_up};

/// A proxy from the environment.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    pub(crate) proxy: Proxy,
    /// The variable that names it.
    pub(crate) variable: &'static str,
}

/// Returns the proxy for this service, if the environment has one. `variable` reads the environment.
///
/// `HTTPS_PROXY` is for https, `HTTP_PROXY` for http, and `ALL_PROXY` for both if the other is unset. The lower-case
/// variable counts if the upper-case one is absent or empty. Hosts in `NO_PROXY` and loopback addresses bypass the
/// proxy.
///
/// # Errors
/// The variable's value is not a proxy URL.
pub(crate) fn choose(
    service: &Service,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Chosen>, BuildError> {
    let first = |names: [&'static str; 2]| {
        names.into_iter().find_map(|name| {
            let value = variable(name).filter(|value| !value.trim().is_empty())?;
            Some((name, value))
        })
    };
    let by_scheme = if service.uses_https() {
        first(["HTTPS_PROXY", "https_proxy"])
    } else if variable("REQUEST_METHOD").is_some() {
        // In a CGI program, HTTP_PROXY may come from a request's `Proxy` header (httpoxy).
        None
    } else {
        first(["HTTP_PROXY", "http_proxy"])
    };
    let Some((variable, url)) = by_scheme.or_else(|| first(["ALL_PROXY", "all_proxy"])) else {
        return Ok(None);
    };
    let exceptions = first(["NO_PROXY", "no_proxy"]).map(|(_, value)| value).unwrap_or_default();
    let (direct, through): (Vec<&str>, Vec<&str>) =
        service.hosts().partition(|host| is_loopback_host(host) || is_exempt(host, &exceptions));
    if through.is_empty() {
        return Ok(None);
    }
    let proxy = with_exceptions(url.trim(), &direct)
        .map_err(|source| BuildError::Proxy { variable, source: source.into() })?;
    let speaks_http = matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https);
    if !speaks_http && !cfg!(feature = "socks") {
        // ureq would panic at the first request.
        let source = "SOCKS requires the feature `socks` of device-flow-ureq";
        return Err(BuildError::Proxy { variable, source: source.into() });
    }
    Ok(Some(Chosen { proxy, variable }))
}

fn with_exceptions(url: &str, direct: &[&str]) -> Result<Proxy, ureq::Error> {
    let proxy = Proxy::new(url)?;
    let mut builder = Proxy::builder(proxy.protocol()).host(proxy.host()).port(proxy.port());
    if let Some(user) = proxy.username() {
        builder = builder.username(user);
    }
    if let Some(password) = proxy.password() {
        builder = builder.password(password);
    }
    direct.iter().fold(builder, |builder, host| builder.no_proxy(host)).build()
}

/// An error at the proxy, which names the proxy.
#[derive(Debug)]
pub(crate) struct ProxyError {
    /// The variable that names it.
    variable: &'static str,
    /// Its host and port.
    place: String,
    has_password: bool,
    /// Whether the lookup of the proxy's name failed.
    is_look_up: bool,
    pub(crate) cause: ureq::Error,
}

impl ProxyError {
    /// Converts an error of a connection through the proxy. An error that is not about the proxy is returned as
    /// `Err`.
    pub(crate) fn of(cause: ureq::Error, chosen: &Chosen) -> Result<Self, ureq::Error> {
        let Chosen { proxy, variable } = chosen;
        let is_look_up = match &cause {
            // The proxy resolves the target's name, except with SOCKS4.
            _ if proxy.resolve_target() => false,
            ureq::Error::Io(error) => is_look_up(error),
            ureq::Error::HostNotFound | ureq::Error::Timeout(ureq::Timeout::Resolve) => true,
            _ => false,
        };
        let is_the_proxys = match &cause {
            // An error inside the tunnel, such as a certificate's, comes from the service.
            ureq::Error::Io(error) => is_about_connecting(error),
            ureq::Error::ConnectProxyFailed(_) | ureq::Error::ConnectionFailed => true,
            _ => false,
        };
        if !is_look_up && !is_the_proxys {
            return Err(cause);
        }
        let place = format!("{}:{}", proxy.host(), proxy.port());
        Ok(Self { variable, place, has_password: proxy.username().is_some(), is_look_up, cause })
    }

    /// Returns whether the proxy requires credentials.
    fn wants_credentials(&self) -> bool {
        status(&self.cause) == Some(StatusCode::PROXY_AUTHENTICATION_REQUIRED)
    }
}

/// Parses the status of a proxy's response to CONNECT. ureq has it only in the error text; a test checks this with
/// ureq itself.
pub(crate) fn status(error: &ureq::Error) -> Option<StatusCode> {
    let ureq::Error::ConnectProxyFailed(reason) = error else { return None };
    let status = reason.strip_prefix("proxy server responded ")?;
    status.split('/').next()?.parse().ok()
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { variable, place, has_password, is_look_up, cause } = self;
        write!(f, "the proxy {place} from {variable} ")?;
        match cause {
            _ if self.wants_credentials() && *has_password => {
                write!(f, "rejected the user name and password in that variable (HTTP 407)")
            }
            _ if self.wants_credentials() => write!(
                f,
                "requires a user name and a password (HTTP 407); set them in that variable, as in http://USER:PASSWORD@{place}"
            ),
            _ if *is_look_up => f.write_str("was not found: its host name does not resolve"),
            cause => match status(cause) {
                Some(status) => write!(f, "failed to open a connection: HTTP {status}"),
                None => write!(f, "failed to open a connection: {cause}"),
            },
        }
    }
}

impl Error for ProxyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // `Display` already has the status.
        status(&self.cause).is_none().then_some(&self.cause as _)
    }
}

/// Returns whether `NO_PROXY` has the host: `*`, the host or a parent domain (with or without a leading dot), an
/// address, or an address range. Ports in entries are ignored.
fn is_exempt(host: &str, exceptions: &str) -> bool {
    let host = host.to_ascii_lowercase();
    exceptions
        .split(',')
        .map(|entry| entry.trim().to_ascii_lowercase())
        .filter(|entry| !entry.is_empty())
        .any(|entry| {
            if entry == "*" {
                return true;
            }
            if let Some(host) = address(&host) {
                return in_range(host, &entry);
            }
            let domain = entry.trim_start_matches('*').trim_start_matches('.');
            let domain = domain.split(':').next().unwrap_or_default();
            host == domain || (!domain.is_empty() && host.ends_with(&format!(".{domain}")))
        })
}

fn in_range(host: IpAddr, entry: &str) -> bool {
    let (network, bits) =
        entry.split_once('/').map_or((entry, None), |(network, bits)| (network, bits.parse().ok()));
    let Some(network) = address(network) else { return false };
    let same = |host: u128, network: u128, width: u32| {
        let kept = bits.unwrap_or(width).min(width);
        let mask = u128::MAX.checked_shl(width - kept).unwrap_or(0);
        host & mask == network & mask
    };
    match (host, network) {
        (IpAddr::V4(host), IpAddr::V4(network)) => same(host.to_bits().into(), network.to_bits().into(), 32),
        (IpAddr::V6(host), IpAddr::V6(network)) => same(host.to_bits(), network.to_bits(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use oidc_proto::Endpoint;
    use oidc_proto::oauth::Provider;

    use super::*;

    fn chosen(url: &str, variables: &[(&str, &str)]) -> Option<String> {
        let service = Endpoint::allow_insecure_http(url).unwrap().into();
        let find =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        choose(&service, find)
            .unwrap()
            .map(|chosen| format!("{}:{}", chosen.proxy.host(), chosen.proxy.port()))
    }

    #[test]
    fn each_scheme_has_its_variable_and_all_proxy_is_for_the_rest() {
        let all = [("HTTP_PROXY", "http://a:1"), ("https_proxy", "http://b:2"), ("ALL_PROXY", "http://c:3")];
        assert_eq!(chosen("https://x.example", &all).as_deref(), Some("b:2"));
        assert_eq!(chosen("http://x.example", &all).as_deref(), Some("a:1"));
        assert_eq!(chosen("https://x.example", &all[..1]), None);
        assert_eq!(chosen("https://x.example", &all[2..]).as_deref(), Some("c:3"));
        assert_eq!(chosen("https://x.example", &[("HTTPS_PROXY", " ")]), None);
    }

    #[test]
    fn a_socks_proxy_is_one_with_the_feature_and_a_clear_error_without() {
        let service = Endpoint::custom("https://x.example").unwrap().into();
        for scheme in ["socks4", "socks4a", "socks5", "socks5h", "socks"] {
            let find = |name: &str| (name == "ALL_PROXY").then(|| format!("{scheme}://127.0.0.1:1080"));
            match choose(&service, find) {
                Ok(chosen) => assert!(cfg!(feature = "socks") && chosen.is_some()),
                Err(error) => {
                    let why = Error::source(&error).unwrap().to_string();
                    assert!(!cfg!(feature = "socks") && why.contains("`socks`"), "{error}: {why}");
                }
            }
        }
    }

    #[test]
    fn an_empty_variable_does_not_hide_its_twin_in_lower_case() {
        let proxies = [("HTTPS_PROXY", " "), ("https_proxy", "http://b:2"), ("ALL_PROXY", "http://c:3")];
        assert_eq!(chosen("https://x.example", &proxies).as_deref(), Some("b:2"));
        let all = [("ALL_PROXY", ""), ("all_proxy", "http://c:3")];
        assert_eq!(chosen("http://x.example", &all).as_deref(), Some("c:3"));
        let exempt = [("all_proxy", "http://c:3"), ("NO_PROXY", ""), ("no_proxy", "x.example")];
        assert_eq!(chosen("http://x.example", &exempt), None);
    }

    #[test]
    fn a_proxy_that_is_none_is_named_by_its_variable_and_its_password_is_not_told() {
        let service = Endpoint::custom("https://x.example").unwrap().into();
        let find = |name: &str| (name == "https_proxy").then(|| "gopher://u:hunter2@x".to_owned());
        let error = choose(&service, find).unwrap_err();
        assert_eq!(error.to_string(), "cannot use the proxy in https_proxy");
        assert!(!format!("{error:?}").contains("hunter2"));
    }

    #[test]
    fn what_goes_wrong_at_the_proxy_is_told_with_its_variable() {
        let service = Endpoint::custom("https://x.example").unwrap().into();
        let told = |proxy: &'static str, cause| {
            let find = |name: &str| (name == "ALL_PROXY").then(|| proxy.to_owned());
            let chosen = choose(&service, find).unwrap().unwrap();
            ProxyError::of(cause, &chosen).map(|error| error.to_string())
        };
        let failed =
            |status| ureq::Error::ConnectProxyFailed(format!("proxy server responded {status}/{status}"));
        let (plain, user) = ("http://c:3", "http://u:hunter2@c:3");
        for (proxy, cause, expected) in [
            (
                plain,
                failed(407),
                "requires a user name and a password (HTTP 407); set them in that variable, as in http://USER:PASSWORD@c:3",
            ),
            (user, failed(407), "rejected the user name and password in that variable (HTTP 407)"),
            (plain, failed(503), "failed to open a connection: HTTP 503 Service Unavailable"),
        ] {
            assert_eq!(told(proxy, cause).unwrap(), format!("the proxy c:3 from ALL_PROXY {expected}"));
        }
        assert!(told(plain, ureq::Error::TlsRequired).is_err(), "that is not the proxy's");
    }

    #[test]
    fn a_cgi_programs_http_proxy_is_not_believed() {
        let cgi = [("HTTP_PROXY", "http://evil:1"), ("REQUEST_METHOD", "GET")];
        assert_eq!(chosen("http://x.example", &cgi), None);
    }

    #[test]
    fn loopback_is_never_sent_through_a_proxy() {
        let all = [("ALL_PROXY", "http://c:3")];
        for url in ["http://127.0.0.1:80", "http://localhost", "https://[::1]:443", "http://127.9.9.9"] {
            assert_eq!(chosen(url, &all), None, "{url}");
        }
    }

    #[test]
    fn no_proxy_names_hosts_domains_addresses_and_ranges() {
        let with = |exceptions: &str, url: &str| {
            chosen(url, &[("ALL_PROXY", "http://c:3"), ("NO_PROXY", exceptions)])
        };
        for (exceptions, url) in [
            ("example.com", "https://example.com"),
            ("example.com", "https://oidc.sub.example.com"),
            ("a, .example.com", "https://x.EXAMPLE.com"),
            ("*.example.com", "https://x.example.com"),
            ("example.com:443", "https://example.com"),
            ("*", "https://anything.example"),
            ("10.0.0.0/8", "https://10.1.2.3"),
            ("10.1.2.3", "https://10.1.2.3"),
            ("fd00::/8", "https://[fd12::1]"),
        ] {
            assert_eq!(with(exceptions, url), None, "{exceptions} {url}");
        }
        for (exceptions, url) in [
            ("example.com", "https://notexample.com"),
            ("example.com", "https://example.com.evil.example"),
            ("10.0.0.0/8", "https://11.1.2.3"),
            ("10.0.0.0/8", "https://x.example"),
            ("", "https://x.example"),
            (" , .", "https://x.example"),
        ] {
            assert_eq!(with(exceptions, url).as_deref(), Some("c:3"), "{exceptions} {url}");
        }
    }

    #[test]
    fn each_url_of_a_provider_is_decided_on_its_own() {
        let service = Provider::new("http://127.0.0.1:1/d", "https://id.example/t").unwrap().into();
        let proxy = choose(&service, |name| (name == "HTTPS_PROXY").then(|| "http://u:p@c:3".to_owned()))
            .unwrap()
            .unwrap()
            .proxy;
        assert!(proxy.is_no_proxy(&"http://127.0.0.1:1/d".parse().unwrap()));
        assert!(!proxy.is_no_proxy(&"https://id.example/t".parse().unwrap()));
        assert_eq!((proxy.username(), proxy.password()), (Some("u"), Some("p")));
    }
}

//! Tells what failed before the first byte of a request from what failed after it.
//!
//! ureq reports both as the same I/O errors. So its resolver and connector are wrapped, and what they report is marked:
//! a name that does not resolve, a refused connection, a proxy that says no, a TLS handshake that breaks. This uses the
//! part of ureq's interface that is not covered by its semantic versioning; the workspace pins ureq's minor version.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use device_flow::{Failure, TransportError};
use ureq::config::Config;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{ConnectionDetails, Connector, DefaultConnector, NextTimeout};
use ureq::{Agent, Error};

use crate::proxy::{self, Chosen, ProxyError};

/// An agent whose errors tell the phase they come from, and the proxy if they are about that.
pub(crate) fn agent(config: Config, proxy: Option<Chosen>) -> Agent {
    let marks = Marks { proxy: proxy.map(Arc::new) };
    Agent::with_parts(
        config,
        MarkingConnector(DefaultConnector::default(), marks.clone()),
        MarkingResolver(DefaultResolver::default(), marks),
    )
}

/// Why a request got no response.
pub(crate) fn transport_error(error: Error) -> TransportError {
    let error = match of_proxy(error) {
        Ok(error) => {
            let status = proxy::status(&error.cause);
            return TransportError::new(Failure::NotSent, error).with_proxy_answer(status);
        }
        Err(error) => error,
    };
    let (failure, error) = of(error);
    let is_untrusted_certificate = is_untrusted_certificate(&error);
    // From an agent that came from elsewhere.
    let proxy_answer = matches!(error, Error::ConnectProxyFailed(_)).then(|| proxy::status(&error));
    let error = TransportError::new(failure, error);
    match proxy_answer {
        Some(status) => error.with_proxy_answer(status),
        None if is_untrusted_certificate => error.with_untrusted_certificate(),
        None => error,
    }
}

/// Whether the peer showed a certificate that rustls does not trust. ureq's errors have no `source`.
fn is_untrusted_certificate(error: &Error) -> bool {
    let cause = match error {
        Error::Rustls(cause) => Some(cause),
        Error::Io(wrapped) => wrapped.get_ref().and_then(|cause| cause.downcast_ref()),
        _ => None,
    };
    matches!(cause, Some(rustls::Error::InvalidCertificate(_)))
}

/// What went wrong at the proxy; the error itself, if that is not it.
fn of_proxy(error: Error) -> Result<ProxyError, Error> {
    match error {
        Error::Other(boxed) => boxed.downcast::<ProxyError>().map(|error| *error).map_err(Error::Other),
        error => Err(error),
    }
}

/// Whether the request may have been seen, and the error without its mark.
fn of(error: Error) -> (Failure, Error) {
    match error {
        Error::Other(boxed) => match boxed.downcast::<BeforeSending>() {
            Ok(marked) => (Failure::NotSent, marked.0),
            Err(other) => (Failure::Unknown, Error::Other(other)),
        },
        // Found wrong before anything is done.
        Error::BadUri(_) | Error::InvalidProxyUrl | Error::Http(_) | Error::RequireHttpsOnly(_) => {
            (Failure::NotSent, error)
        }
        // What an agent from elsewhere says for want of marks: nobody answered to the name or at the address.
        Error::HostNotFound | Error::ConnectionFailed | Error::ConnectProxyFailed(_) | Error::TlsRequired => {
            (Failure::NotSent, error)
        }
        Error::Io(ref cause) if is_about_connecting(cause.kind()) => (Failure::NotSent, error),
        // The connect phase may also be cut off from outside.
        Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => (Failure::NotSent, error),
        _ => (Failure::Unknown, error),
    }
}

/// Whether this can only happen while a connection is being made.
pub(crate) const fn is_about_connecting(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::AddrNotAvailable | io::ErrorKind::ConnectionRefused)
}

/// The mark.
#[derive(Debug)]
struct BeforeSending(Error);

impl fmt::Display for BeforeSending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for BeforeSending {}

/// What errors are marked with.
#[derive(Clone, Debug)]
struct Marks {
    proxy: Option<Arc<Chosen>>,
}

impl Marks {
    /// The error of a look-up of this place's name.
    fn unresolved(&self, error: Error, place: &http::Uri) -> Error {
        match self.proxy.as_deref() {
            Some(chosen) if place.host() == Some(chosen.proxy.host()) => {
                Error::Other(Box::new(ProxyError::of_look_up(error, chosen)))
            }
            _ => mark(error, None),
        }
    }

    /// The error of a connection to this place, perhaps through the proxy.
    fn unconnected(&self, error: Error, place: &http::Uri) -> Error {
        mark(error, self.proxy.as_deref().filter(|chosen| !chosen.proxy.is_no_proxy(place)))
    }
}

fn mark(error: Error, proxy: Option<&Chosen>) -> Error {
    let error = match error {
        // The connection to a proxy is made by a chain of its own, which has marked it already.
        Error::Other(marked) if marked.is::<ProxyError>() || marked.is::<BeforeSending>() => {
            return Error::Other(marked);
        }
        error => error,
    };
    let Some(chosen) = proxy else { return Error::Other(Box::new(BeforeSending(error))) };
    match ProxyError::of(error, chosen) {
        Ok(error) => Error::Other(Box::new(error)),
        Err(error) => Error::Other(Box::new(BeforeSending(error))),
    }
}

#[derive(Debug)]
struct MarkingResolver(DefaultResolver, Marks);

impl Resolver for MarkingResolver {
    fn resolve(
        &self,
        uri: &http::Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        if let Some(address) = literal(uri) {
            // Nothing to look up. ureq would start a thread all the same, and for each request, to be able to give up.
            let mut addresses = self.0.empty();
            addresses.push(address);
            return Ok(addresses);
        }
        self.0.resolve(uri, config, timeout).map_err(|error| self.1.unresolved(error, uri))
    }
}

/// The address of a URL that names none but gives it.
fn literal(uri: &http::Uri) -> Option<SocketAddr> {
    let host = uri.host()?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    Some(SocketAddr::new(host.parse().ok()?, uri.port_u16().unwrap_or(usual)))
}

#[derive(Debug)]
struct MarkingConnector(DefaultConnector, Marks);

impl Connector for MarkingConnector {
    type Out = <DefaultConnector as Connector>::Out;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        self.0.connect(details, chained).map_err(|error| self.1.unconnected(error, details.uri))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_no_look_up_and_a_name_does() {
        let found = |uri: &'static str| literal(&http::Uri::from_static(uri)).map(|found| found.to_string());
        assert_eq!(found("http://127.0.0.1:8400/token").as_deref(), Some("127.0.0.1:8400"));
        assert_eq!(found("http://[::1]:8400/token").as_deref(), Some("[::1]:8400"));
        assert_eq!(found("https://10.0.0.1/token").as_deref(), Some("10.0.0.1:443"));
        assert_eq!(found("http://10.0.0.1/token").as_deref(), Some("10.0.0.1:80"));
        assert_eq!(found("http://localhost:8400/token"), None);
        assert_eq!(found("https://oidc.eu-west-1.amazonaws.com/token"), None);
    }
}

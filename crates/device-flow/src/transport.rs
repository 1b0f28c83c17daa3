//! Why no usable response came.

use core::error::Error;
use core::fmt;
use std::io;

use http::StatusCode;

use crate::Failure;

/// Why a request got no usable response. `Display` and [`source`](Error::source) are the HTTP client's own error's.
///
/// ```
/// use device_flow::{Failure, TransportError};
/// use std::io;
///
/// let reset = TransportError::new(Failure::Unknown, io::Error::from(io::ErrorKind::ConnectionReset));
/// assert_eq!((reset.failure(), reset.is_final()), (Failure::Unknown, false));
/// assert!(reset.client_error().is_some_and(|error| error.is::<io::Error>()));
///
/// let elsewhere = TransportError::redirected(Some("evil.example"));
/// assert!(elsewhere.is_final());
/// assert_eq!(elsewhere.redirected_to(), Some("evil.example"));
/// ```
#[derive(Debug)]
pub struct TransportError {
    failure: Failure,
    cause: Cause,
    is_untrusted_certificate: bool,
    at_proxy: Option<ProxyAnswer>,
}

/// What the proxy answered that an error came about at: a status, if it answered at all.
type ProxyAnswer = Option<StatusCode>;

#[derive(Debug)]
enum Cause {
    /// The driver says no more.
    Untold,
    /// The HTTP client's own error.
    Client(Box<dyn Error + Send + Sync>),
    Redirected {
        host: String,
    },
}

impl TransportError {
    const fn of(failure: Failure, cause: Cause) -> Self {
        Self { failure, cause, is_untrusted_certificate: false, at_proxy: None }
    }

    /// A request that got no response for this reason. Where it is not known whether the request may have been seen,
    /// [`Failure::Unknown`] is right.
    pub fn new(failure: Failure, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::of(failure, Cause::Client(error.into()))
    }

    /// The same error, which is that the peer's certificate is not to be trusted: an adapter knows its TLS library's type
    /// for that.
    ///
    /// ```
    /// use device_flow::{Failure, TransportError};
    /// use std::io;
    ///
    /// let failed = TransportError::new(Failure::NotSent, io::Error::other("the certificate has expired"));
    /// assert!(!failed.is_untrusted_certificate());
    /// assert!(failed.with_untrusted_certificate().is_untrusted_certificate());
    /// ```
    #[must_use]
    pub const fn with_untrusted_certificate(mut self) -> Self {
        self.is_untrusted_certificate = true;
        self
    }

    /// The same error, which came about at a proxy: this is the status with which it answered CONNECT
    /// ([RFC 9110 §9.3.6](https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6)), if it answered. A redirect, 400 to 403, 405,
    /// 407, 451 and 501 will be the same a moment later, and make [`Failure::NotSent`] a [`Failure::ProxyRefused`]. Any other
    /// status may pass: some proxies say with a 404 or a 503 that they did not find the host.
    ///
    /// ```
    /// use device_flow::{Failure, TransportError};
    /// use http::StatusCode;
    /// use std::io;
    ///
    /// let no_tunnel = |status| {
    ///     TransportError::new(Failure::NotSent, io::Error::other("no tunnel")).with_proxy_answer(Some(status))
    /// };
    /// let wants_login = no_tunnel(StatusCode::PROXY_AUTHENTICATION_REQUIRED);
    /// assert_eq!(wants_login.failure(), Failure::ProxyRefused);
    /// assert_eq!(wants_login.proxy_status(), Some(StatusCode::PROXY_AUTHENTICATION_REQUIRED));
    /// let overloaded = no_tunnel(StatusCode::SERVICE_UNAVAILABLE);
    /// assert_eq!((overloaded.failure(), overloaded.is_at_proxy()), (Failure::NotSent, true));
    ///
    /// // A client that follows redirects may have sent the request before.
    /// let unknown = TransportError::from(Failure::Unknown).with_proxy_answer(Some(StatusCode::FORBIDDEN));
    /// assert_eq!(unknown.failure(), Failure::Unknown);
    /// ```
    #[must_use]
    pub fn with_proxy_answer(mut self, status: Option<StatusCode>) -> Self {
        self.at_proxy = Some(status);
        let is_refusal =
            status.is_some_and(|status| matches!(status.as_u16(), 300..=403 | 405 | 407 | 451 | 501));
        if is_refusal && self.failure == Failure::NotSent {
            self.failure = Failure::ProxyRefused;
        }
        self
    }

    /// A request whose HTTP client went on to another URL than the one it was given, at this host. So it follows redirects,
    /// and the secrets in the request may be there now (RFC 9700 §4.12). Only a client that the embedding program brought
    /// along can do this. Its answer is not to be believed, and the flow ends.
    #[must_use]
    pub fn redirected(host: Option<&str>) -> Self {
        let host = oidc_proto::printable(host.unwrap_or("another place")).into_owned();
        Self::of(Failure::Unknown, Cause::Redirected { host })
    }

    /// Whether the request may have been seen.
    #[must_use]
    pub const fn failure(&self) -> Failure {
        self.failure
    }

    /// The host that the HTTP client went on to by itself, if it did.
    #[must_use]
    pub fn redirected_to(&self) -> Option<&str> {
        match &self.cause {
            Cause::Redirected { host } => Some(host),
            Cause::Untold | Cause::Client(_) => None,
        }
    }

    /// Whether nothing more may be sent through this HTTP client, because it follows redirects.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self.cause, Cause::Redirected { .. })
    }

    /// Whether nothing answered, neither the service nor a proxy, and that is the whole trouble.
    ///
    /// ```
    /// use device_flow::{Failure, TransportError};
    ///
    /// let no_route = TransportError::from(Failure::NotSent);
    /// assert!(no_route.is_offline());
    /// assert!(!TransportError::from(Failure::ProxyRefused).is_offline());
    /// assert!(!no_route.with_untrusted_certificate().is_offline());
    /// ```
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.failure != Failure::ProxyRefused
            && self.proxy_status().is_none()
            && !self.is_untrusted_certificate
            && !self.is_final()
    }

    /// Whether the peer's certificate is not to be trusted.
    #[must_use]
    pub const fn is_untrusted_certificate(&self) -> bool {
        self.is_untrusted_certificate
    }

    /// Whether the error came about at a proxy and not at the service, as far as the HTTP client tells.
    #[must_use]
    pub const fn is_at_proxy(&self) -> bool {
        self.at_proxy.is_some() || matches!(self.failure, Failure::ProxyRefused)
    }

    /// The status with which a proxy answered CONNECT, if it did and the HTTP client tells.
    #[must_use]
    pub fn proxy_status(&self) -> Option<StatusCode> {
        self.at_proxy.flatten()
    }

    /// The HTTP client's own error, to be looked at more closely with `downcast_ref`.
    #[must_use]
    pub fn client_error(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        match &self.cause {
            Cause::Client(error) => Some(&**error),
            Cause::Untold | Cause::Redirected { .. } => None,
        }
    }

    /// The first cause of this type, the HTTP client's own error included. What an [`io::Error`] wraps counts as a cause.
    ///
    /// ```
    /// use device_flow::{Failure, TransportError};
    /// use std::{fmt, io};
    ///
    /// let wrapped = io::Error::other(io::Error::other(fmt::Error));
    /// let error = TransportError::new(Failure::Unknown, wrapped);
    /// assert!(error.find_cause::<fmt::Error>().is_some());
    /// assert!(error.find_cause::<std::num::ParseIntError>().is_none());
    /// ```
    #[must_use]
    pub fn find_cause<T: Error + 'static>(&self) -> Option<&T> {
        let mut next: Option<&(dyn Error + 'static)> = self.client_error().map(|error| error as _);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<T>() {
                return Some(found);
            }
            // Its `source` is that of what it wraps, and so passes by the very error that is asked for.
            let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            next = wrapped.map(|error| error as _).or_else(|| error.source());
        }
        None
    }

    /// Whether it says more than [`Failure`] does.
    pub(crate) const fn is_telling(&self) -> bool {
        !matches!(self.cause, Cause::Untold)
    }
}

/// A driver that knows no more than this.
impl From<Failure> for TransportError {
    fn from(failure: Failure) -> Self {
        Self::of(failure, Cause::Untold)
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Untold => self.failure.fmt(f),
            Cause::Client(error) => error.fmt(f),
            Cause::Redirected { host } => write!(
                f,
                "the HTTP client went on to {host} by itself, and the request's secrets perhaps with it. Give it one that \
                 follows no redirects"
            ),
        }
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.client_error().and_then(Error::source)
    }
}

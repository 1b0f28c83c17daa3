//! The transport's error: why a request has no usable response.

use core::error::Error;
use core::fmt;
use std::io;

use http::StatusCode;

use crate::Failure;

/// The reason why a request has no usable response. `Display` and [`source`](Error::source) are those of the
/// HTTP client's error.
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

/// The status of the proxy at which the error happened, if it responded.
type ProxyAnswer = Option<StatusCode>;

#[derive(Debug)]
enum Cause {
    /// The driver gives no detail.
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

    /// Creates the error of a request without response. Use [`Failure::Unknown`] unless the request certainly
    /// did not reach the service.
    pub fn new(failure: Failure, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::of(failure, Cause::Client(error.into()))
    }

    /// Returns the same error, marked as an untrusted certificate. Only an adapter knows its TLS library's
    /// type.
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

    /// Returns the same error, marked as a proxy's, with the status of its response to CONNECT ([RFC 9110
    /// §9.3.6](https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6)), if any. A redirect, 400 to 403, 405,
    /// 407, 451 and 501 are permanent, and turn [`Failure::NotSent`] into [`Failure::ProxyRefused`]. Any
    /// other status is transient: some proxies send a 404 or a 503 for an unknown host.
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

    /// Creates the error of an HTTP client that followed a redirect to this host. The secrets in the request
    /// may have leaked there (RFC 9700 §4.12). Only a client of the embedding program can do this. Its
    /// response is not trusted, and the flow ends.
    #[must_use]
    pub fn redirected(host: Option<&str>) -> Self {
        let host = oidc_proto::printable(host.unwrap_or("another place")).into_owned();
        Self::of(Failure::Unknown, Cause::Redirected { host })
    }

    /// Returns whether the request may have reached the service.
    #[must_use]
    pub const fn failure(&self) -> Failure {
        self.failure
    }

    /// Returns the host of a followed redirect, if there was one.
    #[must_use]
    pub fn redirected_to(&self) -> Option<&str> {
        match &self.cause {
            Cause::Redirected { host } => Some(host),
            Cause::Untold | Cause::Client(_) => None,
        }
    }

    /// Returns whether this HTTP client must send nothing more, because it follows redirects.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self.cause, Cause::Redirected { .. })
    }

    /// Returns whether no peer responded, neither service nor proxy, and nothing else is wrong.
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

    /// Returns whether the peer's certificate is untrusted.
    #[must_use]
    pub const fn is_untrusted_certificate(&self) -> bool {
        self.is_untrusted_certificate
    }

    /// Returns whether the error happened at a proxy, as far as the HTTP client reports it.
    #[must_use]
    pub const fn is_at_proxy(&self) -> bool {
        self.at_proxy.is_some() || matches!(self.failure, Failure::ProxyRefused)
    }

    /// Returns the status of a proxy's response to CONNECT, if the HTTP client reports it.
    #[must_use]
    pub fn proxy_status(&self) -> Option<StatusCode> {
        self.at_proxy.flatten()
    }

    /// Returns the HTTP client's own error, for `downcast_ref`.
    #[must_use]
    pub fn client_error(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        match &self.cause {
            Cause::Client(error) => Some(&**error),
            Cause::Untold | Cause::Redirected { .. } => None,
        }
    }

    /// Returns the first cause of this type, including the HTTP client's own error. An error inside an
    /// [`io::Error`] counts as a cause.
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
            // `io::Error::source` skips the inner error itself and returns the inner error's source.
            let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            next = wrapped.map(|error| error as _).or_else(|| error.source());
        }
        None
    }

    /// Returns whether the error has more detail than [`Failure`].
    pub(crate) const fn is_telling(&self) -> bool {
        !matches!(self.cause, Cause::Untold)
    }
}

/// Creates an error without further detail.
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
                "the HTTP client followed a redirect to {host}, which may have received the request's secrets. Use a client \
                 that follows no redirects"
            ),
        }
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.client_error().and_then(Error::source)
    }
}

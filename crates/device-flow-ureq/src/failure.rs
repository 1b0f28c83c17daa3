//! Classification of failed requests: whether the service may have seen the request, and whether the proxy failed.
//!
//! ureq reports failures before and after the first byte by the same I/O errors, so the request's body distinguishes
//! them. ureq reads the body once the connection is open and the headers are sent, and a service does not act on
//! headers alone.

use std::error::Error as StdError;
use std::io::{self, ErrorKind, Read};

use device_flow::{Failure, TransportError};
use ureq::{Error, Timeout};

use crate::proxy::{self, Chosen, ProxyError};

/// A request body that records whether ureq has begun to send it.
#[derive(Debug)]
pub(crate) struct Outgoing<'a> {
    rest: &'a [u8],
    progress: Progress,
}

/// The progress of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Unknown, because it has no body.
    NoBody,
    /// ureq has read no byte of its body.
    NotBegun,
    /// ureq has read its body, and the service may have it.
    Begun,
}

impl<'a> Outgoing<'a> {
    pub(crate) const fn new(body: &'a [u8]) -> Self {
        let progress = if body.is_empty() { Progress::NoBody } else { Progress::NotBegun };
        Self { rest: body, progress }
    }

    pub(crate) const fn progress(&self) -> Progress {
        self.progress
    }
}

impl Read for Outgoing<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.progress = Progress::Begun;
        self.rest.read(room)
    }
}

/// Classifies the error of a request with this progress, which may have used this proxy.
pub(crate) fn of(error: Error, progress: Progress, proxy: Option<&Chosen>) -> TransportError {
    let failure = match progress {
        Progress::NotBegun => Failure::NotSent,
        Progress::NoBody if is_before_sending(&error) => Failure::NotSent,
        Progress::NoBody | Progress::Begun => Failure::Unknown,
    };
    let error = match proxy.filter(|_| failure == Failure::NotSent) {
        Some(chosen) => match ProxyError::of(error, chosen) {
            Ok(error) => {
                let status = proxy::status(&error.cause);
                return TransportError::new(failure, error).with_proxy_answer(status);
            }
            Err(error) => error,
        },
        None => error,
    };
    let is_untrusted_certificate = is_untrusted_certificate(&error);
    // The proxy of a caller's agent.
    let proxy_answer = matches!(error, Error::ConnectProxyFailed(_)).then(|| proxy::status(&error));
    let error = TransportError::new(failure, error);
    match proxy_answer {
        Some(status) => error.with_proxy_answer(status),
        None if is_untrusted_certificate => error.with_untrusted_certificate(),
        None => error,
    }
}

/// Returns whether this error occurs only before a request is sent.
fn is_before_sending(error: &Error) -> bool {
    match error {
        Error::BadUri(_) | Error::InvalidProxyUrl | Error::Http(_) | Error::RequireHttpsOnly(_) => true,
        Error::HostNotFound | Error::ConnectionFailed | Error::ConnectProxyFailed(_) | Error::TlsRequired => {
            true
        }
        Error::Timeout(Timeout::Resolve | Timeout::Connect) => true,
        Error::Io(cause) => is_about_connecting(cause) || is_look_up(cause),
        _ => is_untrusted_certificate(error),
    }
}

/// Returns whether this error occurs only while connecting.
pub(crate) fn is_about_connecting(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        ErrorKind::AddrNotAvailable
            | ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::NetworkUnreachable
    )
}

/// Returns whether a name lookup failed. The standard library has no error kind for it. Unix has no error number for
/// it either; Windows has four.
pub(crate) fn is_look_up(cause: &io::Error) -> bool {
    let without_kind = io::Error::from_raw_os_error(i32::MAX).kind();
    let is_number_of_look_ups = |number| (11_001..=11_004).contains(&number);
    cause.kind() == without_kind && cause.raw_os_error().is_none_or(is_number_of_look_ups)
}

/// Returns whether the peer showed a certificate that rustls does not trust. ureq's errors have no `source`. If ureq
/// uses another version of rustls, the error is not recognized.
fn is_untrusted_certificate(error: &Error) -> bool {
    let cause: Option<&(dyn StdError + 'static)> = match error {
        Error::Rustls(cause) => Some(cause),
        Error::Io(wrapped) => wrapped.get_ref().map(|cause| cause as _),
        _ => None,
    };
    let cause = cause.and_then(|cause| cause.downcast_ref());
    matches!(cause, Some(rustls::Error::InvalidCertificate(_)))
}

#[cfg(test)]
mod tests {
    use std::net::ToSocketAddrs as _;

    use super::*;

    #[test]
    fn a_look_up_that_fails_is_told_from_all_else() {
        let look_up = ("a name with blanks", 80).to_socket_addrs().unwrap_err();
        assert!(is_look_up(&look_up), "{look_up:?}");
        for other in [
            io::Error::from(ErrorKind::UnexpectedEof),
            io::Error::from_raw_os_error(111),
            io::Error::from_raw_os_error(i32::MAX),
            io::Error::new(ErrorKind::UnexpectedEof, "tls handshake eof"),
            io::Error::other("from elsewhere"),
        ] {
            assert!(!is_look_up(&other), "{other:?}");
        }
    }

    #[test]
    fn the_body_tells_whether_a_request_may_have_been_seen() {
        let reset = || Error::Io(ErrorKind::ConnectionReset.into());
        let mut body = Outgoing::new(b"{}");
        assert_eq!(of(reset(), body.progress(), None).failure(), Failure::NotSent);
        body.read_to_end(&mut Vec::new()).unwrap();
        assert_eq!(of(reset(), body.progress(), None).failure(), Failure::Unknown);
        // Without a body, only errors that occur at one time are conclusive.
        let none = Outgoing::new(b"").progress();
        assert_eq!(of(reset(), none, None).failure(), Failure::Unknown);
        let refused = Error::Io(ErrorKind::ConnectionRefused.into());
        assert_eq!(of(refused, none, None).failure(), Failure::NotSent);
    }
}

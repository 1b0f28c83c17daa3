//! Tells what failed before the first byte of a request from what failed after it.
//!
//! ureq reports both as the same I/O errors. So its resolver and connector are wrapped, and what they report is marked:
//! a name that does not resolve, a refused connection, a proxy that says no, a TLS handshake that breaks. This uses the
//! part of ureq's interface that is not covered by its semantic versioning; the workspace pins ureq's minor version.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use device_flow::Failure;
use ureq::config::Config;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{ConnectionDetails, Connector, DefaultConnector, NextTimeout};
use ureq::{Agent, Error};

/// An agent whose errors tell the phase they come from.
pub(crate) fn agent(config: Config) -> Agent {
    Agent::with_parts(
        config,
        MarkingConnector(DefaultConnector::default()),
        MarkingResolver(DefaultResolver::default()),
    )
}

/// Whether the request may have been seen, and the error without its mark.
pub(crate) fn of(error: Error) -> (Failure, Error) {
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
const fn is_about_connecting(kind: io::ErrorKind) -> bool {
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

fn mark(error: Error) -> Error {
    Error::Other(Box::new(BeforeSending(error)))
}

#[derive(Debug)]
struct MarkingResolver(DefaultResolver);

impl Resolver for MarkingResolver {
    fn resolve(
        &self,
        uri: &http::Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        self.0.resolve(uri, config, timeout).map_err(mark)
    }
}

#[derive(Debug)]
struct MarkingConnector(DefaultConnector);

impl Connector for MarkingConnector {
    type Out = <DefaultConnector as Connector>::Out;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        self.0.connect(details, chained).map_err(mark)
    }
}

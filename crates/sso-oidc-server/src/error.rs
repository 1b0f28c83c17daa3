//! Why the server cannot start.

use core::net::SocketAddr;
use std::io;

#[cfg(feature = "faults")]
use crate::InjectedFault;

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Another program listens there.
    #[error("port {} is already in use on {}", address.port(), address.ip())]
    PortInUse {
        /// The address that was asked for.
        address: SocketAddr,
        /// The system's word.
        source: io::Error,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// The system's word.
        source: io::Error,
    },
    /// The public URL is not `http[s]://host[:port]`.
    #[error("the public URL must be http:// or https:// with a host, and no path: {url}")]
    PublicUrl {
        /// What was given.
        url: String,
    },
    /// There is no certificate to show.
    #[cfg(feature = "tls")]
    #[error("cannot speak HTTPS")]
    Tls {
        /// Why not.
        source: crate::TlsError,
    },
    /// A fault of the certificate was asked for, and the server speaks plain HTTP.
    #[cfg(feature = "faults")]
    #[error("the fault {fault} is one of the certificate, and the server speaks plain HTTP")]
    FaultNeedsTls {
        /// The fault.
        fault: InjectedFault,
    },
    /// A fault of the certificate was asked for, and the certificate is one's own: there is no CA to sign a wrong one.
    #[cfg(feature = "faults")]
    #[error("the fault {fault} needs a CA that is made at start, not a certificate of one's own")]
    FaultNeedsNewCa {
        /// The fault.
        fault: InjectedFault,
    },
    /// A fault was asked for where there are no connections: see [`InProcess`](crate::InProcess).
    #[cfg(feature = "faults")]
    #[error(
        "the fault {fault} spoils a connection, and a service in process has none; let the closure fail in its place"
    )]
    FaultNeedsConnection {
        /// The fault.
        fault: InjectedFault,
    },
    /// No thread or runtime could be had.
    #[error("cannot start a thread for the server")]
    Thread {
        /// The system's word.
        source: io::Error,
    },
}

impl ServeError {
    pub(crate) fn listen(address: SocketAddr, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::AddrInUse {
            Self::PortInUse { address, source }
        } else {
            Self::Listen { address, source }
        }
    }
}

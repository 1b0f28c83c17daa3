//! The reasons why the server cannot start.

use core::net::SocketAddr;
use std::io;

#[cfg(feature = "faults")]
use crate::InjectedFault;

/// The reason why the server cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Another program listens on the port.
    #[error("port {} is already in use on {}", address.port(), address.ip())]
    PortInUse {
        /// The requested address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// The system cannot listen on the address.
    #[error("failed to listen on {address}")]
    Listen {
        /// The requested address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// The public URL is not `http[s]://host[:port]`.
    #[error("invalid public URL {url}; expected http://HOST or https://HOST without a path")]
    PublicUrl {
        /// The rejected URL.
        url: String,
    },
    /// The token of the control API is empty, or not fit for a header.
    #[error("the control token must have visible ASCII characters only, and at least one")]
    ControlToken,
    /// The store belongs to the program, so the server cannot empty it.
    #[error("the store of the configuration can be emptied by its owner only")]
    ForeignStore,
    /// The store does not answer.
    #[error("failed to use the store")]
    Store {
        /// The reason.
        source: device_authority::StoreError,
    },
    /// The certificate is not usable.
    #[cfg(feature = "tls")]
    #[error("failed to set up HTTPS")]
    Tls {
        /// The reason.
        source: crate::TlsError,
    },
    /// The configuration has a certificate fault, but the server speaks plain HTTP.
    #[cfg(feature = "faults")]
    #[error("the fault {fault} requires TLS, but the server uses plain HTTP")]
    FaultNeedsTls {
        /// The fault.
        fault: InjectedFault,
    },
    /// The configuration has a certificate fault and the user's own certificate. The server has no CA to sign
    /// a wrong one.
    #[cfg(feature = "faults")]
    #[error("the fault {fault} requires a CA created at start, not a certificate of your own")]
    FaultNeedsNewCa {
        /// The fault.
        fault: InjectedFault,
    },
    /// The configuration has a connection fault, but [`InProcess`](crate::InProcess) has no connections.
    #[cfg(feature = "faults")]
    #[error(
        "the fault {fault} acts on a connection, which an in-process service lacks; return an error from the closure instead"
    )]
    FaultNeedsConnection {
        /// The fault.
        fault: InjectedFault,
    },
    /// The script has a delay, but [`InProcess`](crate::InProcess) has no time of its own to wait.
    #[cfg(feature = "script")]
    #[error("the script has a delay, which an in-process service cannot wait for")]
    DelayNeedsConnection,
    /// The system has no thread or runtime left.
    #[error("failed to start the server thread")]
    Thread {
        /// The system's error.
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

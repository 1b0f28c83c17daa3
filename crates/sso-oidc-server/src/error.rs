//! Why the server cannot start.

use core::net::SocketAddr;
use std::io;

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

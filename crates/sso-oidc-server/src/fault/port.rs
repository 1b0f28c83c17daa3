//! The server's port, which can be closed and opened again.

use core::net::SocketAddr;
use std::io;

use tokio::net::{TcpListener, TcpSocket};

/// Whether anybody listens.
#[derive(Debug)]
pub(crate) enum Port {
    Open(TcpListener),
    /// Bound, so that nobody else can have the port meanwhile, and not listening: connections are refused.
    Closed(TcpSocket),
    /// Closed, and somebody else may have it.
    Lost,
}

impl Port {
    /// The same port, closed or open.
    pub(crate) fn switched(self, close: bool, address: SocketAddr) -> Self {
        let switched = match self {
            Self::Open(listener) if close => {
                drop(listener);
                bound(address).map(Self::Closed)
            }
            Self::Closed(socket) if !close => socket.listen(1024).map(Self::Open),
            Self::Lost if !close => bound(address).and_then(|socket| socket.listen(1024)).map(Self::Open),
            same => Ok(same),
        };
        switched.unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot take the port back");
            Self::Lost
        })
    }

    /// The listener, once there is one: never while the port is closed.
    pub(crate) async fn listener(&self) -> &TcpListener {
        match self {
            Self::Open(listener) => listener,
            Self::Closed(_) | Self::Lost => core::future::pending().await,
        }
    }
}

fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Connections of before may still be open on the port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

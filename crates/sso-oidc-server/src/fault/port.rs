//! The server's port, which can close and reopen.

use core::net::SocketAddr;
use std::io;

use tokio::net::{TcpListener, TcpSocket};

use crate::listen::BACKLOG;

/// The state of the port.
#[derive(Debug)]
pub(crate) enum Port {
    Open(TcpListener),
    /// Bound but not listening, so the system refuses connections and no other program can listen there.
    /// After the listener's end another program may bind first; then the port is lost.
    Closed(TcpSocket),
    /// Closed, and free for another program.
    Lost,
}

impl Port {
    /// Returns the same port, closed or open.
    pub(crate) fn switched(self, close: bool, address: SocketAddr) -> Self {
        let switched = match self {
            Self::Open(listener) if close => {
                drop(listener);
                held(address).map(Self::Closed)
            }
            Self::Closed(socket) if !close => listen(socket).map(Self::Open),
            Self::Lost if !close => held(address).and_then(listen).map(Self::Open),
            same => Ok(same),
        };
        switched.unwrap_or_else(|error| {
            tracing::warn!(%error, "failed to listen on the port again");
            Self::Lost
        })
    }

    /// Returns whether the system refuses connections, or another program takes them.
    pub(crate) const fn is_closed(&self) -> bool {
        !matches!(self, Self::Open(_))
    }

    /// Returns the listener as soon as the port is open.
    pub(crate) async fn listener(&self) -> &TcpListener {
        match self {
            Self::Open(listener) => listener,
            Self::Closed(_) | Self::Lost => core::future::pending().await,
        }
    }
}

/// Returns a socket that holds the port. It does not set `SO_REUSEADDR`: another program with that option
/// could bind and listen.
fn held(address: SocketAddr) -> io::Result<TcpSocket> {
    let new = || if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let alone = new()?;
    if alone.bind(address).is_ok() {
        return Ok(alone);
    }
    // Earlier connections may still be open on the port. Only this option permits binding beside them.
    let beside = new()?;
    beside.set_reuseaddr(true)?;
    beside.bind(address)?;
    beside.set_reuseaddr(false)?;
    Ok(beside)
}

/// Listens with an option that later permits a socket to hold the port beside open connections.
fn listen(socket: TcpSocket) -> io::Result<TcpListener> {
    socket.set_reuseaddr(true)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use tokio::net::TcpStream;

    use super::*;

    /// Binds like most servers: the standard library's listener sets `SO_REUSEADDR`.
    fn error_of_another(address: SocketAddr) -> ErrorKind {
        std::net::TcpListener::bind(address).unwrap_err().kind()
    }

    #[tokio::test]
    async fn nobody_else_listens_on_a_closed_port_whether_or_not_connections_of_before_are_open() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut port = Port::Open(listener);
        let mut connections = Vec::new();
        for _ in 0..3 {
            port = port.switched(true, address);
            assert!(matches!(port, Port::Closed(_)) && port.is_closed(), "{port:?}");
            assert_eq!(error_of_another(address), ErrorKind::AddrInUse, "{} open", connections.len());
            let refused = TcpStream::connect(address).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
            port = port.switched(false, address);
            assert!(!port.is_closed());
            let client = TcpStream::connect(address).await.unwrap();
            connections.push((client, port.listener().await.accept().await.unwrap()));
        }
    }

    #[tokio::test]
    async fn a_port_that_somebody_else_has_taken_is_lost_and_stays_closed() {
        let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let lost = Port::Lost.switched(false, elsewhere.local_addr().unwrap());
        assert!(matches!(lost, Port::Lost) && lost.is_closed(), "{lost:?}");
    }
}

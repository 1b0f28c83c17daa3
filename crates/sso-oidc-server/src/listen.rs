//! The listening socket.

use core::net::SocketAddr;
use std::io;

use tokio::net::{TcpListener, TcpSocket};

/// The length of the accept queue. When it is full, a new peer retries only after a second.
pub(crate) const BACKLOG: u32 = 4096;

/// The size of a connection's buffers in the system. Requests and responses are smaller. The system's default
/// grows to 4 MiB, which 1,000 peers that read nothing would fill.
const BUFFER: u32 = 32 * 1024;

/// Listens on this address.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Frees the port as soon as the previous server ends. Windows gives this option another meaning.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    // Accepted connections inherit the sizes.
    socket.set_send_buffer_size(BUFFER)?;
    socket.set_recv_buffer_size(BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

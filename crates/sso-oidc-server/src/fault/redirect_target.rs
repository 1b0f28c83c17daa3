//! The other host that redirects lead to. It counts connections, because no client should make one.

use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::state::State;

/// A listener beside the server's own.
#[derive(Debug)]
pub(crate) struct RedirectTarget(TcpListener);

impl RedirectTarget {
    /// Wraps a listener, which must not block.
    pub(crate) fn new(listener: std::net::TcpListener) -> io::Result<Self> {
        TcpListener::from_std(listener).map(Self)
    }

    /// Counts each connection, and returns an empty success to it. It never ends.
    pub(crate) async fn count(self, state: Arc<State>) {
        loop {
            match self.0.accept().await {
                Ok((stream, _)) => {
                    state.faults.redirects_followed.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!("a client followed the redirect to another host");
                    let _ = tokio::time::timeout(Duration::from_secs(1), answer(stream)).await;
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

async fn answer(mut stream: TcpStream) -> io::Result<()> {
    let _ = stream.read(&mut [0; 4096]).await?;
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    stream.write_all(answer.as_bytes()).await
}

//! One connection, from accept to close.

use core::convert::Infallible;
use core::net::SocketAddr;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use core::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Sleep;

use crate::answer::answer;
use crate::shared::Shared;

/// Whose requests these are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// Counted from 1.
    pub(crate) connection: u64,
}

/// Serves one connection until it is closed, idle for too long, or the server stops and its last answer is out.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    stream: TcpStream,
    peer: Peer,
    mut stopping: watch::Receiver<bool>,
) {
    let phase = Arc::new(AtomicU64::new(0));
    let limits = shared.limits;
    let stream = HeadDeadline::new(stream, limits.head_timeout, Arc::clone(&phase));
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        let phase = Arc::clone(&phase);
        async move {
            phase.fetch_add(1, Ordering::Relaxed);
            let response = answer(&shared, peer, request).await;
            phase.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Infallible>(response)
        }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            // hyper starts this timer where it begins to wait for a head, so it is the idle timeout; the time for
            // the head itself is `HeadDeadline`'s.
            .header_read_timeout(limits.idle_timeout.max(limits.head_timeout))
            .max_headers(limits.headers)
            .max_buf_size(limits.head_bytes.max(8 * 1024))
            .serve_connection(TokioIo::new(stream), service)
    );
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = asked_to_stop(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        // Peers that hang up, stall or speak no HTTP are everyday; the text has nothing of what they sent.
        tracing::debug!(connection = peer.connection, %error, "connection ended");
    }
}

/// Returns once the server stops.
async fn asked_to_stop(stopping: &mut watch::Receiver<bool>) {
    // An error says that the server is gone, which is stopping too.
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// A stream whose request heads must be complete soon after their first byte, however slowly the rest dribbles in.
struct HeadDeadline {
    stream: TcpStream,
    timeout: Duration,
    /// Goes up by one when a head is complete and when its answer is made. While it is odd, what arrives is no head.
    phase: Arc<AtomicU64>,
    /// The phase at the latest read.
    seen: u64,
    /// When the first byte of the head that is arriving came.
    began: Option<Instant>,
    /// Wakes the connection at the deadline; made only if a head does not arrive in one piece.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl HeadDeadline {
    const fn new(stream: TcpStream, timeout: Duration, phase: Arc<AtomicU64>) -> Self {
        Self { stream, timeout, phase, seen: 0, began: None, alarm: None }
    }
}

impl AsyncRead for HeadDeadline {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let phase = this.phase.load(Ordering::Relaxed);
        if phase != this.seen {
            this.seen = phase;
            this.began = None;
            this.alarm = None;
        }
        if phase % 2 == 1 {
            return Pin::new(&mut this.stream).poll_read(cx, buffer);
        }
        let filled = buffer.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buffer);
        if buffer.filled().len() > filled {
            this.began.get_or_insert_with(Instant::now);
        }
        if let (Poll::Pending, Some(began)) = (&polled, this.began) {
            let deadline = began + this.timeout;
            let alarm = this.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
            if alarm.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the request's head stalled",
                )));
            }
        }
        polled
    }
}

impl AsyncWrite for HeadDeadline {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

//! A stream that does not wait for ever.

use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use crate::Limits;
use crate::seat::Seat;

/// A stream whose first request head must be complete soon after the peer has connected, and each further one soon after
/// its first byte, however slowly the rest dribbles in; and whose peer must take its answers. Waiting for the first byte
/// of a further request is the seats' affair, and a body has a deadline where it is read.
pub(crate) struct Impatient {
    stream: TcpStream,
    seat: Arc<Seat>,
    /// The phase at the latest read.
    seen: u64,
    /// Whether there is something of a head in this phase, or must be soon.
    head_begun: bool,
    head: Alarm,
    write: Alarm,
}

/// A deadline that is set when something begins, and a timer that is made only if there is waiting to do.
struct Alarm {
    timeout: Duration,
    began: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    const fn after(timeout: Duration) -> Self {
        Self { timeout, began: None, sleep: None }
    }

    /// It begins now, if it has not begun.
    fn begin(&mut self) {
        self.began.get_or_insert_with(Instant::now);
    }

    fn clear(&mut self) {
        self.began = None;
        self.sleep = None;
    }

    /// Whether the deadline has passed; if not, the task is woken when it does.
    fn has_rung(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(began) = self.began else { return false };
        let deadline = began + self.timeout;
        self.sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)))
            .as_mut()
            .poll(cx)
            .is_ready()
    }
}

impl Impatient {
    /// The seat is to be told where a request's head is complete, and where its answer is made.
    pub(crate) fn new(stream: TcpStream, limits: &Limits, seat: Arc<Seat>) -> Self {
        let (mut head, write) = (Alarm::after(limits.head_timeout), Alarm::after(limits.write_timeout));
        head.begin();
        Self { stream, seat, seen: 0, head_begun: true, head, write }
    }

    /// What came of a write, unless the peer has taken nothing for too long.
    fn wrote<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.write.clear();
            return polled;
        }
        self.write.begin();
        if self.write.has_rung(cx) {
            return timed_out("the peer does not take its answers");
        }
        Poll::Pending
    }
}

fn timed_out<T>(what: &'static str) -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, what)))
}

impl AsyncRead for Impatient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let phase = this.seat.phase();
        if phase != this.seen {
            this.seen = phase;
            this.head_begun = false;
            this.head.clear();
        }
        let filled = buffer.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buffer);
        let is_head = phase.is_multiple_of(2);
        if is_head && buffer.filled().len() > filled {
            this.head_begun = true;
        }
        // The clock is read only when there is waiting to do: most heads arrive whole.
        if is_head && this.head_begun && polled.is_pending() {
            this.head.begin();
            if this.head.has_rung(cx) {
                return timed_out("the request's head stalled");
            }
        }
        polled
    }
}

impl AsyncWrite for Impatient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(cx, polled)
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
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.wrote(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

//! One connection, from accept to close.

use core::convert::Infallible;
use core::net::SocketAddr;
use core::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::answer::answer;
use crate::fault;
use crate::shared::Shared;
use crate::stream::Impatient;

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
    if shared.faults.any() {
        return fault::serve(shared, stream, peer, stopping).await;
    }
    let phase = Arc::new(AtomicU64::new(0));
    let limits = shared.limits;
    let stream = Impatient::new(stream, &limits, Arc::clone(&phase));
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        let phase = Arc::clone(&phase);
        async move {
            phase.fetch_add(1, Ordering::Relaxed);
            let response = answer(&shared, peer.into(), request).await;
            phase.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Infallible>(response)
        }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            // hyper starts this timer where it begins to wait for a head, so it is the idle timeout; the time for
            // the head itself is `Impatient`'s.
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

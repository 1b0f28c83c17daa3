//! One connection, from accept to close.

use core::convert::Infallible;
use core::net::SocketAddr;
use core::pin::pin;
use core::time::Duration;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::answer::answer;
use crate::fault;
use crate::seat::Seat;
use crate::shared::Shared;
use crate::stream::Impatient;
use crate::tls;

/// How long a connection that has to give way may go on with what is not a request yet, or not any more.
const LEAVING: Duration = Duration::from_millis(250);

/// Whose requests these are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// Counted from 1.
    pub(crate) connection: u64,
}

/// Serves one connection until it is closed, idle for too long, idle while somebody else needs its place, or the server
/// stops and its last answer is out.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    stream: TcpStream,
    peer: Peer,
    seat: Arc<Seat>,
    stopping: watch::Receiver<bool>,
) {
    if shared.faults.any() {
        // A connection that misbehaves on purpose does not give way.
        seat.begins();
        return fault::serve(shared, stream, peer, stopping).await;
    }
    if shared.tls.is_some() {
        // In a box, so that connections of plain HTTP keep no room for it.
        return Box::pin(tls::serve(shared, stream, peer, seat, stopping)).await;
    }
    let stream = Impatient::new(stream, &shared.limits, Arc::clone(&seat));
    converse(shared, stream, peer, seat, stopping).await;
}

/// Answers what comes on a connection.
pub(crate) async fn converse<S>(
    shared: Arc<Shared>,
    stream: S,
    peer: Peer,
    seat: Arc<Seat>,
    mut stopping: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let limits = shared.limits;
    let place = Arc::clone(&seat);
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        let seat = Arc::clone(&seat);
        // Here and not in the future: hyper reads on before it asks the future for the first time.
        seat.begins();
        async move {
            let response = answer(&shared, peer.into(), request).await;
            seat.ends();
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
        () = place.asked_to_leave() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(LEAVING, connection.as_mut()).await {
                Ok(result) => result,
                // What is still to come is a head that dribbles in, or an answer that nobody takes.
                Err(_) if place.is_idle() => return,
                Err(_) => connection.await,
            }
        }
    };
    if let Err(error) = result {
        // Peers that hang up, stall or speak no HTTP are everyday; the text has nothing of what they sent.
        tracing::debug!(connection = peer.connection, %error, "connection ended");
    }
}

/// Returns once the server stops.
pub(crate) async fn asked_to_stop(stopping: &mut watch::Receiver<bool>) {
    // An error says that the server is gone, which is stopping too.
    let _ = stopping.wait_for(|stop| *stop).await;
}

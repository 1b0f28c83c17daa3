//! One connection, from accept to close.

use core::convert::Infallible;
use core::net::SocketAddr;
use core::pin::pin;
use core::time::Duration;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::answer::answer;
use crate::fault;
use crate::seat::Seat;
use crate::shared::Shared;
use crate::stream::Impatient;
use crate::tls;

/// How long a connection that is to leave may go on with what is not a request yet, or not any more.
const LEAVING: Duration = Duration::from_millis(250);

/// Whose requests these are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// Counted from 1.
    pub(crate) connection: u64,
}

/// The most headers that hyper reads unless it is told otherwise, which costs it two allocations a request.
const HYPERS_HEADERS: usize = 100;

/// Serves one connection until it is closed, or asked to leave and its last answer is out. What is not plain HTTP is in a
/// box, so that connections that are keep no room for it.
pub(crate) async fn serve(shared: Arc<Shared>, stream: TcpStream, peer: Peer, seat: Arc<Seat>) {
    if shared.faults.any() {
        // A connection that misbehaves on purpose does not give way.
        seat.begins();
        return Box::pin(fault::serve(shared, stream, peer, seat)).await;
    }
    if shared.tls.is_some() {
        return Box::pin(tls::serve(shared, stream, peer, seat)).await;
    }
    let stream = Impatient::new(stream, &shared.limits, Arc::clone(&seat));
    converse(shared, stream, peer, seat).await;
}

/// Answers what comes on a connection.
pub(crate) async fn converse<S>(shared: Arc<Shared>, stream: S, peer: Peer, seat: Arc<Seat>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let limits = shared.limits;
    let (shared, seat) = (&*shared, &*seat);
    let service = service_fn(move |request| {
        // Here and not in the future: hyper reads on before it asks the future for the first time.
        seat.begins();
        async move {
            let response = answer(shared, peer.into(), request).await;
            seat.ends();
            Ok::<_, Infallible>(response)
        }
    });
    let mut builder = http1::Builder::new();
    // What a head may take is `Impatient`'s to say, and how long one may be waited for the seats'.
    builder.header_read_timeout(None).max_buf_size(limits.head_bytes.max(8 * 1024));
    if limits.headers > HYPERS_HEADERS {
        builder.max_headers(limits.headers);
    }
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let result = tokio::select! {
        biased;
        result = connection.as_mut() => result,
        () = seat.asked_to_leave() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(LEAVING, connection.as_mut()).await {
                Ok(result) => result,
                // What is still to come is a head that dribbles in, or an answer that is not taken.
                Err(_) if seat.is_idle() => return,
                Err(_) => connection.await,
            }
        }
    };
    if let Err(error) = result {
        // Peers that hang up, stall or speak no HTTP are everyday; the text has nothing of what they sent.
        tracing::debug!(connection = peer.connection, %error, "connection ended");
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::Config;
    use crate::seat::Seats;

    #[tokio::test]
    async fn a_connection_of_plain_http_keeps_no_room_for_tls_or_for_faults() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let shared = Arc::new(Shared::new(Config::default(), address, crate::clock::Clock::start()).unwrap());
        let seat = Arc::clone(&Seats::new(1).take().await.seat);
        let peer = Peer { address, connection: 1 };
        let conversing = {
            let stream = TcpStream::connect(address).await.unwrap();
            let stream = Impatient::new(stream, &shared.limits, Arc::clone(&seat));
            size_of_val(&converse(Arc::clone(&shared), stream, peer, Arc::clone(&seat)))
        };
        let serving = size_of_val(&serve(shared, stream, peer, seat));
        // What it is called with, and what it moves on to.
        assert!(serving <= conversing + 512, "{serving} bytes, and a conversation takes {conversing}");
    }
}

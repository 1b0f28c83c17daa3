//! One connection, from accept to close.

use core::convert::Infallible;
use core::future::{Future as _, poll_fn};
use core::pin::{Pin, pin};
use std::sync::Arc;

use http::Request;
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_io_timeout::TimeoutStream;

use crate::Limits;
use crate::activity::Activity;
use crate::exchange::Exchange;
use crate::handler::answer;
use crate::limits::{discard, http1, read_body};
use crate::state::{Peer, State};

/// Serves one connection until the peer closes it, or until the server stops after the last response. Only
/// plain HTTP has no box, so its connections use no memory for TLS or faults.
pub(crate) async fn serve(
    state: Arc<State>,
    stream: TcpStream,
    peer: Peer,
    activity: Arc<Activity>,
    watcher: Watcher,
) {
    #[cfg(feature = "faults")]
    if state.faults.any() {
        // A server that stops does not wait for injected faults.
        drop(watcher);
        return Box::pin(crate::fault::connection::serve(state, stream, peer, activity)).await;
    }
    #[cfg(feature = "tls")]
    if state.tls.is_some() {
        return Box::pin(serve_tls(state, stream, peer, activity, watcher)).await;
    }
    let stream = with_write_timeout(stream, &state.limits);
    serve_http(state, stream, peer, activity, watcher).await;
}

#[cfg(feature = "tls")]
async fn serve_tls(
    state: Arc<State>,
    stream: TcpStream,
    peer: Peer,
    activity: Arc<Activity>,
    watcher: Watcher,
) {
    let Some(acceptor) = &state.tls else { return };
    let wrap = |stream| with_write_timeout(stream, &state.limits);
    let limit = state.limits.idle_timeout;
    if let Some(stream) = acceptor.handshake(stream, wrap, limit, peer.connection, None).await {
        serve_http(state, stream, peer, activity, watcher).await;
    }
}

/// Adds the limit on the time in which the peer must take its response.
fn with_write_timeout(stream: TcpStream, limits: &Limits) -> Pin<Box<TimeoutStream<TcpStream>>> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limits.write_timeout));
    Box::pin(stream)
}

async fn serve_http<S>(state: Arc<State>, stream: S, peer: Peer, activity: Arc<Activity>, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let (state, activity, peer) = (&*state, &*activity, &peer);
    let service = service_fn(move |request: Request<Incoming>| {
        activity.request();
        async move {
            activity.take_turn().await;
            let (head, mut body) = request.into_parts();
            let reading = async || read_body(&state.limits, &mut body).await;
            // It stays in its place, for a move would copy all the room that it may need.
            let response = pin!(answer(state, &mut Exchange::new(head, peer), reading)).await;
            if !body.is_end_stream() {
                tokio::spawn(discard(body));
            }
            activity.response();
            Ok::<_, Infallible>(response.map(|body| Full::new(body.bytes())))
        }
    });
    let mut http = http1(&state.limits);
    // A peer that has sent everything may close its side and still wait for the responses.
    http.timer(TokioTimer::new()).header_read_timeout(state.limits.idle_timeout).half_close(true);
    let mut connection = pin!(watcher.watch(http.serve_connection(TokioIo::new(stream), service)));
    let turns = poll_fn(|cx| {
        activity.new_poll();
        connection.as_mut().poll(cx)
    });
    #[cfg(feature = "faults")]
    let turns = state.faults.until_any(activity, turns);
    if let Err(error) = turns.await {
        // Peers hang up, stall or send no HTTP every day. The text quotes nothing of their bytes.
        tracing::debug!(connection = peer.connection, %error, "connection ended");
    }
}

#[cfg(test)]
mod tests {
    use hyper_util::server::graceful::GracefulShutdown;
    use tokio::net::TcpListener;

    use super::*;
    use crate::Config;
    use crate::clock::Clock;
    use crate::connections::Connections;

    #[tokio::test]
    async fn a_connection_of_plain_http_keeps_no_room_for_tls_or_for_faults() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::new(Config::default(), address, Clock::start()).await.unwrap());
        let slot = Connections::new(&state.limits, None).admit(1, address.ip());
        let activity = || Arc::clone(&slot.activity);
        let (peer, graceful) = (|| Peer::new(address, 1), GracefulShutdown::new());
        let connect = || TcpStream::connect(address);
        let http = {
            let stream = with_write_timeout(connect().await.unwrap(), &state.limits);
            size_of_val(&serve_http(Arc::clone(&state), stream, peer(), activity(), graceful.watcher()))
        };
        let stream = connect().await.unwrap();
        let serving = size_of_val(&serve(state, stream, peer(), activity(), graceful.watcher()));
        // The task holds its arguments and the connection that they move into.
        assert!(serving <= http + 512, "{serving} bytes, and a conversation takes {http}");
    }
}

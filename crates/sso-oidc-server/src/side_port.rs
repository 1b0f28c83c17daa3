//! A port beside the server's own, in plain HTTP: that of the control API, and that of the metrics.

use core::convert::Infallible;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use oidc_proto::Fault;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::hosts::reachable;
use crate::limits::{discard, http1, read_body};
use crate::listen::listen;
use crate::{Limits, ServeError};

/// The highest number of connections to such a port. Further ones wait.
const CONNECTIONS: usize = 64;
/// The delay after an error of `accept`.
const AFTER_ERROR: Duration = Duration::from_millis(20);

/// What answers the requests to such a port.
pub(crate) trait Answers: Clone + Send + Sync + 'static {
    /// The name for the log.
    const NAME: &'static str;

    /// Returns the limits on a peer.
    fn limits(&self) -> &Limits;

    /// Returns the response to a request. It never fails: every error becomes a response.
    fn answer(
        &self,
        head: &Parts,
        body: impl Future<Output = Result<Bytes, Fault>> + Send,
    ) -> impl Future<Output = Response<Vec<u8>>> + Send;
}

/// Such a port, which listens.
#[derive(Debug)]
pub(crate) struct SidePort(TcpListener);

impl SidePort {
    /// Listens on this address, and returns the URL as well.
    pub(crate) fn bind(wanted: SocketAddr) -> Result<(Self, String), ServeError> {
        let bound = listen(wanted).and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (address, listener) = bound.map_err(|source| ServeError::listen(wanted, source))?;
        Ok((Self(listener), format!("http://{}", reachable(address))))
    }

    /// Answers until it is dropped.
    pub(crate) async fn serve<A: Answers>(self, answers: A) {
        let Self(listener) = self;
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                    Ok((stream, _)) => {
                        let _ = stream.set_nodelay(true);
                        connections.spawn(connection(stream, answers.clone()));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "failed to accept a connection to {}", A::NAME);
                        tokio::time::sleep(AFTER_ERROR).await;
                    }
                }
            }
        }
    }
}

async fn connection<A: Answers>(stream: TcpStream, answers: A) {
    let answers = &answers;
    let limits = answers.limits();
    let service = service_fn(move |request: Request<Incoming>| async move {
        let (head, mut body) = request.into_parts();
        let response = answers.answer(&head, read_body(limits, &mut body)).await;
        if !body.is_end_stream() {
            tokio::spawn(discard(body));
        }
        Ok::<_, Infallible>(response.map(|body| Full::new(Bytes::from(body))))
    });
    let mut http = http1(limits);
    http.timer(TokioTimer::new()).header_read_timeout(limits.idle_timeout);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "connection to {} ended", A::NAME);
    }
}

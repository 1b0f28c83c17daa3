//! The control API: a test in another language reads the requests and plays the person, with a token, on a port of its
//! own. Its routes are in the crate's documentation.

mod endpoints;
mod operations;

use core::convert::Infallible;
use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;

use bytes::Bytes;
use device_authority::Digest;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use oidc_proto::Secret;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

pub use self::operations::{Device, DeviceStatus};
use crate::hosts::reachable;
use crate::limits::{discard, http1, read_body};
use crate::listen::listen;
use crate::{Handle, ServeError};

/// The highest number of connections to the control API. Further ones wait.
const CONNECTIONS: usize = 64;
/// The delay after an error of `accept`.
const AFTER_ERROR: Duration = Duration::from_millis(20);

/// The settings of the control API, with which another process controls the server; see the crate's documentation. It
/// speaks plain HTTP on a port of its own. A holder of the token decides every device.
///
/// ```
/// use sso_oidc_server::{Config, Control, Secret, ServeError, TestServer};
///
/// let control = Control::new(Secret::from("token")).with_listen("127.0.0.1:0".parse().unwrap());
/// let server = TestServer::with(Config::default().with_control(control))?;
/// assert!(server.handle().control_endpoint().is_some_and(|url| url.starts_with("http://127.0.0.1:")));
/// let control = Control::new(Secret::from("two words"));
/// assert!(matches!(TestServer::with(Config::default().with_control(control)), Err(ServeError::ControlToken)));
/// # Ok::<(), ServeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Control {
    /// The address to listen on. Default: `127.0.0.1:0`.
    pub listen: SocketAddr,
    /// The bearer token (RFC 6750 §2.1) of every request.
    pub token: Secret,
}

impl Control {
    /// Creates the settings for a free loopback port.
    #[must_use]
    pub const fn new(token: Secret) -> Self {
        Self { listen: SocketAddr::V4(core::net::SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)), token }
    }

    /// Sets the address to listen on.
    #[must_use]
    pub const fn with_listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }
}

/// The listening control API.
#[derive(Debug)]
pub(crate) struct Listening {
    listener: TcpListener,
    token: Digest,
}

impl Listening {
    /// Listens, and returns the URL as well.
    pub(crate) fn bind(control: &Control) -> Result<(Self, String), ServeError> {
        let token = control.token.expose();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ServeError::ControlToken);
        }
        let wanted = control.listen;
        let bound = listen(wanted).and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (address, listener) = bound.map_err(|source| ServeError::listen(wanted, source))?;
        let url = format!("http://{}", reachable(address));
        Ok((Self { listener, token: Digest::of(&control.token) }, url))
    }

    /// Answers until it is dropped.
    pub(crate) async fn serve(self, handle: Handle) {
        let Self { listener, token } = self;
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                    Ok((stream, _)) => {
                        let _ = stream.set_nodelay(true);
                        connections.spawn(connection(stream, handle.clone(), token));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "failed to accept a connection to the control API");
                        tokio::time::sleep(AFTER_ERROR).await;
                    }
                }
            }
        }
    }
}

async fn connection(stream: TcpStream, handle: Handle, token: Digest) {
    let (handle, token) = (&handle, &token);
    let limits = &handle.state.limits;
    let service = service_fn(move |request: Request<Incoming>| async move {
        let (head, mut body) = request.into_parts();
        let response = endpoints::answer(handle, token, &head, read_body(limits, &mut body)).await;
        if !body.is_end_stream() {
            tokio::spawn(discard(body));
        }
        Ok::<_, Infallible>(response.map(|body| Full::new(Bytes::from(body))))
    });
    let mut http = http1(limits);
    http.timer(TokioTimer::new()).header_read_timeout(limits.idle_timeout);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "connection to the control API ended");
    }
}

/// A response of the control API.
type Answer = Response<Vec<u8>>;

//! HTTP/1.1 with hyper over smol's sockets, and TLS with rustls. It uses no proxy.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use device_flow::{Failure, ResponseBody, TransportError};
use futures_rustls::TlsConnector;
use futures_rustls::rustls::pki_types::ServerName;
use futures_rustls::rustls::{ClientConfig, RootCertStore};
use http::{Response, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes};
use hyper::client::conn::http1;
use oidc_proto::Request;
use smol::Timer;
use smol::future::FutureExt as _;
use smol::io::{AsyncRead, AsyncWrite};
use smol::net::TcpStream;
use smol_hyper::rt::FuturesIo;

use crate::{Http, HttpResult};

type BoxError = Box<dyn Error + Send + Sync>;

/// A client that opens a connection for each request, because polls are seconds apart.
pub struct Client {
    tls: TlsConnector,
}

trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Socket for T {}

impl Default for Client {
    fn default() -> Self {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Self { tls: Arc::new(config).into() }
    }
}

impl Client {
    async fn connect(&self, uri: &Uri) -> Result<Box<dyn Socket>, BoxError> {
        let is_plain = uri.scheme_str() == Some("http");
        let host = uri.host().unwrap_or_default();
        let port = uri.port_u16().unwrap_or(if is_plain { 80 } else { 443 });
        let stream = TcpStream::connect(format!("{host}:{port}")).await?;
        if is_plain {
            return Ok(Box::new(stream));
        }
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())?;
        Ok(Box::new(self.tls.connect(name, stream).await?))
    }
}

impl Http for Client {
    async fn send(&self, request: &Request, limit: Duration) -> HttpResult {
        let limit = Instant::now() + limit;
        let not_sent = |error| TransportError::new(Failure::NotSent, error);
        let unknown = |error| TransportError::new(Failure::Unknown, error);
        let socket = before(limit, self.connect(request.uri())).await.map_err(not_sent)?;
        let (mut sender, connection) =
            before(limit, http1::handshake(FuturesIo::new(socket))).await.map_err(not_sent)?;
        // The task and the connection end with this future.
        let _connection = smol::spawn(connection);
        let response = before(limit, sender.send_request(outgoing(request))).await.map_err(unknown)?;
        let (head, mut incoming) = response.into_parts();
        let mut body = ResponseBody::expecting(incoming.size_hint().exact());
        loop {
            match before(limit, async { incoming.frame().await.transpose() }).await {
                Ok(Some(frame)) if frame.data_ref().is_none_or(|chunk| body.push(chunk)) => {}
                Ok(_) => break,
                // The bytes that arrived count.
                Err(error) => {
                    body.break_off(error);
                    break;
                }
            }
        }
        Ok(Response::from_parts(head, body))
    }
}

/// Converts the request to HTTP/1.1: the first line has only the path, and a header has the host.
fn outgoing(request: &Request) -> http::Request<Full<Bytes>> {
    let mut outgoing = request.head().clone().map(|()| Full::new(request.body().bytes()));
    let uri = request.uri();
    if let Some(host) = uri.authority().and_then(|host| host.as_str().parse().ok()) {
        outgoing.headers_mut().insert(header::HOST, host);
    }
    *outgoing.uri_mut() = uri.path_and_query().cloned().map(Uri::from).unwrap_or_default();
    outgoing
}

/// Runs a future with a time limit.
async fn before<T, E: Into<BoxError>>(
    limit: Instant,
    future: impl Future<Output = Result<T, E>>,
) -> Result<T, BoxError> {
    let too_late = async {
        Timer::at(limit).await;
        Err(io::Error::from(io::ErrorKind::TimedOut).into())
    };
    async { future.await.map_err(Into::into) }.or(too_late).await
}

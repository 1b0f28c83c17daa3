//! Binding, accepting, stopping.

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::connection::{self, Peer};
use crate::fault::{Elsewhere, Port};
use crate::seat::{Place, Seats};
use crate::shared::{Shared, reachable};
use crate::{Config, Handle, ServeError};

/// A server that listens; [`Server::serve`] makes it answer. Connections that arrive in between wait.
///
/// ```
/// use sso_oidc_server::{Config, Server};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let server = Server::bind(Config::default()).await?;
/// assert_eq!(server.endpoint(), format!("http://{}", server.local_addr()));
/// let (handle, (stop, stopped)) = (server.handle(), tokio::sync::oneshot::channel::<()>());
/// let serving = tokio::spawn(server.serve(async { _ = stopped.await }));
/// assert_eq!(handle.pending(), [""; 0]);
/// drop(stop);
/// serving.await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Server {
    port: Port,
    elsewhere: Option<Elsewhere>,
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    /// Listens as the configuration says. Needs a tokio runtime with I/O and time.
    ///
    /// ```
    /// use sso_oidc_server::{Config, ServeError, Server};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// let first = Server::bind(Config::default()).await?;
    /// let second = Server::bind(Config::default().with_listen(first.local_addr())).await;
    /// assert!(matches!(second, Err(ServeError::PortInUse { .. })));
    /// # Ok::<(), ServeError>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ServeError`], if the address, the public URL or the certificate is none that will do.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind: a port that it has opened is closed.
    pub async fn bind(config: Config) -> Result<Self, ServeError> {
        let wanted = config.listen;
        let listener =
            TcpListener::bind(wanted).await.map_err(|source| ServeError::listen(wanted, source))?;
        let address = listener.local_addr().map_err(|source| ServeError::listen(wanted, source))?;
        let shared = Arc::new(Shared::new(config, address, Clock::start())?);
        let elsewhere = if shared.faults.redirect() {
            let wanted = SocketAddr::new(address.ip(), 0);
            let bound = Elsewhere::bind(wanted.ip()).await;
            let (elsewhere, address) = bound.map_err(|source| ServeError::listen(wanted, source))?;
            let _ = shared.faults.redirect_target.set(format!("http://{}", reachable(address)));
            Some(elsewhere)
        } else {
            None
        };
        let port = Port::Open(listener).switched(shared.faults.is_port_closed(), address);
        Ok(Self { port, elsewhere, address, shared })
    }

    /// The address it listens on, with the port that the system chose if none was asked for.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The URL to reach it from this machine, for example `http://127.0.0.1:49152`. Clients take it as their endpoint.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.shared.endpoint.clone()
    }

    /// The URL under which people reach it: the public URL of the configuration, or else its endpoint. The addresses that
    /// it hands out begin with this.
    ///
    /// ```
    /// use sso_oidc_server::{Config, Server};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// let server = Server::bind(Config::default().with_public_url("https://sso.example/")).await?;
    /// assert_eq!(server.public_url(), "https://sso.example");
    /// # Ok::<(), sso_oidc_server::ServeError>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn public_url(&self) -> &str {
        &self.shared.public_url
    }

    /// The server from inside this process; it works before and while the server answers.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle { shared: Arc::clone(&self.shared) }
    }

    /// Answers until `shutdown` is ready; then accepts no connection any more, lets requests that are being answered go on
    /// for as long as [`crate::Limits::drain`] says, and returns.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sso_oidc_server::{Config, Server};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?.block_on(async {
    /// let server = Server::bind(Config::default()).await?;
    /// let an_hour = tokio::time::sleep(Duration::from_secs(3600)); // or Ctrl-C
    /// server.serve(an_hour).await;
    /// # Ok::<(), sso_oidc_server::ServeError>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cancel safety
    /// Dropping the future closes the port and all connections at once.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let Self { mut port, elsewhere, address, shared } = self;
        let mut shutdown = std::pin::pin!(shutdown);
        let seats = Seats::new(shared.limits.connections);
        let mut guest = None;
        let mut connections = JoinSet::new();
        let mut helpers = JoinSet::new();
        if let Some(elsewhere) = elsewhere {
            helpers.spawn(elsewhere.count(Arc::clone(&shared)));
        }
        helpers.spawn({
            let seats = Arc::clone(&seats);
            // A connection that has not come to its first request yet has the time for its head.
            let timeout = shared.limits.idle_timeout.max(shared.limits.head_timeout);
            async move { match seats.watch(timeout).await {} }
        });
        let mut closing = shared.faults.watch_port();
        loop {
            tokio::select! {
                biased;
                () = shutdown.as_mut() => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                Ok(()) = closing.changed() => {
                    let close = *closing.borrow_and_update();
                    port = port.switched(close, address);
                    shared.faults.port_is(port.is_closed());
                }
                Some((stream, address, place)) = seated(&port, &seats, &mut guest) => {
                    let peer = Peer { address, connection: shared.count_connection() };
                    let shared = Arc::clone(&shared);
                    connections.spawn(async move {
                        connection::serve(shared, stream, peer, Arc::clone(&place.seat)).await;
                    });
                }
            }
        }
        drop((port, helpers));
        seats.ask_all_to_leave();
        let all_done = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(shared.limits.drain, all_done).await.is_err() {
            connections.shutdown().await;
        }
    }
}

/// The next connection, once there is room for it. Behind the one that waits for room the system's own queue holds peers
/// back. `guest` is where that one is kept, so that it is not lost if this future is dropped.
async fn seated(
    port: &Port,
    seats: &Arc<Seats>,
    guest: &mut Option<(TcpStream, SocketAddr)>,
) -> Option<(TcpStream, SocketAddr, Place)> {
    if guest.is_none() {
        *guest = Some(accept(port).await);
    }
    let place = seats.take().await;
    guest.take().map(|(stream, address)| (stream, address, place))
}

async fn accept(port: &Port) -> (TcpStream, SocketAddr) {
    let listener = port.listener().await;
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Answers are small and written at once; waiting to fill a packet only delays them.
                let _ = stream.set_nodelay(true);
                return (stream, address);
            }
            Err(error) => {
                // Out of file descriptors, or a peer that is gone already: neither is cured by trying at once.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

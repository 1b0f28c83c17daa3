//! The server: it binds an address, accepts connections, and stops.

use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use device_authority::Digest;
use hyper_util::server::graceful::GracefulShutdown;
#[cfg(not(feature = "faults"))]
use tokio::net::TcpListener as Listener;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::client_address::is_trusted;
use crate::clock::Clock;
use crate::connection;
use crate::connections::Connections;
use crate::control::Api;
#[cfg(feature = "faults")]
use crate::fault::listener::Listener;
use crate::listen::{BACKLOG, listen};
use crate::metrics::Scrape;
use crate::side_port::SidePort;
use crate::state::{Peer, State};
use crate::{Config, Control, Handle, ServeError};

/// The number of connections to accept before other tasks run. With 256 connections or more it is below the
/// number of newest ones that stay open, so every connection can be read.
const BURST: u64 = 16;
/// The time between two sweeps of the store. Every new record drops a few expired ones in any case.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);
/// The number of turns that connections get to read what has arrived, when the server is to stop. A task needs one to
/// start, one to read, and two if it shares its turn.
const LAST_TURNS: usize = 4;
/// The delay after an error of `accept`.
const AFTER_ERROR: Duration = Duration::from_millis(20);

/// A server that listens. [`Server::serve`] starts to answer; earlier connections wait.
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
    listener: Listener,
    address: SocketAddr,
    state: Arc<State>,
    control: Option<(SidePort, Digest)>,
    metrics: Option<SidePort>,
}

impl Server {
    /// Listens according to the configuration. It needs a tokio runtime with I/O and time.
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
    /// [`ServeError`] if the address, the public URL or the certificate is not usable.
    ///
    /// # Cancel safety
    /// Dropping the future closes a port that it has opened.
    pub async fn bind(config: Config) -> Result<Self, ServeError> {
        let wanted = config.listen;
        let listener = listen(wanted).map_err(|source| ServeError::listen(wanted, source))?;
        let address = listener.local_addr().map_err(|source| ServeError::listen(wanted, source))?;
        let control = config.control.as_ref().map(Control::bind).transpose()?;
        let metrics = config.metrics.map(SidePort::bind).transpose()?;
        let state = Arc::new(State::new(config, address, Clock::start()).await?);
        let control = control.map(|(port, url, token)| {
            state.control_endpoint.get_or_init(|| url);
            (port, token)
        });
        let metrics = metrics.map(|(port, url)| {
            state.metrics_endpoint.get_or_init(|| url);
            port
        });
        #[cfg(feature = "faults")]
        let listener = Listener::new(listener, address, Arc::clone(&state))?;
        Ok(Self { listener, address, state, control, metrics })
    }

    /// Returns the listening address, with the port that the system chose for port 0.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL on this machine, for example `http://127.0.0.1:49152`. Clients use it as their
    /// endpoint.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.state.hosts.endpoint.clone()
    }

    /// Returns the URL for people: the configuration's public URL, or else the endpoint. All URLs in
    /// responses start with it.
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
        &self.state.hosts.public_url
    }

    /// Returns the handle. It works before and while the server answers.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle { state: Arc::clone(&self.state) }
    }

    /// Answers until `shutdown` is ready. Then it accepts no more connections, and closes those without a request. It
    /// answers every request that has arrived, and closes its connection. Requests in progress get the time of
    /// [`crate::Limits::drain`] for it. Then it returns. Connections with injected faults end at once.
    ///
    /// A store that writes lazily is complete when it is dropped, with the server and its handles.
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
        let handle = self.handle();
        let Self { listener, state, control, metrics, .. } = self;
        // They answer until the return, which drops them.
        let mut side_ports = JoinSet::new();
        if let Some((port, token)) = control {
            side_ports.spawn(port.serve(Api { handle, token }));
        }
        if let Some(port) = metrics {
            side_ports.spawn(port.serve(Scrape { state: Arc::clone(&state) }));
        }
        let mut shutdown = core::pin::pin!(shutdown);
        let connections = Connections::new(&state.limits, state.metrics.clone());
        let graceful = GracefulShutdown::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(sweep(Arc::clone(&state)));
        // Serves a connection, and returns its number.
        let open = |stream: TcpStream, address: SocketAddr, tasks: &mut JoinSet<()>| {
            // Responses are small and take one write, so Nagle's algorithm would only delay them.
            let _ = stream.set_nodelay(true);
            let number = state.count_connection();
            let slot = match is_trusted(&state.trusted_proxies, address.ip()) {
                true => connections.admit_proxy(number, address.ip()),
                false => connections.admit(number, address.ip()),
            };
            let peer = Peer::new(address, number);
            let (state, watcher) = (Arc::clone(&state), graceful.watcher());
            tasks.spawn(async move {
                let activity = Arc::clone(&slot.activity);
                slot.run(connection::serve(state, stream, peer, activity, watcher)).await;
            });
            number
        };
        loop {
            tokio::select! {
                biased;
                () = shutdown.as_mut() => break,
                Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, address)) => {
                        let number = open(stream, address, &mut tasks);
                        if number.is_multiple_of(BURST) {
                            tokio::task::yield_now().await;
                        }
                    }
                    Err(error) => recover(&error, &connections).await,
                },
            }
        }
        // Peers in the accept queue have connected, and may have sent a request.
        for _ in 0..BACKLOG {
            tokio::select! {
                biased;
                accepted = listener.accept() => match accepted {
                    Ok((stream, address)) => open(stream, address, &mut tasks),
                    Err(_) => break,
                },
                () = tokio::task::yield_now() => break,
            };
        }
        drop(listener);
        // What has arrived is read, and its sender gets a response.
        for _ in 0..LAST_TURNS {
            tokio::task::yield_now().await;
        }
        connections.close_new();
        // The remaining connections end with their tasks.
        let _ = tokio::time::timeout(state.limits.drain, graceful.shutdown()).await;
    }
}

/// Drops the records that may be forgotten, a few at a time, until the server stops.
async fn sweep(state: Arc<State>) {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        loop {
            match state.store().sweep(state.now()).await {
                Ok(0) => break,
                Ok(_) => tokio::task::yield_now().await,
                Err(error) => {
                    tracing::warn!(%error, "failed to drop expired records");
                    break;
                }
            }
        }
    }
}

/// Makes `accept` possible again after an error.
async fn recover(error: &io::Error, connections: &Connections) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if !connections.is_lowered() {
        tracing::warn!(%error, "failed to accept a connection");
    }
    // These errors concern a peer that has gone. The others mean that the system lacks descriptors or memory.
    if !matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        connections.lower_limit();
    }
    tokio::time::sleep(AFTER_ERROR).await;
}

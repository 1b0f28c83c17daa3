//! A server for tests.

use core::time::Duration;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::SystemTime;

use tokio::sync::oneshot;

#[cfg(feature = "faults")]
use crate::FaultRule;
#[cfg(feature = "script")]
use crate::Script;
use crate::config::REMEMBERED;
use crate::{Config, Handle, PersonError, RecordedRequest, Report, ServeError, Server, TimeInPast};

/// The longest wait for a dropped server to stop. After it the thread runs on.
const STOP: Duration = Duration::from_secs(3);

/// A server on a free loopback port, with its own thread and runtime. It stops when dropped. Blocking and
/// async tests can start, use and drop it.
///
/// ```
/// use sso_oidc_server::{Client, Config, TestServer};
///
/// let server = TestServer::with(Config::default().with_client(Client::public("my-tool")))?;
/// # use std::io::{Read as _, Write as _};
/// # let post = |path: &str, form: &str| -> std::io::Result<String> {
/// #     let (host, length) = (server.endpoint().trim_start_matches("http://"), form.len());
/// #     let head = format!(
/// #         "POST {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n\
/// #          content-type: application/x-www-form-urlencoded\r\n\r\n"
/// #     );
/// #     let mut stream = std::net::TcpStream::connect(host)?;
/// #     stream.write_all((head + form).as_bytes())?;
/// #     let mut answer = String::new();
/// #     stream.read_to_string(&mut answer).map(|_| answer)
/// # };
/// post("/oauth/device_authorization", "client_id=my-tool")?; // a device asks
/// assert_eq!((server.connections(), server.requests().len(), server.pending().len()), (1, 1, 1));
/// let handle = server.handle();
/// let user_code = server.pending().remove(0);
/// std::thread::spawn(move || handle.approve(&user_code)).join().unwrap()?; // a person on another thread
/// assert_eq!(server.pending().len(), 0);
/// assert_eq!(server.report().findings(), []); // the device did nothing wrong
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TestServer {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    /// The mutex only lets tests share the server between threads.
    stopped: Mutex<mpsc::Receiver<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TestServer {
    /// Starts a server with the default configuration: a person approves, and the interval is 1 s.
    ///
    /// ```
    /// let server = sso_oidc_server::TestServer::start();
    /// assert!(server.endpoint().starts_with("http://127.0.0.1:"));
    /// ```
    ///
    /// # Panics
    /// If no server can start here, because the test cannot continue without one.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        match Self::with(Config::default()) {
            Ok(server) => server,
            Err(error) => panic!("cannot start a test server: {error:?}"),
        }
    }

    /// Starts a server with this configuration. It reports how its clients behave, and remembers 10,000 requests,
    /// unless the configuration sets a number.
    ///
    /// ```
    /// use sso_oidc_server::{Config, ServeError, TestServer};
    /// let server = TestServer::with(Config::default().with_interval(core::time::Duration::from_millis(10)))?;
    /// assert!(matches!(
    ///     TestServer::with(Config::default().with_public_url("sso.example")),
    ///     Err(ServeError::PublicUrl { .. })
    /// ));
    /// # Ok::<(), ServeError>(())
    /// ```
    ///
    /// # Errors
    /// [`ServeError`] if it cannot start.
    pub fn with(mut config: Config) -> Result<Self, ServeError> {
        if config.remember_requests == 0 {
            config.remember_requests = REMEMBERED;
        }
        config.report = true;
        config.limits.drain = config.limits.drain.min(Duration::from_millis(500));
        let (started, starting) = mpsc::channel();
        let (stop, stopping) = oneshot::channel::<()>();
        let (ended, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("sso-oidc test server".to_owned())
            .spawn(move || {
                run(config, &started, stopping);
                // Fails only if the owner has stopped waiting.
                let _ = ended.send(());
            })
            .map_err(|source| ServeError::Thread { source })?;
        match starting.recv() {
            Ok(Ok(handle)) => {
                Ok(Self { handle, stop: Some(stop), stopped: Mutex::new(stopped), thread: Some(thread) })
            }
            Ok(Err(error)) => Err(error),
            Err(gone) => Err(ServeError::Thread { source: std::io::Error::other(gone) }),
        }
    }

    /// Returns the URL for clients, for example `http://127.0.0.1:49152`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.handle.endpoint()
    }

    /// Returns the certificate of the CA that the server made at start, in PEM; see
    /// [`Handle::ca_certificate`].
    ///
    /// ```
    /// use sso_oidc_server::{Config, TestServer, Tls};
    /// let server = TestServer::with(Config::default().with_tls(Tls::new_ca()))?;
    /// assert!(server.ca_certificate().is_some());
    /// assert!(TestServer::start().ca_certificate().is_none());
    /// # Ok::<(), sso_oidc_server::ServeError>(())
    /// ```
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn ca_certificate(&self) -> Option<&str> {
        self.handle.ca_certificate()
    }

    /// Returns the handle, for another thread or task.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Approves a device; see [`Handle::approve`].
    ///
    /// ```
    /// use sso_oidc_server::{PersonError, TestServer};
    /// let server = TestServer::start();
    /// assert_eq!(server.approve("BBBB-BBBB"), Err(PersonError::Unknown)); // no device asks
    /// ```
    ///
    /// # Errors
    /// The same as for [`Handle::approve`].
    pub fn approve(&self, user_code: &str) -> Result<(), PersonError> {
        self.handle.approve(user_code)
    }

    /// Approves a device as the person with this subject; see [`Handle::approve_as`].
    ///
    /// ```
    /// use sso_oidc_server::{PersonError, TestServer};
    /// let server = TestServer::start();
    /// assert_eq!(server.approve_as("BBBB-BBBB", "alice"), Err(PersonError::NoSuchPerson));
    /// assert_eq!(server.approve_as("BBBB-BBBB", "person"), Err(PersonError::Unknown)); // no device asks
    /// ```
    ///
    /// # Errors
    /// The same as for [`Handle::approve_as`].
    pub fn approve_as(&self, user_code: &str, subject: &str) -> Result<(), PersonError> {
        self.handle.approve_as(user_code, subject)
    }

    /// Denies a device; see [`Handle::deny`].
    ///
    /// ```
    /// use sso_oidc_server::{PersonError, TestServer};
    /// let server = TestServer::start();
    /// assert_eq!(server.deny("BBBB-BBBB"), Err(PersonError::Unknown)); // no device asks
    /// ```
    ///
    /// # Errors
    /// The same as for [`Handle::deny`].
    pub fn deny(&self, user_code: &str) -> Result<(), PersonError> {
        self.handle.deny(user_code)
    }

    /// Expires a device's code now; see [`Handle::expire`].
    ///
    /// ```
    /// use sso_oidc_server::{PersonError, TestServer};
    /// let server = TestServer::start();
    /// assert_eq!(server.expire("BBBB-BBBB"), Err(PersonError::Unknown)); // no device asks
    /// ```
    ///
    /// # Errors
    /// The same as for [`Handle::expire`].
    pub fn expire(&self, user_code: &str) -> Result<(), PersonError> {
        self.handle.expire(user_code)
    }

    /// Returns the user codes that wait for a decision.
    #[must_use]
    pub fn pending(&self) -> Vec<String> {
        self.handle.pending()
    }

    /// Returns the time of the server's clock.
    #[must_use]
    pub fn time(&self) -> SystemTime {
        self.handle.time()
    }

    /// Moves the server's clock on; see [`Handle::advance`].
    ///
    /// ```
    /// use core::time::Duration;
    /// use sso_oidc_server::TestServer;
    /// let server = TestServer::start();
    /// let (began, hour) = (server.time(), Duration::from_secs(3600));
    /// server.advance(hour);
    /// assert!(server.time() >= began + hour);
    /// ```
    pub fn advance(&self, by: Duration) {
        self.handle.advance(by);
    }

    /// Moves the server's clock on to this time; see [`Handle::set_time`].
    ///
    /// ```
    /// use sso_oidc_server::TestServer;
    /// let server = TestServer::start();
    /// assert!(server.set_time(std::time::UNIX_EPOCH).is_err());
    /// ```
    ///
    /// # Errors
    /// The same as for [`Handle::set_time`].
    pub fn set_time(&self, time: SystemTime) -> Result<(), TimeInPast> {
        self.handle.set_time(time)
    }

    /// Disables the faults of [`Config::with_fault`], and waits until a closed port is open again.
    ///
    /// ```
    /// use sso_oidc_server::{Config, InjectedFault, TestServer};
    /// use std::net::TcpStream;
    /// let server = TestServer::with(Config::default().with_fault(InjectedFault::Refuse))?;
    /// let address = server.endpoint().trim_start_matches("http://");
    /// assert!(TcpStream::connect(address).is_err());
    /// server.stop_faults();
    /// assert!(TcpStream::connect(address).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "faults")]
    pub fn stop_faults(&self) {
        self.handle.stop_faults();
        self.wait_for_port();
    }

    /// Replaces the faults, and waits until the port is closed or open as they need it; see [`Handle::set_faults`].
    ///
    /// ```
    /// use sso_oidc_server::{InjectedFault, TestServer};
    /// use std::net::TcpStream;
    /// let server = TestServer::start();
    /// let address = server.endpoint().trim_start_matches("http://");
    /// server.set_faults(vec![InjectedFault::Refuse.into()])?;
    /// assert!(TcpStream::connect(address).is_err());
    /// server.set_faults(Vec::new())?;
    /// assert!(TcpStream::connect(address).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The same as for [`Handle::set_faults`].
    #[cfg(feature = "faults")]
    pub fn set_faults(&self, rules: Vec<FaultRule>) -> Result<(), ServeError> {
        self.handle.set_faults(rules)?;
        self.wait_for_port();
        Ok(())
    }

    /// Replaces the script; see [`Handle::set_script`].
    ///
    /// ```
    /// use sso_oidc_server::TestServer;
    /// let server = TestServer::start();
    /// server.set_script("[[sign_in]]\npolls = [{ answer = \"pending\", times = 2 }, \"deny\"]".parse()?)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The same as for [`Handle::set_script`].
    #[cfg(feature = "script")]
    pub fn set_script(&self, script: Script) -> Result<(), ServeError> {
        self.handle.set_script(script)
    }

    #[cfg(feature = "faults")]
    fn wait_for_port(&self) {
        let began = std::time::Instant::now();
        while !self.handle.state.faults.is_port_settled() && began.elapsed() < STOP {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Returns the requests so far, in the order of their responses.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.handle.requests()
    }

    /// Returns how the clients behaved; see [`Handle::report`].
    #[must_use]
    pub fn report(&self) -> Report {
        self.handle.report()
    }

    /// Returns the number of accepted TCP connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        usize::try_from(self.handle.stats().connections).unwrap_or(usize::MAX)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        // Tests want the wait, because it frees the port before the drop returns. The wait is bounded, and
        // the join follows only once the thread has finished its work.
        let stopped = self.stopped.get_mut().unwrap_or_else(PoisonError::into_inner);
        if stopped.recv_timeout(STOP).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

/// Runs the server on its thread.
fn run(config: Config, started: &mpsc::Sender<Result<Handle, ServeError>>, stopping: oneshot::Receiver<()>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(source) => {
            let _ = started.send(Err(ServeError::Thread { source }));
            return;
        }
    };
    runtime.block_on(async {
        match Server::bind(config).await {
            Ok(server) => {
                let _ = started.send(Ok(server.handle()));
                server
                    .serve(async {
                        // Ready on the stop signal, or when its sender is gone.
                        let _ = stopping.await;
                    })
                    .await;
            }
            Err(error) => {
                let _ = started.send(Err(error));
            }
        }
    });
}

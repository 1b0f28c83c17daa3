//! The server from inside its process.

use core::sync::atomic::Ordering;
use std::sync::Arc;

use device_authority::{Counts, PersonError, UserDecision};

use crate::RecordedRequest;
use crate::state::State;

/// A running server, seen from inside its process. Clones are the same server. It outlives the server harmlessly.
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
/// let handle = server.handle();
/// assert_eq!(handle.pending().len(), 1);
/// let stats = handle.stats();
/// assert_eq!((stats.connections, stats.requests, stats.held.devices), (1, 1, 1));
/// assert_eq!(handle.requests()[0].path, "/oauth/device_authorization");
/// assert!(handle.endpoint().starts_with("http://127.0.0.1:"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Handle {
    pub(crate) state: Arc<State>,
}

/// What a server has done and holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// TCP connections that were accepted.
    pub connections: u64,
    /// Requests that were answered.
    pub requests: u64,
    /// Connections that followed a redirect of a fault to another host. There should be none.
    #[cfg(feature = "faults")]
    pub redirects_followed: u64,
    /// Records that are held.
    pub held: Counts,
}

impl Handle {
    /// Approves the device that shows this user code, as a person on the page would. The code is read without regard
    /// to case and separators.
    ///
    /// ```
    /// use sso_oidc_server::{Client, Config, PersonError, TestServer};
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
    /// let handle = server.handle();
    /// let user_code = handle.pending().pop().ok_or("a device waits")?;
    /// handle.approve(&user_code.to_lowercase())?;
    /// assert_eq!(handle.approve(&user_code), Err(PersonError::Decided));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PersonError`] if no device waits with this code, it has expired, or it has been decided on.
    pub fn approve(&self, user_code: &str) -> Result<(), PersonError> {
        self.decide(user_code, UserDecision::Approve)
    }

    /// Denies the device that shows this user code: it hears `access_denied`.
    ///
    /// ```
    /// use sso_oidc_server::{Client, Config, PersonError, TestServer};
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
    /// let handle = server.handle();
    /// let user_code = handle.pending().pop().ok_or("a device waits")?;
    /// handle.deny(&user_code)?;
    /// assert_eq!(handle.approve(&user_code), Err(PersonError::Decided));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Handle::approve`].
    pub fn deny(&self, user_code: &str) -> Result<(), PersonError> {
        self.decide(user_code, UserDecision::Deny)
    }

    /// Cuts the time of this user code short: the device hears `expired_token`.
    ///
    /// ```
    /// use sso_oidc_server::{Client, Config, PersonError, TestServer};
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
    /// let handle = server.handle();
    /// let user_code = handle.pending().pop().ok_or("a device waits")?;
    /// handle.expire(&user_code)?;
    /// assert_eq!(handle.approve(&user_code), Err(PersonError::Expired));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Handle::approve`].
    pub fn expire(&self, user_code: &str) -> Result<(), PersonError> {
        self.decide(user_code, UserDecision::Expire)
    }

    /// The user codes that wait for a decision, in no particular order.
    #[must_use]
    pub fn pending(&self) -> Vec<String> {
        let now = self.state.now();
        self.state.store().pending(now).map(|code| code.to_string()).collect()
    }

    /// What the server has done and holds.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            connections: self.state.connections.load(Ordering::Relaxed),
            requests: self.state.requests.load(Ordering::Relaxed),
            #[cfg(feature = "faults")]
            redirects_followed: self.state.faults.redirects_followed.load(Ordering::Relaxed),
            held: self.state.store().counts(),
        }
    }

    /// The latest requests, in the order in which they were answered, as many as
    /// [`crate::Config::remember_requests`] says.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.state.records().map_or_else(Vec::new, |records| records.all())
    }

    /// The URL to reach the server from this machine, for example `http://127.0.0.1:49152`, or `https://` with TLS.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.state.hosts.endpoint
    }

    /// The certificate of the CA that was made at start, in PEM: a client that trusts it can talk to this server. `None` if the
    /// server speaks plain HTTP or shows a certificate of one's own.
    ///
    /// ```
    /// use sso_oidc_server::{Config, TestServer, Tls};
    /// let server = TestServer::with(Config::default().with_tls(Tls::new_ca()))?;
    /// let pem = server.handle().ca_certificate().map(str::to_owned);
    /// // In a file, it is what AWS's tools take as AWS_CA_BUNDLE.
    /// assert!(pem.is_some_and(|pem| pem.starts_with("-----BEGIN CERTIFICATE-----")));
    /// # Ok::<(), sso_oidc_server::ServeError>(())
    /// ```
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn ca_certificate(&self) -> Option<&str> {
        self.state.tls.as_ref()?.ca_certificate()
    }

    /// Ends the misbehaviour that [`crate::Config::with_fault`] asked for: no further request or connection is affected, and
    /// a closed port opens, a moment later.
    ///
    /// ```
    /// use sso_oidc_server::{Config, InjectedFault, TestServer};
    /// let server = TestServer::with(Config::default().with_fault(InjectedFault::NeverAnswers))?;
    /// server.handle().stop_faults(); // from here on it is a server like any other
    /// # Ok::<(), sso_oidc_server::ServeError>(())
    /// ```
    #[cfg(feature = "faults")]
    pub fn stop_faults(&self) {
        self.state.faults.stop_faults();
    }

    fn decide(&self, user_code: &str, verdict: UserDecision) -> Result<(), PersonError> {
        let now = self.state.now();
        self.state.store().decide(&self.state.policy, None, user_code, verdict, now)
    }
}

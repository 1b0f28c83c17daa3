//! The settings of a server.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::sync::Arc;

use device_authority::{Capacity, ClientRecord, RegistrationKey, Rotation, ServerPolicy, SlowDown, Store};
use oidc_proto::Client;

#[cfg(feature = "faults")]
use crate::FaultRule;
#[cfg(feature = "script")]
use crate::Script;
#[cfg(feature = "tls")]
use crate::Tls;
use crate::{Account, Approval, Control, accounts};

/// The number of requests that a server for tests remembers.
pub(crate) const REMEMBERED: usize = 10_000;

/// Limits on a peer's use of bytes, time and connections.
///
/// ```
/// use core::time::Duration;
/// use sso_oidc_server::{Config, Limits};
///
/// let second = Duration::from_secs(1);
/// let limits = Limits::default()
///     .with_body_bytes(4096)
///     .with_head_bytes(8192)
///     .with_headers(32)
///     .with_body_timeout(second)
///     .with_write_timeout(second)
///     .with_idle_timeout(30 * second)
///     .with_connections(16)
///     .with_connections_per_address(8)
///     .with_drain(second);
/// assert_eq!(Config::default().with_limits(limits).limits.connections, 16);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest request body, in bytes. A longer one gets 413. Default: 64 KiB.
    pub body_bytes: usize,
    /// The longest request head, in bytes. A longer one gets 431. Default: 16 KiB; the minimum of hyper is 8
    /// KiB.
    pub head_bytes: usize,
    /// The highest number of headers. More get 431. Default: 64.
    pub headers: usize,
    /// The time between the head and the last byte of the body. A slower request gets 408. Default: 10 s.
    pub body_timeout: Duration,
    /// The time within which a peer must take a byte of its response. Then the server closes the connection.
    /// Default: 10 s.
    pub write_timeout: Duration,
    /// The time between a response and the end of the next request's head. Then the server closes the
    /// connection. A TLS handshake has the same time before its first request. The default of 75 s exceeds
    /// the longest polling interval, so a device can keep its connection.
    pub idle_timeout: Duration,
    /// The highest number of connections. For one more, the server closes the oldest one with an incomplete
    /// request, or else the one that is idle for the longest time. Default: 1024.
    pub connections: usize,
    /// The highest number of connections from one address, or from one /64 of IPv6. For one more, the server
    /// closes another one of the same address. Default: 768.
    pub connections_per_address: usize,
    /// The time that requests in progress get after the shutdown signal. Default: 2 s.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 64 * 1024,
            head_bytes: 16 * 1024,
            headers: 64,
            body_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            connections: 1024,
            connections_per_address: 768,
            drain: Duration::from_secs(2),
        }
    }
}

impl Limits {
    /// Sets the longest body, in bytes.
    #[must_use]
    pub const fn with_body_bytes(mut self, bytes: usize) -> Self {
        self.body_bytes = bytes;
        self
    }

    /// Sets the longest head, in bytes.
    #[must_use]
    pub const fn with_head_bytes(mut self, bytes: usize) -> Self {
        self.head_bytes = bytes;
        self
    }

    /// Sets the highest number of headers.
    #[must_use]
    pub const fn with_headers(mut self, headers: usize) -> Self {
        self.headers = headers;
        self
    }

    /// Sets the time for a body.
    #[must_use]
    pub const fn with_body_timeout(mut self, timeout: Duration) -> Self {
        self.body_timeout = timeout;
        self
    }

    /// Sets the time within which a peer must take a byte of its response.
    #[must_use]
    pub const fn with_write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = timeout;
        self
    }

    /// Sets the time between two requests.
    #[must_use]
    pub const fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Sets the highest number of connections; at least one.
    #[must_use]
    pub const fn with_connections(mut self, count: usize) -> Self {
        self.connections = count;
        self
    }

    /// Sets the highest number of connections from one address; at least one.
    #[must_use]
    pub const fn with_connections_per_address(mut self, count: usize) -> Self {
        self.connections_per_address = count;
        self
    }

    /// Sets the time that requests in progress get at shutdown.
    #[must_use]
    pub const fn with_drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }
}

/// A store that a server uses. Two are equal if they are the same one.
#[derive(Clone, Debug)]
pub struct SharedStore(pub(crate) Arc<dyn Store>);

impl PartialEq for SharedStore {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for SharedStore {}

/// The address, the rules and the limits of a server.
///
/// ```
/// use core::time::Duration;
/// use sso_oidc_server::{
///     Account, Approval, Capacity, Client, Config, Control, Limits, RegistrationKey, Role, Rotation, Secret,
///     ServerPolicy, SlowDown, TestServer,
/// };
///
/// let config = Config::default()
///     .with_listen("127.0.0.1:0".parse()?)
///     .with_approval(Approval::AfterPolls(2))
///     .with_policy(ServerPolicy::default().with_region("eu-west-1"))
///     .with_interval(Duration::from_secs(5))
///     .with_device_ttl(Duration::from_secs(60))
///     .with_slow_down(SlowDown::Strict)
///     .with_access_ttl(Duration::from_secs(900))
///     .with_rotation(Rotation::Reuse)
///     .with_registration_key(RegistrationKey::new(Secret::new("k".repeat(43)))?)
///     .with_unknown_clients_accepted()
///     .with_capacity(Capacity::default().with_devices(100))
///     .with_limits(Limits::default().with_connections(16))
///     .with_public_url("https://sso.example")
///     .with_allowed_host("sso.internal")
///     .with_client(Client::public("my-tool"))
///     .with_accounts([Account::new("012345678901", "Sandbox").with_role(Role::new("ReadOnly"))])
///     .with_client_for(Client::new("my-service", Secret::from("secret")), ["openid"])
///     .with_report()
///     .with_control(Control::new(Secret::from("token")))
///     .with_remembered_requests(10);
/// assert_eq!((config.clients.len(), config.policy.interval.as_secs()), (2, 5));
/// assert!(TestServer::with(config).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The address to listen on. With port 0 the system chooses the port. Default: `127.0.0.1:0`.
    pub listen: SocketAddr,
    /// The source of the decision on each device and each authorization request. Default: a person.
    pub approval: Approval,
    /// The authority's rules. The server ignores `verification_uri`: the page's address follows from
    /// `public_url`.
    ///
    /// Only the AWS dialect can accept unknown clients.
    pub policy: ServerPolicy,
    /// The fate of a used refresh token, in both dialects. Default: none. Then the policy applies in the AWS
    /// dialect, and [`Rotation::Strict`] in the OAuth dialect.
    pub rotation: Option<Rotation>,
    /// The size of the store.
    pub capacity: Capacity,
    /// The store that the server shares with other processes or keeps across restarts. Default: none, and the
    /// server keeps its records in memory, within the capacity.
    pub store: Option<SharedStore>,
    /// Limits on each peer.
    pub limits: Limits,
    /// The URL under which people reach this server, if it differs from the listening address, for example
    /// behind a proxy. It has a scheme, `http` or `https`, a host and an optional port, but no path. The
    /// server never uses the `Host` header instead.
    pub public_url: Option<String>,
    /// Further host names for requests, without a port. On a loopback address the server accepts only
    /// loopback names, the host of the public URL, and these. So a web page cannot reach it by DNS rebinding.
    /// On another address the server accepts any name if this is empty.
    pub allowed_hosts: Vec<String>,
    /// Clients that need no registration.
    pub clients: Vec<ClientRecord>,
    /// The accounts and roles at the portal. Default: two accounts as examples.
    pub accounts: Vec<Account>,
    /// The number of latest requests that [`crate::Handle::requests`] returns. Default: none.
    pub remember_requests: usize,
    /// Whether [`crate::Handle::report`] tells how the clients behave. Default: no, because it reads each token request
    /// twice.
    pub report: bool,
    /// The control API. Default: none. An [`InProcess`](crate::InProcess) service has none, like no address.
    pub control: Option<Control>,
    /// The course of sign-ins. Default: none, and all follow the server's rules.
    #[cfg(feature = "script")]
    pub script: Option<Script>,
    /// The injected faults. The first rule that applies to a request wins. Default: none.
    #[cfg(feature = "faults")]
    pub faults: Vec<FaultRule>,
    /// The time of `Retry-After` in the injected faults that have one, in whole seconds, rounded up. Default: 11 s.
    #[cfg(feature = "faults")]
    pub retry_after: Duration,
    /// The certificate. With one the server accepts only HTTPS. Default: none, which means plain HTTP.
    #[cfg(feature = "tls")]
    pub tls: Option<Tls>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            approval: Approval::default(),
            policy: ServerPolicy::default(),
            rotation: None,
            capacity: Capacity::default(),
            store: None,
            limits: Limits::default(),
            public_url: None,
            allowed_hosts: Vec::new(),
            clients: Vec::new(),
            accounts: accounts::example(),
            remember_requests: 0,
            report: false,
            control: None,
            #[cfg(feature = "script")]
            script: None,
            #[cfg(feature = "faults")]
            faults: Vec::new(),
            #[cfg(feature = "faults")]
            retry_after: Duration::from_secs(11),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

impl Config {
    /// Sets the address to listen on.
    #[must_use]
    pub const fn with_listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Sets the source of decisions.
    #[must_use]
    pub const fn with_approval(mut self, approval: Approval) -> Self {
        self.approval = approval;
        self
    }

    /// Sets the authority's rules.
    #[must_use]
    pub fn with_policy(mut self, policy: ServerPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets the polling interval; see [`ServerPolicy::interval`].
    #[must_use]
    pub const fn with_interval(mut self, interval: Duration) -> Self {
        self.policy.interval = interval;
        self
    }

    /// Sets the lifetime of device codes; see [`ServerPolicy::device_ttl`].
    #[must_use]
    pub const fn with_device_ttl(mut self, ttl: Duration) -> Self {
        self.policy.device_ttl = ttl;
        self
    }

    /// Sets the response to early polls; see [`ServerPolicy::slow_down`].
    #[must_use]
    pub const fn with_slow_down(mut self, slow_down: SlowDown) -> Self {
        self.policy.slow_down = slow_down;
        self
    }

    /// Sets the lifetime of access tokens; see [`ServerPolicy::with_access_ttl`].
    #[must_use]
    pub const fn with_access_ttl(mut self, ttl: Duration) -> Self {
        self.policy.long_access_ttl = ttl;
        self.policy.short_access_ttl = ttl;
        self
    }

    /// Sets the fate of used refresh tokens, in both dialects.
    #[must_use]
    pub const fn with_rotation(mut self, rotation: Rotation) -> Self {
        self.rotation = Some(rotation);
        self
    }

    /// Sets the key of the registrations, so that they stay valid after a restart; see
    /// [`ServerPolicy::registration_key`].
    #[must_use]
    pub fn with_registration_key(mut self, key: RegistrationKey) -> Self {
        self.policy.registration_key = Some(key);
        self
    }

    /// Accepts AWS clients that registered elsewhere; see [`ServerPolicy::accept_unknown_clients`].
    #[must_use]
    pub const fn with_unknown_clients_accepted(mut self) -> Self {
        self.policy.accept_unknown_clients = true;
        self
    }

    /// Sets the capacity of the store.
    #[must_use]
    pub const fn with_capacity(mut self, capacity: Capacity) -> Self {
        self.capacity = capacity;
        self
    }

    /// Sets the store.
    ///
    /// ```
    /// use std::sync::Mutex;
    /// use sso_oidc_server::{Capacity, Config, Memory, TestServer};
    /// // Any implementation of `Store` will do.
    /// let store = Mutex::new(Memory::new(Capacity::default()));
    /// let server = TestServer::with(Config::default().with_store(store))?;
    /// # drop(server);
    /// # Ok::<(), sso_oidc_server::ServeError>(())
    /// ```
    #[must_use]
    pub fn with_store(mut self, store: impl Store + 'static) -> Self {
        self.store = Some(SharedStore(Arc::new(store)));
        self
    }

    /// Sets the limits on each peer.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the public URL.
    #[must_use]
    pub fn with_public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// Adds a host name for requests.
    #[must_use]
    pub fn with_allowed_host(mut self, host: impl Into<String>) -> Self {
        self.allowed_hosts.push(host.into());
        self
    }

    /// Sets the accounts and roles at the portal, in place of the examples.
    #[must_use]
    pub fn with_accounts(mut self, accounts: impl IntoIterator<Item = Account>) -> Self {
        self.accounts = accounts.into_iter().collect();
        self
    }

    /// Adds a client that needs no registration, never expires and may ask for any scope. It may get an
    /// authorization code at any loopback address. It serves tools with a fixed client id. With a secret it can
    /// use the AWS dialect too.
    #[must_use]
    pub fn with_client(mut self, client: Client) -> Self {
        self.clients.push(ClientRecord::preconfigured(client, None));
        self
    }

    /// Adds a client like [`Config::with_client`], limited to these scopes.
    #[must_use]
    pub fn with_client_for<S: Into<String>>(
        mut self,
        client: Client,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        let scopes = scopes.into_iter().map(Into::into).collect();
        self.clients.push(ClientRecord::preconfigured(client, Some(scopes)));
        self
    }

    /// Lets another process control the server; see [`Control`]. The server then remembers 10,000 requests, unless the
    /// configuration sets a number.
    #[must_use]
    pub fn with_control(mut self, control: Control) -> Self {
        self.control = Some(control);
        if self.remember_requests == 0 {
            self.remember_requests = REMEMBERED;
        }
        self
    }

    /// Sets the course of sign-ins; see [`Script`].
    ///
    /// ```
    /// use sso_oidc_server::{Config, TestServer};
    /// let script = "[[sign_in]]\npolls = [{ fault = \"html-502\" }, \"token\"]".parse()?;
    /// let server = TestServer::with(Config::default().with_script(script))?;
    /// # drop(server);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "script")]
    #[must_use]
    pub fn with_script(mut self, script: Script) -> Self {
        self.script = Some(script);
        self
    }

    /// Adds a [`FaultRule`], or a [`crate::InjectedFault`] for every request.
    ///
    /// ```
    /// use sso_oidc_server::{Config, InjectedFault, Operation, FaultRule};
    /// let config = Config::default()
    ///     .with_fault(InjectedFault::Drip) // every answer is slow, but for
    ///     .with_fault(FaultRule::new(InjectedFault::Html502).at(Operation::CreateToken).once());
    /// assert_eq!(config.faults.len(), 2);
    /// ```
    #[cfg(feature = "faults")]
    #[must_use]
    pub fn with_fault(mut self, rule: impl Into<FaultRule>) -> Self {
        self.faults.push(rule.into());
        self
    }

    /// Sets the time of `Retry-After` in the injected faults that have one, such as
    /// [`crate::InjectedFault::Unavailable`].
    ///
    /// ```
    /// use core::time::Duration;
    /// use sso_oidc_server::{Config, InjectedFault, TestServer};
    ///
    /// let config = Config::default().with_fault(InjectedFault::Unavailable);
    /// let server = TestServer::with(config.with_retry_after(Duration::from_secs(1)))?;
    /// # use std::io::{Read as _, Write as _};
    /// # let host = server.endpoint().trim_start_matches("http://");
    /// # let mut stream = std::net::TcpStream::connect(host)?;
    /// # write!(stream, "POST /token HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")?;
    /// let mut response = String::new();
    /// # stream.read_to_string(&mut response)?; // to POST /token
    /// assert!(response.starts_with("HTTP/1.1 503") && response.contains("retry-after: 1\r\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "faults")]
    #[must_use]
    pub const fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = wait;
        self
    }

    /// Serves HTTPS with this certificate.
    ///
    /// ```
    /// use sso_oidc_server::{Config, TestServer, Tls};
    /// let server = TestServer::with(Config::default().with_tls(Tls::new_ca()))?;
    /// assert!(server.endpoint().starts_with("https://127.0.0.1:"));
    /// # Ok::<(), sso_oidc_server::ServeError>(())
    /// ```
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Returns the scheme of this server's URLs, with `://`.
    pub(crate) const fn scheme(&self) -> &'static str {
        #[cfg(feature = "tls")]
        if self.tls.is_some() {
            return "https://";
        }
        "http://"
    }

    /// Reports how the clients behave; see [`crate::Handle::report`].
    #[must_use]
    pub const fn with_report(mut self) -> Self {
        self.report = true;
        self
    }

    /// Sets the number of requests to remember.
    #[must_use]
    pub const fn with_remembered_requests(mut self, count: usize) -> Self {
        self.remember_requests = count;
        self
    }
}

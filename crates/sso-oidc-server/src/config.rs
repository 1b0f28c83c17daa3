//! What the server's owner decides.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;

use device_authority::{Capacity, ClientRecord, RegistrationKey, Rotation, ServerPolicy, SlowDown};
use oidc_proto::Client;

use crate::Approval;
#[cfg(feature = "faults")]
use crate::FaultRule;
#[cfg(feature = "tls")]
use crate::Tls;

/// Limits on what a peer can take: bytes, time, connections.
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
    /// The longest request body, in bytes; a longer one gets 413. Default: 64 KiB.
    pub body_bytes: usize,
    /// The longest request head, in bytes; a longer one gets 431. Default: 16 KiB; hyper's least is 8 KiB.
    pub head_bytes: usize,
    /// The most headers; more get 431. Default: 64.
    pub headers: usize,
    /// From the head to the last byte of the body; then 408. Default: 10 s.
    pub body_timeout: Duration,
    /// How long a peer may take no byte of its answer; then the connection is closed. Default: 10 s.
    pub write_timeout: Duration,
    /// From a response, or from the beginning of the connection, to the end of the next request's head, with the TLS
    /// handshake for the first; then the connection is closed. Longer than the longest polling interval, so a device can
    /// keep its connection. Default: 75 s.
    pub idle_timeout: Duration,
    /// Connections at one time. For one more another one is closed: the oldest with an incomplete request, or else the one
    /// that has been idle for the longest. Default: 1024.
    pub connections: usize,
    /// Connections at one time from one address, or from one /64 of IPv6. For one more one of the same address is closed.
    /// Default: 768.
    pub connections_per_address: usize,
    /// How long requests that are being answered may go on after shutdown was asked for. Default: 2 s.
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
    /// The same limits with this longest body, in bytes.
    #[must_use]
    pub const fn with_body_bytes(mut self, bytes: usize) -> Self {
        self.body_bytes = bytes;
        self
    }

    /// The same limits with this longest head, in bytes.
    #[must_use]
    pub const fn with_head_bytes(mut self, bytes: usize) -> Self {
        self.head_bytes = bytes;
        self
    }

    /// The same limits with this many headers at most.
    #[must_use]
    pub const fn with_headers(mut self, headers: usize) -> Self {
        self.headers = headers;
        self
    }

    /// The same limits with this much time for a body.
    #[must_use]
    pub const fn with_body_timeout(mut self, timeout: Duration) -> Self {
        self.body_timeout = timeout;
        self
    }

    /// The same limits with this much time for a peer to take some of its answer.
    #[must_use]
    pub const fn with_write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = timeout;
        self
    }

    /// The same limits with this much time between requests.
    #[must_use]
    pub const fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// The same limits with this many connections at one time; at least one.
    #[must_use]
    pub const fn with_connections(mut self, count: usize) -> Self {
        self.connections = count;
        self
    }

    /// The same limits with this many connections at one time from one address; at least one.
    #[must_use]
    pub const fn with_connections_per_address(mut self, count: usize) -> Self {
        self.connections_per_address = count;
        self
    }

    /// The same limits with this much time for requests that are being answered when the server is to stop.
    #[must_use]
    pub const fn with_drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }
}

/// What to listen on, who approves, and by which rules.
///
/// ```
/// use core::time::Duration;
/// use sso_oidc_server::{
///     Approval, Capacity, Client, Config, Limits, ServerPolicy, RegistrationKey, Rotation, Secret, SlowDown, TestServer,
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
///     .with_client_for(Client::new("my-service", Secret::from("secret")), ["openid"])
///     .with_remembered_requests(10);
/// assert_eq!((config.clients.len(), config.policy.interval.as_secs()), (2, 5));
/// assert!(TestServer::with(config).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The address to listen on; port 0 lets the system choose one. Default: `127.0.0.1:0`.
    pub listen: SocketAddr,
    /// Who decides on the devices that ask. Default: a person.
    pub approval: Approval,
    /// The authority's rules. Its `verification_uri` is not used: the page's address follows from `public_url`.
    ///
    /// Unknown clients are accepted in AWS's dialect only, if at all.
    pub policy: ServerPolicy,
    /// What becomes of a used refresh token, in both dialects. Default: none, which means as the policy says in AWS's, and
    /// [`Rotation::Strict`] in OAuth's.
    pub rotation: Option<Rotation>,
    /// How much is kept.
    pub capacity: Capacity,
    /// Limits on what a peer can take.
    pub limits: Limits,
    /// The URL under which people reach this server, if it is not the address it listens on, for example behind a
    /// proxy: `http` or `https`, a host, a port if need be, no path. The `Host` header is never believed instead.
    pub public_url: Option<String>,
    /// Further names that requests may give as their host, without a port. A server on a loopback address answers
    /// only to loopback names, to the public URL's and to these, so that a web page cannot reach it by rebinding its
    /// own name; one on another address answers to any name unless there are some here.
    pub allowed_hosts: Vec<String>,
    /// Clients that need not register.
    pub clients: Vec<ClientRecord>,
    /// How many requests are remembered for [`crate::Handle::requests`], the latest ones. Default: none.
    pub remember_requests: usize,
    /// How the server misbehaves, on purpose. Of several rules for one request the first one counts. Default: not at all.
    #[cfg(feature = "faults")]
    pub faults: Vec<FaultRule>,
    /// The certificate to show; with one the server speaks HTTPS, and nothing else. Default: none, plain HTTP.
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
            limits: Limits::default(),
            public_url: None,
            allowed_hosts: Vec::new(),
            clients: Vec::new(),
            remember_requests: 0,
            #[cfg(feature = "faults")]
            faults: Vec::new(),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

impl Config {
    /// The same configuration, listening on this address.
    #[must_use]
    pub const fn with_listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// The same configuration with this way of approval.
    #[must_use]
    pub const fn with_approval(mut self, approval: Approval) -> Self {
        self.approval = approval;
        self
    }

    /// The same configuration with these rules.
    #[must_use]
    pub fn with_policy(mut self, policy: ServerPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// The same configuration with this polling interval; see [`ServerPolicy::interval`].
    #[must_use]
    pub const fn with_interval(mut self, interval: Duration) -> Self {
        self.policy.interval = interval;
        self
    }

    /// The same configuration with this life of device codes; see [`ServerPolicy::device_ttl`].
    #[must_use]
    pub const fn with_device_ttl(mut self, ttl: Duration) -> Self {
        self.policy.device_ttl = ttl;
        self
    }

    /// The same configuration with this answer to early polls; see [`ServerPolicy::slow_down`].
    #[must_use]
    pub const fn with_slow_down(mut self, slow_down: SlowDown) -> Self {
        self.policy.slow_down = slow_down;
        self
    }

    /// The same configuration with this life of access tokens; see [`ServerPolicy::with_access_ttl`].
    #[must_use]
    pub const fn with_access_ttl(mut self, ttl: Duration) -> Self {
        self.policy.long_access_ttl = ttl;
        self.policy.short_access_ttl = ttl;
        self
    }

    /// The same configuration with this fate of used refresh tokens, in both dialects.
    #[must_use]
    pub const fn with_rotation(mut self, rotation: Rotation) -> Self {
        self.rotation = Some(rotation);
        self
    }

    /// The same configuration with this key for registrations, so that they outlive the server; see
    /// [`ServerPolicy::registration_key`].
    #[must_use]
    pub fn with_registration_key(mut self, key: RegistrationKey) -> Self {
        self.policy.registration_key = Some(key);
        self
    }

    /// The same configuration, believing AWS's clients that registered elsewhere: see
    /// [`ServerPolicy::accept_unknown_clients`].
    #[must_use]
    pub const fn with_unknown_clients_accepted(mut self) -> Self {
        self.policy.accept_unknown_clients = true;
        self
    }

    /// The same configuration with this capacity.
    #[must_use]
    pub const fn with_capacity(mut self, capacity: Capacity) -> Self {
        self.capacity = capacity;
        self
    }

    /// The same configuration with these limits.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The same configuration with this public URL.
    #[must_use]
    pub fn with_public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// The same configuration with one more name that requests may give as their host.
    #[must_use]
    pub fn with_allowed_host(mut self, host: impl Into<String>) -> Self {
        self.allowed_hosts.push(host.into());
        self
    }

    /// The same configuration with this client, which need not register, does not lapse and may ask for any scope: for
    /// tools that come with a client id of their own. With a secret it can use AWS's dialect too.
    #[must_use]
    pub fn with_client(mut self, client: Client) -> Self {
        self.clients.push(ClientRecord::preconfigured(client, None));
        self
    }

    /// The same configuration with this client, as [`Config::with_client`], which may ask for these scopes only.
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

    /// The same configuration with one more way to misbehave: a [`FaultRule`], or a [`crate::InjectedFault`] for every request.
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

    /// The same configuration, for HTTPS with this certificate.
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

    /// The beginning of this server's URLs.
    pub(crate) const fn scheme(&self) -> &'static str {
        #[cfg(feature = "tls")]
        if self.tls.is_some() {
            return "https://";
        }
        "http://"
    }

    /// The same configuration, remembering this many requests.
    #[must_use]
    pub const fn with_remembered_requests(mut self, count: usize) -> Self {
        self.remember_requests = count;
        self
    }
}

//! The settings of a server.

#[cfg(any(feature = "faults", feature = "script"))]
mod course;
mod limits;
mod rules;

use core::net::{Ipv4Addr, SocketAddr};
#[cfg(feature = "faults")]
use core::time::Duration;
use std::sync::Arc;

use device_authority::{Capacity, ClientRecord, Rotation, ServerPolicy, Store};

pub use self::limits::Limits;
#[cfg(feature = "faults")]
use crate::FaultRule;
#[cfg(feature = "script")]
use crate::Script;
#[cfg(feature = "tls")]
use crate::Tls;
use crate::{Account, Approval, Control, CorsOrigin, People, TrustedProxy, accounts};

/// The number of requests that a server for tests remembers.
pub(crate) const REMEMBERED: usize = 10_000;

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
///     .with_device_grace(Duration::from_secs(30))
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
///     .with_metrics("127.0.0.1:0".parse()?)
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
    /// The reverse proxies before this server. From them alone it takes the address of the client, out of `Forwarded`
    /// (RFC 7239) or `X-Forwarded-For`. The proxy must set or append to one of the two. If both are there and name
    /// two addresses, neither counts. Default: none, and each client has the address of its connection.
    pub trusted_proxies: Vec<TrustedProxy>,
    /// The origins of web pages that may call the endpoints of programs. The pages and forms for people stay closed to
    /// them. Default: none.
    pub cors_origins: Vec<CorsOrigin>,
    /// Clients that need no registration.
    pub clients: Vec<ClientRecord>,
    /// The people who may approve. Default: one person, of whom the page does not ask who it is.
    pub people: People,
    /// The accounts and roles at the portal. Default: two accounts as examples.
    pub accounts: Vec<Account>,
    /// The number of latest requests that [`crate::Handle::requests`] returns. Default: none.
    pub remember_requests: usize,
    /// Whether [`crate::Handle::report`] tells how the clients behave. Default: no, because it reads each token request
    /// twice.
    pub report: bool,
    /// The control API. Default: none. An [`InProcess`](crate::InProcess) service has none, like no address.
    pub control: Option<Control>,
    /// The address of a port for metrics, in Prometheus' text form; see [`crate::Handle::metrics`]. Default: none, and
    /// nothing is counted for them. An [`InProcess`](crate::InProcess) service has no port, and counts.
    pub metrics: Option<SocketAddr>,
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
            trusted_proxies: Vec::new(),
            cors_origins: Vec::new(),
            clients: Vec::new(),
            people: People::default(),
            accounts: accounts::example(),
            remember_requests: 0,
            report: false,
            control: None,
            metrics: None,
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

    /// Sets the reverse proxies that tell the addresses of their clients.
    ///
    /// ```
    /// use sso_oidc_server::{Config, TestServer};
    ///
    /// let config = Config::default().with_trusted_proxies(["10.0.0.0/8".parse()?, "127.0.0.1".parse()?]);
    /// assert_eq!(config.trusted_proxies[1].to_string(), "127.0.0.1/32");
    /// assert!(TestServer::with(config).is_ok());
    /// # Ok::<(), sso_oidc_server::TrustedProxyError>(())
    /// ```
    #[must_use]
    pub fn with_trusted_proxies(mut self, proxies: impl IntoIterator<Item = TrustedProxy>) -> Self {
        self.trusted_proxies = proxies.into_iter().collect();
        self
    }

    /// Sets the origins of web pages that may call the endpoints of programs: those of both dialects, of the portal,
    /// and the metadata.
    ///
    /// ```
    /// use sso_oidc_server::{Config, TestServer};
    ///
    /// let config = Config::default().with_cors_origins(["http://localhost:3000".parse()?]);
    /// assert_eq!(config.cors_origins[0].to_string(), "http://localhost:3000");
    /// assert!(TestServer::with(config).is_ok());
    /// # Ok::<(), sso_oidc_server::CorsOriginError>(())
    /// ```
    #[must_use]
    pub fn with_cors_origins(mut self, origins: impl IntoIterator<Item = CorsOrigin>) -> Self {
        self.cors_origins = origins.into_iter().collect();
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

    /// Serves metrics in Prometheus' text form at `/metrics` of this address, in plain HTTP. With port 0 the system
    /// chooses the port, and [`crate::Handle::metrics_endpoint`] returns it.
    #[must_use]
    pub const fn with_metrics(mut self, address: SocketAddr) -> Self {
        self.metrics = Some(address);
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

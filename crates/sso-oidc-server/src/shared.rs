//! What all connections share: the store behind its lock, the rules, the clock.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use device_authority::{Memory, Moment, NoEntropy, Rotation, ServerPolicy};

use crate::clock::Clock;
use crate::fault::Faults;
use crate::page::CsrfKey;
use crate::record::Records;
use crate::request_id::RequestIds;
use crate::tls::Acceptor;
use crate::{Approval, Config, Limits, ServeError};

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) approval: Approval,
    /// The rules of AWS's dialect, and of the page.
    pub(crate) policy: ServerPolicy,
    /// The rules of the OAuth dialect.
    pub(crate) oauth_policy: ServerPolicy,
    /// Whether the log has said what helps a client that is not known.
    pub(crate) has_told_of_unknown_clients: AtomicBool,
    pub(crate) limits: Limits,
    pub(crate) clock: Clock,
    /// `http://host:port` or `https://host:port`, as people reach the server.
    pub(crate) public_url: String,
    /// The address to connect to from this machine.
    pub(crate) endpoint: String,
    /// The key of the page's forms; `None` if there was no entropy for it.
    pub(crate) csrf: Option<CsrfKey>,
    pub(crate) remembers: bool,
    pub(crate) connections: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) request_ids: RequestIds,
    pub(crate) faults: Faults,
    /// The certificates, on a server that speaks HTTPS.
    pub(crate) tls: Option<Acceptor>,
    /// Names that a request may give as its host; `None` for any.
    hosts: Option<Vec<String>>,
    store: Mutex<Memory>,
    records: Mutex<Records>,
}

/// Where it is, and not the thousands of records that it holds.
impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(config: Config, address: SocketAddr, clock: Clock) -> Result<Self, ServeError> {
        let endpoint = format!("{}://{}", config.scheme(), reachable(address));
        let public_url = match &config.public_url {
            Some(url) => {
                let url = url.strip_suffix('/').unwrap_or(url).to_owned();
                if host_of_url(&url).is_none() {
                    return Err(ServeError::PublicUrl { url });
                }
                url
            }
            None => endpoint.clone(),
        };
        let tls = Acceptor::of(&config, address.ip(), host_of_url(&public_url))?;
        let mut hosts = config.allowed_hosts;
        let hosts = if address.ip().is_loopback() || !hosts.is_empty() {
            hosts.extend(host_of_url(&public_url).map(str::to_owned));
            Some(hosts)
        } else {
            None
        };
        let mut store = Memory::new(config.capacity);
        for client in config.clients {
            store.add_client(client);
        }
        let policy = config.policy.with_verification_uri(format!("{public_url}/device"));
        let mut oauth_policy = policy.clone().with_rotation(config.rotation.unwrap_or(Rotation::Strict));
        // Only AWS's clients tell in their id when they end.
        oauth_policy.accept_unknown_clients = false;
        let rotation = config.rotation.unwrap_or(policy.rotation);
        Ok(Self {
            approval: config.approval,
            policy: policy.with_rotation(rotation),
            oauth_policy,
            has_told_of_unknown_clients: AtomicBool::new(false),
            limits: config.limits,
            clock,
            public_url,
            endpoint,
            csrf: CsrfKey::new(),
            remembers: config.remember_requests > 0,
            connections: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            request_ids: RequestIds::new(),
            faults: Faults::new(config.faults),
            tls,
            hosts,
            store: Mutex::new(store),
            records: Mutex::new(Records::new(config.remember_requests)),
        })
    }

    /// The same, for whatever host a request names: there is no browser that could be misled.
    pub(crate) fn for_any_host(self) -> Self {
        Self { hosts: None, ..self }
    }

    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    /// The store. A panic while it was locked cannot have left half a commit worth fearing more than a server that
    /// answers no request, so poison is ignored.
    pub(crate) fn store(&self) -> MutexGuard<'_, Memory> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of a new connection, counted from 1.
    pub(crate) fn count_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Whether a request may be addressed to this host, as a `Host` header or a URL's authority spells it. A browser
    /// that was led here under another name (DNS rebinding) says that name.
    pub(crate) fn answers_to(&self, authority: &str) -> bool {
        let Some(hosts) = &self.hosts else { return true };
        let host = host_of_authority(authority);
        is_loopback_name(host) || hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host))
    }

    /// Whether people reach the server by HTTPS: its own, or that of a proxy before it.
    pub(crate) fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    /// What the URLs of this server begin with, where it is reached directly.
    pub(crate) const fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https://" } else { "http://" }
    }
}

/// The operating system's randomness.
pub(crate) fn entropy(bytes: &mut [u8]) -> Result<(), NoEntropy> {
    getrandom::fill(bytes).map_err(|_| NoEntropy::new())
}

/// An address that can be connected to: the unspecified one stands for all of this machine's.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from(core::net::Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn is_loopback_name(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    // The usual spelling; any other spelling is looked into.
    host == "127.0.0.1"
        || host.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// `host:port` → `host`; brackets stay.
fn host_of_authority(authority: &str) -> &str {
    let end = match authority.rfind(']') {
        Some(bracket) => bracket + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    authority.get(..end).unwrap_or(authority)
}

/// The host of `http[s]://host[:port]`; `None` if there is anything else.
fn host_of_url(url: &str) -> Option<&str> {
    let authority = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    let parsed: http::uri::Authority = authority.parse().ok()?;
    let is_plain = !authority.contains('@') && !parsed.host().is_empty();
    is_plain.then(|| host_of_authority(authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(config: Config) -> Shared {
        let address = SocketAddr::new(config.listen.ip(), 8080);
        Shared::new(config, address, Clock::start()).unwrap()
    }

    #[test]
    fn a_loopback_server_answers_to_loopback_names_and_configured_ones_only() {
        let server = shared(
            Config::default().with_public_url("https://sso.example:8443/").with_allowed_host("box.local"),
        );
        for host in [
            "127.0.0.1:8080",
            "127.0.0.1",
            "127.9.9.9",
            "localhost:1",
            "LOCALHOST",
            "[::1]:8080",
            "sso.example",
            "BOX.local:9",
        ] {
            assert!(server.answers_to(host), "{host}");
        }
        for host in
            ["evil.example", "127.0.0.1.evil.example", "localhost.evil", "10.0.0.1", "", "[::2]", "x@y"]
        {
            assert!(!server.answers_to(host), "{host}");
        }
    }

    #[test]
    fn a_server_for_a_network_answers_to_any_name_unless_some_are_listed() {
        let open = Config::default().with_listen(([0, 0, 0, 0], 0).into());
        assert!(shared(open.clone()).answers_to("anything.example"));
        assert!(!shared(open.with_allowed_host("this.example")).answers_to("anything.example"));
    }

    #[test]
    fn the_unspecified_address_is_reached_through_loopback() {
        let server = shared(Config::default().with_listen(([0, 0, 0, 0], 0).into()));
        assert_eq!(server.endpoint, "http://127.0.0.1:8080");
    }

    #[test]
    fn a_public_url_with_more_than_a_host_and_a_port_is_refused() {
        for url in ["ftp://x", "http://", "http://x/path", "http://u@x", "x", "http://x?q", "https://"] {
            let config = Config::default().with_public_url(url);
            let error = Shared::new(config, ([127, 0, 0, 1], 1).into(), Clock::start()).unwrap_err();
            assert!(matches!(error, ServeError::PublicUrl { .. }), "{url}");
        }
    }
}

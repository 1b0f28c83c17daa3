//! The state that all connections share, and the context of one request.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use device_authority::{Capacity, Memory, Moment, Rotation, ServerPolicy, Store, StoreError};
use http::request::Parts;
use oidc_proto::{Dialect, Operation, Secret};

#[cfg(feature = "faults")]
use crate::FaultRule;
use crate::clock::Clock;
use crate::csrf::CsrfKey;
use crate::entropy::entropy;
use crate::grant_id::{GrantId, Presented};
use crate::hosts::Hosts;
use crate::metrics::Metrics;
use crate::openid::keys::Keys;
use crate::record::Records;
use crate::report::Collector;
use crate::request_id::RequestIds;
use crate::router::{Handler, Route};
#[cfg(feature = "script")]
use crate::script::Run;
use crate::{Account, Approval, Config, CorsOrigin, Limits, People, ServeError, SharedStore, TrustedProxy};

/// The state that all connections share.
pub(crate) struct State {
    pub(crate) approval: Approval,
    /// The policy of the AWS dialect and of the page.
    pub(crate) policy: ServerPolicy,
    /// The policy of the OAuth dialect.
    pub(crate) oauth_policy: ServerPolicy,
    /// Whether the log has warned about an unknown client.
    pub(crate) has_advised_on_unknown_clients: AtomicBool,
    pub(crate) limits: Limits,
    /// The people who may approve.
    pub(crate) people: People,
    /// The accounts of the portal.
    pub(crate) accounts: Vec<Account>,
    pub(crate) clock: Clock,
    pub(crate) hosts: Hosts,
    pub(crate) trusted_proxies: Vec<TrustedProxy>,
    pub(crate) cors_origins: Vec<CorsOrigin>,
    /// The key of the pages' forms; `None` without entropy.
    pub(crate) csrf: Option<CsrfKey>,
    /// The keys of ID tokens; `None` without entropy.
    pub(crate) keys: Option<Keys>,
    pub(crate) connections: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) request_ids: RequestIds,
    #[cfg(feature = "faults")]
    pub(crate) faults: crate::fault::faults::Faults,
    /// The certificates of a server that speaks HTTPS.
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<crate::tls::acceptor::Acceptor>,
    /// The collector of the report, if the configuration wants one.
    collector: Option<Mutex<Collector>>,
    /// Whether requests come over connections, so that a response may be late.
    #[cfg_attr(not(feature = "script"), expect(dead_code, reason = "only a script can be late"))]
    pub(crate) has_connections: bool,
    /// The script, and its progress.
    #[cfg(feature = "script")]
    pub(crate) script: Run,
    store: SharedStore,
    /// The runtime of the server; `None` in a process without sockets.
    runtime: Option<tokio::runtime::Handle>,
    pub(crate) records: Records,
    /// The store, if it is the server's own.
    memory: Option<Arc<Mutex<Memory>>>,
    capacity: Capacity,
    /// The metrics, if the configuration wants them.
    pub(crate) metrics: Option<Arc<Metrics>>,
    /// The URL of the metrics' port, if there is one.
    pub(crate) metrics_endpoint: OnceLock<String>,
    /// The URL of the control API, if there is one.
    pub(crate) control_endpoint: OnceLock<String>,
    /// The faults of the configuration.
    #[cfg(feature = "faults")]
    pub(crate) configured_faults: Vec<FaultRule>,
}

/// A request with its body, for a handler.
pub(crate) struct Context<'a> {
    pub(crate) state: &'a State,
    /// The address of the client: that of the peer, or the one that a trusted proxy names.
    pub(crate) client: IpAddr,
    pub(crate) head: &'a Parts,
    pub(crate) body: &'a [u8],
    /// The time at which the request had arrived in full.
    pub(crate) now: Moment,
}

/// The peer of a connection.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// The address as a text, because the log shows it with each request.
    pub(crate) name: String,
    /// The number of the connection, counted from 1.
    pub(crate) connection: u64,
}

impl Peer {
    pub(crate) fn new(address: SocketAddr, connection: u64) -> Self {
        Self { address, name: address.to_string(), connection }
    }
}

/// Shows the endpoint, and omits the thousands of records.
impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("endpoint", &self.hosts.endpoint).finish_non_exhaustive()
    }
}

impl State {
    pub(crate) async fn new(config: Config, address: SocketAddr, clock: Clock) -> Result<Self, ServeError> {
        let hosts = Hosts::new(&config, address)?;
        #[cfg(feature = "faults")]
        crate::fault::check::check(&config)?;
        #[cfg(feature = "tls")]
        let tls = crate::tls::acceptor::Acceptor::new(&config, address.ip(), &hosts)?;
        let (store, memory) = match config.store {
            Some(store) => (store, None),
            None => {
                let memory = Arc::new(Mutex::new(Memory::new(config.capacity)));
                (SharedStore(Arc::clone(&memory) as Arc<dyn Store>), Some(memory))
            }
        };
        #[cfg(feature = "faults")]
        let configured_faults = config.faults.clone();
        #[cfg(all(feature = "faults", feature = "script"))]
        let scripted: Vec<_> = config.script.iter().flat_map(crate::Script::faults).collect();
        #[cfg(all(feature = "faults", not(feature = "script")))]
        let scripted = Vec::new();
        let mut policy = config.policy.with_verification_uri(format!("{}/device", hosts.public_url));
        for client in config.clients {
            policy = policy.with_client(client);
        }
        let collector = config.report.then(Mutex::default);
        let mut oauth_policy = policy.clone().with_rotation(config.rotation.unwrap_or(Rotation::Strict));
        // Only the ids of AWS clients contain their expiry.
        oauth_policy.accept_unknown_clients = false;
        let rotation = config.rotation.unwrap_or(policy.rotation);
        let secret = shared_secret(&store).await?;
        let keys = secret.and_then(|secret| Keys::of(&secret, policy.id_token_ttl));
        Ok(Self {
            approval: config.approval,
            policy: policy.with_rotation(rotation),
            oauth_policy,
            has_advised_on_unknown_clients: AtomicBool::new(false),
            limits: config.limits,
            people: config.people,
            accounts: config.accounts,
            clock,
            hosts,
            trusted_proxies: config.trusted_proxies,
            csrf: secret.as_ref().and_then(CsrfKey::of),
            keys,
            cors_origins: config.cors_origins,
            connections: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            request_ids: RequestIds::new(),
            #[cfg(feature = "faults")]
            faults: crate::fault::faults::Faults::new(config.faults, config.retry_after)
                .prepared(config.control.is_some())
                .with(&scripted),
            #[cfg(feature = "tls")]
            tls,
            collector,
            has_connections: true,
            #[cfg(feature = "script")]
            script: Run::new(config.script),
            store,
            runtime: tokio::runtime::Handle::try_current().ok(),
            records: Records::new(config.remember_requests),
            memory,
            capacity: config.capacity,
            metrics: config.metrics.map(|_| Arc::new(Metrics::new())),
            metrics_endpoint: OnceLock::new(),
            control_endpoint: OnceLock::new(),
            #[cfg(feature = "faults")]
            configured_faults,
        })
    }

    /// Accepts requests to any host, and has no connections.
    pub(crate) fn in_process(self) -> Self {
        Self { hosts: self.hosts.allowing_any(), has_connections: false, ..self }
    }

    /// Waits for an operation of the store. Some stores need the runtime of the server, on this thread too.
    pub(crate) fn wait<T>(&self, operation: impl Future<Output = T>) -> T {
        let _entered = self.runtime.as_ref().map(tokio::runtime::Handle::enter);
        pollster::block_on(operation)
    }

    /// Performs an operation of the store, and counts it.
    pub(crate) async fn stored<T>(
        &self,
        operation: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let Some(metrics) = &self.metrics else { return operation.await };
        let began = self.clock.ticks();
        let result = operation.await;
        metrics.stored(&result, self.clock.ticks().saturating_sub(began));
        result
    }

    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Returns the store.
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store.0
    }

    /// Locks the collector of the report; `None` if there is to be none.
    pub(crate) fn collector(&self) -> Option<MutexGuard<'_, Collector>> {
        self.collector.as_ref().map(|collector| collector.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the server's own code or token in place of one that the script has chosen.
    #[cfg(feature = "script")]
    pub(crate) fn real(&self, secret: Secret) -> Secret {
        match self.script.used() {
            Some(run) => run.real(&secret),
            None => secret,
        }
    }

    #[cfg(not(feature = "script"))]
    #[expect(clippy::unused_self, reason = "with the feature `script` it reads a field")]
    pub(crate) const fn real(&self, secret: Secret) -> Secret {
        secret
    }

    /// Forgets all records, requests and counts of clients' behaviour. Returns whether the store is the server's own,
    /// without which nothing is done.
    pub(crate) fn forget(&self) -> bool {
        let Some(memory) = &self.memory else { return false };
        *memory.lock().unwrap_or_else(PoisonError::into_inner) = Memory::new(self.capacity);
        self.records.clear();
        #[cfg(feature = "script")]
        self.script.reset();
        if let Some(mut collector) = self.collector() {
            *collector = Collector::default();
        }
        true
    }

    /// Returns the code or token that a request presents, if there is to be a report.
    pub(crate) fn grant_for_report(&self, route: &Route, head: &Parts, body: &[u8]) -> Option<Presented> {
        let Handler::Operation(dialect, Operation::CreateToken) = route.handler else { return None };
        self.collector.as_ref()?;
        let policy = if dialect == Dialect::OAuth { &self.oauth_policy } else { &self.policy };
        let (kind, id) = GrantId::of_request(dialect, &head.headers, body)?;
        let rotates = policy.rotation != Rotation::Reuse;
        #[cfg(feature = "script")]
        if let Some((id, interval)) = self.script.used().and_then(|run| run.device(id)) {
            return Some(Presented { kind, id, rotates, interval: interval.unwrap_or(policy.interval) });
        }
        Some(Presented { kind, id, rotates, interval: policy.interval })
    }

    /// Returns the number of a new connection, counted from 1.
    pub(crate) fn count_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// Returns the secret that processes with one store share; `None` without entropy.
async fn shared_secret(store: &SharedStore) -> Result<Option<[u8; 32]>, ServeError> {
    let mut fresh = [0; 32];
    if entropy(&mut fresh).is_err() {
        return Ok(None);
    }
    store.0.page_key(fresh).await.map(Some).map_err(|source| ServeError::Store { source })
}

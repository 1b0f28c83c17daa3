//! The metrics of a server, for Prometheus. A request adds to a few atomic counters: it takes no lock and no memory.
//!
//! The names of routes, operations, error codes and faults are the only labels. So the number of series is bounded,
//! and no series tells who signs in.

mod histogram;
mod outcome;
mod render;
mod text;

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;
use device_authority::StoreError;
use http::header::{ALLOW, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use oidc_proto::{Fault, FaultCode, Operation};

use self::histogram::Histogram;
use self::outcome::Outcomes;
#[cfg(feature = "faults")]
use crate::InjectedFault;
use crate::router::{self, ROUTES};
use crate::side_port::Answers;
use crate::state::State;
use crate::{Handle, Limits};

/// The operations with a histogram of their own. All other requests share one.
const OPERATIONS: [Operation; 9] = [
    Operation::RegisterClient,
    Operation::StartDeviceAuthorization,
    Operation::CreateToken,
    Operation::RevokeToken,
    Operation::IntrospectToken,
    Operation::ListAccounts,
    Operation::ListAccountRoles,
    Operation::GetRoleCredentials,
    Operation::Logout,
];
/// The statuses with which a limit refuses a request, and the names of the limits.
const REFUSALS: [(u16, &str); 4] =
    [(408, "body_timeout"), (413, "body_bytes"), (421, "host"), (431, "headers")];

/// The reason for closing a connection in favour of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Displacement {
    /// The limit on all connections.
    Total,
    /// The limit on those of one address.
    Address,
    /// The system has no descriptors left.
    Descriptors,
}

impl Displacement {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Total, "total"), (Self::Address, "address"), (Self::Descriptors, "descriptors")];
}

/// The counters.
#[derive(Debug)]
pub(crate) struct Metrics {
    outcomes: Outcomes,
    /// The answered requests: for each route, and for unknown ones, a row with each outcome.
    requests: Vec<AtomicU64>,
    /// The durations of each operation, and of all other requests.
    durations: [Histogram; OPERATIONS.len() + 1],
    refusals: [AtomicU64; REFUSALS.len()],
    open: AtomicU64,
    displaced: [AtomicU64; Displacement::ALL.len()],
    guesses_refused: AtomicU64,
    store: Histogram,
    store_full: AtomicU64,
    store_unavailable: AtomicU64,
    #[cfg(feature = "faults")]
    injected: Vec<AtomicU64>,
}

fn zeros(count: usize) -> Vec<AtomicU64> {
    core::iter::repeat_with(AtomicU64::default).take(count).collect()
}

/// Adds one to the counter at this place.
fn count(counters: &[AtomicU64], place: usize) {
    if let Some(counter) = counters.get(place) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let outcomes = Outcomes::new();
        Self {
            requests: zeros((ROUTES.len() + 1) * outcomes.names().len()),
            outcomes,
            durations: Default::default(),
            refusals: Default::default(),
            open: AtomicU64::new(0),
            displaced: Default::default(),
            guesses_refused: AtomicU64::new(0),
            store: Histogram::default(),
            store_full: AtomicU64::new(0),
            store_unavailable: AtomicU64::new(0),
            #[cfg(feature = "faults")]
            injected: zeros(InjectedFault::ALL.len()),
        }
    }

    /// Counts an answered request. Status 0 means that an injected fault left no response.
    pub(crate) fn answered(
        &self,
        path: &str,
        operation: Option<Operation>,
        status: u16,
        code: Option<&FaultCode>,
        took: Duration,
    ) {
        let route = router::place(path).unwrap_or(ROUTES.len());
        count(&self.requests, route * self.outcomes.names().len() + self.outcomes.place(status, code));
        let of_operation = OPERATIONS.iter().position(|known| Some(*known) == operation);
        if let Some(histogram) = self.durations.get(of_operation.unwrap_or(OPERATIONS.len())) {
            histogram.add(took);
        }
        if let Some(limit) = REFUSALS.iter().position(|(refusal, _)| *refusal == status) {
            count(&self.refusals, limit);
        }
    }

    /// Counts an injected fault.
    #[cfg(feature = "faults")]
    pub(crate) fn injected(&self, fault: InjectedFault) {
        if let Some(place) = InjectedFault::ALL.iter().position(|known| *known == fault) {
            count(&self.injected, place);
        }
    }

    /// Counts a connection that has opened.
    pub(crate) fn opened(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a connection that has ended.
    pub(crate) fn ended(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts a connection that was closed in favour of another one.
    pub(crate) fn displaced(&self, why: Displacement) {
        if let Some(place) = Displacement::ALL.iter().position(|(known, _)| *known == why) {
            count(&self.displaced, place);
        }
    }

    /// Counts a user code that was not looked at, after too many wrong ones.
    pub(crate) fn refused_guess(&self) {
        self.guesses_refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an operation of the store.
    pub(crate) fn stored<T>(&self, result: &Result<T, StoreError>, took: Duration) {
        self.store.add(took);
        match result {
            Ok(_) => {}
            Err(StoreError::Full { .. }) => {
                self.store_full.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => {
                self.store_unavailable.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// The port of the metrics.
#[derive(Clone, Debug)]
pub(crate) struct Scrape {
    pub(crate) state: Arc<State>,
}

impl Answers for Scrape {
    const NAME: &'static str = "the metrics";

    fn limits(&self) -> &Limits {
        &self.state.limits
    }

    async fn answer(
        &self,
        head: &Parts,
        _: impl Future<Output = Result<Bytes, Fault>> + Send,
    ) -> Response<Vec<u8>> {
        let (status, text) = match (head.uri.path(), &head.method) {
            ("/metrics", &Method::GET | &Method::HEAD) => {
                (StatusCode::OK, render::render(&self.state).await.unwrap_or_default())
            }
            ("/metrics", _) => (StatusCode::METHOD_NOT_ALLOWED, "/metrics takes GET\n".to_owned()),
            _ => (StatusCode::NOT_FOUND, "there is only /metrics\n".to_owned()),
        };
        let media_type = if status == StatusCode::OK { text::TYPE } else { "text/plain; charset=utf-8" };
        let mut response = Response::new(text.into_bytes());
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        if status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        response
    }
}

impl Handle {
    /// Returns the metrics in Prometheus' text form, if [`crate::Config::with_metrics`] asked for them. A program with
    /// an HTTP server of its own can show them there.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sso_oidc_server::{Config, InProcess};
    ///
    /// let config = Config::default().with_metrics("127.0.0.1:0".parse()?);
    /// let service = InProcess::new(config, || Duration::ZERO)?;
    /// let url = format!("{}/health", service.endpoint());
    /// service.answer(&http::Request::get(url).body(&b""[..])?);
    /// let metrics = service.handle().metrics().ok_or("the configuration has them")?;
    /// assert!(metrics.contains(
    ///     "\nsso_oidc_requests_total{operation=\"-\",route=\"/health\",outcome=\"success\"} 1\n"
    /// ));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn metrics(&self) -> Option<String> {
        self.state.wait(render::render(&self.state))
    }

    /// Returns the URL of the port of [`crate::Config::with_metrics`], for example `http://127.0.0.1:49154`. Prometheus
    /// asks for `/metrics` there.
    ///
    /// ```
    /// use sso_oidc_server::{Config, TestServer};
    /// let handle = TestServer::with(Config::default().with_metrics("127.0.0.1:0".parse()?))?.handle();
    /// assert!(handle.metrics_endpoint().is_some_and(|url| url.starts_with("http://127.0.0.1:")));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn metrics_endpoint(&self) -> Option<&str> {
        self.state.metrics_endpoint.get().map(String::as_str)
    }
}

//! One request and its response: the log line, and the record for tests.

use core::fmt;
use core::net::IpAddr;
use core::sync::atomic::Ordering;
use core::time::Duration;

use http::Method;
use http::request::Parts;
use oidc_proto::{FaultCode, Operation};

#[cfg(feature = "faults")]
use crate::InjectedFault;
use crate::clock::Clock;
use crate::details::Details;
use crate::grant_id::Presented;
use crate::record::RecordedRequest;
use crate::reply::ErrorName;
use crate::report::{Answer, Event, query};
use crate::request_id::RequestId;
use crate::router;
use crate::state::{Peer, State};

/// The time at which a request had arrived in full.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// The server's uptime then.
    pub(crate) up: Duration,
    /// The same, as [`Clock::ticks`](crate::clock::Clock::ticks) counts it.
    ticks: Duration,
}

impl Arrival {
    /// Returns the arrival of a request at this moment.
    pub(crate) fn now(clock: &Clock) -> Self {
        let ticks = clock.ticks();
        Self { up: clock.up_at(ticks), ticks }
    }
}

/// One request and its response, for the log.
pub(crate) struct Exchange<'a> {
    pub(crate) head: Parts,
    pub(crate) peer: &'a Peer,
    /// The address of the client, if a trusted proxy names it.
    pub(crate) client: Option<IpAddr>,
    pub(crate) operation: Option<Operation>,
    /// `None` for a request that was answered by its head, and for one of which the server did not read the rest.
    pub(crate) arrival: Option<Arrival>,
    pub(crate) status: u16,
    pub(crate) error: Option<ErrorName>,
    pub(crate) request_id: Option<RequestId>,
    /// The code or token that the request presented, for the report.
    pub(crate) grant: Option<Presented>,
    pub(crate) details: Details,
    #[cfg(feature = "faults")]
    pub(crate) injected: Option<InjectedFault>,
    #[cfg(feature = "faults")]
    pub(crate) others_in_flight: usize,
}

/// Returns the method for the log. Text from a client stays out of it.
fn method_name(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| known == method).unwrap_or("unknown")
}

/// The address of a client in the log: that of its connection, unless a trusted proxy names another.
struct Client<'a>(&'a Peer, Option<IpAddr>);

impl fmt::Display for Client<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(peer, named) = self;
        match named {
            Some(address) => address.fmt(f),
            None => f.write_str(&peer.name),
        }
    }
}

impl<'a> Exchange<'a> {
    /// Creates an exchange without a response.
    pub(crate) fn new(head: Parts, peer: &'a Peer) -> Self {
        Self {
            head,
            peer,
            client: None,
            operation: None,
            arrival: None,
            status: 0,
            error: None,
            request_id: None,
            grant: None,
            details: Details::default(),
            #[cfg(feature = "faults")]
            injected: None,
            #[cfg(feature = "faults")]
            others_in_flight: 0,
        }
    }

    /// Writes the exchange to the log, and to the latest requests if the server remembers any.
    pub(crate) fn record(&mut self, state: &State) {
        state.requests.fetch_add(1, Ordering::Relaxed);
        let path = self.head.uri.path();
        let arrival = self.arrival.unwrap_or_else(|| Arrival::now(&state.clock));
        let took = state.clock.ticks().saturating_sub(arrival.ticks);
        if let Some(metrics) = &state.metrics {
            let code = self.error.as_ref().map(ErrorName::code);
            metrics.answered(path, self.operation, self.status, code, took);
            #[cfg(feature = "faults")]
            if let Some(fault) = self.injected {
                metrics.injected(fault);
            }
        }
        tracing::info!(
            method = method_name(&self.head.method),
            operation = self.operation.map(Operation::name),
            route = router::name(path),
            sent = self.status,
            error = self.error.as_ref().map(ErrorName::as_str),
            injected = self.injected_name(),
            duration = took.as_secs_f64(),
            request_id = self.request_id.as_ref().map(RequestId::as_str),
            connection = self.peer.connection,
            client = %Client(self.peer, self.client),
            "answered"
        );
        if let Some(mut collector) = state.collector() {
            collector.add(self.event(arrival));
        }
        if !state.records.keeps_any() {
            return;
        }
        let details = core::mem::take(&mut self.details);
        state.records.push(RecordedRequest {
            number: 0,
            operation: self.operation,
            method: self.head.method.to_string(),
            path: path.to_owned(),
            at: arrival.up,
            connection: self.peer.connection,
            status: self.status,
            error: self.error.as_ref().map(|error| error.as_str().to_owned()),
            request_id: self.request_id.as_ref().map_or("", RequestId::as_str).to_owned(),
            client_id: details.client_id,
            client_name: details.client_name,
            scopes: details.scopes,
            start_url: details.start_url,
            user_code: details.user_code,
            grant_type: details.grant_type,
            issued: details.issued,
            #[cfg(feature = "faults")]
            injected: self.injected,
            #[cfg(feature = "faults")]
            others_in_flight: self.others_in_flight,
        });
    }

    /// Returns the exchange as the report counts it.
    fn event(&self, arrival: Arrival) -> Event {
        Event {
            at: arrival.up,
            operation: self.operation,
            grant: self.grant,
            has_secret_in_query: query::has_secret(self.head.uri.query()),
            answer: self.is_delivered().then(|| self.answer()),
        }
    }

    fn answer(&self) -> Answer {
        match self.error.as_ref().map(ErrorName::code) {
            None if (200..300).contains(&self.status) => Answer::Success,
            Some(FaultCode::SlowDown) => Answer::SlowDown,
            Some(FaultCode::AccessDenied | FaultCode::ExpiredToken | FaultCode::InvalidGrant) => {
                Answer::Final
            }
            _ => Answer::Other,
        }
    }

    /// Returns whether the client got the response, as far as injected faults decide it.
    #[cfg(feature = "faults")]
    fn is_delivered(&self) -> bool {
        self.injected.is_none_or(InjectedFault::delivers)
    }

    #[cfg(not(feature = "faults"))]
    #[expect(clippy::unused_self, reason = "with the feature `faults` it reads a field")]
    const fn is_delivered(&self) -> bool {
        true
    }

    #[cfg(feature = "faults")]
    fn injected_name(&self) -> Option<&'static str> {
        self.injected.map(InjectedFault::name)
    }

    #[cfg(not(feature = "faults"))]
    #[expect(clippy::unused_self, reason = "with the feature `faults` it reads a field")]
    const fn injected_name(&self) -> Option<&'static str> {
        None
    }
}

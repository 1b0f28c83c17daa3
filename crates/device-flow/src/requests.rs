//! The requests of one machine, of which at most one is in flight, and its clock.

use std::sync::Arc;

use http::Response;
use oidc_proto::{Dialect, Request};

use crate::{ApiMisuse, PendingRequest, Reply, ResponseBody, Tick, TransportError};

/// The requests of a flow or of a renewal.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Requests {
    /// The identity of the machine on its requests.
    identity: Arc<()>,
    /// The serial number of the latest request. Earlier ones are stale.
    serial: u64,
    /// The time when the request in flight was sent.
    in_flight: Option<Tick>,
    /// The latest time seen. An earlier time is read as this.
    latest: Tick,
}

/// The result of a request, as a machine handles it.
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart at once, so a box would cost more than it saves"
)]
pub(crate) enum Received {
    /// A reply, and the transport error that explains it.
    Reply(Reply, Option<Box<TransportError>>),
    /// The HTTP client turned out to be unsafe, so nothing more may be sent.
    Final(Box<TransportError>),
}

impl Requests {
    pub(crate) fn starting(now: Tick) -> Self {
        Self { identity: Arc::new(()), serial: 0, in_flight: None, latest: now }
    }

    /// Records `now` and returns the latest time seen.
    pub(crate) fn advance(&mut self, now: Tick) -> Tick {
        self.latest = self.latest.max(now);
        self.latest
    }

    /// Returns the latest time seen.
    pub(crate) const fn latest(&self) -> Tick {
        self.latest
    }

    /// Returns the time when the request in flight was sent.
    pub(crate) const fn in_flight(&self) -> Option<Tick> {
        self.in_flight
    }

    /// Records that no request is in flight. The result of an earlier one is stale from now on.
    pub(crate) const fn end(&mut self) {
        self.in_flight = None;
    }

    /// Records that this request is in flight, as the first attempt and without a deadline.
    pub(crate) fn begin(&mut self, request: Request, dialect: Dialect, now: Tick) -> PendingRequest {
        self.serial = self.serial.wrapping_add(1);
        self.in_flight = Some(now);
        PendingRequest {
            request,
            flow: Arc::clone(&self.identity),
            serial: self.serial,
            dialect,
            #[cfg(feature = "tracing")]
            phase: None,
            attempt: 1,
            sent_at: now,
            deadline: None,
        }
    }

    /// Returns when this request was sent, if it is the one in flight.
    fn sent_at(&self, pending: &PendingRequest) -> Result<Tick, ApiMisuse> {
        let is_ours = self.serial == pending.serial && Arc::ptr_eq(&pending.flow, &self.identity);
        self.in_flight.filter(|_| is_ours).ok_or(ApiMisuse::StaleRequest)
    }

    /// Returns when this request was sent, if it is the one in flight and this can be its reply.
    pub(crate) fn answered_by(&self, pending: &PendingRequest, reply: &Reply) -> Result<Tick, ApiMisuse> {
        let sent_at = self.sent_at(pending)?;
        match reply.success_of() {
            Some(operation) if operation != pending.operation() => {
                Err(ApiMisuse::WrongOperation { request: pending.operation(), reply: operation })
            }
            _ => Ok(sent_at),
        }
    }

    /// Decodes the result of this request, if it is the one in flight.
    pub(crate) fn receive(
        &self,
        pending: &PendingRequest,
        now: Tick,
        result: Result<Response<ResponseBody>, TransportError>,
    ) -> Result<Received, ApiMisuse> {
        // Logged even if it comes too late.
        #[cfg(feature = "tracing")]
        crate::events::exchanged(&pending.exchange(now, &result), pending.phase, result.as_ref().err());
        #[cfg(not(feature = "tracing"))]
        let _ = now;
        self.sent_at(pending)?;
        Ok(match result {
            Ok(mut response) => {
                let reply = Reply::decode(pending, &response);
                Received::Reply(reply, response.body_mut().take_error())
            }
            Err(error) if error.is_final() => Received::Final(Box::new(error)),
            Err(error) => {
                let reply = Reply::Failed(error.failure());
                Received::Reply(reply, error.is_telling().then(|| Box::new(error)))
            }
        })
    }
}

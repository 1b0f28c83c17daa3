//! The requests of one machine, of which at most one is in flight, and its clock.

use alloc::sync::Arc;

use http::Response;
use oidc_proto::{Dialect, Request};

use crate::{ApiMisuse, PendingRequest, Reply, ResponseBody, Tick, TransientError, TransportError};

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
    /// The latest transport error, until it no longer explains the machine's state. It is shared, so that a test
    /// can copy a machine.
    cause: Option<Arc<TransportError>>,
}

impl Requests {
    pub(crate) fn starting(now: Tick) -> Self {
        Self { identity: Arc::new(()), serial: 0, in_flight: None, latest: now, cause: None }
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

    /// Forgets the transport error, because it does not explain what follows.
    pub(crate) fn forget_cause(&mut self) {
        self.cause = None;
    }

    /// Returns the latest transport error, if this error of the machine is one.
    pub(crate) fn cause_of(&self, error: Option<&TransientError>) -> Option<&TransportError> {
        error.filter(|error| matches!(error, TransientError::Failed(_))).and(self.cause.as_deref())
    }

    /// Takes the transport error that explains the machine's state.
    pub(crate) fn take_cause(&mut self) -> Option<TransportError> {
        self.cause.take().and_then(Arc::into_inner)
    }

    /// Decodes the result of this request, if it is the one in flight.
    ///
    /// `None` means that the HTTP client turned out to be unsafe: the machine has to end.
    pub(crate) fn receive(
        &mut self,
        pending: &PendingRequest,
        now: Tick,
        result: Result<Response<ResponseBody>, TransportError>,
    ) -> Result<Option<Reply>, ApiMisuse> {
        // Logged even if it comes too late.
        #[cfg(feature = "tracing")]
        crate::events::exchanged(&pending.exchange(now, &result), pending.phase, result.as_ref().err());
        #[cfg(not(feature = "tracing"))]
        let _ = now;
        self.sent_at(pending)?;
        let (reply, error) = match result {
            Ok(mut response) => (
                Some(Reply::decode(pending, &response)),
                response.body_mut().take_error().map(|error| *error),
            ),
            Err(error) if error.is_final() => (None, Some(error)),
            Err(error) => {
                (Some(Reply::Failed(error.failure())), Some(error).filter(TransportError::is_telling))
            }
        };
        // Not cleared without an error: the reply that proves a loss comes after the error.
        if let Some(error) = error {
            self.cause = Some(Arc::new(error));
        }
        Ok(reply)
    }
}

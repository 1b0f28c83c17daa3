//! A plain call: one request that is no part of a flow.

use core::error::Error;

use http::Response;
use oidc_proto::{Answer, Request};

use super::{Body, Received, Sent, Unanswered};
use crate::events;
use crate::{CallError, TransportError};

/// A plain call that is about to be sent, once: one operation by itself, which is no part of a flow.
#[derive(Debug)]
#[must_use = "send the request, then hand what came of it to `Calling::answer`"]
pub struct Calling<'a>(&'a Request);

impl<'a> Calling<'a> {
    /// A call by this request.
    pub fn with(request: &'a Request) -> Self {
        events::sending(request, None, 1);
        Self(request)
    }

    /// The answer, as `decode` reads it. A body that broke off is judged by what arrived: it may be whole, and if not, its
    /// status still speaks.
    ///
    /// # Errors
    /// Everything but a success.
    pub fn answer<T, E: Error + 'static>(
        self,
        sent: Sent<E>,
        decode: impl FnOnce(&Response<Body>) -> Answer<T>,
    ) -> Result<T, CallError<TransportError<E>>> {
        events::exchanged(&sent.exchange(self.0.operation(), 1), None, sent.cause());
        match sent.result {
            Ok(Received { response, broken: _ }) => CallError::from_answer(decode(&response)),
            Err(Unanswered { failure, source }) => Err(CallError::transport(failure, source)),
        }
    }
}

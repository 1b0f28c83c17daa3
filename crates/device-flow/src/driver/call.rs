//! A plain call: one request that is no part of a flow.

use core::error::Error;

use http::Response;
use oidc_proto::{Answer, Request};

use super::{Body, Received, Sent, Unanswered};
use crate::events;
use crate::{CallError, TransportError};

/// A plain call that is about to be sent, once: one operation by itself, which is no part of a flow.
///
/// ```
/// use core::time::Duration;
/// use device_flow::driver::{Body, Calling, Received, Sent};
/// use oidc_proto::{Endpoint, RegisterClientRequest, Service};
///
/// let ask = RegisterClientRequest::new("my-tool");
/// let service = Service::from(Endpoint::for_region("eu-west-1")?);
/// let request = service.encode(&ask).ok_or("AWS has it")?;
/// let calling = Calling::with(&request);
/// // From an HTTP client:
/// let mut body = Body::expecting(None);
/// body.push(br#"{"clientId":"id","clientSecret":"s","clientSecretExpiresAt":1800000000}"#);
/// let received = Received::whole(http::Response::new(body));
/// let sent = Sent::<std::io::Error>::new(Ok(received), Duration::from_millis(80));
/// let registration = calling.answer(sent, |response| service.decode::<RegisterClientRequest, _>(response))?;
/// assert_eq!(registration.client.id, "id");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    /// ```
    /// # use core::time::Duration;
    /// # use device_flow::{CallError, Failure};
    /// # use device_flow::driver::{Calling, Sent, Unanswered};
    /// # use oidc_proto::{Endpoint, RegisterClientRequest, Service};
    /// # let service = Service::from(Endpoint::for_region("eu-west-1")?);
    /// # let request = service.encode(&RegisterClientRequest::new("my-tool")).ok_or("AWS has it")?;
    /// let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    /// let sent = Sent::new(Err(Unanswered::new(Failure::NotSent, refused)), Duration::ZERO);
    /// let answer = Calling::with(&request).answer(sent, |response| service.decode::<RegisterClientRequest, _>(response));
    /// assert!(matches!(answer, Err(CallError::Transport { failure: Failure::NotSent, .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

//! A plain call: one operation outside a flow.

use core::error::Error;
use core::time::Duration;

use http::Response;
use oidc_proto::oauth::MetadataError;
use oidc_proto::{Answer, Fault, Indeterminate, InvalidResponse, Operation, Request};

use crate::{ResponseBody, SearchError, TransportError};

/// One operation outside a flow, to send once.
///
/// ```
/// use core::time::Duration;
/// use device_flow::{CallError, PlainCall, ResponseBody};
/// use oidc_proto::{Endpoint, Operation, RegisterClientRequest, Service};
///
/// let service = Service::from(Endpoint::for_region("eu-west-1")?);
/// let ask = RegisterClientRequest::new("my-tool");
/// let call = PlainCall::new(service.encode(&ask).ok_or(CallError::UnsupportedOperation(Operation::RegisterClient))?);
/// assert_eq!(call.request().uri().path(), "/client/register");
/// // From an HTTP client:
/// let body = r#"{"clientId":"id","clientSecret":"s","clientSecretExpiresAt":1800000000}"#;
/// let result = Ok(http::Response::new(ResponseBody::from(body)));
/// let took = Duration::from_millis(80);
/// let registration = call.on_result(took, result, |response| service.decode::<RegisterClientRequest, _>(response))?;
/// assert_eq!(registration.client.id, "id");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "send the request, then pass its result to `on_result`"]
pub struct PlainCall(Request);

impl PlainCall {
    /// Creates a call of this request, which is about to be sent.
    pub fn new(request: Request) -> Self {
        #[cfg(feature = "tracing")]
        crate::events::calling(&request);
        Self(request)
    }

    /// Returns the request to send.
    #[must_use]
    pub const fn request(&self) -> &Request {
        &self.0
    }

    /// Returns the response, decoded by `decode`. `took` is the time from sending to the last byte. A body
    /// that broke off is judged by the received bytes: it may be complete, and otherwise its status counts.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_flow::{CallError, Failure, PlainCall, TransportError};
    /// # use oidc_proto::{Endpoint, RegisterClientRequest, Service};
    /// # let service = Service::from(Endpoint::for_region("eu-west-1")?);
    /// # let call = PlainCall::new(service.encode(&RegisterClientRequest::new("my-tool")).ok_or("AWS has it")?);
    /// let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    /// let result = Err(TransportError::new(Failure::NotSent, refused));
    /// let decode = |response: &_| service.decode::<RegisterClientRequest, _>(response);
    /// let answer = call.on_result(Duration::ZERO, result, decode);
    /// assert!(matches!(answer, Err(CallError::Transport(error)) if error.failure() == Failure::NotSent));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error for every result but a success.
    pub fn on_result<T>(
        self,
        took: Duration,
        result: Result<Response<ResponseBody>, TransportError>,
        decode: impl FnOnce(&Response<ResponseBody>) -> Answer<T>,
    ) -> Result<T, CallError> {
        #[cfg(feature = "tracing")]
        crate::events::called(
            &crate::Exchange::new(self.0.operation(), 1, took, &result),
            result.as_ref().err(),
        );
        #[cfg(not(feature = "tracing"))]
        let _ = took;
        let mut answer = decode(&result.map_err(CallError::Transport)?);
        self.0.redact(&mut answer);
        match answer {
            Answer::Success(value) => Ok(value),
            Answer::Fault(fault) => Err(CallError::Fault(fault)),
            Answer::Indeterminate(indeterminate) => Err(CallError::Indeterminate(indeterminate)),
            Answer::InvalidResponse(invalid) => Err(CallError::InvalidResponse(invalid)),
        }
    }
}

/// The reason why a plain call failed.
///
/// `Display` never quotes a body. It includes the service's own text, without control characters.
///
/// ```
/// use device_flow::{CallError, Failure, TransportError};
/// use oidc_proto::{Fault, FaultCode};
///
/// let mut fault = Fault::new(FaultCode::SlowDown);
/// fault.request_id = Some("4711".to_owned());
/// assert_eq!(CallError::Fault(fault).request_id(), Some("4711"));
/// let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
/// let lost = CallError::Transport(TransportError::new(Failure::Unknown, reset));
/// assert_eq!(lost.request_id(), None);
/// assert_eq!(lost.to_string(), "the connection failed or timed out before a response arrived");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The service refused, or asked the client to wait.
    #[error("{0}")]
    Fault(Fault),
    /// A response without the service's verdict.
    #[error("unexpected response: {0}")]
    Indeterminate(Indeterminate),
    /// A success without a required member.
    #[error("{0}")]
    InvalidResponse(InvalidResponse),
    /// The service has no URL for this operation, so no request was sent.
    #[error("the service has no endpoint for {0}")]
    UnsupportedOperation(Operation),
    /// No response came.
    #[error("{}", .0.failure())]
    Transport(#[source] TransportError),
    /// The session has no refresh token, or belongs to another service. No request was sent.
    #[error("the session cannot be refreshed: it has no refresh token, or belongs to another service")]
    NotRefreshable,
    /// The program cancelled the call. The service may have received the request.
    #[error("the call was cancelled")]
    Cancelled,
}

impl CallError {
    /// Returns whether no peer responded: see [`TransportError::is_offline`].
    ///
    /// ```
    /// use device_flow::{CallError, Failure};
    /// assert!(CallError::Transport(Failure::NotSent.into()).is_offline());
    /// ```
    #[must_use]
    pub fn is_offline(&self) -> bool {
        matches!(self, Self::Transport(error) if error.is_offline())
    }

    /// Returns whether a retry would be refused too: a [`Fault`] that is not
    /// [transient](Fault::is_transient), or no refresh token to send. After a refused refresh only a new
    /// sign-in helps. After any other error a valid token is still good.
    ///
    /// ```
    /// use device_flow::{CallError, Failure};
    /// use oidc_proto::{Fault, FaultCode};
    ///
    /// assert!(CallError::Fault(Fault::new(FaultCode::InvalidGrant)).is_refusal());
    /// assert!(!CallError::Fault(Fault::new(FaultCode::InternalServer)).is_refusal());
    /// assert!(!CallError::Transport(Failure::NotSent.into()).is_refusal());
    /// ```
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Fault(fault) => !fault.is_transient(),
            Self::UnsupportedOperation(_) | Self::NotRefreshable => true,
            Self::Indeterminate(_) | Self::InvalidResponse(_) | Self::Transport(_) | Self::Cancelled => false,
        }
    }

    /// Returns the service's request id, for AWS's support, if a response had one.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Fault(fault) => fault.request_id.as_deref(),
            Self::Indeterminate(indeterminate) => indeterminate.request_id.as_deref(),
            Self::InvalidResponse(invalid) => invalid.request_id.as_deref(),
            Self::UnsupportedOperation(_) | Self::Transport(_) | Self::NotRefreshable | Self::Cancelled => {
                None
            }
        }
    }
}

/// The reason why a provider's metadata is unavailable or unusable. `B` is the adapter's error of building a
/// client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError<B: Error + 'static> {
    /// The HTTP client could not be built.
    #[error(transparent)]
    Build(B),
    /// The client's provider has known URLs, so there is no issuer to search at.
    #[error("discovery requires an issuer, but the client was built with the provider's URLs")]
    NoIssuer,
    /// The issuer is not a URL with metadata below it.
    #[error("invalid issuer URL")]
    Issuer(#[source] oidc_proto::EndpointError),
    /// The search found no metadata of this issuer.
    #[error(transparent)]
    Search(SearchError),
    /// The program cancelled the search.
    #[error("the search for the provider's metadata was cancelled")]
    Cancelled,
    /// The metadata lacks a required endpoint, or has an invalid one.
    #[error(transparent)]
    Metadata(MetadataError),
}

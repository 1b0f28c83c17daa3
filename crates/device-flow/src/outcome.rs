//! The outcomes of a flow, and the hints for the person.

use core::fmt;
use core::time::Duration;

use oidc_proto::{
    Fault, FaultCode, Indeterminate, InvalidResponse, Operation, Registration, Token, printable,
};

use crate::polling::is_missing_endpoint;
use crate::{Failure, Tick};

/// A successful end: the person approved, and the service issued a token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Granted {
    /// The token.
    pub token: Token,
    /// The time when the token's request was sent. Counting the token's life from here never overestimates
    /// it.
    pub requested_at: Tick,
    /// The registration that was used.
    pub registration: Registration,
    /// Whether this flow made the registration, so a cache should store it.
    pub newly_registered: bool,
}

/// The end of a flow without a token. `Display` has the reason and a hint, without secrets and control
/// characters.
///
/// ```
/// use device_flow::Outcome;
/// use oidc_proto::{Fault, FaultCode};
///
/// let mut fault = Fault::new(FaultCode::AccessDenied);
/// fault.request_id = Some("4711".to_owned());
/// let outcome = Outcome::Denied(fault);
/// assert_eq!((outcome.name(), outcome.request_id()), ("denied", Some("4711")));
/// assert_eq!(outcome.hint(), Some("If that was a mistake, start again and approve the request"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The person denied the request: the service's `access_denied`.
    Denied(Fault),
    /// The code expired before its approval.
    Expired(Expiry),
    /// The service refused for good: any fault without a meaning of its own here (RFC 8628 §3.5: stop
    /// polling).
    #[non_exhaustive]
    Rejected {
        /// The refused operation.
        operation: Operation,
        /// The service's fault.
        fault: Fault,
    },
    /// The program called [`cancel`](crate::DeviceFlow::cancel), or a driver did because its HTTP client is
    /// unsafe ([`TransportError::is_final`](crate::TransportError::is_final)).
    Cancelled,
    /// The response to a CreateToken request was lost, and the code later turned out to be spent or expired.
    /// If the person approved, the token was lost with that response. The [`Expiry`] is as with
    /// [`Outcome::Expired`].
    GrantLost(Expiry),
    /// The service, or a party in front of it, refused plainly: a 404 page, an access proxy's 401, a
    /// redirect. A retry would get the same. At the token endpoint only three responses in a row without an
    /// endpoint end a sign-in.
    #[non_exhaustive]
    Refused {
        /// The operation.
        operation: Operation,
        /// The response, with its text.
        answer: Indeterminate,
    },
    /// The service gave no usable response within the policy's retry window, or for the code's whole life. Or a proxy
    /// refused to forward the request ([`Failure::ProxyRefused`]).
    #[non_exhaustive]
    Unreachable {
        /// The operation.
        operation: Operation,
        /// The latest error.
        error: TransientError,
    },
    /// A success without a required member.
    InvalidResponse(InvalidResponse),
    /// The service has no URL for this operation, so no request was sent. For example, the provider has no
    /// registration endpoint and the policy no client.
    UnsupportedOperation(Operation),
    /// The service is AWS's, and the policy has no start URL for its portal. No request was sent.
    NoStartUrl,
    /// In the code flow: the browser did not come back within
    /// [`Policy::redirect_timeout`](crate::Policy::redirect_timeout). The person closed the page, say, or the
    /// page showed an error.
    NoRedirect,
    /// In the code flow: the browser came back with an error other than `access_denied` (RFC 6749 §4.1.2.1).
    AuthorizationFailed(Fault),
    /// In the code flow: the browser came back with the response of another issuer (RFC 9207). `None` is a
    /// response without an issuer, of a provider that promises to name itself. The code was not sent
    /// anywhere.
    WrongIssuer(Option<String>),
    /// In the code flow: the service has no authorization endpoint. No request was sent.
    NoAuthorizationEndpoint,
    /// The policy requires PKCE ([`Pkce::Always`](crate::Pkce::Always)), and the driver gave the flow no
    /// verifier ([`DeviceFlow::with_pkce`](crate::DeviceFlow::with_pkce)). No request was sent.
    NoVerifier,
}

impl Outcome {
    /// Returns a hint for the person or the program, as a sentence without its full stop; `None` if the
    /// outcome's own text is enough.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Denied(_) => Some("If that was a mistake, start again and approve the request"),
            Self::Expired(_) | Self::GrantLost(_) => Some("Start again for a new code"),
            Self::Refused { answer, .. } => Some(refusal_hint(answer)),
            Self::Unreachable { error: TransientError::Failed(Failure::ProxyRefused), .. } => {
                Some("Check the proxy's URL and credentials, and that the proxy allows the service's host")
            }
            Self::Unreachable { error: TransientError::Failed(_), .. } => {
                Some("Check the endpoint, the region and the network")
            }
            Self::Unreachable { error: TransientError::Indeterminate(answer), .. } => {
                Some(refusal_hint(answer))
            }
            Self::Unreachable { error: TransientError::Fault(_), .. } => {
                Some("The service is overloaded or failed; try again later")
            }
            Self::UnsupportedOperation(_) => {
                Some("Configure that endpoint, or use a client that is already registered")
            }
            Self::NoStartUrl => {
                Some("Create the policy with `Policy::aws`, or build the client for a provider")
            }
            Self::NoVerifier => Some("Pass a verifier to the flow with `DeviceFlow::with_pkce`"),
            Self::InvalidResponse(invalid) if matches!(invalid.operation, Operation::CreateToken) => {
                Some("Start again for a new code")
            }
            Self::NoRedirect => {
                Some("If the page showed an error, start again; otherwise use the device flow")
            }
            Self::WrongIssuer(_) => Some("Check the issuer and the page that you signed in on"),
            Self::NoAuthorizationEndpoint => Some("Use the device flow, or configure the endpoint"),
            Self::Rejected { fault, .. } if fault.is_about_key() => Some(
                "The KMS key of the Identity Center instance blocked the request (no person denied it); ask an \
                 administrator to change the key's policy or state",
            ),
            Self::Rejected { .. }
            | Self::Cancelled
            | Self::InvalidResponse(_)
            | Self::AuthorizationFailed(_) => None,
        }
    }

    /// Returns the service's request id of the deciding response, for AWS's support, if it had one.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Denied(fault)
            | Self::Rejected { fault, .. }
            | Self::Expired(Expiry::Service(fault))
            | Self::GrantLost(Expiry::Service(fault)) => fault.request_id.as_deref(),
            Self::Expired(Expiry::Clock(error)) | Self::GrantLost(Expiry::Clock(error)) => {
                error.as_ref().and_then(TransientError::request_id)
            }
            Self::Refused { answer, .. } => answer.request_id.as_deref(),
            Self::Unreachable { error, .. } => error.request_id(),
            Self::InvalidResponse(invalid) => invalid.request_id.as_deref(),
            // A browser's request has none.
            Self::NoRedirect | Self::AuthorizationFailed(_) | Self::WrongIssuer(_) => None,
            Self::Cancelled
            | Self::UnsupportedOperation(_)
            | Self::NoStartUrl
            | Self::NoAuthorizationEndpoint
            | Self::NoVerifier => None,
        }
    }

    pub(crate) fn rejected(operation: Operation, fault: &Fault) -> Self {
        Self::Rejected { operation, fault: fault.clone() }
    }

    pub(crate) const fn refused(operation: Operation, answer: Indeterminate) -> Self {
        Self::Refused { operation, answer }
    }

    pub(crate) const fn unreachable(operation: Operation, error: TransientError) -> Self {
        Self::Unreachable { operation, error }
    }

    /// Returns whether a failed connection is part of the outcome, so that the driver's transport error
    /// explains it. A driver that gave up cancels with its reason.
    pub(crate) const fn is_about_transport(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { error: TransientError::Failed(_) | TransientError::Indeterminate(_), .. }
                | Self::Expired(Expiry::Clock(Some(
                    TransientError::Failed(_) | TransientError::Indeterminate(_)
                )))
                | Self::Refused { .. }
                | Self::GrantLost(_)
                | Self::Cancelled
        )
    }
}

/// Returns the hint for a response without a verdict. A response came, so the network is not to blame.
const fn refusal_hint(answer: &Indeterminate) -> &'static str {
    match answer.status {
        401 | 407 => {
            "A proxy in front of the service may require a login, or the service may not accept this client"
        }
        403 => "Check that this client may sign in here, and that no proxy blocks the request",
        404 | 405 | 410 | 501 => "Check the endpoint: the server has no such URL",
        300..=399 => "Check the endpoint: redirects are not followed, because the request carries secrets",
        429 => "Too many requests; try again in a minute",
        400..=499 => "Check the endpoint, and that this way to sign in is enabled for this client",
        500..=599 => "The service, or a proxy in front of it, failed; try again later",
        _ => "Check the endpoint, and whether a proxy responds in its place",
    }
}

/// The source of a code's expiry: spent, or past its life.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expiry {
    /// The service: `expired_token`, or `invalid_grant` for a spent code.
    Service(Fault),
    /// The flow's own clock: `expiresIn` has passed since the code arrived, and nothing more was sent. Holds
    /// the latest error of the last polls, if any.
    Clock(Option<TransientError>),
}

impl Expiry {
    pub(crate) fn by_clock(error: Option<Box<TransientError>>) -> Self {
        Self::Clock(error.map(|error| *error))
    }
}

/// The reason why a response is indeterminate.
///
/// ```
/// use device_flow::{Failure, TransientError};
/// use oidc_proto::{Fault, FaultCode};
///
/// let mut fault = Fault::new(FaultCode::InternalServer);
/// fault.request_id = Some("4711".to_owned());
/// assert_eq!(TransientError::Fault(fault).request_id(), Some("4711"));
/// assert_eq!(TransientError::Failed(Failure::NotSent).request_id(), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum TransientError {
    /// No response came. The driver has the cause.
    Failed(Failure),
    /// A response without the service's verdict.
    Indeterminate(Indeterminate),
    /// The service failed or throttled (`server_error` and the like), or the polls were too fast
    /// (`slow_down`).
    Fault(Fault),
}

impl TransientError {
    /// Returns the service's request id, for AWS's support, if a response had one.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Failed(_) => None,
            Self::Indeterminate(indeterminate) => indeterminate.request_id.as_deref(),
            Self::Fault(fault) => fault.request_id.as_deref(),
        }
    }
}

impl TransientError {
    /// Returns the wait before the next request, if the service requires one.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Failed(_) => None,
            Self::Indeterminate(indeterminate) => indeterminate.retry_after,
            Self::Fault(fault) => fault.retry_after,
        }
    }

    /// Returns whether the service may have processed the request.
    pub(crate) const fn may_have_acted(&self) -> bool {
        match self {
            Self::Failed(failure) => matches!(failure, Failure::Unknown),
            Self::Indeterminate(indeterminate) => indeterminate.may_have_acted(),
            Self::Fault(fault) => fault.status >= 500,
        }
    }

    /// Returns the interval of a `slow_down`, if present.
    pub(crate) const fn interval(&self) -> Option<Duration> {
        match self {
            Self::Failed(_) | Self::Indeterminate(_) => None,
            Self::Fault(fault) => fault.interval,
        }
    }

    /// Returns whether the URL has no endpoint.
    pub(crate) const fn is_missing_endpoint(&self) -> bool {
        matches!(self, Self::Indeterminate(answer) if is_missing_endpoint(answer))
    }

    pub(crate) fn is_slow_down(&self) -> bool {
        matches!(self, Self::Fault(fault) if fault.code == FaultCode::SlowDown)
    }
}

impl fmt::Display for TransientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => failure.fmt(f),
            Self::Indeterminate(indeterminate) => {
                write!(f, "unexpected response: {indeterminate}")
            }
            Self::Fault(fault) if fault.code == FaultCode::SlowDown => {
                write!(f, "the service asked to slow down ({fault})")
            }
            Self::Fault(fault) => write!(f, "the service returned an error: {fault}"),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(f)?;
        match self.hint() {
            Some(hint) => write!(f, ". {hint}"),
            None => Ok(()),
        }
    }
}

impl Outcome {
    /// Returns a summary that depends on nothing in the response: for a title, with [`Display`](fmt::Display)
    /// below it.
    ///
    /// ```
    /// use device_flow::{Expiry, Outcome};
    /// assert_eq!(Outcome::Expired(Expiry::Clock(None)).summary(), "the code expired, and no approval was received");
    /// ```
    #[must_use]
    pub const fn summary(&self) -> &'static str {
        match self {
            Self::Denied(_) => "the sign-in was denied on the approval page",
            Self::Expired(Expiry::Service(_)) => "the code has expired",
            Self::Expired(Expiry::Clock(_)) => "the code expired, and no approval was received",
            Self::Rejected { .. } => "the service refused a request",
            Self::Cancelled => "the sign-in was cancelled",
            Self::GrantLost(_) => "the response to CreateToken was lost",
            Self::Refused { .. } => "a request was refused",
            Self::Unreachable { .. } => "a request got no usable response",
            Self::InvalidResponse(_) => "the service sent an invalid response",
            Self::UnsupportedOperation(_) => "the service has no endpoint for an operation",
            Self::NoStartUrl => "the policy has no start URL, which this service requires",
            Self::NoRedirect => "the browser did not come back in time",
            Self::AuthorizationFailed(_) => "the authorization page returned an error",
            Self::WrongIssuer(_) => "the browser came back with the response of another service",
            Self::NoAuthorizationEndpoint => "the service has no authorization endpoint",
            Self::NoVerifier => "the policy requires PKCE, but the flow has no verifier",
        }
    }

    /// Writes the event, and the service's text.
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let summary = self.summary();
        match self {
            Self::Denied(fault) | Self::Expired(Expiry::Service(fault)) => write!(f, "{summary} ({fault})"),
            Self::Expired(Expiry::Clock(Some(error))) => write!(f, "{summary}; last error: {error}"),
            Self::Rejected { operation, fault } => write!(f, "the service refused {operation}: {fault}"),
            Self::GrantLost(expiry) => {
                write!(f, "{summary}, and the code is no longer valid (")?;
                match expiry {
                    Expiry::Service(fault) => write!(f, "{fault}")?,
                    Expiry::Clock(None) => f.write_str("it has expired")?,
                    Expiry::Clock(Some(error)) => write!(f, "it has expired; last error: {error}")?,
                }
                f.write_str("). If you approved, the token was lost with that response")
            }
            Self::Refused { operation, answer } => write!(f, "{operation} was refused: {answer}"),
            Self::Unreachable { operation, error } => {
                write!(f, "{operation} got no usable response: {error}")
            }
            Self::InvalidResponse(invalid) if invalid.operation == Operation::CreateToken => {
                write!(f, "{invalid}; the code cannot be used again")
            }
            Self::InvalidResponse(invalid) => write!(f, "{invalid}"),
            Self::UnsupportedOperation(operation) => write!(f, "the service has no endpoint for {operation}"),
            Self::AuthorizationFailed(fault) => write!(f, "{summary} ({fault})"),
            Self::WrongIssuer(Some(named)) => write!(f, "{summary}, {}", printable(named)),
            Self::WrongIssuer(None) => write!(f, "{summary}: it names no issuer"),
            Self::Expired(Expiry::Clock(None))
            | Self::Cancelled
            | Self::NoStartUrl
            | Self::NoRedirect
            | Self::NoAuthorizationEndpoint
            | Self::NoVerifier => f.write_str(summary),
        }
    }
}

//! How a flow ends, and what to tell the person.

use core::fmt;
use core::time::Duration;

use oidc_proto::{Fault, FaultCode, NoVerdict, Operation, Registration, Token, Violation};

use crate::polling::is_missing_endpoint;
use crate::{Failure, Tick};

/// A flow's good end: the person approved, and here is the token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Granted {
    /// The token.
    pub token: Token,
    /// When the request was sent that brought it. Counting the token's life from here errs on the safe side.
    pub requested_at: Tick,
    /// The registration that was used.
    pub registration: Registration,
    /// Whether this flow made it, so that a cache should store it.
    pub newly_registered: bool,
}

/// How a flow ended that brought no token. `Display` says what happened and what to do, without secrets and without control characters.
///
/// ```
/// use device_flow::Outcome;
/// use oidc_proto::{Fault, FaultCode};
///
/// let mut fault = Fault::new(FaultCode::AccessDenied);
/// fault.request_id = Some("4711".to_owned());
/// let outcome = Outcome::Denied(fault);
/// assert_eq!((outcome.name(), outcome.request_id()), ("denied", Some("4711")));
/// assert_eq!(outcome.hint(), Some("If that was a mistake, start again and approve it"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The person said no: the service's `access_denied`.
    Denied(Fault),
    /// The code died before it was approved.
    Expired(Expiry),
    /// The service refused for good: any fault that has no meaning of its own here (RFC 8628 §3.5: stop polling).
    #[non_exhaustive]
    Rejected {
        /// What was refused.
        operation: Operation,
        /// The service's word.
        fault: Fault,
    },
    /// [`cancel`](crate::DeviceFlow::cancel) was called, by the program or by a driver whose HTTP client
    /// turned out not to be safe ([`TransportError::is_final`](crate::TransportError::is_final)).
    Cancelled,
    /// The answer to a CreateToken request was lost, and the code turned out to be spent or dead afterwards: if the
    /// person approved, the token was lost with that answer. Who says so, and how, is as with [`Outcome::Expired`].
    GrantLost(Expiry),
    /// The service, or something in front of it, refused plainly and will do so again: a 404 page, the 401 of an access proxy,
    /// a redirect. At the token endpoint only answers which say that there is no such endpoint end a sign-in, and only three
    /// in a row.
    #[non_exhaustive]
    Refused {
        /// What was asked.
        operation: Operation,
        /// The answer, with what it says in its own words.
        answer: NoVerdict,
    },
    /// The service gave no verdict within the patience of the policy, or for the whole life of the code; or a proxy
    /// refused to ask for one ([`Failure::ProxyRefused`]).
    #[non_exhaustive]
    Unreachable {
        /// What was asked.
        operation: Operation,
        /// What happened the last time.
        trouble: Trouble,
    },
    /// The service said success without what a success must have.
    ProtocolViolation(Violation),
    /// The service has no URL for this operation, so nothing was sent: for example a provider without a
    /// registration endpoint, and a policy without a client.
    NotOffered(Operation),
    /// The service is AWS's, which signs in to a portal, and the policy has no start URL. Nothing was sent.
    NoStartUrl,
    /// The policy wants PKCE in any case ([`Pkce::Always`](crate::Pkce::Always)), and the driver gave the flow no verifier
    /// ([`DeviceFlow::with_pkce`](crate::DeviceFlow::with_pkce)). Nothing was sent.
    NoVerifier,
}

impl Outcome {
    /// What the person or the program can do, as a sentence without its full stop; `None` where only the text of the
    /// outcome helps.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Denied(_) => Some("If that was a mistake, start again and approve it"),
            Self::Expired(_) | Self::GrantLost(_) => Some("Start again for a new code"),
            Self::Refused { answer, .. } => Some(refusal_hint(answer)),
            Self::Unreachable { trouble: Trouble::Failed(Failure::ProxyRefused), .. } => Some(
                "Check the proxy's address, the user and password in it, and that it allows the service's host",
            ),
            Self::Unreachable { trouble: Trouble::Failed(_), .. } => {
                Some("Check the endpoint, the region and the network")
            }
            Self::Unreachable { trouble: Trouble::NoVerdict(answer), .. } => Some(refusal_hint(answer)),
            Self::Unreachable { trouble: Trouble::Fault(_), .. } => {
                Some("The service is overloaded or has a fault; try again later")
            }
            Self::NotOffered(_) => Some("Name one, or a client that needs none"),
            Self::NoStartUrl => Some("Make the policy with `Policy::aws`, or the client for a provider"),
            Self::NoVerifier => Some("Give the flow one with `DeviceFlow::with_pkce`"),
            Self::ProtocolViolation(violation) if matches!(violation.operation, Operation::CreateToken) => {
                Some("Start again for a new code")
            }
            Self::Rejected { fault, .. } if fault.is_about_key() => Some(
                "The KMS key that encrypts the instance's data does not allow it, and no person denied it; an administrator \
                 can change the key's policy or state",
            ),
            Self::Rejected { .. } | Self::Cancelled | Self::ProtocolViolation(_) => None,
        }
    }

    /// The service's id of the request that decided it, to quote to support, if a response had one.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Denied(fault)
            | Self::Rejected { fault, .. }
            | Self::Expired(Expiry::Service(fault))
            | Self::GrantLost(Expiry::Service(fault)) => fault.request_id.as_deref(),
            Self::Expired(Expiry::Clock(trouble)) | Self::GrantLost(Expiry::Clock(trouble)) => {
                trouble.as_ref().and_then(Trouble::request_id)
            }
            Self::Refused { answer, .. } => answer.request_id.as_deref(),
            Self::Unreachable { trouble, .. } => trouble.request_id(),
            Self::ProtocolViolation(violation) => violation.request_id.as_deref(),
            Self::Cancelled | Self::NotOffered(_) | Self::NoStartUrl | Self::NoVerifier => None,
        }
    }

    pub(crate) fn rejected(operation: Operation, fault: &Fault) -> Self {
        Self::Rejected { operation, fault: fault.clone() }
    }

    pub(crate) const fn refused(operation: Operation, answer: NoVerdict) -> Self {
        Self::Refused { operation, answer }
    }

    pub(crate) const fn unreachable(operation: Operation, trouble: Trouble) -> Self {
        Self::Unreachable { operation, trouble }
    }

    /// Whether a failed connection is part of the story, so that the driver's transport error explains it. A driver that
    /// gave up cancelled, and says why.
    pub(crate) const fn is_about_transport(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { trouble: Trouble::Failed(_) | Trouble::NoVerdict(_), .. }
                | Self::Expired(Expiry::Clock(Some(Trouble::Failed(_) | Trouble::NoVerdict(_))))
                | Self::Refused { .. }
                | Self::GrantLost(_)
                | Self::Cancelled
        )
    }
}

/// What to do after an answer that is no verdict. An HTTP answer came, so the network is not to blame.
const fn refusal_hint(answer: &NoVerdict) -> &'static str {
    match answer.status {
        401 | 407 => {
            "Something in front of the service wants a login of its own, or the service wants another kind of client"
        }
        403 => "Ask whether this client may sign in here, and whether a proxy in between forbids it",
        404 | 405 | 410 | 501 => "Check the endpoint: there is nothing of the kind at this URL",
        300..=399 => "Check the endpoint: a redirect is not followed, because the request carries secrets",
        429 => "Too many requests; try again in a minute",
        400..=499 => "Check the endpoint, and whether the device flow is enabled for this client",
        500..=599 => "The service, or a proxy in front of it, has a fault; try again later",
        _ => "Check the endpoint, and a proxy in between that answers in its place",
    }
}

/// Who said that the code is dead: spent, or past its life.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expiry {
    /// The service: `expired_token`, or `invalid_grant` for a spent code.
    Service(Fault),
    /// Our own clock: `expiresIn` has passed since the code arrived, and nothing was sent any more. If the last polls
    /// met trouble, here is the latest.
    Clock(Option<Trouble>),
}

impl Expiry {
    pub(crate) fn by_clock(trouble: Option<Box<Trouble>>) -> Self {
        Self::Clock(trouble.map(|trouble| *trouble))
    }
}

/// Why there was no verdict.
///
/// ```
/// use device_flow::{Failure, Trouble};
/// use oidc_proto::{Fault, FaultCode};
///
/// let mut fault = Fault::new(FaultCode::InternalServer);
/// fault.request_id = Some("4711".to_owned());
/// assert_eq!(Trouble::Fault(fault).request_id(), Some("4711"));
/// assert_eq!(Trouble::Failed(Failure::NotSent).request_id(), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Trouble {
    /// No response came. The driver knows the cause.
    Failed(Failure),
    /// A response came that is not the service's word.
    NoVerdict(NoVerdict),
    /// The service's word that it failed or throttles (`server_error` and the like), or that the polls come too fast
    /// (`slow_down`).
    Fault(Fault),
}

impl Trouble {
    /// The service's id of the request, to quote to support, if a response had one.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Failed(_) => None,
            Self::NoVerdict(no_verdict) => no_verdict.request_id.as_deref(),
            Self::Fault(fault) => fault.request_id.as_deref(),
        }
    }
}

impl Trouble {
    /// What the service asks for before the next request, if it does.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Failed(_) => None,
            Self::NoVerdict(no_verdict) => no_verdict.retry_after,
            Self::Fault(fault) => fault.retry_after,
        }
    }

    /// Whether the service may have acted on the request all the same.
    pub(crate) const fn may_have_acted(&self) -> bool {
        match self {
            Self::Failed(failure) => matches!(failure, Failure::Unknown),
            Self::NoVerdict(no_verdict) => no_verdict.may_have_acted(),
            Self::Fault(fault) => fault.status >= 500,
        }
    }

    /// The interval that a `slow_down` names.
    pub(crate) const fn interval(&self) -> Option<Duration> {
        match self {
            Self::Failed(_) | Self::NoVerdict(_) => None,
            Self::Fault(fault) => fault.interval,
        }
    }

    /// Whether it says that there is no such endpoint.
    pub(crate) const fn is_missing_endpoint(&self) -> bool {
        matches!(self, Self::NoVerdict(answer) if is_missing_endpoint(answer))
    }

    pub(crate) fn is_slow_down(&self) -> bool {
        matches!(self, Self::Fault(fault) if fault.code == FaultCode::SlowDown)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => failure.fmt(f),
            Self::NoVerdict(no_verdict) => write!(f, "the service did not answer properly: {no_verdict}"),
            Self::Fault(fault) if fault.code == FaultCode::SlowDown => {
                write!(f, "the service asked to slow down ({fault})")
            }
            Self::Fault(fault) => write!(f, "the service answered that it failed: {fault}"),
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
    /// What happened, in words that depend on nothing that the service said: for a title, with [`Display`](fmt::Display) below it.
    ///
    /// ```
    /// use device_flow::{Expiry, Outcome};
    /// assert_eq!(Outcome::Expired(Expiry::Clock(None)).summary(), "the code expired, and no approval was seen");
    /// ```
    #[must_use]
    pub const fn summary(&self) -> &'static str {
        match self {
            Self::Denied(_) => "the sign-in was denied on the approval page",
            Self::Expired(Expiry::Service(_)) => "the code has expired",
            Self::Expired(Expiry::Clock(_)) => "the code expired, and no approval was seen",
            Self::Rejected { .. } => "the service refused a request",
            Self::Cancelled => "the sign-in was cancelled",
            Self::GrantLost(_) => "the answer to a poll was lost on the way",
            Self::Refused { .. } => "a request was refused",
            Self::Unreachable { .. } => "a request got no verdict",
            Self::ProtocolViolation(_) => "the service broke its protocol",
            Self::NotOffered(_) => "the service has no endpoint for an operation",
            Self::NoStartUrl => "the policy has no start URL, which this service needs",
            Self::NoVerifier => "the policy wants PKCE, and the flow has no verifier",
        }
    }

    /// What happened, and what the service said of it.
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let summary = self.summary();
        match self {
            Self::Denied(fault) | Self::Expired(Expiry::Service(fault)) => write!(f, "{summary} ({fault})"),
            Self::Expired(Expiry::Clock(Some(trouble))) => write!(f, "{summary}; lately {trouble}"),
            Self::Rejected { operation, fault } => write!(f, "the service refused {operation}: {fault}"),
            Self::GrantLost(expiry) => {
                write!(f, "{summary}, and the code cannot be used any more (")?;
                match expiry {
                    Expiry::Service(fault) => write!(f, "{fault}")?,
                    Expiry::Clock(None) => f.write_str("it has expired")?,
                    Expiry::Clock(Some(trouble)) => write!(f, "it has expired; lately {trouble}")?,
                }
                f.write_str("). If you approved, the token was lost with that answer")
            }
            Self::Refused { operation, answer } => write!(f, "{operation} was refused: {answer}"),
            Self::Unreachable { operation, trouble } => write!(f, "{operation} got no verdict: {trouble}"),
            Self::ProtocolViolation(violation) if violation.operation == Operation::CreateToken => {
                write!(f, "{violation}; the code is spent with this answer")
            }
            Self::ProtocolViolation(violation) => write!(f, "{violation}"),
            Self::NotOffered(operation) => write!(f, "the service has no endpoint for {operation}"),
            Self::Expired(Expiry::Clock(None)) | Self::Cancelled | Self::NoStartUrl | Self::NoVerifier => {
                f.write_str(summary)
            }
        }
    }
}

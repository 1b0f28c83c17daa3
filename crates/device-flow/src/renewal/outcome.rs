//! How a renewal ends.

use core::fmt;

use oidc_proto::{Fault, InvalidResponse};

use crate::{CallError, Session, TransientError, TransportError};

/// The end of a renewal, without its data: see [`Renewal::into_result`](super::Renewal::into_result).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RenewalOutcome {
    /// There is a token to use.
    Usable,
    /// Only a new sign-in helps: there is no session, it cannot be refreshed, or the service has ended it.
    SignInNeeded,
    /// A refresh got no response, and the service then called its refresh token invalid. The response
    /// probably had the new one. Only a new sign-in helps.
    SessionLost,
    /// The token has expired, and no verdict about its refresh came. The session is probably still good, so
    /// try later.
    Unreachable,
    /// The token has expired, and another holder kept the lock for too long.
    Busy,
    /// The store cannot be read or locked. The driver has the error.
    StoreFailed,
    /// The token was refreshed, but cannot be stored. The driver has the error.
    NotStored,
    /// The caller has cancelled.
    Cancelled,
}

impl RenewalOutcome {
    /// Returns a stable name, for logs and metrics.
    ///
    /// ```
    /// assert_eq!(device_flow::renewal::RenewalOutcome::SignInNeeded.name(), "sign_in_needed");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Usable => "usable",
            Self::SignInNeeded => "sign_in_needed",
            Self::SessionLost => "session_lost",
            Self::Unreachable => "unreachable",
            Self::Busy => "busy",
            Self::StoreFailed => "store_failed",
            Self::NotStored => "not_stored",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A session whose access token can be used.
///
/// ```
/// # use device_flow::renewal::{Renewal, RenewalPolicy};
/// # use device_flow::{Session, Tick};
/// # use oidc_proto::{Client, Endpoint, Registration, Service, Token, UnixSeconds};
/// # use core::time::Duration;
/// # let service = Service::from(Endpoint::for_region("eu-west-1")?);
/// # let wall = UnixSeconds::new(1_800_000_000);
/// # let token = Token::bearer("access".into(), Duration::from_secs(3600));
/// # let (registration, expiry) = (Registration::new(Client::public("id")), UnixSeconds::new(1_800_003_600));
/// # let session = Session::restored(&service, registration, token, Some(expiry));
/// # let mut renewal = Renewal::new(service, RenewalPolicy::default(), Tick::ZERO);
/// # let _ = renewal.poll(Tick::ZERO);
/// # renewal.on_read(Tick::ZERO, wall, Some(session))?;
/// let usable = renewal.into_result()?;
/// assert_eq!(usable.session.token.access_token.expose(), "access");
/// assert!(!usable.refreshed && usable.warning.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Usable {
    /// The session, as it is stored.
    pub session: Session,
    /// Whether this renewal has refreshed it.
    pub refreshed: bool,
    /// Why the token is not a new one although a refresh is due.
    pub warning: Option<RefreshError>,
    /// The transport's error behind the warning.
    pub cause: Option<Box<TransportError>>,
}

impl Usable {
    /// Creates the result of a sign-in that has just been stored. Only a driver makes one.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_flow::Session;
    /// # use oidc_proto::{Client, Endpoint, Registration, Service, Token};
    /// # let service = Service::from(Endpoint::for_region("eu-west-1")?);
    /// # let token = Token::bearer("access".into(), Duration::from_secs(3600));
    /// # let session = Session::restored(&service, Registration::new(Client::public("id")), token, None);
    /// use device_flow::renewal::Usable;
    /// assert!(!Usable::signed_in(session).refreshed);
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    #[must_use]
    pub const fn signed_in(session: Session) -> Self {
        Self { session, refreshed: false, warning: None, cause: None }
    }
}

/// The reason why a renewal brought no token to use.
///
/// ```
/// # use device_flow::renewal::{Renewal, RenewalOutcome, RenewalPolicy};
/// # use device_flow::Tick;
/// # use oidc_proto::{Endpoint, UnixSeconds};
/// # let mut renewal = Renewal::new(Endpoint::for_region("eu-west-1")?, RenewalPolicy::default(), Tick::ZERO);
/// # let _ = renewal.poll(Tick::ZERO);
/// renewal.on_read(Tick::ZERO, UnixSeconds::new(1_800_000_000), None)?;
/// let end = renewal.into_result().unwrap_err();
/// assert_eq!(end.outcome, RenewalOutcome::SignInNeeded);
/// assert!(end.needs_sign_in() && end.fault().is_none());
/// assert_eq!(end.to_string(), "sign in: no session is stored");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct NotUsable {
    /// The kind of end. It is never [`RenewalOutcome::Usable`].
    pub outcome: RenewalOutcome,
    /// What went wrong, if anything did.
    pub error: Option<RefreshError>,
    /// The session that was read last. With [`RenewalOutcome::NotStored`] it is the refreshed one, which exists
    /// nowhere else.
    pub session: Option<Box<Session>>,
    /// Whether the session's access token is still good. It can be used until the sign-in.
    pub is_alive: bool,
    /// The transport's error.
    pub cause: Option<Box<TransportError>>,
}

impl NotUsable {
    /// Returns whether a new sign-in is needed and would help.
    #[must_use]
    pub const fn needs_sign_in(&self) -> bool {
        matches!(self.outcome, RenewalOutcome::SignInNeeded | RenewalOutcome::SessionLost)
    }

    /// Returns the service's refusal, if it has refused the refresh.
    #[must_use]
    pub const fn fault(&self) -> Option<&Fault> {
        match &self.error {
            Some(RefreshError::Refused(fault)) => Some(fault),
            _ => None,
        }
    }
}

impl fmt::Display for NotUsable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = self.error.as_ref();
        match (self.outcome, error) {
            (RenewalOutcome::SignInNeeded, Some(RefreshError::Refused(fault))) => {
                write!(f, "sign in: the service has refused to refresh the session ({fault})")
            }
            (RenewalOutcome::SignInNeeded, _) if self.session.is_none() => {
                f.write_str("sign in: no session is stored")
            }
            (RenewalOutcome::SignInNeeded, _) => f.write_str(
                "sign in: the session cannot be refreshed, because it has no refresh token or its registration has \
                 expired",
            ),
            (RenewalOutcome::SessionLost, _) => f.write_str(
                "sign in: the response to a refresh was lost, and with it the session's new refresh token",
            ),
            (RenewalOutcome::NotStored, _) => f.write_str("the refreshed session could not be stored"),
            (RenewalOutcome::StoreFailed, _) => f.write_str("the stored session could not be read or locked"),
            (RenewalOutcome::Busy, _) => f.write_str("another process holds the lock of the stored session"),
            (RenewalOutcome::Cancelled, _) => f.write_str("the renewal was cancelled"),
            (_, Some(error)) => write!(f, "the session could not be refreshed: {error}"),
            (_, None) => f.write_str("the session could not be refreshed"),
        }
    }
}

impl core::error::Error for NotUsable {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

/// What prevented a refresh.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefreshError {
    /// The last refresh was attempted a moment ago.
    #[error("the last attempt was a moment ago")]
    Throttled,
    /// Another process holds the lock.
    #[error("another process holds the lock")]
    Busy,
    /// The store cannot be read or locked.
    #[error("the store cannot be read or locked")]
    Store,
    /// No verdict came.
    #[error("{}", untold(.0))]
    NoVerdict(TransientError),
    /// A success without a required member.
    #[error("{0}")]
    InvalidResponse(InvalidResponse),
    /// The service refuses the refresh.
    #[error("{0}")]
    Refused(Fault),
}

fn untold(error: &TransientError) -> String {
    match error {
        TransientError::Failed(failure) => failure.to_string(),
        TransientError::Indeterminate(response) => format!("unexpected response: {response}"),
        TransientError::Fault(fault) => fault.to_string(),
    }
}

impl RefreshError {
    /// Returns a stable name, for logs and metrics.
    ///
    /// ```
    /// assert_eq!(device_flow::renewal::RefreshError::Throttled.name(), "throttled");
    /// ```
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Busy => "busy",
            Self::Store => "store",
            Self::NoVerdict(_) => "no_verdict",
            Self::InvalidResponse(_) => "invalid_response",
            Self::Refused(_) => "refused",
        }
    }

    /// Returns the same error as the error of a single call; `None` if no request was the reason. `cause` is
    /// the transport's error.
    ///
    /// ```
    /// use device_flow::renewal::RefreshError;
    /// use device_flow::{CallError, Failure, TransientError};
    ///
    /// let error = RefreshError::NoVerdict(TransientError::Failed(Failure::NotSent));
    /// assert!(error.into_call_error(None).is_some_and(|error| error.is_offline()));
    /// assert!(RefreshError::Busy.into_call_error(None).is_none());
    /// ```
    #[must_use]
    pub fn into_call_error(self, cause: Option<Box<TransportError>>) -> Option<CallError> {
        Some(match self {
            Self::Throttled | Self::Busy | Self::Store => return None,
            Self::NoVerdict(TransientError::Failed(failure)) => {
                CallError::Transport(cause.map_or_else(|| failure.into(), |cause| *cause))
            }
            Self::NoVerdict(TransientError::Indeterminate(response)) => CallError::Indeterminate(response),
            Self::NoVerdict(TransientError::Fault(fault)) | Self::Refused(fault) => CallError::Fault(fault),
            Self::InvalidResponse(invalid) => CallError::InvalidResponse(invalid),
        })
    }
}

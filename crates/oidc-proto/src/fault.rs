//! Faults: the errors that the service names.

use alloc::borrow::Cow;
use core::fmt;
use core::time::Duration;

use crate::printable;
use crate::words::cut;

/// The code of a fault. The known ones are the exceptions of AWS's API model. Their `error` codes are those
/// of RFC 6749 §5.2, RFC 7591 §3.2.2 and RFC 8628 §3.5. Any other keeps its text.
///
/// ```
/// use oidc_proto::FaultCode;
/// assert_eq!(FaultCode::from_error("slow_down"), Some(FaultCode::SlowDown));
/// assert_eq!(FaultCode::from_exception("com.amazonaws.ssooidc#SlowDownException"), Some(FaultCode::SlowDown));
/// for code in FaultCode::known() {
///     assert_eq!(FaultCode::from_exception(code.exception()).as_ref(), Some(code));
/// }
/// assert_eq!((FaultCode::SlowDown.error(), FaultCode::SlowDown.status()), ("slow_down", 400));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum FaultCode {
    /// `access_denied`: the person denied the request (RFC 8628 §3.5).
    AccessDenied,
    /// `authorization_pending`: the person has not decided yet (RFC 8628 §3.5).
    AuthorizationPending,
    /// `expired_token`: the device code has expired (RFC 8628 §3.5).
    ExpiredToken,
    /// `server_error`: the service failed; status 500.
    InternalServer,
    /// `invalid_client`: unknown client, wrong secret, or expired registration (RFC 6749 §5.2); status 401.
    InvalidClient,
    /// `invalid_client_metadata`: RegisterClient rejects the client's metadata (RFC 7591 §3.2.2).
    InvalidClientMetadata,
    /// `invalid_grant`: the code or refresh token is unknown, spent, revoked or issued to another client (RFC
    /// 6749 §5.2).
    InvalidGrant,
    /// `invalid_redirect_uri`: RegisterClient rejects a redirect URI (RFC 7591 §3.2.2).
    InvalidRedirectUri,
    /// `invalid_request`: a parameter is missing or malformed (RFC 6749 §5.2).
    InvalidRequest,
    /// `invalid_request` for a request in the wrong region. It differs from the above only in the exception's
    /// name.
    InvalidRequestRegion,
    /// `invalid_scope`: unknown or invalid scopes (RFC 6749 §5.2).
    InvalidScope,
    /// `slow_down`: the poll was too early; the interval grows by five seconds (RFC 8628 §3.5).
    SlowDown,
    /// `unauthorized_client`: this client may not use this grant (RFC 6749 §5.2).
    UnauthorizedClient,
    /// `unsupported_grant_type`: the service does not know this grant (RFC 6749 §5.2).
    UnsupportedGrantType,
    /// An unknown code, as the service spelled it, without control characters.
    Other(String),
}

/// One row for each known fault: code, exception's shape name, `error` code, status. The rows become
/// `match`es, because every poll's response is looked up here.
macro_rules! known_faults {
    ($($code:ident: $exception:literal, $error:literal, $status:literal;)*) => {
        static KNOWN: &[FaultCode] = &[$(FaultCode::$code),*];

        impl FaultCode {
            /// Returns the exception's shape name in the API model, for example `SlowDownException`.
            #[must_use]
            pub fn exception(&self) -> &str {
                self.known_exception().unwrap_or_else(|| self.error())
            }

            /// As [`exception`](Self::exception), for known codes only.
            pub(crate) const fn known_exception(&self) -> Option<&'static str> {
                match self {
                    $(Self::$code => Some($exception),)*
                    Self::Other(_) => None,
                }
            }

            /// Returns the `error` code, for example `slow_down`.
            #[must_use]
            pub fn error(&self) -> &str {
                match self {
                    $(Self::$code => $error,)*
                    Self::Other(text) => text,
                }
            }

            /// Returns the HTTP status of this fault in the model; 400 for unknown ones.
            #[must_use]
            pub const fn status(&self) -> u16 {
                match self {
                    $(Self::$code => $status,)*
                    Self::Other(_) => 400,
                }
            }

            fn of_exception(name: &[u8]) -> Option<Self> {
                $(if name == $exception.as_bytes() {
                    return Some(Self::$code);
                })*
                None
            }

            /// Returns the known fault with this `error` code. `invalid_request` is
            /// [`FaultCode::InvalidRequest`].
            #[must_use]
            #[expect(unreachable_patterns, reason = "two faults share `invalid_request`, and the first row counts")]
            pub fn from_error(text: &str) -> Option<Self> {
                Some(match text {
                    $($error => Self::$code,)*
                    _ => return None,
                })
            }
        }
    };
}

known_faults! {
    AccessDenied: "AccessDeniedException", "access_denied", 400;
    AuthorizationPending: "AuthorizationPendingException", "authorization_pending", 400;
    ExpiredToken: "ExpiredTokenException", "expired_token", 400;
    InternalServer: "InternalServerException", "server_error", 500;
    InvalidClient: "InvalidClientException", "invalid_client", 401;
    InvalidClientMetadata: "InvalidClientMetadataException", "invalid_client_metadata", 400;
    InvalidGrant: "InvalidGrantException", "invalid_grant", 400;
    InvalidRedirectUri: "InvalidRedirectUriException", "invalid_redirect_uri", 400;
    // Before the region's row, so a bare `error` code is read as the common fault.
    InvalidRequest: "InvalidRequestException", "invalid_request", 400;
    InvalidRequestRegion: "InvalidRequestRegionException", "invalid_request", 400;
    InvalidScope: "InvalidScopeException", "invalid_scope", 400;
    SlowDown: "SlowDownException", "slow_down", 400;
    UnauthorizedClient: "UnauthorizedClientException", "unauthorized_client", 400;
    UnsupportedGrantType: "UnsupportedGrantTypeException", "unsupported_grant_type", 400;
}

impl FaultCode {
    /// Returns the known codes, in the order of the API model.
    pub fn known() -> impl Iterator<Item = &'static Self> {
        KNOWN.iter()
    }

    /// Returns the known fault with this shape name, without a namespace (`com.amazonaws.ssooidc#Name`) or
    /// the suffix behind a colon (`Name:http://internal.amazon.com/coral/…`).
    #[must_use]
    pub fn from_exception(text: &str) -> Option<Self> {
        Self::of_exception(text.as_bytes()).or_else(|| Self::of_exception(shape_name(text).as_bytes()))
    }

    /// Returns the known fault that the whole text names in any spelling: `AUTHORIZATION_PENDING`,
    /// `AuthorizationPending`, `AuthorizationPendingException`, or with blanks around it.
    pub(crate) fn from_spelling(text: &str) -> Option<Self> {
        const LONGEST: usize = 64;
        let text = text.trim();
        if text.len() > LONGEST {
            return None;
        }
        Self::from_error(text)
            .or_else(|| Self::from_exception(text))
            .or_else(|| Self::from_error(&snake_case(text)))
    }

    /// As [`from_exception`](Self::from_exception), for a header's value, which may not be UTF-8.
    pub(crate) fn from_exception_bytes(text: &[u8]) -> Option<Self> {
        // Fast path: the name nearly always stands alone, without a UTF-8 check.
        Self::of_exception(text).or_else(|| Self::from_exception(core::str::from_utf8(text).ok()?))
    }

    /// Creates a fault code that the model does not have, cut to length.
    pub(crate) fn other(text: &str) -> Self {
        Self::Other(cut(&printable(shape_name(text))))
    }
}

/// Converts `AuthorizationPending` and `AUTHORIZATION_PENDING` to `authorization_pending`.
fn snake_case(text: &str) -> String {
    let mut snake = String::with_capacity(text.len() + 4);
    let mut after_lower = false;
    for c in text.chars() {
        if c.is_ascii_uppercase() && after_lower {
            snake.push('_');
        }
        after_lower = c.is_ascii_lowercase();
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// Cuts `ns#Name:http://…` to `Name`.
pub(crate) fn shape_name(text: &str) -> &str {
    let text = text.split_once(':').map_or(text, |(name, _)| name);
    text.rsplit_once('#').map_or(text, |(_, name)| name).trim()
}

impl fmt::Display for FaultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.error())
    }
}

/// A fault, received by a client or sent by a server.
///
/// The texts are the service's own. [`Fault`]'s `Display` strips control characters ([`printable`]); the
/// fields keep them. A service may quote the request in them: [`Request::redact`](crate::Request::redact)
/// removes its secrets.
///
/// ```
/// use oidc_proto::{Fault, FaultCode};
/// let fault = Fault::new(FaultCode::InvalidScope).with_description("no such scope");
/// assert_eq!((fault.status, fault.to_string().as_str()), (400, "invalid_scope: no such scope"));
/// assert!(!fault.is_transient());
/// assert!(Fault::new(FaultCode::AccessDenied).with_status(429).is_transient()); // throttled, not denied
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Fault {
    /// The code.
    pub code: FaultCode,
    /// `error_description`, or another text of the service (`message`, `detail`, `title` and the like), cut
    /// to 600 characters.
    pub description: Option<String>,
    /// `error_uri`: a page with more information (RFC 6749 §5.2).
    pub uri: Option<String>,
    /// `reason`, on AccessDenied and InvalidRequest: for example `KMS_DisabledException`.
    pub reason: Option<String>,
    /// `endpoint`, on InvalidRequestRegion: the correct endpoint.
    pub endpoint: Option<String>,
    /// `region`, on InvalidRequestRegion: the correct region.
    pub region: Option<String>,
    /// The HTTP status.
    pub status: u16,
    /// `x-amzn-RequestId`, for AWS's support.
    pub request_id: Option<String>,
    /// `Retry-After`: the least time before the next request.
    pub retry_after: Option<Duration>,
    /// `interval`: the new least time between two polls. GitHub sends it in a `slow_down`.
    pub interval: Option<Duration>,
}

impl Fault {
    /// Creates a fault with the model's status for its code, and no texts.
    #[must_use]
    pub fn new(code: FaultCode) -> Self {
        Self {
            status: code.status(),
            code,
            description: None,
            uri: None,
            reason: None,
            endpoint: None,
            region: None,
            request_id: None,
            retry_after: None,
            interval: None,
        }
    }

    /// Returns whether the reason is the service's encryption key, its policy or state
    /// (`KMS_AccessDeniedException` and the like). The code does not matter: an `access_denied` with it is
    /// not a person's denial.
    ///
    /// ```
    /// use oidc_proto::{Fault, FaultCode};
    /// let mut fault = Fault::new(FaultCode::AccessDenied);
    /// assert!(!fault.is_about_key());
    /// fault.reason = Some("KMS_AccessDeniedException".to_owned());
    /// assert!(fault.is_about_key());
    /// ```
    #[must_use]
    pub const fn is_about_key(&self) -> bool {
        match &self.reason {
            Some(reason) => matches!(reason.as_bytes(), [b'K', b'M', b'S', b'_', ..]),
            None => false,
        }
    }

    /// Returns the same fault with this description.
    #[must_use]
    pub fn with_description(mut self, description: impl Into<Cow<'static, str>>) -> Self {
        self.description = Some(description.into().into_owned());
        self
    }

    /// Returns the same fault with this status, for faults that the model does not have.
    #[must_use]
    pub const fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Returns whether a retry of the same request may succeed: the service reports a failure or throttling.
    ///
    /// A status of 408, 421, 425, 429 or 5xx counts whatever the code. Auth0 throttles with `access_denied`
    /// and a 500. AWS's sign-in service writes `INVALID_REQUEST` into a 429. `authorization_pending` and
    /// `slow_down` are never transient in this sense: they have their own rules.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        let failed_or_throttled = matches!(self.status, 408 | 421 | 425 | 429) || self.status >= 500;
        match &self.code {
            FaultCode::AuthorizationPending | FaultCode::SlowDown => false,
            FaultCode::InternalServer => true,
            FaultCode::Other(text) => {
                failed_or_throttled
                    || matches!(
                        text.as_str(),
                        "temporarily_unavailable"
                            | "ThrottlingException"
                            | "TooManyRequestsException"
                            | "ServiceUnavailableException"
                    )
            }
            FaultCode::AccessDenied
            | FaultCode::ExpiredToken
            | FaultCode::InvalidClient
            | FaultCode::InvalidClientMetadata
            | FaultCode::InvalidGrant
            | FaultCode::InvalidRedirectUri
            | FaultCode::InvalidRequest
            | FaultCode::InvalidRequestRegion
            | FaultCode::InvalidScope
            | FaultCode::UnauthorizedClient
            | FaultCode::UnsupportedGrantType => failed_or_throttled,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(description) = &self.description {
            write!(f, ": {}", printable(description))?;
        }
        if let Some(uri) = &self.uri {
            write!(f, " (see {})", printable(uri))?;
        }
        if let Some(reason) = &self.reason {
            write!(f, " (reason {})", printable(reason))?;
        }
        if let Some(region) = &self.region {
            write!(f, " (use region {})", printable(region))?;
        }
        if let Some(id) = &self.request_id {
            write!(f, " (request id {})", printable(id))?;
        }
        Ok(())
    }
}

impl core::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_fault_has_its_own_row() {
        for code in FaultCode::known() {
            assert_eq!(FaultCode::from_exception(code.exception()).as_ref(), Some(code));
            let by_error = FaultCode::from_error(code.error()).unwrap();
            assert!(by_error == *code || *code == FaultCode::InvalidRequestRegion);
            // The statuses of AWS's model; RFC 6749 §5.2 has 400 for all except `invalid_client`.
            let status = match code {
                FaultCode::InvalidClient => 401,
                FaultCode::InternalServer => 500,
                _ => 400,
            };
            assert_eq!(code.status(), status, "{code:?}");
        }
        assert_eq!(FaultCode::known().count(), 14);
    }

    #[test]
    fn the_exception_name_is_read_without_namespace_and_url() {
        for text in [
            "SlowDownException",
            "SlowDownException:http://internal.amazon.com/coral/com.amazonaws.sso.oidc/",
            "com.amazonaws.ssooidc#SlowDownException",
            " com.amazonaws.ssooidc#SlowDownException : x#y",
        ] {
            assert_eq!(FaultCode::from_exception(text), Some(FaultCode::SlowDown), "{text}");
        }
    }

    #[test]
    fn the_error_code_alone_cannot_tell_the_two_invalid_requests_apart() {
        assert_eq!(FaultCode::from_error("invalid_request"), Some(FaultCode::InvalidRequest));
        assert_eq!(FaultCode::InvalidRequestRegion.error(), "invalid_request");
    }

    #[test]
    fn a_fault_is_transient_if_the_service_failed_or_throttles() {
        let other = |text: &str| FaultCode::Other(text.to_owned());
        for name in [
            "temporarily_unavailable",
            "ThrottlingException",
            "TooManyRequestsException",
            "ServiceUnavailableException",
        ] {
            assert!(Fault::new(other(name)).is_transient(), "{name}");
        }
        for (status, transient) in [(400, false), (428, false), (429, true), (430, false), (499, false)] {
            assert_eq!(Fault::new(other("x")).with_status(status).is_transient(), transient, "{status}");
        }
        assert!(Fault::new(other("x")).with_status(500).is_transient());
        assert!(Fault::new(other("x")).with_status(503).is_transient());
    }

    #[test]
    fn a_known_fault_is_transient_by_a_status_that_says_so_unless_it_is_the_persons_or_the_pace() {
        for code in FaultCode::known() {
            let has_own_rule = matches!(code, FaultCode::AuthorizationPending | FaultCode::SlowDown);
            for status in [429, 500, 503] {
                let fault = Fault::new(code.clone()).with_status(status);
                assert_eq!(fault.is_transient(), !has_own_rule, "{code} {status}");
            }
            assert_eq!(Fault::new(code.clone()).is_transient(), *code == FaultCode::InternalServer, "{code}");
        }
    }

    #[test]
    fn a_fault_prints_without_the_servers_escape_sequences() {
        let mut fault =
            Fault::new(FaultCode::other("odd\u{1b}[31m")).with_description("no\u{1b}[2J way\nout");
        fault.request_id = Some("1\u{7}2".to_owned());
        assert_eq!(fault.to_string(), "odd[31m: no[2J way out (request id 12)");
    }
}

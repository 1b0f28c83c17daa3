//! The four meanings of a response: success, fault, indeterminate, invalid.

use core::fmt;
use core::time::Duration;

use crate::{Fault, Operation};

/// The meaning of one response.
///
/// Exhaustive on purpose: callers must handle all four.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a reader must handle every kind, so a new one has to break its build"
)]
#[must_use = "an answer decides what to do next; match on it"]
pub enum Answer<T> {
    /// The operation succeeded.
    Success(T),
    /// The service refuses, or asks the client to wait.
    Fault(Fault),
    /// A response without the service's verdict. The request may be repeated if that is harmless.
    Indeterminate(Indeterminate),
    /// A success that lacks a required member or has an invalid one.
    InvalidResponse(InvalidResponse),
}

/// A response without the service's verdict: a proxy's page, a truncated body, a redirect, an overload.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Indeterminate {
    /// The reason.
    pub reason: IndeterminateReason,
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After`: the least time before the next request. A date is read relative to the response's own
    /// `Date`, so the local clock does not matter.
    pub retry_after: Option<Duration>,
    /// `x-amzn-RequestId`, if present.
    pub request_id: Option<String>,
    /// The text of the response, cut to a line or two and made [`printable`](crate::printable). It is
    /// `message` or `detail`, a page's title, or plain text's first line.
    pub said: Option<String>,
    /// The redirect's target, without query and fragment.
    pub location: Option<String>,
}

/// The reason why a response is indeterminate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum IndeterminateReason {
    /// A redirect. Clients never follow it: the request carries secrets (RFC 9700 §4.12).
    Redirect,
    /// No body.
    EmptyBody,
    /// An HTML page, as sent by proxies and captive portals.
    Html,
    /// A body with a content coding, such as gzip, although the request accepts none.
    Encoded,
    /// Truncated JSON.
    CutBody,
    /// Neither JSON nor HTML.
    NotJson,
    /// JSON, but not an object.
    NotAnObject,
    /// An error status with a JSON object that names no error.
    UnnamedError,
}

impl Indeterminate {
    /// Creates a value from a reason and a status. [`Dialect::decode`](crate::Dialect::decode) makes it from
    /// a response.
    ///
    /// ```
    /// use oidc_proto::{Indeterminate, IndeterminateReason};
    /// assert!(Indeterminate::new(IndeterminateReason::Html, 404).is_plain_refusal());
    /// ```
    #[must_use]
    pub const fn new(reason: IndeterminateReason, status: u16) -> Self {
        Self { reason, status, retry_after: None, request_id: None, said: None, location: None }
    }

    /// Returns whether the service may have processed the request although its response was lost: a gateway's
    /// 5xx, or a success without a readable body. A 4xx, a redirect and a 501 precede any work.
    ///
    /// ```
    /// use oidc_proto::{Answer, CreateTokenRequest, Dialect};
    ///
    /// let page = |status: u16| http::Response::builder().status(status).body("<html>");
    /// let read = |response| match Dialect::Aws.decode::<CreateTokenRequest, _>(&response) {
    ///     Answer::Indeterminate(none) => none.may_have_acted(),
    ///     other => panic!("{other:?}"),
    /// };
    /// assert!(read(page(502)?)); // a token may have been given and lost
    /// assert!(!read(page(429)?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn may_have_acted(&self) -> bool {
        (self.status >= 500 && self.status != 501) || (self.status >= 200 && self.status < 300)
    }

    /// Returns whether this is a plain refusal: a redirect, a 501, or a 4xx other than 408, 421, 425 and 429.
    /// A retry would get the same response. A refusal with `Retry-After` does not count.
    ///
    /// ```
    /// use oidc_proto::{Answer, Dialect, StartDeviceAuthorizationRequest};
    ///
    /// let page = |status: u16| http::Response::builder().status(status).body("<title>No such page</title>");
    /// let read = |response| match Dialect::OAuth.decode::<StartDeviceAuthorizationRequest, _>(&response) {
    ///     Answer::Indeterminate(none) => none,
    ///     other => panic!("{other:?}"),
    /// };
    /// let refusal = read(page(404)?);
    /// assert_eq!((refusal.is_plain_refusal(), refusal.said.as_deref()), (true, Some("No such page")));
    /// assert!(!read(page(503)?).is_plain_refusal());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn is_plain_refusal(&self) -> bool {
        let is_final = match self.status {
            408 | 421 | 425 | 429 => false,
            300..=499 | 501 => true,
            _ => false,
        };
        is_final && self.retry_after.is_none()
    }
}

impl fmt::Display for Indeterminate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {} ", self.status)?;
        f.write_str(match self.reason {
            IndeterminateReason::Redirect => {
                "redirect, which is not followed because the request carries secrets"
            }
            IndeterminateReason::EmptyBody => "with an empty body",
            IndeterminateReason::Html => "with an HTML page instead of JSON",
            IndeterminateReason::Encoded => {
                "with a compressed body, which the request does not accept (Content-Encoding)"
            }
            IndeterminateReason::CutBody => "with a truncated body",
            IndeterminateReason::NotJson => "with a body that is not JSON",
            IndeterminateReason::NotAnObject => "with JSON that is not an object",
            IndeterminateReason::UnnamedError => "with JSON that has no error code",
        })?;
        if let Some(location) = &self.location {
            write!(f, " (to {location})")?;
        }
        if let Some(said) = &self.said {
            write!(f, ": \"{said}\"")?;
        }
        if let Some(wait) = self.retry_after {
            write!(f, " (retry after {} s)", wait.as_secs())?;
        }
        Ok(())
    }
}

impl core::error::Error for Indeterminate {}

/// A success that violates the API. It names the member and never quotes the value, which may be secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidResponse {
    /// The operation that the response belongs to.
    pub operation: Operation,
    /// The member's name on the wire, for example `accessToken`.
    pub member: &'static str,
    /// The kind of error.
    pub kind: InvalidResponseKind,
    /// `x-amzn-RequestId`, if present.
    pub request_id: Option<String>,
}

/// The error in a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum InvalidResponseKind {
    /// Absent or `null`.
    Missing,
    /// An empty string.
    Empty,
    /// Of the wrong JSON type.
    WrongType,
    /// A number out of range: zero or negative where a lifetime must be positive.
    OutOfRange,
    /// A value that this crate does not support, such as a client authentication method.
    Unsupported,
}

impl fmt::Display for InvalidResponseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "is missing",
            Self::Empty => "is empty",
            Self::WrongType => "has the wrong JSON type",
            Self::OutOfRange => "is out of range",
            Self::Unsupported => "has an unsupported value",
        })
    }
}

impl InvalidResponse {
    /// Creates a violation by this member of a success of this operation.
    ///
    /// ```
    /// use oidc_proto::{Operation, InvalidResponse, InvalidResponseKind};
    /// let broken = InvalidResponse::new(Operation::CreateToken, "accessToken", InvalidResponseKind::Missing);
    /// assert!(broken.to_string().ends_with("is invalid: `accessToken` is missing"));
    /// ```
    #[must_use]
    pub const fn new(operation: Operation, member: &'static str, kind: InvalidResponseKind) -> Self {
        Self { operation, member, kind, request_id: None }
    }
}

impl fmt::Display for InvalidResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, member, kind, .. } = self;
        write!(f, "the response to {operation} is invalid: `{member}` {kind}")?;
        if let Some(id) = &self.request_id {
            write!(f, " (request id {})", crate::printable(id))?;
        }
        Ok(())
    }
}

impl core::error::Error for InvalidResponse {}

#[cfg(test)]
mod tests {
    use super::*;

    fn none(status: u16, reason: IndeterminateReason) -> Indeterminate {
        Indeterminate { reason, status, retry_after: None, request_id: None, said: None, location: None }
    }

    #[test]
    fn a_success_or_a_failure_behind_the_service_may_have_acted_and_nothing_else() {
        let reason = IndeterminateReason::EmptyBody;
        for status in [200, 201, 299, 500, 502, 503, 599] {
            assert!(none(status, reason).may_have_acted(), "{status}");
        }
        for status in [100, 199, 300, 302, 400, 404, 429, 499, 501] {
            assert!(!none(status, reason).may_have_acted(), "{status}");
        }
    }

    #[test]
    fn no_verdict_says_its_status_its_reason_and_the_wait_that_was_asked_for() {
        let texts = [
            (
                IndeterminateReason::Redirect,
                "redirect, which is not followed because the request carries secrets",
            ),
            (IndeterminateReason::EmptyBody, "with an empty body"),
            (IndeterminateReason::Html, "with an HTML page instead of JSON"),
            (
                IndeterminateReason::Encoded,
                "with a compressed body, which the request does not accept (Content-Encoding)",
            ),
            (IndeterminateReason::CutBody, "with a truncated body"),
            (IndeterminateReason::NotJson, "with a body that is not JSON"),
            (IndeterminateReason::NotAnObject, "with JSON that is not an object"),
            (IndeterminateReason::UnnamedError, "with JSON that has no error code"),
        ];
        for (reason, text) in texts {
            let mut none = none(502, reason);
            assert_eq!(none.to_string(), format!("HTTP 502 {text}"));
            none.retry_after = Some(Duration::from_secs(7));
            assert_eq!(none.to_string(), format!("HTTP 502 {text} (retry after 7 s)"));
            none.retry_after = None;
            none.said = Some("Bad gateway".to_owned());
            none.location = Some("https://id.example/d".to_owned());
            let text = format!("HTTP 502 {text} (to https://id.example/d): \"Bad gateway\"");
            assert_eq!(none.to_string(), text);
        }
    }

    #[test]
    fn an_invalid_response_names_the_operation_the_member_and_the_request() {
        let kinds = [
            (InvalidResponseKind::Missing, "is missing"),
            (InvalidResponseKind::Empty, "is empty"),
            (InvalidResponseKind::WrongType, "has the wrong JSON type"),
            (InvalidResponseKind::OutOfRange, "is out of range"),
            (InvalidResponseKind::Unsupported, "has an unsupported value"),
        ];
        for (kind, text) in kinds {
            let mut invalid = InvalidResponse::new(Operation::CreateToken, "expiresIn", kind);
            let start = "the response to CreateToken is invalid: `expiresIn`";
            assert_eq!(invalid.to_string(), format!("{start} {text}"));
            invalid.request_id = Some("1\u{1b}2".to_owned());
            assert_eq!(invalid.to_string(), format!("{start} {text} (request id 12)"));
        }
    }
}

//! A response with its error code.

use http::header::{CONNECTION, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use oidc_proto::{Body, Dialect, Fault, FaultCode, portal};

/// A response, and its error code for the log, because not every dialect has a header for it.
pub(crate) struct Reply {
    pub(crate) response: Response<Body>,
    pub(crate) error: Option<ErrorName>,
}

/// The spelling of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// A dialect of the sign-in.
    Dialect(Dialect),
    /// The portal API.
    Portal,
}

/// AWS's, for a request that belongs to nothing.
impl Default for Spelling {
    fn default() -> Self {
        Self::Dialect(Dialect::Aws)
    }
}

impl From<Dialect> for Spelling {
    fn from(dialect: Dialect) -> Self {
        Self::Dialect(dialect)
    }
}

impl Spelling {
    fn encode(self, fault: &Fault) -> Response<Body> {
        match self {
            Self::Dialect(dialect) => dialect.encode_fault(fault),
            Self::Portal => portal::encode_fault(fault),
        }
    }
}

/// An error code in its spelling.
pub(crate) struct ErrorName(Spelling, FaultCode);

impl ErrorName {
    /// Returns the name of an error that a browser brings to a client.
    pub(crate) const fn of_authorization(code: FaultCode) -> Self {
        Self(Spelling::Dialect(Dialect::OAuth), code)
    }

    pub(crate) const fn code(&self) -> &FaultCode {
        let Self(_, code) = self;
        code
    }

    pub(crate) fn as_str(&self) -> &str {
        let Self(spelling, code) = self;
        if *spelling == Spelling::Dialect(Dialect::OAuth) { code.error() } else { code.exception() }
    }
}

impl From<Response<Body>> for Reply {
    fn from(response: Response<Body>) -> Self {
        Self { response, error: None }
    }
}

impl Reply {
    /// Returns the response for this error.
    pub(crate) fn fault(spelling: impl Into<Spelling>, fault: Fault) -> Self {
        let spelling = spelling.into();
        Self { response: spelling.encode(&fault), error: Some(ErrorName(spelling, fault.code)) }
    }

    /// Marks the response as the last one on its connection.
    pub(crate) fn closing(mut self) -> Self {
        self.response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        self
    }
}

/// Returns an error about the request itself, with this status.
pub(crate) fn invalid(why: &'static str, status: u16) -> Fault {
    Fault::new(FaultCode::InvalidRequest).with_description(why).with_status(status)
}

/// Returns a plain-text response.
pub(crate) fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::new(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// Returns the value of `Retry-After` for this wait: whole seconds, rounded up, and at least one.
pub(crate) fn retry_after(wait: core::time::Duration) -> HeaderValue {
    HeaderValue::from(whole_seconds(wait))
}

/// Returns this wait in whole seconds, rounded up, and at least one.
pub(crate) fn whole_seconds(wait: core::time::Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

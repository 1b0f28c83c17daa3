//! A response with its error code.

use http::header::{CONNECTION, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use oidc_proto::{Body, Dialect, Fault, FaultCode};

/// A response, and its error code for the log, because not every dialect has a header for it.
pub(crate) struct Reply {
    pub(crate) response: Response<Body>,
    pub(crate) error: Option<ErrorName>,
}

/// An error code in its dialect's spelling.
pub(crate) struct ErrorName(Dialect, FaultCode);

impl ErrorName {
    /// Returns the name of an error that a browser brings to a client.
    pub(crate) const fn of_authorization(code: FaultCode) -> Self {
        Self(Dialect::OAuth, code)
    }

    pub(crate) fn as_str(&self) -> &str {
        let Self(dialect, code) = self;
        if *dialect == Dialect::OAuth { code.error() } else { code.exception() }
    }
}

impl From<Response<Body>> for Reply {
    fn from(response: Response<Body>) -> Self {
        Self { response, error: None }
    }
}

impl Reply {
    /// Returns the response for this error.
    pub(crate) fn refusal(dialect: Dialect, fault: Fault) -> Self {
        Self { response: dialect.encode_fault(&fault), error: Some(ErrorName(dialect, fault.code)) }
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
    HeaderValue::from((wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1))
}

//! An encoded request, cheap to clone and safe to print.

use core::fmt;
use core::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;

use crate::Operation;
use crate::secret::wipe;

/// A body that holds secrets: redacted in `Debug`, zeroized when the last clone is dropped.
///
/// ```
/// let body = oidc_proto::Body::new(b"token=secret".to_vec());
/// assert_eq!((body.len(), body.is_empty()), (12, false));
/// assert_eq!(body.bytes(), "token=secret");
/// assert_eq!(format!("{body:?}"), "[redacted, 12 bytes]");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Body(Bytes);

impl Body {
    /// Takes the bytes over; they are zeroized when the last clone of this body (and of its [`Body::bytes`]) goes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Bytes::from_owner(Wiped(bytes)))
    }

    /// The bytes to put on the wire, shared and not copied.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        self.0.clone()
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Bytes that are overwritten when they are dropped.
struct Wiped(Vec<u8>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        wipe(core::mem::take(&mut self.0));
    }
}

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[redacted, {} bytes]", self.0.len())
    }
}

/// An encoded request: what to send, and which operation it is.
///
/// Cloning shares the encoded bytes and allocates nothing, so a flow encodes its CreateToken request once and lends
/// it for every poll. It derefs to [`http::Request`] for the method, URI and headers.
///
/// ```
/// use oidc_proto::{Dialect, Endpoint, Operation, RegisterClientRequest};
/// let endpoint = Endpoint::for_region("eu-west-1")?;
/// let request = Dialect::Aws.encode(&endpoint, &RegisterClientRequest::new("my-tool"));
/// assert_eq!(request.operation(), Operation::RegisterClient);
/// assert_eq!(request.uri().path(), "/client/register");
/// assert!(request.shares_encoding_with(&request.clone()));
/// # Ok::<(), oidc_proto::EndpointError>(())
/// ```
#[derive(Clone)]
pub struct Request {
    operation: Operation,
    http: Arc<http::Request<Body>>,
}

impl Request {
    pub(crate) fn new(operation: Operation, http: http::Request<Body>) -> Self {
        Self { operation, http: Arc::new(http) }
    }

    /// Which operation this request asks for; it decides how the response is read.
    #[must_use]
    pub const fn operation(&self) -> Operation {
        self.operation
    }

    /// Whether two requests are the same encoded bytes in memory, not merely equal.
    #[must_use]
    pub fn shares_encoding_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.http, &other.http)
    }
}

impl Deref for Request {
    type Target = http::Request<Body>;

    fn deref(&self) -> &Self::Target {
        &self.http
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("operation", &self.operation)
            .field("uri", self.http.uri())
            .field("body", self.http.body())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{Body, Request};
    use crate::Operation;

    #[test]
    fn a_body_lends_its_bytes_and_prints_no_more_than_their_number() {
        let body = Body::new(b"secret".to_vec());
        assert_eq!((body.len(), body.is_empty()), (6, false));
        assert_eq!((body.bytes().as_ref(), body.as_ref()), (&b"secret"[..], &b"secret"[..]));
        assert_eq!(format!("{body:?}"), "[redacted, 6 bytes]");
        assert!(Body::new(Vec::new()).is_empty());
    }
    #[test]
    fn a_request_shares_its_bytes_with_its_clones_and_with_no_other() {
        let request =
            || Request::new(Operation::CreateToken, http::Request::new(Body::new(b"secret".to_vec())));
        let (one, other) = (request(), request());
        assert!(one.shares_encoding_with(&one.clone()));
        assert!(!one.shares_encoding_with(&other));
        let shown = format!("{one:?}");
        assert_eq!(shown, "Request { operation: CreateToken, uri: /, body: [redacted, 6 bytes], .. }");
    }
}

//! An encoded request: cheap to clone and safe to print.

use alloc::sync::Arc;
use core::fmt;

use bytes::Bytes;
use zeroize::Zeroizing;

use crate::Operation;

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
    /// Creates a body. The bytes are zeroized when the last clone of it (and of its [`Body::bytes`]) is
    /// dropped.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Bytes::from_owner(Zeroizing::new(bytes)))
    }

    /// Returns the bytes to send, shared and not copied.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        self.0.clone()
    }

    /// Returns the length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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

/// An encoded request and its operation.
///
/// A clone shares the encoded bytes without allocation, so a flow encodes its CreateToken request once for
/// all polls. All requests of an operation share method, URL and headers.
///
/// ```
/// use oidc_proto::{Endpoint, Operation, RegisterClientRequest, Service};
/// let service = Service::from(Endpoint::for_region("eu-west-1")?);
/// let request = service.encode(&RegisterClientRequest::new("my-tool")).ok_or("AWS has it")?;
/// assert_eq!(request.operation(), Operation::RegisterClient);
/// assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/client/register"));
/// assert_eq!(request.headers()["content-type"], "application/json");
/// // For an HTTP client that takes the `http` crate's types:
/// let outgoing: http::Request<&[u8]> = request.head().clone().map(|()| request.body().as_ref());
/// assert_eq!(outgoing.body(), br#"{"clientName":"my-tool","clientType":"public"}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Request(Arc<Encoded>);

struct Encoded {
    operation: Operation,
    head: Arc<http::Request<()>>,
    body: Body,
}

impl Request {
    pub(crate) fn new(operation: Operation, head: Arc<http::Request<()>>, body: Vec<u8>) -> Self {
        Self(Arc::new(Encoded { operation, head, body: Body::new(body) }))
    }

    /// Returns the operation, which decides how the response is decoded.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.0.operation
    }

    /// Returns everything but the body.
    #[must_use]
    pub fn head(&self) -> &http::Request<()> {
        &self.0.head
    }

    /// Returns the method: POST for a sign-in.
    #[must_use]
    pub fn method(&self) -> &http::Method {
        self.0.head.method()
    }

    /// Returns the URL.
    #[must_use]
    pub fn uri(&self) -> &http::Uri {
        self.0.head.uri()
    }

    /// Returns the headers. One may hold the client's secret and is then marked as sensitive.
    #[must_use]
    pub fn headers(&self) -> &http::HeaderMap {
        self.0.head.headers()
    }

    /// Returns the body, which contains secrets.
    #[must_use]
    pub fn body(&self) -> &Body {
        &self.0.body
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("operation", &self.operation())
            .field("uri", self.uri())
            .field("body", self.body())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{Arc, Body, Request};
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
    fn a_request_shares_its_bytes_with_its_clones_and_prints_none_of_them() {
        let one = Request::new(Operation::CreateToken, Arc::default(), b"secret".to_vec());
        let again = one.clone();
        assert_eq!(one.body().bytes().as_ptr(), again.body().bytes().as_ptr());
        let shown = format!("{one:?}");
        assert_eq!(shown, "Request { operation: CreateToken, uri: /, body: [redacted, 6 bytes], .. }");
    }
}

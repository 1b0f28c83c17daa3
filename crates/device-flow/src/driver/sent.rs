//! What came of a request that was sent once.

use core::error::Error;
use core::time::Duration;

use http::Response;
use oidc_proto::Operation;

use super::Body;
use crate::{Exchange, Failure, TransportError};

/// A request that was sent, and what came of it. `E` is the error of the adapter's HTTP client.
#[derive(Debug)]
pub struct Sent<E: Error + 'static> {
    pub(super) result: Result<Received<E>, Unanswered<E>>,
    took: Duration,
}

/// A response, and why its body broke off, if it did.
///
/// What arrived may be complete all the same: a connection that dies after the last byte of a token is no reason to lose the
/// token.
///
/// ```
/// use device_flow::driver::{Body, MetadataSearch, Received, Sent};
/// # use core::time::Duration;
/// let response = |text: &[u8]| {
///     let mut body = Body::expecting(None);
///     body.push(text);
///     http::Response::new(body)
/// };
/// let cut = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
/// let mut search = MetadataSearch::of("https://id.example")?;
/// let mut taken = |received| search.on_sent(Sent::new(Ok(received), Duration::from_millis(80)));
/// assert!(taken(Received::cut(response(b"{\"issuer\":"), cut())).is_err());
/// assert!(taken(Received::cut(response(b"{\"issuer\":\"https://id.example\"}"), cut())).is_ok());
/// assert!(taken(Received::whole(response(b"{\"issuer\":\"https://id.example\"}"))).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Received<E: Error + 'static> {
    pub(super) response: Response<Body>,
    pub(super) broken: Option<TransportError<E>>,
}

/// No response.
#[derive(Debug)]
pub struct Unanswered<E: Error + 'static> {
    pub(super) failure: Failure,
    pub(super) source: TransportError<E>,
}

impl<E: Error + 'static> Received<E> {
    /// A response that came to its end, or to the end of what is read.
    pub const fn whole(response: Response<Body>) -> Self {
        Self { response, broken: None }
    }

    /// A response whose body broke off with this error.
    pub fn cut(response: Response<Body>, error: E) -> Self {
        Self { response, broken: Some(error.into()) }
    }
}

impl<E: Error + 'static> Unanswered<E> {
    /// A request that got no response for this reason. Where it is not known whether the request may have been seen,
    /// [`Failure::Unknown`] is right.
    pub fn new(failure: Failure, source: impl Into<TransportError<E>>) -> Self {
        Self { failure, source: source.into() }
    }

    /// A request whose HTTP client ended up at another URL, at this host. Its answer is not to be believed, and the flow
    /// ends: see [`TransportError::Redirected`].
    ///
    /// ```
    /// use device_flow::driver::{MetadataSearch, Sent, Unanswered};
    /// let unanswered = Unanswered::<std::io::Error>::redirected(Some("evil.example"));
    /// let mut search = MetadataSearch::of("https://id.example")?;
    /// let error = search.on_sent(Sent::new(Err(unanswered), core::time::Duration::ZERO)).unwrap_err();
    /// assert!(error.is_final() && error.to_string().contains("evil.example"));
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    pub fn redirected(host: Option<&str>) -> Self {
        Self::new(Failure::Unknown, TransportError::redirected(host))
    }
}

impl<E: Error + 'static> Sent<E> {
    /// What came of a request, and the time from sending it to the last byte that was read.
    pub const fn new(result: Result<Received<E>, Unanswered<E>>, took: Duration) -> Self {
        Self { result, took }
    }

    /// As those hear of it who watch.
    pub(super) fn exchange(&self, operation: Operation, attempt: u32) -> Exchange<'_> {
        match &self.result {
            Ok(Received { response, broken }) => {
                Exchange::answered(operation, attempt, self.took, response, broken.is_some())
            }
            Err(unanswered) => Exchange::failed(operation, attempt, self.took, unanswered.failure),
        }
    }

    /// Why no response came, if none did.
    pub(super) fn cause(&self) -> Option<&(dyn Error + 'static)> {
        self.result.as_ref().err().map(|unanswered| &unanswered.source as &(dyn Error + 'static))
    }
}

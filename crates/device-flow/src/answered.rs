//! Test doubles: an HTTP client that is a closure, and virtual time.

use alloc::sync::Arc;
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::{Mutex, PoisonError};

use http::{Request, Response};

use crate::{ResponseBody, Tick, TransportError};

type Answer = dyn FnMut(&Request<&[u8]>) -> Result<Response<ResponseBody>, TransportError> + Send;

/// A closure in place of an HTTP client. Clones share it; it handles one request at a time.
///
/// The adapters accept one in `HttpClientBuilder::answered_by`, to test a program's own sign-in without
/// sockets.
#[derive(Clone)]
pub struct AnsweredBy(Arc<Mutex<Answer>>);

impl AnsweredBy {
    /// Creates a client that calls this closure.
    pub fn new<B: Into<ResponseBody>>(
        mut answer: impl FnMut(&Request<&[u8]>) -> Result<Response<B>, TransportError> + Send + 'static,
    ) -> Self {
        Self(Arc::new(Mutex::new(move |request: &Request<&[u8]>| {
            answer(request).map(|response| response.map(Into::into))
        })))
    }

    /// Calls the closure.
    ///
    /// ```
    /// use device_flow::{AnsweredBy, Failure, TransportError};
    ///
    /// let mut seen = 0;
    /// let client = AnsweredBy::new(move |request| {
    ///     seen += 1;
    ///     match seen {
    ///         1 => Err(TransportError::from(Failure::NotSent)), // an outage
    ///         _ => Ok(http::Response::new(format!("{} {}", request.method(), request.uri()))),
    ///     }
    /// });
    /// let request = http::Request::get("https://id.example/").body(&[][..])?;
    /// assert!(client.answer(&request).is_err());
    /// let response = client.answer(&request).map_err(|error| error.failure()).unwrap();
    /// assert_eq!(response.body().as_ref(), b"GET https://id.example/");
    /// # Ok::<(), http::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the closure's error.
    pub fn answer(&self, request: &Request<&[u8]>) -> Result<Response<ResponseBody>, TransportError> {
        // A panic in the closure does not disable it.
        let mut answer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answer(request)
    }
}

impl fmt::Debug for AnsweredBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnsweredBy(..)")
    }
}

/// Virtual time: it passes when a test or a wait advances it. Clones share the time. The adapters accept it
/// as the clock of one sign-in at a time: each wait advances it.
///
/// ```
/// use core::time::Duration;
/// use device_flow::VirtualTime;
///
/// let time = VirtualTime::default();
/// time.pass(Duration::from_secs(600));
/// assert_eq!(time.now().elapsed(), Duration::from_secs(600));
/// ```
#[derive(Clone, Debug, Default)]
pub struct VirtualTime(Arc<AtomicU64>);

impl VirtualTime {
    /// Returns the time now, to a nanosecond.
    #[must_use]
    pub fn now(&self) -> Tick {
        Tick::since_origin(Duration::from_nanos(self.0.load(Ordering::SeqCst)))
    }

    /// Advances the time.
    pub fn pass(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let later = |now: u64| Some(now.saturating_add(nanos));
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, later);
    }
}

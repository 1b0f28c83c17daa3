//! A stand-in for an HTTP client, and time for it: what a test of a sign-in needs in place of sockets and sleep.

use core::fmt;
use core::time::Duration;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::{Request, Response};

use crate::{ResponseBody, Tick, TransportError};

type Answer = dyn FnMut(&Request<&[u8]>) -> Result<Response<ResponseBody>, TransportError> + Send;

/// A closure in place of an HTTP client. Clones share it; it answers one request at a time.
///
/// The adapters take one as `HttpClientBuilder::answered_by`, so that a program's own sign-in is tested without sockets.
#[derive(Clone)]
pub struct AnsweredBy(Arc<Mutex<Answer>>);

impl AnsweredBy {
    /// A client that asks this closure.
    pub fn new<B: Into<ResponseBody>>(
        mut answer: impl FnMut(&Request<&[u8]>) -> Result<Response<B>, TransportError> + Send + 'static,
    ) -> Self {
        Self(Arc::new(Mutex::new(move |request: &Request<&[u8]>| {
            answer(request).map(|response| response.map(Into::into))
        })))
    }

    /// What the closure answers.
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
    /// assert_eq!(client.answer(&request).map_err(|error| error.failure()).unwrap().body().as_ref(), b"GET https://id.example/");
    /// # Ok::<(), http::Error>(())
    /// ```
    ///
    /// # Errors
    /// The closure's own.
    pub fn answer(&self, request: &Request<&[u8]>) -> Result<Response<ResponseBody>, TransportError> {
        // After a panic in the closure the next request is asked all the same.
        let mut answer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answer(request)
    }
}

impl fmt::Debug for AnsweredBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnsweredBy(..)")
    }
}

/// Time that passes when a test says so, or when it is waited for. Clones are the same time. The adapters' sign-ins take it
/// as their clock, one at a time: each that waits pushes it on.
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
    /// The time now, to a nanosecond.
    #[must_use]
    pub fn now(&self) -> Tick {
        Tick::since_origin(Duration::from_nanos(self.0.load(Ordering::SeqCst)))
    }

    /// Lets time pass.
    pub fn pass(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let later = |now: u64| Some(now.saturating_add(nanos));
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, later);
    }
}

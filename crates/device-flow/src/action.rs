//! The machine's actions, and the pending request.

use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

use http::Response;
use oidc_proto::{Dialect, Operation, Request};

use crate::{Exchange, ResponseBody, Tick, TransportError, UserPrompt};

/// The driver's next step. Each [`DeviceFlow::poll`](crate::DeviceFlow::poll) returns exactly one, and none
/// is queued.
///
/// Exhaustive on purpose: a driver must handle every action, so a new one breaks its build.
#[derive(Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a driver must handle every action, so a new one has to break its build"
)]
#[must_use = "perform the action, then poll again"]
pub enum Action<P = UserPrompt> {
    /// Send this request once, then pass its result to
    /// [`DeviceFlow::on_result`](crate::DeviceFlow::on_result).
    Send(PendingRequest),
    /// Show this to the person, then poll again at once.
    Prompt(P),
    /// Nothing to do before this time, which is after `now` and not after the deadline. Polling earlier is
    /// harmless.
    Wait(Tick),
    /// A request is in flight: pass its result, or [`abandon`](crate::DeviceFlow::abandon) it if it is lost.
    AwaitReply,
    /// The flow has ended; see [`DeviceFlow::outcome`](crate::DeviceFlow::outcome).
    Done,
}

/// A request to send once, and the right to report its result. It cannot be cloned, so a request has at most
/// one result.
///
/// If it is lost, for example with a cancelled future, call
/// [`DeviceFlow::abandon`](crate::DeviceFlow::abandon).
///
/// ```
/// use core::time::Duration;
/// use device_flow::{Action, DeviceFlow, Operation, Policy, Tick};
/// use oidc_proto::Endpoint;
///
/// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
/// let mut flow = DeviceFlow::new(Endpoint::for_region("eu-west-1")?, policy, None, Tick::ZERO);
/// let Action::Send(pending) = flow.poll(Tick::ZERO) else { panic!("it registers") };
/// assert_eq!((pending.operation(), pending.attempt()), (Operation::RegisterClient, 1));
/// assert_eq!(pending.request().uri().path(), "/client/register");
/// // There is no code yet that could die earlier than the HTTP client gives up:
/// assert_eq!(pending.timeout(Duration::from_secs(40)), Duration::from_secs(40));
/// # Ok::<(), oidc_proto::EndpointError>(())
/// ```
#[must_use = "pass it back with its result, or the flow waits for it; if it is lost, call `abandon`"]
pub struct PendingRequest {
    pub(crate) request: Request,
    /// The identity of its flow.
    pub(crate) flow: Arc<()>,
    /// Its serial number in the flow.
    pub(crate) serial: u64,
    pub(crate) dialect: Dialect,
    /// The phase of its flow; a renewal has none.
    #[cfg(feature = "tracing")]
    pub(crate) phase: Option<crate::Phase>,
    pub(crate) attempt: u32,
    pub(crate) sent_at: Tick,
    /// The device code's expiry, if there is a code.
    pub(crate) deadline: Option<Tick>,
}

/// The time for a response, even if the code expires meanwhile.
const ANSWER_TIME: Duration = Duration::from_secs(12);

impl PendingRequest {
    /// Returns the request to send.
    #[must_use]
    pub const fn request(&self) -> &Request {
        &self.request
    }

    /// Returns the operation of the request.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.request.operation()
    }

    /// Returns the number of this request among those of its operation, counted from 1.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Returns the time limit of the whole request: `at_most`, but no longer than the device code lives or
    /// 12 s, whichever is longer. AWS's service has taken 9 s, and a code that was valid at sending may bring a
    /// token. The limit counts from the [`poll`](crate::DeviceFlow::poll) that returned the request, so send
    /// it at once.
    #[must_use]
    pub fn timeout(&self, at_most: Duration) -> Duration {
        self.deadline.map_or(at_most, |deadline| deadline.since(self.sent_at).max(ANSWER_TIME).min(at_most))
    }

    /// Returns the request and its result at `now`, without secrets, for an [`Observer`](crate::Observer).
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_flow::{Action, DeviceFlow, Failure, Policy, ResponseBody, Tick};
    /// # use oidc_proto::Endpoint;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let mut flow = DeviceFlow::new(Endpoint::for_region("eu-west-1")?, policy, None, Tick::ZERO);
    /// # let Action::Send(pending) = flow.poll(Tick::ZERO) else { panic!("it registers") };
    /// let now = Tick::ZERO + Duration::from_millis(80);
    /// let response = http::Response::builder().header("x-amzn-requestid", "4711").body(ResponseBody::from("{}"))?;
    /// let result = Ok(response);
    /// let exchange = pending.exchange(now, &result);
    /// assert_eq!((exchange.status, exchange.request_id), (Some(200), Some("4711")));
    /// assert_eq!((exchange.attempt, exchange.took), (1, Duration::from_millis(80)));
    ///
    /// let result = Err(Failure::Unknown.into());
    /// let exchange = pending.exchange(now, &result);
    /// assert_eq!((exchange.status, exchange.failure), (None, Some(Failure::Unknown)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn exchange<'a>(
        &self,
        now: Tick,
        result: &'a Result<Response<ResponseBody>, TransportError>,
    ) -> Exchange<'a> {
        Exchange::new(self.operation(), self.attempt, now.since(self.sent_at), result)
    }
}

impl fmt::Debug for PendingRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PendingRequest({} #{})", self.operation(), self.serial)
    }
}

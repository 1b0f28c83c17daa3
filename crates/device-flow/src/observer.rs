//! What a driver tells the program that embeds it.

use core::time::Duration;

use http::{HeaderName, Response};
use oidc_proto::Operation;

use crate::{DeviceFlow, Failure, Phase, ResponseBody, Tick, TransportError, Trouble, UserPrompt};

/// Where the service puts the id to quote to support.
static REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// Receives the prompt, and what happens around it. Every adapter takes one; a closure over [`UserPrompt`] is one
/// that ignores everything else.
///
/// ```
/// use device_flow::{Exchange, Observer, Status, UserPrompt};
/// use oidc_proto::Operation;
///
/// /// Remembers what it was told, in order.
/// #[derive(Default)]
/// struct Journal(Vec<String>);
///
/// impl Observer for Journal {
///     fn prompt(&mut self, prompt: &UserPrompt) {
///         self.0.push(format!("show {}", prompt.verification_uri));
///     }
///     fn sending(&mut self, operation: Operation) {
///         self.0.push(format!("send {operation}"));
///     }
///     fn exchanged(&mut self, exchange: &Exchange<'_>) {
///         self.0.push(format!("status {:?} after {:?}", exchange.status, exchange.took));
///     }
///     fn waiting(&mut self, status: &Status<'_>) {
///         self.0.push(format!("wait for {:?}", status.until.since(status.now)));
///     }
/// }
/// # let mut journal = Journal::default();
/// # journal.sending(Operation::CreateToken);
/// # assert_eq!(journal.0, ["send CreateToken"]);
/// ```
pub trait Observer {
    /// Show this to the person. Called once, and once more if a rejected cached registration made the first codes
    /// void.
    fn prompt(&mut self, prompt: &UserPrompt);

    /// A request is about to be sent.
    #[expect(unused_variables, reason = "named for those who write their own")]
    fn sending(&mut self, operation: Operation) {}

    /// A request got its answer, or none.
    #[expect(unused_variables, reason = "named for those who write their own")]
    fn exchanged(&mut self, exchange: &Exchange<'_>) {}

    /// The driver is about to wait.
    #[expect(unused_variables, reason = "named for those who write their own")]
    fn waiting(&mut self, status: &Status<'_>) {}
}

impl<F: FnMut(&UserPrompt)> Observer for F {
    fn prompt(&mut self, prompt: &UserPrompt) {
        self(prompt);
    }
}

/// A request and what came of it, as far as it is no secret: see
/// [`PendingRequest::exchange`](crate::PendingRequest::exchange).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Exchange<'a> {
    /// What was asked.
    pub operation: Operation,
    /// Which request of this operation it was, counted from 1.
    pub attempt: u32,
    /// From sending to the last byte that was read.
    pub took: Duration,
    /// The HTTP status, if a response came.
    pub status: Option<u16>,
    /// `x-amzn-RequestId`, to quote to support, if there was one.
    pub request_id: Option<&'a str>,
    /// Whether the response's body broke off.
    pub broken: bool,
    /// Why no response came, if none did.
    pub failure: Option<Failure>,
}

impl<'a> Exchange<'a> {
    pub(crate) fn new(
        operation: Operation,
        attempt: u32,
        took: Duration,
        result: &'a Result<Response<ResponseBody>, TransportError>,
    ) -> Self {
        let (status, request_id, broken, failure) = match result {
            Ok(response) => {
                let request_id = response.headers().get(&REQUEST_ID).and_then(|id| id.to_str().ok());
                (Some(response.status().as_u16()), request_id, response.body().is_broken(), None)
            }
            Err(error) => (None, None, false, Some(error.failure())),
        };
        Self { operation, attempt, took, status, request_id, broken, failure }
    }
}

/// A flow that waits, for a status line.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Status<'a> {
    /// What it waits for: for the person, or for the next try before the prompt.
    pub phase: Phase,
    /// The time now.
    pub now: Tick,
    /// When the next request is due.
    pub until: Tick,
    /// When the code dies, once there is one.
    pub deadline: Option<Tick>,
    /// How many CreateToken requests were sent.
    pub polls: u32,
    /// What went wrong since the last verdict.
    pub trouble: Option<&'a Trouble>,
}

impl<'a> Status<'a> {
    /// The status of a flow that answered [`Action::Wait`](crate::Action::Wait) with `until`.
    ///
    /// ```
    /// # use device_flow::{Action, DeviceFlow, Failure, Phase, Policy, Reply, Status, Tick};
    /// # use oidc_proto::Endpoint;
    /// # let service = Endpoint::for_region("eu-west-1")?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let now = Tick::ZERO;
    /// # let mut flow = DeviceFlow::new(service, policy, None, now);
    /// # let Action::Send(pending) = flow.poll(now) else { panic!("it registers") };
    /// # flow.on_reply(pending, now, Reply::Failed(Failure::NotSent))?;
    /// let Action::Wait(until) = flow.poll(now) else { panic!("it tries again later") };
    /// let status = Status::of(&flow, now, until);
    /// assert_eq!((status.phase, status.polls), (Phase::Registering, 0));
    /// assert!(status.trouble.is_some() && status.until > status.now);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn of(flow: &'a DeviceFlow, now: Tick, until: Tick) -> Self {
        Self {
            phase: flow.phase(),
            now,
            until,
            deadline: flow.deadline(),
            polls: flow.polls(),
            trouble: flow.trouble(),
        }
    }
}

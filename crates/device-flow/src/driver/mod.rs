//! What every driver does around its own sending and waiting, for those who write an adapter to another HTTP client.
//!
//! A [`Driver`] asks the flow, and does all of the answer that needs neither a socket nor a clock: it tells the
//! [`Observer`], counts attempts, gives each request its time-out, keeps the transport's latest error, ends the flow when
//! the HTTP client turns out not to be safe, takes up a flow whose ticket was lost, and logs
//! what `events` names (with the feature `tracing`). What is left is the adapter's, blocking or async:
//!
//! 1. [`Step::Send`]: send [`Sending::request`] once, within [`Sending::timeout`]; follow no redirect, and let an error
//!    status be an answer. Read the body into a [`Body`]. Hand in what came of it, with [`Driver::on_sent`].
//! 2. [`Step::Prompt`]: hand it to [`Driver::show`].
//! 3. [`Step::Wait`]: wait that long, or less.
//! 4. [`Step::Done`]: [`Driver::finish`] has the error for [`DeviceFlow::into_result`].
//!
//! For operations one by one there is [`Calling`], for a provider's metadata [`MetadataSearch`].
//!
//! ```
//! use core::time::Duration;
//! use device_flow::driver::{Body, Driver, Received, Sending, Sent, Step, Unanswered};
//! use device_flow::{DeviceFlow, Failure, NotSignedIn, Observer, Policy, SignedIn, Tick, UserPrompt};
//! # use oidc_proto::Endpoint;
//!
//! // Stands in for an HTTP client: what it says of a request, and how long that took.
//! fn send(sending: &Sending) -> Sent<std::io::Error> {
//!     let result = match std::fs::read(format!("/no/such/file/{}", sending.request().operation())) {
//!         Ok(bytes) => {
//!             let mut body = Body::expecting(Some(bytes.len() as u64));
//!             body.push(&bytes);
//!             Ok(Received::whole(http::Response::new(body)))
//!         }
//!         Err(error) => Err(Unanswered::new(Failure::NotSent, error)),
//!     };
//!     Sent::new(result, Duration::from_millis(1))
//! }
//!
//! let mut now = Tick::ZERO; // a real adapter: Tick::since_origin(started.elapsed())
//! let service = Endpoint::for_region("eu-west-1")?;
//! let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
//! let mut flow = DeviceFlow::new(service, policy, None, now);
//! let mut on_prompt = |prompt: &UserPrompt| println!("{prompt}");
//!
//! let mut driver = Driver::new(&mut flow, &mut on_prompt, Duration::from_secs(40));
//! let transport = loop {
//!     match driver.poll(now) {
//!         Step::Send(sending) => {
//!             let sent = send(&sending);
//!             driver.on_sent(sending, now, sent)?;
//!         }
//!         Step::Prompt(prompt) => driver.show(&prompt),
//!         Step::Wait(duration) => now = now + duration, // a real adapter sleeps
//!         Step::Done => break driver.finish(now),
//!     }
//! };
//! let end = flow.into_result(now, transport).unwrap_err();
//! assert!(end.to_string().starts_with("RegisterClient got no verdict: the service could not be reached"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod body;
mod call;
mod search;
mod sent;

use core::error::Error;
use core::fmt;
use core::time::Duration;

use oidc_proto::Request;

pub use self::body::Body;
pub use self::call::Calling;
pub use self::search::MetadataSearch;
pub use self::sent::{Received, Sent, Unanswered};
use crate::events;
use crate::observer::Attempts;
use crate::{
    Action, DeviceFlow, Misuse, Observer, Phase, Reply, Status, Tick, Ticket, TransportError, UserPrompt,
};

/// What is left for the adapter to do, one step for each [`Driver::poll`].
///
/// Exhaustive on purpose, as [`Action`] is.
#[derive(Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "an adapter must handle every step, so a new one has to break its build"
)]
#[must_use = "carry the step out, then poll again"]
pub enum Step {
    /// Send this once, then call [`Driver::on_sent`] with what came of it.
    Send(Sending),
    /// Show this to the person: call [`Driver::show`].
    Prompt(UserPrompt),
    /// Do nothing for this long; waking early is harmless.
    Wait(Duration),
    /// The flow has ended: call [`Driver::finish`].
    Done,
}

/// A request of a flow that is to be sent, once.
#[derive(Debug)]
#[must_use = "send the request, then hand this back to `Driver::on_sent`"]
pub struct Sending {
    request: Request,
    ticket: Ticket,
    phase: Phase,
    attempt: u32,
    timeout: Duration,
}

impl Sending {
    /// The request. A clone is cheap.
    #[must_use]
    pub const fn request(&self) -> &Request {
        &self.request
    }

    /// How long it may take in all: no longer than the device code lives.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_flow::driver::{Driver, Step};
    /// # use device_flow::{DeviceFlow, Policy, Tick, UserPrompt};
    /// # use oidc_proto::Endpoint;
    /// # let service = Endpoint::for_region("eu-west-1")?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let mut flow = DeviceFlow::new(service, policy, None, Tick::ZERO);
    /// # let mut on_prompt = |_: &UserPrompt| {};
    /// let mut driver = Driver::<_, std::io::Error>::new(&mut flow, &mut on_prompt, Duration::from_secs(40));
    /// let Step::Send(sending) = driver.poll(Tick::ZERO) else { panic!("it registers") };
    /// assert_eq!(sending.timeout(), Duration::from_secs(40)); // there is no code yet that could die earlier
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }
}

/// Drives one flow, but for sending and waiting. `E` is the error of the adapter's HTTP client.
///
/// See the [module's documentation](self) for the loop that it is made for. If it is dropped while a request is under way,
/// for example with a cancelled future, the next driver of the flow counts that request as one whose answer was lost.
#[must_use = "a driver does nothing until it is polled"]
pub struct Driver<'a, O, E: Error + 'static> {
    flow: &'a mut DeviceFlow,
    observer: &'a mut O,
    request_timeout: Duration,
    attempts: Attempts,
    transport: Option<TransportError<E>>,
}

impl<'a, O: Observer, E: Error + 'static> Driver<'a, O, E> {
    /// A driver of this flow. A request takes at most `request_timeout`, and no longer than the device code lives.
    pub fn new(flow: &'a mut DeviceFlow, observer: &'a mut O, request_timeout: Duration) -> Self {
        Self { flow, observer, request_timeout, attempts: Attempts::default(), transport: None }
    }

    /// What to do now.
    pub fn poll(&mut self, now: Tick) -> Step {
        loop {
            return match self.flow.poll(now) {
                Action::Send(request, ticket) => Step::Send(self.sending(request, ticket, now)),
                Action::Prompt(prompt) => Step::Prompt(prompt),
                Action::Wait(until) => {
                    let status = Status::of(self.flow, now, until);
                    events::waiting(&status);
                    self.observer.waiting(&status);
                    Step::Wait(until.since(now))
                }
                // An earlier driver of this flow was dropped with its ticket.
                Action::AwaitReply => {
                    self.flow.abandon(now);
                    continue;
                }
                Action::Done => Step::Done,
            };
        }
    }

    fn sending(&mut self, request: Request, ticket: Ticket, now: Tick) -> Sending {
        self.observer.sending(request.operation());
        let (phase, attempt) = (self.flow.phase(), self.attempts.next(self.flow, request.operation()));
        let rest = self.flow.deadline().map(|deadline| deadline.since(now));
        let timeout = rest.map_or(self.request_timeout, |rest| rest.min(self.request_timeout));
        events::sending(&request, Some(phase), attempt);
        Sending { request, ticket, phase, attempt, timeout }
    }

    /// Takes what came of a request. `now` is when it came: the next poll is paced from it.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_flow::driver::{Driver, Sent, Step, Unanswered};
    /// # use device_flow::{DeviceFlow, Failure, Policy, Tick, UserPrompt};
    /// # use oidc_proto::Endpoint;
    /// # let service = Endpoint::for_region("eu-west-1")?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let mut flow = DeviceFlow::new(service, policy, None, Tick::ZERO);
    /// # let mut on_prompt = |_: &UserPrompt| {};
    /// # let now = Tick::ZERO;
    /// let mut driver = Driver::new(&mut flow, &mut on_prompt, Duration::from_secs(40));
    /// let Step::Send(sending) = driver.poll(now) else { panic!("it registers") };
    /// let timed_out = std::io::Error::from(std::io::ErrorKind::TimedOut);
    /// let sent = Sent::new(Err(Unanswered::new(Failure::Unknown, timed_out)), Duration::from_secs(40));
    /// driver.on_sent(sending, now + Duration::from_secs(40), sent)?;
    /// // Its patience is over: 20 seconds, unless the policy says otherwise.
    /// assert!(driver.is_done());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The adapter's mistake, which changes nothing: what was sent is of another flow, or this one was cancelled meanwhile.
    pub fn on_sent(&mut self, sending: Sending, now: Tick, sent: Sent<E>) -> Result<(), Misuse> {
        let Sending { request, ticket, phase, attempt, timeout: _ } = sending;
        let exchange = sent.exchange(request.operation(), attempt);
        events::exchanged(&exchange, Some(phase), sent.cause());
        self.observer.exchanged(&exchange);
        // It happened, so it was told of. To this flow it means nothing, and neither does its error.
        if !self.flow.awaits(&ticket) {
            return Err(Misuse::StaleTicket);
        }
        let (reply, error) = match sent.result {
            Ok(Received { response, broken }) => (Reply::decode(&ticket, &response), broken),
            Err(Unanswered { failure, source }) => (Reply::Failed(failure), Some(source)),
        };
        // The latest error, not the latest reply's: the reply that proves a loss comes after it.
        if error.is_some() {
            self.transport = error;
        }
        if self.transport.as_ref().is_some_and(TransportError::is_final) {
            self.flow.cancel();
            return Ok(());
        }
        self.flow.on_reply(ticket, now, reply)
    }

    /// Shows the prompt to the person.
    pub fn show(&mut self, prompt: &UserPrompt) {
        events::prompting(prompt, self.flow.phase());
        self.observer.prompt(prompt);
    }

    /// Ends the flow because whoever embeds it wants no more of it, if it has not ended. There is no transport error then:
    /// it has nothing to do with the end.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_flow::driver::{Driver, Step};
    /// # use device_flow::{DeviceFlow, Outcome, Policy, Tick, UserPrompt};
    /// # use oidc_proto::Endpoint;
    /// # let service = Endpoint::for_region("eu-west-1")?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let mut flow = DeviceFlow::new(service, policy, None, Tick::ZERO);
    /// # let mut on_prompt = |_: &UserPrompt| {};
    /// let mut driver = Driver::<_, std::io::Error>::new(&mut flow, &mut on_prompt, Duration::from_secs(40));
    /// driver.cancel();
    /// assert!(driver.is_done() && driver.finish(Tick::ZERO).is_none());
    /// assert_eq!(flow.outcome(), Some(Err(&Outcome::Cancelled)));
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    pub fn cancel(&mut self) {
        if !self.is_done() {
            self.flow.cancel();
            self.transport = None;
        }
    }

    /// Whether the flow has ended.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.flow.outcome().is_some()
    }

    /// The latest transport error, for [`DeviceFlow::into_result`], of a flow that has ended.
    #[must_use = "`DeviceFlow::into_result` takes it"]
    pub fn finish(self, now: Tick) -> Option<TransportError<E>> {
        events::ended(self.flow, now);
        self.transport
    }
}

impl<O, E: Error + 'static> fmt::Debug for Driver<'_, O, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("phase", &self.flow.phase()).finish_non_exhaustive()
    }
}

//! The driver: it does what the machine says, one action at a time.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use device_flow::{
    Action, Attempts, DeviceFlow, NotSignedIn, Observer, Policy, SignedIn, Status, Tick, UserPrompt, events,
};
use oidc_proto::Registration;

use crate::transport::Place;
use crate::{Cancel, Clock, HttpClient, SystemClock, TransportError};

/// A sign-in to be run.
///
/// ```no_run
/// # use device_flow_ureq::{Cancel, Endpoint, HttpClient, Outcome};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let client = HttpClient::new(Endpoint::for_region("eu-west-1")?)?;
/// let cancel = Cancel::new(); // give a clone to whoever may cancel
/// let policy = client.policy("https://d-1234567890.awsapps.com/start");
/// match client.login(policy).cancelled_by(&cancel).run(|prompt| eprintln!("{prompt}")) {
///     Ok(signed_in) => println!("{} polls", signed_in.polls),
///     Err(end) if matches!(end.outcome, Outcome::Cancelled) => println!("never mind"),
///     Err(end) => return Err(end.into()),
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "call `run` to sign in"]
pub struct Login<'a, C = SystemClock> {
    client: &'a HttpClient,
    policy: Arc<Policy>,
    registration: Option<Registration>,
    jitter_seed: Option<u64>,
    cancel: Option<Cancel>,
    clock: C,
}

impl<'a> Login<'a> {
    pub(crate) fn new(client: &'a HttpClient, policy: Arc<Policy>) -> Self {
        Self {
            client,
            policy,
            registration: None,
            jitter_seed: Some(any_number()),
            cancel: None,
            clock: SystemClock::default(),
        }
    }
}

impl<'a, C> Login<'a, C> {
    /// Uses this registration instead of making a new one. If the service rejects it, a new one is made, once. Ask
    /// [`Registration::usable_at`] first.
    pub fn registered(mut self, registration: Option<Registration>) -> Self {
        self.registration = registration;
        self
    }

    /// Lets this handle cancel the sign-in.
    pub fn cancelled_by(mut self, cancel: &Cancel) -> Self {
        self.cancel = Some(cancel.clone());
        self
    }

    /// Draws out the waits after trouble by this seed, or not at all; without this, by a number that differs from sign-in
    /// to sign-in. See [`DeviceFlow::with_jitter`]; for a test whose times must be exact, `None` is right.
    pub fn jitter_seed(mut self, seed: Option<u64>) -> Self {
        self.jitter_seed = seed;
        self
    }

    /// Paces the sign-in by this clock, so that a test runs a ten-minute sign-in in a moment.
    pub fn clock<D: Clock>(self, clock: D) -> Login<'a, D> {
        let Self { client, policy, registration, jitter_seed, cancel, clock: _ } = self;
        Login { client, policy, registration, jitter_seed, cancel, clock }
    }
}

impl<C: Clock> Login<'_, C> {
    /// Signs in: registers, gives the prompt to the closure, polls until there is an outcome. Blocks for as
    /// long as the person takes, at most for the life of the code.
    ///
    /// # Errors
    /// [`NotSignedIn`] with the outcome that it was: denied, expired, cancelled, and so on.
    pub fn run(
        self,
        on_prompt: impl FnMut(&UserPrompt),
    ) -> Result<SignedIn, Box<NotSignedIn<TransportError<ureq::Error>>>> {
        self.run_with(on_prompt)
    }

    /// As [`Login::run`], with an observer that hears of requests and waits as well.
    ///
    /// # Errors
    /// As [`Login::run`].
    pub fn run_with(
        self,
        mut observer: impl Observer,
    ) -> Result<SignedIn, Box<NotSignedIn<TransportError<ureq::Error>>>> {
        let Self { client, policy, registration, jitter_seed, cancel, clock } = self;
        let mut flow = DeviceFlow::new(policy, registration, clock.now());
        if let Some(seed) = jitter_seed {
            flow = flow.with_jitter(seed);
        }
        let transport = client.drive(&mut flow, &clock, cancel.as_ref(), &mut observer);
        flow.into_result(clock.now(), transport)
    }
}

impl HttpClient {
    /// Drives a flow to its end, and returns the latest transport error for [`DeviceFlow::into_result`]. The flow
    /// must have been made with this clock's time. A cancelled flow has ended, and cannot be driven on; there is no
    /// transport error then.
    ///
    /// ```
    /// use device_flow_ureq::{Clock, DeviceFlow, Endpoint, HttpClient, SystemClock, UserPrompt};
    /// # let server = sso_oidc_server::TestServer::start();
    /// let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// let clock = SystemClock::default();
    /// let policy = client.policy("https://d-1234567890.awsapps.com/start");
    /// let mut flow = DeviceFlow::new(policy, None, clock.now());
    /// let mut person = |prompt: &UserPrompt| server.approve(&prompt.user_code).unwrap();
    /// let transport = client.drive(&mut flow, &clock, None, &mut person);
    /// assert_eq!(flow.into_result(clock.now(), transport)?.polls, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn drive(
        &self,
        flow: &mut DeviceFlow,
        clock: &impl Clock,
        cancel: Option<&Cancel>,
        observer: &mut impl Observer,
    ) -> Option<TransportError<ureq::Error>> {
        let transport = self.drive_on(flow, clock, cancel, observer);
        events::ended(flow, clock.now());
        transport
    }

    fn drive_on(
        &self,
        flow: &mut DeviceFlow,
        clock: &impl Clock,
        cancel: Option<&Cancel>,
        observer: &mut impl Observer,
    ) -> Option<TransportError<ureq::Error>> {
        let (mut transport, mut attempts) = (None, Attempts::default());
        let never = Cancel::new();
        loop {
            if flow.outcome().is_none() && cancel.is_some_and(Cancel::is_cancelled) {
                flow.cancel();
                return None;
            }
            let now = clock.now();
            match flow.poll(now) {
                Action::Send(request, ticket) => {
                    observer.sending(request.operation());
                    let attempt = attempts.next(flow, request.operation());
                    let place = Place { phase: Some(flow.phase()), attempt };
                    let timeout = self.timeout_for(flow, now);
                    let replied = self.reply(&request, &ticket, place, timeout, cancel, observer);
                    let Some((reply, error)) = replied else {
                        flow.cancel();
                        return None;
                    };
                    // The latest error, not the latest reply's: the reply that proves a loss comes after it.
                    if error.is_some() {
                        transport = error;
                    }
                    if transport.as_ref().is_some_and(TransportError::is_final) {
                        flow.cancel();
                        return transport;
                    }
                    let taken = flow.on_reply(ticket, clock.now(), reply);
                    debug_assert_eq!(taken, Ok(()), "this driver answers each ticket once");
                }
                Action::Prompt(prompt) => {
                    events::prompting(&prompt, flow.phase());
                    observer.prompt(&prompt);
                }
                Action::Wait(until) => {
                    let status = Status::of(flow, now, until);
                    events::waiting(&status);
                    observer.waiting(&status);
                    clock.wait(until.since(now), cancel.unwrap_or(&never));
                }
                // The flow comes from another driver, which lost its ticket.
                Action::AwaitReply => flow.abandon(now),
                Action::Done => return transport,
            }
        }
    }

    /// How long a request of this flow may take: no longer than its device code lives.
    fn timeout_for(&self, flow: &DeviceFlow, now: Tick) -> Duration {
        flow.deadline().map_or(self.request_timeout, |deadline| self.request_timeout.min(deadline.since(now)))
    }
}

/// A number that differs from call to call: the standard library's random keys, put through their hash.
fn any_number() -> u64 {
    RandomState::new().hash_one(())
}

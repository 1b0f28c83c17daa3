//! The driver, which performs the machine's actions one at a time.
//!
//! The setters of `device-flow-reqwest` look alike on purpose: each adapter reads on its own.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use device_flow::{
    Action, ApiMisuse, DeviceFlow, Flow, Observer, OnPrompt, Policy, SignInError, SignedIn, Status, Stop,
    Tick, TryOnPrompt, UserPrompt,
};
use oidc_proto::Registration;

use crate::worker::Worker;
use crate::{Cancel, Clock, HttpClient, SystemClock, crypto};

/// A sign-in, ready to run.
///
/// ```
/// use device_flow_ureq::{Cancel, Endpoint, HttpClient, Outcome, Policy, SystemClock};
/// # let server = sso_oidc_server::TestServer::start();
/// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
///
/// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
/// let cancel = Cancel::new(); // give a clone to the code that may cancel
/// let login = client.login(policy)
///     .registered(None) // or what an earlier sign-in left
///     .cancelled_by(&cancel)
///     .jitter_seed(None)
///     .clock(SystemClock);
/// match login.run(|prompt| {
///     eprintln!("{prompt}");
///     cancel.cancel(); // the person has changed their mind
/// }) {
///     Ok(signed_in) => panic!("{} polls", signed_in.polls),
///     Err(end) => assert_eq!(end.outcome, Outcome::Cancelled),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "call `run` to sign in"]
pub struct Login<C = SystemClock> {
    client: HttpClient,
    policy: Arc<Policy>,
    registration: Option<Registration>,
    jitter_seed: Option<u64>,
    clock: C,
}

impl Login {
    pub(crate) fn new(client: HttpClient, policy: Arc<Policy>) -> Self {
        Self { client, policy, registration: None, jitter_seed: Some(any_number()), clock: SystemClock }
    }
}

impl<C> Login<C> {
    /// Uses this registration instead of a new one. If the service rejects it, the client registers again, once.
    /// Check [`Registration::usable_at`] first.
    pub fn registered(mut self, registration: Option<Registration>) -> Self {
        self.registration = registration;
        self
    }

    /// Lets this handle cancel the sign-in. The [client's](HttpClient::cancelled_by) handle keeps its effect.
    pub fn cancelled_by(mut self, cancel: &Cancel) -> Self {
        self.client = self.client.cancelled_by(cancel);
        self
    }

    /// Sets the seed of the retry jitter. `None` disables the jitter, for a test with exact times. The default seed
    /// differs from sign-in to sign-in. See [`DeviceFlow::with_jitter`].
    pub fn jitter_seed(mut self, seed: Option<u64>) -> Self {
        self.jitter_seed = seed;
        self
    }

    /// Uses this clock, so that a test runs a ten-minute sign-in in a moment.
    pub fn clock<D: Clock>(self, clock: D) -> Login<D> {
        let Self { client, policy, registration, jitter_seed, clock: _ } = self;
        Login { client, policy, registration, jitter_seed, clock }
    }
}

impl<C: Clock> Login<C> {
    /// Signs in: registers, passes the prompt to the closure, and polls until there is an outcome. It blocks until
    /// the person has decided, at most until the code expires.
    ///
    /// ```
    /// use device_flow_ureq::{Endpoint, HttpClient, Outcome, Policy};
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let policy = policy.with_first_poll(device_flow_ureq::FirstPoll::Immediately);
    /// // A person who says no:
    /// let end = client.login(policy).run(|prompt| server.deny(&prompt.user_code).unwrap()).unwrap_err();
    /// assert!(matches!(end.outcome, Outcome::Denied(_)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`NotSignedIn`](crate::NotSignedIn) with the outcome: denied, expired, cancelled, and so on.
    pub fn run(self, on_prompt: impl FnMut(&UserPrompt)) -> Result<SignedIn, SignInError> {
        self.run_with(OnPrompt(on_prompt))
    }

    /// Signs in as [`Login::run`] does, with a closure that can fail. Its error [stops](Stop) the sign-in.
    ///
    /// ```
    /// use std::io;
    /// # use device_flow_ureq::{Endpoint, HttpClient, Outcome, Policy};
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// // The pipe to which the code is written is closed.
    /// let end = client.login(policy).try_run(|_| Err(io::Error::from(io::ErrorKind::BrokenPipe))).unwrap_err();
    /// assert_eq!(end.to_string(), "the sign-in was stopped: broken pipe");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Login::run`].
    pub fn try_run<E: Into<Stop>>(
        self,
        on_prompt: impl FnMut(&UserPrompt) -> Result<(), E>,
    ) -> Result<SignedIn, SignInError> {
        self.run_with(TryOnPrompt(on_prompt))
    }

    /// Signs in as [`Login::run`] does, with an observer that is also called for requests and waits.
    ///
    /// ```
    /// use device_flow_ureq::{Observer, Operation, Policy, Stop, UserPrompt};
    /// use std::cell::Cell;
    /// # use device_flow_ureq::{Endpoint, HttpClient};
    /// # use sso_oidc_server::TestServer;
    ///
    /// /// Approves at once, and counts the requests.
    /// struct Approving<'a>(&'a TestServer, &'a Cell<u32>);
    ///
    /// impl Observer for Approving<'_> {
    ///     fn prompt(&mut self, prompt: &UserPrompt) -> Result<(), Stop> {
    ///         self.0.approve(&prompt.user_code).unwrap();
    ///         Ok(())
    ///     }
    ///     fn sending(&mut self, _: Operation) {
    ///         self.1.set(self.1.get() + 1);
    ///     }
    /// }
    /// # let server = TestServer::start();
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let policy = policy.with_first_poll(device_flow_ureq::FirstPoll::Immediately);
    /// let requests = Cell::new(0);
    /// client.login(policy).run_with(Approving(&server, &requests))?;
    /// assert_eq!(requests.get(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Login::run`].
    pub fn run_with(self, mut observer: impl Observer) -> Result<SignedIn, SignInError> {
        let Self { client, policy, registration, jitter_seed, clock } = self;
        let mut flow = client.flow_seeded(policy, registration, jitter_seed, clock.now());
        client.drive_own(&mut flow, &clock, &mut observer, None);
        flow.into_result(clock.now())
    }
}

impl HttpClient {
    /// Creates a flow that begins now, to be [driven](Self::drive) by this client and the same clock. It has PKCE if
    /// the policy requires it, and its own jitter. A [`Login`] creates the same kind of flow.
    ///
    /// ```
    /// use device_flow_ureq::{Endpoint, HttpClient, Phase, Policy, SystemClock};
    ///
    /// let client = HttpClient::new(Endpoint::for_region("eu-west-1")?)?;
    /// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// let flow = client.flow(policy, None, &SystemClock);
    /// assert_eq!(flow.phase(), Phase::Registering);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn flow(
        &self,
        policy: impl Into<Arc<Policy>>,
        registration: Option<Registration>,
        clock: &impl Clock,
    ) -> DeviceFlow {
        self.flow_seeded(policy.into(), registration, Some(any_number()), clock.now())
    }

    fn flow_seeded(
        &self,
        policy: Arc<Policy>,
        registration: Option<Registration>,
        jitter_seed: Option<u64>,
        now: Tick,
    ) -> DeviceFlow {
        let mut flow = DeviceFlow::new(self.service.clone(), policy, registration, now);
        if let Some(seed) = jitter_seed {
            flow = flow.with_jitter(seed);
        }
        if !flow.wants_pkce() {
            return flow;
        }
        match crypto::provider(self.crypto.as_ref()).and_then(|provider| crypto::proof(&provider)) {
            Some((verifier, challenge)) => flow.with_pkce(verifier, challenge),
            // Without a proof, the sign-in would be weaker than the policy requires.
            None => {
                flow.stop(Stop::because(crypto::NO_PKCE));
                flow
            }
        }
    }

    /// Drives a flow to its end. [`DeviceFlow::into_result`] then returns the result. The flow must have been created
    /// with this clock's time, as [`HttpClient::flow`] does. A cancelled flow has ended, and cannot be driven on.
    ///
    /// ```
    /// use device_flow_ureq::{Clock as _, Endpoint, HttpClient, OnPrompt, Policy, SystemClock, UserPrompt};
    /// # let server = sso_oidc_server::TestServer::start();
    /// let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// let clock = SystemClock;
    /// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// let mut flow = client.flow(policy, None, &clock);
    /// let mut person = OnPrompt(|prompt: &UserPrompt| server.approve(&prompt.user_code).unwrap());
    /// client.drive(&mut flow, &clock, &mut person)?;
    /// assert_eq!(flow.into_result(clock.now())?.polls, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ApiMisuse::OtherService`] if the flow is for another service than this client. Nothing is sent then.
    pub fn drive(
        &self,
        flow: &mut DeviceFlow,
        clock: &impl Clock,
        observer: &mut impl Observer,
    ) -> Result<(), ApiMisuse> {
        flow.check_service(&self.service)?;
        self.drive_own(flow, clock, observer, None);
        Ok(())
    }

    /// Drives a flow as [`Self::drive`] does, but stops once `stop` is cancelled. A wait ends at once; a pending
    /// request is finished first. So no grant is lost, and the flow can be saved and resumed in another process. This
    /// is for a program that must end, and takes at most one request timeout.
    ///
    /// ```
    /// use device_flow_ureq::{Cancel, Clock as _, Endpoint, HttpClient};
    /// use device_flow_ureq::{OnPrompt, Phase, Policy, SystemClock, UserPrompt};
    /// # let server = sso_oidc_server::TestServer::start();
    /// let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// let mut flow = client.flow(Policy::aws("https://d-1234567890.awsapps.com/start"), None, &SystemClock);
    /// let stop = Cancel::new();
    /// let mut shown = OnPrompt(|_: &UserPrompt| stop.cancel()); // the program is told to end
    /// client.drive_until(&mut flow, &SystemClock, &mut shown, &stop)?;
    /// assert_eq!(flow.phase(), Phase::Polling); // with the feature `serde`: `flow.save(..)`
    ///
    /// // It goes on, here or in another process.
    /// # server.approve(&server.pending()[0])?;
    /// client.drive(&mut flow, &SystemClock, &mut ())?;
    /// assert!(flow.into_result(SystemClock.now()).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::drive`].
    pub fn drive_until(
        &self,
        flow: &mut DeviceFlow,
        clock: &impl Clock,
        observer: &mut impl Observer,
        stop: &Cancel,
    ) -> Result<(), ApiMisuse> {
        flow.check_service(&self.service)?;
        self.drive_own(flow, clock, observer, Some(stop));
        Ok(())
    }

    /// Drives a flow of this client's service to its end, or until it must stop.
    fn drive_own(
        &self,
        flow: &mut DeviceFlow,
        clock: &impl Clock,
        observer: &mut impl Observer,
        stop: Option<&Cancel>,
    ) {
        self.drive_by(flow, clock, observer, stop, |_, most, interrupt| clock.wait(most, interrupt));
    }

    /// Drives a flow to its end, or until `stop`. Between requests it waits with `wait`, which ends early at an
    /// interrupt.
    pub(crate) fn drive_by<F: Flow>(
        &self,
        flow: &mut F,
        clock: &impl Clock,
        observer: &mut impl Observer<F>,
        stop: Option<&Cancel>,
        mut wait: impl FnMut(&mut F, Duration, &Cancel),
    ) {
        let interrupt = Cancel::any_of(self.cancel.iter().chain(stop));
        let mut worker = Worker::default();
        loop {
            if self.cancel.as_ref().is_some_and(Cancel::is_cancelled) {
                flow.cancel();
            }
            if stop.is_some_and(Cancel::is_cancelled) && !flow.has_ended() {
                return;
            }
            let now = clock.now();
            match flow.poll(now) {
                Action::Send(pending) => {
                    observer.sending(pending.operation());
                    let timeout = pending.timeout(self.request_timeout);
                    let Some(result) = self.send_unless(&mut worker, pending.request(), timeout) else {
                        flow.cancel();
                        continue;
                    };
                    let now = clock.now();
                    observer.exchanged(&pending.exchange(now, &result));
                    let taken = flow.on_result(pending, now, result);
                    debug_assert_eq!(taken, Ok(()), "this driver answers each request once");
                }
                Action::Prompt(prompt) => {
                    if let Err(stop) = observer.prompt(&prompt) {
                        flow.stop(stop);
                    }
                }
                Action::Wait(until) => {
                    observer.waiting(&Status::of(flow, now, until));
                    wait(flow, until.since(now), &interrupt);
                }
                Action::AwaitReply => flow.abandon(now),
                Action::Done => return,
            }
        }
    }
}

/// Returns a number that differs from call to call: a hash with the standard library's random keys.
pub(crate) fn any_number() -> u64 {
    RandomState::new().hash_one(())
}

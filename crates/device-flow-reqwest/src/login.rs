//! The driver, which performs the machine's actions one at a time.
//!
//! The setters of `device-flow-ureq` look alike on purpose: each adapter reads on its own.

use std::future::{self, Future};
use std::hash::{BuildHasher as _, RandomState};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use device_flow::{
    Action, ApiMisuse, DeviceFlow, Flow, Observer, OnPrompt, Policy, SignInError, SignedIn, Status, Stop,
    Tick, TryOnPrompt, UserPrompt,
};
use oidc_proto::Registration;

use crate::until::Until;
use crate::{Clock, HttpClient, TokioClock, crypto};

/// A sign-in, ready to run.
///
/// ```
/// use device_flow_reqwest::{Endpoint, HttpClient, Policy, TokioClock};
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let server = sso_oidc_server::TestServer::start();
/// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
/// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
/// # let policy = policy.with_first_poll(device_flow_reqwest::FirstPoll::Immediately);
/// let login = client.login(policy)
///     .registered(None) // or what an earlier sign-in left
///     .jitter_seed(None)
///     .clock(TokioClock);
/// let signed_in = login.run(|prompt| server.approve(&prompt.user_code).unwrap()).await?;
/// assert!(signed_in.newly_registered);
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "call `run` to sign in"]
pub struct Login<C = TokioClock> {
    client: HttpClient,
    policy: Arc<Policy>,
    registration: Option<Registration>,
    jitter_seed: Option<u64>,
    clock: C,
}

impl Login {
    pub(crate) fn new(client: HttpClient, policy: Arc<Policy>) -> Self {
        Self { client, policy, registration: None, jitter_seed: Some(any_number()), clock: TokioClock }
    }
}

impl<C> Login<C> {
    /// Uses this registration instead of a new one. If the service rejects it, the client registers again, once.
    /// Check [`Registration::usable_at`] first.
    pub fn registered(mut self, registration: Option<Registration>) -> Self {
        self.registration = registration;
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
    /// Signs in: registers, passes the prompt to the closure, and polls until there is an outcome. It takes until the
    /// person has decided, at most until the code expires.
    ///
    /// ```
    /// use device_flow_reqwest::{Endpoint, HttpClient, Outcome, Policy};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let policy = policy.with_first_poll(device_flow_reqwest::FirstPoll::Immediately);
    /// // A person who says no:
    /// let end = client.login(policy).run(|prompt| server.deny(&prompt.user_code).unwrap()).await.unwrap_err();
    /// assert!(matches!(end.outcome, Outcome::Denied(_)));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`NotSignedIn`](crate::NotSignedIn) with the outcome: denied, expired, and so on.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the sign-in, and loses a token that the service grants at that moment. To go on
    /// later, use [`HttpClient::drive`] with your own flow.
    pub async fn run(self, on_prompt: impl FnMut(&UserPrompt)) -> Result<SignedIn, SignInError> {
        self.run_with(OnPrompt(on_prompt)).await
    }

    /// Signs in as [`Login::run`] does, with a closure that can fail. Its error [stops](Stop) the sign-in.
    ///
    /// ```
    /// use std::io;
    /// # use device_flow_reqwest::{Endpoint, HttpClient, Outcome, Policy};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// // The pipe to which the code is written is closed.
    /// let end = client.login(policy).try_run(|_| Err(io::Error::from(io::ErrorKind::BrokenPipe))).await.unwrap_err();
    /// assert_eq!(end.to_string(), "the sign-in was stopped: broken pipe");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Login::run`].
    ///
    /// # Cancel safety
    /// As [`Login::run`].
    pub async fn try_run<E: Into<Stop>>(
        self,
        on_prompt: impl FnMut(&UserPrompt) -> Result<(), E>,
    ) -> Result<SignedIn, SignInError> {
        self.run_with(TryOnPrompt(on_prompt)).await
    }

    /// Signs in as [`Login::run`] does, with an observer that is also called for requests and waits.
    ///
    /// ```
    /// use device_flow_reqwest::{Observer, Operation, Policy, Stop, UserPrompt};
    /// use std::cell::Cell;
    /// # use device_flow_reqwest::{Endpoint, HttpClient};
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
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = TestServer::start();
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let policy = policy.with_first_poll(device_flow_reqwest::FirstPoll::Immediately);
    /// let requests = Cell::new(0);
    /// client.login(policy).run_with(Approving(&server, &requests)).await?;
    /// assert_eq!(requests.get(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Login::run`].
    ///
    /// # Cancel safety
    /// As [`Login::run`].
    pub async fn run_with(self, mut observer: impl Observer) -> Result<SignedIn, SignInError> {
        let Self { client, policy, registration, jitter_seed, clock } = self;
        let mut flow = client.flow_seeded(policy, registration, jitter_seed, clock.now());
        client.drive_own(&mut flow, &clock, &mut observer, future::pending()).await;
        flow.into_result(clock.now())
    }
}

impl HttpClient {
    /// Creates a flow that begins now, to be [driven](Self::drive) by this client and the same clock. It has PKCE if
    /// the policy requires it, and its own jitter. A [`Login`] creates the same kind of flow.
    ///
    /// ```
    /// use device_flow_reqwest::{Endpoint, HttpClient, Phase, Policy, TokioClock};
    ///
    /// let client = HttpClient::new(Endpoint::for_region("eu-west-1")?)?;
    /// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// let flow = client.flow(policy, None, &TokioClock);
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
    /// with this clock's time, as [`HttpClient::flow`] does.
    ///
    /// # Cancel safety
    /// Safe at every await: the flow's state is never ahead of the exchange. If the future is dropped during a
    /// request, a later drive treats its response as lost.
    ///
    /// ```
    /// use device_flow_reqwest::{Clock as _, Endpoint, HttpClient, OnPrompt, Policy, TokioClock, UserPrompt};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = sso_oidc_server::TestServer::start();
    /// let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// let clock = TokioClock;
    /// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// let mut flow = client.flow(policy, None, &clock);
    /// let shown = tokio::sync::Notify::new();
    /// let mut prompt = OnPrompt(|_: &UserPrompt| shown.notify_one());
    /// tokio::select! {
    ///     _ = client.drive(&mut flow, &clock, &mut prompt) => unreachable!("it is not approved"),
    ///     () = shown.notified() => {} // something else to do: the driver is dropped in the middle of its wait
    /// }
    /// # server.approve(&server.pending()[0])?;
    /// client.drive(&mut flow, &clock, &mut prompt).await?;
    /// assert_eq!(flow.into_result(clock.now())?.polls, 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ApiMisuse::OtherService`] if the flow is for another service than this client. Nothing is sent then.
    pub async fn drive(
        &self,
        flow: &mut DeviceFlow,
        clock: &impl Clock,
        observer: &mut impl Observer,
    ) -> Result<(), ApiMisuse> {
        flow.check_service(&self.service)?;
        self.drive_own(flow, clock, observer, future::pending()).await;
        Ok(())
    }

    /// Drives a flow as [`Self::drive`] does, but stops once `stop` is ready. A wait ends at once; a pending request
    /// is finished first. So no grant is lost, and the flow can be saved and resumed in another process. This is for
    /// a server that must end, and takes at most one request timeout.
    ///
    /// # Cancel safety
    /// As [`Self::drive`]. Do not drop this future to stop: the dropped response may contain a grant.
    ///
    /// ```
    /// use device_flow_reqwest::{Clock as _, Endpoint, HttpClient, OnPrompt, Phase, Policy, TokioClock, UserPrompt};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = sso_oidc_server::TestServer::start();
    /// let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// let mut flow = client.flow(Policy::aws("https://d-1234567890.awsapps.com/start"), None, &TokioClock);
    /// let ending = tokio::sync::Notify::new();
    /// let mut shown = OnPrompt(|_: &UserPrompt| ending.notify_one()); // the program is told to end
    /// client.drive_until(&mut flow, &TokioClock, &mut shown, ending.notified()).await?;
    /// assert_eq!(flow.phase(), Phase::Polling); // with the feature `serde`: `flow.save(..)`
    ///
    /// // It goes on, here or in another process.
    /// # server.approve(&server.pending()[0])?;
    /// let going_on = tokio::spawn(client.finish(flow, TokioClock, ())?);
    /// assert!(going_on.await?.is_ok());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Self::drive`].
    pub async fn drive_until(
        &self,
        flow: &mut DeviceFlow,
        clock: &impl Clock,
        observer: &mut impl Observer,
        stop: impl Future<Output = ()>,
    ) -> Result<(), ApiMisuse> {
        flow.check_service(&self.service)?;
        self.drive_own(flow, clock, observer, stop).await;
        Ok(())
    }

    /// Drives a flow to its end, as a `'static` future for `tokio::spawn`.
    ///
    /// ```
    /// use device_flow_reqwest::{Endpoint, HttpClient, OnPrompt, Policy, TokioClock, UserPrompt};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let person = server.handle();
    /// let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// let flow = client.flow(Policy::aws("https://d-1234567890.awsapps.com/start"), None, &TokioClock);
    /// let prompt = OnPrompt(move |prompt: &UserPrompt| person.approve(&prompt.user_code).unwrap());
    /// let signed_in = tokio::spawn(client.finish(flow, TokioClock, prompt)?).await??;
    /// assert_eq!(signed_in.polls, 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Self::drive`], at once. The future itself has the errors of [`Login::run`].
    ///
    /// # Cancel safety
    /// Dropping the future drops the flow, which cancels the sign-in.
    pub fn finish<C, O>(
        &self,
        mut flow: DeviceFlow,
        clock: C,
        mut observer: O,
    ) -> Result<impl Future<Output = Result<SignedIn, SignInError>> + use<C, O>, ApiMisuse>
    where
        C: Clock,
        O: Observer,
    {
        flow.check_service(&self.service)?;
        let client = self.clone();
        Ok(async move {
            client.drive_own(&mut flow, &clock, &mut observer, future::pending()).await;
            flow.into_result(clock.now())
        })
    }

    /// Drives a flow of this client's service to its end, or until it must stop.
    async fn drive_own(
        &self,
        flow: &mut DeviceFlow,
        clock: &impl Clock,
        observer: &mut impl Observer,
        stop: impl Future<Output = ()>,
    ) {
        self.drive_by(flow, clock, observer, stop, Sleep(clock)).await;
    }

    /// Drives a flow to its end, or until `stop`. Between requests it waits with `wait`.
    pub(crate) async fn drive_by<F: Flow>(
        &self,
        flow: &mut F,
        clock: &impl Clock,
        observer: &mut impl Observer<F>,
        stop: impl Future<Output = ()>,
        mut wait: impl Wait<F>,
    ) {
        let stop = pin!(stop);
        let mut stop = Until::new(stop);
        let mut held = None;
        loop {
            if !flow.has_ended() && stop.has_come().await {
                return;
            }
            // Take the permit before polling the flow, so that the request is sent at the time that the flow records,
            // and never after the deadline. Keep it after a response, so that handling the response, which may be a
            // token, waits for no other request.
            let permit = match held.take() {
                None if !flow.has_ended() => match stop.or(self.backend.turn()).await {
                    Some(permit) => permit,
                    None => continue,
                },
                held => held,
            };
            let now = clock.now();
            match flow.poll(now) {
                Action::Send(pending) => {
                    observer.sending(pending.operation());
                    let result = self.send(pending.request(), pending.timeout(self.request_timeout)).await;
                    let now = clock.now();
                    observer.exchanged(&pending.exchange(now, &result));
                    let taken = flow.on_result(pending, now, result);
                    debug_assert_eq!(taken, Ok(()), "this driver answers each request once");
                    held = permit;
                }
                Action::Prompt(prompt) => {
                    drop(permit);
                    if let Err(stop) = observer.prompt(&prompt) {
                        flow.stop(stop);
                    }
                }
                Action::Wait(until) => {
                    drop(permit);
                    observer.waiting(&Status::of(flow, now, until));
                    stop.or(wait.wait(flow, until.since(now))).await;
                }
                Action::AwaitReply => flow.abandon(now),
                Action::Done => return,
            }
        }
    }
}

/// What a driver does between requests. The future is dropped when the program stops the driver.
pub(crate) trait Wait<F> {
    async fn wait(&mut self, flow: &mut F, most: Duration);
}

/// Waits by the clock.
struct Sleep<'a, C>(&'a C);

impl<F, C: Clock> Wait<F> for Sleep<'_, C> {
    async fn wait(&mut self, _: &mut F, most: Duration) {
        self.0.wait(most).await;
    }
}

/// Returns a number that differs from call to call: a hash with the standard library's random keys.
pub(crate) fn any_number() -> u64 {
    RandomState::new().hash_one(())
}

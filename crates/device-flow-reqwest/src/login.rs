//! The driver: it does what the machine says, one action at a time.

use std::future::{self, Future};
use std::hash::{BuildHasher as _, RandomState};
use std::pin::pin;
use std::sync::Arc;

use device_flow::{
    Action, DeviceFlow, Misuse, Observer, OnPrompt, Policy, SignInError, SignedIn, Status, Stop, Tick,
    TryOnPrompt, UserPrompt,
};
use oidc_proto::Registration;

use crate::until::Until;
use crate::{Clock, HttpClient, TokioClock, crypto};

/// A sign-in to be run.
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
    /// Uses this registration instead of making a new one. If the service rejects it, a new one is made, once. Ask
    /// [`Registration::usable_at`] first.
    pub fn registered(mut self, registration: Option<Registration>) -> Self {
        self.registration = registration;
        self
    }

    /// Draws out the waits after trouble by this seed, or not at all; without this, by a number that differs from sign-in
    /// to sign-in. See [`DeviceFlow::with_jitter`]; for a test whose times must be exact, `None` is right.
    pub fn jitter_seed(mut self, seed: Option<u64>) -> Self {
        self.jitter_seed = seed;
        self
    }

    /// Paces the sign-in by this clock, so that a test runs a ten-minute sign-in in a moment.
    pub fn clock<D: Clock>(self, clock: D) -> Login<D> {
        let Self { client, policy, registration, jitter_seed, clock: _ } = self;
        Login { client, policy, registration, jitter_seed, clock }
    }
}

impl<C: Clock> Login<C> {
    /// Signs in: registers, gives the prompt to the closure, polls until there is an outcome. Takes as long as
    /// the person takes, at most the life of the code.
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
    /// [`NotSignedIn`](crate::NotSignedIn) with the outcome that it was: denied, expired, and so on.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the sign-in; a token that the service granted at that very moment is lost. To go on
    /// later, use [`HttpClient::drive`] with a flow of your own.
    pub async fn run(self, on_prompt: impl FnMut(&UserPrompt)) -> Result<SignedIn, SignInError> {
        self.run_with(OnPrompt(on_prompt)).await
    }

    /// As [`Login::run`], with a closure that can fail. Its error [stops](Stop) the sign-in.
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

    /// As [`Login::run`], with an observer that hears of requests and waits as well.
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
    /// A flow that begins now, to be [driven](Self::drive) by this client and the same clock: with PKCE where the policy wants
    /// it, and with a jitter of its own. A [`Login`] makes one like it.
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
            // Going on without would be a weaker sign-in than was asked for.
            None => {
                flow.stop(Stop::because(
                    "PKCE needs random numbers and SHA-256, and the cryptography in use has not both",
                ));
                flow
            }
        }
    }

    /// Drives a flow to its end; [`DeviceFlow::into_result`] then says how it ended. The flow must have been made with this
    /// clock's time, as [`HttpClient::flow`] does.
    ///
    /// # Cancel safety
    /// Safe at every await: the flow is never ahead of what happened. If the future is dropped while a request is
    /// under way, driving the flow again treats that request as one whose answer was lost.
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
    /// [`Misuse::OtherService`] if the flow is for another service than this client. Nothing was sent then.
    pub async fn drive(
        &self,
        flow: &mut DeviceFlow,
        clock: &impl Clock,
        observer: &mut impl Observer,
    ) -> Result<(), Misuse> {
        flow.check_service(&self.service)?;
        self.drive_own(flow, clock, observer, future::pending()).await;
        Ok(())
    }

    /// As [`Self::drive`], but stops early once `stop` is ready, and only between two exchanges: a wait ends at once, and the answer
    /// to a request that is under way is taken first. So no grant is lost, and the flow can be saved to go on in another process.
    /// For a server that is to end; it takes no longer than one request may.
    ///
    /// # Cancel safety
    /// As [`Self::drive`], so dropping this future is not the way to stop: a grant may be in the answer that is dropped with it.
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
    ) -> Result<(), Misuse> {
        flow.check_service(&self.service)?;
        self.drive_own(flow, clock, observer, stop).await;
        Ok(())
    }

    /// Drives a flow to its end, as a future that owns all that it needs: for `tokio::spawn`.
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
    /// As [`Self::drive`], at once. The future's own are those of [`Login::run`].
    ///
    /// # Cancel safety
    /// Dropping the future drops the flow, and so cancels the sign-in.
    pub fn finish<C, O>(
        &self,
        mut flow: DeviceFlow,
        clock: C,
        mut observer: O,
    ) -> Result<impl Future<Output = Result<SignedIn, SignInError>> + use<C, O>, Misuse>
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

    /// Drives a flow of this client's service to its end, or until there is something to stop for.
    async fn drive_own(
        &self,
        flow: &mut DeviceFlow,
        clock: &impl Clock,
        observer: &mut impl Observer,
        stop: impl Future<Output = ()>,
    ) {
        let stop = pin!(stop);
        let mut stop = Until::new(stop);
        let mut held = None;
        loop {
            if flow.outcome().is_none() && stop.has_come().await {
                return;
            }
            // A permit comes before the flow is asked: so a request is sent when the flow thinks it is, and none after the
            // deadline. It is kept over an answer, because what that says must not wait behind other requests, and a token
            // least of all.
            let permit = match held.take() {
                None if flow.outcome().is_none() => match stop.or(self.carrier.turn()).await {
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
                    stop.or(clock.wait(until.since(now))).await;
                }
                Action::AwaitReply => flow.abandon(now),
                Action::Done => return,
            }
        }
    }
}

/// A number that differs from call to call: the standard library's random keys, put through their hash.
pub(crate) fn any_number() -> u64 {
    RandomState::new().hash_one(())
}

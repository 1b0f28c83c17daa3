//! The public calls of a flow. Its transitions are in `machine`.

use alloc::sync::Arc;
use core::mem;
use core::time::Duration;

use http::Response;
use oidc_proto::{Dialect, FaultCode, Operation, RegisterClientRequest, Registration, Service};

use crate::client::KnownClient;
use crate::jitter::Jitter;
use crate::machine::{Answer, Context, Event, State, step};
use crate::proof::Proof;
use crate::requests::Requests;
use crate::setup::{Asking, Setup};
use crate::{
    Action, ApiMisuse, Failure, PendingRequest, Phase, Pkce, Policy, Reply, ResponseBody, Stop, Tick,
    TransientError, TransportError,
};

/// One sign-in with the device authorization grant (RFC 8628), from registration to outcome.
///
/// The [crate documentation](crate) has the calling contract.
///
/// The state of a flow, readable at any time:
///
/// ```
/// use core::time::Duration;
/// use device_flow::{Action, DeviceFlow, Phase, Policy, Tick};
/// use oidc_proto::{Client, Endpoint, Secret};
///
/// let service = Endpoint::for_region("eu-west-1")?;
/// let policy = Policy::aws("https://d-1234567890.awsapps.com/start")
///     .with_client(Client::new("id", Secret::from("secret")));
/// let start = Tick::ZERO;
/// let mut flow = DeviceFlow::new(service, policy, None, start);
/// assert_eq!((flow.phase(), flow.deadline(), flow.interval()), (Phase::Authorizing, None, None));
/// assert!(flow.registration().is_some() && !flow.is_newly_registered());
/// assert_eq!(flow.policy().client_name, "sso-oidc");
/// assert_eq!(flow.service().token_url(), "https://oidc.eu-west-1.amazonaws.com/token");
///
/// let Action::Send(pending) = flow.poll(start) else { panic!("it asks for the codes") };
/// let codes = r#"{"deviceCode":"d","userCode":"WDJB-MJHT","verificationUri":"https://d.example/","expiresIn":600}"#;
/// let now = start + Duration::from_secs(1);
/// flow.on_response(pending, now, &http::Response::new(codes))?;
/// assert_eq!(flow.phase(), Phase::Polling);
/// assert_eq!(flow.deadline(), Some(now + Duration::from_secs(600)));
/// assert_eq!(flow.interval(), Some(Duration::from_secs(5)));
/// assert_eq!(flow.prompt().map(|prompt| prompt.user_code).as_deref(), Some("WDJB-MJHT"));
/// assert_eq!((flow.polls(), flow.error(), flow.outcome()), (0, None, None));
/// assert_eq!((flow.started(), flow.running_for(now)), (start, Duration::from_secs(1)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct DeviceFlow {
    pub(crate) service: Service,
    pub(crate) policy: Arc<Policy>,
    /// The PKCE verifier and challenge.
    pub(crate) proof: Option<Box<Proof>>,
    pub(crate) state: State,
    pub(crate) requests: Requests,
    pub(crate) started: Tick,
    /// The running time before the flow was resumed.
    pub(crate) ran_before: Duration,
    pub(crate) polls: u32,
    pub(crate) slow_downs: u32,
    pub(crate) prompts: u32,
    /// Spreads the waits after errors.
    pub(crate) jitter: Jitter,
    /// The observer's reason to end the flow.
    pub(crate) stop: Option<Box<Stop>>,
}

impl DeviceFlow {
    /// Creates a flow that starts at `now`.
    ///
    /// A `registration` from a cache saves RegisterClient. The flow has no wall clock, so check
    /// [`Registration::usable_at`] first. If the service rejects it, the flow registers again, once. With
    /// [`Policy::client`] set, `registration` is ignored.
    ///
    /// All requests go to `service`: an [`Endpoint`](oidc_proto::Endpoint) of AWS, a
    /// [`Provider`](oidc_proto::oauth::Provider), or a clone of the HTTP client's [`Service`]. For a single
    /// flow pass a [`Policy`]; for many, clones of one `Service` and one `Arc<Policy>`.
    #[must_use]
    pub fn new(
        service: impl Into<Service>,
        policy: impl Into<Arc<Policy>>,
        registration: Option<Registration>,
        now: Tick,
    ) -> Self {
        let (service, policy) = (service.into(), policy.into());
        let client = KnownClient::choose(&policy, registration);
        let setup = Setup::new(now, now, &policy);
        let state = match client {
            Some(client) => State::Authorize(Box::new(Asking::new(&service, &policy, None, client, setup))),
            None => State::Register(Box::new(setup)),
        };
        Self {
            state,
            service,
            policy,
            proof: None,
            requests: Requests::starting(now),
            started: now,
            ran_before: Duration::ZERO,
            polls: 0,
            slow_downs: 0,
            prompts: 0,
            jitter: Jitter::none(),
            stop: None,
        }
    }

    /// Returns the same flow with jitter, so that flows do not return together after an outage.
    ///
    /// * A wait after an error grows by a random part of up to half of it. At the cap,
    ///   [`Policy::max_backoff`], it is between two thirds of the cap and the whole. Waits after a verdict
    ///   stay unchanged.
    /// * A poll that is overdue by more than an interval is delayed by a random part of an interval.
    ///   Something blocked its driver, and perhaps many other flows. If it is overdue again, the range
    ///   doubles, and so on.
    ///
    /// The machine has no randomness: `seed` is any number that differs between flows. A saved flow continues
    /// its sequence.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_flow::{Action, DeviceFlow, Failure, Policy, Reply, Tick};
    /// # use oidc_proto::Endpoint;
    /// # let service = Endpoint::for_region("eu-west-1")?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// let mut wait = |seed: u64| {
    ///     let mut flow = DeviceFlow::new(service.clone(), policy.clone(), None, Tick::ZERO).with_jitter(seed);
    ///     let Action::Send(pending) = flow.poll(Tick::ZERO) else { panic!("it registers") };
    ///     flow.on_reply(pending, Tick::ZERO, Reply::Failed(Failure::NotSent)).unwrap();
    ///     let Action::Wait(until) = flow.poll(Tick::ZERO) else { panic!("it tries again later") };
    ///     until.elapsed()
    /// };
    /// assert_ne!(wait(1), wait(2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn with_jitter(mut self, seed: u64) -> Self {
        self.jitter = Jitter::seeded(seed);
        self
    }

    /// Returns the next action. Calling it early or repeatedly is harmless. A time that goes backwards is
    /// read as the latest time seen.
    pub fn poll(&mut self, now: Tick) -> Action {
        let now = self.requests.advance(now);
        if self.requests.in_flight().is_some() {
            return Action::AwaitReply;
        }
        let due = match &self.state {
            State::Ended(_) => return Action::Done,
            State::Prompt(session) | State::Poll(session) if now >= session.deadline => {
                self.apply(Event::Deadline, now, now);
                return Action::Done;
            }
            State::Prompt(_) => return self.show(now),
            State::Register(setup) => setup.pace.due(),
            State::Authorize(asking) => asking.setup.pace.due(),
            State::Poll(session) => session.pace.due().min(session.deadline),
        };
        if now >= due {
            return self.go_on(now);
        }
        #[cfg(feature = "tracing")]
        crate::events::waiting(&crate::Status::of(self, now, due));
        Action::Wait(due)
    }

    /// Does what is due, or delays an overdue poll.
    fn go_on(&mut self, now: Tick) -> Action {
        if self.jitter.is_on()
            && let State::Poll(session) = &self.state
            && session.is_overdue(now, &self.policy)
        {
            self.apply(Event::Overdue, now, now);
            return self.poll(now);
        }
        self.send(now)
    }

    fn show(&mut self, now: Tick) -> Action {
        let Some(prompt) = self.prompt() else { return Action::Done };
        #[cfg(feature = "tracing")]
        crate::events::prompting(self.phase(), prompt.expires_in, prompt.replaces_earlier);
        self.prompts = self.prompts.saturating_add(1);
        self.apply(Event::Shown, now, now);
        Action::Prompt(prompt)
    }

    /// Returns the event for a missing operation, start URL or verifier.
    fn lack(&self) -> Option<Event<'static>> {
        if !self.service.offers(Operation::StartDeviceAuthorization) {
            return Some(Event::UnsupportedOperation);
        }
        match self.service.dialect() {
            Dialect::Aws if self.policy.start_url.is_empty() => Some(Event::NoStartUrl),
            // Continuing without PKCE would silently weaken the policy.
            Dialect::OAuth if self.policy.pkce == Pkce::Always && self.proof.is_none() => {
                Some(Event::NoVerifier)
            }
            Dialect::Aws | Dialect::OAuth => None,
        }
    }

    /// Sends the request of the current state, if the service has its operation.
    fn send(&mut self, now: Tick) -> Action {
        if matches!(self.state, State::Register(_) | State::Authorize(_))
            && let Some(event) = self.lack()
        {
            self.apply(event, now, now);
            return Action::Done;
        }
        let Self { service, policy, .. } = self;
        let (request, attempts, deadline) = match &mut self.state {
            State::Register(setup) => {
                let call = RegisterClientRequest::new(&policy.client_name).with_scopes(&policy.scopes);
                (service.encode(&call), &mut setup.attempts, None)
            }
            State::Authorize(asking) => (asking.client.request().cloned(), &mut asking.setup.attempts, None),
            State::Poll(session) => {
                (session.client.request().cloned(), &mut self.polls, Some(session.deadline))
            }
            State::Prompt(_) | State::Ended(_) => return Action::Done,
        };
        let Some(request) = request else {
            self.apply(Event::UnsupportedOperation, now, now);
            return Action::Done;
        };
        *attempts = attempts.saturating_add(1);
        let attempt = *attempts;
        let pending = PendingRequest {
            #[cfg(feature = "tracing")]
            phase: Some(self.phase()),
            attempt,
            deadline,
            ..self.requests.begin(request, self.service.dialect(), now)
        };
        #[cfg(feature = "tracing")]
        crate::events::sending(&pending);
        Action::Send(pending)
    }

    /// Applies an event. Only this function changes the state.
    fn apply(&mut self, event: Event<'_>, now: Tick, sent_at: Tick) {
        #[cfg(feature = "tracing")]
        let has_ended = matches!(self.state, State::Ended(_));
        let state_and_event = (mem::take(&mut self.state), event);
        let Self { service, policy, proof, jitter, .. } = self;
        let mut cx = Context { service, policy, proof: proof.as_deref(), jitter, now, sent_at };
        self.state = step(state_and_event, &mut cx);
        #[cfg(feature = "tracing")]
        if !has_ended {
            crate::events::ended(self.outcome(), self.polls(), self.running_for(now));
        }
    }

    /// Handles the result of a request: a response, or the reason why there is none. `now` is its arrival,
    /// from which the next poll is paced.
    ///
    /// A response whose body broke off ([`ResponseBody::break_off`]) is judged by the received bytes. An
    /// error that [is final](TransportError::is_final) cancels the flow, and it sends nothing more.
    ///
    /// ```
    /// # use device_flow::{Action, DeviceFlow, Failure, Phase, Policy, ResponseBody, Tick, TransportError};
    /// # use oidc_proto::Endpoint;
    /// # let service = Endpoint::for_region("eu-west-1")?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let now = Tick::ZERO;
    /// let mut flow = DeviceFlow::new(service, policy, None, now);
    /// let Action::Send(pending) = flow.poll(now) else { panic!("it registers") };
    /// let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    /// flow.on_result(pending, now, Err(TransportError::new(Failure::NotSent, refused)))?;
    ///
    /// let Action::Wait(until) = flow.poll(now) else { panic!("it tries again later") };
    /// let Action::Send(pending) = flow.poll(until) else { panic!("it registers") };
    /// let body = ResponseBody::from(r#"{"error":"invalid_client_metadata"}"#);
    /// flow.on_result(pending, until, Ok(http::Response::builder().status(400).body(body)?))?;
    /// assert_eq!(flow.phase(), Phase::Ended);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ApiMisuse`] for a mistake of the driver. The flow is then unchanged.
    pub fn on_result(
        &mut self,
        pending: PendingRequest,
        now: Tick,
        result: Result<Response<ResponseBody>, TransportError>,
    ) -> Result<(), ApiMisuse> {
        match self.requests.receive(&pending, now, result)? {
            Some(reply) => self.on_reply(pending, now, reply),
            None => {
                self.requests.advance(now);
                self.end_early();
                Ok(())
            }
        }
    }

    /// Handles a complete response of an HTTP client with its own body type; see [`DeviceFlow::on_result`].
    ///
    /// ```
    /// # use device_flow::{Action, DeviceFlow, Phase, Policy, Tick};
    /// # use oidc_proto::Endpoint;
    /// # let service = Endpoint::for_region("eu-west-1")?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// let mut flow = DeviceFlow::new(service, policy, None, Tick::ZERO);
    /// let Action::Send(pending) = flow.poll(Tick::ZERO) else { panic!("it registers") };
    /// let body = r#"{"error":"invalid_client_metadata"}"#;
    /// flow.on_response(pending, Tick::ZERO, &http::Response::builder().status(400).body(body)?)?;
    /// assert_eq!(flow.phase(), Phase::Ended);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`DeviceFlow::on_result`].
    pub fn on_response<B: AsRef<[u8]>>(
        &mut self,
        pending: PendingRequest,
        now: Tick,
        response: &Response<B>,
    ) -> Result<(), ApiMisuse> {
        let reply = Reply::decode(&pending, response);
        self.on_reply(pending, now, reply)
    }

    /// Handles a decoded reply, for a test or a simulation without a wire.
    ///
    /// ```
    /// # use device_flow::{Action, DeviceFlow, Failure, ApiMisuse, Policy, Reply, Tick};
    /// # use oidc_proto::Endpoint;
    /// # let service = Endpoint::for_region("eu-west-1")?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// let now = Tick::ZERO;
    /// let mut flow = DeviceFlow::new(service.clone(), policy.clone(), None, now);
    /// let Action::Send(pending) = flow.poll(now) else { panic!("it registers") };
    /// flow.on_reply(pending, now, Reply::Failed(Failure::NotSent))?; // for example: connection refused
    /// assert!(flow.error().is_some() && matches!(flow.poll(now), Action::Wait(_)));
    ///
    /// let mut other = DeviceFlow::new(service, policy, None, now);
    /// let Action::Send(pending) = other.poll(now) else { panic!("it registers") };
    /// assert_eq!(flow.on_reply(pending, now, Reply::Failed(Failure::Unknown)), Err(ApiMisuse::StaleRequest));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ApiMisuse`] for a mistake of the driver. The flow is then unchanged.
    pub fn on_reply(&mut self, pending: PendingRequest, now: Tick, reply: Reply) -> Result<(), ApiMisuse> {
        let sent_at = self.requests.answered_by(&pending, &reply)?;
        self.settle(sent_at, now, reply);
        Ok(())
    }

    /// Abandons the request in flight, for example after a cancelled future. The service may have received
    /// it. Its result is stale from now on. Without a request in flight, nothing happens.
    ///
    /// ```
    /// # use device_flow::{Action, DeviceFlow, Policy, Tick};
    /// # use oidc_proto::Endpoint;
    /// # let service = Endpoint::for_region("eu-west-1")?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let now = Tick::ZERO;
    /// let mut flow = DeviceFlow::new(service, policy, None, now);
    /// let Action::Send(pending) = flow.poll(now) else { panic!("it registers") };
    /// drop(pending); // with the future that was to answer
    /// assert!(matches!(flow.poll(now), Action::AwaitReply));
    /// flow.abandon(now);
    /// assert!(matches!(flow.poll(now), Action::Wait(_)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn abandon(&mut self, now: Tick) {
        if let Some(sent_at) = self.requests.in_flight() {
            self.settle(sent_at, now, Reply::Failed(Failure::Unknown));
        }
    }

    /// Abandons a request of another process, whose response is lost.
    #[cfg(feature = "serde")]
    pub(crate) fn count_as_abandoned(&mut self, now: Tick) {
        self.settle(now, now, Reply::Failed(Failure::Unknown));
    }

    /// Ends the flow. A later grant is rejected as stale and lost, so a driver should let a CreateToken
    /// request finish first. An ended flow keeps its outcome.
    ///
    /// ```
    /// # use device_flow::{Action, DeviceFlow, Outcome, Policy, Tick};
    /// # use oidc_proto::Endpoint;
    /// # let service = Endpoint::for_region("eu-west-1")?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// let mut flow = DeviceFlow::new(service, policy, None, Tick::ZERO);
    /// flow.cancel();
    /// assert!(matches!(flow.poll(Tick::ZERO), Action::Done));
    /// assert_eq!(flow.outcome(), Some(Err(&Outcome::Cancelled)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cancel(&mut self) {
        if !matches!(self.state, State::Ended(_)) {
            // A transport error does not explain a cancellation.
            self.requests.forget_cause();
        }
        self.end_early();
    }

    fn end_early(&mut self) {
        self.requests.end();
        let now = self.requests.latest();
        self.apply(Event::Cancel, now, now);
    }

    /// Cancels the flow for an observer. [`NotSignedIn::stop`](crate::NotSignedIn::stop) then has the reason.
    /// An ended flow stays unchanged.
    ///
    /// ```
    /// # use device_flow::{DeviceFlow, Policy, Stop, Tick};
    /// # use oidc_proto::Endpoint;
    /// # let service = Endpoint::for_region("eu-west-1")?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// let mut flow = DeviceFlow::new(service, policy, None, Tick::ZERO);
    /// flow.stop(Stop::from(std::io::Error::other("the window is closed")));
    /// let end = flow.into_result(Tick::ZERO).unwrap_err();
    /// assert_eq!(end.to_string(), "the sign-in was stopped: the window is closed");
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    pub fn stop(&mut self, stop: Stop) {
        if !matches!(self.state, State::Ended(_)) {
            self.stop = Some(Box::new(stop));
            self.cancel();
        }
    }

    /// Applies a reply to the state.
    fn settle(&mut self, sent_at: Tick, now: Tick, reply: Reply) {
        let now = self.requests.advance(now);
        self.requests.end();
        // Most replies are faults, which are borrowed and not moved.
        if let Reply::Fault(fault) = &reply
            && let Some(answer) = Answer::of(fault)
        {
            if matches!(answer, Answer::Pending) {
                self.requests.forget_cause();
            }
            return self.apply(Event::Refused(answer, fault), now, sent_at);
        }
        // Earlier transport errors do not explain later events.
        if matches!(reply, Reply::Registered(_) | Reply::Authorized(_)) {
            self.requests.forget_cause();
        }
        let event = match reply {
            Reply::Registered(registration) => Event::Registered(registration),
            Reply::Authorized(authorization) => Event::Authorized(authorization),
            Reply::Granted(token) => Event::TokenGranted(token),
            Reply::Fault(fault) if fault.code == FaultCode::SlowDown => {
                if self.phase() == Phase::Polling {
                    self.slow_downs = self.slow_downs.saturating_add(1);
                }
                Event::SlowDown(TransientError::Fault(fault))
            }
            Reply::Fault(fault) => Event::Retryable(TransientError::Fault(fault)),
            Reply::Indeterminate(indeterminate) if indeterminate.is_plain_refusal() => {
                Event::PlainRefusal(indeterminate)
            }
            Reply::Indeterminate(indeterminate) => {
                Event::Retryable(TransientError::Indeterminate(indeterminate))
            }
            Reply::Failed(Failure::ProxyRefused) => Event::ProxyRefused,
            Reply::Failed(failure) => Event::Retryable(TransientError::Failed(failure)),
            Reply::InvalidResponse(invalid) => Event::BrokenSuccess(invalid),
        };
        self.apply(event, now, sent_at);
    }
}

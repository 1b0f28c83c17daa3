//! The machine: its calls, and nothing of its rules (those are in `state`).

use core::mem;
use core::time::Duration;
use std::sync::Arc;

use oidc_proto::{Operation, Registration, Service};

use crate::jitter::Jitter;
use crate::state::{CANCELLED, Progress, Session, Setup, State, Times};
use crate::{Action, Failure, Misuse, Outcome, Policy, Reply, Tick, Ticket, Trouble, UserPrompt};

/// One sign-in with the device authorization grant (RFC 8628), from registration to outcome.
///
/// See the [crate documentation](crate) for the calling contract.
///
/// What can be asked of a flow at any time:
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
/// let Action::Send(_, ticket) = flow.poll(start) else { panic!("it asks for the codes") };
/// let codes = r#"{"deviceCode":"d","userCode":"WDJB-MJHT","verificationUri":"https://device.example/","expiresIn":600}"#;
/// let now = start + Duration::from_secs(1);
/// flow.on_response(ticket, now, &http::Response::new(codes))?;
/// assert_eq!(flow.phase(), Phase::Polling);
/// assert_eq!(flow.deadline(), Some(now + Duration::from_secs(600)));
/// assert_eq!(flow.interval(), Some(Duration::from_secs(5)));
/// assert_eq!(flow.prompt().map(|prompt| prompt.user_code).as_deref(), Some("WDJB-MJHT"));
/// assert_eq!((flow.polls(), flow.trouble(), flow.outcome()), (0, None, None));
/// assert_eq!((flow.started(), flow.running_for(now)), (start, Duration::from_secs(1)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct DeviceFlow {
    pub(crate) service: Service,
    pub(crate) policy: Arc<Policy>,
    pub(crate) state: State,
    pub(crate) registration: Option<Registration>,
    pub(crate) origin: Origin,
    pub(crate) in_flight: Option<InFlight>,
    /// The latest time seen: time that goes backwards is read as this.
    pub(crate) latest: Tick,
    started: Tick,
    /// How long it had run before it was resumed.
    pub(crate) ran_before: Duration,
    /// Serial of the latest ticket: one of an earlier request is stale.
    serial: u64,
    /// Identity of this flow on its tickets.
    identity: Arc<()>,
    pub(crate) polls: u32,
    pub(crate) prompts: u32,
    /// The floor that an earlier device code of this flow left behind.
    pub(crate) not_before: Tick,
    /// Spreads the waits after trouble.
    pub(crate) jitter: Jitter,
}

/// Where the registration comes from, which decides what a rejection of it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub(crate) enum Origin {
    /// The program's own client: there is no other.
    Own,
    /// A cache: the service may have forgotten it.
    Cache,
    /// This flow, or nowhere yet.
    Flow,
}

/// A request whose reply is due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InFlight {
    pub(crate) operation: Operation,
    pub(crate) sent_at: Tick,
}

/// Where a flow is, for a status line.
///
/// ```
/// use device_flow::Phase;
/// assert_eq!(Phase::Polling.name(), "polling");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Making the client known (RegisterClient).
    Registering,
    /// Asking for the codes (StartDeviceAuthorization).
    Authorizing,
    /// Waiting for the person, polling CreateToken.
    Polling,
    /// Over.
    Ended,
}

impl Phase {
    /// A stable name for logs: `registering`, `authorizing`, `polling`, `ended`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Registering => "registering",
            Self::Authorizing => "authorizing",
            Self::Polling => "polling",
            Self::Ended => "ended",
        }
    }
}

impl DeviceFlow {
    /// A flow that starts at `now`.
    ///
    /// A `registration` from a cache saves RegisterClient. The flow knows no wall-clock time, so ask
    /// [`Registration::usable_at`] first whether it is still good; if the service rejects it all the same, the flow
    /// registers anew, once. With [`Policy::client`] set, `registration` is ignored.
    ///
    /// All requests go to `service`: an [`Endpoint`](oidc_proto::Endpoint) of AWS, a
    /// [`Provider`](oidc_proto::oauth::Provider), or a clone of the [`Service`] that the HTTP client was made for. For a
    /// single flow pass a [`Policy`]; for many, clones of one `Service` and one `Arc<Policy>`.
    #[must_use]
    pub fn new(
        service: impl Into<Service>,
        policy: impl Into<Arc<Policy>>,
        registration: Option<Registration>,
        now: Tick,
    ) -> Self {
        let policy = policy.into();
        let setup = Setup::new(now, policy.setup_patience);
        let (origin, registration) = match (&policy.client, registration) {
            (Some(client), _) => (Origin::Own, Some(Registration::new(client.clone()))),
            (None, Some(registration)) => (Origin::Cache, Some(registration)),
            (None, None) => (Origin::Flow, None),
        };
        Self {
            origin,
            state: if registration.is_some() { State::Authorize(setup) } else { State::Register(setup) },
            registration,
            service: service.into(),
            policy,
            in_flight: None,
            latest: now,
            started: now,
            ran_before: Duration::ZERO,
            serial: 0,
            identity: Arc::new(()),
            polls: 0,
            prompts: 0,
            not_before: now,
            jitter: Jitter::none(),
        }
    }

    /// The same flow with jitter, so that flows which an outage cut off together do not come back together.
    ///
    /// * A wait after trouble becomes longer by a random part of up to half of it, and by no more than
    ///   [`Policy::max_backoff`]. No wait becomes shorter, and waits after a verdict stay as they are.
    /// * A poll that comes late by more than an interval is put off by a random part of an interval: something held its
    ///   driver up, and perhaps many other flows with it. If it is late again, the part is one of two intervals, and so on.
    ///
    /// The machine has no randomness of its own: the seed is any number that differs from flow to flow. It is not saved
    /// with a flow; give a resumed one another.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_flow::{Action, DeviceFlow, Failure, Policy, Reply, Tick};
    /// # use oidc_proto::Endpoint;
    /// # let service = Endpoint::for_region("eu-west-1")?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// let mut wait = |seed: u64| {
    ///     let mut flow = DeviceFlow::new(service.clone(), policy.clone(), None, Tick::ZERO).with_jitter(seed);
    ///     let Action::Send(_, ticket) = flow.poll(Tick::ZERO) else { panic!("it registers") };
    ///     flow.on_reply(ticket, Tick::ZERO, Reply::Failed(Failure::NotSent)).unwrap();
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

    /// What to do now. Calling it early or repeatedly is harmless; time that goes backwards is read as the latest
    /// time seen.
    pub fn poll(&mut self, now: Tick) -> Action {
        let now = self.advance(now);
        if self.in_flight.is_some() {
            return Action::AwaitReply;
        }
        match &mut self.state {
            State::Ended(_) => return Action::Done,
            State::Register(setup) | State::Authorize(setup) => {
                if now < setup.due() {
                    return Action::Wait(setup.due());
                }
            }
            State::Prompt(session) | State::Poll(session) if now >= session.deadline => {
                self.state = State::ended(session.expire());
                return Action::Done;
            }
            State::Prompt(session) => {
                let prompt = UserPrompt::new(&session.authorization, session.deadline, self.prompts > 0);
                self.prompts = self.prompts.saturating_add(1);
                self.state = mem::take(&mut self.state).prompted();
                return Action::Prompt(prompt);
            }
            State::Poll(session) => {
                // Not if the code would die meanwhile.
                if let Some(time) = session.pace.missed_by(now, self.policy.max_backoff)
                    && now + time < session.deadline
                {
                    session.pace.put_off(now, time, self.jitter.draw());
                }
                if now < session.due() {
                    return Action::Wait(session.due().min(session.deadline));
                }
            }
        }
        self.send(now)
    }

    /// The request that the state asks for, with a ticket for its reply.
    fn send(&mut self, now: Tick) -> Action {
        if let Some(operation) = self.state.operation()
            && !self.service.offers(operation)
        {
            self.state = State::ended(Outcome::NotOffered(operation));
        }
        let Some(request) = self.state.request(&self.service, &self.policy, self.registration.as_ref())
        else {
            return Action::Done;
        };
        let operation = request.operation();
        if operation == Operation::CreateToken {
            self.polls = self.polls.saturating_add(1);
        }
        self.serial = self.serial.wrapping_add(1);
        self.in_flight = Some(InFlight { operation, sent_at: now });
        let ticket = Ticket {
            flow: self.identity.clone(),
            serial: self.serial,
            operation,
            dialect: self.service.dialect(),
        };
        Action::Send(request, ticket)
    }

    /// Takes the reply to a request. `now` is when it arrived: the next poll is paced from it.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_flow::{Action, DeviceFlow, Failure, Misuse, Policy, Reply, Tick};
    /// # use oidc_proto::Endpoint;
    /// # let service = Endpoint::for_region("eu-west-1")?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// let now = Tick::ZERO;
    /// let mut flow = DeviceFlow::new(service.clone(), policy.clone(), None, now);
    /// let Action::Send(_, ticket) = flow.poll(now) else { panic!("it registers") };
    /// flow.on_reply(ticket, now, Reply::Failed(Failure::NotSent))?; // for example: connection refused
    /// assert!(flow.trouble().is_some() && matches!(flow.poll(now), Action::Wait(_)));
    ///
    /// let mut other = DeviceFlow::new(service, policy, None, now);
    /// let Action::Send(_, ticket) = other.poll(now) else { panic!("it registers") };
    /// assert_eq!(flow.on_reply(ticket, now, Reply::Failed(Failure::Unknown)), Err(Misuse::StaleTicket));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A mistake of the driver, which changes nothing: see [`Misuse`].
    pub fn on_reply(&mut self, ticket: Ticket, now: Tick, reply: Reply) -> Result<(), Misuse> {
        let in_flight = match self.in_flight {
            Some(in_flight) if self.awaits(&ticket) => in_flight,
            _ => return Err(Misuse::StaleTicket),
        };
        if let Some(operation) = reply.success_of()
            && operation != in_flight.operation
        {
            return Err(Misuse::WrongOperation { ticket: in_flight.operation, reply: operation });
        }
        self.settle(in_flight, now, reply);
        Ok(())
    }

    /// Whether this is the ticket of the request that is under way.
    pub(crate) fn awaits(&self, ticket: &Ticket) -> bool {
        self.in_flight.is_some() && self.serial == ticket.serial && Arc::ptr_eq(&ticket.flow, &self.identity)
    }

    /// Takes the response to a request: [`Reply::decode`], then [`DeviceFlow::on_reply`].
    ///
    /// ```
    /// # use device_flow::{Action, DeviceFlow, Phase, Policy, Tick};
    /// # use oidc_proto::Endpoint;
    /// # let service = Endpoint::for_region("eu-west-1")?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// let mut flow = DeviceFlow::new(service, policy, None, Tick::ZERO);
    /// let Action::Send(_request, ticket) = flow.poll(Tick::ZERO) else { panic!("it registers") };
    /// // From an HTTP client, for which a 400 is no error:
    /// let body = r#"{"error":"invalid_client_metadata"}"#;
    /// let response = http::Response::builder().status(400).body(body)?;
    /// flow.on_response(ticket, Tick::ZERO, &response)?;
    /// assert_eq!(flow.phase(), Phase::Ended);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`DeviceFlow::on_reply`].
    pub fn on_response<B: AsRef<[u8]>>(
        &mut self,
        ticket: Ticket,
        now: Tick,
        response: &http::Response<B>,
    ) -> Result<(), Misuse> {
        let reply = Reply::decode(&ticket, response);
        self.on_reply(ticket, now, reply)
    }

    /// The ticket was dropped, for example with a cancelled future: nobody knows whether the request was seen. Its
    /// ticket is stale from here on. Without a request under way, nothing happens.
    ///
    /// ```
    /// # use device_flow::{Action, DeviceFlow, Failure, Misuse, Policy, Reply, Tick};
    /// # use oidc_proto::Endpoint;
    /// # let service = Endpoint::for_region("eu-west-1")?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let now = Tick::ZERO;
    /// let mut flow = DeviceFlow::new(service, policy, None, now);
    /// let Action::Send(_, ticket) = flow.poll(now) else { panic!("it registers") };
    /// drop(ticket); // with the future that was to answer
    /// assert!(matches!(flow.poll(now), Action::AwaitReply));
    /// flow.abandon(now);
    /// assert!(matches!(flow.poll(now), Action::Wait(_)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn abandon(&mut self, now: Tick) {
        if let Some(in_flight) = self.in_flight {
            self.settle(in_flight, now, Reply::Failed(Failure::Unknown));
        }
    }

    /// Ends the flow. A grant that arrives afterwards is refused as stale and lost, so a driver that can wait lets a
    /// CreateToken request finish first. An ended flow keeps its outcome.
    ///
    /// ```
    /// # use device_flow::{Action, DeviceFlow, Outcome, Policy, Tick};
    /// # use oidc_proto::Endpoint;
    /// # let service = Endpoint::for_region("eu-west-1")?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// let mut flow = DeviceFlow::new(service, policy, None, Tick::ZERO);
    /// flow.cancel();
    /// assert!(matches!(flow.poll(Tick::ZERO), Action::Done));
    /// assert_eq!(flow.outcome(), Some(&Outcome::Cancelled));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cancel(&mut self) {
        self.in_flight = None;
        if !matches!(self.state, State::Ended(_)) {
            self.state = State::Ended(None);
        }
    }

    /// Applies a reply to the state.
    fn settle(&mut self, in_flight: InFlight, now: Tick, reply: Reply) {
        let now = self.advance(now);
        self.in_flight = None;
        if self.state.stays(now, &reply) {
            return;
        }
        let state = mem::take(&mut self.state);
        let times =
            Times { sent_at: in_flight.sent_at, now, not_before: self.not_before, draw: self.jitter.draw() };
        let progress = state.on_reply(&self.service, &self.policy, self.registration.as_ref(), times, reply);
        self.state = match progress {
            Progress::Registered(registration) => {
                self.registration = Some(registration);
                State::Authorize(Setup::new(now, self.policy.setup_patience))
            }
            Progress::To(state) => state,
            Progress::ClientRejected(operation, fault, not_before) => {
                // Nobody should keep it, whoever made it.
                self.registration = None;
                self.not_before = not_before;
                // Only a registration from a cache can be outdated, so only that is replaced, once. Where nobody can
                // register, the service's word is the end.
                let is_replaceable = self.service.offers(Operation::RegisterClient);
                if self.origin == Origin::Cache && is_replaceable {
                    self.origin = Origin::Flow;
                    State::Register(Setup::new(now, self.policy.setup_patience))
                } else {
                    State::ended(Outcome::Rejected { operation, fault })
                }
            }
        };
    }

    /// The latest time seen, which is what a time before it is read as.
    fn advance(&mut self, now: Tick) -> Tick {
        self.latest = self.latest.max(now);
        self.latest
    }

    /// How the flow ended, once [`poll`](Self::poll) says [`Action::Done`].
    #[must_use]
    pub const fn outcome(&self) -> Option<&Outcome> {
        match &self.state {
            State::Ended(Some(outcome)) => Some(outcome),
            State::Ended(None) => Some(&CANCELLED),
            State::Register(_) | State::Authorize(_) | State::Prompt(_) | State::Poll(_) => None,
        }
    }

    /// Where the flow is.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        match &self.state {
            State::Register(_) => Phase::Registering,
            State::Authorize(_) => Phase::Authorizing,
            State::Prompt(_) | State::Poll(_) => Phase::Polling,
            State::Ended(_) => Phase::Ended,
        }
    }

    /// The registration in use: the cached one, or the one that this flow made (then [`Self::is_newly_registered`]).
    #[must_use]
    pub const fn registration(&self) -> Option<&Registration> {
        self.registration.as_ref()
    }

    /// Whether this flow made the registration itself, so that a cache should keep it in place of what it has.
    #[must_use]
    pub const fn is_newly_registered(&self) -> bool {
        self.registration.is_some() && matches!(self.origin, Origin::Flow)
    }

    /// When the device code dies, once there is one.
    #[must_use]
    pub fn deadline(&self) -> Option<Tick> {
        self.session().map(|session| session.deadline)
    }

    /// The least time between two polls right now: the service's interval and what its `slow_down`s added.
    #[must_use]
    pub fn interval(&self) -> Option<Duration> {
        self.session().map(Session::interval)
    }

    /// What went wrong since the last verdict, for a status line; `None` if all is well.
    #[must_use]
    pub const fn trouble(&self) -> Option<&Trouble> {
        match &self.state {
            State::Register(setup) | State::Authorize(setup) => setup.trouble(),
            State::Prompt(session) | State::Poll(session) => session.trouble(),
            State::Ended(_) => None,
        }
    }

    /// How many CreateToken requests were sent.
    #[must_use]
    pub const fn polls(&self) -> u32 {
        self.polls
    }

    /// When the flow was made or resumed, in this process's ticks; see [`running_for`](Self::running_for).
    #[must_use]
    pub const fn started(&self) -> Tick {
        self.started
    }

    /// How long the flow has run by `now`, other processes included.
    #[must_use]
    pub const fn running_for(&self, now: Tick) -> Duration {
        self.ran_before.saturating_add(now.since(self.started))
    }

    /// The prompt of the codes in use, to show it once more: for example after the flow was resumed.
    #[must_use]
    pub fn prompt(&self) -> Option<UserPrompt> {
        // The prompt that is still to come counts as the next.
        let shown = if matches!(self.state, State::Prompt(_)) {
            self.prompts
        } else {
            self.prompts.saturating_sub(1)
        };
        let session = self.session()?;
        Some(UserPrompt::new(&session.authorization, session.deadline, shown > 0))
    }

    /// The service that all its requests go to.
    #[must_use]
    pub const fn service(&self) -> &Service {
        &self.service
    }

    /// What an HTTP client asks before it drives a flow: whether all of it goes where the client may send.
    ///
    /// ```
    /// use device_flow::{DeviceFlow, Misuse, Policy, Tick};
    /// use oidc_proto::{Endpoint, Service};
    ///
    /// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// let flow = DeviceFlow::new(Endpoint::for_region("eu-west-1")?, policy, None, Tick::ZERO);
    /// assert!(flow.check_service(&Service::from(Endpoint::for_region("eu-west-1")?)).is_ok());
    /// let other = Service::from(Endpoint::for_region("us-east-1")?);
    /// assert!(matches!(flow.check_service(&other), Err(Misuse::OtherService { .. })));
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    ///
    /// # Errors
    /// [`Misuse::OtherService`].
    pub fn check_service(&self, client: &Service) -> Result<(), Misuse> {
        if self.service == *client {
            Ok(())
        } else {
            Err(Misuse::OtherService { flow: self.service.to_string() })
        }
    }

    /// The policy that the flow was made with.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The outcome and the registration of an ended flow; a flow that goes on counts as cancelled.
    pub(crate) fn into_parts(self) -> (Outcome, Option<Registration>) {
        match self.state {
            State::Ended(Some(outcome)) => (*outcome, self.registration),
            State::Ended(None)
            | State::Register(_)
            | State::Authorize(_)
            | State::Prompt(_)
            | State::Poll(_) => (Outcome::Cancelled, self.registration),
        }
    }

    const fn session(&self) -> Option<&Session> {
        match &self.state {
            State::Prompt(session) | State::Poll(session) => Some(session),
            State::Register(_) | State::Authorize(_) | State::Ended(_) => None,
        }
    }
}

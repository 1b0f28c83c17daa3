//! One client, one server, one person and a network between them, in virtual time.

use std::time::Duration;

use device_authority::{Capacity, Memory, Moment, NoEntropy, ServerPolicy, SlowDown, UserDecision};
use device_flow::{
    Action, DeviceFlow, Failure, Granted, Operation, Outcome, PendingRequest, Policy, Reply, Tick,
};
use oidc_proto::{
    Body, CreateTokenRequest, Dialect, Endpoint, FaultCode, RegisterClientRequest, Registration, Request,
    ServerRequest, StartDeviceAuthorizationRequest,
};

const EPOCH: Duration = Duration::from_secs(1_700_000_000);

/// Returns this many seconds.
#[must_use]
pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Returns the policy of a server that sends `slow_down` to every early poll.
#[must_use]
pub fn strict(interval: u64) -> ServerPolicy {
    ServerPolicy::default().with_interval(secs(interval)).with_slow_down(SlowDown::Strict)
}

/// The network's treatment of one poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Delivers request and response.
    Carry,
    /// Loses the request; the client cannot know.
    LoseRequest,
    /// Delivers the request, and loses the response.
    LoseReply,
    /// Refuses the connection.
    Refuse,
    /// Delivers the request twice; the client gets the second response.
    Twice,
}

/// A client, a server, a person and a network, for one sign-in.
#[derive(Debug)]
pub struct World {
    /// The time, as the client sees it.
    pub now: Tick,
    /// The client.
    pub flow: DeviceFlow,
    /// Every request, with its time.
    pub sent: Vec<(Operation, Tick)>,
    /// Every fault that the client received.
    pub faults: Vec<FaultCode>,
    /// The lead of the server's clock after the prompt.
    pub clock_jump: Duration,
    server: Memory,
    server_policy: ServerPolicy,
    rng: fastrand::Rng,
    fates: Vec<Fate>,
    /// The person's verdict, and its delay after the prompt.
    person: Option<(Duration, UserDecision)>,
    prompted_at: Option<Tick>,
}

impl World {
    /// Creates a client without a registration, a person who never decides, and a network that delivers
    /// everything.
    #[must_use]
    pub fn new(server_policy: ServerPolicy) -> Self {
        Self::with_registration(server_policy, None)
    }

    /// Creates the same world, with a registration for the client if there is one.
    #[must_use]
    pub fn with_registration(server_policy: ServerPolicy, registration: Option<Registration>) -> Self {
        let endpoint = Endpoint::custom("http://127.0.0.1:9").unwrap();
        let policy = Policy::aws("https://d-1234567890.awsapps.com/start").with_client_name("pair test");
        Self {
            now: Tick::ZERO,
            flow: DeviceFlow::new(endpoint, policy, registration, Tick::ZERO),
            sent: Vec::new(),
            faults: Vec::new(),
            clock_jump: Duration::ZERO,
            server: Memory::new(Capacity::default()),
            server_policy,
            rng: fastrand::Rng::with_seed(1),
            fates: Vec::new(),
            person: None,
            prompted_at: None,
        }
    }

    /// Sets the person's decision, and its delay after the prompt.
    #[must_use]
    pub fn person(mut self, after: Duration, verdict: UserDecision) -> Self {
        self.person = Some((after, verdict));
        self
    }

    /// Sets the treatment of the polls, in order. After the last one the network delivers everything.
    #[must_use]
    pub fn fates(mut self, fates: &[Fate]) -> Self {
        self.fates = fates.iter().rev().copied().collect();
        self
    }

    /// Performs the flow's next action. Returns false when the flow has ended.
    pub fn step(&mut self) -> bool {
        match self.flow.poll(self.now) {
            Action::Send(pending) => self.carry(pending),
            Action::Prompt(prompt) => {
                self.prompted_at = Some(self.now);
                assert!(prompt.verification_uri_complete.unwrap().contains(&prompt.user_code));
            }
            Action::Wait(until) => self.pass_time(until),
            Action::AwaitReply => panic!("every request was answered"),
            Action::Done => return false,
        }
        true
    }

    /// Drives the flow to its end.
    ///
    /// # Errors
    ///
    /// The outcome of a sign-in without a token.
    ///
    /// # Panics
    ///
    /// If the flow does not end.
    pub fn run(&mut self) -> Result<Granted, Outcome> {
        for _ in 0..10_000 {
            if !self.step() {
                return self.flow.outcome().unwrap().cloned().map_err(Outcome::clone);
            }
        }
        panic!("the flow does not end")
    }

    /// Returns the times of the polls, in whole seconds.
    pub fn polls(&self) -> Vec<u64> {
        let polls = self.sent.iter().filter(|(operation, _)| *operation == Operation::CreateToken);
        polls.map(|(_, at)| at.elapsed().as_secs()).collect()
    }

    /// Returns the operations of the first three requests.
    pub fn beginning(&self) -> Vec<Operation> {
        self.sent.iter().map(|(operation, _)| *operation).take(3).collect()
    }

    fn moment(&self) -> Moment {
        let ahead = if self.prompted_at.is_some() { self.clock_jump } else { Duration::ZERO };
        Moment::new(EPOCH + self.now.elapsed() + ahead)
    }

    /// Advances the time. The person acts when due.
    fn pass_time(&mut self, until: Tick) {
        if let (Some(prompted_at), Some((after, verdict))) = (self.prompted_at, self.person)
            && prompted_at + after <= until
        {
            self.now = self.now.max(prompted_at + after);
            let code = self.server.pending(self.moment()).next().expect("a code to decide on").to_string();
            self.server.decide(&self.server_policy, None, &code, verdict, self.moment()).unwrap();
            self.person = None;
        }
        self.now = self.now.max(until);
    }

    fn carry(&mut self, pending: PendingRequest) {
        let request = pending.request();
        self.sent.push((request.operation(), self.now));
        let fate = match request.operation() {
            Operation::CreateToken => self.fates.pop().unwrap_or(Fate::Carry),
            _ => Fate::Carry,
        };
        let (latency, reply) = match fate {
            Fate::Refuse => (Duration::from_millis(1), Reply::Failed(Failure::NotSent)),
            Fate::LoseRequest => (secs(10), Reply::Failed(Failure::Unknown)),
            Fate::LoseReply => {
                drop(self.serve(request));
                (secs(10), Reply::Failed(Failure::Unknown))
            }
            Fate::Twice => {
                drop(self.serve(request));
                (Duration::from_millis(20), Reply::decode(&pending, &self.serve(request)))
            }
            Fate::Carry => (Duration::from_millis(20), Reply::decode(&pending, &self.serve(request))),
        };
        if let Reply::Fault(fault) = &reply {
            self.faults.push(fault.code.clone());
        }
        self.now = self.now + latency;
        self.flow.on_reply(pending, self.now, reply).unwrap();
    }

    /// Handles a request as the server, from bytes to bytes.
    fn serve(&mut self, request: &Request) -> http::Response<Body> {
        let dialect = Dialect::Aws;
        let now = self.moment();
        let rng = &mut self.rng;
        let mut entropy = |bytes: &mut [u8]| {
            rng.fill(bytes);
            Ok::<(), NoEntropy>(())
        };
        let (server, policy) = (&mut self.server, &self.server_policy);
        let decoded = dialect
            .operation(request.method(), request.uri().path())
            .and_then(|operation| dialect.decode_request(operation, request.body().as_ref()));
        let answered = decoded.and_then(|request| match request {
            ServerRequest::RegisterClient(ask) => server
                .register_client(policy, &ask, now, &mut entropy)
                .map(|answer| dialect.encode_success::<RegisterClientRequest>(&answer)),
            ServerRequest::StartDeviceAuthorization(ask) => server
                .start_device_authorization(policy, &ask, now, &mut entropy)
                .map(|answer| dialect.encode_success::<StartDeviceAuthorizationRequest>(&answer)),
            ServerRequest::CreateToken(ask) => server
                .create_token(policy, &ask, now, &mut entropy)
                .map(|answer| dialect.encode_success::<CreateTokenRequest>(&answer)),
        });
        answered.unwrap_or_else(|fault| dialect.encode_fault(&fault))
    }
}

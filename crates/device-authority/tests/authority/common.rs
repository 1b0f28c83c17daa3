//! An authority in virtual time: a store, a policy, a clock that the test moves, and seeded entropy.

use core::time::Duration;

use device_authority::{Capacity, Memory, Moment, NoEntropy, ServerPolicy, UserDecision};
use oidc_proto::{
    Client, CreateTokenRequest, DeviceAuthorization, Fault, FaultCode, Grant, RegisterClientRequest,
    Registration, Secret, StartDeviceAuthorizationRequest, Token,
};

pub(crate) const START_URL: &str = "https://d-1234567890.awsapps.com/start";

#[derive(Clone)]
pub(crate) struct Bench {
    pub(crate) policy: ServerPolicy,
    pub(crate) store: Memory,
    pub(crate) now: Moment,
    rng: fastrand::Rng,
}

/// Returns entropy that is the same in every run.
pub(crate) fn entropy(rng: &mut fastrand::Rng) -> impl FnMut(&mut [u8]) -> Result<(), NoEntropy> + '_ {
    |bytes| {
        rng.fill(bytes);
        Ok(())
    }
}

impl Bench {
    pub(crate) fn new(policy: ServerPolicy) -> Self {
        Self::with_capacity(policy, Capacity::default())
    }

    pub(crate) fn with_capacity(policy: ServerPolicy, capacity: Capacity) -> Self {
        let now = Moment::new(Duration::from_secs(1_700_000_000));
        Self { policy, store: Memory::new(capacity), now, rng: fastrand::Rng::with_seed(1) }
    }

    pub(crate) fn wait(&mut self, seconds: f64) {
        self.now = self.now.after(Duration::from_secs_f64(seconds));
    }

    pub(crate) fn step_back(&mut self, seconds: u64) {
        self.now = Moment::new(self.now.since_epoch() - Duration::from_secs(seconds));
    }

    pub(crate) fn register(&mut self, request: &RegisterClientRequest) -> Result<Registration, Fault> {
        self.store.register_client(&self.policy, request, self.now, &mut entropy(&mut self.rng))
    }

    /// Registers a client of the device flow without scopes.
    pub(crate) fn client(&mut self) -> Client {
        self.register(&RegisterClientRequest::new("tool")).unwrap().client
    }

    /// Registers a client of the device flow whose tokens can be refreshed.
    pub(crate) fn scoped_client(&mut self) -> Client {
        let request = RegisterClientRequest::new("tool").with_scopes(["sso:account:access"]);
        self.register(&request).unwrap().client
    }

    pub(crate) fn start(&mut self, client: &Client) -> Result<DeviceAuthorization, Fault> {
        self.start_at(client, START_URL)
    }

    pub(crate) fn start_at(&mut self, client: &Client, url: &str) -> Result<DeviceAuthorization, Fault> {
        let request = StartDeviceAuthorizationRequest::new(client.clone(), url);
        self.store.start_device_authorization(&self.policy, &request, self.now, &mut entropy(&mut self.rng))
    }

    pub(crate) fn start_with_challenge(
        &mut self,
        client: &Client,
        challenge: Option<String>,
    ) -> Result<DeviceAuthorization, Fault> {
        let mut request = StartDeviceAuthorizationRequest::for_scope(client.clone(), [""; 0]);
        request.code_challenge = challenge;
        self.store.start_device_authorization(&self.policy, &request, self.now, &mut entropy(&mut self.rng))
    }

    pub(crate) fn token(&mut self, client: &Client, grant: Grant) -> Result<Token, Fault> {
        let request = CreateTokenRequest::new(client.clone(), grant);
        self.store.create_token(&self.policy, &request, self.now, &mut entropy(&mut self.rng))
    }

    pub(crate) fn poll(&mut self, client: &Client, device_code: &Secret) -> Result<Token, Fault> {
        self.token(client, Grant::device_code(device_code.clone()))
    }

    pub(crate) fn refresh(&mut self, client: &Client, refresh_token: &Secret) -> Result<Token, Fault> {
        self.token(client, Grant::RefreshToken { refresh_token: refresh_token.clone() })
    }

    pub(crate) fn person(&mut self, user_code: &str, verdict: UserDecision) {
        self.store.decide(&self.policy, None, user_code, verdict, self.now).unwrap();
    }

    /// Signs in this client: approved and collected.
    pub(crate) fn sign_in(&mut self, client: &Client) -> Token {
        let device = self.start(client).unwrap();
        self.person(&device.user_code, UserDecision::Approve);
        self.poll(client, &device.device_code).unwrap()
    }
}

/// Returns the fault's code of a refusal.
#[track_caller]
pub(crate) fn fault<T: core::fmt::Debug>(result: Result<T, Fault>) -> FaultCode {
    result.unwrap_err().code
}

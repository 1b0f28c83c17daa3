//! An authority in virtual time: a store, a policy, a clock that the test moves, and seeded entropy.

use core::time::Duration;

use device_authority::{AuthorizationError, Capacity, Memory, Moment, NoEntropy, ServerPolicy, UserDecision};
use oidc_proto::{
    AuthorizationRequest, Client, CreateTokenRequest, DeviceAuthorization, Fault, FaultCode, Grant,
    RegisterClientRequest, Registration, Secret, StartDeviceAuthorizationRequest, Token, grant_type, pkce,
};

/// The redirect URI of the code clients, without and with a port.
pub(crate) const REDIRECT: &str = "http://127.0.0.1/oauth/callback";
pub(crate) const CALLBACK: &str = "http://127.0.0.1:49152/oauth/callback";
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

    /// Registers a client of the authorization code flow, as the AWS CLI does.
    pub(crate) fn code_client(&mut self) -> Client {
        self.register(&code_registration().with_scopes(["sso:account:access"])).unwrap().client
    }

    /// Decides on an authorization request.
    pub(crate) fn authorize(
        &mut self,
        request: &AuthorizationRequest,
        decision: UserDecision,
    ) -> Result<Secret, AuthorizationError> {
        let (policy, entropy) = (&self.policy, &mut entropy(&mut self.rng));
        let response = self.store.authorize(policy, request, decision, self.now, entropy)?;
        assert_eq!(response.state, request.state);
        Ok(response.result.unwrap())
    }

    /// Approves a code for this client, with the challenge of [`verifier`].
    pub(crate) fn code(&mut self, client: &Client) -> Secret {
        self.authorize(&code_request(client), UserDecision::APPROVE).unwrap()
    }

    /// Redeems a code at [`CALLBACK`] with [`verifier`].
    pub(crate) fn redeem(&mut self, client: &Client, code: &Secret) -> Result<Token, Fault> {
        self.token(client, code_grant(code, Some(CALLBACK), Some(verifier())))
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
        self.person(&device.user_code, UserDecision::APPROVE);
        self.poll(client, &device.device_code).unwrap()
    }
}

/// Returns the fault's code of a refusal.
#[track_caller]
pub(crate) fn fault<T: core::fmt::Debug>(result: Result<T, Fault>) -> FaultCode {
    result.unwrap_err().code
}

/// Returns the registration request of the authorization code flow without scopes.
pub(crate) fn code_registration() -> RegisterClientRequest {
    let mut request = RegisterClientRequest::new("tool");
    request.grant_types =
        [grant_type::AUTHORIZATION_CODE, grant_type::REFRESH_TOKEN].map(str::to_owned).to_vec();
    request.redirect_uris = vec![REDIRECT.to_owned()];
    request
}

/// Returns the authorization request of a client, for the response at [`CALLBACK`].
pub(crate) fn code_request(client: &Client) -> AuthorizationRequest {
    AuthorizationRequest::new(client.id.clone(), CALLBACK)
        .with_state(Secret::from("state"))
        .with_code_challenge(pkce::challenge(&verifier()))
}

pub(crate) fn verifier() -> Secret {
    pkce::verifier(&[7; 32])
}

pub(crate) fn code_grant(code: &Secret, redirect_uri: Option<&str>, verifier: Option<Secret>) -> Grant {
    let redirect_uri = redirect_uri.map(str::to_owned);
    Grant::AuthorizationCode { code: code.clone(), redirect_uri, code_verifier: verifier }
}

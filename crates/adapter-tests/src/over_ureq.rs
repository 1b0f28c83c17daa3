//! The blocking adapter for the tests.
//!
//! The async adapter has its like in `over_reqwest.rs`. The types of the two adapters differ, and have no common trait.

use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

use device_flow_ureq::renewal::{EnsureError, MemoryStore, RenewError, RenewalPolicy, Usable};
use device_flow_ureq::{
    ApiMisuse, CallError, Cancel, DeviceFlow, Endpoint, HttpClient, Metadata, MetadataSearch, Observer,
    Policy, Registration, SearchError, Session, SignInError, SignedIn, TransportError, UserPrompt,
    VirtualTime,
};
use oidc_proto::oauth::RevocationRequest;
use oidc_proto::portal::{AccountInfo, GetRoleCredentialsRequest, RoleCredentials, RoleInfo};
use oidc_proto::{
    Client, CreateTokenRequest, DeviceAuthorization, RegisterClientRequest, Secret, Service,
    StartDeviceAuthorizationRequest, Token, UnixSeconds,
};

use crate::Adapter;

/// `device-flow-ureq`.
#[derive(Clone, Copy, Debug)]
pub enum Ureq {}

fn client(endpoint: &str) -> HttpClient {
    client_within(Duration::from_secs(10), endpoint)
}

/// Creates a client with this request timeout.
///
/// # Panics
///
/// If the endpoint is not valid.
#[must_use]
pub fn client_within(timeout: Duration, endpoint: &str) -> HttpClient {
    let endpoint = Endpoint::custom(endpoint).unwrap();
    HttpClient::builder(endpoint).connect_timeout(timeout / 2).request_timeout(timeout).build().unwrap()
}

/// Creates an agent of this kind, one of [`Adapter::BROUGHT`].
///
/// # Panics
///
/// If the kind does not exist.
#[must_use]
pub fn brought(kind: &str) -> ureq::Agent {
    let config = ureq::Agent::config_builder();
    match kind {
        "ureq's defaults" => config.max_redirects(10).http_status_as_error(true),
        "no time-out" => config.timeout_global(None).timeout_connect(None).timeout_resolve(None),
        "own time-outs" => config
            .timeout_global(Some(Duration::from_secs(300)))
            .timeout_recv_body(Some(Duration::from_secs(30))),
        "redirects with an error" => config.max_redirects(0).max_redirects_will_error(true),
        _ => unreachable!("{kind}"),
    }
    .build()
    .into()
}

/// Signs in at virtual time through a supplied agent.
///
/// # Errors
///
/// The error of the sign-in.
///
/// # Panics
///
/// If the agent is not usable for a client.
pub fn sign_in_through(
    agent: ureq::Agent,
    timeout: Duration,
    endpoint: &str,
) -> Result<SignedIn, SignInError> {
    let builder = HttpClient::builder(Endpoint::custom(endpoint).unwrap()).request_timeout(timeout);
    let client = builder.agent(agent).build().unwrap();
    let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    client.login(policy).clock(VirtualTime::default()).run(|_| {})
}

fn provider(issuer: &str) -> Result<HttpClient, String> {
    let builder = HttpClient::builder(Endpoint::custom(issuer).unwrap());
    builder.discover().map(|(client, _)| client).map_err(|error| error.to_string())
}

impl Adapter for Ureq {
    const NAME: &'static str = "ureq";
    const TELLS_STATUS_OF_PROXY: bool = true;
    const BROUGHT: &'static [&'static str] =
        &["ureq's defaults", "no time-out", "own time-outs", "redirects with an error"];
    const KNOWN_NOT_TO_HAVE_SENT: &'static [&'static str] = Self::BROUGHT;

    type HttpClient = HttpClient;
    type Stopper = Cancel;

    fn sign_in_within(
        timeout: Duration,
        endpoint: &str,
        registration: Option<Registration>,
        on_prompt: impl FnMut(&UserPrompt) + Send,
    ) -> Result<SignedIn, SignInError> {
        let client = client_within(timeout, endpoint);
        let policy = Policy::aws("https://d-1234567890.awsapps.com/start").with_client_name("adapter test");
        let policy = policy.with_scopes(["sso:account:access"]);
        client.login(policy).registered(registration).clock(VirtualTime::default()).run(on_prompt)
    }

    fn sign_in_brought(kind: &str, timeout: Duration, endpoint: &str) -> Result<SignedIn, SignInError> {
        sign_in_through(brought(kind), timeout, endpoint)
    }

    fn build_brought_with_tls_settings() -> Vec<(&'static str, String)> {
        let builder = || {
            HttpClient::builder(Endpoint::for_region("eu-west-1").unwrap())
                .agent(ureq::Agent::new_with_defaults())
        };
        let with_bundle = builder().ca_bundle("bundle.pem").build().unwrap_err();
        let with_anything = builder().danger_accept_invalid_certificates().build().unwrap_err();
        vec![
            ("ca_bundle", with_bundle.to_string()),
            ("danger_accept_invalid_certificates", with_anything.to_string()),
        ]
    }

    fn sign_in_observed(endpoint: &str, observer: impl Observer) -> Result<SignedIn, SignInError> {
        let client = client(endpoint);
        let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
        client.login(policy).jitter_seed(None).clock(VirtualTime::default()).run_with(observer)
    }

    fn client_answered_by(
        endpoint: &str,
        answer: impl FnMut(&http::Request<&[u8]>) -> Result<http::Response<Vec<u8>>, TransportError>
        + Send
        + 'static,
    ) -> HttpClient {
        HttpClient::builder(Endpoint::custom(endpoint).unwrap()).answered_by(answer).build().unwrap()
    }

    fn service(client: &HttpClient) -> Service {
        client.service().clone()
    }

    fn sign_in_at(
        client: &HttpClient,
        policy: Policy,
        time: &VirtualTime,
        registration: Option<Registration>,
        on_prompt: impl FnMut(&UserPrompt) + Send,
    ) -> Result<SignedIn, SignInError> {
        let login = client.login(policy).registered(registration).jitter_seed(None).clock(time.clone());
        login.run(on_prompt)
    }

    fn refresh_session(
        client: &HttpClient,
        session: &mut Session,
        now: UnixSeconds,
    ) -> Result<(), CallError> {
        client.refresh_session(session, now)
    }

    fn renew(
        client: &HttpClient,
        store: &MemoryStore,
        policy: RenewalPolicy,
        time: &VirtualTime,
        wall: impl Fn() -> UnixSeconds,
    ) -> Result<Usable, RenewError<Infallible>> {
        client.renew_at(store, policy, time, wall)
    }

    fn ensure(
        client: &HttpClient,
        store: &MemoryStore,
        policy: RenewalPolicy,
        sign_in: impl FnOnce() -> Result<Session, std::io::Error>,
    ) -> Result<Usable, EnsureError<Infallible, std::io::Error>> {
        client.ensure(store, policy, |_| sign_in())
    }

    fn stop(stopper: &Self::Stopper) {
        stopper.cancel();
    }

    fn drive_until(client: &HttpClient, flow: &mut DeviceFlow, time: &VirtualTime, stopper: &Self::Stopper) {
        client.drive_until(flow, time, &mut (), stopper).unwrap();
    }

    fn drive_in_region(region: &str, flow: &mut DeviceFlow) -> Result<(), ApiMisuse> {
        let client = HttpClient::new(Endpoint::for_region(region).unwrap()).unwrap();
        client.drive(flow, &VirtualTime::default(), &mut ())
    }

    fn register(endpoint: &str, request: &RegisterClientRequest) -> Result<Registration, CallError> {
        client(endpoint).register_client(request)
    }

    fn register_reading_within(
        read_timeout: Duration,
        request_timeout: Duration,
        endpoint: &str,
    ) -> Result<Registration, CallError> {
        let builder = HttpClient::builder(Endpoint::custom(endpoint).unwrap());
        let client = builder.read_timeout(read_timeout).request_timeout(request_timeout).build().unwrap();
        let request = RegisterClientRequest::new("x");
        client.register_client(&request)
    }

    fn start(
        endpoint: &str,
        request: &StartDeviceAuthorizationRequest,
    ) -> Result<DeviceAuthorization, CallError> {
        client(endpoint).start_device_authorization(request)
    }

    fn create_token(endpoint: &str, request: &CreateTokenRequest) -> Result<Token, CallError> {
        client(endpoint).create_token(request)
    }

    fn refresh(endpoint: &str, who: &Client, refresh_token: &Secret) -> Result<Token, CallError> {
        client(endpoint).refresh(who, refresh_token)
    }

    fn searched(
        issuer: &str,
        known: impl FnOnce(MetadataSearch) -> MetadataSearch,
    ) -> (Result<Metadata, SearchError>, Duration) {
        let clock = VirtualTime::default();
        let mut search = known(MetadataSearch::of(issuer, clock.now()).unwrap());
        let builder = HttpClient::builder(Endpoint::custom(issuer).unwrap());
        builder.request_timeout(Duration::from_secs(10)).search(&mut search, &clock).unwrap();
        (search.finish(), clock.now().elapsed())
    }

    fn oauth_sign_in(issuer: &str, who: Client, scopes: &[&str]) -> Result<SignedIn, String> {
        let client = provider(issuer)?;
        let policy = Policy::oauth().with_client(who).with_scopes(scopes.iter().copied());
        client.login(policy).clock(VirtualTime::default()).run(|_| {}).map_err(|end| end.to_string())
    }

    fn accounts(portal: &str, token: &Secret) -> Result<Vec<AccountInfo>, CallError> {
        client(portal).all_accounts(token)
    }

    fn roles(portal: &str, token: &Secret, account_id: &str) -> Result<Vec<RoleInfo>, CallError> {
        client(portal).all_account_roles(token, account_id)
    }

    fn credentials(
        portal: &str,
        token: &Secret,
        request: &GetRoleCredentialsRequest,
    ) -> Result<RoleCredentials, CallError> {
        client(portal).get_role_credentials(token, request)
    }

    fn logout(portal: &str, token: &Secret) -> Result<(), CallError> {
        client(portal).logout(token)
    }

    fn revoke(issuer: &str, request: &RevocationRequest) -> Result<(), CallError> {
        provider(issuer).unwrap().revoke(request)
    }

    fn searched_over_tls(issuer: &str, bundle: Option<&Path>) -> (Result<Metadata, SearchError>, Duration) {
        let clock = VirtualTime::default();
        let mut search = MetadataSearch::of(issuer, clock.now()).unwrap();
        let mut builder = HttpClient::builder(Endpoint::custom(issuer).unwrap());
        if let Some(bundle) = bundle {
            builder = builder.ca_bundle(bundle);
        }
        builder.search(&mut search, &clock).unwrap();
        (search.finish(), clock.now().elapsed())
    }

    fn register_over_tls(
        endpoint: &str,
        bundle: Option<&Path>,
        accept_invalid: bool,
        request: &RegisterClientRequest,
    ) -> Result<Registration, CallError> {
        let mut builder = HttpClient::builder(Endpoint::custom(endpoint).unwrap());
        if let Some(bundle) = bundle {
            builder = builder.ca_bundle(bundle);
        }
        let builder = if accept_invalid { builder.danger_accept_invalid_certificates() } else { builder };
        let client = builder.build().unwrap();
        client.register_client(request)
    }

    fn build_with_bundle(bundle: &Path) -> Result<HttpClient, String> {
        let builder = HttpClient::builder(Endpoint::for_region("eu-west-1").unwrap());
        builder.ca_bundle(bundle).build().map_err(|error| error.to_string())
    }
}

//! The async adapter for the tests. Each call blocks on a runtime of its own.
//!
//! The blocking adapter has its like in `over_ureq.rs`. The types of the two adapters differ, and have no common trait.

use std::convert::Infallible;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use device_flow_reqwest::renewal::{EnsureError, MemoryStore, RenewError, RenewalPolicy, Usable};
use device_flow_reqwest::{
    ApiMisuse, CallError, DeviceFlow, Endpoint, HttpClient, HttpClientBuilder, Metadata, MetadataSearch,
    Observer, Policy, Registration, SearchError, Session, SignInError, SignedIn, TransportError, UserPrompt,
    VirtualTime, hardened,
};
use oidc_proto::oauth::RevocationRequest;
use oidc_proto::portal::{AccountInfo, GetRoleCredentialsRequest, RoleCredentials, RoleInfo};
use oidc_proto::{
    Client, CreateTokenRequest, DeviceAuthorization, RegisterClientRequest, Secret, Service,
    StartDeviceAuthorizationRequest, Token, UnixSeconds,
};
use tokio::sync::Notify;

use crate::Adapter;

/// `device-flow-reqwest`.
#[derive(Clone, Copy, Debug)]
pub enum Reqwest {}

/// Runs a future on a runtime of its own.
///
/// # Panics
///
/// If the system cannot create a runtime.
pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

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

/// Returns a builder for clients without TLS, because reqwest loads the system's certificates for each TLS
/// client.
///
/// # Panics
///
/// If ring is not usable.
pub fn without_tls() -> reqwest::ClientBuilder {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config =
        builder.unwrap().with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(config)
}

/// Returns a builder with a client of this kind, one of [`Adapter::BROUGHT`].
fn brought(kind: &str, endpoint: &str) -> HttpClientBuilder {
    let builder = HttpClient::builder(Endpoint::custom(endpoint).unwrap());
    let settings = match kind {
        "follows redirects" => without_tls().redirect(reqwest::redirect::Policy::limited(10)),
        "no time-out" => without_tls(),
        "own time-outs" => {
            without_tls().timeout(Duration::from_secs(300)).read_timeout(Duration::from_secs(30))
        }
        "hardened" => return builder.hardened_client(&hardened(without_tls()).unwrap()),
        _ => unreachable!("{kind}"),
    };
    builder.client(settings.build().unwrap())
}

async fn provider(issuer: &str) -> Result<HttpClient, String> {
    let builder = HttpClient::builder(Endpoint::custom(issuer).unwrap());
    builder.discover().await.map(|(client, _)| client).map_err(|error| error.to_string())
}

impl Adapter for Reqwest {
    const NAME: &'static str = "reqwest";
    // reqwest reports only 407.
    const TELLS_STATUS_OF_PROXY: bool = false;
    const BROUGHT: &'static [&'static str] =
        &["follows redirects", "no time-out", "own time-outs", "hardened"];
    const KNOWN_NOT_TO_HAVE_SENT: &'static [&'static str] = &["hardened"];

    type HttpClient = HttpClient;
    type Stopper = Arc<Notify>;

    fn sign_in_within(
        timeout: Duration,
        endpoint: &str,
        registration: Option<Registration>,
        on_prompt: impl FnMut(&UserPrompt) + Send,
    ) -> Result<SignedIn, SignInError> {
        let client = client_within(timeout, endpoint);
        let policy = Policy::aws("https://d-1234567890.awsapps.com/start").with_client_name("adapter test");
        let policy = policy.with_scopes(["sso:account:access"]);
        block_on(client.login(policy).registered(registration).clock(VirtualTime::default()).run(on_prompt))
    }

    fn sign_in_brought(kind: &str, timeout: Duration, endpoint: &str) -> Result<SignedIn, SignInError> {
        let client = brought(kind, endpoint).request_timeout(timeout).build().unwrap();
        let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
        block_on(client.login(policy).clock(VirtualTime::default()).run(|_| {}))
    }

    fn build_brought_with_tls_settings() -> Vec<(&'static str, String)> {
        let builder = || {
            HttpClient::builder(Endpoint::for_region("eu-west-1").unwrap())
                .client(without_tls().build().unwrap())
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
        block_on(client.login(policy).jitter_seed(None).clock(VirtualTime::default()).run_with(observer))
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
        block_on(login.run(on_prompt))
    }

    fn refresh_session(
        client: &HttpClient,
        session: &mut Session,
        now: UnixSeconds,
    ) -> Result<(), CallError> {
        block_on(client.refresh_session(session, now))
    }

    fn renew(
        client: &HttpClient,
        store: &MemoryStore,
        policy: RenewalPolicy,
        time: &VirtualTime,
        wall: impl Fn() -> UnixSeconds,
    ) -> Result<Usable, RenewError<Infallible>> {
        block_on(client.renew_at(store, policy, time, wall))
    }

    fn ensure(
        client: &HttpClient,
        store: &MemoryStore,
        policy: RenewalPolicy,
        sign_in: impl FnOnce() -> Result<Session, std::io::Error>,
    ) -> Result<Usable, EnsureError<Infallible, std::io::Error>> {
        block_on(client.ensure(store, policy, async |_| sign_in()))
    }

    fn stop(stopper: &Self::Stopper) {
        stopper.notify_one();
    }

    fn drive_until(client: &HttpClient, flow: &mut DeviceFlow, time: &VirtualTime, stopper: &Self::Stopper) {
        block_on(client.drive_until(flow, time, &mut (), stopper.notified())).unwrap();
    }

    fn drive_in_region(region: &str, flow: &mut DeviceFlow) -> Result<(), ApiMisuse> {
        let client = HttpClient::new(Endpoint::for_region(region).unwrap()).unwrap();
        block_on(client.drive(flow, &VirtualTime::default(), &mut ()))
    }

    fn register(endpoint: &str, request: &RegisterClientRequest) -> Result<Registration, CallError> {
        block_on(client(endpoint).register_client(request))
    }

    fn register_reading_within(
        read_timeout: Duration,
        request_timeout: Duration,
        endpoint: &str,
    ) -> Result<Registration, CallError> {
        let builder = HttpClient::builder(Endpoint::custom(endpoint).unwrap());
        let client = builder.read_timeout(read_timeout).request_timeout(request_timeout).build().unwrap();
        let request = RegisterClientRequest::new("x");
        block_on(client.register_client(&request))
    }

    fn start(
        endpoint: &str,
        request: &StartDeviceAuthorizationRequest,
    ) -> Result<DeviceAuthorization, CallError> {
        block_on(client(endpoint).start_device_authorization(request))
    }

    fn create_token(endpoint: &str, request: &CreateTokenRequest) -> Result<Token, CallError> {
        block_on(client(endpoint).create_token(request))
    }

    fn refresh(endpoint: &str, who: &Client, refresh_token: &Secret) -> Result<Token, CallError> {
        block_on(client(endpoint).refresh(who, refresh_token))
    }

    fn searched(
        issuer: &str,
        known: impl FnOnce(MetadataSearch) -> MetadataSearch,
    ) -> (Result<Metadata, SearchError>, Duration) {
        let clock = VirtualTime::default();
        let mut search = known(MetadataSearch::of(issuer, clock.now()).unwrap());
        let builder = HttpClient::builder(Endpoint::custom(issuer).unwrap());
        block_on(builder.request_timeout(Duration::from_secs(10)).search(&mut search, &clock)).unwrap();
        (search.finish(), clock.now().elapsed())
    }

    fn oauth_sign_in(issuer: &str, who: Client, scopes: &[&str]) -> Result<SignedIn, String> {
        block_on(async {
            let client = provider(issuer).await?;
            let policy = Policy::oauth().with_client(who).with_scopes(scopes.iter().copied());
            client
                .login(policy)
                .clock(VirtualTime::default())
                .run(|_| {})
                .await
                .map_err(|end| end.to_string())
        })
    }

    fn accounts(portal: &str, token: &Secret) -> Result<Vec<AccountInfo>, CallError> {
        block_on(client(portal).all_accounts(token))
    }

    fn roles(portal: &str, token: &Secret, account_id: &str) -> Result<Vec<RoleInfo>, CallError> {
        block_on(client(portal).all_account_roles(token, account_id))
    }

    fn credentials(
        portal: &str,
        token: &Secret,
        request: &GetRoleCredentialsRequest,
    ) -> Result<RoleCredentials, CallError> {
        block_on(client(portal).get_role_credentials(token, request))
    }

    fn logout(portal: &str, token: &Secret) -> Result<(), CallError> {
        block_on(client(portal).logout(token))
    }

    fn revoke(issuer: &str, request: &RevocationRequest) -> Result<(), CallError> {
        block_on(async { provider(issuer).await.unwrap().revoke(request).await })
    }

    fn searched_over_tls(issuer: &str, bundle: Option<&Path>) -> (Result<Metadata, SearchError>, Duration) {
        let clock = VirtualTime::default();
        let mut search = MetadataSearch::of(issuer, clock.now()).unwrap();
        let mut builder = HttpClient::builder(Endpoint::custom(issuer).unwrap());
        if let Some(bundle) = bundle {
            builder = builder.ca_bundle(bundle);
        }
        block_on(builder.search(&mut search, &clock)).unwrap();
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
        block_on(client.register_client(request))
    }

    fn build_with_bundle(bundle: &Path) -> Result<HttpClient, String> {
        let builder = HttpClient::builder(Endpoint::for_region("eu-west-1").unwrap());
        builder.ca_bundle(bundle).build().map_err(|error| error.to_string())
    }
}

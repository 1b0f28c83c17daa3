//! The async adapter over real sockets: against the project's server, and against one that misbehaves. The scenarios
//! are the blocking adapter's, so that the two cannot drift apart.

#[path = "../../../device-flow-ureq/tests/adapter/brought.rs"]
mod brought;
mod cancel;
#[path = "../../../device-flow-ureq/tests/adapter/events.rs"]
mod events;
#[path = "../../../device-flow-ureq/tests/adapter/foreign.rs"]
mod foreign;
mod hostile;
#[path = "../../../device-flow-ureq/tests/adapter/in_process.rs"]
mod in_process;
#[path = "../../../device-flow-ureq/tests/adapter/oauth.rs"]
mod oauth;
#[path = "../../../device-flow-ureq/tests/adapter/proxied.rs"]
mod proxied;
#[path = "../../../device-flow-ureq/tests/adapter/scenarios.rs"]
mod scenarios;
#[path = "../../../device-flow-ureq/tests/adapter/stub.rs"]
mod stub;
#[path = "../../../device-flow-ureq/tests/adapter/tls.rs"]
mod tls;
#[path = "../../../device-flow-ureq/tests/adapter/trace.rs"]
mod trace;
mod turns;

use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use device_flow_reqwest::{
    CallError, Clock, DeviceFlow, Endpoint, HttpClient, HttpClientBuilder, Metadata, MetadataSearch, Misuse,
    NotSignedIn, Observer, Policy, Registration, SearchError, Session, SignInError, SignedIn, Tick,
    TokioClock, TransportError, UserPrompt, VirtualTime, hardened,
};
use oidc_proto::oauth::RevocationRequest;
use oidc_proto::{
    Client, CreateTokenRequest, DeviceAuthorization, RegisterClientRequest, Secret,
    StartDeviceAuthorizationRequest, Token, UnixSeconds,
};

/// Whether reqwest says which status a proxy gave to CONNECT: no, but for 407.
const TELLS_STATUS_OF_PROXY: bool = false;

/// Time that passes only by waiting, so that a ten-minute sign-in takes a moment.
#[derive(Default)]
pub(crate) struct VirtualClock(Mutex<Duration>);

impl Clock for VirtualClock {
    fn now(&self) -> Tick {
        Tick::since_origin(*self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn wait(&self, duration: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += duration;
        // Still a point where the future can be dropped.
        tokio::task::yield_now().await;
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

pub(crate) fn client_within(timeout: Duration, endpoint: &str) -> HttpClient {
    let endpoint = Endpoint::custom(endpoint).unwrap();
    HttpClient::builder(endpoint).connect_timeout(timeout / 2).request_timeout(timeout).build().unwrap()
}

fn client(endpoint: &str) -> HttpClient {
    client_within(Duration::from_secs(10), endpoint)
}

/// A whole sign-in at virtual time, with requests that time out after this long.
fn sign_in_within(
    timeout: Duration,
    endpoint: &str,
    registration: Option<Registration>,
    on_prompt: impl FnMut(&UserPrompt) + Send,
) -> Result<SignedIn, Box<NotSignedIn>> {
    let client = client_within(timeout, endpoint);
    let policy = Policy::aws("https://d-1234567890.awsapps.com/start").with_client_name("adapter test");
    let policy = policy.with_scopes(["sso:account:access"]);
    block_on(client.login(policy).registered(registration).clock(VirtualClock::default()).run(on_prompt))
}

/// Clients with settings that would be wrong for a sign-in, and one by the rules.
const BROUGHT: &[&str] = &["follows redirects", "no time-out", "own time-outs", "hardened"];

/// Clients without TLS, which no test here needs: reqwest would load the system's certificates for each.
fn without_tls() -> reqwest::ClientBuilder {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config =
        builder.unwrap().with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(config)
}

/// The kinds of which it is known that a failed connection carried nothing.
const KNOWN_NOT_TO_HAVE_SENT: &[&str] = &["hardened"];

/// A builder with a client of this kind.
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

/// A whole sign-in through a client of this kind.
fn sign_in_brought(kind: &str, timeout: Duration, endpoint: &str) -> Result<SignedIn, Box<NotSignedIn>> {
    let client = brought(kind, endpoint).request_timeout(timeout).build().unwrap();
    let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    block_on(client.login(policy).clock(VirtualClock::default()).run(|_| {}))
}

/// What comes of settings that cannot be laid on a client from elsewhere, each with its name.
fn build_brought_with_tls_settings() -> Vec<(&'static str, String)> {
    let builder = || {
        HttpClient::builder(Endpoint::for_region("eu-west-1").unwrap()).client(without_tls().build().unwrap())
    };
    let with_bundle = builder().ca_bundle("bundle.pem").build().unwrap_err();
    let with_anything = builder().danger_accept_invalid_certificates().build().unwrap_err();
    vec![
        ("ca_bundle", with_bundle.to_string()),
        ("danger_accept_invalid_certificates", with_anything.to_string()),
    ]
}

/// A whole sign-in at virtual time, without jitter, with an observer.
fn sign_in_observed(endpoint: &str, observer: impl Observer) -> Result<SignedIn, Box<NotSignedIn>> {
    let client = client(endpoint);
    let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    block_on(client.login(policy).jitter_seed(None).clock(VirtualClock::default()).run_with(observer))
}

/// A client that a closure answers.
fn client_answered_by(
    endpoint: &str,
    answer: impl FnMut(&http::Request<&[u8]>) -> Result<http::Response<Vec<u8>>, TransportError> + Send + 'static,
) -> HttpClient {
    HttpClient::builder(Endpoint::custom(endpoint).unwrap()).answered_by(answer).build().unwrap()
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

fn refresh_in_process(client: &HttpClient, session: &mut Session, now: UnixSeconds) -> Result<(), CallError> {
    block_on(client.refresh_session(session, now))
}

/// Ends a driven flow between two exchanges.
#[derive(Clone, Default)]
struct Stopper(Arc<tokio::sync::Notify>);

impl Stopper {
    fn stop(&self) {
        self.0.notify_one();
    }
}

fn drive_until(client: &HttpClient, flow: &mut DeviceFlow, time: &VirtualTime, stopper: &Stopper) {
    block_on(client.drive_until(flow, time, &mut (), stopper.0.notified())).unwrap();
}

/// Drives a flow with a client of this region.
fn drive_in_region(region: &str, flow: &mut DeviceFlow) -> Result<(), Misuse> {
    let client = HttpClient::new(Endpoint::for_region(region).unwrap()).unwrap();
    block_on(client.drive(flow, &VirtualClock::default(), &mut ()))
}

fn register(endpoint: &str, request: &RegisterClientRequest) -> Result<Registration, CallError> {
    block_on(client(endpoint).register_client(request))
}

/// A registration at a peer that may be silent for this long, and take that long in all.
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

async fn provider(issuer: &str) -> Result<HttpClient, String> {
    let builder = HttpClient::builder(Endpoint::custom(issuer).unwrap());
    builder.discover().await.map(|(client, _)| client).map_err(|error| error.to_string())
}

/// A search for metadata at virtual time, and how long it took.
fn searched(
    issuer: &str,
    known: impl FnOnce(MetadataSearch) -> MetadataSearch,
) -> (Result<Metadata, SearchError>, Duration) {
    let clock = VirtualClock::default();
    let mut search = known(MetadataSearch::of(issuer, clock.now()).unwrap());
    let builder = HttpClient::builder(Endpoint::custom(issuer).unwrap());
    block_on(builder.request_timeout(Duration::from_secs(10)).search(&mut search, &clock)).unwrap();
    (search.finish(), clock.now().elapsed())
}

fn oauth_sign_in(issuer: &str, who: Client, scopes: &[&str]) -> Result<SignedIn, String> {
    block_on(async {
        let client = provider(issuer).await?;
        let policy = Policy::oauth().with_client(who).with_scopes(scopes.iter().copied());
        client.login(policy).clock(VirtualClock::default()).run(|_| {}).await.map_err(|end| end.to_string())
    })
}

fn revoke(issuer: &str, request: &RevocationRequest) -> Result<(), CallError> {
    block_on(async { provider(issuer).await.unwrap().revoke(request).await })
}

/// A search for metadata at virtual time, by a client that trusts these certificates or the system's.
fn searched_over_tls(issuer: &str, bundle: Option<&Path>) -> (Result<Metadata, SearchError>, Duration) {
    let clock = VirtualClock::default();
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

#[test]
fn a_search_that_is_dropped_in_its_wait_or_while_it_asks_goes_on_where_it_was() {
    for step in [stub::Step::Close, stub::Step::Hang(Duration::from_secs(15))] {
        let stub = stub::Stub::start_with(|endpoint| {
            vec![
                step,
                stub::Step::ok(&format!(r#"{{"issuer":"{endpoint}","token_endpoint":"{endpoint}/t"}}"#)),
            ]
        });
        block_on(async {
            let clock = TokioClock;
            let search = MetadataSearch::of(stub.endpoint(), clock.now()).unwrap();
            let mut search = search.with_device_authorization_endpoint(format!("{}/d", stub.endpoint()));
            let builder = HttpClient::builder(Endpoint::custom(&stub.endpoint()).unwrap());
            let soon = Duration::from_millis(300);
            let dropped = tokio::time::timeout(soon, builder.search(&mut search, &clock)).await;
            assert!(dropped.is_err(), "it was dropped");
            builder.search(&mut search, &clock).await.unwrap();
            assert_eq!(search.finish().unwrap().issuer, stub.endpoint());
        });
        assert_eq!(stub.seen().len(), 2);
    }
}

#[test]
fn settings_that_make_no_sense_are_refused_or_bounded_and_never_panic() {
    let builder = || HttpClient::builder(Endpoint::custom("http://127.0.0.1:9").unwrap());
    assert!(builder().user_agent("bad\nagent").build().is_err());
    let patient = builder()
        .connect_timeout(Duration::MAX)
        .request_timeout(Duration::MAX)
        .read_timeout(Duration::MAX)
        .build()
        .unwrap();
    let refused = block_on(patient.register_client(&RegisterClientRequest::new("x")));
    assert!(refused.is_err());
}

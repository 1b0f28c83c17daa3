//! The blocking adapter over real sockets: against the project's server, and against one that misbehaves.

mod brought;
mod cancel;
mod events;
mod foreign;
mod hostile;
mod in_process;
mod oauth;
mod proxied;
mod scenarios;
mod stub;
mod tls;
mod trace;

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use device_flow_ureq::{
    CallError, Cancel, Clock, DeviceFlow, Endpoint, HttpClient, Metadata, MetadataSearch, Misuse,
    NotSignedIn, Observer, Policy, Registration, SearchError, Session, SignInError, SignedIn, SystemClock,
    Tick, TransportError, UserPrompt, VirtualTime,
};
use oidc_proto::oauth::RevocationRequest;
use oidc_proto::{
    Client, CreateTokenRequest, DeviceAuthorization, RegisterClientRequest, Secret,
    StartDeviceAuthorizationRequest, Token, UnixSeconds,
};

/// Whether ureq says which status a proxy gave to CONNECT.
const TELLS_STATUS_OF_PROXY: bool = true;

/// Time that passes only by waiting, so that a ten-minute sign-in takes a moment.
#[derive(Default)]
struct VirtualClock(Mutex<Duration>);

impl Clock for VirtualClock {
    fn now(&self) -> Tick {
        Tick::since_origin(*self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn wait(&self, duration: Duration, _: &Cancel) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += duration;
    }
}

fn client(endpoint: &str) -> HttpClient {
    let endpoint = Endpoint::custom(endpoint).unwrap();
    HttpClient::builder(endpoint)
        .connect_timeout(Duration::from_secs(5))
        .request_timeout(Duration::from_secs(10))
        .build()
        .unwrap()
}

/// A whole sign-in at virtual time, with requests that time out after this long.
fn sign_in_within(
    timeout: Duration,
    endpoint: &str,
    registration: Option<Registration>,
    on_prompt: impl FnMut(&UserPrompt) + Send,
) -> Result<SignedIn, Box<NotSignedIn>> {
    let client = HttpClient::builder(Endpoint::custom(endpoint).unwrap())
        .connect_timeout(timeout / 2)
        .request_timeout(timeout)
        .build()
        .unwrap();
    let policy = Policy::aws("https://d-1234567890.awsapps.com/start").with_client_name("adapter test");
    let policy = policy.with_scopes(["sso:account:access"]);
    client.login(policy).registered(registration).clock(VirtualClock::default()).run(on_prompt)
}

/// Agents with settings that would be wrong for a sign-in.
const BROUGHT: &[&str] = &["ureq's defaults", "no time-out", "own time-outs", "redirects with an error"];

/// The kinds of which it is known that a refused connection carried nothing.
const KNOWN_NOT_TO_HAVE_SENT: &[&str] = BROUGHT;

fn brought(kind: &str) -> ureq::Agent {
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

/// A whole sign-in through an agent of this kind.
fn sign_in_brought(kind: &str, timeout: Duration, endpoint: &str) -> Result<SignedIn, Box<NotSignedIn>> {
    sign_in_through(brought(kind), timeout, endpoint)
}

fn sign_in_through(
    agent: ureq::Agent,
    timeout: Duration,
    endpoint: &str,
) -> Result<SignedIn, Box<NotSignedIn>> {
    let builder = HttpClient::builder(Endpoint::custom(endpoint).unwrap()).request_timeout(timeout);
    let client = builder.agent(agent).build().unwrap();
    let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    client.login(policy).clock(VirtualClock::default()).run(|_| {})
}

/// What comes of settings that cannot be laid on a client from elsewhere, each with its name.
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

/// A whole sign-in at virtual time, without jitter, with an observer.
fn sign_in_observed(endpoint: &str, observer: impl Observer) -> Result<SignedIn, Box<NotSignedIn>> {
    let client = client(endpoint);
    let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    client.login(policy).jitter_seed(None).clock(VirtualClock::default()).run_with(observer)
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
    login.run(on_prompt)
}

fn refresh_in_process(client: &HttpClient, session: &mut Session, now: UnixSeconds) -> Result<(), CallError> {
    client.refresh_session(session, now)
}

/// Ends a driven flow between two exchanges.
#[derive(Clone, Default)]
struct Stopper(Cancel);

impl Stopper {
    fn stop(&self) {
        self.0.cancel();
    }
}

fn drive_until(client: &HttpClient, flow: &mut DeviceFlow, time: &VirtualTime, stopper: &Stopper) {
    client.drive_until(flow, time, &mut (), &stopper.0).unwrap();
}

/// Drives a flow with a client of this region.
fn drive_in_region(region: &str, flow: &mut DeviceFlow) -> Result<(), Misuse> {
    let client = HttpClient::new(Endpoint::for_region(region).unwrap()).unwrap();
    client.drive(flow, &VirtualClock::default(), &mut ())
}

fn register(endpoint: &str, request: &RegisterClientRequest) -> Result<Registration, CallError> {
    client(endpoint).register_client(request)
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

fn provider(issuer: &str) -> Result<HttpClient, String> {
    let builder = HttpClient::builder(Endpoint::custom(issuer).unwrap());
    builder.discover().map(|(client, _)| client).map_err(|error| error.to_string())
}

/// A search for metadata at virtual time, and how long it took.
fn searched(
    issuer: &str,
    known: impl FnOnce(MetadataSearch) -> MetadataSearch,
) -> (Result<Metadata, SearchError>, Duration) {
    let clock = VirtualClock::default();
    let mut search = known(MetadataSearch::of(issuer, clock.now()).unwrap());
    let builder = HttpClient::builder(Endpoint::custom(issuer).unwrap());
    builder.request_timeout(Duration::from_secs(10)).search(&mut search, &clock).unwrap();
    (search.finish(), clock.now().elapsed())
}

fn oauth_sign_in(issuer: &str, who: Client, scopes: &[&str]) -> Result<SignedIn, String> {
    let client = provider(issuer)?;
    let policy = Policy::oauth().with_client(who).with_scopes(scopes.iter().copied());
    client.login(policy).clock(VirtualClock::default()).run(|_| {}).map_err(|end| end.to_string())
}

fn revoke(issuer: &str, request: &RevocationRequest) -> Result<(), CallError> {
    provider(issuer).unwrap().revoke(request)
}

/// A search for metadata at virtual time, by a client that trusts these certificates or the system's.
fn searched_over_tls(issuer: &str, bundle: Option<&Path>) -> (Result<Metadata, SearchError>, Duration) {
    let clock = VirtualClock::default();
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

#[test]
fn a_search_that_is_cancelled_in_its_wait_or_while_it_asks_ends_at_once_and_can_go_on() {
    for (step, asked) in [(stub::Step::Close, 2), (stub::Step::Hang(Duration::from_secs(15)), 2)] {
        let stub = stub::Stub::start_with(|endpoint| {
            vec![
                step,
                stub::Step::ok(&format!(r#"{{"issuer":"{endpoint}","token_endpoint":"{endpoint}/t"}}"#)),
            ]
        });
        let clock = SystemClock;
        let search = MetadataSearch::of(stub.endpoint(), clock.now()).unwrap();
        let mut search = search.with_device_authorization_endpoint(format!("{}/d", stub.endpoint()));
        let builder = HttpClient::builder(Endpoint::custom(&stub.endpoint()).unwrap());
        let cancel = Cancel::new();
        let (handle, began) = (cancel.clone(), Instant::now());
        let cancelling = thread::spawn(move || {
            thread::sleep(Duration::from_millis(200));
            handle.cancel();
        });
        builder.clone().cancelled_by(&cancel).search(&mut search, &clock).unwrap();
        let took = began.elapsed();
        cancelling.join().unwrap();
        assert!(took < Duration::from_millis(900), "{took:?}");
        builder.clone().cancelled_by(&cancel).search(&mut search, &clock).unwrap();
        assert_eq!(stub.seen().len(), 1, "nothing more is asked once it is cancelled");
        builder.search(&mut search, &clock).unwrap();
        assert_eq!(search.finish().unwrap().issuer, stub.endpoint());
        assert_eq!(stub.seen().len(), asked);
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
    let refused = patient.register_client(&RegisterClientRequest::new("x"));
    assert!(refused.is_err());
}

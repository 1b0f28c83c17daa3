//! The blocking adapter over real sockets: against the project's server, and against one that misbehaves.

mod cancel;
mod oauth;
mod scenarios;
mod stub;
mod tls;
mod trace;

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use device_flow_ureq::{
    Cancel, Clock, Endpoint, HttpClient, NotSignedIn, Registration, SignedIn, Tick, UserPrompt,
};
use oidc_proto::oauth::RevocationRequest;
use oidc_proto::{
    Client, CreateTokenRequest, DeviceAuthorization, RegisterClientRequest, Secret,
    StartDeviceAuthorizationRequest, Token,
};

type Transport = ureq::Error;
type CallError = device_flow_ureq::Error;

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
) -> Result<SignedIn, Box<NotSignedIn<Transport>>> {
    let client = HttpClient::builder(Endpoint::custom(endpoint).unwrap())
        .connect_timeout(timeout / 2)
        .request_timeout(timeout)
        .build()
        .unwrap();
    let policy = client.policy("https://d-1234567890.awsapps.com/start").with_client_name("adapter test");
    let policy = policy.with_scopes(["sso:account:access"]);
    client.login(policy).registered(registration).clock(VirtualClock::default()).run(on_prompt)
}

fn register(endpoint: &str, request: &RegisterClientRequest) -> Result<Registration, CallError> {
    client(endpoint).register_client(request)
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

fn discovered_issuer(issuer: &str) -> Result<String, String> {
    let metadata = HttpClient::builder(Endpoint::custom(issuer).unwrap()).fetch_metadata();
    metadata.map(|metadata| metadata.issuer).map_err(|error| error.to_string())
}

fn oauth_sign_in(issuer: &str, who: Client, scopes: &[&str]) -> Result<SignedIn, String> {
    let client = provider(issuer)?;
    let policy = client.oauth_policy(who).with_scopes(scopes.iter().copied());
    client.login(policy).clock(VirtualClock::default()).run(|_| {}).map_err(|end| end.to_string())
}

fn revoke(issuer: &str, request: &RevocationRequest) -> Result<(), CallError> {
    provider(issuer).unwrap().revoke(request)
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
    let client = builder.accept_invalid_certificates(accept_invalid).build().unwrap();
    client.register_client(request)
}

fn build_with_bundle(bundle: &Path) -> Result<HttpClient, String> {
    let builder = HttpClient::builder(Endpoint::for_region("eu-west-1").unwrap());
    builder.ca_bundle(bundle).build().map_err(|error| error.to_string())
}

#[test]
fn settings_that_make_no_sense_are_refused_or_bounded_and_never_panic() {
    let builder = || HttpClient::builder(Endpoint::custom("http://127.0.0.1:9").unwrap());
    assert!(builder().user_agent("bad\nagent").build().is_err());
    let patient = builder().connect_timeout(Duration::MAX).request_timeout(Duration::MAX).build().unwrap();
    let refused = patient.register_client(&RegisterClientRequest::new("x"));
    assert!(refused.is_err());
}

//! The interface of an adapter as the tests see it. An async adapter blocks on its futures.

use std::fmt::Debug;
use std::path::Path;
use std::time::Duration;

use device_flow::{
    ApiMisuse, CallError, DeviceFlow, MetadataSearch, Observer, Policy, SearchError, Session, SignInError,
    SignedIn, TransportError, UserPrompt, VirtualTime,
};
use oidc_proto::oauth::{Metadata, RevocationRequest};
use oidc_proto::{
    Client, CreateTokenRequest, DeviceAuthorization, RegisterClientRequest, Registration, Secret, Service,
    StartDeviceAuthorizationRequest, Token, UnixSeconds,
};

/// An adapter: what every test does through it.
pub trait Adapter {
    /// The module of its tests, as [`for_both_adapters`](crate::for_both_adapters) makes it.
    const NAME: &'static str;
    /// Whether its HTTP library says which status a proxy gave to CONNECT. Either says 407.
    const TELLS_STATUS_OF_PROXY: bool;
    /// Kinds of HTTP clients of the program's own, most with settings that would be wrong for a sign-in.
    const BROUGHT: &'static [&'static str];
    /// The kinds of which it is known that a failed connection carried nothing.
    const KNOWN_NOT_TO_HAVE_SENT: &'static [&'static str];

    /// The adapter's client.
    type HttpClient: Debug;
    /// A handle that ends a driven flow between two exchanges.
    type Stopper: Clone + Default + Send + 'static;

    /// A whole sign-in at virtual time, with requests that time out after this long.
    ///
    /// # Errors
    ///
    /// The sign-in's own.
    fn sign_in_within(
        timeout: Duration,
        endpoint: &str,
        registration: Option<Registration>,
        on_prompt: impl FnMut(&UserPrompt) + Send,
    ) -> Result<SignedIn, SignInError>;

    /// A whole sign-in through a client of this kind, one of [`BROUGHT`](Self::BROUGHT).
    ///
    /// # Errors
    ///
    /// The sign-in's own.
    fn sign_in_brought(kind: &str, timeout: Duration, endpoint: &str) -> Result<SignedIn, SignInError>;

    /// The errors of settings that do not go with a client of the program's own, each with the setting's name.
    fn build_brought_with_tls_settings() -> Vec<(&'static str, String)>;

    /// A whole sign-in at virtual time, without jitter, with an observer.
    ///
    /// # Errors
    ///
    /// The sign-in's own.
    fn sign_in_observed(endpoint: &str, observer: impl Observer) -> Result<SignedIn, SignInError>;

    /// A client that a closure answers.
    fn client_answered_by(
        endpoint: &str,
        answer: impl FnMut(&http::Request<&[u8]>) -> Result<http::Response<Vec<u8>>, TransportError>
        + Send
        + 'static,
    ) -> Self::HttpClient;

    /// The service that a client was made for.
    fn service(client: &Self::HttpClient) -> Service;

    /// A whole sign-in of this client at this time, without jitter.
    ///
    /// # Errors
    ///
    /// The sign-in's own.
    fn sign_in_at(
        client: &Self::HttpClient,
        policy: Policy,
        time: &VirtualTime,
        registration: Option<Registration>,
        on_prompt: impl FnMut(&UserPrompt) + Send,
    ) -> Result<SignedIn, SignInError>;

    /// Refreshes a session.
    ///
    /// # Errors
    ///
    /// The call's own.
    fn refresh_session(
        client: &Self::HttpClient,
        session: &mut Session,
        now: UnixSeconds,
    ) -> Result<(), CallError>;

    /// Tells the flow that this handle was given to that it is to end.
    fn stop(stopper: &Self::Stopper);

    /// Drives a flow until it ends, or until it is told to stop.
    fn drive_until(
        client: &Self::HttpClient,
        flow: &mut DeviceFlow,
        time: &VirtualTime,
        stopper: &Self::Stopper,
    );

    /// Drives a flow at virtual time with a client of this region.
    ///
    /// # Errors
    ///
    /// If the flow is for another service.
    fn drive_in_region(region: &str, flow: &mut DeviceFlow) -> Result<(), ApiMisuse>;

    /// One call: RegisterClient.
    ///
    /// # Errors
    ///
    /// The call's own.
    fn register(endpoint: &str, request: &RegisterClientRequest) -> Result<Registration, CallError>;

    /// A registration at a peer that may be silent for this long, and take that long in all.
    ///
    /// # Errors
    ///
    /// The call's own.
    fn register_reading_within(
        read_timeout: Duration,
        request_timeout: Duration,
        endpoint: &str,
    ) -> Result<Registration, CallError>;

    /// One call: StartDeviceAuthorization.
    ///
    /// # Errors
    ///
    /// The call's own.
    fn start(
        endpoint: &str,
        request: &StartDeviceAuthorizationRequest,
    ) -> Result<DeviceAuthorization, CallError>;

    /// One call: CreateToken.
    ///
    /// # Errors
    ///
    /// The call's own.
    fn create_token(endpoint: &str, request: &CreateTokenRequest) -> Result<Token, CallError>;

    /// One call: CreateToken with a refresh token.
    ///
    /// # Errors
    ///
    /// The call's own.
    fn refresh(endpoint: &str, who: &Client, refresh_token: &Secret) -> Result<Token, CallError>;

    /// A search for metadata at virtual time, and how long it took. The closure adds what is known already.
    fn searched(
        issuer: &str,
        known: impl FnOnce(MetadataSearch) -> MetadataSearch,
    ) -> (Result<Metadata, SearchError>, Duration);

    /// Finds a provider by its issuer and signs in to it, at virtual time.
    ///
    /// # Errors
    ///
    /// The search's or the sign-in's own, as text.
    fn oauth_sign_in(issuer: &str, who: Client, scopes: &[&str]) -> Result<SignedIn, String>;

    /// Finds a provider by its issuer, and revokes a token there.
    ///
    /// # Errors
    ///
    /// The call's own.
    fn revoke(issuer: &str, request: &RevocationRequest) -> Result<(), CallError>;

    /// A search for metadata at virtual time, by a client that trusts these certificates or the system's.
    fn searched_over_tls(issuer: &str, bundle: Option<&Path>) -> (Result<Metadata, SearchError>, Duration);

    /// A registration over TLS, by a client that trusts these certificates, the system's, or any.
    ///
    /// # Errors
    ///
    /// The call's own.
    fn register_over_tls(
        endpoint: &str,
        bundle: Option<&Path>,
        accept_invalid: bool,
        request: &RegisterClientRequest,
    ) -> Result<Registration, CallError>;

    /// A client that trusts these certificates.
    ///
    /// # Errors
    ///
    /// The builder's own, as text.
    fn build_with_bundle(bundle: &Path) -> Result<Self::HttpClient, String>;
}

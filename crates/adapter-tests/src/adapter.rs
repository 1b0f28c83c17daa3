//! The common interface of both adapters for the tests. The async adapter blocks on its futures.

use std::convert::Infallible;
use std::fmt::Debug;
use std::path::Path;
use std::time::Duration;

use device_flow::renewal::{EnsureError, MemoryStore, RenewError, RenewalPolicy, Usable};
use device_flow::{
    ApiMisuse, CallError, DeviceFlow, MetadataSearch, Observer, Policy, SearchError, Session, SignInError,
    SignedIn, TransportError, UserPrompt, VirtualTime,
};
use oidc_proto::oauth::{Metadata, RevocationRequest};
use oidc_proto::portal::{AccountInfo, GetRoleCredentialsRequest, RoleCredentials, RoleInfo};
use oidc_proto::{
    Client, CreateTokenRequest, DeviceAuthorization, RegisterClientRequest, Registration, Secret, Service,
    StartDeviceAuthorizationRequest, Token, UnixSeconds,
};

/// An adapter, with the actions that the tests need.
pub trait Adapter {
    /// The module of its tests, as named by [`for_both_adapters`](crate::for_both_adapters).
    const NAME: &'static str;
    /// Whether the error of its HTTP library contains every status of a proxy for CONNECT. Both report 407.
    const TELLS_STATUS_OF_PROXY: bool;
    /// The kinds of HTTP clients that a program can supply. Most have settings that would be wrong for a
    /// sign-in.
    const BROUGHT: &'static [&'static str];
    /// The kinds for which a failed connection is known to have sent nothing.
    const KNOWN_NOT_TO_HAVE_SENT: &'static [&'static str];

    /// The adapter's client.
    type HttpClient: Debug + Sync;
    /// A handle that ends a driven flow between two exchanges.
    type Stopper: Clone + Default + Send + 'static;

    /// Signs in at virtual time, with this request timeout.
    ///
    /// # Errors
    ///
    /// The error of the sign-in.
    fn sign_in_within(
        timeout: Duration,
        endpoint: &str,
        registration: Option<Registration>,
        on_prompt: impl FnMut(&UserPrompt) + Send,
    ) -> Result<SignedIn, SignInError>;

    /// Signs in through a client of this kind, one of [`BROUGHT`](Self::BROUGHT).
    ///
    /// # Errors
    ///
    /// The error of the sign-in.
    fn sign_in_brought(kind: &str, timeout: Duration, endpoint: &str) -> Result<SignedIn, SignInError>;

    /// Returns the errors of settings that contradict a supplied client, each with the setting's name.
    fn build_brought_with_tls_settings() -> Vec<(&'static str, String)>;

    /// Signs in at virtual time, without jitter, with an observer.
    ///
    /// # Errors
    ///
    /// The error of the sign-in.
    fn sign_in_observed(endpoint: &str, observer: impl Observer) -> Result<SignedIn, SignInError>;

    /// Creates a client that a closure answers.
    fn client_answered_by(
        endpoint: &str,
        answer: impl FnMut(&http::Request<&[u8]>) -> Result<http::Response<Vec<u8>>, TransportError>
        + Send
        + 'static,
    ) -> Self::HttpClient;

    /// Returns the client's service.
    fn service(client: &Self::HttpClient) -> Service;

    /// Signs in with this client at this time, without jitter.
    ///
    /// # Errors
    ///
    /// The error of the sign-in.
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
    /// The error of the call.
    fn refresh_session(
        client: &Self::HttpClient,
        session: &mut Session,
        now: UnixSeconds,
    ) -> Result<(), CallError>;

    /// Renews the session of a store at this time, as of this wall clock.
    ///
    /// # Errors
    ///
    /// The error of the renewal.
    fn renew(
        client: &Self::HttpClient,
        store: &MemoryStore,
        policy: RenewalPolicy,
        time: &VirtualTime,
        wall: impl Fn() -> UnixSeconds,
    ) -> Result<Usable, RenewError<Infallible>>;

    /// Renews the session of a store, or signs in.
    ///
    /// # Errors
    ///
    /// The error of the renewal or the sign-in.
    fn ensure(
        client: &Self::HttpClient,
        store: &MemoryStore,
        policy: RenewalPolicy,
        sign_in: impl FnOnce() -> Result<Session, std::io::Error>,
    ) -> Result<Usable, EnsureError<Infallible, std::io::Error>>;

    /// Signals the handle's flow to end.
    fn stop(stopper: &Self::Stopper);

    /// Drives a flow until it ends, or until the handle stops it.
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

    /// Calls RegisterClient.
    ///
    /// # Errors
    ///
    /// The error of the call.
    fn register(endpoint: &str, request: &RegisterClientRequest) -> Result<Registration, CallError>;

    /// Registers at a peer, with this limit for a silence and for the whole response.
    ///
    /// # Errors
    ///
    /// The error of the call.
    fn register_reading_within(
        read_timeout: Duration,
        request_timeout: Duration,
        endpoint: &str,
    ) -> Result<Registration, CallError>;

    /// Calls StartDeviceAuthorization.
    ///
    /// # Errors
    ///
    /// The error of the call.
    fn start(
        endpoint: &str,
        request: &StartDeviceAuthorizationRequest,
    ) -> Result<DeviceAuthorization, CallError>;

    /// Calls CreateToken.
    ///
    /// # Errors
    ///
    /// The error of the call.
    fn create_token(endpoint: &str, request: &CreateTokenRequest) -> Result<Token, CallError>;

    /// Calls CreateToken with a refresh token.
    ///
    /// # Errors
    ///
    /// The error of the call.
    fn refresh(endpoint: &str, who: &Client, refresh_token: &Secret) -> Result<Token, CallError>;

    /// Searches for metadata at virtual time, and returns the duration too. The closure adds known values.
    fn searched(
        issuer: &str,
        known: impl FnOnce(MetadataSearch) -> MetadataSearch,
    ) -> (Result<Metadata, SearchError>, Duration);

    /// Discovers a provider by its issuer and signs in to it, at virtual time.
    ///
    /// # Errors
    ///
    /// The error of the search or the sign-in, as text.
    fn oauth_sign_in(issuer: &str, who: Client, scopes: &[&str]) -> Result<SignedIn, String>;

    /// Discovers a provider by its issuer, and revokes a token there.
    ///
    /// # Errors
    ///
    /// The error of the call.
    fn revoke(issuer: &str, request: &RevocationRequest) -> Result<(), CallError>;

    /// Lists all accounts of this token at a portal.
    ///
    /// # Errors
    ///
    /// The error of the call.
    fn accounts(portal: &str, token: &Secret) -> Result<Vec<AccountInfo>, CallError>;

    /// Lists all roles of this token in an account.
    ///
    /// # Errors
    ///
    /// The error of the call.
    fn roles(portal: &str, token: &Secret, account_id: &str) -> Result<Vec<RoleInfo>, CallError>;

    /// Requests the credentials of a role.
    ///
    /// # Errors
    ///
    /// The error of the call.
    fn credentials(
        portal: &str,
        token: &Secret,
        request: &GetRoleCredentialsRequest,
    ) -> Result<RoleCredentials, CallError>;

    /// Ends the sign-in of this token at a portal.
    ///
    /// # Errors
    ///
    /// The error of the call.
    fn logout(portal: &str, token: &Secret) -> Result<(), CallError>;

    /// Searches for metadata at virtual time, with a client that trusts these certificates or the system's.
    fn searched_over_tls(issuer: &str, bundle: Option<&Path>) -> (Result<Metadata, SearchError>, Duration);

    /// Registers over TLS, with a client that trusts these certificates, the system's, or any.
    ///
    /// # Errors
    ///
    /// The error of the call.
    fn register_over_tls(
        endpoint: &str,
        bundle: Option<&Path>,
        accept_invalid: bool,
        request: &RegisterClientRequest,
    ) -> Result<Registration, CallError>;

    /// Builds a client that trusts these certificates.
    ///
    /// # Errors
    ///
    /// The error of the builder, as text.
    fn build_with_bundle(bundle: &Path) -> Result<Self::HttpClient, String>;
}

//! The client: the operations as single calls, and the sign-in.
//!
//! `device-flow-ureq` has its like on purpose: each adapter reads on its own.

use std::sync::Arc;
use std::time::Duration;

use device_flow::{CallError, Policy, Session, refresh_request};
use oidc_proto::oauth::RevocationRequest;
use oidc_proto::{
    Client, CreateTokenRequest, DeviceAuthorization, Operation, RegisterClientRequest, Registration, Secret,
    Service, StartDeviceAuthorizationRequest, Token, UnixSeconds,
};
use rustls::crypto::CryptoProvider;

use crate::backend::Backend;
use crate::{BuildError, HttpClientBuilder, Login};

/// An async client of one service. Clones share its connections.
///
/// An [`Endpoint`](oidc_proto::Endpoint) is a service with AWS's API, a [`Provider`](oidc_proto::oauth::Provider) one
/// with OAuth endpoints. It determines proxy and certificates, and the client sends requests to no other service.
///
/// [`HttpClient::login`] is a whole sign-in. The single operations:
///
/// ```
/// use device_flow_reqwest::{
///     CreateTokenRequest, Endpoint, Grant, HttpClient, RegisterClientRequest, StartDeviceAuthorizationRequest,
/// };
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let server = sso_oidc_server::TestServer::start();
/// # let start_url = "https://d-1234567890.awsapps.com/start";
///
/// let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
/// let request = RegisterClientRequest::new("my tool").with_scopes(["sso:account:access"]);
/// let who = client.register_client(&request).await?.client;
/// let request = StartDeviceAuthorizationRequest::new(who.clone(), start_url);
/// let codes = client.start_device_authorization(&request).await?;
/// server.approve(&codes.user_code)?; // the person
/// let grant = Grant::device_code(codes.device_code);
/// let token = client.create_token(&CreateTokenRequest::new(who.clone(), grant)).await?;
/// let old = token.refresh_token.ok_or("with scopes there is one")?;
/// let token = client.refresh(&who, &old).await?;
/// assert!(token.refresh_token.is_some_and(|new| new != old), "store the new one: the old one is invalid");
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct HttpClient {
    pub(crate) service: Service,
    pub(crate) backend: Backend,
    /// The timeout for one request, including the connection.
    pub(crate) request_timeout: Duration,
    /// The caller's own cryptography.
    pub(crate) crypto: Option<Arc<CryptoProvider>>,
}

impl HttpClient {
    /// Creates a client with the default settings.
    ///
    /// ```
    /// use device_flow_reqwest::{Endpoint, HttpClient};
    /// let client = HttpClient::new(Endpoint::custom("http://127.0.0.1:8080")?)?;
    /// assert!(client.service().is_loopback());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`BuildError::Tls`] for an HTTPS endpoint on a system without root certificates.
    pub fn new(service: impl Into<Service>) -> Result<Self, BuildError> {
        Self::builder(service).build()
    }

    /// Returns a builder, to choose settings.
    pub fn builder(service: impl Into<Service>) -> HttpClientBuilder {
        HttpClientBuilder::new(service.into())
    }

    /// Returns the service of this client.
    #[must_use]
    pub const fn service(&self) -> &Service {
        &self.service
    }

    /// Returns a complete sign-in to this client's service, ready to run; see [`Login`]. For many sign-ins,
    /// pass clones of one `Arc<Policy>`.
    pub fn login(&self, policy: impl Into<Arc<Policy>>) -> Login {
        Login::new(self.clone(), policy.into())
    }

    /// Calls RegisterClient, once.
    ///
    /// ```
    /// use device_flow_reqwest::{CallError, Endpoint, FaultCode, HttpClient, RegisterClientRequest};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = sso_oidc_server::TestServer::start();
    /// let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// let registration = client.register_client(&RegisterClientRequest::new("my tool")).await?;
    /// assert!(registration.expires_at.is_some());
    /// let error = client.register_client(&RegisterClientRequest::new(" ")).await.unwrap_err();
    /// assert!(matches!(error, CallError::Fault(fault) if fault.code == FaultCode::InvalidClientMetadata));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`CallError`]: a fault, an indeterminate response, an invalid one, or a transport error. Nothing is retried.
    ///
    /// # Cancel safety
    /// Dropping the future loses the response; a new registration stays unused until it expires.
    pub async fn register_client(&self, request: &RegisterClientRequest) -> Result<Registration, CallError> {
        self.call(request).await
    }

    /// Calls StartDeviceAuthorization, once.
    ///
    /// ```
    /// use device_flow_reqwest::{Endpoint, HttpClient, RegisterClientRequest, StartDeviceAuthorizationRequest};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// let who = client.register_client(&RegisterClientRequest::new("my tool")).await?.client;
    /// let request = StartDeviceAuthorizationRequest::new(who, "https://d-1234567890.awsapps.com/start");
    /// let codes = client.start_device_authorization(&request).await?;
    /// assert_eq!(server.pending(), [codes.user_code]);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::register_client`].
    ///
    /// # Cancel safety
    /// Dropping the future loses the response; the codes expire unused.
    pub async fn start_device_authorization(
        &self,
        request: &StartDeviceAuthorizationRequest,
    ) -> Result<DeviceAuthorization, CallError> {
        self.call(request).await
    }

    /// Calls CreateToken, once. `authorization_pending` and `slow_down` are faults here.
    ///
    /// ```
    /// use device_flow_reqwest::{CallError, CreateTokenRequest, FaultCode, Grant};
    /// # use device_flow_reqwest::{Endpoint, HttpClient, RegisterClientRequest, StartDeviceAuthorizationRequest};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// # let who = client.register_client(&RegisterClientRequest::new("my tool")).await?.client;
    /// # let request = StartDeviceAuthorizationRequest::new(who.clone(), "https://d-1234567890.awsapps.com/start");
    /// let codes = client.start_device_authorization(&request).await?;
    /// let grant = Grant::device_code(codes.device_code);
    /// let request = CreateTokenRequest::new(who, grant);
    /// let error = client.create_token(&request).await.unwrap_err();
    /// assert!(matches!(error, CallError::Fault(fault) if fault.code == FaultCode::AuthorizationPending));
    /// server.approve(&codes.user_code)?; // the person
    /// assert!(client.create_token(&request).await?.expires_in.is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::register_client`].
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping the future may lose the token, and the code or refresh token cannot be used again.
    pub async fn create_token(&self, request: &CreateTokenRequest) -> Result<Token, CallError> {
        self.call(request).await
    }

    /// Refreshes a token, once. If the response has no refresh token, the old one stays valid (RFC 6749 §6), so the
    /// result always has one. Store the result before you use it: the old refresh token may be invalid.
    ///
    /// ```
    /// # use device_flow_reqwest::{Endpoint, HttpClient, Policy};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # use sso_oidc_server::{Config, Rotation, TestServer};
    /// # let server = TestServer::with(Config::default().with_rotation(Rotation::Strict))?;
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let policy = policy.with_first_poll(device_flow_reqwest::FirstPoll::Immediately);
    /// let signed_in = client.login(policy).run(|prompt| server.approve(&prompt.user_code).unwrap()).await?;
    /// let (who, old) = (signed_in.registration.client, signed_in.token.refresh_token.ok_or("it has scopes")?);
    /// let token = client.refresh(&who, &old).await?;
    /// assert!(token.refresh_token.is_some_and(|new| new != old));
    /// assert!(client.refresh(&who, &old).await.is_err(), "this server is strict");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::register_client`]. The old refresh token may be used up after a transport error of kind `Unknown`,
    /// and after an indeterminate response that [may have acted](oidc_proto::Indeterminate::may_have_acted).
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping the future may lose the new tokens and invalidate the old refresh token. Let it
    /// finish, for example in a separate task.
    pub async fn refresh(&self, client: &Client, refresh_token: &Secret) -> Result<Token, CallError> {
        let token = self.call(&refresh_request(client.clone(), refresh_token.clone())).await?;
        Ok(token.keeping_refresh_token(refresh_token))
    }

    /// Refreshes a session, once; `now` is the wall clock. Store the session before you use it: the old refresh token
    /// may be invalid.
    ///
    /// ```
    /// use device_flow_reqwest::{Endpoint, HttpClient, Policy, Session, UnixSeconds};
    /// use std::time::SystemTime;
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let policy = policy.with_first_poll(device_flow_reqwest::FirstPoll::Immediately);
    /// let signed_in = client.login(policy).run(|prompt| server.approve(&prompt.user_code).unwrap()).await?;
    /// let now = UnixSeconds::from(SystemTime::now());
    /// let mut session = Session::new(signed_in, now);
    /// let old = session.token.access_token.clone();
    /// client.refresh_session(&mut session, now).await?;
    /// assert!(session.token.access_token != old && session.token.refresh_token.is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::refresh`], or [`CallError::NotRefreshable`] if the session has no refresh token or is from another
    /// service. The session is then unchanged.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, the session is unchanged, but its refresh token may be used up.
    pub async fn refresh_session(&self, session: &mut Session, now: UnixSeconds) -> Result<(), CallError> {
        let request = session.refresh_request().filter(|_| session.is_from(&self.service));
        let request = request.ok_or(CallError::NotRefreshable)?;
        session.refresh(self.create_token(&request).await?, now);
        Ok(())
    }

    /// Revokes a token (RFC 7009), once. An invalid token is a success too.
    ///
    /// ```
    /// use device_flow_reqwest::{Client, Endpoint, HttpClient, Policy, RevocationRequest};
    /// # use sso_oidc_server::{Config, TestServer};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = TestServer::with(Config::default().with_client(Client::public("my-tool")))?;
    /// let (client, _) = HttpClient::builder(Endpoint::custom(server.endpoint())?).discover().await?;
    /// let who = Client::public("my-tool");
    /// let policy = Policy::oauth().with_client(who.clone()).with_scopes(["openid"]);
    /// # let policy = policy.with_first_poll(device_flow_reqwest::FirstPoll::Immediately);
    /// let signed_in = client.login(policy).run(|prompt| server.approve(&prompt.user_code).unwrap()).await?;
    /// let token = signed_in.token.refresh_token.ok_or("it has scopes")?;
    /// let request = RevocationRequest::refresh_token(who.clone(), token.clone());
    /// client.revoke(&request).await?;
    /// assert!(client.refresh(&who, &token).await.is_err(), "it is revoked");
    /// client.revoke(&request).await?; // and may be revoked once more
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::register_client`], or [`CallError::UnsupportedOperation`] if the provider has no
    /// revocation endpoint. After an indeterminate response, assume that the token is still valid (RFC 7009
    /// §2.2.1).
    ///
    /// # Cancel safety
    /// If the future is dropped, the token may or may not be revoked. Calling it again is harmless.
    pub async fn revoke(&self, request: &RevocationRequest) -> Result<(), CallError> {
        let request = request.encode(&self.service);
        self.answer(Operation::RevokeToken, request, RevocationRequest::decode).await
    }
}

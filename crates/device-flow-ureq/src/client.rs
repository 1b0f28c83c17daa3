//! The client: the operations as single calls, and the sign-in.
//!
//! `device-flow-reqwest` has its like on purpose: each adapter reads on its own.

use std::sync::Arc;
use std::time::Duration;

use device_flow::{CallError, Failure, Policy, ResponseBody, Session, TransportError, refresh_request};
use oidc_proto::oauth::RevocationRequest;
use oidc_proto::{
    Client, CreateTokenRequest, DeviceAuthorization, Operation, RegisterClientRequest, Registration, Secret,
    Service, StartDeviceAuthorizationRequest, Token, UnixSeconds,
};
use rustls::crypto::CryptoProvider;

use crate::backend::Backend;
use crate::worker::Worker;
use crate::{BuildError, Cancel, HttpClientBuilder, Login};

/// A blocking client of one service. Clones share its connections.
///
/// An [`Endpoint`](oidc_proto::Endpoint) is a service with AWS's API, a [`Provider`](oidc_proto::oauth::Provider) one
/// with OAuth endpoints. It determines proxy and certificates, and the client sends requests to no other service.
///
/// [`HttpClient::login`] is a whole sign-in. The single operations:
///
/// ```
/// use device_flow_ureq::{
///     CreateTokenRequest, Endpoint, Grant, HttpClient, RegisterClientRequest, StartDeviceAuthorizationRequest,
/// };
/// # let server = sso_oidc_server::TestServer::start();
/// # let start_url = "https://d-1234567890.awsapps.com/start";
///
/// let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
/// let request = RegisterClientRequest::new("my tool").with_scopes(["sso:account:access"]);
/// let who = client.register_client(&request)?.client;
/// let request = StartDeviceAuthorizationRequest::new(who.clone(), start_url);
/// let codes = client.start_device_authorization(&request)?;
/// server.approve(&codes.user_code)?; // the person
/// let grant = Grant::device_code(codes.device_code);
/// let token = client.create_token(&CreateTokenRequest::new(who.clone(), grant))?;
/// let old = token.refresh_token.ok_or("with scopes there is one")?;
/// let token = client.refresh(&who, &old)?;
/// assert!(token.refresh_token.is_some_and(|new| new != old), "store the new one: the old one is invalid");
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
    /// The handle that cancels its calls.
    pub(crate) cancel: Option<Cancel>,
}

impl HttpClient {
    /// Creates a client with the default settings.
    ///
    /// ```
    /// use device_flow_ureq::{Endpoint, HttpClient};
    /// let client = HttpClient::new(Endpoint::custom("http://127.0.0.1:8080")?)?;
    /// assert!(client.service().is_loopback());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`BuildError::Proxy`] if a proxy variable of the environment is invalid.
    pub fn new(service: impl Into<Service>) -> Result<Self, BuildError> {
        Self::builder(service).build()
    }

    /// Returns a builder, to choose settings.
    pub fn builder(service: impl Into<Service>) -> HttpClientBuilder {
        HttpClientBuilder::new(service.into())
    }

    /// Lets this handle cancel every call of the client. A sign-in then ends with
    /// [`Outcome::Cancelled`](crate::Outcome::Cancelled), any other call with [`CallError::Cancelled`]. Both end at
    /// once, even while a response is pending, because a separate thread sends the requests. The connections stay the
    /// same, and earlier handles keep their effect.
    ///
    /// ```
    /// use device_flow_ureq::{CallError, Cancel, Endpoint, HttpClient, RegisterClientRequest};
    ///
    /// let cancel = Cancel::new();
    /// let client = HttpClient::new(Endpoint::for_region("eu-west-1")?)?.cancelled_by(&cancel);
    /// cancel.cancel();
    /// let error = client.register_client(&RegisterClientRequest::new("my tool")).unwrap_err();
    /// assert!(matches!(error, CallError::Cancelled));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn cancelled_by(&self, cancel: &Cancel) -> Self {
        Self { cancel: Some(Cancel::joined(self.cancel.as_ref(), cancel)), ..self.clone() }
    }

    /// Returns the service of this client.
    #[must_use]
    pub const fn service(&self) -> &Service {
        &self.service
    }

    /// Returns the agent that sends the requests, with this client's certificates, proxy and timeouts. It serves a
    /// program that asks the service for something else, such as a page. `None` if a closure answers
    /// ([`HttpClientBuilder::answered_by`](crate::HttpClientBuilder::answered_by)).
    ///
    /// ```
    /// use device_flow_ureq::{Endpoint, HttpClient};
    ///
    /// # let server = sso_oidc_server::TestServer::start();
    /// let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// let agent = client.agent().ok_or("no closure answers")?;
    /// let page = agent.get(format!("{}/device", server.endpoint())).call()?;
    /// assert_eq!(page.status(), 200);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn agent(&self) -> Option<&ureq::Agent> {
        match &self.backend {
            Backend::Agent(carrier) => Some(carrier.agent()),
            Backend::Closure(_) => None,
        }
    }

    /// Returns a complete sign-in to this client's service, ready to run; see [`Login`]. For many sign-ins,
    /// pass clones of one `Arc<Policy>`.
    pub fn login(&self, policy: impl Into<Arc<Policy>>) -> Login {
        Login::new(self.clone(), policy.into())
    }

    /// Calls RegisterClient, once.
    ///
    /// ```
    /// use device_flow_ureq::{CallError, Endpoint, FaultCode, HttpClient, RegisterClientRequest};
    /// # let server = sso_oidc_server::TestServer::start();
    /// let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// let registration = client.register_client(&RegisterClientRequest::new("my tool"))?;
    /// assert!(registration.expires_at.is_some());
    /// let error = client.register_client(&RegisterClientRequest::new(" ")).unwrap_err();
    /// assert!(matches!(error, CallError::Fault(fault) if fault.code == FaultCode::InvalidClientMetadata));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`CallError`]: a fault, an indeterminate response, an invalid one, or a transport error. Nothing is retried.
    pub fn register_client(&self, request: &RegisterClientRequest) -> Result<Registration, CallError> {
        self.call(request)
    }

    /// Calls StartDeviceAuthorization, once.
    ///
    /// ```
    /// use device_flow_ureq::{Endpoint, HttpClient, RegisterClientRequest, StartDeviceAuthorizationRequest};
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// let who = client.register_client(&RegisterClientRequest::new("my tool"))?.client;
    /// let request = StartDeviceAuthorizationRequest::new(who, "https://d-1234567890.awsapps.com/start");
    /// let codes = client.start_device_authorization(&request)?;
    /// assert_eq!(server.pending(), [codes.user_code]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::register_client`].
    pub fn start_device_authorization(
        &self,
        request: &StartDeviceAuthorizationRequest,
    ) -> Result<DeviceAuthorization, CallError> {
        self.call(request)
    }

    /// Calls CreateToken, once. `authorization_pending` and `slow_down` are faults here.
    ///
    /// ```
    /// use device_flow_ureq::{CallError, CreateTokenRequest, FaultCode, Grant};
    /// # use device_flow_ureq::{Endpoint, HttpClient, RegisterClientRequest, StartDeviceAuthorizationRequest};
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// # let who = client.register_client(&RegisterClientRequest::new("my tool"))?.client;
    /// # let request = StartDeviceAuthorizationRequest::new(who.clone(), "https://d-1234567890.awsapps.com/start");
    /// let codes = client.start_device_authorization(&request)?;
    /// let grant = Grant::device_code(codes.device_code);
    /// let request = CreateTokenRequest::new(who, grant);
    /// let error = client.create_token(&request).unwrap_err();
    /// assert!(matches!(error, CallError::Fault(fault) if fault.code == FaultCode::AuthorizationPending));
    /// server.approve(&codes.user_code)?; // the person
    /// assert!(client.create_token(&request)?.expires_in.is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::register_client`].
    pub fn create_token(&self, request: &CreateTokenRequest) -> Result<Token, CallError> {
        self.call(request)
    }

    /// Refreshes a token, once. If the response has no refresh token, the old one stays valid (RFC 6749 §6), so the
    /// result always has one. Store the result before you use it: the old refresh token may be invalid.
    ///
    /// ```
    /// # use device_flow_ureq::{Endpoint, HttpClient, Policy};
    /// # use sso_oidc_server::{Config, Rotation, TestServer};
    /// # let server = TestServer::with(Config::default().with_rotation(Rotation::Strict))?;
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let policy = policy.with_first_poll(device_flow_ureq::FirstPoll::Immediately);
    /// let signed_in = client.login(policy).run(|prompt| server.approve(&prompt.user_code).unwrap())?;
    /// let (who, old) = (signed_in.registration.client, signed_in.token.refresh_token.ok_or("it has scopes")?);
    /// let token = client.refresh(&who, &old)?;
    /// assert!(token.refresh_token.is_some_and(|new| new != old));
    /// assert!(client.refresh(&who, &old).is_err(), "this server is strict");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::register_client`]. Three errors leave open whether the old refresh token is used up: a
    /// transport error of kind `Unknown`, [`CallError::Cancelled`], and an indeterminate response that [may
    /// have acted](oidc_proto::Indeterminate::may_have_acted).
    pub fn refresh(&self, client: &Client, refresh_token: &Secret) -> Result<Token, CallError> {
        let token = self.call(&refresh_request(client.clone(), refresh_token.clone()))?;
        Ok(token.keeping_refresh_token(refresh_token))
    }

    /// Refreshes a session, once; `now` is the wall clock. Store the session before you use it: the old refresh token
    /// may be invalid.
    ///
    /// ```
    /// use device_flow_ureq::{Endpoint, HttpClient, Policy, Session, UnixSeconds};
    /// use std::time::SystemTime;
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let policy = policy.with_first_poll(device_flow_ureq::FirstPoll::Immediately);
    /// let signed_in = client.login(policy).run(|prompt| server.approve(&prompt.user_code).unwrap())?;
    /// let now = UnixSeconds::from(SystemTime::now());
    /// let mut session = Session::new(signed_in, now);
    /// let old = session.token.access_token.clone();
    /// client.refresh_session(&mut session, now)?;
    /// assert!(session.token.access_token != old && session.token.refresh_token.is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::refresh`], or [`CallError::NotRefreshable`] if the session has no refresh token or is from another
    /// service. The session is then unchanged.
    pub fn refresh_session(&self, session: &mut Session, now: UnixSeconds) -> Result<(), CallError> {
        let request = session.refresh_request().filter(|_| session.is_from(&self.service));
        let request = request.ok_or(CallError::NotRefreshable)?;
        session.refresh(self.create_token(&request)?, now);
        Ok(())
    }

    /// Revokes a token (RFC 7009), once. An invalid token is a success too.
    ///
    /// ```
    /// use device_flow_ureq::{Client, Endpoint, HttpClient, Policy, RevocationRequest};
    /// # use sso_oidc_server::{Config, TestServer};
    /// # let server = TestServer::with(Config::default().with_client(Client::public("my-tool")))?;
    /// let (client, _) = HttpClient::builder(Endpoint::custom(server.endpoint())?).discover()?;
    /// let who = Client::public("my-tool");
    /// let policy = Policy::oauth().with_client(who.clone()).with_scopes(["openid"]);
    /// # let policy = policy.with_first_poll(device_flow_ureq::FirstPoll::Immediately);
    /// let signed_in = client.login(policy).run(|prompt| server.approve(&prompt.user_code).unwrap())?;
    /// let token = signed_in.token.refresh_token.ok_or("it has scopes")?;
    /// let request = RevocationRequest::refresh_token(who.clone(), token.clone());
    /// client.revoke(&request)?;
    /// assert!(client.refresh(&who, &token).is_err(), "it is revoked");
    /// client.revoke(&request)?; // and may be revoked once more
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::register_client`], or [`CallError::UnsupportedOperation`] if the provider has no
    /// revocation endpoint. After an indeterminate response, assume that the token is still valid (RFC 7009
    /// §2.2.1).
    pub fn revoke(&self, request: &RevocationRequest) -> Result<(), CallError> {
        let request = request.encode(&self.service);
        self.answer(Operation::RevokeToken, request, RevocationRequest::decode)
    }

    /// Sends a request of the caller's own, once, and returns the response with any status. The URL must be at a host
    /// of this client's service. A tool for tests can so send what no other method would: a wrong form, say.
    ///
    /// ```
    /// use device_flow_ureq::{Endpoint, HttpClient};
    /// # let server = sso_oidc_server::TestServer::start();
    /// let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// let no_form = http::Request::post(format!("{}/oauth/token", server.endpoint())).body(b"?".to_vec())?;
    /// assert_eq!(client.send_own(&no_form)?.status(), 400);
    /// let elsewhere = http::Request::get("https://elsewhere.example/").body(Vec::new())?;
    /// assert!(client.send_own(&elsewhere).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// No response came, the URL is elsewhere, or the call was cancelled.
    pub fn send_own(
        &self,
        request: &http::Request<Vec<u8>>,
    ) -> Result<http::Response<ResponseBody>, TransportError> {
        self.check_is_here(request.uri())?;
        let sent = self.send_own_unless(&mut Worker::default(), request);
        sent.unwrap_or_else(|| Err(TransportError::new(Failure::Unknown, std::io::Error::other("cancelled"))))
    }
}

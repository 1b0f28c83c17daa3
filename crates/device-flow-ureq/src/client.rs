//! The client: the three operations and refresh as plain calls, and sign-in.

use std::time::Duration;

use device_flow::{Policy, refresh_request};
use oidc_proto::oauth::RevocationRequest;
use oidc_proto::{
    Client, CreateTokenRequest, DeviceAuthorization, Dialect, Endpoint, Operation, RegisterClientRequest,
    Registration, Secret, StartDeviceAuthorizationRequest, Token,
};

use crate::carrier::Carrier;
use crate::{BuildError, Error, HttpClientBuilder, Login};

/// A blocking client of one endpoint. Clones share its connections.
#[derive(Clone, Debug)]
pub struct HttpClient {
    pub(crate) endpoint: Endpoint,
    pub(crate) dialect: Dialect,
    pub(crate) carrier: Carrier,
    /// The longest that one request may take, connecting included.
    pub(crate) request_timeout: Duration,
}

impl HttpClient {
    /// A client with the default settings.
    ///
    /// # Errors
    /// [`BuildError::Proxy`] if the environment names a proxy that is none.
    pub fn new(endpoint: Endpoint) -> Result<Self, BuildError> {
        Self::builder(endpoint).build()
    }

    /// Settings to choose first.
    pub fn builder(endpoint: Endpoint) -> HttpClientBuilder {
        HttpClientBuilder::new(endpoint)
    }

    pub(crate) const fn from_parts(
        endpoint: Endpoint,
        dialect: Dialect,
        carrier: Carrier,
        request_timeout: Duration,
    ) -> Self {
        Self { endpoint, dialect, carrier, request_timeout }
    }

    /// The endpoint that this client talks to.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// A policy to sign in to the portal at `start_url` through this client's endpoint.
    #[must_use]
    pub fn policy(&self, start_url: impl Into<String>) -> Policy {
        Policy::new(self.endpoint.clone(), start_url).with_dialect(self.dialect)
    }

    /// A policy to sign in as this client to a provider of the OAuth dialect.
    #[must_use]
    pub fn oauth_policy(&self, client: Client) -> Policy {
        Policy::new(self.endpoint.clone(), "").with_dialect(Dialect::OAuth).with_client(client)
    }

    /// A complete sign-in; see [`Login`].
    pub fn login(&self, policy: Policy) -> Login<'_> {
        Login::new(self, policy)
    }

    /// RegisterClient, once.
    ///
    /// # Errors
    /// [`Error`]: the service's fault, no verdict, a broken promise, or transport trouble. Nothing is retried.
    pub fn register_client(&self, request: &RegisterClientRequest) -> Result<Registration, Error> {
        self.call(request)
    }

    /// StartDeviceAuthorization, once.
    ///
    /// # Errors
    /// As [`Self::register_client`].
    pub fn start_device_authorization(
        &self,
        request: &StartDeviceAuthorizationRequest,
    ) -> Result<DeviceAuthorization, Error> {
        self.call(request)
    }

    /// CreateToken, once. `authorization_pending` and `slow_down` are faults here like any other.
    ///
    /// # Errors
    /// As [`Self::register_client`].
    pub fn create_token(&self, request: &CreateTokenRequest) -> Result<Token, Error> {
        self.call(request)
    }

    /// Refreshes, once. An answer without a refresh token leaves the old one in force (RFC 6749 §6), so the result
    /// always has one. Store it before using it: the old one may be dead by now.
    ///
    /// # Errors
    /// As [`Self::register_client`]. After a transport error of kind `Unknown`, or no
    /// verdict that [may have acted](oidc_proto::NoVerdict::may_have_acted), the old refresh token may be spent.
    pub fn refresh(&self, client: &Client, refresh_token: &Secret) -> Result<Token, Error> {
        let token = self.call(&refresh_request(client.clone(), refresh_token.clone()))?;
        Ok(token.keeping_refresh_token(refresh_token))
    }

    /// Revokes a token (RFC 7009), once. Success also for a token that is dead already.
    ///
    /// # Errors
    /// As [`Self::register_client`], and [`Error::NotOffered`](device_flow::CallError::NotOffered) if the provider has
    /// no revocation endpoint. After no verdict the token must be taken for alive (RFC 7009 §2.2.1).
    pub fn revoke(&self, request: &RevocationRequest) -> Result<(), Error> {
        let Some(request) = request.encode(&self.endpoint) else {
            return Err(Error::NotOffered(Operation::RevokeToken));
        };
        self.answer(&request, RevocationRequest::decode)
    }
}

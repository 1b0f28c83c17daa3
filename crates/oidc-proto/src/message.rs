//! The domain types of the three operations, shared by all dialects.

use core::fmt;
use core::time::Duration;

use crate::{Grant, Parameter, Secret, UnixSeconds};

/// The client's credentials: id, secret, and authentication method.
///
/// AWS issues a secret to every client and requires it back. It is an artefact of registration and proves
/// nothing about the program (RFC 8628 §5.6).
///
/// ```
/// use oidc_proto::{Client, ClientAuthentication, Secret};
/// let issued = Client::new("id", Secret::from("secret"));
/// assert_eq!(issued.authentication, ClientAuthentication::Body);
/// assert_eq!(issued.with_basic_authentication().authentication, ClientAuthentication::Basic);
/// assert_eq!(Client::public("id").secret, None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Client {
    /// `clientId`, `client_id`.
    pub id: String,
    /// `clientSecret`, `client_secret`. Always present with AWS, absent with public clients of other
    /// providers.
    pub secret: Option<Secret>,
    /// The secret's place in a request of the OAuth dialect. AWS's dialect has only one.
    pub authentication: ClientAuthentication,
}

/// The client authentication method (RFC 6749 §2.3.1, named as in RFC 7591 §2). A request uses only one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ClientAuthentication {
    /// In the body: `client_secret_post`, or `none` without a secret.
    #[default]
    Body,
    /// `client_secret_basic`: in the `Authorization` header.
    Basic,
}

impl Client {
    /// Creates a client that sends its secret in the body.
    #[must_use]
    pub fn new(id: impl Into<String>, secret: Secret) -> Self {
        Self { id: id.into(), secret: Some(secret), authentication: ClientAuthentication::Body }
    }

    /// Creates a public client: an id and no secret (RFC 6749 §2.1).
    #[must_use]
    pub fn public(id: impl Into<String>) -> Self {
        Self { id: id.into(), secret: None, authentication: ClientAuthentication::Body }
    }

    /// Returns the same client, which sends its secret in the `Authorization` header.
    #[must_use]
    pub const fn with_basic_authentication(mut self) -> Self {
        self.authentication = ClientAuthentication::Basic;
        self
    }
}

/// The RegisterClient request.
///
/// ```
/// let request = oidc_proto::RegisterClientRequest::new("my-tool").with_scopes(["sso:account:access"]);
/// assert_eq!((request.client_type.as_str(), request.scopes.len()), ("public", 1));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegisterClientRequest {
    /// `clientName`, shown to the person who approves.
    pub client_name: String,
    /// `clientType`; the service accepts only `public`.
    pub client_type: String,
    /// `scopes`; `sso:account:access` is the scope of the portal API. Without scopes there is no refresh token.
    pub scopes: Vec<String>,
    /// `redirectUris`, for the authorization code grant.
    pub redirect_uris: Vec<String>,
    /// `grantTypes`, from [`grant_type`](crate::grant_type); an empty list means the device flow. The service
    /// refuses the device and the authorization code grant in one registration.
    pub grant_types: Vec<String>,
    /// `issuerUrl`: the start URL of the Identity Center instance.
    pub issuer_url: Option<String>,
    /// `entitledApplicationArn`: an application whose entitlements limit the tokens.
    pub entitled_application_arn: Option<String>,
    /// `id_token_signed_response_alg`: the algorithm of the client's ID tokens (OpenID Connect Dynamic Client
    /// Registration §2). Without it a client may assume RS256. AWS's dialect does not have it.
    pub id_token_signed_response_alg: Option<String>,
}

impl RegisterClientRequest {
    /// Creates a request for a public client of this name that uses the device flow.
    #[must_use]
    pub fn new(client_name: impl Into<String>) -> Self {
        Self {
            client_name: client_name.into(),
            client_type: "public".to_owned(),
            scopes: Vec::new(),
            redirect_uris: Vec::new(),
            grant_types: Vec::new(),
            issuer_url: None,
            entitled_application_arn: None,
            id_token_signed_response_alg: None,
        }
    }

    /// Returns the same request with these scopes.
    #[must_use]
    pub fn with_scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }
}

/// The RegisterClient response: a registered client (RFC 7591 §3.2.1, "client information").
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Registration {
    /// The id and secret for later requests.
    pub client: Client,
    /// `clientIdIssuedAt`, if present.
    pub issued_at: Option<UnixSeconds>,
    /// `clientSecretExpiresAt`. AWS grants 90 days. `None`, and 0 on the wire (RFC 7591 §3.2.1), mean no
    /// expiry.
    pub expires_at: Option<UnixSeconds>,
    /// `authorizationEndpoint`. AWS omits it in practice.
    pub authorization_endpoint: Option<String>,
    /// `tokenEndpoint`. AWS omits it in practice.
    pub token_endpoint: Option<String>,
}

impl Registration {
    /// Creates a registration without expiry.
    #[must_use]
    pub const fn new(client: Client) -> Self {
        Self { client, issued_at: None, expires_at: None, authorization_endpoint: None, token_endpoint: None }
    }

    /// Returns the same registration with this expiry.
    #[must_use]
    pub const fn with_expiry(mut self, expires_at: UnixSeconds) -> Self {
        self.expires_at = Some(expires_at);
        self
    }

    /// Returns whether the registration is still valid for `margin` from `now`. A sign-in lasts up to the
    /// device code's life, and a shorter margin risks an expired client midway. AWS's tools use 15 minutes.
    ///
    /// ```
    /// use core::time::Duration;
    /// use oidc_proto::{Client, Registration, Secret, UnixSeconds};
    /// let client = Client::new("id", Secret::from("s"));
    /// let registration = Registration::new(client).with_expiry(UnixSeconds::new(10_000));
    /// assert!(registration.usable_at(UnixSeconds::new(9_000), Duration::from_secs(900)));
    /// assert!(!registration.usable_at(UnixSeconds::new(9_500), Duration::from_secs(900)));
    /// ```
    #[must_use]
    pub fn usable_at(&self, now: UnixSeconds, margin: Duration) -> bool {
        self.expires_at.is_none_or(|end| end.remaining_at(now) > margin)
    }
}

/// The StartDeviceAuthorization request (RFC 8628 §3.1).
///
/// ```
/// use oidc_proto::{Client, Secret, StartDeviceAuthorizationRequest};
/// let client = Client::new("id", Secret::from("secret"));
/// let aws = StartDeviceAuthorizationRequest::new(client, "https://d-1234567890.awsapps.com/start");
/// assert!(aws.scope.is_empty());
/// let oauth = StartDeviceAuthorizationRequest::for_scope(Client::public("id"), ["openid", "email"]);
/// assert_eq!(oauth.start_url, None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StartDeviceAuthorizationRequest {
    /// The registered client.
    pub client: Client,
    /// `startUrl`: the portal's address, for example `https://d-1234567890.awsapps.com/start`. AWS requires
    /// it; the OAuth dialect has none.
    pub start_url: Option<String>,
    /// `scope` of the OAuth dialect. AWS takes scopes at registration.
    pub scope: Vec<String>,
    /// `code_challenge` of the OAuth dialect (RFC 7636 §4.3), always with method S256. The token request must
    /// then carry the matching verifier. AWS has none.
    pub code_challenge: Option<String>,
    /// Additional parameters of the OAuth dialect, in order. A server reads `resource` and `audience`, and
    /// ignores all others (RFC 6749 §3.1).
    pub parameters: Vec<Parameter>,
}

impl StartDeviceAuthorizationRequest {
    /// Creates a request for codes for this client at this portal.
    #[must_use]
    pub fn new(client: Client, start_url: impl Into<String>) -> Self {
        Self { start_url: Some(start_url.into()), ..Self::of(client, Vec::new()) }
    }

    /// Creates a request for codes for this client and these scopes, in the OAuth dialect.
    #[must_use]
    pub fn for_scope<S: Into<String>>(client: Client, scope: impl IntoIterator<Item = S>) -> Self {
        Self::of(client, scope.into_iter().map(Into::into).collect())
    }

    const fn of(client: Client, scope: Vec<String>) -> Self {
        Self { client, start_url: None, scope, code_challenge: None, parameters: Vec::new() }
    }

    /// Returns the same request with this challenge (method S256). `pkce::challenge` computes it from a
    /// verifier.
    ///
    /// ```
    /// use oidc_proto::{Client, Grant, Secret, StartDeviceAuthorizationRequest, pkce};
    /// let verifier = pkce::verifier(&[7; 32]); // of real entropy, and a new one for each request
    /// let request = StartDeviceAuthorizationRequest::for_scope(Client::public("my-tool"), ["openid"])
    ///     .with_code_challenge(pkce::challenge(&verifier));
    /// assert!(pkce::matches(request.code_challenge.as_deref().unwrap_or_default(), &verifier));
    /// let poll = Grant::device_code(Secret::from("dc")).with_code_verifier(verifier);
    /// # assert!(matches!(poll, Grant::DeviceCode { code_verifier: Some(_), .. }));
    /// ```
    #[must_use]
    pub fn with_code_challenge(mut self, challenge: impl Into<String>) -> Self {
        self.code_challenge = Some(challenge.into());
        self
    }

    /// Returns the same request with these additional parameters, in the OAuth dialect.
    ///
    /// ```
    /// use oidc_proto::{Client, Parameter, StartDeviceAuthorizationRequest};
    /// let request = StartDeviceAuthorizationRequest::for_scope(Client::public("my-tool"), ["openid"])
    ///     .with_parameters([Parameter::new("audience", "https://api.example/")?]);
    /// assert_eq!(request.parameters.len(), 1);
    /// # Ok::<(), oidc_proto::ParameterError>(())
    /// ```
    #[must_use]
    pub fn with_parameters(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        self.parameters = parameters.into_iter().collect();
        self
    }
}

/// The StartDeviceAuthorization response (RFC 8628 §3.2).
///
/// `Debug` redacts the user code, alone and inside the complete URI: only the person may see it (RFC 8628
/// §5.5).
///
/// ```
/// use core::time::Duration;
/// use oidc_proto::{DeviceAuthorization, Secret};
/// let ten_minutes = Duration::from_secs(600);
/// let answer = DeviceAuthorization::new(Secret::from("dc"), "WDJB-MJHT", "https://id.example/device", ten_minutes)
///     .with_complete_uri("https://id.example/device?user_code=WDJB-MJHT")
///     .with_interval(Duration::from_secs(1));
/// assert_eq!(answer.interval.unwrap_or(DeviceAuthorization::DEFAULT_INTERVAL), Duration::from_secs(1));
/// assert!(!format!("{answer:?}").contains("WDJB"));
/// ```
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct DeviceAuthorization {
    /// `deviceCode`: a bearer secret of this device (RFC 8628 §5.2), never shown.
    pub device_code: Secret,
    /// `userCode`, to display exactly as received (RFC 8628 §6.1).
    pub user_code: String,
    /// `verificationUri`, to display as text.
    pub verification_uri: String,
    /// `verificationUriComplete`, which contains the code; for a link, a browser or a QR code.
    pub verification_uri_complete: Option<String>,
    /// `expiresIn`: the life of both codes, counted from the response.
    pub expires_in: Duration,
    /// `interval`: the least time between two polls. `None`, if the service sends none, means
    /// [`DeviceAuthorization::DEFAULT_INTERVAL`].
    pub interval: Option<Duration>,
}

impl fmt::Debug for DeviceAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceAuthorization")
            .field("verification_uri", &self.verification_uri)
            .field("expires_in", &self.expires_in)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}

impl DeviceAuthorization {
    /// The interval if the service sends none (RFC 8628 §3.2).
    pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);

    /// Creates a response with the three required members, and no interval or complete URI.
    #[must_use]
    pub fn new(
        device_code: Secret,
        user_code: impl Into<String>,
        verification_uri: impl Into<String>,
        expires_in: Duration,
    ) -> Self {
        Self {
            device_code,
            user_code: user_code.into(),
            verification_uri: verification_uri.into(),
            verification_uri_complete: None,
            expires_in,
            interval: None,
        }
    }

    /// Returns the same response with this interval.
    #[must_use]
    pub const fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// Returns the same response with this complete URI.
    #[must_use]
    pub fn with_complete_uri(mut self, uri: impl Into<String>) -> Self {
        self.verification_uri_complete = Some(uri.into());
        self
    }
}

/// The CreateToken request.
///
/// ```
/// use oidc_proto::{Client, CreateTokenRequest, Grant, Secret};
/// let grant = Grant::RefreshToken { refresh_token: Secret::from("r") };
/// let request = CreateTokenRequest::new(Client::public("my-tool"), grant).with_scope(["openid"]);
/// assert_eq!(request.scope, ["openid"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreateTokenRequest {
    /// The registered client.
    pub client: Client,
    /// The grant.
    pub grant: Grant,
    /// `scope`. AWS documents it as ignored: a token carries the scopes of the registration.
    pub scope: Vec<String>,
    /// Additional parameters of the OAuth dialect, in order. A server reads `resource` and `audience`, and
    /// ignores all others (RFC 6749 §3.2).
    pub parameters: Vec<Parameter>,
}

impl CreateTokenRequest {
    /// Creates a request without `scope`.
    #[must_use]
    pub const fn new(client: Client, grant: Grant) -> Self {
        Self { client, grant, scope: Vec::new(), parameters: Vec::new() }
    }

    /// Returns the same request with these additional parameters, in the OAuth dialect.
    ///
    /// ```
    /// use oidc_proto::{Client, CreateTokenRequest, Grant, Parameter, Secret};
    /// let poll = CreateTokenRequest::new(Client::public("my-tool"), Grant::device_code(Secret::from("dc")))
    ///     .with_parameters([Parameter::new("resource", "https://api.example/")?]);
    /// assert_eq!(poll.parameters.len(), 1);
    /// # Ok::<(), oidc_proto::ParameterError>(())
    /// ```
    #[must_use]
    pub fn with_parameters(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        self.parameters = parameters.into_iter().collect();
        self
    }

    /// Returns the same request with this `scope`.
    #[must_use]
    pub fn with_scope<S: Into<String>>(mut self, scope: impl IntoIterator<Item = S>) -> Self {
        self.scope = scope.into_iter().map(Into::into).collect();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_authorization_prints_where_to_go_and_none_of_its_codes() {
        let authorization = DeviceAuthorization::new(
            Secret::from("dc"),
            "WDJB-MJHT",
            "https://id.example/d",
            Duration::from_secs(600),
        )
        .with_complete_uri("https://id.example/d?user_code=WDJB-MJHT");
        let shown = format!("{authorization:?}");
        assert!(shown.contains("https://id.example/d\"") && shown.contains("600s"), "{shown}");
        assert!(!shown.contains("WDJB") && !shown.contains("dc"), "{shown}");
    }

    #[test]
    fn a_registration_is_usable_only_with_more_than_the_margin_left() {
        let margin = Duration::from_secs(900);
        let client = Client::new("id", Secret::from("s"));
        let registration = Registration::new(client.clone()).with_expiry(UnixSeconds::new(10_000));
        assert!(registration.usable_at(UnixSeconds::new(9_099), margin));
        assert!(!registration.usable_at(UnixSeconds::new(9_100), margin));
        assert!(Registration::new(client).usable_at(UnixSeconds::new(i64::MAX), margin));
    }
}

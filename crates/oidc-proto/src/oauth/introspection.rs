//! Token introspection (RFC 7662).

use http::{HeaderMap, Response, StatusCode};
use serde::Serialize;

use super::form::Parameters;
use super::{TokenTypeHint, client};
use crate::{Body, Client, Fault, Secret, UnixSeconds, json};

/// A request about the state of a token (RFC 7662 §2.1).
///
/// ```
/// use oidc_proto::oauth::{IntrospectionRequest, TokenTypeHint};
/// use oidc_proto::{Client, Secret};
/// let ask = IntrospectionRequest::access_token(Client::public("my-tool"), Secret::from("a"));
/// assert_eq!(ask.hint, Some(TokenTypeHint::AccessToken));
/// let ask = IntrospectionRequest::refresh_token(Client::public("my-tool"), Secret::from("r"));
/// assert_eq!(ask.hint, Some(TokenTypeHint::RefreshToken));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IntrospectionRequest {
    /// The client that asks.
    pub client: Client,
    /// The token.
    pub token: Secret,
    /// The type of the token, if the client knows it. It says where to look first, and decides nothing.
    pub hint: Option<TokenTypeHint>,
}

impl IntrospectionRequest {
    /// Creates a request about an access token.
    #[must_use]
    pub const fn access_token(client: Client, token: Secret) -> Self {
        Self { client, token, hint: Some(TokenTypeHint::AccessToken) }
    }

    /// Creates a request about a refresh token.
    #[must_use]
    pub const fn refresh_token(client: Client, token: Secret) -> Self {
        Self { client, token, hint: Some(TokenTypeHint::RefreshToken) }
    }

    /// Server side: decodes the request with these headers and this body. The client authenticates as at the token
    /// endpoint.
    ///
    /// ```
    /// use oidc_proto::FaultCode;
    /// use oidc_proto::oauth::{IntrospectionRequest, TokenTypeHint};
    /// # let form = http::HeaderValue::from_static("application/x-www-form-urlencoded");
    /// let headers = http::HeaderMap::from_iter([(http::header::CONTENT_TYPE, form)]);
    /// let body = b"client_id=my-tool&token=r&token_type_hint=refresh_token";
    /// let request = IntrospectionRequest::decode_request(&headers, body)?;
    /// assert_eq!((request.token.expose(), request.hint), ("r", Some(TokenTypeHint::RefreshToken)));
    /// let fault = IntrospectionRequest::decode_request(&headers, b"client_id=my-tool").unwrap_err();
    /// assert_eq!(fault.code, FaultCode::InvalidRequest);
    /// # Ok::<(), oidc_proto::Fault>(())
    /// ```
    ///
    /// # Errors
    /// Returns the fault to send.
    pub fn decode_request(headers: &HeaderMap, body: &[u8]) -> Result<Self, Fault> {
        let parameters = Parameters::read(headers, body)?;
        let hint = TokenTypeHint::named(parameters.get("token_type_hint"));
        let token = Secret::from(parameters.required("token")?);
        Ok(Self { client: client::read(headers, &parameters)?, token, hint })
    }
}

/// The state of a token (RFC 7662 §2.2).
///
/// ```
/// use oidc_proto::UnixSeconds;
/// use oidc_proto::oauth::{ActiveToken, Introspection};
///
/// assert_eq!(Introspection::Inactive.encode().body().as_ref(), br#"{"active":false}"#);
/// let mut token = ActiveToken::new("my-tool", UnixSeconds::new(1_700_000_000));
/// token.scope = vec!["openid".to_owned()];
/// token.subject = Some("person".to_owned());
/// let json = r#"{"active":true,"scope":"openid","client_id":"my-tool","exp":1700000000,"sub":"person"}"#;
/// assert_eq!(Introspection::Active(token).encode().body().as_ref(), json.as_bytes());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the standard has these two answers, and a server gives one of them"
)]
pub enum Introspection {
    /// The token is unknown, has ended, or belongs to another client. Nothing tells these apart (§2.2).
    Inactive,
    /// The token is valid.
    Active(ActiveToken),
}

/// The properties of a valid token (RFC 7662 §2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActiveToken {
    /// `scope`: the scopes of the token.
    pub scope: Vec<String>,
    /// `client_id`: the client that the token was issued to.
    pub client_id: String,
    /// `token_type`: the way of its use (RFC 6749 §7.1). A refresh token has none.
    pub token_type: Option<String>,
    /// `exp`: the expiry.
    pub expires_at: UnixSeconds,
    /// `sub`: the person who approved.
    pub subject: Option<String>,
    /// `iss`: the issuer.
    pub issuer: Option<String>,
}

impl ActiveToken {
    /// Creates the properties of a token of this client without scopes.
    #[must_use]
    pub fn new(client_id: impl Into<String>, expires_at: UnixSeconds) -> Self {
        Self {
            scope: Vec::new(),
            client_id: client_id.into(),
            token_type: None,
            expires_at,
            subject: None,
            issuer: None,
        }
    }
}

#[derive(Default, Serialize)]
struct Members<'a> {
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
}

impl Introspection {
    /// Server side: encodes the response.
    #[must_use]
    pub fn encode(&self) -> Response<Body> {
        let members = match self {
            Self::Inactive => Members::default(),
            Self::Active(token) => Members {
                active: true,
                scope: (!token.scope.is_empty()).then(|| token.scope.join(" ")),
                client_id: Some(&token.client_id),
                token_type: token.token_type.as_deref(),
                exp: Some(token.expires_at.get()),
                sub: token.subject.as_deref(),
                iss: token.issuer.as_deref(),
            },
        };
        json::response(StatusCode::OK, json::to_vec(&members))
    }
}

//! Token revocation (RFC 7009).

use http::{HeaderMap, Response};

use super::client;
use super::form::{Form, Parameters};
use super::request::payload;
use crate::decode;
use crate::{Answer, Client, Dialect, Fault, Operation, Request, Secret, Service};

/// A request to revoke a token (RFC 7009 §2.1). A success means that the token is now invalid, or always was
/// (§2.2).
///
/// ```
/// use oidc_proto::oauth::{Provider, RevocationRequest};
/// use oidc_proto::{Answer, Client, Secret};
///
/// let client = Client::public("my-tool");
/// let provider = Provider::new("https://id.example/device", "https://id.example/token")?;
/// let revoke = RevocationRequest::access_token(client.clone(), Secret::from("a"));
/// assert!(revoke.encode(&provider.clone().into()).is_none()); // it has no revocation endpoint
///
/// let provider = provider.with_revocation("https://id.example/revoke")?;
/// let revoke = RevocationRequest::refresh_token(client, Secret::from("r"));
/// let request = revoke.encode(&provider.into()).ok_or("it has one now")?;
/// assert_eq!(request.uri(), "https://id.example/revoke");
/// assert_eq!(RevocationRequest::decode(&http::Response::new("")), Answer::Success(()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RevocationRequest {
    /// The client that the token was issued to.
    pub client: Client,
    /// The token.
    pub token: Secret,
    /// The type of the token, if known.
    pub hint: Option<TokenTypeHint>,
}

/// `token_type_hint`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenTypeHint {
    /// `access_token`.
    AccessToken,
    /// `refresh_token`.
    RefreshToken,
}

impl TokenTypeHint {
    /// Returns the hint of this name. An unknown one is ignored (RFC 7009 §2.2.1 and RFC 7662 §2.1 permit that).
    pub(super) fn named(name: Option<&str>) -> Option<Self> {
        [Self::AccessToken, Self::RefreshToken].into_iter().find(|hint| name == Some(hint.name()))
    }

    const fn name(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::RefreshToken => "refresh_token",
        }
    }
}

impl RevocationRequest {
    /// Creates a request to revoke a refresh token and the tokens issued from it (§2.1).
    #[must_use]
    pub const fn refresh_token(client: Client, token: Secret) -> Self {
        Self { client, token, hint: Some(TokenTypeHint::RefreshToken) }
    }

    /// Creates a request to revoke an access token.
    #[must_use]
    pub const fn access_token(client: Client, token: Secret) -> Self {
        Self { client, token, hint: Some(TokenTypeHint::AccessToken) }
    }

    /// Encodes the request; `None` if the service has no revocation endpoint.
    #[must_use]
    pub fn encode(&self, service: &Service) -> Option<Request> {
        let mut form = Form::new();
        form.add("token", self.token.expose());
        form.add_some("token_type_hint", self.hint.map(TokenTypeHint::name));
        service.request(Operation::RevokeToken, payload(&self.client, form))
    }

    /// Decodes the response. Any 2xx is success, whatever its body (§2.2). A 503 is indeterminate: the token
    /// must be assumed valid (§2.2.1).
    pub fn decode<B: AsRef<[u8]>>(response: &Response<B>) -> Answer<()> {
        decode::bare_answer(Dialect::OAuth, response)
    }

    /// Server side: decodes the request with these headers and this body.
    ///
    /// ```
    /// use oidc_proto::FaultCode;
    /// use oidc_proto::oauth::RevocationRequest;
    /// # let form = http::HeaderValue::from_static("application/x-www-form-urlencoded");
    /// let headers = http::HeaderMap::from_iter([(http::header::CONTENT_TYPE, form)]);
    /// let request = RevocationRequest::decode_request(&headers, b"client_id=my-tool&token=r")?;
    /// assert_eq!(request.token.expose(), "r");
    /// let fault = RevocationRequest::decode_request(&headers, b"client_id=my-tool").unwrap_err();
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

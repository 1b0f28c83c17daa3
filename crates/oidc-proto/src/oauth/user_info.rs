//! The UserInfo response (OpenID Connect Core §5.3.2).

use http::{Response, StatusCode};
use serde::Serialize;

use crate::{Body, json};

/// The claims about a person at the UserInfo endpoint (OpenID Connect Core §5.3.2).
///
/// ```
/// use oidc_proto::oauth::UserInfo;
/// let response = UserInfo::new("248289761001").encode();
/// assert_eq!(response.headers()["content-type"], "application/json");
/// assert_eq!(response.body().as_ref(), br#"{"sub":"248289761001"}"#); // nothing is null (§5.3.2)
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UserInfo {
    /// `sub`: the person, the same as in the ID token. Every response has it.
    #[serde(rename = "sub")]
    pub subject: String,
    /// `name`: the full name, for the scope `profile` (§5.4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `email`: the e-mail address, for the scope `email` (§5.4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

impl UserInfo {
    /// Creates the claims of a person about whom nothing else is known, or asked.
    #[must_use]
    pub fn new(subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), name: None, email: None }
    }

    /// Server side: encodes the response.
    #[must_use]
    pub fn encode(&self) -> Response<Body> {
        json::response(StatusCode::OK, json::to_vec(self))
    }
}

//! The token response's contents.

use core::fmt;
use core::time::Duration;

use crate::{InvalidResponseKind, Secret};

/// The CreateToken response (RFC 6749 §5.1).
///
/// ```
/// use core::time::Duration;
/// use oidc_proto::{Secret, Token};
/// let old = Secret::from("old refresh token");
/// let fresh = Token::bearer(Secret::from("access"), Duration::from_secs(3600));
/// assert_eq!(fresh.clone().keeping_refresh_token(&old).refresh_token, Some(old.clone()));
/// let rotated = fresh.with_refresh_token(Secret::from("new")).keeping_refresh_token(&old);
/// assert_eq!(rotated.refresh_token, Some(Secret::from("new")));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Token {
    /// `accessToken`.
    pub access_token: Secret,
    /// `tokenType`; `Bearer` with AWS, or if it is missing or unreadable. Compare without regard to case (RFC
    /// 6749 §7.1).
    pub token_type: String,
    /// `expiresIn`: the access token's life, counted from the response; never zero. AWS always sends it. RFC
    /// 6749 §5.1 only recommends it, and `None` says nothing about the life.
    pub expires_in: Option<Duration>,
    /// `refreshToken`. AWS sends it if the registration has scopes.
    pub refresh_token: Option<Secret>,
    /// `idToken`; AWS documents it as not implemented for CreateToken.
    pub id_token: Option<Secret>,
    /// `scope` of the OAuth dialect, if present: the granted scopes, which may differ from the requested ones
    /// (RFC 6749 §3.3). If absent, the requested scopes were granted.
    pub scope: Option<Vec<String>>,
    /// The missing or unreadable members. The token is still valid: its code or refresh token is spent, so
    /// nothing is discarded.
    #[cfg_attr(feature = "serde", serde(default, deserialize_with = "kept::warnings"))]
    pub warnings: Vec<TokenWarning>,
    /// The provider's extensions in the OAuth dialect, as a JSON object: the members that no standard
    /// response has, in the provider's spelling. They may be secret.
    ///
    /// ```
    /// use oidc_proto::{Answer, CreateTokenRequest, Dialect, Secret};
    /// let body = r#"{"access_token":"t","token_type":"Bearer","instance_url":"https://eu7.example"}"#;
    /// let answer = Dialect::OAuth.decode::<CreateTokenRequest, _>(&http::Response::new(body));
    /// let Answer::Success(token) = answer else { panic!("a token") };
    /// assert_eq!(token.extra, Some(Secret::from(r#"{"instance_url":"https://eu7.example"}"#)));
    /// ```
    pub extra: Option<Secret>,
}

/// A missing or unreadable member beside the access token, and its consequence.
///
/// ```
/// use oidc_proto::{Answer, CreateTokenRequest, Dialect};
///
/// let response = http::Response::new(r#"{"access_token":"t","expires_in":0}"#);
/// let Answer::Success(token) = Dialect::OAuth.decode::<CreateTokenRequest, _>(&response) else { panic!("a token") };
/// assert_eq!((token.token_type.as_str(), token.expires_in), ("Bearer", None));
/// let texts: Vec<String> = token.warnings.iter().map(ToString::to_string).collect();
/// assert_eq!(texts, [
///     "`token_type` is missing, so Bearer is assumed",
///     "`expires_in` is out of range, so the token's lifetime is unknown",
/// ]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct TokenWarning {
    /// The member's name on the wire, for example `expires_in` or `expiresIn`.
    pub member: &'static str,
    /// The kind of error.
    pub kind: InvalidResponseKind,
}

impl fmt::Display for TokenWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let consequence = match self.member {
            "token_type" | "tokenType" => "Bearer is assumed",
            "expires_in" | "expiresIn" => "the token's lifetime is unknown",
            _ => "it is ignored",
        };
        write!(f, "`{}` {}, so {consequence}", self.member, self.kind)
    }
}

impl Token {
    /// Creates a bearer token without a refresh token.
    #[must_use]
    pub fn bearer(access_token: Secret, expires_in: Duration) -> Self {
        Self {
            access_token,
            token_type: "Bearer".to_owned(),
            expires_in: Some(expires_in),
            refresh_token: None,
            id_token: None,
            scope: None,
            warnings: Vec::new(),
            extra: None,
        }
    }

    /// Returns the same token with this refresh token.
    #[must_use]
    pub fn with_refresh_token(mut self, refresh_token: Secret) -> Self {
        self.refresh_token = Some(refresh_token);
        self
    }

    /// Applies the rule of a refresh (RFC 6749 §6): a new refresh token replaces the old one. Without a new
    /// one the old one stays valid.
    #[must_use]
    pub fn keeping_refresh_token(mut self, old: &Secret) -> Self {
        if self.refresh_token.is_none() {
            self.refresh_token = Some(old.clone());
        }
        self
    }
}

/// Deserialization of a stored token.
#[cfg(feature = "serde")]
mod kept {
    use serde::de::value::{Error as Unknown, StrDeserializer};
    use serde::{Deserialize, Deserializer};

    use super::TokenWarning;
    use crate::InvalidResponseKind;

    /// The members that a warning may name.
    const MEMBERS: [&str; 10] = [
        "token_type",
        "tokenType",
        "expires_in",
        "expiresIn",
        "refresh_token",
        "refreshToken",
        "id_token",
        "idToken",
        "scope",
        "access_token",
    ];

    /// Reads the warnings. An unknown one is skipped, because the token matters more.
    pub(super) fn warnings<'de, D: Deserializer<'de>>(text: D) -> Result<Vec<TokenWarning>, D::Error> {
        #[derive(Deserialize)]
        struct Kept {
            member: String,
            kind: String,
        }
        let known = |kept: Kept| {
            let member = MEMBERS.into_iter().find(|name| *name == kept.member)?;
            let kind = StrDeserializer::<Unknown>::new(&kept.kind);
            Some(TokenWarning { member, kind: InvalidResponseKind::deserialize(kind).ok()? })
        };
        Ok(Vec::<Kept>::deserialize(text)?.into_iter().filter_map(known).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_answer_without_a_refresh_token_keeps_the_old_one() {
        let old = Secret::from("old");
        let fresh = Token::bearer(Secret::from("a"), Duration::from_secs(1));
        assert_eq!(fresh.clone().keeping_refresh_token(&old).refresh_token, Some(Secret::from("old")));
        let rotated = fresh.with_refresh_token(Secret::from("new"));
        assert_eq!(rotated.keeping_refresh_token(&old).refresh_token, Some(Secret::from("new")));
    }
}

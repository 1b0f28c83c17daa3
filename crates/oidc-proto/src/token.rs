//! The token, which all of this is about.

use core::fmt;
use core::time::Duration;

use crate::{Secret, ViolationKind};

/// CreateToken's answer (RFC 6749 §5.1).
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
    /// `tokenType`; `Bearer` with AWS, and when the service says none that can be read. Compared without regard to
    /// case (RFC 6749 §7.1).
    pub token_type: String,
    /// `expiresIn`: the access token's life, counted from when the answer was made; never zero. AWS always says it.
    /// Elsewhere it may be absent (RFC 6749 §5.1 only recommends it), which says nothing about the token's life.
    pub expires_in: Option<Duration>,
    /// `refreshToken`, if the registration has scopes.
    pub refresh_token: Option<Secret>,
    /// `idToken`; AWS documents it as not implemented for CreateToken.
    pub id_token: Option<Secret>,
    /// `scope` of the OAuth dialect, if the service says: what was granted, which may be less or other than what was
    /// asked for (RFC 6749 §3.3). Without it, what was asked for was granted.
    pub scope: Option<Vec<String>>,
    /// The members that should have been there or could not be read. The token is good all the same: its code or
    /// refresh token is spent, so nothing of it is thrown away.
    #[cfg_attr(feature = "serde", serde(default, deserialize_with = "kept::warnings"))]
    pub warnings: Vec<TokenWarning>,
    /// What the provider added in the OAuth dialect: the text of a JSON object with the members that the standards know from no
    /// answer, as the provider wrote them. `None` if there are none. They may be secret.
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

/// A member beside the access token that is not as it should be, and what that means.
///
/// ```
/// use oidc_proto::{Answer, CreateTokenRequest, Dialect};
///
/// let response = http::Response::new(r#"{"access_token":"t","expires_in":0}"#);
/// let Answer::Success(token) = Dialect::OAuth.decode::<CreateTokenRequest, _>(&response) else { panic!("a token") };
/// assert_eq!((token.token_type.as_str(), token.expires_in), ("Bearer", None));
/// let texts: Vec<String> = token.warnings.iter().map(ToString::to_string).collect();
/// assert_eq!(texts, [
///     "`token_type` is missing, so it counts as Bearer",
///     "`expires_in` is out of range, so the token's life is not known",
/// ]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct TokenWarning {
    /// The member's name on the wire, for example `expires_in` or `expiresIn`.
    pub member: &'static str,
    /// What is wrong with it.
    pub kind: ViolationKind,
}

impl fmt::Display for TokenWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let consequence = match self.member {
            "token_type" | "tokenType" => "it counts as Bearer",
            "expires_in" | "expiresIn" => "the token's life is not known",
            _ => "it is left out",
        };
        write!(f, "`{}` {}, so {consequence}", self.member, self.kind)
    }
}

impl Token {
    /// A bearer token with no refresh token.
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

    /// The same token with this refresh token.
    #[must_use]
    pub fn with_refresh_token(mut self, refresh_token: Secret) -> Self {
        self.refresh_token = Some(refresh_token);
        self
    }

    /// The pure rule of a refresh (RFC 6749 §6): a new refresh token replaces the old one, and an answer without
    /// one leaves the old one in force.
    #[must_use]
    pub fn keeping_refresh_token(mut self, old: &Secret) -> Self {
        if self.refresh_token.is_none() {
            self.refresh_token = Some(old.clone());
        }
        self
    }
}

/// Reading what was kept.
#[cfg(feature = "serde")]
mod kept {
    use serde::de::value::{Error as Unknown, StrDeserializer};
    use serde::{Deserialize, Deserializer};

    use super::TokenWarning;
    use crate::ViolationKind;

    /// The members that a warning can be about.
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

    /// A warning that this version does not know is left out, because the token matters more.
    pub(super) fn warnings<'de, D: Deserializer<'de>>(text: D) -> Result<Vec<TokenWarning>, D::Error> {
        #[derive(Deserialize)]
        struct Kept {
            member: String,
            kind: String,
        }
        let known = |kept: Kept| {
            let member = MEMBERS.into_iter().find(|name| *name == kept.member)?;
            let kind = StrDeserializer::<Unknown>::new(&kept.kind);
            Some(TokenWarning { member, kind: ViolationKind::deserialize(kind).ok()? })
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

//! The use of an access token at a resource (RFC 6750).

use http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use http::{HeaderMap, Response, StatusCode};
use serde::Serialize;

use crate::{Body, Secret, json};

/// The reason why a resource refuses a request (RFC 6750 §3.1).
///
/// ```
/// use http::header::WWW_AUTHENTICATE;
/// use oidc_proto::oauth::BearerError;
///
/// let refused = BearerError::InvalidToken.encode();
/// assert_eq!(refused.status(), 401);
/// assert!(refused.headers()[WWW_AUTHENTICATE].to_str()?.contains(r#"error="invalid_token""#));
/// let narrow = BearerError::InsufficientScope("openid").encode();
/// assert_eq!(narrow.status(), 403);
/// assert!(narrow.headers()[WWW_AUTHENTICATE].to_str()?.ends_with(r#"scope="openid""#));
/// // A client that shows no token learns only how to show one.
/// assert_eq!(BearerError::NoToken.encode().headers()[WWW_AUTHENTICATE], r#"Bearer realm="userinfo endpoint""#);
/// # Ok::<(), http::header::ToStrError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BearerError {
    /// The request has no token.
    #[error("the request has no access token in its Authorization header")]
    NoToken,
    /// The `Authorization` header occurs twice, or has no valid token.
    #[error("the Authorization header is not a valid Bearer token")]
    InvalidRequest,
    /// The token is unknown, has expired, or was revoked.
    #[error("the access token is unknown, has expired, or was revoked")]
    InvalidToken,
    /// The token lacks this scope.
    #[error("the access token lacks the scope {0}")]
    InsufficientScope(&'static str),
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'a str,
    error_description: String,
}

impl BearerError {
    /// Returns the error code of the standard; `None` for a request without a token, which gets none (§3.1).
    ///
    /// ```
    /// use oidc_proto::oauth::BearerError;
    /// assert_eq!(BearerError::InsufficientScope("openid").code(), Some("insufficient_scope"));
    /// assert_eq!(BearerError::NoToken.code(), None);
    /// ```
    #[must_use]
    pub const fn code(self) -> Option<&'static str> {
        match self {
            Self::NoToken => None,
            Self::InvalidRequest => Some("invalid_request"),
            Self::InvalidToken => Some("invalid_token"),
            Self::InsufficientScope(_) => Some("insufficient_scope"),
        }
    }

    /// Server side: encodes the response, with the challenge of §3. The body repeats it as JSON.
    #[must_use]
    pub fn encode(self) -> Response<Body> {
        const REALM: &str = "Bearer realm=\"userinfo endpoint\"";
        let status = match self {
            Self::NoToken | Self::InvalidToken => StatusCode::UNAUTHORIZED,
            Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::InsufficientScope(_) => StatusCode::FORBIDDEN,
        };
        let scope = match self {
            Self::InsufficientScope(scope) => format!(", scope=\"{scope}\""),
            Self::NoToken | Self::InvalidRequest | Self::InvalidToken => String::new(),
        };
        let (challenge, body) = match self.code() {
            None => (REALM.to_owned(), Vec::new()),
            Some(error) => {
                let body = json::fault_to_vec(&ErrorBody { error, error_description: self.to_string() });
                (format!("{REALM}, error=\"{error}\", error_description=\"{self}\"{scope}"), body)
            }
        };
        let mut response = json::response(status, body);
        if let Ok(challenge) = HeaderValue::from_str(&challenge) {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        if self == Self::NoToken {
            response.headers_mut().remove(http::header::CONTENT_TYPE);
        }
        response
    }
}

/// Server side: returns the access token of a request, from its `Authorization` header (RFC 6750 §2.1). The other two
/// places of a token are not read: a form's parameter is optional (§2.2), and a query ends in logs (§2.3).
///
/// ```
/// use http::header::{AUTHORIZATION, HeaderValue};
/// use oidc_proto::oauth::{BearerError, bearer_token};
/// let mut headers = http::HeaderMap::new();
/// assert_eq!(bearer_token(&headers), Err(BearerError::NoToken));
/// headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer mF_9.B5f-4.1JqM"));
/// assert_eq!(bearer_token(&headers)?.expose(), "mF_9.B5f-4.1JqM");
/// headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer another"));
/// assert_eq!(bearer_token(&headers), Err(BearerError::InvalidRequest));
/// # Ok::<(), BearerError>(())
/// ```
///
/// # Errors
/// [`BearerError::NoToken`] for no token, or credentials of another scheme. [`BearerError::InvalidRequest`] for two
/// headers, or a text that no token can have.
pub fn bearer_token(headers: &HeaderMap) -> Result<Secret, BearerError> {
    let mut shown = headers.get_all(AUTHORIZATION).iter();
    let header = shown.next().ok_or(BearerError::NoToken)?;
    if shown.next().is_some() {
        return Err(BearerError::InvalidRequest);
    }
    let header = header.to_str().map_err(|_| BearerError::InvalidRequest)?;
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(BearerError::NoToken);
    }
    let token = token.trim_matches(' ');
    if token.is_empty() || !token.bytes().all(is_of_a_token) {
        return Err(BearerError::InvalidRequest);
    }
    Ok(Secret::from(token))
}

/// Returns whether a token may have this character (RFC 6750 §2.1, `b64token`).
const fn is_of_a_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<Secret, BearerError> {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        bearer_token(&HeaderMap::from_iter([(AUTHORIZATION, value)]))
    }

    #[test]
    fn the_scheme_has_any_case_and_another_scheme_shows_no_token() {
        assert_eq!(read("bEaReR a.b-c_d~e+f/g=="), Ok(Secret::from("a.b-c_d~e+f/g==")));
        assert_eq!(read("Bearer   a "), Ok(Secret::from("a")));
        for other in ["Basic aWQ6c2VjcmV0", "", "Bearerx a", "DPoP a"] {
            assert_eq!(read(other), Err(BearerError::NoToken), "{other:?}");
        }
    }

    #[test]
    fn a_text_that_is_no_token_is_an_invalid_request_and_is_not_quoted() {
        for bad in [
            "Bearer",
            "Bearer ",
            "Bearer hunter2 hunter2",
            "Bearer hunter2,",
            "Bearer \"hunter2\"",
            "Bearer hünter2",
        ] {
            let error = read(bad).unwrap_err();
            assert_eq!(error, BearerError::InvalidRequest, "{bad:?}");
            let response = error.encode();
            let said = format!("{error}{error:?}{:?}{:?}", response.headers(), response.body());
            assert!(response.status() == 400 && !said.contains("nter2"), "{said}");
        }
    }

    #[test]
    fn a_request_without_a_token_gets_a_challenge_and_no_error() {
        let response = BearerError::NoToken.encode();
        assert!(response.body().bytes().is_empty() && response.status() == 401);
        assert!(!response.headers().contains_key("content-type"));
    }
}

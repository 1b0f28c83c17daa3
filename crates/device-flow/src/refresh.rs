//! Refreshing a token: the request, and the time when it is due.

use core::time::Duration;

use oidc_proto::{Client, CreateTokenRequest, Grant, Secret, UnixSeconds};

/// Creates the request that refreshes a token (RFC 6749 §6). Send it at most once for each refresh token
/// while its response is outstanding. A service that rotates refresh tokens may treat a second one as theft
/// (RFC 9700 §4.14.2).
///
/// Apply [`Token::keeping_refresh_token`](oidc_proto::Token::keeping_refresh_token) to the response, and
/// store the result before using it.
///
/// ```
/// use core::time::Duration;
/// use device_flow::refresh_request;
/// use oidc_proto::{Client, Secret, Token, grant_type};
///
/// let old = Secret::from("old");
/// let request = refresh_request(Client::new("id", Secret::from("secret")), old.clone());
/// assert_eq!(request.grant.grant_type(), grant_type::REFRESH_TOKEN);
/// // What the service answers may have a new refresh token, or none:
/// let answer = Token::bearer(Secret::from("access"), Duration::from_secs(3600));
/// assert_eq!(answer.keeping_refresh_token(&old).refresh_token, Some(old));
/// ```
#[must_use]
pub fn refresh_request(client: Client, refresh_token: Secret) -> CreateTokenRequest {
    CreateTokenRequest::new(client, Grant::RefreshToken { refresh_token })
}

/// Returns whether a token that expires at `expires_at` should be refreshed now, with this margin. AWS's
/// tools use five to fifteen minutes.
///
/// ```
/// use core::time::Duration;
/// use device_flow::refresh_is_due;
/// use oidc_proto::UnixSeconds;
///
/// let expires_at = UnixSeconds::new(10_000);
/// let margin = Duration::from_secs(300);
/// assert!(!refresh_is_due(expires_at, UnixSeconds::new(9_699), margin));
/// assert!(refresh_is_due(expires_at, UnixSeconds::new(9_700), margin));
/// ```
#[must_use]
pub fn refresh_is_due(expires_at: UnixSeconds, now: UnixSeconds, margin: Duration) -> bool {
    expires_at.remaining_at(now) <= margin
}

//! Refreshing a token: one request, and one pure rule each for when it is due and what to keep.

use core::time::Duration;

use oidc_proto::{Client, CreateTokenRequest, Grant, Secret, UnixSeconds};

/// The request that refreshes (RFC 6749 §6). It is sent at most once for each refresh token while its answer is out:
/// a service that rotates refresh tokens may treat a second one as theft (RFC 9700 §4.14.2).
///
/// Apply [`Token::keeping_refresh_token`](oidc_proto::Token::keeping_refresh_token) to the answer, and store the
/// result before using it.
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

/// Whether a token that dies at `expires_at` should be refreshed by now, with this margin before its end. AWS's tools
/// use five to fifteen minutes.
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

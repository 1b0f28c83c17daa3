//! The identity of a grant: which code or token a request presents. The secret itself is not kept.

use http::HeaderMap;
use oidc_proto::{Dialect, Grant, Operation, ServerRequest};
use sha2::{Digest as _, Sha256};

/// The digest of a device code, an authorization code or a refresh token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct GrantId([u8; 32]);

impl GrantId {
    /// Returns the grant of a CreateToken request in this dialect; `None` if it has none that can be read.
    pub(crate) fn of_request(dialect: Dialect, headers: &HeaderMap, body: &[u8]) -> Option<Self> {
        match dialect.decode_http_request(Operation::CreateToken, headers, body).ok()? {
            ServerRequest::CreateToken(request) => Self::of(&request.grant),
            _ => None,
        }
    }

    /// Returns the identity of this grant.
    pub(crate) fn of(grant: &Grant) -> Option<Self> {
        let secret = match grant {
            Grant::DeviceCode { device_code, .. } => device_code,
            Grant::AuthorizationCode { code, .. } => code,
            Grant::RefreshToken { refresh_token } => refresh_token,
            _ => return None,
        };
        Some(Self(Sha256::digest(secret.expose()).into()))
    }
}

//! The identity of a grant: which code or token a request presents. The secret itself is not kept.

use core::time::Duration;

use http::HeaderMap;
use oidc_proto::{Dialect, Grant, Operation, ServerRequest};
use sha2::{Digest as _, Sha256};

/// The digest of a device code, an authorization code or a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct GrantId([u8; 32]);

/// The kind of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrantKind {
    Device,
    Code,
    Refresh,
}

/// The code or token of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Presented {
    pub(crate) kind: GrantKind,
    pub(crate) id: GrantId,
    /// Whether a refresh token has a successor after its use.
    pub(crate) rotates: bool,
    /// The least time between two polls of a device.
    pub(crate) interval: Duration,
}

impl GrantId {
    /// Returns the grant of a CreateToken request in this dialect; `None` if it has none that can be read.
    pub(crate) fn of_request(
        dialect: Dialect,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Option<(GrantKind, Self)> {
        match dialect.decode_http_request(Operation::CreateToken, headers, body).ok()? {
            ServerRequest::CreateToken(request) => Self::of(&request.grant),
            _ => None,
        }
    }

    fn of(grant: &Grant) -> Option<(GrantKind, Self)> {
        let (kind, secret) = match grant {
            Grant::DeviceCode { device_code, .. } => (GrantKind::Device, device_code),
            Grant::AuthorizationCode { code, .. } => (GrantKind::Code, code),
            Grant::RefreshToken { refresh_token } => (GrantKind::Refresh, refresh_token),
            _ => return None,
        };
        Some((kind, Self(Sha256::digest(secret.expose()).into())))
    }

    /// Returns the identity of this code or token.
    #[cfg(feature = "script")]
    pub(crate) fn of_secret(secret: &oidc_proto::Secret) -> Self {
        Self(Sha256::digest(secret.expose()).into())
    }

    #[cfg(test)]
    pub(crate) fn of_text(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }
}

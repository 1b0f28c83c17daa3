//! The grants that a client exchanges for tokens.

use crate::Secret;

/// The scope of AWS's portal API: accounts, roles and their credentials. A registration with a scope gets
/// refresh tokens.
pub const SSO_ACCOUNT_ACCESS: &str = "sso:account:access";

/// The values of `grant_type`.
pub mod grant_type {
    /// The device authorization grant (RFC 8628 §3.4).
    pub const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
    /// The authorization code grant (RFC 6749 §4.1.3).
    pub const AUTHORIZATION_CODE: &str = "authorization_code";
    /// The refresh of an access token (RFC 6749 §6).
    pub const REFRESH_TOKEN: &str = "refresh_token";
}

/// A grant that a client exchanges for tokens. On the wire the members of all grants are in one object; here
/// each grant has its own.
///
/// ```
/// use oidc_proto::{Grant, Secret, grant_type};
/// let grant = Grant::RefreshToken { refresh_token: Secret::from("r") };
/// assert_eq!(grant.grant_type(), grant_type::REFRESH_TOKEN);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Grant {
    /// A device code, which a person approves on another device (RFC 8628 §3.4).
    DeviceCode {
        /// `deviceCode`.
        device_code: Secret,
        /// `code_verifier` of the OAuth dialect (RFC 7636 §4.5), if the device authorization request had a
        /// challenge. AWS supports none with this grant.
        code_verifier: Option<Secret>,
    },
    /// An authorization code from a redirect (RFC 6749 §4.1.3).
    AuthorizationCode {
        /// `code`.
        code: Secret,
        /// `redirectUri`, exactly as sent to the authorization endpoint, port included.
        redirect_uri: Option<String>,
        /// `codeVerifier` (RFC 7636 §4.5).
        code_verifier: Option<Secret>,
    },
    /// A refresh token (RFC 6749 §6).
    RefreshToken {
        /// `refreshToken`.
        refresh_token: Secret,
    },
}

impl Grant {
    /// Creates a device code grant without a verifier.
    ///
    /// ```
    /// use oidc_proto::{Grant, Secret};
    /// let device_code = Secret::from("dc");
    /// let grant = Grant::device_code(device_code.clone());
    /// assert_eq!(grant, Grant::DeviceCode { device_code, code_verifier: None });
    /// ```
    #[must_use]
    pub const fn device_code(device_code: Secret) -> Self {
        Self::DeviceCode { device_code, code_verifier: None }
    }

    /// Returns the same grant with this verifier (RFC 7636 §4.5). A refresh token has none and stays
    /// unchanged.
    ///
    /// ```
    /// use oidc_proto::{Grant, Secret};
    /// let verifier = Secret::from("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    /// let grant = Grant::device_code(Secret::from("dc")).with_code_verifier(verifier.clone());
    /// assert_eq!(grant, Grant::DeviceCode { device_code: Secret::from("dc"), code_verifier: Some(verifier) });
    /// ```
    #[must_use]
    pub fn with_code_verifier(mut self, verifier: Secret) -> Self {
        match &mut self {
            Self::DeviceCode { code_verifier, .. } | Self::AuthorizationCode { code_verifier, .. } => {
                *code_verifier = Some(verifier);
            }
            Self::RefreshToken { .. } => {}
        }
        self
    }

    /// Returns the value of `grantType`, from [`grant_type`].
    #[must_use]
    pub const fn grant_type(&self) -> &'static str {
        match self {
            Self::DeviceCode { .. } => grant_type::DEVICE_CODE,
            Self::AuthorizationCode { .. } => grant_type::AUTHORIZATION_CODE,
            Self::RefreshToken { .. } => grant_type::REFRESH_TOKEN,
        }
    }
}

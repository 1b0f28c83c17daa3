//! The operations of a service.

use core::fmt;

use crate::FaultCode;

/// An operation of the sign-in service or of the portal. The first three are the SSO OIDC operations that need no AWS
/// credentials. The OAuth dialect shares their names.
///
/// ```
/// use oidc_proto::Operation;
/// assert_eq!(Operation::CreateToken.name(), "CreateToken");
/// assert_eq!(Operation::CreateToken.aws_path(), Some("/token"));
/// assert_eq!(Operation::RevokeToken.aws_path(), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Operation {
    /// RegisterClient: registers a client and returns its id and secret.
    RegisterClient,
    /// StartDeviceAuthorization: returns a device code and a user code (RFC 8628 §3.1).
    StartDeviceAuthorization,
    /// CreateToken: exchanges a grant for tokens; the service may ask the client to wait (RFC 8628 §3.4, RFC
    /// 6749 §6).
    CreateToken,
    /// Revocation of a token (RFC 7009); in the OAuth dialect only.
    RevokeToken,
    /// Introspection of a token (RFC 7662); in the OAuth dialect, and of this project's own server only.
    IntrospectToken,
    /// GetRoleCredentials of the [portal](crate::portal): returns the short-term credentials of a role.
    GetRoleCredentials,
    /// ListAccountRoles of the portal: returns a page of the person's roles in an account.
    ListAccountRoles,
    /// ListAccounts of the portal: returns a page of the person's accounts.
    ListAccounts,
    /// Logout of the portal: ends the sign-in there.
    Logout,
}

impl Operation {
    /// The three operations of a sign-in, in order. [`Operation::RevokeToken`], which undoes one, is not
    /// among them.
    pub const SIGN_IN: &[Self] = &[Self::RegisterClient, Self::StartDeviceAuthorization, Self::CreateToken];

    /// Returns the operation's name in the API model.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RegisterClient => "RegisterClient",
            Self::StartDeviceAuthorization => "StartDeviceAuthorization",
            Self::CreateToken => "CreateToken",
            Self::RevokeToken => "RevokeToken",
            Self::IntrospectToken => "IntrospectToken",
            Self::GetRoleCredentials => "GetRoleCredentials",
            Self::ListAccountRoles => "ListAccountRoles",
            Self::ListAccounts => "ListAccounts",
            Self::Logout => "Logout",
        }
    }

    /// The operations of the [portal](crate::portal).
    pub const PORTAL: &[Self] =
        &[Self::ListAccounts, Self::ListAccountRoles, Self::GetRoleCredentials, Self::Logout];

    /// Returns the operation's path below the endpoint of SSO OIDC, if it has the operation. The method is
    /// always POST.
    #[must_use]
    pub const fn aws_path(self) -> Option<&'static str> {
        match self {
            Self::RegisterClient => Some("/client/register"),
            Self::StartDeviceAuthorization => Some("/device_authorization"),
            Self::CreateToken => Some("/token"),
            Self::RevokeToken
            | Self::IntrospectToken
            | Self::GetRoleCredentials
            | Self::ListAccountRoles
            | Self::ListAccounts
            | Self::Logout => None,
        }
    }

    /// Returns the faults that AWS's API model declares for this operation; none for an operation that AWS
    /// lacks.
    ///
    /// ```
    /// use oidc_proto::{FaultCode, Operation};
    /// assert!(Operation::CreateToken.faults().contains(&FaultCode::AuthorizationPending));
    /// assert!(!Operation::RegisterClient.faults().contains(&FaultCode::AuthorizationPending));
    /// ```
    #[must_use]
    pub const fn faults(self) -> &'static [FaultCode] {
        match self {
            Self::RegisterClient => &[
                FaultCode::InternalServer,
                FaultCode::InvalidClientMetadata,
                FaultCode::InvalidRedirectUri,
                FaultCode::InvalidRequest,
                FaultCode::InvalidScope,
                FaultCode::SlowDown,
                FaultCode::UnsupportedGrantType,
            ],
            Self::StartDeviceAuthorization => &[
                FaultCode::InternalServer,
                FaultCode::InvalidClient,
                FaultCode::InvalidRequest,
                FaultCode::SlowDown,
                FaultCode::UnauthorizedClient,
            ],
            Self::CreateToken => &[
                FaultCode::AccessDenied,
                FaultCode::AuthorizationPending,
                FaultCode::ExpiredToken,
                FaultCode::InternalServer,
                FaultCode::InvalidClient,
                FaultCode::InvalidGrant,
                FaultCode::InvalidRequest,
                FaultCode::InvalidScope,
                FaultCode::SlowDown,
                FaultCode::UnauthorizedClient,
                FaultCode::UnsupportedGrantType,
            ],
            Self::RevokeToken
            | Self::IntrospectToken
            | Self::GetRoleCredentials
            | Self::ListAccountRoles
            | Self::ListAccounts
            | Self::Logout => &[],
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Operation;

    #[test]
    fn an_operation_prints_as_its_name_in_the_model() {
        let names: Vec<_> = Operation::SIGN_IN.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["RegisterClient", "StartDeviceAuthorization", "CreateToken"]);
        assert_eq!(Operation::RevokeToken.to_string(), "RevokeToken");
    }
}

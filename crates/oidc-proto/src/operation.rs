//! The operations of the service.

use core::fmt;

/// An operation of the SSO OIDC service that needs no AWS credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Operation {
    /// RegisterClient: a client makes itself known and gets an id and a secret.
    RegisterClient,
    /// StartDeviceAuthorization: a client asks for a device code and a user code (RFC 8628 §3.1).
    StartDeviceAuthorization,
    /// CreateToken: a client turns a grant into tokens, or learns that it has to wait (RFC 8628 §3.4, RFC 6749 §6).
    CreateToken,
}

impl Operation {
    /// All operations, in the order in which a sign-in uses them.
    pub const ALL: [Self; 3] = [Self::RegisterClient, Self::StartDeviceAuthorization, Self::CreateToken];

    /// The operation's name in the API model.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RegisterClient => "RegisterClient",
            Self::StartDeviceAuthorization => "StartDeviceAuthorization",
            Self::CreateToken => "CreateToken",
        }
    }

    /// The operation's path below the endpoint, in AWS's dialect. The method is always POST.
    #[must_use]
    pub const fn aws_path(self) -> &'static str {
        match self {
            Self::RegisterClient => "/client/register",
            Self::StartDeviceAuthorization => "/device_authorization",
            Self::CreateToken => "/token",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

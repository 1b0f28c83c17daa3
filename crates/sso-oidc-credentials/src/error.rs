//! Why there are no credentials, and how the SDK names that.

use std::fmt;
use std::sync::Arc;

use aws_credential_types::provider::error::{CredentialsError, TokenError};
use device_flow::CallError;
use device_flow::renewal::RenewError;
use device_flow_reqwest::{BuildError, ListenError, SignInError};
use oidc_proto::{EndpointError, Fault, StartUrlError};
use sso_cache::{CacheError, LoadError, SettingsError};

/// The error of a provider. The SDK's errors have it as their source.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::error::Error as _;
/// use aws_credential_types::provider::ProvideCredentials as _;
/// use sso_oidc_credentials::{Reason, SsoError, SsoProvider};
///
/// let provider = SsoProvider::builder().profile("nowhere").home_dir("/nonexistent").variables(|_| None).build();
/// let error = provider.provide_credentials().await.unwrap_err(); // the SDK's
/// let cause = error.source().and_then(|cause| cause.downcast_ref::<SsoError>()).ok_or("it is ours")?;
/// assert!(matches!(cause.reason(), Reason::Settings(_)));
/// assert!(cause.to_string().starts_with("profile `nowhere` not found"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SsoError(Arc<Reason>);

/// The reason of an [`SsoError`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The profile, or the one that it takes its credentials from, names no portal.
    #[error("the profile `{profile}` has neither `sso_session` nor `sso_start_url`")]
    #[non_exhaustive]
    NoPortal {
        /// The profile.
        profile: String,
    },
    /// A setting is missing, contradictory or malformed.
    #[error(transparent)]
    Settings(SettingsError),
    /// A config file cannot be read.
    #[error(transparent)]
    Config(LoadError),
    /// The start URL is none.
    #[error(transparent)]
    StartUrl(StartUrlError),
    /// The region or a configured endpoint is invalid.
    #[error(transparent)]
    Endpoint(EndpointError),
    /// The home directory, with the cache, is unknown.
    #[error("the home directory, where the session is cached, is unknown")]
    NoHome,
    /// Credentials are for a role, and neither the program nor the profile names one.
    #[error(
        "no role is named; set `sso_account_id` and `sso_role_name` in the profile, or name them in the program"
    )]
    NoRole,
    /// The token came from a server on this machine, and AWS's portal must not see it.
    #[error(
        "the token came from {sign_in}, and has no portal at AWS; set AWS_ENDPOINT_URL_SSO to the same server"
    )]
    #[non_exhaustive]
    TestToken {
        /// The endpoint of the sign-in.
        sign_in: String,
    },
    /// A sign-in would replace a token of another endpoint that is still of use. AWS's tools file both under one name.
    #[error("the cached token is still valid and did not come from {endpoint}; use another home directory")]
    #[non_exhaustive]
    OtherEndpoint {
        /// The endpoint of the sign-in.
        endpoint: String,
    },
    /// The HTTP client cannot be built, for example because of `AWS_CA_BUNDLE`.
    #[error(transparent)]
    Client(BuildError),
    /// There is no session to use, and the program asks no person.
    #[error("{why}; sign in with {command}")]
    #[non_exhaustive]
    SignInNeeded {
        /// Why the cached session is of no use.
        why: String,
        /// The command line of a sign-in.
        command: String,
    },
    /// The sign-in ended without a token: it was denied, it expired, and so on.
    #[error("the sign-in failed")]
    NotSignedIn(#[source] SignInError),
    /// The cached session could not be refreshed, and a sign-in would not help.
    #[error("the cached session is of no use now")]
    NotRenewed(#[source] RenewError<CacheError>),
    /// The cache cannot be used, or another program kept its lock for too long.
    #[error("the cache of the session cannot be used")]
    Cache(#[source] CacheError),
    /// The port for the browser cannot be opened.
    #[error(transparent)]
    Listen(ListenError),
    /// The portal did not give the credentials.
    #[error("the portal gave no credentials")]
    Portal(#[source] CallError),
    /// The person does not have the role or the account, or it does not exist.
    #[error("the person does not have the role {role_name} in the account {account_id} ({fault})")]
    #[non_exhaustive]
    RoleNotGranted {
        /// The account.
        account_id: String,
        /// The role.
        role_name: String,
        /// The portal's refusal.
        fault: Fault,
    },
    /// There is no tokio runtime here, which the provider works on.
    #[error("the provider was called outside of a tokio runtime")]
    NoRuntime,
    /// The task of the refresh or sign-in ended early: its runtime was shut down, or the program's closure panicked.
    #[error("the task of the sign-in ended early, with its runtime or by a panic")]
    Interrupted,
}

impl SsoError {
    /// Returns the reason.
    #[must_use]
    pub fn reason(&self) -> &Reason {
        &self.0
    }
}

impl From<Reason> for SsoError {
    fn from(reason: Reason) -> Self {
        Self(Arc::new(reason))
    }
}

impl fmt::Display for SsoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for SsoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for SsoError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

/// How the SDK classifies an error. A chain of providers goes on after [`Kind::NotLoaded`] only.
enum Kind {
    NotLoaded,
    Configuration,
    Provider,
}

impl Reason {
    const fn kind(&self) -> Kind {
        match self {
            Self::NoPortal { .. } => Kind::NotLoaded,
            Self::Settings(_)
            | Self::Config(_)
            | Self::StartUrl(_)
            | Self::Endpoint(_)
            | Self::NoHome
            | Self::NoRole
            | Self::TestToken { .. }
            | Self::OtherEndpoint { .. }
            | Self::Client(_) => Kind::Configuration,
            Self::SignInNeeded { .. }
            | Self::NotSignedIn(_)
            | Self::NotRenewed(_)
            | Self::Cache(_)
            | Self::Listen(_)
            | Self::Portal(_)
            | Self::RoleNotGranted { .. }
            | Self::NoRuntime
            | Self::Interrupted => Kind::Provider,
        }
    }
}

impl From<SsoError> for CredentialsError {
    fn from(error: SsoError) -> Self {
        match error.0.kind() {
            Kind::NotLoaded => Self::not_loaded(error),
            Kind::Configuration => Self::invalid_configuration(error),
            Kind::Provider => Self::provider_error(error),
        }
    }
}

impl From<SsoError> for TokenError {
    fn from(error: SsoError) -> Self {
        match error.0.kind() {
            Kind::NotLoaded => Self::not_loaded(error),
            Kind::Configuration => Self::invalid_configuration(error),
            Kind::Provider => Self::provider_error(error),
        }
    }
}

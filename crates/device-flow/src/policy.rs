//! What the embedding program decides.

use core::time::Duration;

use oidc_proto::{Client, Parameter, ParameterError, SSO_ACCOUNT_ACCESS, Secret};

/// As whom to sign in, for what, and how patiently. It says nothing of where: that is the
/// [`Service`](oidc_proto::Service), which a flow is made for.
///
/// ```
/// use core::time::Duration;
/// use device_flow::{FirstPoll, Policy};
/// use oidc_proto::Client;
///
/// let aws = Policy::aws("https://d-1234567890.awsapps.com/start")
///     .with_client_name("my program")
///     .with_scopes(["sso:account:access"])
///     .with_setup_patience(Duration::from_secs(60))
///     .with_max_backoff(Duration::from_secs(10));
/// assert_eq!((aws.client_name.as_str(), aws.client), ("my program", None));
///
/// let oauth = Policy::oauth()
///     .with_client(Client::public("my-tool"))
///     .with_first_poll(FirstPoll::Immediately);
/// assert_eq!(oauth.start_url, "");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// The portal's address, for example `https://d-1234567890.awsapps.com/start`; empty for the OAuth dialect, which
    /// has no such thing.
    pub start_url: String,
    /// The client to sign in as, if the program has one of its own: then nothing is registered, and a service that
    /// rejects it ends the flow.
    pub client: Option<Client>,
    /// The name to register under; the person who approves sees it, so it should say which program asks
    /// (RFC 8628 §5.4).
    pub client_name: String,
    /// The scopes: AWS's dialect registers them with the client, the OAuth dialect asks for them with the codes. AWS's
    /// `sso:account:access` opens the portal API; AWS issues a refresh token only where there is a scope.
    pub scopes: Vec<String>,
    /// Further parameters of the device authorization and token requests, such as `audience` or `resource` (RFC 8707). AWS's
    /// dialect has no place for them.
    pub parameters: Vec<Parameter>,
    /// Whether to prove with PKCE that the codes and the token are asked for by one program.
    pub pkce: Pkce,
    /// When the first CreateToken request is sent.
    pub first_poll: FirstPoll,
    /// For how long RegisterClient and StartDeviceAuthorization are each retried while the service gives no verdict:
    /// before there is a device code, nothing of the service's own ends the waiting.
    /// [Jitter](crate::DeviceFlow::with_jitter) comes on top and adds at most half.
    pub setup_patience: Duration,
    /// The longest wait that network trouble alone can cause, [jitter](crate::DeviceFlow::with_jitter) included. A longer
    /// interval or `Retry-After` of the service's still counts, and jitter adds at most half to it.
    pub max_backoff: Duration,
}

/// When the first CreateToken request is sent after the device authorization arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum FirstPoll {
    /// After one interval, as RFC 8628 §3.5 has it: no person approves in less.
    #[default]
    AfterInterval,
    /// At once, for clients that may have been approved beforehand.
    Immediately,
}

/// Whether a sign-in uses PKCE (RFC 7636, method S256), which some providers want on the device grant too. AWS's has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Pkce {
    /// Where the provider's metadata offers it.
    #[default]
    WhenOffered,
    /// Always: for a provider that wants it and does not say so. A flow that was given no verifier then ends before anything
    /// is sent ([`Outcome::NoVerifier`](crate::Outcome::NoVerifier)). A saved flow that has codes already goes on.
    Always,
    /// Never.
    Never,
}

impl Policy {
    /// For a service of AWS: signs in to the portal at `start_url`, under the name `sso-oidc`, with the scope
    /// [`SSO_ACCOUNT_ACCESS`], as AWS's tools do. So there is a refresh token; [`Policy::without_scopes`] asks for none.
    #[must_use]
    pub fn aws(start_url: impl Into<String>) -> Self {
        Self { start_url: start_url.into(), ..Self::oauth() }.with_scopes([SSO_ACCOUNT_ACCESS])
    }

    /// For a provider of the OAuth dialect, without scopes: as the client of [`Policy::with_client`], or as one that
    /// is registered under the name `sso-oidc` if the provider has a URL for that.
    #[must_use]
    pub fn oauth() -> Self {
        Self {
            start_url: String::new(),
            client: None,
            client_name: "sso-oidc".to_owned(),
            scopes: Vec::new(),
            parameters: Vec::new(),
            pkce: Pkce::default(),
            first_poll: FirstPoll::default(),
            setup_patience: Duration::from_secs(20),
            max_backoff: Duration::from_secs(30),
        }
    }

    /// The same policy for a client that the program has already: no registration.
    #[must_use]
    pub fn with_client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// The same policy with this client name.
    #[must_use]
    pub fn with_client_name(mut self, name: impl Into<String>) -> Self {
        self.client_name = name.into();
        self
    }

    /// The same policy with these scopes, in place of any before.
    #[must_use]
    pub fn with_scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// The same policy without scopes. At AWS there is no refresh token then.
    ///
    /// ```
    /// use device_flow::{Policy, SSO_ACCOUNT_ACCESS};
    ///
    /// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// assert_eq!(policy.scopes, [SSO_ACCOUNT_ACCESS]);
    /// assert!(policy.without_scopes().scopes.is_empty());
    /// ```
    #[must_use]
    pub fn without_scopes(mut self) -> Self {
        self.scopes.clear();
        self
    }

    /// The same policy with one more parameter for the device authorization and token requests. A name that may stand several
    /// times is given several times.
    ///
    /// ```
    /// use device_flow::Policy;
    /// use oidc_proto::ParameterError;
    /// let policy = Policy::oauth()
    ///     .with_parameter("audience", "https://api.example/")?
    ///     .with_parameter("resource", "https://a.example/")?
    ///     .with_parameter("resource", "https://b.example/")?;
    /// assert_eq!(policy.parameters.len(), 3);
    /// assert!(matches!(policy.with_parameter("scope", "x"), Err(ParameterError::Reserved(_))));
    /// # Ok::<(), ParameterError>(())
    /// ```
    ///
    /// # Errors
    /// [`ParameterError`]: no name, no value, or a name that the sign-in itself writes.
    pub fn with_parameter(
        mut self,
        name: impl Into<String>,
        value: impl Into<Secret>,
    ) -> Result<Self, ParameterError> {
        self.parameters.push(Parameter::new(name, value)?);
        Ok(self)
    }

    /// The same policy with this use of PKCE.
    ///
    /// ```
    /// use device_flow::{Pkce, Policy};
    /// assert_eq!(Policy::oauth().pkce, Pkce::WhenOffered);
    /// assert_eq!(Policy::oauth().with_pkce(Pkce::Always).pkce, Pkce::Always);
    /// ```
    #[must_use]
    pub const fn with_pkce(mut self, pkce: Pkce) -> Self {
        self.pkce = pkce;
        self
    }

    /// The same policy with this moment for the first poll.
    #[must_use]
    pub const fn with_first_poll(mut self, first_poll: FirstPoll) -> Self {
        self.first_poll = first_poll;
        self
    }

    /// The same policy with this patience before the prompt.
    #[must_use]
    pub const fn with_setup_patience(mut self, patience: Duration) -> Self {
        self.setup_patience = patience;
        self
    }

    /// The same policy with this cap on network backoff.
    #[must_use]
    pub const fn with_max_backoff(mut self, cap: Duration) -> Self {
        self.max_backoff = cap;
        self
    }
}

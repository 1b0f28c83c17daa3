//! The policy of a flow: the decisions of the program.

use core::time::Duration;

use oidc_proto::{Client, Parameter, ParameterError, SSO_ACCOUNT_ACCESS, Secret};

/// The client, scopes and retry window of a sign-in. The URLs are in the [`Service`](oidc_proto::Service), which
/// a flow is made for.
///
/// ```
/// use core::time::Duration;
/// use device_flow::{FirstPoll, Policy};
/// use oidc_proto::Client;
///
/// let aws = Policy::aws("https://d-1234567890.awsapps.com/start")
///     .with_client_name("my program")
///     .with_scopes(["sso:account:access"])
///     .with_setup_retry_window(Duration::from_secs(60))
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
    /// The portal's address, for example `https://d-1234567890.awsapps.com/start`. Empty for the OAuth
    /// dialect, which has none.
    pub start_url: String,
    /// The program's own client, if it has one. The flow then registers none, and ends if the service rejects
    /// it.
    pub client: Option<Client>,
    /// The name for the registration. The person who approves sees it, so it should name the program (RFC
    /// 8628 §5.4).
    pub client_name: String,
    /// The scopes. AWS's dialect registers them with the client; the OAuth dialect requests them with the
    /// codes. AWS's `sso:account:access` opens the portal API. AWS issues a refresh token only to a client
    /// with a scope.
    pub scopes: Vec<String>,
    /// Additional parameters of the device authorization and token requests, such as `audience` or `resource`
    /// (RFC 8707). AWS's dialect ignores them.
    pub parameters: Vec<Parameter>,
    /// Whether PKCE binds the codes to the token request.
    pub pkce: Pkce,
    /// The time of the first CreateToken request.
    pub first_poll: FirstPoll,
    /// The time for which RegisterClient and StartDeviceAuthorization are each retried without a verdict. The
    /// service sets no limit before there is a device code. [Jitter](crate::DeviceFlow::with_jitter) adds at
    /// most half.
    pub setup_retry_window: Duration,
    /// The longest wait after network errors alone, [jitter](crate::DeviceFlow::with_jitter) included. A
    /// longer interval or `Retry-After` of the service still counts, and jitter adds at most half to it.
    pub max_backoff: Duration,
    /// In the code flow: the time for the person, from the prompt until the browser comes back. Default: 10
    /// minutes, as in AWS's tools.
    pub redirect_timeout: Duration,
}

/// The time of the first CreateToken request after the device authorization's arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum FirstPoll {
    /// After one interval (RFC 8628 §3.5): people take longer than that to approve.
    #[default]
    AfterInterval,
    /// At once, for clients that may be approved already.
    Immediately,
}

/// The use of PKCE (RFC 7636, method S256). Some providers require it on the device grant; AWS's has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Pkce {
    /// If the provider's metadata announces it.
    #[default]
    WhenOffered,
    /// Always, for a provider that requires it without announcing it. A flow without a verifier then ends
    /// before it sends anything ([`Outcome::NoVerifier`](crate::Outcome::NoVerifier)). A saved flow that has
    /// codes continues.
    Always,
    /// Never.
    Never,
}

impl Policy {
    /// Creates a policy for AWS: the portal at `start_url`, the name `sso-oidc`, and the scope
    /// [`SSO_ACCOUNT_ACCESS`], as AWS's tools do. The scope brings a refresh token;
    /// [`Policy::without_scopes`] requests none.
    #[must_use]
    pub fn aws(start_url: impl Into<String>) -> Self {
        Self { start_url: start_url.into(), ..Self::oauth() }.with_scopes([SSO_ACCOUNT_ACCESS])
    }

    /// Creates a policy for a provider of the OAuth dialect, without scopes. The client is that of
    /// [`Policy::with_client`]. Without it, a provider with a registration URL registers the name `sso-oidc`.
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
            setup_retry_window: Duration::from_secs(20),
            max_backoff: Duration::from_secs(30),
            redirect_timeout: Duration::from_secs(600),
        }
    }

    /// Returns the same policy for the program's own client, without registration.
    #[must_use]
    pub fn with_client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// Returns the same policy with this client name.
    #[must_use]
    pub fn with_client_name(mut self, name: impl Into<String>) -> Self {
        self.client_name = name.into();
        self
    }

    /// Returns the same policy with these scopes, in place of earlier ones.
    #[must_use]
    pub fn with_scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Returns the same policy without scopes. AWS then issues no refresh token.
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

    /// Returns the same policy with one more parameter for the device authorization and token requests. Call
    /// it again to repeat a name.
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

    /// Returns the same policy with this use of PKCE.
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

    /// Returns the same policy with this time of the first poll.
    #[must_use]
    pub const fn with_first_poll(mut self, first_poll: FirstPoll) -> Self {
        self.first_poll = first_poll;
        self
    }

    /// Returns the same policy with this retry window before the prompt.
    #[must_use]
    pub const fn with_setup_retry_window(mut self, retry_window: Duration) -> Self {
        self.setup_retry_window = retry_window;
        self
    }

    /// Returns the same policy with this time for the person in the code flow.
    ///
    /// ```
    /// use core::time::Duration;
    /// use device_flow::Policy;
    /// let policy = Policy::oauth().with_redirect_timeout(Duration::from_secs(60));
    /// assert_eq!(policy.redirect_timeout.as_secs(), 60);
    /// ```
    #[must_use]
    pub const fn with_redirect_timeout(mut self, time: Duration) -> Self {
        self.redirect_timeout = time;
        self
    }

    /// Returns the same policy with this cap on network backoff.
    #[must_use]
    pub const fn with_max_backoff(mut self, cap: Duration) -> Self {
        self.max_backoff = cap;
        self
    }
}

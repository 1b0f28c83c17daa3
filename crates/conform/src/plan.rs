//! The settings of a run, and its limit of requests.

use core::time::Duration;

use oidc_proto::oauth::{Metadata, Provider};
use oidc_proto::{Client, EndpointError};

use crate::run;
use crate::{Clock, Person, Report, Transport};

/// The number of requests of the longest run, without [`Plan::with_guesses`].
const REQUESTS: usize = {
    let (metadata, registrations, codes) = (4, 2, 10);
    let (paces, refusals) = (9, 10);
    // The polls of the second approval may be refused for the scope. Then there is a fourth approval.
    let (first_approval, second_approval, third_approval) = (11, run::CROWD + 17, 19);
    let (denial, revocations, expiry, repeats) = (6, run::LAST_REVOCATIONS, 1, 5);
    let before_decisions = metadata + registrations + codes + paces + refusals;
    before_decisions
        + first_approval
        + second_approval
        + third_approval
        + denial
        + revocations
        + expiry
        + repeats
};

/// The longest run by default. A usual one takes three minutes.
const MAX_TIME: Duration = Duration::from_secs(30 * 60);

/// The server to check, and how far the checks may go.
///
/// ```
/// use core::time::Duration;
/// use device_conform::{Client, Plan};
///
/// let plan = Plan::new("https://id.example")?
///     .with_client(Client::public("my-tool"))
///     .with_other_client(Client::public("my-other-tool"))
///     .with_scope(["openid"])
///     .with_expiry_wait(Duration::from_secs(600))
///     .with_guesses(5)
///     .with_max_time(Duration::from_secs(900))
///     .with_pkce();
/// assert_eq!((plan.issuer(), plan.max_requests()), ("https://id.example", 117));
/// assert_eq!(plan.with_max_requests(30).max_requests(), 30);
/// # Ok::<(), device_conform::EndpointError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "call `run`"]
pub struct Plan {
    /// The issuer, or the name of a server without one.
    pub(crate) issuer: String,
    /// Whether the issuer was given as the address of its metadata.
    pub(crate) names_metadata: bool,
    /// The device authorization endpoint, if it is not to be that of the metadata.
    pub(crate) device_authorization: Option<String>,
    /// The token endpoint, if the metadata is not to be asked.
    token: Option<String>,
    pub(crate) client: Option<Client>,
    pub(crate) other: Option<Client>,
    pub(crate) scope: Vec<String>,
    pub(crate) expiry_wait: Duration,
    pub(crate) guesses: u32,
    pub(crate) pkce: bool,
    limit: usize,
    pub(crate) max_time: Duration,
}

impl Plan {
    /// Creates the plan for the server with this issuer, or with metadata at this address.
    ///
    /// ```
    /// use device_conform::Plan;
    /// let plan = Plan::new("https://id.example/tenant/.well-known/openid-configuration")?;
    /// assert_eq!(plan.issuer(), "https://id.example/tenant");
    /// assert!(Plan::new("http://id.example").is_err(), "secrets need TLS");
    /// # Ok::<(), device_conform::EndpointError>(())
    /// ```
    ///
    /// # Errors
    /// The issuer is not a URL, or is neither `https` nor loopback.
    pub fn new(issuer: &str) -> Result<Self, EndpointError> {
        let (given, issuer) = (issuer, Metadata::issuer_of(issuer));
        Metadata::well_known(&issuer)?;
        let names_metadata = issuer != given.trim();
        Ok(Self { names_metadata, ..Self::of(issuer) })
    }

    /// Creates the plan for a server with these endpoints: for device authorization, and for tokens. Its metadata is
    /// not checked. Call [`Plan::with_client`] as well, because no client can be registered.
    ///
    /// ```
    /// use device_conform::Plan;
    /// let plan = Plan::for_endpoints("https://id.example/login/device/code", "https://id.example/login/token")?;
    /// assert_eq!(plan.issuer(), "https://id.example/login/device/code");
    /// # Ok::<(), device_conform::EndpointError>(())
    /// ```
    ///
    /// # Errors
    /// One of them is not a URL, or is neither `https` nor loopback.
    pub fn for_endpoints(device_authorization: &str, token: &str) -> Result<Self, EndpointError> {
        Provider::new(device_authorization, token)?;
        let plan = Self::of(device_authorization.to_owned());
        let device_authorization = Some(device_authorization.to_owned());
        Ok(Self { device_authorization, token: Some(token.to_owned()), ..plan })
    }

    const fn of(issuer: String) -> Self {
        Self {
            issuer,
            names_metadata: false,
            device_authorization: None,
            token: None,
            client: None,
            other: None,
            scope: Vec::new(),
            expiry_wait: Duration::ZERO,
            guesses: 0,
            pkce: false,
            limit: usize::MAX,
            max_time: MAX_TIME,
        }
    }

    /// Sets the device authorization endpoint of a server whose metadata does not name it, or names another one. The
    /// metadata has the other endpoints, and is checked as it is.
    ///
    /// ```
    /// use device_conform::Plan;
    /// let plan = Plan::new("https://id.example")?;
    /// let plan = plan.with_device_authorization_endpoint("https://id.example/o/device-authorization/")?;
    /// assert_eq!(plan.issuer(), "https://id.example");
    /// assert!(plan.with_device_authorization_endpoint("/o/device-authorization/").is_err());
    /// # Ok::<(), device_conform::EndpointError>(())
    /// ```
    ///
    /// # Errors
    /// It is not a URL, or is neither `https` nor loopback.
    pub fn with_device_authorization_endpoint(mut self, url: &str) -> Result<Self, EndpointError> {
        Provider::new(url, url)?;
        self.device_authorization = Some(url.to_owned());
        Ok(self)
    }

    /// Returns the endpoints, if the metadata is not to be asked.
    pub(crate) fn endpoints(&self) -> Option<Provider> {
        Provider::new(self.device_authorization.as_deref()?, self.token.as_deref()?).ok()
    }

    /// Sets the client. Without one, a public client is registered, if the server allows that (RFC 7591).
    pub fn with_client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// Sets a second client, for the checks that a code belongs to one client. Without one, it is registered.
    pub fn with_other_client(mut self, client: Client) -> Self {
        self.other = Some(client);
        self
    }

    /// Sets the scope of the tokens. Some servers give a refresh token only with a scope such as `offline_access`.
    pub fn with_scope<S: Into<String>>(mut self, scope: impl IntoIterator<Item = S>) -> Self {
        self.scope = scope.into_iter().map(Into::into).collect();
        self
    }

    /// Waits for the expiry of the codes if they live no longer than this. The default is not to wait.
    pub const fn with_expiry_wait(mut self, most: Duration) -> Self {
        self.expiry_wait = most;
        self
    }

    /// Opens the verification page with so many wrong codes, to see whether the server limits them. The server may
    /// then block this machine for a time. The default is none.
    pub const fn with_guesses(mut self, count: u32) -> Self {
        self.guesses = count;
        self
    }

    /// Uses PKCE with the device grant even if the metadata does not list S256.
    pub const fn with_pkce(mut self) -> Self {
        self.pkce = true;
        self
    }

    /// Lowers the limit of requests. The checks beyond it are not made.
    pub const fn with_max_requests(mut self, most: usize) -> Self {
        self.limit = most;
        self
    }

    /// Ends the run after this time. The checks that are left are not made. The person's time does not count, and nor
    /// does the wait of [`Plan::with_expiry_wait`]. The default is half an hour; a usual run takes three minutes.
    pub const fn with_max_time(mut self, most: Duration) -> Self {
        self.max_time = most;
        self
    }

    /// Returns the issuer, or the device authorization endpoint of [`Plan::for_endpoints`].
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns the upper limit of the number of requests, which [`Self::run`] enforces.
    #[must_use]
    pub const fn max_requests(&self) -> usize {
        let needed = REQUESTS.saturating_add(self.guesses as usize);
        if self.limit < needed { self.limit } else { needed }
    }

    /// Checks the server. Nothing is sent in parallel but twelve polls, once. The interval of the server and its
    /// `Retry-After` are obeyed, except by the few polls that are early on purpose.
    ///
    /// The [crate documentation](crate) has an example.
    pub fn run(
        &self,
        transport: &mut dyn Transport,
        clock: &mut dyn Clock,
        person: &mut dyn Person,
    ) -> Report {
        Report::of(&run::run(self, transport, clock, person), self.max_requests())
    }
}

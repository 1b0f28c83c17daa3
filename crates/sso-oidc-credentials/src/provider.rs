//! The provider, as the SDK calls it.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::{CredentialsError, TokenError};
use aws_credential_types::provider::future;
use aws_credential_types::provider::token::ProvideToken;
use aws_credential_types::{Credentials, Token};
use device_flow::Session;
use device_flow_reqwest::{HttpClient, HttpClientBuilder};
use oidc_proto::portal::RoleCredentials;
use oidc_proto::{Endpoint, UnixSeconds};

use crate::builder::SsoProviderBuilder;
use crate::error::{Reason, SsoError};
use crate::files::held;
use crate::flight::Flight;
use crate::role::AtPortal;
use crate::session::Sessions;
use crate::settings::{Portal, Role};

/// The name in the SDK's logs.
const NAME: &str = "SsoOidc";

/// A provider of credentials and tokens, over the session that AWS's tools share.
///
/// Clones share their work: however many requests need the session at a time, one refreshes it, or asks the person.
/// Programs share it too, through the files.
///
/// Settings are read at the first use, and once. See [`SsoProviderBuilder`] for all that can be set.
#[derive(Clone)]
pub struct SsoProvider(Arc<Inner>);

struct Inner {
    settings: SsoProviderBuilder,
    open: Mutex<Option<Arc<Open>>>,
    flight: Flight,
    /// The credentials that were provided last.
    provided: Mutex<Option<Credentials>>,
}

/// What the settings lead to.
struct Open {
    sessions: Sessions,
    portal_client: HttpClient,
}

impl SsoProvider {
    /// Creates a provider for a profile of AWS's config files, which asks no person: without a session, its error names
    /// the command line of a sign-in.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let provider = sso_oidc_credentials::SsoProvider::from_profile("work");
    /// // aws_config::defaults(BehaviorVersion::latest()).credentials_provider(provider).load().await
    /// assert_eq!(format!("{provider:?}"), r#"SsoProvider { source: Profile(Some("work")), asks: false, .. }"#);
    /// # }
    /// ```
    #[must_use]
    pub fn from_profile(name: impl Into<String>) -> Self {
        Self::builder().profile(name).build()
    }

    /// Returns a builder.
    pub fn builder() -> SsoProviderBuilder {
        SsoProviderBuilder::default()
    }

    pub(crate) fn new(settings: SsoProviderBuilder) -> Self {
        let (open, flight, provided) = (Mutex::default(), Flight::default(), Mutex::default());
        Self(Arc::new(Inner { settings, open, flight, provided }))
    }

    /// Makes sure that there is a session to use, and asks the person now if that is needed. A program that calls it
    /// first has no request that waits for a person: the SDK gives a provider some seconds only.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (server, home) = (sso_oidc_server::TestServer::start(), tempfile::tempdir()?);
    /// # let (endpoint, person) = (std::ffi::OsString::from(server.endpoint()), server.handle());
    /// # let builder = sso_oidc_credentials::SsoProvider::builder();
    /// # let builder = builder.portal("https://d-1234567890.awsapps.com/start", "eu-west-1").home_dir(home.path());
    /// # let builder = builder.variables(move |name| (name == "AWS_ENDPOINT_URL").then(|| endpoint.clone()));
    /// let provider = builder.on_prompt(move |prompt| {
    ///     eprintln!("{prompt}");
    ///     # person.approve(&prompt.user_code).unwrap();
    /// }).build();
    /// provider.sign_in().await?;
    /// provider.sign_in().await?; // nothing to do
    /// # assert_eq!(server.requests().iter().filter(|request| request.path == "/device_authorization").count(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`SsoError`]: the configuration is wrong, the sign-in has failed, and so on.
    ///
    /// # Cancel safety
    /// Dropping the future stops nothing. The refresh or the sign-in goes on in its task, and the next call joins it.
    pub async fn sign_in(&self) -> Result<(), SsoError> {
        self.session(false).await.map(drop)
    }

    async fn session(&self, forced: bool) -> Result<Session, SsoError> {
        let open = self.open()?;
        let start = move || async move { open.sessions.session(forced).await };
        match forced {
            // A task that is on its way may bring the token that was rejected.
            true => Flight::default().join(start).await,
            false => self.0.flight.join(start).await,
        }
    }

    /// Returns what the settings lead to. An error is not kept: the next call reads the settings again.
    fn open(&self) -> Result<Arc<Open>, SsoError> {
        let mut slot = held(&self.0.open);
        if let Some(open) = &*slot {
            return Ok(Arc::clone(open));
        }
        let open = Arc::new(Open::new(&self.0.settings)?);
        *slot = Some(Arc::clone(&open));
        Ok(open)
    }

    async fn credentials(&self) -> Result<Credentials, SsoError> {
        let open = self.open()?;
        let portal = &open.sessions.portal;
        let role = portal.role.as_ref().ok_or(Reason::NoRole)?;
        no_test_token_for_aws(portal)?;
        let at_portal = AtPortal { portal, client: &open.portal_client, role };
        let found = match at_portal.cached() {
            Some(found) => found,
            None => at_portal.ask(|forced| self.session(forced)).await?,
        };
        let credentials = credentials_of(&found, role);
        *held(&self.0.provided) = Some(credentials.clone());
        Ok(credentials)
    }

    async fn token(&self) -> Result<Token, SsoError> {
        let session = self.session(false).await?;
        let expires_at = session.expires_at.map(time);
        Ok(Token::new(session.token.access_token.expose(), expires_at))
    }
}

impl Open {
    fn new(settings: &SsoProviderBuilder) -> Result<Self, SsoError> {
        let portal = settings.wanted().resolve()?;
        let build = |endpoint: &Endpoint| {
            let mut builder: HttpClientBuilder = HttpClient::builder(endpoint.clone());
            if let Some(path) = &portal.ca_bundle {
                builder = builder.ca_bundle(path);
            }
            settings.http_client(builder).build().map_err(|error| SsoError::from(Reason::Client(error)))
        };
        let (client, portal_client) = (build(&portal.endpoint)?, build(&portal.portal_endpoint.0)?);
        let (client_name, person) = (settings.client_name.clone(), settings.person.clone());
        let sessions = Sessions { portal, client, client_name, person, last_try: Mutex::default() };
        Ok(Self { sessions, portal_client })
    }
}

/// Keeps the token of a local test server away from AWS's portal.
fn no_test_token_for_aws(portal: &Portal) -> Result<(), SsoError> {
    let (_, is_custom) = &portal.portal_endpoint;
    if portal.endpoint.is_loopback() && !is_custom {
        return Err(Reason::TestToken { sign_in: portal.endpoint.to_string() }.into());
    }
    Ok(())
}

fn credentials_of(found: &RoleCredentials, role: &Role) -> Credentials {
    Credentials::builder()
        .access_key_id(&found.access_key_id)
        .secret_access_key(found.secret_access_key.expose())
        .session_token(found.session_token.expose())
        .expiry(time(found.expiration))
        .account_id(role.account_id.as_str())
        .provider_name(NAME)
        .build()
}

fn time(at: UnixSeconds) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(at.get()).unwrap_or_default())
}

impl ProvideCredentials for SsoProvider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.credentials().await.map_err(CredentialsError::from) })
    }

    /// Returns the credentials that were provided last, while they are good.
    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        let provided = held(&self.0.provided).clone()?;
        provided.expiry().is_some_and(|end| end > SystemTime::now()).then_some(provided)
    }
}

impl ProvideToken for SsoProvider {
    fn provide_token<'a>(&'a self) -> future::ProvideToken<'a>
    where
        Self: 'a,
    {
        future::ProvideToken::new(async { self.token().await.map_err(TokenError::from) })
    }
}

/// Shows whose credentials these are, and no secret.
impl fmt::Debug for SsoProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.settings.show(f, "SsoProvider")
    }
}

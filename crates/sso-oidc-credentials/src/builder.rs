//! What a program says about its portal, its role and its person.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use device_flow_reqwest::{BrowserPrompt, HttpClientBuilder, UserPrompt};

use crate::SsoProvider;
use crate::environment::Environment;
use crate::person::Person;
use crate::settings::{Source, Wanted};

/// The name of the client at the approval page, unless the program sets its own.
const CLIENT_NAME: &str = "sso-oidc-credentials";

/// The settings of an [`SsoProvider`].
///
/// ```
/// use sso_oidc_credentials::SsoProvider;
///
/// // All from `[profile work]` of AWS's config files, and a device code if the session has ended:
/// let provider = SsoProvider::builder().profile("work").on_prompt(|prompt| eprintln!("{prompt}")).build();
/// # drop(provider);
/// // A session of the files, with a role of the program's; a browser on this machine:
/// let provider = SsoProvider::builder()
///     .session("corp")
///     .account_id("012345678901")
///     .role_name("ReadOnly")
///     .client_name("my program")
///     .on_browser(|prompt| open_in_browser(&prompt.url))
///     .build();
/// # drop(provider);
/// # fn open_in_browser(_: &str) {}
/// // No file of AWS's is needed. A slow network gets more time:
/// let provider = SsoProvider::builder()
///     .portal("https://d-1234567890.awsapps.com/start", "eu-west-1")
///     .http(|client| client.request_timeout(std::time::Duration::from_secs(120)))
///     .build();
/// // In a test, another home and other variables than those of the process:
/// let builder = SsoProvider::builder().home_dir("test-home").variables(|_| None);
/// # drop((provider, builder));
/// ```
#[derive(Clone)]
#[must_use = "`build` makes the provider"]
pub struct SsoProviderBuilder {
    wanted: Wanted,
    pub(crate) client_name: String,
    pub(crate) person: Person,
    http: Option<Arc<dyn Fn(HttpClientBuilder) -> HttpClientBuilder + Send + Sync>>,
}

/// The profile of `AWS_PROFILE`, or else `default`. It asks no person.
impl Default for SsoProviderBuilder {
    fn default() -> Self {
        let (source, environment) = (Source::Profile(None), Environment::of_process());
        Self {
            wanted: Wanted { source, account_id: None, role_name: None, home: None, environment },
            client_name: CLIENT_NAME.to_owned(),
            person: Person::default(),
            http: None,
        }
    }
}

impl SsoProviderBuilder {
    /// Takes the portal and the role from this profile. If it has a `source_profile`, the portal is that one's.
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.wanted.source = Source::Profile(Some(name.into()));
        self
    }

    /// Takes the portal from this `[sso-session]`.
    pub fn session(mut self, name: impl Into<String>) -> Self {
        self.wanted.source = Source::Session(name.into());
        self
    }

    /// Uses the portal with this start URL in this region. AWS's config files then say nothing about it. A company's
    /// own address in place of AWS's is not resolved.
    pub fn portal(mut self, start_url: impl Into<String>, region: impl Into<String>) -> Self {
        self.wanted.source = Source::Portal { start_url: start_url.into(), region: region.into() };
        self
    }

    /// Sets the account, in place of the profile's `sso_account_id`. Set the role, too.
    pub fn account_id(mut self, id: impl Into<String>) -> Self {
        self.wanted.account_id = Some(id.into());
        self
    }

    /// Sets the role, in place of the profile's `sso_role_name`.
    pub fn role_name(mut self, name: impl Into<String>) -> Self {
        self.wanted.role_name = Some(name.into());
        self
    }

    /// Sets the program's name, which the approval page shows. The default is `sso-oidc-credentials`.
    pub fn client_name(mut self, name: impl Into<String>) -> Self {
        self.client_name = name.into();
        self
    }

    /// Signs in with a device code when the session has ended. `Display` of the prompt is a complete instruction.
    pub fn on_prompt(mut self, show: impl Fn(&UserPrompt) + Send + Sync + 'static) -> Self {
        self.person.device = Some(Arc::new(show));
        self
    }

    /// Signs in with a browser on this machine when the session has ended: the closure opens the address, and the
    /// provider listens for the redirect. It wins over [`Self::on_prompt`], unless the session has
    /// `sso_use_device_code = true`.
    pub fn on_browser(mut self, open: impl Fn(&BrowserPrompt) + Send + Sync + 'static) -> Self {
        self.person.browser = Some(Arc::new(open));
        self
    }

    /// Changes the HTTP clients, that of the sign-in and that of the portal: certificates, timeouts, a client of the
    /// program's own, or a closure in place of a server.
    pub fn http(
        mut self,
        change: impl Fn(HttpClientBuilder) -> HttpClientBuilder + Send + Sync + 'static,
    ) -> Self {
        self.http = Some(Arc::new(change));
        self
    }

    /// Sets the home directory, with `.aws` in it.
    pub fn home_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.wanted.home = Some(path.into());
        self
    }

    /// Reads variables with this closure, in place of the process's environment.
    pub fn variables(mut self, variable: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static) -> Self {
        self.wanted.environment = Environment::new(variable);
        self
    }

    /// Creates the provider. It reads the settings when it is used first.
    #[must_use]
    pub fn build(self) -> SsoProvider {
        SsoProvider::new(self)
    }

    pub(crate) const fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    pub(crate) fn http_client(&self, builder: HttpClientBuilder) -> HttpClientBuilder {
        match &self.http {
            Some(change) => change(builder),
            None => builder,
        }
    }

    pub(crate) fn show(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        let Wanted { source, account_id, role_name, .. } = &self.wanted;
        let mut shown = f.debug_struct(name);
        shown.field("source", source);
        if let (Some(account_id), Some(role_name)) = (account_id, role_name) {
            shown.field("account_id", account_id).field("role_name", role_name);
        }
        shown.field("asks", &self.person.ask(None).is_some()).finish_non_exhaustive()
    }
}

impl fmt::Debug for SsoProviderBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show(f, "SsoProviderBuilder")
    }
}

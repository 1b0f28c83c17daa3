//! A server in this process, a home directory, and providers over both.

use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use device_flow_reqwest::HttpClientBuilder;
use serde_json::Value;
use sso_oidc_credentials::{SsoProvider, SsoProviderBuilder, device_flow_reqwest};
use sso_oidc_server::{Config, Handle, InProcess};
use tempfile::TempDir;
use tokio::time::Instant;

/// The paths of the requests.
pub(crate) const AUTHORIZE: &str = "/device_authorization";
pub(crate) const TOKEN: &str = "/token";
pub(crate) const CREDENTIALS: &str = "/federation/credentials";

const CONFIG: &str = "\
[profile work]
sso_session = corp
sso_account_id = 012345678901
sso_role_name = AdministratorAccess

[profile other-role]
sso_session = corp
sso_account_id = 012345678901
sso_role_name = Emperor

[profile no-role]
sso_session = corp

[profile keys]
region = eu-west-1

[profile app]
role_arn = arn:aws:iam::012345678901:role/app
source_profile = work

[sso-session corp]
sso_start_url = https://d-1234567890.awsapps.com/start
sso_region = eu-west-1
sso_registration_scopes = sso:account:access
";

pub(crate) struct World {
    home: TempDir,
    service: InProcess,
    requests: Arc<Mutex<Vec<String>>>,
}

impl World {
    /// Starts a service at tokio's time.
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".aws")).unwrap();
        std::fs::write(home.path().join(".aws/config"), CONFIG).unwrap();
        let start = Instant::now();
        let service = InProcess::new(Config::default(), move || start.elapsed()).unwrap();
        Self { home, service, requests: Arc::default() }
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn service(&self) -> &InProcess {
        &self.service
    }

    pub(crate) fn person(&self) -> Handle {
        self.service.handle()
    }

    /// Returns a builder with this home, and with the service in place of AWS's.
    pub(crate) fn builder(&self) -> SsoProviderBuilder {
        self.builder_at(self.service.endpoint()).http(self.answered())
    }

    /// Returns a builder with this home, and with this endpoint.
    pub(crate) fn builder_at(&self, endpoint: &str) -> SsoProviderBuilder {
        let endpoint = OsString::from(endpoint);
        let variable = move |name: &str| (name == "AWS_ENDPOINT_URL").then(|| endpoint.clone());
        SsoProvider::builder().home_dir(self.home()).variables(variable)
    }

    fn answered(&self) -> impl Fn(HttpClientBuilder) -> HttpClientBuilder + Send + Sync + 'static {
        let (service, requests) = (self.service.clone(), Arc::clone(&self.requests));
        move |client| {
            let (service, requests) = (service.clone(), Arc::clone(&requests));
            client.answered_by(move |request| {
                requests.lock().unwrap().push(request.uri().path().to_owned());
                Ok(service.answer(request))
            })
        }
    }

    /// Adds a person who approves at once.
    pub(crate) fn approving(&self, builder: SsoProviderBuilder) -> SsoProviderBuilder {
        let person = self.person();
        builder.on_prompt(move |prompt| person.approve(&prompt.user_code).unwrap())
    }

    /// Returns a provider whose person approves at once.
    pub(crate) fn asking(&self) -> SsoProvider {
        self.approving(self.builder()).profile("work").build()
    }

    /// Returns a provider without a person.
    pub(crate) fn quiet(&self) -> SsoProvider {
        self.builder().profile("work").build()
    }

    /// Returns the paths of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, path: &str) -> usize {
        self.requests().iter().filter(|sent| *sent == path).count()
    }

    pub(crate) fn token_path(&self) -> PathBuf {
        let identity = sso_cache::Identity::SessionName("corp".to_owned());
        self.home().join(".aws/sso/cache").join(identity.file_name())
    }

    pub(crate) fn token(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.token_path()).unwrap()).unwrap()
    }

    pub(crate) fn edit_token(&self, edit: impl FnOnce(&mut Value)) {
        let mut token = self.token();
        edit(&mut token);
        std::fs::write(self.token_path(), token.to_string()).unwrap();
    }

    /// Removes the cached credentials of roles.
    pub(crate) fn forget_credentials(&self) {
        std::fs::remove_dir_all(self.home().join(".aws/cli/cache")).unwrap();
    }
}

/// Returns the messages of an error and of all its sources.
pub(crate) fn chain(error: &dyn Error) -> String {
    let (mut said, mut source) = (error.to_string(), error.source());
    while let Some(error) = source {
        said = format!("{said}: {error}");
        source = error.source();
    }
    said
}

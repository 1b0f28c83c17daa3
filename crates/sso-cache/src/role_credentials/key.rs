//! The keys of role credentials.

use oidc_proto::Endpoint;

use super::contents::Contents;
use crate::{Identity, identity, python};

/// The key of a role's credentials: the session or start URL, the account and the role. These name the file, as in the
/// AWS CLI.
///
/// The portal and its endpoint do not, but a session's section may get another start URL, and a test server may answer
/// for the region. So files of this crate say where they come from, and a key of another origin finds nothing. A file
/// of the AWS CLI does not say it, and counts as from AWS.
///
/// ```
/// use sso_cache::{Identity, RoleKey};
/// let key = RoleKey::new(&Identity::SessionName("corp".to_owned()), "012345678901", "ReadOnly");
/// assert_eq!(key.file_name(), "5ecc9e71a9fa791801fc4f42a0630ff7ffa1963d.json");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoleKey {
    pub(super) identity: Identity,
    pub(super) account_id: String,
    pub(super) role_name: String,
    pub(super) start_url: Option<String>,
    pub(super) endpoint: Option<String>,
}

impl RoleKey {
    /// Creates a key. The account's id has twelve digits.
    #[must_use]
    pub fn new(identity: &Identity, account_id: impl Into<String>, role_name: impl Into<String>) -> Self {
        let (account_id, role_name) = (account_id.into(), role_name.into());
        Self { identity: identity.clone(), account_id, role_name, start_url: None, endpoint: None }
    }

    /// Sets the start URL of the portal.
    ///
    /// ```
    /// # use oidc_proto::{Secret, UnixSeconds, portal::RoleCredentials};
    /// # use sso_cache::{Identity, RoleCredentialsCache, RoleKey};
    /// # let home = tempfile::tempdir()?;
    /// # let cache = RoleCredentialsCache::at(home.path().join("cache"));
    /// # let end = UnixSeconds::new(1_900_000_000);
    /// # let credentials = RoleCredentials::new("ASIAEXAMPLE", Secret::from("key"), Secret::from("token"), end);
    /// let key = RoleKey::new(&Identity::SessionName("corp".to_owned()), "012345678901", "ReadOnly");
    /// let before = key.clone().with_start_url("https://d-1111111111.awsapps.com/start");
    /// cache.save(&before, &credentials)?;
    /// assert_eq!(cache.load(&key.with_start_url("https://d-2222222222.awsapps.com/start")), None);
    /// assert_eq!(cache.load(&before), Some(credentials));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_start_url(mut self, start_url: impl Into<String>) -> Self {
        self.start_url = Some(start_url.into());
        self
    }

    /// Sets the endpoint of the portal API, if it is not one of AWS's own.
    ///
    /// ```
    /// # use oidc_proto::{Endpoint, Secret, UnixSeconds, portal::RoleCredentials};
    /// # use sso_cache::{Identity, RoleCredentialsCache, RoleKey};
    /// # let home = tempfile::tempdir()?;
    /// # let cache = RoleCredentialsCache::at(home.path().join("cache"));
    /// # let end = UnixSeconds::new(1_900_000_000);
    /// # let credentials = RoleCredentials::new("ASIAEXAMPLE", Secret::from("key"), Secret::from("token"), end);
    /// let at_aws = RoleKey::new(&Identity::SessionName("corp".to_owned()), "012345678901", "ReadOnly");
    /// let in_a_test = at_aws.clone().with_endpoint(&Endpoint::custom("http://127.0.0.1:8080")?);
    /// cache.save(&in_a_test, &credentials)?;
    /// assert_eq!(cache.load(&at_aws), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: &Endpoint) -> Self {
        self.endpoint = Some(endpoint.to_string());
        self
    }

    /// Returns whether credentials in a file of this key's name are those that the key means.
    pub(super) fn is_of(&self, contents: &Contents<'_>) -> bool {
        let is_of_portal = match (&self.start_url, &contents.start_url) {
            (Some(wanted), Some(found)) => wanted == found,
            _ => true,
        };
        is_of_portal && self.endpoint.as_deref() == contents.endpoint.as_deref()
    }

    /// Returns the file's name: the SHA-1 of the key as minified JSON with sorted members, and `.json`, as in the AWS
    /// CLI.
    #[must_use]
    pub fn file_name(&self) -> String {
        let mut json = "{\"accountId\":".to_owned();
        python::push_text(&mut json, &self.account_id);
        json.push_str(",\"roleName\":");
        python::push_text(&mut json, &self.role_name);
        json.push_str(match &self.identity {
            Identity::SessionName(_) => ",\"sessionName\":",
            Identity::StartUrl(_) => ",\"startUrl\":",
        });
        python::push_text(&mut json, self.identity.as_str());
        json.push('}');
        identity::file_name(&json)
    }
}

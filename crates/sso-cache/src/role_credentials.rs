//! The credentials of roles that the AWS CLI keeps in `~/.aws/cli/cache`.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use oidc_proto::portal::RoleCredentials;
use oidc_proto::{Endpoint, Secret, UnixSeconds};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::files::{self, Found, MAX_FILE};
use crate::{Cache, CacheError, Guard, Identity, identity, python, time};

/// The kind of credentials that a sign-in gives.
const SSO: &str = "sso";

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
    identity: Identity,
    account_id: String,
    role_name: String,
    start_url: Option<String>,
    endpoint: Option<String>,
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
    fn is_of(&self, contents: &Contents<'_>) -> bool {
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

/// The directory of role credentials, which the AWS CLI shares. The service keeps them valid to their expiry, whatever
/// becomes of the sign-in. So a sign-out removes them, and a new sign-in does, which may be another person's.
///
/// ```
/// use core::time::Duration;
/// use oidc_proto::portal::RoleCredentials;
/// use oidc_proto::{Secret, UnixSeconds};
/// use sso_cache::{Identity, RoleCredentialsCache, RoleKey};
///
/// # let home = tempfile::tempdir()?;
/// # let home = home.path();
/// let cache = RoleCredentialsCache::at(RoleCredentialsCache::default_dir(home));
/// let key = RoleKey::new(&Identity::SessionName("corp".to_owned()), "012345678901", "ReadOnly");
/// assert_eq!(cache.load(&key), None);
/// let _guard = cache.lock(&key, Duration::from_secs(10))?; // one of many processes asks the portal
/// let end = UnixSeconds::new(1_900_000_000);
/// let credentials = RoleCredentials::new("ASIAEXAMPLE", Secret::from("key"), Secret::from("token"), end);
/// cache.save(&key, &credentials)?;
/// assert_eq!(cache.load(&key), Some(credentials));
/// assert!(cache.remove(&key)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleCredentialsCache {
    files: Cache,
}

impl RoleCredentialsCache {
    /// Creates a cache in this directory, which need not exist yet.
    #[must_use]
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { files: Cache::at(dir) }
    }

    /// Returns the directory of the AWS CLI: `.aws/cli/cache` in the home directory.
    #[must_use]
    pub fn default_dir(home: &Path) -> PathBuf {
        home.join(".aws").join("cli").join("cache")
    }

    /// Returns the directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.files.dir()
    }

    /// Reads the credentials under this key. A file that cannot be read, or is of another portal or endpoint, counts as
    /// absent, because the portal gives other credentials at any time.
    #[must_use]
    pub fn load(&self, key: &RoleKey) -> Option<RoleCredentials> {
        read(&read_file(&self.dir().join(key.file_name()))?, key)
    }

    /// Writes the credentials, whole or not at all, readable by their owner only.
    ///
    /// ```
    /// # use oidc_proto::portal::RoleCredentials;
    /// # use oidc_proto::{Secret, UnixSeconds};
    /// # use sso_cache::{Identity, RoleCredentialsCache, RoleKey};
    /// # let home = tempfile::tempdir()?;
    /// # let cache = RoleCredentialsCache::at(home.path().join("cache"));
    /// # let key = RoleKey::new(&Identity::SessionName("corp".to_owned()), "012345678901", "ReadOnly");
    /// # let end = UnixSeconds::new(1_900_000_000);
    /// # let credentials = RoleCredentials::new("ASIAEXAMPLE", Secret::from("key"), Secret::from("token"), end);
    /// cache.save(&key, &credentials)?;
    /// assert!(cache.dir().join(key.file_name()).exists());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The directory cannot be created, or the file cannot be written.
    pub fn save(&self, key: &RoleKey, credentials: &RoleCredentials) -> Result<(), CacheError> {
        self.files.make_dir()?;
        let name = key.file_name();
        self.files.write(&name, &write(key, credentials)).map_err(|source| CacheError::Io {
            action: "write",
            path: self.dir().join(&name),
            source,
        })
    }

    /// Takes the lock on this key, as [`Cache::lock`] does. Its holder asks the portal, and the others wait for what it
    /// stores.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use sso_cache::{Identity, RoleCredentialsCache, RoleKey};
    /// # let home = tempfile::tempdir()?;
    /// # let cache = RoleCredentialsCache::at(home.path().join("cache"));
    /// # let key = RoleKey::new(&Identity::SessionName("corp".to_owned()), "012345678901", "ReadOnly");
    /// let _guard = cache.lock(&key, Duration::ZERO)?;
    /// assert!(cache.lock(&key, Duration::ZERO).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::lock`].
    pub fn lock(&self, key: &RoleKey, at_most: Duration) -> Result<Guard, CacheError> {
        self.files.lock_file(&key.file_name(), at_most)
    }

    /// Deletes the credentials under this key. Returns whether there were any.
    ///
    /// ```
    /// # let home = tempfile::tempdir()?;
    /// # use sso_cache::{Identity, RoleCredentialsCache, RoleKey};
    /// let cache = RoleCredentialsCache::at(home.path());
    /// let key = RoleKey::new(&Identity::SessionName("corp".to_owned()), "012345678901", "ReadOnly");
    /// assert!(!cache.remove(&key)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The file cannot be deleted.
    pub fn remove(&self, key: &RoleKey) -> Result<bool, CacheError> {
        self.files.remove(&key.file_name())
    }

    /// Deletes the credentials that this crate has stored for a session or start URL, and returns their number. The AWS
    /// CLI does not write whose its files are.
    ///
    /// ```
    /// # let home = tempfile::tempdir()?;
    /// # use sso_cache::{Identity, RoleCredentialsCache};
    /// let cache = RoleCredentialsCache::at(home.path());
    /// assert_eq!(cache.remove_of(&Identity::SessionName("corp".to_owned()))?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::remove_all`].
    pub fn remove_of(&self, identity: &Identity) -> Result<usize, CacheError> {
        self.remove_if(|contents| contents.identity.as_deref() == Some(identity.as_str()))
    }

    /// Deletes the credentials of all sign-ins, and returns their number. Those of an assumed role stay, as in the AWS
    /// CLI.
    ///
    /// ```
    /// # use sso_cache::RoleCredentialsCache;
    /// # let home = tempfile::tempdir()?;
    /// # let cache = RoleCredentialsCache::at(home.path().join("cache"));
    /// std::fs::create_dir(cache.dir())?;
    /// std::fs::write(cache.dir().join("a.json"), r#"{"ProviderType":"sso"}"#)?;
    /// std::fs::write(cache.dir().join("b.json"), r#"{"ProviderType":"assume-role"}"#)?;
    /// assert_eq!(cache.remove_all()?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The directory cannot be read, or a file cannot be deleted.
    pub fn remove_all(&self) -> Result<usize, CacheError> {
        self.remove_if(|_| true)
    }

    fn remove_if(&self, is_meant: impl Fn(&Kind<'_>) -> bool) -> Result<usize, CacheError> {
        let entries = match std::fs::read_dir(self.dir()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
            Err(source) => {
                return Err(CacheError::Io { action: "list", path: self.dir().to_owned(), source });
            }
        };
        let mut removed = 0;
        for entry in entries.flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let Some(name) = name.to_str().filter(|name| name.ends_with(".json")) else { continue };
            let is_ours = read_file(&path).is_some_and(|bytes| {
                serde_json::from_slice::<Kind<'_>>(&bytes)
                    .is_ok_and(|kind| kind.provider_type == SSO && is_meant(&kind))
            });
            if is_ours {
                removed += usize::from(self.files.remove(name)?);
            }
        }
        Ok(removed)
    }
}

/// Returns the contents of a regular file of a sensible size.
fn read_file(path: &Path) -> Option<Zeroizing<Vec<u8>>> {
    match files::read(path) {
        Ok(Found::Bytes(bytes)) if bytes.len() as u64 <= MAX_FILE => Some(bytes),
        _ => None,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Kind<'a> {
    #[serde(borrow)]
    provider_type: Cow<'a, str>,
    #[serde(borrow, default)]
    identity: Option<Cow<'a, str>>,
}

/// The contents of a file.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Contents<'a> {
    #[serde(borrow)]
    provider_type: Cow<'a, str>,
    credentials: Members<'a>,
    /// The session or start URL. The AWS CLI neither writes nor reads this member and those after it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    identity: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    start_url: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    endpoint: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Members<'a> {
    #[serde(borrow)]
    access_key_id: Cow<'a, str>,
    #[serde(borrow)]
    secret_access_key: Cow<'a, str>,
    #[serde(borrow)]
    session_token: Cow<'a, str>,
    #[serde(borrow)]
    expiration: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    account_id: Option<Cow<'a, str>>,
}

fn read(bytes: &[u8], key: &RoleKey) -> Option<RoleCredentials> {
    let contents: Contents<'_> = serde_json::from_slice(bytes).ok()?;
    if contents.provider_type != SSO || !key.is_of(&contents) {
        return None;
    }
    let found = contents.credentials;
    let end: UnixSeconds = time::parse(&found.expiration)?;
    let [secret, token] = [found.secret_access_key, found.session_token].map(|text| Secret::from(&*text));
    Some(RoleCredentials::new(found.access_key_id, secret, token, end))
}

fn write(key: &RoleKey, credentials: &RoleCredentials) -> Zeroizing<Vec<u8>> {
    let contents = Contents {
        provider_type: SSO.into(),
        credentials: Members {
            access_key_id: credentials.access_key_id.as_str().into(),
            secret_access_key: credentials.secret_access_key.expose().into(),
            session_token: credentials.session_token.expose().into(),
            expiration: time::format_time(credentials.expiration).into(),
            account_id: Some(key.account_id.as_str().into()),
        },
        identity: Some(key.identity.as_str().into()),
        start_url: key.start_url.as_deref().map(Cow::Borrowed),
        endpoint: key.endpoint.as_deref().map(Cow::Borrowed),
    };
    // Large enough not to grow, which would leave copies of secrets.
    let mut bytes = Zeroizing::new(Vec::with_capacity(16_384));
    let done = serde_json::to_writer(&mut *bytes, &contents);
    debug_assert!(done.is_ok(), "texts always serialize");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_as_by_botocore() {
        // hashlib.sha1(json.dumps({...}, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
        for (identity, hash) in [
            (Identity::SessionName("équipe \"a\"".to_owned()), "ac90ea5a954061088c7aa75d11ed7c678eca2d2e"),
            (
                Identity::StartUrl("https://d-92671207e4.awsapps.com/start".to_owned()),
                "d70c38ce53ed4bc282143d5a94b598aa7ecb75aa",
            ),
        ] {
            let key = RoleKey::new(&identity, "012345678901", "Power/User");
            assert_eq!(key.file_name(), format!("{hash}.json"), "{identity:?}");
        }
    }

    const OF_THE_AWS_CLI: &str = r#"{"ProviderType": "sso", "Credentials": {"AccessKeyId": "A",
        "SecretAccessKey": "s\u00e9", "SessionToken": "t", "Expiration": "2008-09-23T12:43:20UTC",
        "AccountId": "012345678901"}}"#;

    fn key() -> RoleKey {
        RoleKey::new(&Identity::SessionName("corp".to_owned()), "012345678901", "ReadOnly")
    }

    #[test]
    fn a_file_of_the_aws_cli_is_read_and_any_other_counts_as_absent() {
        let text = OF_THE_AWS_CLI;
        let found = read(text.as_bytes(), &key()).unwrap();
        assert_eq!((found.access_key_id.as_str(), found.secret_access_key.expose()), ("A", "sé"));
        assert_eq!(found.expiration, UnixSeconds::new(1_222_173_800));
        for other in [
            text.replace("\"sso\"", "\"assume-role\""),
            text.replace("SessionToken", "Other"),
            text.replace("2008-09-23T12:43:20UTC", "soon"),
            text.replace("}}", "}"),
            String::new(),
        ] {
            assert_eq!(read(other.as_bytes(), &key()), None, "{other}");
        }
    }

    #[test]
    fn credentials_of_another_portal_or_endpoint_count_as_absent() {
        let at = |url: &str| key().with_endpoint(&Endpoint::custom(url).unwrap());
        let [one, other] = ["https://one.example/start", "https://other.example/start"];
        let end = UnixSeconds::new(1_900_000_000);
        let credentials = RoleCredentials::new("A", Secret::from("s"), Secret::from("t"), end);
        for (wanted, found, is_taken) in [
            (key(), key(), true),
            (key().with_start_url(one), key().with_start_url(one), true),
            (key().with_start_url(one), key().with_start_url(other), false),
            (key().with_start_url(one), key(), true),
            (at("http://127.0.0.1:1"), at("http://127.0.0.1:1"), true),
            (at("http://127.0.0.1:1"), at("http://127.0.0.1:2"), false),
            (at("http://127.0.0.1:1"), key(), false),
            (key(), at("http://127.0.0.1:1"), false),
        ] {
            let read = read(&write(&found, &credentials), &wanted);
            assert_eq!(read, is_taken.then(|| credentials.clone()), "{wanted:?} in {found:?}");
        }
        // Credentials that the AWS CLI got from AWS must not get into a test.
        assert_eq!(read(OF_THE_AWS_CLI.as_bytes(), &at("http://127.0.0.1:1")), None);
    }
}

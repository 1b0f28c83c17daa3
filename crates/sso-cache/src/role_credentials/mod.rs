//! The credentials of roles that the AWS CLI keeps in `~/.aws/cli/cache`.

mod contents;
mod key;

use std::path::{Path, PathBuf};
use std::time::Duration;

use oidc_proto::UnixSeconds;
use oidc_proto::portal::RoleCredentials;

pub(crate) use self::contents::entry;
use self::contents::{Kind, SSO, read, read_file, write};
pub use self::key::RoleKey;
use crate::{Cache, CacheError, Content, Entry, Guard, Identity};

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
    /// The directory cannot be read, or a file cannot be deleted; the others are.
    pub fn remove_all(&self) -> Result<usize, CacheError> {
        self.remove_if(|_| true)
    }

    /// Returns the files of the directory and of the locks beside it, as [`Cache::entries`] does.
    ///
    /// ```
    /// # use sso_cache::{Content, RoleCredentialsCache};
    /// # let home = tempfile::tempdir()?;
    /// # let cache = RoleCredentialsCache::at(home.path().join("cache"));
    /// std::fs::create_dir(cache.dir())?;
    /// std::fs::write(cache.dir().join("notes.txt"), "")?;
    /// assert!(matches!(cache.entries()?.next().map(|entry| entry.content), Some(Content::Foreign)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::entries`].
    pub fn entries(&self) -> Result<impl Iterator<Item = Entry>, CacheError> {
        let entries = self.files.entries()?;
        Ok(entries.map(|mut entry| {
            // They have no place here, so another tool has put them there.
            if matches!(entry.content, Content::Token(_) | Content::Registration(_)) {
                entry.content = Content::Foreign;
            }
            entry
        }))
    }

    /// Removes a file of [`Self::entries`] that is still garbage, as [`Cache::remove_garbage`] does.
    ///
    /// ```
    /// # use oidc_proto::UnixSeconds;
    /// # use sso_cache::RoleCredentialsCache;
    /// # let home = tempfile::tempdir()?;
    /// # let cache = RoleCredentialsCache::at(home.path().join("cache"));
    /// # std::fs::create_dir(cache.dir())?;
    /// std::fs::write(cache.dir().join("notes.txt"), "")?;
    /// let entry = cache.entries()?.next().ok_or("the file")?;
    /// assert!(!cache.remove_garbage(&entry, UnixSeconds::new(1_800_000_000))?, "another tool's");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::remove_garbage`].
    pub fn remove_garbage(&self, entry: &Entry, now: UnixSeconds) -> Result<bool, CacheError> {
        self.files.remove_garbage(entry, now)
    }

    fn remove_if(&self, is_meant: impl Fn(&Kind<'_>) -> bool) -> Result<usize, CacheError> {
        let entries = match std::fs::read_dir(self.dir()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
            Err(source) => {
                return Err(CacheError::Io { action: "list", path: self.dir().to_owned(), source });
            }
        };
        let (mut removed, mut failed) = (0, None);
        for entry in entries.flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let Some(name) = name.to_str().filter(|name| name.ends_with(".json")) else { continue };
            let is_ours = read_file(&path).is_some_and(|bytes| {
                serde_json::from_slice::<Kind<'_>>(&bytes)
                    .is_ok_and(|kind| kind.provider_type == SSO && is_meant(&kind))
            });
            if is_ours {
                match self.files.remove(name) {
                    Ok(was_there) => removed += usize::from(was_there),
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
        }
        failed.map_or(Ok(removed), Err)
    }
}

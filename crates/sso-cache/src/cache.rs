//! The cache directory, and the operations on its files.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use crate::document::{self, Corruption, Known};
use crate::files::{self, Found, MAX_FILE};
use crate::{CacheError, CachedRegistration, CachedToken, Identity, RegistrationKey, patiently, platform};

/// A cache directory.
///
/// Reading needs no lock, because files are replaced whole. A program that reads in order to write (to
/// refresh a token or to sign in) must take the [`Cache::lock`] and then read again. Another process may have
/// done the work.
///
/// ```
/// use std::path::Path;
/// use sso_cache::{Cache, Identity};
///
/// let cache = Cache::at(Cache::default_dir(Path::new("/home/ada")));
/// assert_eq!(cache.dir(), Path::new("/home/ada/.aws/sso/cache"));
/// let file = cache.token_path(&Identity::SessionName("corp".to_owned()));
/// assert!(file.starts_with(cache.dir()));
/// // Nothing but tokens and registrations is in the cache: there are tools that read every file of it.
/// assert_eq!(cache.private_dir(), Path::new("/home/ada/.aws/sso/sso-oidc"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    dir: PathBuf,
    private_dir: PathBuf,
}

impl Cache {
    /// Creates a cache in this directory, which need not exist yet.
    #[must_use]
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        let dir = dir.into();
        Self { private_dir: private_dir_of(&dir), dir }
    }

    /// Returns the directory of AWS's tools: `.aws/sso/cache` in the home directory. No variable changes it.
    #[must_use]
    pub fn default_dir(home: &Path) -> PathBuf {
        home.join(".aws").join("sso").join("cache")
    }

    /// Returns the directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the directory of locks, temporary files and corrupt files. It is beside the cache: `sso-oidc`
    /// beside a directory `cache`, and `NAME.sso-oidc` beside any other.
    #[must_use]
    pub fn private_dir(&self) -> &Path {
        &self.private_dir
    }

    /// Returns the path of this identity's token, which may not exist.
    #[must_use]
    pub fn token_path(&self, identity: &Identity) -> PathBuf {
        self.dir.join(identity.file_name())
    }

    /// Returns the path of the registration under this key, which may not exist.
    #[must_use]
    pub fn registration_path(&self, key: &RegistrationKey) -> PathBuf {
        self.dir.join(key.file_name())
    }

    /// Reads the token of this identity; `None` if there is none.
    ///
    /// ```
    /// # let home = tempfile::tempdir()?;
    /// # let dir = home.path().join("cache");
    /// # std::fs::create_dir(&dir)?;
    /// # let identity = sso_cache::Identity::SessionName("corp".to_owned());
    /// let cache = sso_cache::Cache::at(&dir);
    /// assert_eq!(cache.token(&identity)?, None);
    /// std::fs::write(cache.token_path(&identity), r#"{"accessToken":"t","expiresAt":"2030-01-01T00:00:00Z"}"#)?;
    /// let token = cache.token(&identity)?.ok_or("it is there now")?;
    /// assert_eq!(token.access_token.expose(), "t");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The file is corrupt or unreadable.
    pub fn token(&self, identity: &Identity) -> Result<Option<CachedToken>, CacheError> {
        self.load(&identity.file_name(), CachedToken::read)
    }

    /// Returns the tokens of all portals, with their paths. A file counts if it has the name of a token file, a start
    /// URL and a region. Some tools keep other tokens in this directory. Unreadable files are skipped.
    ///
    /// ```
    /// # let home = tempfile::tempdir()?;
    /// # let dir = home.path().join("cache");
    /// # std::fs::create_dir(&dir)?;
    /// # let identity = sso_cache::Identity::SessionName("corp".to_owned());
    /// let cache = sso_cache::Cache::at(&dir);
    /// let text = r#"{"accessToken":"t","expiresAt":"2030-01-01T00:00:00Z","region":"eu-west-1",
    ///     "startUrl":"https://d-1.awsapps.com/start"}"#;
    /// std::fs::write(cache.token_path(&identity), text)?;
    /// std::fs::write(dir.join("another-tool.json"), text)?;
    /// let found = cache.tokens()?;
    /// assert_eq!(found.len(), 1);
    /// assert_eq!(found[0].0, cache.token_path(&identity));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The directory is unreadable.
    pub fn tokens(&self) -> Result<Vec<(PathBuf, CachedToken)>, CacheError> {
        let entries = match std::fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => {
                return Err(CacheError::Io { action: "list", path: self.dir.clone(), source });
            }
        };
        let of_entry = |entry: std::fs::DirEntry| {
            let name = entry.file_name().to_str().filter(|name| files::is_file_name(name))?.to_owned();
            let token = self.load(&name, CachedToken::read).ok()??;
            (token.start_url.is_some() && token.region.is_some()).then(|| (entry.path(), token))
        };
        let mut found: Vec<_> = entries.flatten().filter_map(of_entry).collect();
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(found)
    }

    /// Reads the registration under this key; `None` if there is none.
    ///
    /// ```
    /// # use oidc_proto::{Client, Registration, Secret, UnixSeconds};
    /// # use sso_cache::{Cache, CachedRegistration, RegistrationKey};
    /// # let home = tempfile::tempdir()?;
    /// # let dir = home.path().join("cache");
    /// # std::fs::create_dir(&dir)?;
    /// # let cache = Cache::at(&dir);
    /// # let client = Client::new("id", Secret::from("secret"));
    /// # let registration = Registration::new(client).with_expiry(UnixSeconds::new(1_900_000_000));
    /// # let registered = CachedRegistration::new(registration);
    /// let key = RegistrationKey::new("https://d-1.awsapps.com/start", "eu-west-1");
    /// assert_eq!(cache.registration(&key)?, None);
    /// cache.save_registration(&key, &registered)?;
    /// assert_eq!(cache.registration(&key)?, Some(registered));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The file is corrupt or unreadable.
    pub fn registration(&self, key: &RegistrationKey) -> Result<Option<CachedRegistration>, CacheError> {
        self.load(&key.file_name(), CachedRegistration::read)
    }

    /// Searches for the registration of this client under any key; `None` if there is none. It has the scopes
    /// of the client's tokens, which the tokens lack.
    ///
    /// Unreadable files are skipped.
    ///
    /// ```
    /// # use oidc_proto::{Client, Registration, Secret, UnixSeconds};
    /// # use sso_cache::{Cache, CachedRegistration, RegistrationKey};
    /// # let home = tempfile::tempdir()?;
    /// # let dir = home.path().join("cache");
    /// # std::fs::create_dir(&dir)?;
    /// # let cache = Cache::at(&dir);
    /// # let client = Client::new("id", Secret::from("secret"));
    /// # let registration = Registration::new(client).with_expiry(UnixSeconds::new(1_900_000_000));
    /// let scopes = Some(vec!["sso:account:access".to_owned()]);
    /// let key = RegistrationKey::new("https://d-1.awsapps.com/start", "eu-west-1");
    /// cache.save_registration(&key, &CachedRegistration::new(registration).with_scopes(scopes.clone()))?;
    /// assert_eq!(cache.registration_of("id")?.and_then(|found| found.scopes), scopes);
    /// assert_eq!(cache.registration_of("another id")?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The directory is unreadable.
    pub fn registration_of(&self, client_id: &str) -> Result<Option<CachedRegistration>, CacheError> {
        let failed = |source| CacheError::Io { action: "list", path: self.dir.clone(), source };
        let entries = match std::fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let Ok(Found::Bytes(bytes)) = files::read(&path) else { continue };
            // A token file has the client's id too.
            if CachedToken::read(&bytes).is_ok() {
                continue;
            }
            match CachedRegistration::read(&bytes) {
                Ok(found) if found.registration.client.id == client_id => return Ok(Some(found)),
                _ => {}
            }
        }
        Ok(None)
    }

    /// Writes the token of this identity, whole or not at all, readable by its owner only. Unknown members of
    /// an existing file are kept.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use oidc_proto::{Secret, Token, UnixSeconds};
    /// # use sso_cache::{Cache, CachedToken, Identity};
    /// # let home = tempfile::tempdir()?;
    /// # let dir = home.path().join("cache");
    /// # std::fs::create_dir(&dir)?;
    /// # let cache = Cache::at(&dir);
    /// # let identity = Identity::SessionName("corp".to_owned());
    /// # let file = cache.token_path(&identity);
    /// # let old = r#"{"accessToken":"old","expiresAt":"2020-01-01T00:00:00Z","theirs":1}"#;
    /// std::fs::write(&file, old)?; // what another tool left there
    /// let answer = Token::bearer(Secret::from("new"), Duration::from_secs(3600));
    /// cache.save_token(&identity, &CachedToken::new(&answer, UnixSeconds::new(1_900_000_000), None))?;
    /// let text = std::fs::read_to_string(&file)?;
    /// assert!(text.contains("new") && text.contains("theirs") && !text.contains("old"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The directory cannot be created, or the file cannot be written.
    pub fn save_token(&self, identity: &Identity, token: &CachedToken) -> Result<(), CacheError> {
        self.save(&identity.file_name(), &token.members())
    }

    /// Writes the registration under this key, as [`Cache::save_token`] does.
    ///
    /// ```
    /// # use oidc_proto::{Client, Registration, Secret, UnixSeconds};
    /// # use sso_cache::{Cache, CachedRegistration, RegistrationKey};
    /// # let home = tempfile::tempdir()?;
    /// # let dir = home.path().join("cache");
    /// # std::fs::create_dir(&dir)?;
    /// # let cache = Cache::at(&dir);
    /// let key = RegistrationKey::new("https://d-1.awsapps.com/start", "eu-west-1");
    /// let client = Client::new("id", Secret::from("secret"));
    /// let registration = Registration::new(client).with_expiry(UnixSeconds::new(1_900_000_000));
    /// cache.save_registration(&key, &CachedRegistration::new(registration))?;
    /// assert!(cache.registration_path(&key).exists());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The directory cannot be created, or the file cannot be written.
    pub fn save_registration(
        &self,
        key: &RegistrationKey,
        registration: &CachedRegistration,
    ) -> Result<(), CacheError> {
        self.save(&key.file_name(), &registration.members())
    }

    /// Deletes the token of this identity. Returns whether there was one.
    ///
    /// ```
    /// # let home = tempfile::tempdir()?;
    /// # let dir = home.path().join("cache");
    /// # std::fs::create_dir(&dir)?;
    /// # let cache = sso_cache::Cache::at(&dir);
    /// # let identity = sso_cache::Identity::SessionName("corp".to_owned());
    /// std::fs::write(cache.token_path(&identity), "{}")?;
    /// assert!(cache.remove_token(&identity)?);
    /// assert!(!cache.remove_token(&identity)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The file cannot be deleted.
    pub fn remove_token(&self, identity: &Identity) -> Result<bool, CacheError> {
        self.remove(&identity.file_name())
    }

    /// Deletes the registration under this key, for a client that the service rejects. Returns whether there
    /// was one.
    ///
    /// ```
    /// # let home = tempfile::tempdir()?;
    /// # let dir = home.path().join("cache");
    /// # std::fs::create_dir(&dir)?;
    /// # let cache = sso_cache::Cache::at(&dir);
    /// let key = sso_cache::RegistrationKey::new("https://d-1.awsapps.com/start", "eu-west-1");
    /// std::fs::write(cache.registration_path(&key), "{}")?;
    /// assert!(cache.remove_registration(&key)?);
    /// assert!(!cache.remove_registration(&key)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The file cannot be deleted.
    pub fn remove_registration(&self, key: &RegistrationKey) -> Result<bool, CacheError> {
        self.remove(&key.file_name())
    }

    /// Returns a directory of the cache's path that other users may write to, if any: they could replace this
    /// user's token by theirs. It checks the cache's two directories, and two above them. Group permission
    /// counts, unless the group's number is the owner's.
    ///
    /// ```
    /// # let home = tempfile::tempdir()?;
    /// let cache = sso_cache::Cache::at(sso_cache::Cache::default_dir(home.path()));
    /// let identity = sso_cache::Identity::SessionName("corp".to_owned());
    /// let _guard = cache.lock(&identity, core::time::Duration::ZERO)?;
    /// assert_eq!(cache.open_to_others(), None);
    /// # #[cfg(unix)] {
    /// # use std::os::unix::fs::PermissionsExt as _;
    /// std::fs::set_permissions(cache.dir(), std::fs::Permissions::from_mode(0o777))?;
    /// assert_eq!(cache.open_to_others(), Some(cache.dir()));
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn open_to_others(&self) -> Option<&Path> {
        let is_open = |dir: &Path| dir.metadata().is_ok_and(|found| platform::is_open_to_others(&found));
        // Further up, permission to only add to a directory is harmless.
        let is_loose =
            |dir: &Path| is_open(dir) && dir.metadata().is_ok_and(|found| !platform::is_sticky(&found));
        let above = self.dir.ancestors().skip(1).take(2).filter(|dir| is_loose(dir));
        [self.dir(), self.private_dir()].into_iter().filter(|dir| is_open(dir)).chain(above).next()
    }

    pub(crate) fn load<T>(
        &self,
        file_name: &str,
        read: impl FnOnce(&[u8]) -> Result<T, Corruption>,
    ) -> Result<Option<T>, CacheError> {
        let path = self.dir.join(file_name);
        match files::read(&path) {
            Ok(Found::Bytes(bytes)) if bytes.len() as u64 > MAX_FILE => {
                Err(CacheError::Corrupt { path, reason: Corruption::TooLarge })
            }
            Ok(Found::Bytes(bytes)) => match read(&bytes) {
                Ok(content) => Ok(Some(content)),
                Err(reason) => Err(CacheError::Corrupt { path, reason }),
            },
            Ok(Found::NotAFile) => Err(CacheError::Corrupt { path, reason: Corruption::NotAFile }),
            Ok(Found::Nothing) => Ok(None),
            Err(source) => Err(CacheError::Io { action: "read", path, source }),
        }
    }

    fn save(&self, file_name: &str, members: &[(&'static str, Known<'_>)]) -> Result<(), CacheError> {
        self.make_dir()?;
        let path = self.dir.join(file_name);
        // An unreadable file has nothing to keep, and must not prevent the write of a new token.
        let existing = match files::read(&path) {
            Ok(Found::Bytes(bytes)) if bytes.len() as u64 <= MAX_FILE => Some(bytes),
            _ => None,
        };
        let bytes = document::write(members, existing.as_deref().map(Vec::as_slice));
        self.write(file_name, &bytes).map_err(|source| CacheError::Io { action: "write", path, source })
    }

    pub(crate) fn remove(&self, file_name: &str) -> Result<bool, CacheError> {
        let path = self.dir.join(file_name);
        match patiently(|| std::fs::remove_file(&path)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(CacheError::Io { action: "delete", path, source }),
        }
    }

    /// Creates the directory and its parents, for the owner only. An existing one keeps its mode, because
    /// others may rely on it.
    pub(crate) fn make_dir(&self) -> Result<(), CacheError> {
        platform::make_dir(&self.dir).map_err(|source| CacheError::Io {
            action: "create the directory",
            path: self.dir.clone(),
            source,
        })
    }

    pub(crate) fn make_private_dir(&self) -> io::Result<()> {
        platform::make_dir(&self.private_dir)
    }
}

fn private_dir_of(dir: &Path) -> PathBuf {
    // Gives a path such as `.` a name. A path that still has none, such as `/`, has no sibling and stays.
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    match dir.file_name() {
        Some(name) if name == OsStr::new("cache") => dir.with_file_name("sso-oidc"),
        Some(name) => {
            let mut name = name.to_owned();
            name.push(".sso-oidc");
            dir.with_file_name(name)
        }
        None => dir.join(".sso-oidc"),
    }
}

//! The directory: files that are never torn, never readable by others, and locked while they are renewed.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::document::{self, Corruption, Known};
use crate::{CachedRegistration, CachedToken, Identity, RegistrationKey};

/// A cache directory.
///
/// Reading needs no lock, because files are replaced whole. Whoever reads in order to write (refreshes a token, signs
/// in because there is none) takes the [`Cache::lock`] first and reads once more behind it: another process may just
/// have done the work.
///
/// ```
/// use std::path::Path;
/// use sso_cache::{Cache, Identity};
///
/// let cache = Cache::at(Cache::default_dir(Path::new("/home/ada")));
/// assert_eq!(cache.dir(), Path::new("/home/ada/.aws/sso/cache"));
/// let file = cache.token_path(&Identity::SessionName("corp".to_owned()));
/// assert!(file.starts_with(cache.dir()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    dir: PathBuf,
}

/// Why the cache could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// A file is there and of no use. A caller treats that as no file, and may [`Cache::set_aside`] it.
    #[error("the cache file {} is of no use: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: Corruption,
    },
    /// Another process holds the lock.
    #[error("another process is using the cache (it holds a lock on {})", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb: `read`, `write`, `lock` and the like.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl CacheError {
    /// The file, if the error is that it is corrupt.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let cache = sso_cache::Cache::at(dir.path());
    /// # let identity = sso_cache::Identity::SessionName("corp".to_owned());
    /// std::fs::write(cache.token_path(&identity), "{")?;
    /// let error = cache.token(&identity).unwrap_err();
    /// if let Some(file) = error.corrupt_file() {
    ///     let aside = cache.set_aside(file)?;
    ///     assert!(aside.is_some_and(|aside| aside.exists()));
    /// }
    /// assert_eq!(cache.token(&identity)?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn corrupt_file(&self) -> Option<&Path> {
        match self {
            Self::Corrupt { path, .. } => Some(path),
            Self::Locked { .. } | Self::Io { .. } => None,
        }
    }
}

/// The right to renew what is kept for one identity; given back on drop.
#[derive(Debug)]
#[must_use = "the lock is given back as soon as this is dropped"]
pub struct Guard {
    /// Closing the file gives the lock back.
    _file: File,
}

/// No token or registration comes near this; a larger file is not read.
const MAX_FILE: u64 = 1 << 20;

/// How often a lock that is held is asked for again.
const LOCK_RETRY: Duration = Duration::from_millis(25);

impl Cache {
    /// The cache in this directory, which need not exist yet.
    #[must_use]
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Where AWS's tools have their cache: `.aws/sso/cache` in the home directory. No variable moves it.
    #[must_use]
    pub fn default_dir(home: &Path) -> PathBuf {
        home.join(".aws").join("sso").join("cache")
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the token of this identity is, or would be.
    #[must_use]
    pub fn token_path(&self, identity: &Identity) -> PathBuf {
        self.dir.join(identity.file_name())
    }

    /// Where the registration under this key is, or would be.
    #[must_use]
    pub fn registration_path(&self, key: &RegistrationKey) -> PathBuf {
        self.dir.join(key.file_name())
    }

    /// The token of this identity; `None` if there is none.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let identity = sso_cache::Identity::SessionName("corp".to_owned());
    /// let cache = sso_cache::Cache::at(dir.path());
    /// assert_eq!(cache.token(&identity)?, None);
    /// std::fs::write(cache.token_path(&identity), r#"{"accessToken":"t","expiresAt":"2030-01-01T00:00:00Z"}"#)?;
    /// let token = cache.token(&identity)?.ok_or("it is there now")?;
    /// assert_eq!(token.access_token.expose(), "t");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The file is corrupt or cannot be read.
    pub fn token(&self, identity: &Identity) -> Result<Option<CachedToken>, CacheError> {
        self.load(&identity.file_name(), CachedToken::read)
    }

    /// The registration under this key; `None` if there is none.
    ///
    /// ```
    /// # use oidc_proto::{Client, Registration, Secret, UnixSeconds};
    /// # use sso_cache::{Cache, CachedRegistration, RegistrationKey};
    /// # let dir = tempfile::tempdir()?;
    /// # let cache = Cache::at(dir.path());
    /// # let client = Client::new("id", Secret::from("secret"));
    /// # let registered = CachedRegistration::new(Registration::new(client).with_expiry(UnixSeconds::new(1_900_000_000)));
    /// let key = RegistrationKey::new("https://d-1.awsapps.com/start", "eu-west-1");
    /// assert_eq!(cache.registration(&key)?, None);
    /// cache.save_registration(&key, &registered)?;
    /// assert_eq!(cache.registration(&key)?, Some(registered));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The file is corrupt or cannot be read.
    pub fn registration(&self, key: &RegistrationKey) -> Result<Option<CachedRegistration>, CacheError> {
        self.load(&key.file_name(), CachedRegistration::read)
    }

    /// The registration of this client, whatever it is filed under; `None` if there is none. It knows which scopes a token
    /// has that was issued to the client: tokens do not say it.
    ///
    /// Files that cannot be read are passed over.
    ///
    /// ```
    /// # use oidc_proto::{Client, Registration, Secret, UnixSeconds};
    /// # use sso_cache::{Cache, CachedRegistration, RegistrationKey};
    /// # let dir = tempfile::tempdir()?;
    /// # let cache = Cache::at(dir.path());
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
    /// The directory cannot be read.
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
            let Ok(Some(bytes)) = read_bounded(&path) else { continue };
            // A token has the client's id as well.
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

    /// Writes the token of this identity, whole or not at all, readable by its owner only. Members of an existing file
    /// that this crate does not know are kept.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use oidc_proto::{Secret, Token, UnixSeconds};
    /// # use sso_cache::{Cache, CachedToken, Identity};
    /// # let dir = tempfile::tempdir()?;
    /// # let cache = Cache::at(dir.path());
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
    /// The directory cannot be made or the file not be written.
    pub fn save_token(&self, identity: &Identity, token: &CachedToken) -> Result<(), CacheError> {
        self.save(&identity.file_name(), &token.members())
    }

    /// Writes the registration under this key, as [`Cache::save_token`] does.
    ///
    /// ```
    /// # use oidc_proto::{Client, Registration, Secret, UnixSeconds};
    /// # use sso_cache::{Cache, CachedRegistration, RegistrationKey};
    /// # let dir = tempfile::tempdir()?;
    /// # let cache = Cache::at(dir.path());
    /// let key = RegistrationKey::new("https://d-1.awsapps.com/start", "eu-west-1");
    /// let client = Client::new("id", Secret::from("secret"));
    /// let registration = Registration::new(client).with_expiry(UnixSeconds::new(1_900_000_000));
    /// cache.save_registration(&key, &CachedRegistration::new(registration))?;
    /// assert!(cache.registration_path(&key).exists());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The directory cannot be made or the file not be written.
    pub fn save_registration(
        &self,
        key: &RegistrationKey,
        registration: &CachedRegistration,
    ) -> Result<(), CacheError> {
        self.save(&key.file_name(), &registration.members())
    }

    /// Deletes the token of this identity; says whether there was one.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let cache = sso_cache::Cache::at(dir.path());
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

    /// Deletes the registration under this key; says whether there was one. For when the service says that it does not
    /// know the client.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let cache = sso_cache::Cache::at(dir.path());
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

    /// Renames a file of the cache to `NAME.corrupt` (or `NAME.corrupt.2` and so on), so that it is out of the way and
    /// nothing is lost. Gives the new path; `None` if there was no such file.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let cache = sso_cache::Cache::at(dir.path());
    /// std::fs::write(dir.path().join("a.json"), "no JSON")?;
    /// let aside = cache.set_aside("a.json".as_ref())?.ok_or("it was there")?;
    /// assert_eq!(std::fs::read_to_string(aside)?, "no JSON");
    /// assert_eq!(cache.set_aside("a.json".as_ref())?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The file cannot be renamed.
    pub fn set_aside(&self, file: &Path) -> Result<Option<PathBuf>, CacheError> {
        let path = self.dir.join(file);
        let error = |source| CacheError::Io { action: "set aside", path: path.clone(), source };
        let mut number = 1_u32;
        loop {
            let mut aside = path.clone().into_os_string();
            aside.push(if number == 1 { ".corrupt".to_owned() } else { format!(".corrupt.{number}") });
            let aside = PathBuf::from(aside);
            if aside.symlink_metadata().is_ok() {
                number = number.checked_add(1).ok_or_else(|| error(io::ErrorKind::AlreadyExists.into()))?;
                continue;
            }
            return match std::fs::rename(&path, &aside) {
                Ok(()) => Ok(Some(aside)),
                Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(source) => Err(error(source)),
            };
        }
    }

    /// Takes the lock on what is kept for this identity, across processes, waiting at most `patience` (zero: do not
    /// wait). The lock is advisory and only this crate's: AWS's tools take none. It is on a file of its own beside the
    /// token's, `NAME.lock`, which stays behind; a process that dies gives its lock back.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use sso_cache::{Cache, CacheError, Identity};
    /// # let dir = tempfile::tempdir()?;
    /// # let cache = Cache::at(dir.path());
    /// let identity = Identity::SessionName("corp".to_owned());
    /// let guard = cache.lock(&identity, Duration::from_secs(10))?;
    /// // Somebody else, who does not want to wait:
    /// assert!(matches!(cache.lock(&identity, Duration::ZERO), Err(CacheError::Locked { .. })));
    /// drop(guard);
    /// let _again = cache.lock(&identity, Duration::ZERO)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`CacheError::Locked`] if somebody else still has it; otherwise the lock file cannot be made.
    pub fn lock(&self, identity: &Identity, patience: Duration) -> Result<Guard, CacheError> {
        self.make_dir()?;
        let path = self.dir.join(format!("{}.lock", identity.file_name()));
        let error = |source| CacheError::Io { action: "lock", path: path.clone(), source };
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        // Whoever can open the file can hold the lock, and keep its owner waiting.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(error)?;
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Guard { _file: file }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => return Err(error(source)),
            }
            let left = patience.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Err(CacheError::Locked { path });
            }
            std::thread::sleep(left.min(LOCK_RETRY));
        }
    }

    fn load<T>(
        &self,
        file_name: &str,
        read: impl FnOnce(&[u8]) -> Result<T, Corruption>,
    ) -> Result<Option<T>, CacheError> {
        let path = self.dir.join(file_name);
        match read_bounded(&path) {
            Ok(Some(bytes)) if bytes.len() as u64 > MAX_FILE => {
                Err(CacheError::Corrupt { path, reason: Corruption::TooLarge })
            }
            Ok(Some(bytes)) => match read(&bytes) {
                Ok(content) => Ok(Some(content)),
                Err(reason) => Err(CacheError::Corrupt { path, reason }),
            },
            Ok(None) => Ok(None),
            Err(source) => Err(CacheError::Io { action: "read", path, source }),
        }
    }

    fn save(&self, file_name: &str, members: &[(&'static str, Known<'_>)]) -> Result<(), CacheError> {
        self.make_dir()?;
        let path = self.dir.join(file_name);
        // What cannot be read cannot be kept, and must not keep a new token from being written.
        let existing = read_bounded(&path).ok().flatten().filter(|bytes| bytes.len() as u64 <= MAX_FILE);
        let bytes = document::write(members, existing.as_deref().map(Vec::as_slice));
        self.replace(file_name, &path, &bytes).map_err(|source| CacheError::Io {
            action: "write",
            path,
            source,
        })
    }

    /// Temporary file beside it, flushed to the disk, renamed over it: a reader sees the old file or the new one, and
    /// so does everybody after a power cut. The new file has the temporary one's mode, 0600, whatever the old one had.
    fn replace(&self, file_name: &str, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let prefix = format!(".{file_name}.");
        let mut file = tempfile::Builder::new().prefix(&prefix).suffix(".tmp").tempfile_in(&self.dir)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        // The rename itself is flushed where directories can be; where they cannot, it is as safe as it gets.
        if let Ok(dir) = File::open(&self.dir) {
            let _best_effort = dir.sync_all();
        }
        Ok(())
    }

    fn remove(&self, file_name: &str) -> Result<bool, CacheError> {
        let path = self.dir.join(file_name);
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(CacheError::Io { action: "delete", path, source }),
        }
    }

    /// Makes the directory and its parents, for the owner only. An existing one keeps its mode: others may rely on it.
    fn make_dir(&self) -> Result<(), CacheError> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.dir).map_err(|source| CacheError::Io {
            action: "create the directory",
            path: self.dir.clone(),
            source,
        })
    }
}

/// The file's bytes, at most one more than [`MAX_FILE`]; `None` if there is no file.
fn read_bounded(path: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    // Large enough for any honest file, so that it does not grow and leave copies of secrets behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(32_768));
    file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

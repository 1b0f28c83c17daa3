//! The files of the cache one by one, and which of them are of no more use.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use oidc_proto::UnixSeconds;

use crate::aside::WRITE_TIME;
use crate::document::{Corruption, Members};
use crate::files::{Leftover, is_file_name};
use crate::{Cache, CacheError, CachedRegistration, CachedToken, patiently, platform, role_credentials};

/// The time that a corrupt file is kept after it was set aside. A person who misses its token notices sooner.
const ASIDE_TIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A file of the cache or of its [private directory](Cache::private_dir).
#[derive(Debug)]
#[non_exhaustive]
pub struct Entry {
    /// The file.
    pub path: PathBuf,
    /// Its size in bytes; that of the link, if it is one.
    pub size: u64,
    /// Its permission bits, such as `0o600`. `None` if it is not a regular file, or the system has no such bits.
    pub mode: Option<u32>,
    /// The time of its last change. For [`Content::Aside`] that is when it was set aside.
    pub modified: Option<UnixSeconds>,
    /// Whether it is a regular file of this user. No other is removed.
    pub is_own: bool,
    /// What it holds.
    pub content: Content,
}

/// What a file of the cache holds. The texts and times are the file's, and secrets are
/// [`Secret`](oidc_proto::Secret)s.
#[derive(Debug)]
#[non_exhaustive]
pub enum Content {
    /// A token.
    Token(Box<CachedToken>),
    /// A registration.
    Registration(Box<CachedRegistration>),
    /// The credentials of a role, of a [`RoleCredentialsCache`](crate::RoleCredentialsCache).
    RoleCredentials(RoleCredentialsEntry),
    /// Another tool's file, by its name or its members. A file with such a name was not opened.
    Foreign,
    /// A token or registration that is corrupt or unreadable.
    Unusable(CacheError),
    /// The temporary file of a write.
    Temporary,
    /// A lock.
    Lock,
    /// A corrupt file that [`Cache::set_aside`] moved away.
    Aside,
}

/// What a file with the credentials of a role says of them. They are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoleCredentialsEntry {
    /// The session or start URL. The AWS CLI does not write it.
    pub identity: Option<String>,
    /// The account's id.
    pub account_id: Option<String>,
    /// The end of the credentials' validity.
    pub expires_at: UnixSeconds,
}

/// Why a file is of no more use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Garbage {
    /// The token has expired and cannot be refreshed.
    ExpiredToken,
    /// The registration has expired.
    ExpiredRegistration,
    /// The credentials of the role have expired.
    ExpiredRoleCredentials,
    /// The temporary file is older than a minute, so its writer was killed.
    Temporary,
    /// The corrupt file was set aside more than 30 days ago.
    Aside,
}

impl Entry {
    /// Returns why this file is of no more use at this time; `None` if it is of use, of unknown use, or not this
    /// user's. Other tools' files, corrupt ones in the cache and locks are never garbage.
    ///
    /// ```
    /// # use oidc_proto::UnixSeconds;
    /// # use sso_cache::{Cache, Garbage, Identity};
    /// # let home = tempfile::tempdir()?;
    /// # let cache = Cache::at(home.path().join("cache"));
    /// # std::fs::create_dir(cache.dir())?;
    /// let file = cache.token_path(&Identity::SessionName("corp".to_owned()));
    /// std::fs::write(&file, r#"{"accessToken":"t","expiresAt":"2025-01-01T00:00:00Z"}"#)?;
    /// let entry = cache.entries()?.next().ok_or("the token")?;
    /// assert_eq!(entry.garbage_at(UnixSeconds::new(1_700_000_000)), None);
    /// assert_eq!(entry.garbage_at(UnixSeconds::new(1_800_000_000)), Some(Garbage::ExpiredToken));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn garbage_at(&self, now: UnixSeconds) -> Option<Garbage> {
        let is_older_than = |age| self.modified.is_some_and(|at| now.remaining_at(at) > age);
        let (is_garbage, why) = match &self.content {
            Content::Token(token) => {
                (!token.usable_at(now, Duration::ZERO) && !token.refreshable_at(now), Garbage::ExpiredToken)
            }
            Content::Registration(found) => {
                (!found.registration.usable_at(now, Duration::ZERO), Garbage::ExpiredRegistration)
            }
            Content::RoleCredentials(found) => {
                (found.expires_at.remaining_at(now).is_zero(), Garbage::ExpiredRoleCredentials)
            }
            Content::Temporary => (is_older_than(WRITE_TIME), Garbage::Temporary),
            Content::Aside => (is_older_than(ASIDE_TIME), Garbage::Aside),
            Content::Foreign | Content::Unusable(_) | Content::Lock => return None,
        };
        (self.is_own && is_garbage).then_some(why)
    }

    /// Returns whether other users may read the file: its mode has a bit of the group or of others.
    ///
    /// ```
    /// # let home = tempfile::tempdir()?;
    /// # let cache = sso_cache::Cache::at(home.path().join("cache"));
    /// # std::fs::create_dir(cache.dir())?;
    /// let file = cache.dir().join("kiro-auth-token.json");
    /// std::fs::write(&file, "{}")?;
    /// # #[cfg(unix)] {
    /// # use std::os::unix::fs::PermissionsExt as _;
    /// std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640))?;
    /// assert!(cache.entries()?.all(|entry| entry.is_open_to_others()));
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_open_to_others(&self) -> bool {
        self.mode.is_some_and(|mode| mode & 0o077 != 0)
    }
}

impl Cache {
    /// Returns the files of the cache, then those of its [private directory](Cache::private_dir), each sorted by
    /// name. A file is read when it is its turn, up to a size that no token comes near. A file that vanishes
    /// meanwhile is left out, and an unreadable one is [`Content::Unusable`]. Nothing is changed.
    ///
    /// ```
    /// # use sso_cache::{Cache, Content, Identity};
    /// # let home = tempfile::tempdir()?;
    /// # let cache = Cache::at(home.path().join("cache"));
    /// assert_eq!(cache.entries()?.count(), 0);
    /// # std::fs::create_dir(cache.dir())?;
    /// std::fs::write(cache.token_path(&Identity::SessionName("corp".to_owned())), "{")?;
    /// std::fs::write(cache.dir().join("kiro-auth-token.json"), "{}")?;
    /// let contents: Vec<_> = cache.entries()?.map(|entry| entry.content).collect();
    /// assert!(matches!(contents[..], [Content::Unusable(_), Content::Foreign]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A directory exists and is unreadable.
    pub fn entries(&self) -> Result<impl Iterator<Item = Entry>, CacheError> {
        let mut paths = paths_in(self.dir())?;
        paths.extend(paths_in(self.private_dir())?);
        Ok(paths.into_iter().filter_map(|path| self.entry(path)))
    }

    /// Removes a file of [`Cache::entries`] if it is still [garbage](Entry::garbage_at): it is read again first. For
    /// a token this takes the identity's lock, and does not wait for it. Returns whether the file was removed.
    ///
    /// ```
    /// # use oidc_proto::UnixSeconds;
    /// # use sso_cache::{Cache, Identity};
    /// # let home = tempfile::tempdir()?;
    /// # let cache = Cache::at(home.path().join("cache"));
    /// # std::fs::create_dir(cache.dir())?;
    /// let file = cache.token_path(&Identity::SessionName("corp".to_owned()));
    /// std::fs::write(&file, r#"{"accessToken":"t","expiresAt":"2025-01-01T00:00:00Z"}"#)?;
    /// let entry = cache.entries()?.next().ok_or("the token")?;
    /// assert!(!cache.remove_garbage(&entry, UnixSeconds::new(1_700_000_000))?);
    /// assert!(cache.remove_garbage(&entry, UnixSeconds::new(1_800_000_000))?);
    /// assert!(!file.exists());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Another process holds the lock, or the file cannot be deleted.
    pub fn remove_garbage(&self, entry: &Entry, now: UnixSeconds) -> Result<bool, CacheError> {
        if entry.garbage_at(now).is_none() {
            return Ok(false);
        }
        let _guard = match (&entry.content, entry.path.file_name().and_then(|name| name.to_str())) {
            (Content::Token(_), Some(name)) => Some(self.lock_file(name, Duration::ZERO)?),
            _ => None,
        };
        // A sign-in or a refresh may have replaced it meanwhile.
        if self.entry(entry.path.clone()).is_none_or(|entry| entry.garbage_at(now).is_none()) {
            return Ok(false);
        }
        match patiently(|| std::fs::remove_file(&entry.path)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(CacheError::Io { action: "delete", path: entry.path.clone(), source }),
        }
    }

    /// Reads one file; `None` if it does not exist.
    fn entry(&self, path: PathBuf) -> Option<Entry> {
        // Metadata of the link, not of its target.
        let metadata = match path.symlink_metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(source) => {
                let error = CacheError::Io { action: "read", path: path.clone(), source };
                let content = Content::Unusable(error);
                return Some(Entry { path, size: 0, mode: None, modified: None, is_own: false, content });
            }
        };
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let content = match Leftover::of(name) {
            Some(Leftover::Temporary(_)) => Content::Temporary,
            Some(Leftover::Lock) => Content::Lock,
            Some(Leftover::Aside) => Content::Aside,
            None if is_file_name(name) && path.parent() == Some(self.dir()) => {
                self.load(name, classify).unwrap_or_else(|error| Some(Content::Unusable(error)))?
            }
            None => Content::Foreign,
        };
        let is_file = metadata.is_file();
        Some(Entry {
            size: metadata.len(),
            mode: if is_file { platform::mode(&metadata) } else { None },
            modified: metadata.modified().ok().map(UnixSeconds::from),
            is_own: is_file && platform::is_ours(&metadata),
            content,
            path,
        })
    }
}

/// Returns the sorted paths of a directory, which need not exist.
fn paths_in(dir: &Path) -> Result<Vec<PathBuf>, CacheError> {
    let failed = |source| CacheError::Io { action: "list", path: dir.to_owned(), source };
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let paths: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(failed)?;
    paths.sort();
    Ok(paths)
}

/// Reads a file with the name of a token, a registration or a role's credentials. Other tools use such names, too: any
/// other JSON object counts as theirs.
fn classify(bytes: &[u8]) -> Result<Content, Corruption> {
    let reason = match CachedToken::read(bytes) {
        Ok(token) => return Ok(Content::Token(Box::new(token))),
        Err(reason) => reason,
    };
    // A registration never has a refresh token.
    if reason != Corruption::Missing("accessToken") || Members::read(bytes)?.secret("refreshToken").is_some()
    {
        return Err(reason);
    }
    match CachedRegistration::read(bytes) {
        Ok(found) => Ok(Content::Registration(Box::new(found))),
        Err(Corruption::Missing("clientId")) => {
            Ok(role_credentials::entry(bytes).map_or(Content::Foreign, Content::RoleCredentials))
        }
        Err(reason) => Err(reason),
    }
}

//! The errors of the cache.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::{Corruption, Holder, platform};

/// The reason why a cache operation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// A file is unusable. Treat it as missing; [`Cache::set_aside`](crate::Cache::set_aside) moves it away.
    #[error("the cache file {} is invalid: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: Corruption,
    },
    /// Another process holds the lock.
    #[error("{} holds the lock {}", holder.as_ref().map_or_else(|| "another process".to_owned(), ToString::to_string), path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The holder, if the lock file names it.
        holder: Option<Holder>,
    },
    /// The file is not writable, as a check found before any write.
    #[error("cannot write {}: {obstacle}", path.display())]
    Obstructed {
        /// The file.
        path: PathBuf,
        /// The obstacle.
        obstacle: Obstacle,
    },
    /// The system returned an error.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The operation, as a verb: `read`, `write`, `lock` and the like.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl CacheError {
    /// Returns the file, if the error is a corrupt file.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let cache = sso_cache::Cache::at(dir.path().join("cache"));
    /// # std::fs::create_dir(cache.dir())?;
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
            Self::Locked { .. } | Self::Obstructed { .. } | Self::Io { .. } => None,
        }
    }

    /// Returns the obstacle to writing a file, if known. A hint for the person depends on it.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let cache = sso_cache::Cache::at(dir.path().join("cache"));
    /// let identity = sso_cache::Identity::SessionName("corp".to_owned());
    /// std::fs::create_dir_all(cache.token_path(&identity))?;
    /// let error = cache.check_writable(&identity).unwrap_err();
    /// assert_eq!(error.obstacle(), Some(sso_cache::Obstacle::Directory));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn obstacle(&self) -> Option<Obstacle> {
        match self {
            Self::Obstructed { obstacle, .. } => Some(*obstacle),
            Self::Io { source, .. } => Obstacle::of(source),
            Self::Corrupt { .. } | Self::Locked { .. } => None,
        }
    }
}

/// An obstacle to writing a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obstacle {
    /// A directory has the file's name.
    Directory,
    /// The name is a symbolic link, a pipe or a device, or the file has a second name.
    NotAFile,
    /// The file belongs to another user, and the directory lets only its owner replace it.
    AnotherUser,
    /// The file is immutable or append-only.
    Immutable,
    /// The file system is mounted read-only.
    ReadOnly,
    /// The file system or the user's quota is full.
    Full,
    /// The permissions of the file or of its directory forbid it.
    Permission,
    /// Another program has the file open, which prevents its replacement on Windows.
    InUse,
}

impl Obstacle {
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        if platform::is_in_use(error) {
            return Some(Self::InUse);
        }
        Some(match error.kind() {
            io::ErrorKind::IsADirectory => Self::Directory,
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::PermissionDenied => Self::Permission,
            _ => return None,
        })
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Directory => "it is a directory",
            Self::NotAFile => "it is not a regular file, or it has more than one hard link",
            Self::AnotherUser => "the file belongs to another user",
            Self::Immutable => "the file is immutable or append-only",
            Self::ReadOnly => "the file system is read-only",
            Self::Full => "no space left",
            Self::Permission => "permission denied",
            Self::InUse => "another program has it open",
        })
    }
}

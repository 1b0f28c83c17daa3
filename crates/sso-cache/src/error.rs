//! What can go wrong with the files, and what stands in the way.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::{Corruption, Holder};

/// Why the cache could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// A file is there and of no use. A caller treats that as no file, and may [`Cache::set_aside`](crate::Cache::set_aside)
    /// it.
    #[error("the cache file {} is of no use: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: Corruption,
    },
    /// Another process holds the lock.
    #[error("{} holds the lock {}", holder.as_ref().map_or_else(|| "another process".to_owned(), ToString::to_string), path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Who holds it, if the lock file says so.
        holder: Option<Holder>,
    },
    /// The file could not be written, which was seen before anything was.
    #[error("cannot write {}: {obstacle}", path.display())]
    Obstructed {
        /// The file.
        path: PathBuf,
        /// What stands in the way.
        obstacle: Obstacle,
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

    /// What stands in the way of a file that cannot be written, where that is known. A hint for a person depends on it.
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

/// What stands in the way of writing a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obstacle {
    /// A directory has the file's name.
    Directory,
    /// The name is a symbolic link, a pipe or a device, or the file has a second name.
    NotAFile,
    /// The file is another user's, and the directory lets only its owner replace it.
    AnotherUser,
    /// The file has an attribute that forbids every change: immutable or append-only.
    Immutable,
    /// The file system is mounted for reading only.
    ReadOnly,
    /// The file system is full, or the user's share of it is.
    Full,
    /// The permissions of the file or of its directory do not allow it.
    Permission,
}

impl Obstacle {
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
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
            Self::Directory => "a directory is in its place",
            Self::NotAFile => "something else than a regular file of one name is in its place",
            Self::AnotherUser => "the file belongs to another user",
            Self::Immutable => "the file has the immutable or the append-only attribute",
            Self::ReadOnly => "the file system is read-only",
            Self::Full => "there is no space left",
            Self::Permission => "permission denied",
        })
    }
}

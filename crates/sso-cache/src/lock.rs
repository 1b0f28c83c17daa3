//! Two locks: one process at a time refreshes an identity's token, and one asks its person to sign in.
//!
//! They are two, because a sign-in takes minutes. A token that can be refreshed must not wait for it.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use oidc_proto::UnixSeconds;

use crate::{Cache, CacheError, Identity, Obstacle, platform};

/// The time between two attempts to take a lock.
const LOCK_RETRY: Duration = Duration::from_millis(25);

/// The endings of the lock files.
const REFRESH: &str = "lock";
const SIGN_IN: &str = "sign-in.lock";

/// The longest line of ours in a lock file.
const MAX_LINE: u64 = 512;

/// The lock on one identity's files, released on drop.
#[derive(Debug)]
#[must_use = "the lock is released as soon as this is dropped"]
pub struct Guard {
    /// Closing the file releases the lock.
    file: Option<File>,
    unlocked: Option<CacheError>,
    abandoned_by: Option<Holder>,
}

impl Guard {
    const fn without_lock(error: CacheError) -> Self {
        Self { file: None, unlocked: Some(error), abandoned_by: None }
    }

    /// Returns why this guard has no lock: the file system has none, or the lock file could not be created. A
    /// sign-in may continue, but another process may do the same at the same time.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # let home = tempfile::tempdir()?;
    /// let cache = sso_cache::Cache::at(sso_cache::Cache::default_dir(home.path()));
    /// let guard = cache.lock(&sso_cache::Identity::SessionName("corp".to_owned()), Duration::ZERO)?;
    /// assert!(guard.unlocked().is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn unlocked(&self) -> Option<&CacheError> {
        self.unlocked.as_ref()
    }

    /// Returns the last holder if it ended without releasing the lock: it was killed, or the power failed. It may
    /// have lost the response to its refresh, and with it the new refresh token.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # let home = tempfile::tempdir()?;
    /// let cache = sso_cache::Cache::at(sso_cache::Cache::default_dir(home.path()));
    /// let guard = cache.lock(&sso_cache::Identity::SessionName("corp".to_owned()), Duration::ZERO)?;
    /// assert!(guard.abandoned_by().is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn abandoned_by(&self) -> Option<&Holder> {
        self.abandoned_by.as_ref()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Before the release, so that the next holder's line is not lost.
        if let Some(file) = &self.file {
            let _best_effort = file.set_len(0);
            // A forked child has a copy of the descriptor until it becomes another program, such as a browser. Without
            // this the lock would outlive the file here.
            let _best_effort = file.unlock();
        }
    }
}

/// The holder of a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The process id.
    pub process: u32,
    /// The machine, if it is another one.
    pub host: Option<String>,
    /// The time since it took the lock, by the wall clocks.
    pub held_for: Duration,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.process)?;
        if let Some(host) = &self.host {
            write!(f, " on {host}")?;
        }
        let seconds = self.held_for.as_secs();
        match (seconds / 3600, seconds / 60) {
            (0, 0) => write!(f, " (for {seconds} s)"),
            (0, minutes) => write!(f, " (for {minutes} min)"),
            (hours, _) => write!(f, " (for {hours} h)"),
        }
    }
}

impl Cache {
    /// Takes the lock on this identity's files, across processes, to refresh its token or to write it. It waits
    /// for `at_most` (zero: not at all). The lock is advisory and only this crate's: AWS's tools take none. Its
    /// file in the [private directory](Cache::private_dir) persists and names the holder to a waiting process.
    /// The lock of a process that dies is released. On Windows others may not read a locked file, so a waiting
    /// process may learn no name.
    ///
    /// The new holder also removes the leftovers of killed processes from the cache.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use sso_cache::{Cache, CacheError, Identity};
    /// # let home = tempfile::tempdir()?;
    /// # let cache = Cache::at(Cache::default_dir(home.path()));
    /// let identity = Identity::SessionName("corp".to_owned());
    /// let guard = cache.lock(&identity, Duration::from_secs(10))?;
    /// // Another one, who does not want to wait:
    /// let error = cache.lock(&identity, Duration::ZERO).unwrap_err();
    /// let CacheError::Locked { holder, .. } = error else { panic!("it is locked") };
    /// # #[cfg(unix)]
    /// assert_eq!(holder.map(|holder| holder.process), Some(std::process::id()));
    /// drop(guard);
    /// let _again = cache.lock(&identity, Duration::ZERO)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`CacheError::Locked`] if another process still holds it. [`CacheError::Obstructed`]:
    /// something other than a lock file of this user is in its place. Otherwise the system returned an error.
    /// Without support for locks the guard [reports so](Guard::unlocked).
    pub fn lock(&self, identity: &Identity, at_most: Duration) -> Result<Guard, CacheError> {
        self.lock_file(&identity.file_name(), at_most)
    }

    /// Takes the lock of a token file that [`Cache::tokens`] has listed, as [`Self::lock`] does.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # let home = tempfile::tempdir()?;
    /// # let cache = sso_cache::Cache::at(sso_cache::Cache::default_dir(home.path()));
    /// let identity = sso_cache::Identity::SessionName("corp".to_owned());
    /// let _guard = cache.lock_token(&cache.token_path(&identity), Duration::ZERO)?;
    /// assert!(cache.lock(&identity, Duration::ZERO).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::lock`].
    pub fn lock_token(&self, path: &Path, at_most: Duration) -> Result<Guard, CacheError> {
        let name = path.file_name().unwrap_or_default();
        self.lock_file(&name.to_string_lossy(), at_most)
    }

    /// Takes the lock on a file of the cache, and removes the leftovers of killed processes.
    pub(crate) fn lock_file(&self, file_name: &str, at_most: Duration) -> Result<Guard, CacheError> {
        let guard = self.take(REFRESH, file_name, at_most)?;
        self.sweep(file_name);
        Ok(guard)
    }

    /// Takes the lock on this identity's sign-in, as [`Self::lock`] does. Its holder asks a person to sign in, so that
    /// ten programs that start together open one page. [`Self::lock`] stays free, except while the new token is
    /// written: a sign-in takes minutes, and a refresh must not wait for it.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # let home = tempfile::tempdir()?;
    /// # let cache = sso_cache::Cache::at(sso_cache::Cache::default_dir(home.path()));
    /// let identity = sso_cache::Identity::SessionName("corp".to_owned());
    /// let _signing_in = cache.lock_sign_in(&identity, Duration::ZERO)?;
    /// assert!(cache.lock_sign_in(&identity, Duration::ZERO).is_err());
    /// let _refreshing = cache.lock(&identity, Duration::ZERO)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::lock`].
    pub fn lock_sign_in(&self, identity: &Identity, at_most: Duration) -> Result<Guard, CacheError> {
        self.take(SIGN_IN, &identity.file_name(), at_most)
    }

    /// Looks which of the two locks another process holds, without taking one. Each is a [`CacheError::Locked`].
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use sso_cache::{Cache, CacheError, Identity};
    /// # let home = tempfile::tempdir()?;
    /// # let cache = Cache::at(Cache::default_dir(home.path()));
    /// let identity = Identity::SessionName("corp".to_owned());
    /// assert!(cache.held_locks(&identity).is_empty());
    /// let _signing_in = cache.lock_sign_in(&identity, Duration::ZERO)?;
    /// assert!(matches!(cache.held_locks(&identity)[..], [CacheError::Locked { .. }]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn held_locks(&self, identity: &Identity) -> Vec<CacheError> {
        let path = |ending| self.private_dir().join(format!("{}.{ending}", identity.file_name()));
        [REFRESH, SIGN_IN].into_iter().filter_map(|ending| held(path(ending))).collect()
    }

    /// Looks which sign-ins other processes have in progress, without taking a lock: the token file of each, which need
    /// not exist yet, and a [`CacheError::Locked`] that names the holder. An unreadable directory has none.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use sso_cache::{Cache, CacheError, Identity};
    /// # let home = tempfile::tempdir()?;
    /// # let cache = Cache::at(Cache::default_dir(home.path()));
    /// let identity = Identity::SessionName("corp".to_owned());
    /// assert!(cache.held_sign_ins().is_empty());
    /// let _signing_in = cache.lock_sign_in(&identity, Duration::ZERO)?;
    /// let held = cache.held_sign_ins();
    /// assert!(matches!(&held[..], [(path, CacheError::Locked { .. })] if *path == cache.token_path(&identity)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn held_sign_ins(&self) -> Vec<(PathBuf, CacheError)> {
        let entries = std::fs::read_dir(self.private_dir()).into_iter().flatten().flatten();
        let held = |entry: std::fs::DirEntry| {
            let name = entry.file_name();
            let token = name.to_str()?.strip_suffix(SIGN_IN)?.strip_suffix('.')?;
            Some((self.dir().join(token), held(entry.path())?))
        };
        let mut found: Vec<_> = entries.filter_map(held).collect();
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        found
    }

    /// Takes the lock whose file has this ending.
    fn take(&self, ending: &str, file_name: &str, at_most: Duration) -> Result<Guard, CacheError> {
        self.make_dir()?;
        let path = self.private_dir().join(format!("{file_name}.{ending}"));
        let file = match self.open_lock(&path) {
            Ok(file) => file,
            Err(error @ CacheError::Io { .. }) => return Ok(Guard::without_lock(error)),
            Err(error) => return Err(error),
        };
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => {
                    let is_unsupported = platform::has_no_locks(&source);
                    let error = CacheError::Io { action: "lock", path, source };
                    return if is_unsupported { Ok(Guard::without_lock(error)) } else { Err(error) };
                }
            }
            let left = at_most.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Err(CacheError::Locked { path, holder: holder_in(&file) });
            }
            std::thread::sleep(left.min(LOCK_RETRY));
        }
        // A release empties the file.
        let abandoned_by = holder_in(&file);
        sign(&file);
        Ok(Guard { file: Some(file), unlocked: None, abandoned_by })
    }

    /// Opens the lock's file, creating it if necessary.
    fn open_lock(&self, path: &Path) -> Result<File, CacheError> {
        let error = |source| CacheError::Io { action: "lock", path: path.to_owned(), source };
        self.make_private_dir().map_err(error)?;
        let refused = match open_own(path) {
            Ok(file) => return Ok(file),
            Err(refused) => refused,
        };
        // In a directory of ours alone it is a remnant, such as of a sign-in as another user, and not a trap.
        let is_safe = self
            .private_dir()
            .metadata()
            .is_ok_and(|dir| platform::is_ours(&dir) && !platform::is_open_to_others(&dir));
        let is_removable = matches!(
            refused.obstacle(),
            Some(Obstacle::NotAFile | Obstacle::AnotherUser | Obstacle::Permission)
        );
        if is_safe && is_removable && std::fs::remove_file(path).is_ok() {
            return open_own(path);
        }
        Err(refused)
    }
}

/// Returns the lock of this file as [`CacheError::Locked`], if a process holds it.
fn held(path: PathBuf) -> Option<CacheError> {
    // Closing the file releases the lock. Its line stays, which may name a killed holder.
    let file = platform::without_following(File::options().read(true).write(true)).open(&path).ok()?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            let holder = holder_in(&file);
            Some(CacheError::Locked { path, holder })
        }
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

/// Opens a lock file without following links, and checks that it is a regular file of ours.
fn open_own(path: &Path) -> Result<File, CacheError> {
    let obstructed = |obstacle| CacheError::Obstructed { path: path.to_owned(), obstacle };
    let failed = |source| CacheError::Io { action: "lock", path: path.to_owned(), source };
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    // A process that can open the file can hold the lock and block its owner.
    let opened = platform::for_the_owner(platform::without_following(&mut options)).open(path);
    let file = opened.map_err(|source| match path.symlink_metadata() {
        Ok(found) if found.is_dir() => obstructed(Obstacle::Directory),
        Ok(found) if !found.is_file() => obstructed(Obstacle::NotAFile),
        _ => failed(source),
    })?;
    let found = file.metadata().map_err(failed)?;
    if !found.is_file() || platform::has_more_names(&found) {
        return Err(obstructed(Obstacle::NotAFile));
    }
    if !platform::is_ours(&found) {
        return Err(obstructed(Obstacle::AnotherUser));
    }
    Ok(file)
}

/// Writes the holder into the file. It helps a person, and nothing depends on it.
fn sign(file: &File) {
    let host = platform::host_name().unwrap_or_default();
    let line = format!("pid={} since={} host={host}\n", std::process::id(), now().get());
    let mut file = file;
    let _best_effort =
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(line.as_bytes()));
}

fn holder_in(file: &File) -> Option<Holder> {
    let mut line = String::new();
    let mut file = file;
    file.rewind().ok()?;
    io::Read::take(file, MAX_LINE).read_to_string(&mut line).ok()?;
    holder(&line, platform::host_name().as_deref(), now())
}

fn holder(line: &str, this_host: Option<&str>, now: UnixSeconds) -> Option<Holder> {
    let value = |name: &str| {
        line.split_ascii_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    };
    let since = UnixSeconds::new(value("since")?.parse().ok()?);
    let host = value("host").filter(|host| !host.is_empty() && this_host != Some(host));
    Some(Holder {
        process: value("pid")?.parse().ok()?,
        host: host.map(str::to_owned),
        held_for: now.remaining_at(since),
    })
}

fn now() -> UnixSeconds {
    UnixSeconds::from(SystemTime::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_read_from_its_line_and_a_line_that_is_none_names_nobody() {
        let now = UnixSeconds::new(1_764_171_300);
        let read = |line: &str| holder(line, Some("here"), now).map(|holder| holder.to_string());
        assert_eq!(read("pid=4711 since=1764171260 host=here\n").as_deref(), Some("process 4711 (for 40 s)"));
        assert_eq!(
            read("pid=4711 since=1764170000 host=there\n").as_deref(),
            Some("process 4711 on there (for 21 min)")
        );
        assert_eq!(read("pid=4711 since=1764000000 host=\n").as_deref(), Some("process 4711 (for 47 h)"));
        // A clock that was set back.
        assert_eq!(read("pid=1 since=1764179999").as_deref(), Some("process 1 (for 0 s)"));
        for none in ["", "\n", "pid=1", "since=5", "pid=-1 since=5", "pid=x since=5", "pid=1 since=", "4711"]
        {
            assert_eq!(read(none), None, "{none:?}");
        }
    }

    #[test]
    fn a_copy_of_the_descriptor_in_a_child_does_not_keep_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path().join("cache"));
        let identity = Identity::SessionName("corp".to_owned());
        let guard = cache.lock(&identity, Duration::ZERO).unwrap();
        let _copy = guard.file.as_ref().unwrap().try_clone().unwrap();
        assert!(cache.lock(&identity, Duration::ZERO).is_err());
        drop(guard);
        assert!(cache.lock(&identity, Duration::ZERO).is_ok());
    }
}

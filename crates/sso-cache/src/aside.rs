//! Cleaning up: sets corrupt files aside, and removes the leftovers of earlier runs.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::files::Leftover;
use crate::{Cache, CacheError, patiently, platform};

/// The age from which a temporary file is a killed process's. A write takes much less.
pub(crate) const WRITE_TIME: Duration = Duration::from_secs(60);

impl Cache {
    /// Moves a file of the cache to the [private directory](Cache::private_dir), as `NAME.corrupt` (or
    /// `NAME.corrupt.2` and so on). So it is out of the way and nothing is lost. Only the owner may read the
    /// copy, because it may hold a valid token. Returns the new path; `None` if there was no such file.
    ///
    /// ```
    /// # let home = tempfile::tempdir()?;
    /// # let cache = sso_cache::Cache::at(sso_cache::Cache::default_dir(home.path()));
    /// # std::fs::create_dir_all(cache.dir())?;
    /// std::fs::write(cache.dir().join("a.json"), "no JSON")?;
    /// let aside = cache.set_aside("a.json".as_ref())?.ok_or("it was there")?;
    /// assert_eq!(aside.parent(), Some(cache.private_dir()));
    /// assert_eq!(std::fs::read_to_string(aside)?, "no JSON");
    /// assert_eq!(cache.set_aside("a.json".as_ref())?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The file cannot be moved.
    pub fn set_aside(&self, file: &Path) -> Result<Option<PathBuf>, CacheError> {
        let path = self.dir().join(file);
        let Some(name) = path.file_name() else { return Ok(None) };
        let name = format!("{}.corrupt", name.to_string_lossy());
        self.move_aside(&path, &name).map_err(|source| CacheError::Io { action: "set aside", path, source })
    }

    fn move_aside(&self, path: &Path, name: &str) -> io::Result<Option<PathBuf>> {
        match path.symlink_metadata() {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
        self.make_private_dir()?;
        let mut number = 1_u32;
        loop {
            let name = if number == 1 { name.to_owned() } else { format!("{name}.{number}") };
            let aside = self.private_dir().join(name);
            if aside.symlink_metadata().is_ok() {
                number = number.checked_add(1).ok_or(io::ErrorKind::AlreadyExists)?;
                continue;
            }
            return match relocate(path, &aside) {
                Ok(()) => Ok(Some(aside)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            };
        }
    }

    /// Removes the leftovers of killed processes and of earlier versions of this crate: temporary files,
    /// locks and corrupt files in the cache. Other tools fail at them. Errors are ignored.
    ///
    /// If a removed temporary file was in use after all, its writer tries again. Earlier versions wrote
    /// theirs to the cache itself and do not try again. There only this identity's, which the lock protects,
    /// and old ones are removed.
    pub(crate) fn sweep(&self, file_name: &str) {
        for dir in [self.dir(), self.private_dir()] {
            for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
                let (path, name) = (entry.path(), entry.file_name());
                let Some(leftover) = name.to_str().and_then(Leftover::of) else { continue };
                // Metadata of the link, not of its target.
                let Ok(metadata) = path.symlink_metadata() else { continue };
                if !metadata.is_file() || !platform::is_ours(&metadata) {
                    continue;
                }
                let is_old =
                    || metadata.modified().is_ok_and(|at| at.elapsed().is_ok_and(|age| age > WRITE_TIME));
                let _best_effort = match leftover {
                    Leftover::Temporary(of) if dir != self.dir() || of == file_name || is_old() => {
                        std::fs::remove_file(&path)
                    }
                    Leftover::Lock if dir == self.dir() && metadata.len() == 0 => remove_lock(&path),
                    Leftover::Aside if dir == self.dir() => {
                        self.move_aside(&path, &name.to_string_lossy()).map(drop)
                    }
                    Leftover::Temporary(_) | Leftover::Lock | Leftover::Aside => Ok(()),
                };
            }
        }
    }
}

/// Removes the lock file of an earlier version, unless such a version holds the lock.
fn remove_lock(path: &Path) -> io::Result<()> {
    let file = platform::without_following(File::options().read(true).write(true)).open(path)?;
    match file.try_lock() {
        Ok(()) => std::fs::remove_file(path),
        Err(error) => Err(error.into()),
    }
}

/// Moves a file, across file systems if necessary, and makes it readable by its owner only.
fn relocate(from: &Path, to: &Path) -> io::Result<()> {
    let is_file = from.symlink_metadata()?.is_file();
    match patiently(|| std::fs::rename(from, to)) {
        Ok(()) if is_file => {
            platform::restrict_path(to)?;
            // The time of a file that was set aside is when that happened.
            let aside = platform::without_following(File::options().read(true)).open(to)?;
            let _best_effort = aside.set_modified(SystemTime::now());
            Ok(())
        }
        Err(error) if is_file && error.kind() == io::ErrorKind::CrossesDevices => {
            let mut source = platform::without_following(File::options().read(true)).open(from)?;
            let mut copy = platform::for_the_owner(File::options().write(true).create_new(true)).open(to)?;
            io::copy(&mut source, &mut copy)?;
            copy.sync_all()?;
            std::fs::remove_file(from)
        }
        moved => moved,
    }
}

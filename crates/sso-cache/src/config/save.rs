//! Saving an edited config file: as a whole or not at all, with a backup.

#[cfg(not(windows))]
use std::fs::TryLockError;
use std::fs::{File, Metadata};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

use super::ConfigDocument;
use crate::write::replace;
use crate::{Obstacle, patiently, platform};

/// The longest wait for another program that saves the file.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The ending of the newest backup's name. Older ones have a number behind it.
const BACKUP: &str = "sso-oidc.bak";

/// The number of backups that are kept: several runs in a row should not lose what a person wrote.
const BACKUPS: usize = 5;

/// More symbolic links in a row than any system follows.
const MOST_LINKS: usize = 40;

/// The reason why a config file was not saved. It is unchanged then.
// `Obstructed` and `Io` look like those of `CacheError`. They are not shared, because each enum lists the ends of its
// own operation: a caller that matches on a save needs no arm for a corrupt token. A type for both would put one more
// level into each pattern and each chain of causes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    /// Another program has changed the file since it was read.
    #[error("{} was changed meanwhile", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// Another program holds the lock on the file's directory.
    #[error("another program is saving {}", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The path leads to something other than a file, such as a directory or a pipe.
    #[error("cannot write {}: {obstacle}", path.display())]
    Obstructed {
        /// The path.
        path: PathBuf,
        /// The obstacle.
        obstacle: Obstacle,
    },
    /// The system returned an error.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The operation, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl ConfigDocument {
    /// Replaces the file by this text, and returns the path of the backup; `None` without an old file. `before` is the
    /// text that the edits began with: if the file has another one by now, it stays.
    ///
    /// The file is replaced in one step, so that a killed process leaves the old text or the new one. Its mode, owner
    /// and group are kept. A new file and its directory are for their owner only. A symbolic link stays, and the file
    /// to which it leads is replaced or created.
    ///
    /// The backup is `NAME.sso-oidc.bak` beside the file, with its text, mode, owner and group before this save. The
    /// four before it are `NAME.sso-oidc.bak.1`, the newest, to `NAME.sso-oidc.bak.4`. The lock is on the directory,
    /// so that no lock file is left, and is only this crate's: AWS's tools take none. Windows cannot lock directories.
    /// There it is a file beside the config file, which Windows deletes when its holder ends, killed or not.
    ///
    /// ```
    /// # let home = tempfile::tempdir()?;
    /// # let path = home.path().join("config");
    /// use sso_cache::{ConfigDocument, SaveError, SectionName};
    ///
    /// std::fs::write(&path, "[default]\nregion = a\n")?;
    /// let mut config = ConfigDocument::load(&path)?;
    /// let before = config.as_str().to_owned();
    /// config.set(&SectionName::Profile("default".to_owned()), "region", "eu-west-1")?;
    /// let backup = config.save(&path, &before)?.ok_or("there was a file")?;
    /// assert_eq!(std::fs::read_to_string(&path)?, "[default]\nregion = eu-west-1\n");
    /// assert_eq!(std::fs::read_to_string(backup)?, before);
    /// assert!(matches!(config.save(&path, &before), Err(SaveError::Changed { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The file was changed meanwhile, is being saved by another program, or cannot be written.
    pub fn save(&self, path: &Path, before: &str) -> Result<Option<PathBuf>, SaveError> {
        self.save_within(path, before, PATIENCE)
    }

    fn save_within(
        &self,
        path: &Path,
        before: &str,
        patience: Duration,
    ) -> Result<Option<PathBuf>, SaveError> {
        refuse_what_is_no_file(path)?;
        let target = target_of(path).map_err(failed("read", path))?;
        let dir = target.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        if before.is_empty() {
            platform::make_dir(dir).map_err(failed("create the directory", dir))?;
        }
        let lock = lock(dir, &target, path, patience)?;
        let old = read(&target).map_err(failed("read", path))?;
        if old.as_ref().map_or(&[][..], |(now, _)| now) != before.as_bytes() {
            return Err(changed(path));
        }
        // Without the lock, another process may be using them.
        if lock.is_some() {
            remove_leftovers(dir, &target);
        }
        let backup = match old {
            None => self.create(path, dir, &target).map(|()| None),
            Some((_, old)) => self.replace_old(path, dir, &target, (before, &old)).map(Some),
        };
        if backup.is_ok() {
            flush(dir);
        }
        backup
    }

    /// Writes the file where there is none.
    fn create(&self, path: &Path, dir: &Path, target: &Path) -> Result<(), SaveError> {
        let file = temporary(dir, target, self.as_str()).map_err(failed("write", path))?;
        match file.persist_noclobber(target) {
            Ok(_) => Ok(()),
            Err(_) if target.exists() => Err(changed(path)),
            Err(error) => Err(failed("write", path)(error.error)),
        }
    }

    /// Replaces the file, whose old text becomes the newest backup. Returns the backup's path.
    fn replace_old(
        &self,
        path: &Path,
        dir: &Path,
        target: &Path,
        (before, old): (&str, &Metadata),
    ) -> Result<PathBuf, SaveError> {
        // A directory that permits the rename does not make a read-only file writable: its owner meant it.
        let write = || platform::without_waiting(File::options().write(true)).open(target);
        patiently(write).map_err(failed("write", path))?;
        let backups = backups(dir, target);
        let [backup, ..] = &backups;
        // Both are on the disk before either is renamed.
        let files = [(before, backup.as_path()), (self.as_str(), target)].map(|(text, to)| {
            let file = temporary(dir, target, text).map_err(failed("write", to))?;
            platform::keep_owner(file.as_file(), old).map_err(failed("keep the owner of", path))?;
            file.as_file().set_permissions(old.permissions()).map_err(failed("write", to))?;
            Ok((file, to))
        });
        let [saved, new] = files;
        // A save that failed or was killed may have left the same text.
        if std::fs::read(backup).is_ok_and(|newest| newest != before.as_bytes()) {
            shift(&backups).map_err(failed("write", backup))?;
        }
        for (file, to) in [saved?, new?] {
            replace(file, to).map_err(failed("write", to))?;
        }
        Ok(backup.clone())
    }
}

/// Returns what makes the error of an action on a file.
fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SaveError {
    let path = path.to_owned();
    move |source| SaveError::Io { action, path, source }
}

fn changed(path: &Path) -> SaveError {
    SaveError::Changed { path: path.to_owned() }
}

/// Fails for a directory or a pipe. Opening a pipe may block, and what it has said is gone.
fn refuse_what_is_no_file(path: &Path) -> Result<(), SaveError> {
    let obstacle = match path.metadata() {
        Ok(found) if found.is_dir() => Obstacle::Directory,
        Ok(found) if !found.is_file() => Obstacle::NotAFile,
        Ok(_) | Err(_) => return Ok(()),
    };
    Err(SaveError::Obstructed { path: path.to_owned(), obstacle })
}

/// Reads a file, if it is there.
fn read(target: &Path) -> io::Result<Option<(Vec<u8>, Metadata)>> {
    let open = || platform::without_waiting(File::options().read(true)).open(target);
    match patiently(open) {
        Ok(mut file) => {
            let mut now = Vec::new();
            file.read_to_end(&mut now)?;
            Ok(Some((now, file.metadata()?)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the paths of the backups, the newest first.
fn backups(dir: &Path, target: &Path) -> [PathBuf; BACKUPS] {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    core::array::from_fn(|age| match age {
        0 => dir.join(format!("{name}.{BACKUP}")),
        age => dir.join(format!("{name}.{BACKUP}.{age}")),
    })
}

/// Makes room for a new backup. Each one takes the place of the next older one, up to the first free place.
fn shift(backups: &[PathBuf; BACKUPS]) -> io::Result<()> {
    let held = backups.iter().take_while(|backup| backup.symlink_metadata().is_ok()).count();
    for (newer, older) in backups.iter().zip(backups.iter().skip(1)).take(held).rev() {
        patiently(|| std::fs::rename(newer, older))?;
    }
    Ok(())
}

/// Returns the file to which a path leads. A symbolic link may lead to a file that is to be created.
fn target_of(path: &Path) -> io::Result<PathBuf> {
    // The canonical form has a prefix on Windows that few programs understand, and the backup's path is shown.
    if cfg!(windows) && !path.is_symlink() {
        return Ok(path.to_owned());
    }
    match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        target => return target,
    }
    let mut target = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(next) = target.read_link() else { break };
        target = target.parent().unwrap_or_else(|| Path::new("")).join(next);
    }
    Ok(target)
}

/// Takes the lock on the file's directory; `None` if it cannot be locked. The comparison with the old text has to do
/// then.
#[cfg(not(windows))]
fn lock(dir: &Path, _: &Path, path: &Path, patience: Duration) -> Result<Option<File>, SaveError> {
    let Ok(file) = File::open(dir) else { return Ok(None) };
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) if began.elapsed() < patience => std::thread::sleep(LOOK_AGAIN),
            Err(TryLockError::WouldBlock) => return Err(SaveError::Locked { path: path.to_owned() }),
            Err(TryLockError::Error(_)) => return Ok(None),
        }
    }
}

/// Creates the lock file, which only one program can have open; `None` if none can be created. The comparison with the
/// old text has to do then.
#[cfg(windows)]
fn lock(dir: &Path, target: &Path, path: &Path, patience: Duration) -> Result<Option<File>, SaveError> {
    let file = dir.join(prefix(target) + "lock");
    let began = Instant::now();
    loop {
        match platform::open_alone(&file) {
            Ok(file) => return Ok(Some(file)),
            Err(error) if !platform::may_be_in_use(&error) => return Ok(None),
            Err(_) if began.elapsed() < patience => std::thread::sleep(LOOK_AGAIN),
            Err(error) if platform::is_in_use(&error) => {
                return Err(SaveError::Locked { path: path.to_owned() });
            }
            Err(_) => return Ok(None),
        }
    }
}

fn prefix(target: &Path) -> String {
    format!(".{}.sso-oidc.", target.file_name().unwrap_or_default().to_string_lossy())
}

/// Writes a temporary file beside the target.
fn temporary(dir: &Path, target: &Path, text: &str) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix(&prefix(target)).suffix(".tmp").tempfile_in(dir)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Flushes the renames, if the system can flush directories.
fn flush(dir: &Path) {
    if let Ok(dir) = File::open(dir) {
        let _best_effort = dir.sync_all();
    }
}

/// Removes what killed processes have left.
fn remove_leftovers(dir: &Path, target: &Path) {
    let prefix = prefix(target);
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_leftover =
            name.to_str().is_some_and(|name| name.starts_with(&prefix) && name.ends_with(".tmp"));
        if is_leftover {
            let _best_effort = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(windows)]
    #[test]
    fn the_lock_file_keeps_others_out_and_vanishes() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("config");
        let document = ConfigDocument::parse("[default]\n").unwrap();
        let held = lock(home.path(), &path, &path, Duration::ZERO).unwrap();
        assert!(held.is_some());
        let got = document.save_within(&path, "", Duration::ZERO);
        assert!(matches!(got, Err(SaveError::Locked { .. })), "{got:?}");
        drop(held);
        assert!(matches!(document.save_within(&path, "", Duration::ZERO), Ok(None)));
        let left: Vec<_> =
            std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(left, [path]);
    }

    #[cfg(unix)]
    #[test]
    fn a_save_waits_for_another_one_and_then_says_so() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("config");
        let document = ConfigDocument::parse("[default]\n").unwrap();
        let other = File::open(home.path()).unwrap();
        other.try_lock().unwrap();
        let got = document.save_within(&path, "", Duration::ZERO);
        assert!(matches!(got, Err(SaveError::Locked { .. })), "{got:?}");
        assert!(!path.exists());
        drop(other);
        assert!(matches!(document.save_within(&path, "", Duration::ZERO), Ok(None)));
    }
}

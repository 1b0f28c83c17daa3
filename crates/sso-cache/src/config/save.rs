//! Saving an edited config file: as a whole or not at all, with a backup.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

use super::ConfigDocument;
use crate::platform;

/// The longest wait for another program that saves the file.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The ending of the backup's name.
const BACKUP: &str = "sso-oidc.bak";

/// The reason why a config file was not saved. It is unchanged then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    /// Another program has changed the file since it was read.
    #[error("{} was changed meanwhile", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// Another program holds the lock on the file.
    #[error("another program is saving {}", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
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
    /// The file is replaced in one step, so that a killed process leaves the old text or the new one. Its mode is kept,
    /// and a new file is for its owner only. A symbolic link stays, and its target is replaced. The lock is on the file
    /// itself and is only this crate's: AWS's tools take none.
    ///
    /// ```
    /// # let home = tempfile::tempdir()?;
    /// # let path = home.path().join("config");
    /// use sso_cache::{ConfigDocument, SaveError, SectionName};
    ///
    /// std::fs::write(&path, "[default]\nregion = a\n")?;
    /// let before = std::fs::read_to_string(&path)?;
    /// let mut config = ConfigDocument::parse(before.as_str())?;
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
        let failed = |action, path: &Path| {
            let path = path.to_owned();
            move |source| SaveError::Io { action, path, source }
        };
        let target = match path.canonicalize() {
            Ok(target) => target,
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            Err(source) => return Err(failed("read", path)(source)),
        };
        let dir = target.parent().unwrap_or_else(|| Path::new(""));
        let old = match File::open(&target) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(failed("read", path)(source)),
        };
        if let Some(file) = &old {
            lock(file, path)?;
        }
        let mut now = String::new();
        let read = File::open(&target).and_then(|mut file| file.read_to_string(&mut now));
        if let Err(source) = read
            && source.kind() != io::ErrorKind::NotFound
        {
            return Err(failed("read", path)(source));
        }
        if now != before {
            return Err(SaveError::Changed { path: path.to_owned() });
        }
        let Some(old) = old else {
            platform::make_dir(dir).map_err(failed("create the directory", dir))?;
            let file = temporary(dir, &target, self.as_str()).map_err(failed("write", path))?;
            return match file.persist_noclobber(&target) {
                Ok(_) => Ok(None),
                Err(_) if target.exists() => Err(SaveError::Changed { path: path.to_owned() }),
                Err(error) => Err(failed("write", path)(error.error)),
            };
        };
        // A directory that permits the rename does not make a read-only file writable: its owner meant it.
        File::options().write(true).open(&target).map_err(failed("write", path))?;
        remove_leftovers(dir, &target);
        let mode = old.metadata().map_err(failed("read", path))?.permissions();
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let backup = dir.join(format!("{name}.{BACKUP}"));
        for (text, to) in [(before, &backup), (self.as_str(), &target)] {
            let file = temporary(dir, &target, text).map_err(failed("write", to))?;
            file.as_file().set_permissions(mode.clone()).map_err(failed("write", to))?;
            file.persist(to).map_err(|error| failed("write", to)(error.error))?;
        }
        if let Ok(dir) = File::open(dir) {
            let _best_effort = dir.sync_all();
        }
        Ok(Some(backup))
    }
}

/// Takes the lock on the file.
fn lock(file: &File, path: &Path) -> Result<(), SaveError> {
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if began.elapsed() < PATIENCE => std::thread::sleep(LOOK_AGAIN),
            Err(TryLockError::WouldBlock) => return Err(SaveError::Locked { path: path.to_owned() }),
            // A file system without locks: the comparison with the old text has to do.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(()),
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

/// Removes what killed processes have left. The lock is held, so no other process writes.
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

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[expect(clippy::unwrap_used, reason = "a test fails by it")]
    fn edited() -> ConfigDocument {
        ConfigDocument::parse("[default]\nregion = new\n").unwrap()
    }

    #[test]
    fn a_link_and_the_mode_stay_and_nothing_else_is_left_but_a_backup() {
        let home = tempfile::tempdir().unwrap();
        let (real, link) = (home.path().join("dotfiles"), home.path().join("config"));
        fs::write(&real, "[default]\n").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&real, &link).unwrap();
        fs::write(home.path().join(".dotfiles.sso-oidc.x.tmp"), "of a killed process").unwrap();
        let backup = edited().save(&link, "[default]\n").unwrap().unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), edited().as_str());
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&real), mode(&backup)), (0o640, 0o640));
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_new_file_is_for_its_owner_and_one_that_appears_meanwhile_stays() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(".aws/config");
        assert_eq!(edited().save(&path, "").unwrap(), None);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(edited().save(&path, ""), Err(SaveError::Changed { .. })));
        fs::remove_file(&path).unwrap();
        assert!(matches!(edited().save(&path, "[default]\n"), Err(SaveError::Changed { .. })));
    }

    #[test]
    fn two_writers_do_not_lose_an_edit() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("config");
        fs::write(&path, "").unwrap();
        let saved = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..8)
                .map(|number| {
                    let path = &path;
                    scope.spawn(move || {
                        let text = format!("[profile p{number}]\n");
                        ConfigDocument::parse(text).unwrap().save(path, "").is_ok()
                    })
                })
                .collect();
            writers.into_iter().filter_map(|writer| writer.join().ok()).filter(|saved| *saved).count()
        });
        assert_eq!(saved, 1, "the others see that the file has changed");
    }

    #[test]
    fn what_is_no_file_is_told_and_stays() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("config");
        fs::create_dir(&path).unwrap();
        assert!(matches!(edited().save(&path, ""), Err(SaveError::Io { .. })));
    }
}

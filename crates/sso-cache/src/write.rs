//! Writing: replaces a file whole, or writes it in place if it is not replaceable.

use std::fs::{File, Metadata};
use std::io::{self, Write as _};
use std::path::Path;

use tempfile::{NamedTempFile, TempPath};

use crate::{Cache, CacheError, Identity, Obstacle, patiently, platform};

/// The most attempts of a write whose temporary file another process removed as a leftover.
const RETRIES: u32 = 20;

/// More than a token needs, so that a nearly full disk is noticed.
const REHEARSAL: [u8; 16_384] = [0; 16_384];

impl Cache {
    /// Checks whether [`Cache::save_token`] will be able to write, and changes nothing. Call it before a
    /// person approves: a token that cannot be stored is lost.
    ///
    /// ```
    /// # let home = tempfile::tempdir()?;
    /// # let cache = sso_cache::Cache::at(sso_cache::Cache::default_dir(home.path()));
    /// let identity = sso_cache::Identity::SessionName("corp".to_owned());
    /// cache.check_writable(&identity)?;
    /// std::fs::create_dir(cache.token_path(&identity))?;
    /// let error = cache.check_writable(&identity).unwrap_err();
    /// assert!(error.to_string().ends_with(".json: it is a directory"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The directory cannot be created, or the token cannot be written. [`CacheError::obstacle`] has the
    /// reason, if known.
    pub fn check_writable(&self, identity: &Identity) -> Result<(), CacheError> {
        self.make_dir()?;
        let path = self.token_path(identity);
        let room = self.rehearse(&identity.file_name()).map_err(|source| CacheError::Io {
            action: "write to",
            path: self.dir().to_owned(),
            source,
        });
        let found = match path.symlink_metadata() {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return room,
            Err(source) => return Err(CacheError::Io { action: "read", path, source }),
        };
        if room.as_ref().is_err_and(|error| error.obstacle() == Some(Obstacle::Full)) {
            return room;
        }
        let obstacle = match in_place(&path, &found) {
            InPlace::Possible => return Ok(()),
            InPlace::Hopeless(obstacle) => Some(obstacle),
            // The file is then replaced, if the directory permits.
            InPlace::Impossible => {
                room?;
                self.against_replacing(&path, &found)
            }
        };
        obstacle.map_or(Ok(()), |obstacle| Err(CacheError::Obstructed { path, obstacle }))
    }

    /// Does all of a write except the last step.
    fn rehearse(&self, file_name: &str) -> io::Result<()> {
        platform::may_write_dir(self.dir())?;
        let is_near = match (self.private_dir().metadata(), self.dir().metadata()) {
            (Ok(private), Ok(cache)) => platform::on_one_file_system(&private, &cache),
            (private, _) => private.is_err(),
        };
        if is_near {
            self.temporary(file_name, &REHEARSAL).map(drop)
        } else {
            temporary_in(self.dir(), file_name, &REHEARSAL).map(drop)
        }
    }

    fn against_replacing(&self, path: &Path, found: &Metadata) -> Option<Obstacle> {
        let is_ours = platform::is_ours(found);
        if platform::is_mount_point(path) {
            return Some(if is_ours { Obstacle::Permission } else { Obstacle::AnotherUser });
        }
        let keeps = self.dir().metadata().is_ok_and(|dir| platform::keeps_files_of_others(&dir));
        (!is_ours && keeps).then_some(Obstacle::AnotherUser)
    }

    /// Writes the file whole or not at all, for its owner only. Only a file that is not replaceable, such as
    /// a mount point, is written in place.
    pub(crate) fn write(&self, file_name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.dir().join(file_name);
        let mut tries = 0;
        loop {
            let refused = match self.replace(file_name, &path, bytes) {
                Ok(()) => return Ok(()),
                Err(refused) => refused,
            };
            match refused.kind() {
                io::ErrorKind::NotFound if tries < RETRIES => tries += 1,
                io::ErrorKind::ResourceBusy => return overwrite(&path, bytes),
                // On Windows, that is the error of a file in use, too, and a reader would see a part of the new text.
                io::ErrorKind::PermissionDenied if cfg!(windows) => return Err(refused),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    return overwrite(&path, bytes).map_err(|_| refused);
                }
                _ => return Err(refused),
            }
        }
    }

    /// Writes a temporary file, flushes it, and renames it over the old one. A reader sees the old file or
    /// the new one, after a power cut too. The new file has the temporary one's mode, 0600.
    fn replace(&self, file_name: &str, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let renamed = replace(self.temporary(file_name, bytes)?, path);
        let renamed = match renamed {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                replace(temporary_in(self.dir(), file_name, bytes)?, path)
            }
            renamed => renamed,
        };
        // Flushes the rename too, if the system can flush directories.
        if renamed.is_ok()
            && let Ok(dir) = File::open(self.dir())
        {
            let _best_effort = dir.sync_all();
        }
        renamed
    }

    /// Creates a temporary file in the private directory, because some tools read every file of the cache. If
    /// that fails, it is in the cache.
    fn temporary(&self, file_name: &str, bytes: &[u8]) -> io::Result<NamedTempFile> {
        let private =
            self.make_private_dir().and_then(|()| temporary_in(self.private_dir(), file_name, bytes));
        match private {
            Err(error) if Obstacle::of(&error) != Some(Obstacle::Full) => {
                temporary_in(self.dir(), file_name, bytes)
            }
            private => private,
        }
    }
}

fn temporary_in(dir: &Path, file_name: &str, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let prefix = format!(".{file_name}.");
    let mut file = tempfile::Builder::new().prefix(&prefix).suffix(".tmp").tempfile_in(dir)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Renames a temporary file over another one. A file that another program has open is told from one without permission.
pub(crate) fn replace(file: NamedTempFile, path: &Path) -> io::Result<()> {
    // Windows marks a file of `tempfile` as temporary until it is kept, and a rename would keep the mark.
    let file = TempPath::try_from_path(file.into_temp_path().keep()?)?;
    // On Windows the standard library's rename also succeeds if all that have the file open permit its deletion.
    // `tempfile`'s own does not.
    let renamed = patiently(|| std::fs::rename(&file, path));
    renamed.map_err(|error| platform::explained(error, path))
}

/// Whether a file is writable in place.
enum InPlace {
    Possible,
    /// No, and it is not replaceable either.
    Hopeless(Obstacle),
    /// No, but it may be replaceable.
    Impossible,
}

fn in_place(path: &Path, found: &Metadata) -> InPlace {
    if found.is_dir() {
        return InPlace::Hopeless(Obstacle::Directory);
    }
    if !found.is_file() {
        return InPlace::Impossible;
    }
    match open_in_place(path) {
        // Another user's file must not receive a secret of ours.
        Ok(_) if !platform::is_ours(found) => InPlace::Impossible,
        Ok(_) => InPlace::Possible,
        Err(error) if platform::is_attribute(&error) => InPlace::Hopeless(Obstacle::Immutable),
        Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => {
            InPlace::Hopeless(Obstacle::ReadOnly)
        }
        Err(_) => InPlace::Impossible,
    }
}

fn open_in_place(path: &Path) -> io::Result<File> {
    platform::without_following(File::options().write(true)).open(path)
}

/// Overwrites a file in place. A concurrent reader may see a mixture.
fn overwrite(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = open_in_place(path)?;
    let found = file.metadata()?;
    if !found.is_file() || !platform::is_ours(&found) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    // The mode first, because the following bytes are secret.
    platform::restrict(&file)?;
    file.write_all(bytes)?;
    file.set_len(bytes.len() as u64)?;
    file.sync_all()
}

//! Writing: a file is replaced whole; one that cannot be replaced is written in place.

use std::fs::{File, Metadata};
use std::io::{self, Write as _};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::{Cache, CacheError, Identity, Obstacle, platform};

/// How often a write begins anew because another process took its temporary file for a leftover.
const RETRIES: u32 = 20;

/// More than a token needs, so that a disk that is nearly full is noticed.
const REHEARSAL: [u8; 16_384] = [0; 16_384];

impl Cache {
    /// Finds out whether [`Cache::save_token`] will be able to write, and changes nothing. For before a person is asked to
    /// approve: a token that cannot be stored cannot be asked for twice.
    ///
    /// ```
    /// # let home = tempfile::tempdir()?;
    /// # let cache = sso_cache::Cache::at(sso_cache::Cache::default_dir(home.path()));
    /// let identity = sso_cache::Identity::SessionName("corp".to_owned());
    /// cache.check_writable(&identity)?;
    /// std::fs::create_dir(cache.token_path(&identity))?;
    /// let error = cache.check_writable(&identity).unwrap_err();
    /// assert!(error.to_string().ends_with(".json: a directory is in its place"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The directory cannot be made, or the token not be written; [`CacheError::obstacle`] says why, where that is known.
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
            // The file is replaced then, if the directory allows it.
            InPlace::Impossible => {
                room?;
                self.against_replacing(&path, &found)
            }
        };
        obstacle.map_or(Ok(()), |obstacle| Err(CacheError::Obstructed { path, obstacle }))
    }

    /// Does what a write does, short of the last step.
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

    /// Writes the file whole or not at all, for its owner only. Only a file that cannot be replaced, such as one that
    /// is mounted by itself, is written in place.
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
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    return overwrite(&path, bytes).map_err(|_| refused);
                }
                _ => return Err(refused),
            }
        }
    }

    /// Temporary file, flushed to the disk, renamed over the old one: a reader sees the old file or the new one, after
    /// a power cut too. The new file has the temporary one's mode, 0600, whatever the old one had.
    fn replace(&self, file_name: &str, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let renamed = rename(self.temporary(file_name, bytes)?, path);
        let renamed = match renamed {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                rename(temporary_in(self.dir(), file_name, bytes)?, path)
            }
            renamed => renamed,
        };
        // The rename itself is flushed where directories can be; where they cannot, it is as safe as it gets.
        if renamed.is_ok()
            && let Ok(dir) = File::open(self.dir())
        {
            let _best_effort = dir.sync_all();
        }
        renamed
    }

    /// In the private directory, because there are tools that read every file of the cache; where that cannot be, in the
    /// cache.
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

fn rename(file: NamedTempFile, path: &Path) -> io::Result<()> {
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// Whether a file can be written where it is.
enum InPlace {
    Possible,
    /// No, and it cannot be replaced either.
    Hopeless(Obstacle),
    /// No, which says nothing about replacing it.
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
        // What is another user's is not given a secret of ours.
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

/// Not whole or not at all: who reads meanwhile may see a mixture.
fn overwrite(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = open_in_place(path)?;
    let found = file.metadata()?;
    if !found.is_file() || !platform::is_ours(&found) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    // The mode first: what is written next is secret.
    platform::restrict(&file)?;
    file.write_all(bytes)?;
    file.set_len(bytes.len() as u64)?;
    file.sync_all()
}

//! The directory: one file a user, one for the registration, and a lock.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use device_flow_reqwest::{Registration, SavedFlow, Session};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use tokio::task::spawn_blocking;

/// What a file holds, **with its secrets in the clear**: only its owner may read it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kept {
    Flow(SavedFlow),
    Session(Box<Session>),
    /// With the identity of the service that gave it. No other service may see the secret.
    Registration(String, Registration),
}

pub(crate) struct Store {
    directory: PathBuf,
    /// Two servers must not poll with one device code, so only one has the directory.
    _lock: File,
}

impl Store {
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(directory)?;
        let lock = File::create(directory.join("lock"))?;
        lock.try_lock().map_err(|_| io::Error::other("another server uses this directory"))?;
        Ok(Self { directory: directory.to_owned(), _lock: lock })
    }

    /// The names of all files, and what they hold.
    pub(crate) fn all(&self) -> io::Result<Vec<(String, io::Result<Kept>)>> {
        let paths = fs::read_dir(&self.directory)?.map(|entry| Ok(entry?.path()));
        let paths = paths.collect::<io::Result<Vec<_>>>()?.into_iter();
        let files = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
        Ok(files
            .map(|path| (path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), read(&path)))
            .collect())
    }

    /// Writes a file whole or not at all. The server goes on without it if the disk is full.
    pub(crate) async fn write(&self, name: &str, kept: &Kept) {
        let (directory, text) = (self.directory.clone(), serde_json::to_vec(kept));
        self.work(name, move |path| {
            let mut new = NamedTempFile::new_in(directory)?;
            new.write_all(&text?)?;
            new.as_file().sync_all()?;
            new.persist(path)?;
            Ok(())
        })
        .await;
    }

    pub(crate) async fn remove(&self, name: &str) {
        self.work(name, fs::remove_file).await;
    }

    async fn work(&self, name: &str, work: impl FnOnce(PathBuf) -> io::Result<()> + Send + 'static) {
        let path = self.directory.join(format!("{name}.json"));
        if let Err(error) = spawn_blocking(|| work(path)).await.map_err(io::Error::other).flatten() {
            eprintln!("{name}.json: {error}.");
        }
    }
}

/// The text of a `serde_json::Error` may quote the file, and a secret with it.
fn read(path: &Path) -> io::Result<Kept> {
    serde_json::from_slice(&fs::read(path)?)
        .map_err(|error| io::Error::other(format!("line {}, column {}", error.line(), error.column())))
}

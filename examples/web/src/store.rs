//! The directory: one file per user, one for the registration, and a lock.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use device_flow_reqwest::{Registration, SavedFlow, Session};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use tokio::task::spawn_blocking;

/// The contents of a file, **with its secrets in plain text**: only its owner may read it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kept {
    Flow(SavedFlow),
    Session(Box<Session>),
    /// The registration with the identity of its service. No other service may see the secret.
    Registration(String, Registration),
}

pub(crate) struct Store {
    directory: PathBuf,
    /// The lock of the directory. Two servers must not poll with the same device code.
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

    /// Returns the names and contents of all files.
    pub(crate) fn all(&self) -> io::Result<Vec<(String, io::Result<Kept>)>> {
        let paths = fs::read_dir(&self.directory)?.map(|entry| Ok(entry?.path()));
        let paths = paths.collect::<io::Result<Vec<_>>>()?.into_iter();
        let files = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
        Ok(files
            .map(|path| (path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), read(&path)))
            .collect())
    }

    /// Writes a file atomically. If the disk is full, the server goes on without it.
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

/// Reads a file. Its errors omit the text of a `serde_json::Error`, which may quote a secret.
fn read(path: &Path) -> io::Result<Kept> {
    serde_json::from_slice(&fs::read(path)?)
        .map_err(|error| io::Error::other(format!("line {}, column {}", error.line(), error.column())))
}

//! A store in one file, which survives restarts and crashes.
//!
//! The records are in memory, within the capacity, and every operation decides there. A thread writes the records
//! that an operation has touched, in the order of the operations. An operation that must survive a crash ends when
//! its records are on the disk. All operations that wait share one write.

use core::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use device_authority::{
    Capacity, Counts, Decide, Keys, Memory, Moment, RecordKey, Records, Store, StoreError, UserCode, Waiting,
};
use redb::{Database, DatabaseError, ReadableDatabase as _, ReadableTable as _, TableDefinition};

use super::writer::{Batch, Progress, Wish, Writer};

/// The records, by [`device_authority::RecordKey::to_bytes`], as JSON.
pub(super) const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");
/// The version of the format, and the key of the pages.
pub(super) const SETTINGS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("settings");
const VERSION: &str = "version";
const PAGE_KEY: &str = "page_key";
/// The version of the format that this program writes and reads.
const FORMAT: &[u8] = b"1";

/// A store in one file. One process at a time can use it.
///
/// ```
/// use sso_oidc_server::{Capacity, Config, FileStore, TestServer};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("sso-oidc.redb");
/// let store = FileStore::open(&path, Capacity::default())?;
/// // A second one would overwrite what the first one keeps.
/// let error = FileStore::open(&path, Capacity::default()).unwrap_err();
/// assert!(error.to_string().contains("is in use by another process"));
/// let server = TestServer::with(Config::default().with_store(store))?;
/// # drop(server);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FileStore {
    shared: Arc<Shared>,
    writer: Writer,
}

/// The records, and those of them that the file does not have yet.
pub(super) struct Shared {
    path: PathBuf,
    kept: Mutex<Kept>,
}

pub(super) struct Kept {
    memory: Memory,
    page_key: Option<[u8; 32]>,
    pub(super) batch: Batch,
    /// The last batch with a change that must survive a crash.
    lasting: Option<u64>,
}

/// The reason why a file is no store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileStoreError {
    /// Another process has opened the file.
    #[error(
        "the store {} is in use by another process; one process at a time can use a file, and several need PostgreSQL",
        path.display()
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by another version of this program.
    #[error(
        "the store {} has the format {found}, and this program knows only {}; use the program that wrote it, or \
         another file",
        path.display(),
        String::from_utf8_lossy(FORMAT)
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// The file's version.
        found: String,
    },
    /// The file cannot be opened, read or written.
    #[error("failed to use the store {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl FileStore {
    /// Opens the file, or creates it, readable by its owner only. Reads all records into memory.
    ///
    /// It warns about a file that other users can read or change, and uses it: some volumes give every file to a group.
    /// The file has live user codes and the key of the approval pages.
    ///
    /// ```
    /// use sso_oidc_server::{Capacity, FileStore};
    /// let folder = tempfile::tempdir()?;
    /// let store = FileStore::open(folder.path().join("sso-oidc.redb"), Capacity::default())?;
    /// drop(store); // writes what is left
    /// assert!(FileStore::open(folder.path(), Capacity::default()).is_err()); // a folder is no store
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`FileStoreError`] if another process uses the file, or if it cannot be read or written.
    pub fn open(path: impl AsRef<Path>, capacity: Capacity) -> Result<Self, FileStoreError> {
        let path = path.as_ref();
        let failed = |source: Problem| FileStoreError::File { path: path.to_owned(), source };
        let file = create(path).map_err(|error| failed(error.into()))?;
        let database = Database::builder().create_file(file).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => FileStoreError::InUse { path: path.to_owned() },
            error => failed(error.into()),
        })?;
        Self::of(database, path, capacity)
    }

    /// Reads all records of a database into memory.
    pub(super) fn of(database: Database, path: &Path, capacity: Capacity) -> Result<Self, FileStoreError> {
        let failed = |source: Problem| FileStoreError::File { path: path.to_owned(), source };
        let found = prepare(&database).map_err(failed)?;
        if found != FORMAT {
            let found = oidc_proto::printable(&String::from_utf8_lossy(&found)).into_owned();
            return Err(FileStoreError::Format { path: path.to_owned(), found });
        }
        let (memory, page_key) = read(&database, capacity).map_err(failed)?;
        let mut kept = Kept { memory, page_key, batch: Batch::default(), lasting: None };
        // A file with more records than the capacity loses those that memory has dropped.
        let gone = kept.memory.take_touched().into_iter().filter(|(_, record)| record.is_none());
        kept.batch.add(gone.collect());
        let shared = Arc::new(Shared { path: path.to_owned(), kept: Mutex::new(kept) });
        let writer = Writer::start(database, Arc::clone(&shared)).map_err(|error| failed(error.into()))?;
        Ok(Self { shared, writer })
    }

    /// Adds the touched records to the batch, and returns what to wait for.
    fn keep(&self, mut kept: MutexGuard<'_, Kept>, wish: Wish) -> Progress {
        let Kept { memory, batch, .. } = &mut *kept;
        batch.add(memory.take_touched());
        let number = batch.number();
        drop(kept);
        self.writer.wake(number, wish)
    }
}

impl Shared {
    pub(super) fn kept(&self) -> MutexGuard<'_, Kept> {
        // A panic cannot leave a change half done, because only the memory store changes records.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Store for FileStore {
    fn transact<'a>(
        &'a self,
        keys: Keys<'a>,
        now: Moment,
        decide: &'a mut Decide<'a>,
    ) -> Waiting<'a, Result<(), StoreError>> {
        if let Err(error) = self.writer.check() {
            return Box::pin(core::future::ready(Err(error)));
        }
        let mut kept = self.shared.kept();
        let (mut changes_something, mut must_last) = (false, false);
        let mut noticed = |records: Records<'_>| {
            let changes = decide(records);
            changes_something = !changes.is_empty();
            must_last = changes.iter().any(|change| !change.may_be_lost());
            changes
        };
        let decided = kept.memory.transact(keys, now, &mut noticed);
        if decided.is_err() {
            return Box::pin(core::future::ready(decided));
        }
        if !changes_something {
            // The decision may rest on records that are not on the disk yet. Their batch may be written already.
            return match kept.lasting {
                Some(number) => Box::pin(self.writer.wake(number, Wish::Rest).wait()),
                None => Box::pin(core::future::ready(Ok(()))),
            };
        }
        if must_last {
            kept.lasting = Some(kept.batch.number());
            Box::pin(self.keep(kept, Wish::Now).wait())
        } else {
            self.keep(kept, Wish::Lazily);
            Box::pin(core::future::ready(Ok(())))
        }
    }

    fn pending(&self, now: Moment) -> Waiting<'_, Result<Vec<UserCode>, StoreError>> {
        Box::pin(core::future::ready(Ok(self.shared.kept().memory.pending(now).take(10_000).collect())))
    }

    fn counts(&self) -> Waiting<'_, Result<Counts, StoreError>> {
        Box::pin(core::future::ready(Ok(self.shared.kept().memory.counts())))
    }

    fn page_key(&self, fresh: [u8; 32]) -> Waiting<'_, Result<[u8; 32], StoreError>> {
        let mut kept = self.shared.kept();
        if let Some(key) = kept.page_key {
            return Box::pin(core::future::ready(Ok(key)));
        }
        kept.page_key = Some(fresh);
        kept.batch.set(PAGE_KEY, fresh.to_vec());
        kept.lasting = Some(kept.batch.number());
        let progress = self.keep(kept, Wish::Now);
        Box::pin(async move { progress.wait().await.map(|()| fresh) })
    }

    fn sweep(&self, now: Moment) -> Waiting<'_, Result<usize, StoreError>> {
        let mut kept = self.shared.kept();
        let dropped = kept.memory.sweep(now);
        if dropped > 0 {
            self.keep(kept, Wish::Lazily);
        }
        Box::pin(core::future::ready(self.writer.check().map(|()| dropped)))
    }

    fn evictions(&self) -> Option<Counts> {
        Some(self.shared.kept().memory.evictions())
    }

    fn check(&self) -> Waiting<'_, Result<(), StoreError>> {
        Box::pin(core::future::ready(self.writer.check()))
    }
}

/// Opens the file for reading and writing. Its digests and its page key are for its owner only.
fn create(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    warn_if_shared(&file, path)?;
    Ok(file)
}

/// Warns if other users can read or change the file. A copy or a restored backup often lets them.
#[cfg(unix)]
fn warn_if_shared(file: &std::fs::File, path: &Path) -> std::io::Result<()> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata()?.permissions()) & 0o777;
    if mode & 0o077 != 0 {
        tracing::warn!(
            "other users can read or change the store {0} (mode {mode:04o}), which has live user codes and the key of the \
             approval pages; run `chmod 600 {0}`",
            path.display()
        );
    }
    Ok(())
}

type Problem = Box<dyn std::error::Error + Send + Sync>;

/// Creates the tables of a new file, and returns the version of its format.
fn prepare(database: &Database) -> Result<Vec<u8>, Problem> {
    let write = database.begin_write()?;
    let found = {
        let mut settings = write.open_table(SETTINGS)?;
        let found = settings.get(VERSION)?.map(|value| value.value().to_vec());
        match found {
            Some(found) => found,
            None => {
                settings.insert(VERSION, FORMAT)?;
                FORMAT.to_vec()
            }
        }
    };
    if found != FORMAT {
        // The file is another program's, and stays as it is.
        write.abort()?;
        return Ok(found);
    }
    write.open_table(RECORDS)?;
    write.commit()?;
    Ok(found)
}

/// Reads all records, and the key of the pages.
fn read(database: &Database, capacity: Capacity) -> Result<(Memory, Option<[u8; 32]>), Problem> {
    let read = database.begin_read()?;
    let mut memory = Memory::new(capacity).mirrored();
    let records = read.open_table(RECORDS)?;
    // Clients come first, because their tokens and devices keep them from being evicted.
    for is_client in [true, false] {
        for entry in records.iter()? {
            let (key, value) = entry?;
            if RecordKey::is_client(key.value()) == is_client {
                // The time only orders evictions, and after a restart no client was used later than another.
                memory.put(serde_json::from_slice(value.value())?, Moment::new(core::time::Duration::ZERO));
            }
        }
    }
    let page_key = read.open_table(SETTINGS)?.get(PAGE_KEY)?.map(|value| value.value().try_into());
    Ok((memory, page_key.transpose()?))
}

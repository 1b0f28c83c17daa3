//! The thread that writes a store's file.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use device_authority::{Record, RecordKey, StoreError};
use redb::Database;
use tokio::sync::watch;

use super::file::{RECORDS, SETTINGS, Shared};

/// The time that a change may wait for the disk if its operation does not wait for it.
const LAZY: Duration = Duration::from_millis(200);

/// The records that the file does not have yet, each as it is now. Many changes of one record are one write.
#[derive(Debug, Default)]
pub(super) struct Batch {
    number: u64,
    records: BTreeMap<Vec<u8>, Option<Record>>,
    settings: BTreeMap<&'static str, Vec<u8>>,
}

impl Batch {
    pub(super) fn add(&mut self, touched: Vec<(RecordKey, Option<Record>)>) {
        self.records.extend(touched.into_iter().map(|(key, record)| (key.to_bytes(), record)));
    }

    pub(super) fn set(&mut self, name: &'static str, value: Vec<u8>) {
        self.settings.insert(name, value);
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// Returns this batch, and begins the next one.
    fn take(&mut self) -> Self {
        let next = Self { number: self.number + 1, ..Self::default() };
        core::mem::replace(self, next)
    }

    fn write(&self, database: &Database) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let write = database.begin_write()?;
        {
            let mut records = write.open_table(RECORDS)?;
            for (key, record) in &self.records {
                match record {
                    Some(record) => {
                        records.insert(&**key, &*serde_json::to_vec(record)?)?;
                    }
                    None => {
                        records.remove(&**key)?;
                    }
                }
            }
            let mut settings = write.open_table(SETTINGS)?;
            for (name, value) in &self.settings {
                settings.insert(*name, &**value)?;
            }
        }
        write.commit()?;
        Ok(())
    }
}

/// What the file has: all batches up to a number, or nothing more after an error.
#[derive(Clone, Debug)]
enum Written {
    /// All batches below this number.
    Below(u64),
    /// The file failed. What memory has decided since then is not kept, so no operation may go on.
    Failed(Arc<str>),
}

/// What an operation waits for.
#[derive(Debug)]
pub(super) struct Progress {
    number: u64,
    written: watch::Receiver<Written>,
}

impl Progress {
    pub(super) async fn wait(mut self) -> Result<(), StoreError> {
        let number = self.number;
        let is_over = |written: &Written| match written {
            Written::Below(end) => number < *end,
            Written::Failed(_) => true,
        };
        match self.written.wait_for(is_over).await.as_deref() {
            Ok(Written::Below(_)) => Ok(()),
            Ok(Written::Failed(why)) => Err(StoreError::unavailable(why.to_string())),
            Err(_) => Err(StoreError::unavailable("the thread that writes the file has ended")),
        }
    }
}

/// What the thread has to do. The greatest wish counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wish {
    /// Nothing.
    Rest,
    /// Write within [`LAZY`].
    Lazily,
    /// Write at once, because an operation waits.
    Now,
    /// Write, and end.
    End,
}

/// The wish of the operations, and a signal of its changes.
#[derive(Debug)]
struct Wishes {
    greatest: Mutex<Wish>,
    changed: Condvar,
}

impl Wishes {
    fn add(&self, wish: Wish) {
        let mut greatest = self.greatest.lock().unwrap_or_else(PoisonError::into_inner);
        if *greatest < wish {
            *greatest = wish;
            self.changed.notify_one();
        }
    }

    /// Waits for something to do.
    fn next(&self) -> Wish {
        let greatest = self.greatest.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_while(greatest, |wish| *wish == Wish::Rest);
        let greatest = waited.unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(greatest, LAZY, |wish| *wish == Wish::Lazily);
        let (mut greatest, _) = waited.unwrap_or_else(PoisonError::into_inner);
        core::mem::replace(&mut *greatest, Wish::Rest)
    }
}

/// The thread that writes the file.
#[derive(Debug)]
pub(super) struct Writer {
    written: watch::Receiver<Written>,
    wishes: Arc<Wishes>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(database: Database, shared: Arc<Shared>) -> io::Result<Self> {
        let (report, written) = watch::channel(Written::Below(0));
        let wishes = Arc::new(Wishes { greatest: Mutex::new(Wish::Rest), changed: Condvar::new() });
        let thread = std::thread::Builder::new().name("sso-oidc store".to_owned()).spawn({
            let wishes = Arc::clone(&wishes);
            move || run(&database, &shared, &wishes, &report)
        })?;
        Ok(Self { written, wishes, thread: Some(thread) })
    }

    /// Tells the thread of a batch, and returns what an operation waits for.
    pub(super) fn wake(&self, number: u64, wish: Wish) -> Progress {
        self.wishes.add(wish);
        Progress { number, written: self.written.clone() }
    }

    pub(super) fn check(&self) -> Result<(), StoreError> {
        if let Written::Failed(why) = &*self.written.borrow() {
            return Err(StoreError::unavailable(why.to_string()));
        }
        if self.written.has_changed().is_err() {
            return Err(StoreError::unavailable("the thread that writes the file has ended"));
        }
        Ok(())
    }
}

/// Writes what is left, and closes the file.
impl Drop for Writer {
    fn drop(&mut self) {
        self.wishes.add(Wish::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(database: &Database, shared: &Shared, wishes: &Wishes, report: &watch::Sender<Written>) {
    loop {
        let wish = wishes.next();
        let batch = shared.kept().batch.take();
        if !(batch.records.is_empty() && batch.settings.is_empty())
            && let Err(error) = batch.write(database)
        {
            tracing::error!(%error, "failed to write the store; the server answers no more operations");
            report.send_replace(Written::Failed(error.to_string().into()));
            return;
        }
        report.send_replace(Written::Below(batch.number + 1));
        if wish == Wish::End {
            return;
        }
    }
}

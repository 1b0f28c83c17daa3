//! Stores that outlive the process.

mod file;
mod writer;

pub use self::file::{FileStore, FileStoreError};

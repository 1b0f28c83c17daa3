//! Stores that outlive the process.

mod file;
#[cfg(test)]
mod tests;
mod writer;

pub use self::file::{FileStore, FileStoreError};

//! `--store`: where the server keeps its records.

use std::path::PathBuf;

use clap::Args;
use sso_oidc_server::{Config, FileStore};

use crate::exit::{Failure, chain};

/// The flags of the store.
#[derive(Args, Debug)]
pub(super) struct StoreArgs {
    /// Keep the records in this file, so that sign-ins survive a restart and a crash. One server at a time can use it.
    /// The default is memory
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
}

impl StoreArgs {
    /// Opens the store.
    pub(super) fn apply(&self, config: Config) -> Result<Config, Failure> {
        let Some(path) = &self.store else { return Ok(config) };
        let store = FileStore::open(path, config.capacity).map_err(|error| Failure::other(chain(&error)))?;
        Ok(config.with_store(store))
    }
}

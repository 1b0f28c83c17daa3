//! Where things are: the root of the checkout and the target directory.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand};

/// The root of the checkout. Known at compile time: this crate is always run from its own checkout.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("."))
}

/// What cargo knows about the workspace and its whole dependency graph; asked once.
///
/// # Errors
///
/// When `cargo metadata` fails, with what it said.
pub(crate) fn metadata() -> Result<&'static Metadata> {
    static METADATA: OnceLock<Metadata> = OnceLock::new();
    if let Some(metadata) = METADATA.get() {
        return Ok(metadata);
    }
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .exec()
        .context("`cargo metadata` failed; the message above says which manifest")?;
    Ok(METADATA.get_or_init(|| metadata))
}

/// The directory that cargo builds into, wherever the person has put it.
///
/// # Errors
///
/// When `cargo metadata` fails.
pub(crate) fn target_dir() -> Result<PathBuf> {
    Ok(metadata()?.target_directory.clone().into_std_path_buf())
}

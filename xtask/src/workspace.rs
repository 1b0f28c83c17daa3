//! The root of the checkout, cargo's metadata and the target directory.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand};

/// Returns the root of the checkout. It is a compile-time constant, because this crate always runs from its own
/// checkout.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("."))
}

/// Returns cargo's metadata of the workspace and its dependency graph. `cargo metadata` runs only once.
///
/// # Errors
///
/// `cargo metadata` fails. The error has its output.
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

/// Returns the target directory, which the user may have moved.
///
/// # Errors
///
/// `cargo metadata` fails.
pub(crate) fn target_dir() -> Result<PathBuf> {
    Ok(metadata()?.target_directory.clone().into_std_path_buf())
}

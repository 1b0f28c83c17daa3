//! The root of the checkout, cargo's metadata and the target directory.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand, Package};

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

/// The line in the manifest of a published crate. A crate of the laboratory has `publish = false`.
pub(crate) const PUBLISHED: &str = "publish.workspace = true";

/// Returns the published crates, sorted by name.
///
/// # Errors
///
/// When `cargo metadata` fails, or a manifest cannot be read.
pub(crate) fn published() -> Result<Vec<&'static Package>> {
    let mut published = Vec::new();
    for package in metadata()?.workspace_packages() {
        let manifest = &package.manifest_path;
        let text = fs::read_to_string(manifest).with_context(|| manifest.to_string())?;
        if text.lines().any(|line| line == PUBLISHED) {
            published.push(package);
        }
    }
    published.sort_unstable_by_key(|package| package.name.as_str());
    Ok(published)
}

/// Waits until no other process of this checkout has the lock of this name, and takes it until the value is dropped.
///
/// # Errors
///
/// The file of the lock cannot be opened.
pub(crate) fn lock(name: &str) -> Result<File> {
    let path = target_dir()?.join(name).with_extension("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.with_context(|| path.display().to_string())?;
    file.lock().with_context(|| path.display().to_string())?;
    Ok(file)
}

/// Writes a file whose contents differ.
///
/// # Errors
///
/// It cannot be written.
pub(crate) fn write(path: &Path, contents: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|there| there == contents) {
        return Ok(());
    }
    fs::write(path, contents).with_context(|| path.display().to_string())
}

/// Returns the target directory, which the user may have moved.
///
/// # Errors
///
/// `cargo metadata` fails.
pub(crate) fn target_dir() -> Result<PathBuf> {
    Ok(metadata()?.target_directory.clone().into_std_path_buf())
}

//! A checkout of this repository: the one of this program, or a clone.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::{Metadata, MetadataCommand};

use super::PROGRAM;
use crate::shell::Run;
use crate::workspace;

/// The variable with the time of all files, in seconds since 1970. Without it that is the time of the commit.
const TIME: &str = "SOURCE_DATE_EPOCH";

/// A checkout, and what it says of itself.
pub(super) struct Checkout {
    root: PathBuf,
    cargo_home: PathBuf,
    metadata: Metadata,
    version: String,
}

impl Checkout {
    /// Returns that of this program.
    ///
    /// # Errors
    ///
    /// `cargo metadata` fails, or there is no home directory.
    pub(super) fn ours() -> Result<Self> {
        let cargo_home = match std::env::var_os("CARGO_HOME") {
            Some(home) => home.into(),
            None => std::env::home_dir().context("there is no home directory")?.join(".cargo"),
        };
        Self::of(workspace::root(), cargo_home, workspace::metadata()?.clone())
    }

    fn of(root: &Path, cargo_home: PathBuf, metadata: Metadata) -> Result<Self> {
        let program = metadata.packages.iter().find(|package| *package.name == PROGRAM);
        let version = program.context("the workspace has no program")?.version.to_string();
        Ok(Self { root: root.to_owned(), cargo_home, metadata, version })
    }

    /// Clones the commit to another directory, without changes that are not committed. The clone has a cargo home of
    /// its own beside it, with the packages of ours.
    ///
    /// # Errors
    ///
    /// `git clone` or `cargo metadata` fails.
    pub(super) fn clone_to(&self, root: &Path) -> Result<Self> {
        let clone = Run::new("git").args(["clone", "--quiet", "--no-hardlinks"]).arg(&self.root).arg(root);
        clone.go()?;
        let home = root.with_extension("cargo-home");
        fs::create_dir_all(&home)?;
        link(&self.cargo_home.join("registry"), &home.join("registry"))?;
        let mut metadata = MetadataCommand::new();
        metadata
            .manifest_path(root.join("Cargo.toml"))
            .env_remove("CARGO_TARGET_DIR")
            .env("CARGO_HOME", &home);
        let metadata = metadata.exec().context("`cargo metadata` failed in the clone")?;
        Self::of(root, home, metadata)
    }

    /// Returns whether files differ from those of the commit.
    ///
    /// # Errors
    ///
    /// `git` cannot be started. A checkout without a repository counts as unchanged.
    pub(super) fn is_changed(&self) -> Result<bool> {
        let output = Run::new("git").args(["status", "--porcelain"]).in_dir(&self.root).output()?;
        Ok(output.status.success() && !output.stdout.is_empty())
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn cargo_home(&self) -> &Path {
        &self.cargo_home
    }

    pub(super) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    pub(super) fn target_dir(&self) -> &Path {
        self.metadata.target_directory.as_std_path()
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// Returns the time of all files, in seconds since 1970.
    ///
    /// # Errors
    ///
    /// There is neither a commit nor `SOURCE_DATE_EPOCH`.
    pub(super) fn time(&self) -> Result<u64> {
        let time = match std::env::var(TIME) {
            Ok(time) => time,
            Err(_) => git(&self.root, &["log", "-1", "--format=%ct"])
                .with_context(|| format!("without a commit, {TIME} has to say the time of the files"))?,
        };
        time.trim().parse().with_context(|| format!("{TIME}: `{time}`"))
    }
}

#[cfg(unix)]
fn link(to: &Path, at: &Path) -> Result<()> {
    std::os::unix::fs::symlink(to, at).with_context(|| at.display().to_string())
}

/// Cargo fetches the packages again.
#[cfg(not(unix))]
fn link(_: &Path, _: &Path) -> Result<()> {
    Ok(())
}

fn git(root: &Path, args: &[&str]) -> Result<String> {
    let output = Run::new("git").args(args).in_dir(root).output()?;
    ensure!(output.status.success(), "git: {}", String::from_utf8_lossy(&output.stderr).trim_end());
    Ok(String::from_utf8(output.stdout)?)
}

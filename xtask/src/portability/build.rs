//! Builds for other targets, in a directory of their own.

use std::path::PathBuf;

use anyhow::Result;

use crate::shell::Run;
use crate::toolchain::Toolchain;
use crate::workspace;

/// Returns a run of this cargo subcommand for some crates.
pub(crate) fn cargo(toolchain: &Toolchain, subcommand: &str, crates: &[&str]) -> Result<Run> {
    let run = toolchain.cargo(subcommand).arg("--quiet");
    let run = run.env("CARGO_TARGET_DIR", target_dir()?).env("CARGO_PROFILE_DEV_DEBUG", "0");
    Ok(run.args(crates.iter().flat_map(|name| ["--package", *name])))
}

/// Returns the path of a program that was built.
pub(crate) fn program(toolchain: &Toolchain, name: &str) -> Result<PathBuf> {
    Ok(target_dir()?.join(toolchain.target()).join("debug").join(name))
}

/// Returns the directory of all these builds.
pub(crate) fn target_dir() -> Result<PathBuf> {
    Ok(workspace::target_dir()?.join("portability"))
}

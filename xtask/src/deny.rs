//! `cargo xtask deny`: licences, duplicates and sources of the dependencies, and known vulnerabilities in them.
//!
//! `deny.toml` says what is allowed. The tool is installed once, into the target directory; unoptimised, because it builds in
//! a third of the time and runs for two seconds.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::shell::Run;
use crate::workspace;

/// Named, so that a new release of the tool changes nothing unseen.
const VERSION: &str = "0.20.2";

/// What the tool says when it cannot have the database of advisories, which it clones from the internet.
const NO_DATABASE: &str = "failed to fetch advisory database";

/// `cargo xtask deny`
pub(crate) fn task(args: &[String]) -> Result<()> {
    match args {
        [] => step(),
        _ => bail!("`deny` takes no arguments"),
    }
}

/// Everything that can be checked where this runs.
pub(crate) fn step() -> Result<()> {
    let tool = tool()?;
    check(&tool).args(["licenses", "bans", "sources"]).go()?;
    advisories(&tool)
}

fn check(tool: &Path) -> Run {
    Run::new(tool).args(["--color", "never", "--locked", "check", "--hide-inclusion-graph"])
}

/// A machine without that part of the internet cannot know of vulnerabilities, and says so.
fn advisories(tool: &Path) -> Result<()> {
    let output = check(tool).arg("advisories").output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        println!("   no advisory is about a dependency of ours");
    } else if said.contains(NO_DATABASE) {
        println!("   advisories NOT CHECKED: their database cannot be fetched from here");
    } else {
        bail!("advisories: {}{said}", String::from_utf8_lossy(&output.stdout));
    }
    Ok(())
}

/// The tool, installed if it is not there in this version.
fn tool() -> Result<PathBuf> {
    let root = workspace::target_dir()?.join("tools");
    let tool = root.join("bin").join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX));
    let version = || {
        let output = Run::new(&tool).arg("--version").output().ok()?;
        String::from_utf8(output.stdout).ok()?.split_whitespace().last().map(str::to_owned)
    };
    if version().as_deref() != Some(VERSION) {
        let install =
            Run::cargo().args(["install", "--quiet", "--locked", "--debug", "--force", "cargo-deny"]);
        let install = install.args(["--version", VERSION, "--root"]).arg(&root).arg("--target-dir");
        install.arg(root.join("build")).go().context("cargo-deny cannot be installed")?;
    }
    Ok(tool)
}

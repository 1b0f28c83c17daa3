//! `cargo xtask deny`: licences, duplicates and sources of the dependencies, and known vulnerabilities in them.
//!
//! `deny.toml` says what is allowed. The database of known vulnerabilities is on the internet. Where it cannot be had the rest
//! is checked, and `NOT CHECKED` said of this; `--require-advisories`, or the environment variable `DENY_ADVISORIES=required`
//! for a step of `cargo xtask test`, makes that a failure. A database that was had and says anything but "all is well" is a
//! failure everywhere. The tool is installed once, into the target directory; unoptimised, because it builds in
//! a third of the time and runs for two seconds.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::shell::Run;
use crate::workspace;

/// Named, so that a new release of the tool changes nothing unseen.
const VERSION: &str = "0.20.2";

/// What the tool says when it cannot have the database of advisories, which it clones from the internet.
const NO_DATABASE: &str = "failed to fetch advisory database";

/// Demands the database with the value `required`.
const ADVISORIES: &str = "DENY_ADVISORIES";

/// `cargo xtask deny [--require-advisories]`
pub(crate) fn task(args: &[String]) -> Result<()> {
    match args {
        [] => step(),
        [flag] if flag == "--require-advisories" => run(true),
        _ => bail!("`deny` takes `--require-advisories` and nothing else"),
    }
}

/// Everything that can be checked where this runs, or everything if the environment demands it.
pub(crate) fn step() -> Result<()> {
    run(is_required(std::env::var_os(ADVISORIES).as_deref())?)
}

/// # Errors
///
/// When the variable has a value that means nothing: a person who misspelt it believes to be safe.
fn is_required(variable: Option<&OsStr>) -> Result<bool> {
    match variable.map(OsStr::to_string_lossy).as_deref() {
        None | Some("") => Ok(false),
        Some("required") => Ok(true),
        Some(other) => bail!("{ADVISORIES} is `required` or not set, and not `{other}`"),
    }
}

fn run(require_advisories: bool) -> Result<()> {
    let tool = tool()?;
    check(&tool).args(["licenses", "bans", "sources"]).go()?;
    let output = check(&tool).arg("advisories").output()?;
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    println!("   {}", verdict(output.status.success(), &said, require_advisories)?);
    Ok(())
}

fn check(tool: &Path) -> Run {
    Run::new(tool).args(["--color", "never", "--locked", "check", "--hide-inclusion-graph"])
}

/// What the tool's answer on advisories means. A machine without that part of the internet cannot know of
/// vulnerabilities, and says so; whatever else is wrong, the database among it, is a failure.
fn verdict(passed: bool, said: &str, required: bool) -> Result<&'static str> {
    match (passed, said.contains(NO_DATABASE)) {
        (true, _) => Ok("no advisory is about a dependency of ours"),
        (false, true) if !required => {
            Ok("advisories NOT CHECKED: their database cannot be fetched from here")
        }
        (false, _) => bail!("advisories: {said}"),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    const UNREACHABLE: &str =
        "error: failed to fetch advisory database https://github.com/rustsec/advisory-db";

    #[test]
    fn an_advisory_or_a_database_that_cannot_be_read_is_a_failure_everywhere() {
        for said in ["error[vulnerability]: RUSTSEC-2024-0336", "error: failed to parse advisory", ""] {
            assert!(verdict(false, said, false).unwrap_err().to_string().contains(said));
            assert!(verdict(false, said, true).is_err());
        }
        assert!(verdict(true, "", true).is_ok());
    }

    #[test]
    fn a_database_out_of_reach_is_said_aloud_and_is_a_failure_where_it_is_required() {
        assert!(verdict(false, UNREACHABLE, false).unwrap().contains("NOT CHECKED"));
        assert!(verdict(false, UNREACHABLE, true).unwrap_err().to_string().contains("failed to fetch"));
    }

    #[test]
    fn a_misspelt_demand_is_refused() {
        assert!(is_required(Some(OsStr::new("required"))).unwrap());
        assert!(!is_required(None).unwrap() && !is_required(Some(OsStr::new(""))).unwrap());
        assert!(is_required(Some(OsStr::new("require"))).is_err());
    }
}

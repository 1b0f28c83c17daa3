//! `cargo xtask deny`: licences, duplicates, sources and known vulnerabilities of the dependencies.
//!
//! `deny.toml` has the rules. The advisory database is on the internet. If it cannot be fetched, the task prints `NOT
//! CHECKED` and checks the rest. With `--require-advisories`, or with `DENY_ADVISORIES=required` in `cargo xtask
//! test`, that is a failure. A finding in a fetched database is always a failure. The tool is installed once, into
//! the target directory, without optimisation: it builds in a third of the time and runs for two seconds.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::shell::Run;
use crate::workspace;

/// The pinned version of the tool.
const VERSION: &str = "0.20.2";

/// The tool's message if it cannot clone the advisory database.
const NO_DATABASE: &str = "failed to fetch advisory database";

/// The variable that requires the database, with the value `required`.
const ADVISORIES: &str = "DENY_ADVISORIES";

/// `cargo xtask deny [--require-advisories]`
pub(crate) fn task(args: &[String]) -> Result<()> {
    match args {
        [] => step(),
        [flag] if flag == "--require-advisories" => run(true),
        _ => bail!("`deny` takes `--require-advisories` and nothing else"),
    }
}

/// Runs every check that is possible on this machine, or all if the environment requires it.
pub(crate) fn step() -> Result<()> {
    run(is_required(std::env::var_os(ADVISORIES).as_deref())?)
}

/// # Errors
///
/// The variable has an unknown value. Ignoring a misspelt value would be unsafe.
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

/// Interprets the tool's output on advisories. Without network access the result is "not checked"; any other problem
/// is a failure.
fn verdict(passed: bool, said: &str, required: bool) -> Result<&'static str> {
    match (passed, said.contains(NO_DATABASE)) {
        (true, _) => Ok("no advisory is about a dependency of ours"),
        (false, true) if !required => {
            Ok("advisories NOT CHECKED: their database cannot be fetched from here")
        }
        (false, _) => bail!("advisories: {said}"),
    }
}

/// Returns the tool, and installs it if this version is missing.
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

//! Interoperability tests with third-party peers.
//!
//! These run against our server and our program: boto3, the AWS CLI, aws-sso-lib and Authlib from PyPI, the
//! crates `oauth2` and `openidconnect`, npm's `openid-client`, and a headless Chromium. Our program and
//! adapters run against npm's `oidc-provider`, and `conform` against PyPI's django-oauth-toolkit and Authlib, too.
//!
//! The scenarios are in Python, like most of the peers. This module creates the virtual environment, builds the
//! programs and runs the scenarios.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::server::{Profile, program};
use crate::shell::Run;
use crate::{dist, peers, workspace};

/// The time limit. Each scenario waits a few seconds for real intervals and expiries.
const LIMIT: Duration = Duration::from_secs(900);
/// The processes that run scenarios side by side.
const WORKERS: &str = "4";
/// The time limit of a first install on a slow network.
const INSTALL_LIMIT: Duration = Duration::from_secs(600);

/// The name of the lock on what the scenarios need.
const LOCK: &str = "interop";

/// `cargo xtask interop [TEST]…`
pub(crate) fn task(tests: &[String]) -> Result<()> {
    Run::cargo().args(["build", "--package", "sso-oidc"]).go()?;
    let program = program(Profile::Debug, "sso-oidc")?;
    let sbom = workspace::target_dir()?.join("sso-oidc.cdx.json");
    dist::sbom::write(&sbom)?;
    let scripts = scripts();
    // The step `peers` may prepare them at the same time.
    let preparing = workspace::lock(LOCK)?;
    let (python, peers) = (environment()?, peers::all()?);
    drop(preparing);
    let run = Run::new(python).env("SSO_OIDC_PROGRAM", program).env("PYTHONDONTWRITEBYTECODE", "1");
    let run = run.env("SSO_OIDC_SBOM", sbom);
    let run = peers.into_iter().fold(run, |run, (name, path)| run.env(name, path));
    let run =
        run.args(["-m", "pytest", "--verbose", "-rs", "-p", "no:cacheprovider", "--rootdir"]).arg(&scripts);
    let run = if tests.is_empty() {
        // The scenarios mostly wait for real intervals.
        run.args(["--numprocesses", WORKERS, "--dist", "worksteal"]).arg(&scripts)
    } else {
        run.args(tests.iter().map(|test| scripts.join(selected(test))))
    };
    run.limit(LIMIT).go()
}

/// Returns a scenario as pytest names it: a file, and perhaps a class and a test in it.
fn selected(test: &str) -> String {
    let mut parts = test.split('.');
    let file = parts.next().unwrap_or_default();
    parts.fold(format!("{file}.py"), |selected, part| format!("{selected}::{part}"))
}

/// The most bytes of the installed program.
const LARGEST: u64 = 10_000_000;

/// `cargo xtask bench --commands`: the size of the installed program, and the time of its commands beside that of the
/// same peers' commands.
pub(crate) fn commands() -> Result<()> {
    let python = environment()?;
    Run::cargo().args(["build", "--quiet", "--profile", "dist", "--package", "sso-oidc"]).go()?;
    let program = program(Profile::Dist, "sso-oidc")?;
    let size = fs::metadata(&program)?.len();
    println!("the program has {size} bytes, at most {LARGEST} are wanted");
    let run = Run::new(python).env("SSO_OIDC_PROGRAM", program);
    let run = run.env("PYTHONDONTWRITEBYTECODE", "1").arg(scripts().join("commands.py"));
    run.limit(LIMIT).go()?;
    ensure!(size <= LARGEST, "the program is larger than {LARGEST} bytes");
    Ok(())
}

/// Installs and builds the peers, without a program of the workspace.
pub(crate) fn prepare() -> Result<()> {
    let _preparing = workspace::lock(LOCK)?;
    environment()?;
    peers::prepare()
}

/// Runs every scenario.
pub(crate) fn step() -> Result<()> {
    task(&[])
}

fn scripts() -> PathBuf {
    workspace::root().join("xtask/interop")
}

/// Returns the Python of a virtual environment with the packages of `requirements.txt`. It is rebuilt when that file
/// changes.
fn environment() -> Result<PathBuf> {
    let requirements = scripts().join("requirements.txt");
    let wanted = fs::read_to_string(&requirements).with_context(|| requirements.display().to_string())?;
    let dir = workspace::target_dir()?.join("interop-venv");
    let python = dir.join("bin/python");
    // Written last, so that an interrupted install does not count as complete.
    let stamp = dir.join("installed.txt");
    if python.exists() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    create(&dir)?;
    let run = Run::new(&python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    run.arg("--requirement").arg(&requirements).limit(INSTALL_LIMIT).go()?;
    fs::write(stamp, wanted)?;
    Ok(python)
}

/// Creates an empty environment with pip, by venv or virtualenv.
fn create(dir: &Path) -> Result<()> {
    remove(dir)?;
    if Run::new("python3").args(["-m", "venv"]).arg(dir).go().is_ok() {
        return Ok(());
    }
    // Debian has venv in a separate package, and leaves half an environment behind if that is missing.
    println!("   no venv in this Python; trying virtualenv");
    remove(dir)?;
    let borrowed = dir.with_file_name("interop-virtualenv");
    let pip = Run::new("python3").args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--target",
    ]);
    let installed = pip.arg(&borrowed).arg("virtualenv").limit(INSTALL_LIMIT).go();
    let made = installed.and_then(|()| {
        Run::new("python3").args(["-m", "virtualenv", "--quiet"]).arg(dir).env("PYTHONPATH", &borrowed).go()
    });
    if made.is_err() {
        remove(dir)?;
        bail!(
            "cannot make a Python environment: python3 is needed, with venv (Debian: apt-get install python3-venv)"
        );
    }
    Ok(())
}

fn remove(dir: &Path) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_is_named_by_its_file_and_its_class_and_its_test() {
        assert_eq!(selected("test_boto3"), "test_boto3.py");
        assert_eq!(
            selected("test_page.Page.test_a_person_denies"),
            "test_page.py::Page::test_a_person_denies"
        );
    }
}

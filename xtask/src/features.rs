//! Checks of the features of the libraries, each alone.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use cargo_metadata::Package;

use crate::clients::CLIENTS;
use crate::shell::Run;
use crate::workspace;

/// The limits of the number of crates in a program with a library's default features, without build dependencies.
const MOST_CRATES: [(&str, usize); 3] =
    [("device-flow-ureq", 44), ("device-flow-reqwest", 93), ("sso-oidc-credentials", 131)];

/// `cargo xtask test --only features`
pub(crate) fn step() -> Result<()> {
    let metadata = workspace::metadata()?;
    println!("   {:<20} {:<46} crates", "crate", "features");
    for package in metadata.workspace_packages() {
        let is_library = package.targets.iter().any(cargo_metadata::Target::is_lib);
        if is_library && !package.features.is_empty() {
            alone(package)?;
        }
    }
    without_defaults()
}

/// Checks a package with no feature, each feature alone, and all of them.
fn alone(package: &Package) -> Result<()> {
    let name = package.name.as_str();
    let features: Vec<&str> =
        package.features.keys().map(String::as_str).filter(|it| *it != "default").collect();
    let mut sets = vec![Vec::new()];
    sets.extend(features.iter().map(|feature| vec![*feature]));
    if features.len() > 1 {
        sets.push(features);
    }
    for set in sets {
        let set = set.join(",");
        let chosen = ["--package", name, "--no-default-features", "--features", &set];
        let checked = apart(Run::cargo().args(["check", "--quiet"]).args(chosen))?.output()?;
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        let is_clean = checked.status.success() && !said.contains("warning:");
        ensure!(
            is_clean,
            "{name} with the features [{set}] does not build, or not without a warning:\n{said}"
        );
        let shown = if set.is_empty() { "none" } else { &set };
        println!("   {name:<20} {shown:<46} {}", crates(&chosen)?.len());
    }
    if let Some((_, most)) = MOST_CRATES.iter().find(|(crate_name, _)| *crate_name == name) {
        let default = crates(&["--package", name])?.len();
        println!("   {name:<20} {:<46} {default}", "default");
        ensure!(default <= *most, "{name} has grown to {default} crates; {most} are allowed");
    }
    Ok(())
}

/// Gives a run a target directory of its own, so that it need not wait for another step.
fn apart(run: Run) -> Result<Run> {
    Ok(run.env("CARGO_TARGET_DIR", workspace::target_dir()?.join("features")))
}

/// Returns the crates of a program with these features, including itself.
fn crates(chosen: &[&str]) -> Result<BTreeSet<String>> {
    let tree = Run::cargo().args(["tree", "--edges", "normal", "--prefix", "none", "--format", "{p}"]);
    let tree = tree.args(chosen).output()?;
    ensure!(tree.status.success(), "cargo tree: {}", String::from_utf8_lossy(&tree.stderr));
    let name_and_version = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    Ok(String::from_utf8_lossy(&tree.stdout).lines().map(name_and_version).collect())
}

/// Checks the adapters without features: missing parts are errors, not panics, and installed cryptography works.
fn without_defaults() -> Result<()> {
    let packages = CLIENTS.iter().flat_map(|(adapter, _)| ["--package", *adapter]);
    let test = Run::cargo().args(["test", "--quiet", "--no-default-features"]).args(packages);
    apart(test.args(["--lib", "--test", "provider"]))?.go()
}

//! `cargo xtask publish`: everything that `cargo publish` does with the published crates, except the upload.
//!
//! Cargo checks the metadata, packs each crate, resolves its dependencies, and builds it from its package, in the order
//! of a release. A crate that is not in the registry yet is taken from its package. The step of the tests does not
//! build, because the step `package` does, and runs the tests of each package.

use anyhow::{Result, bail, ensure};

use crate::shell::Run;
use crate::workspace;

/// What keeps the upload from happening.
const DRY: &str = "--dry-run";
/// What cargo says in the place of an upload.
const UPLOAD: &str = "Uploading ";
/// What cargo says if it cannot ask the registry.
pub(crate) const NO_REGISTRY: &str = "spurious network error";

/// `cargo xtask publish`
pub(crate) fn task(args: &[String]) -> Result<()> {
    match args {
        [] => publish(&[]),
        _ => bail!("`publish` takes no arguments: it never uploads"),
    }
}

/// Publishes without an upload and without a build.
pub(crate) fn step() -> Result<()> {
    publish(&["--no-verify"])
}

/// Publishes without an upload, and prints the order.
fn publish(flags: &[&str]) -> Result<()> {
    let output = Run::cargo().args(arguments()?).args(flags).output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        if said.contains(NO_REGISTRY) && std::env::var_os("CI").is_none() {
            println!("   NOT CHECKED: the registry cannot be asked from here");
            return Ok(());
        }
        bail!("{said}");
    }
    let order = order(&said);
    let published = workspace::published()?;
    ensure!(
        order.len() == published.len(),
        "{} of {} crates would be published:\n{said}",
        order.len(),
        published.len()
    );
    println!("   {} crates can be published, in this order: {}", order.len(), order.join(", "));
    for warning in warnings(&said) {
        println!("   {warning}");
    }
    Ok(())
}

fn arguments() -> Result<Vec<&'static str>> {
    let published = workspace::published()?;
    let packages = published.iter().flat_map(|package| ["--package", package.name.as_str()]);
    Ok(["publish", DRY, "--locked", "--allow-dirty"].into_iter().chain(packages).collect())
}

/// Returns the names of the crates in the order of their uploads.
fn order(said: &str) -> Vec<&str> {
    let uploads = said.lines().filter_map(|line| line.trim_start().strip_prefix(UPLOAD));
    uploads.filter_map(|upload| upload.split(' ').next()).collect()
}

/// Returns cargo's warnings, each once, without the one that nothing is uploaded.
fn warnings(said: &str) -> Vec<&str> {
    let mut found: Vec<&str> = said.lines().filter(|line| line.starts_with("warning: ")).collect();
    found.retain(|line| !line.contains("aborting upload due to dry run"));
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_ever_uploaded() {
        assert_eq!(arguments().unwrap()[..2], ["publish", "--dry-run"]);
        assert!(task(&["--upload".to_owned()]).is_err());
    }

    #[test]
    fn the_order_is_that_of_the_uploads() {
        let said = "   Packaging b v1.0.0 (/x)\n   Uploading a v1.0.0 (/x)\nwarning: aborting upload due to dry run\n   \
                    Uploading b v1.0.0 (/x)\nwarning: aborting upload due to dry run\nwarning: no homepage\n";
        assert_eq!(order(said), ["a", "b"]);
        assert_eq!(warnings(said), ["warning: no homepage"]);
    }
}

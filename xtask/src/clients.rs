//! The adapters' tests with the oldest and the newest HTTP clients that they support.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use cargo_metadata::semver::{Version, VersionReq};

use crate::shell::Run;
use crate::workspace;

/// The adapters, each with its HTTP client.
pub(crate) const CLIENTS: [(&str, &str); 2] =
    [("device-flow-ureq", "ureq"), ("device-flow-reqwest", "reqwest")];

/// `cargo xtask test --only clients`: with the newest clients only if the lock file has others.
pub(crate) fn step() -> Result<()> {
    let tree = Tree::copy()?;
    let locked = tree.versions()?;
    let mut oldest = Vec::new();
    for (adapter, client) in CLIENTS {
        oldest.push((client, least(adapter, client)?));
    }
    tree.test("oldest", &oldest)?;
    Run::cargo().arg("update").args(CLIENTS.map(|(_, client)| client)).in_dir(&tree.0).go()?;
    let newest = tree.versions()?;
    if newest == locked {
        println!("   the newest are in the lock file: {}", named(&newest));
        return Ok(());
    }
    tree.test("newest", &newest)
}

/// Returns the oldest version of a client that an adapter's manifest allows.
fn least(adapter: &str, client: &str) -> Result<Version> {
    let metadata = workspace::metadata()?;
    let package = metadata.workspace_packages().into_iter().find(|package| package.name == adapter);
    let package = package.with_context(|| format!("no crate `{adapter}`"))?;
    let dependency = package.dependencies.iter().find(|dependency| dependency.name == client);
    least_of(&dependency.with_context(|| format!("`{adapter}` does not need `{client}`"))?.req)
}

fn least_of(requirement: &VersionReq) -> Result<Version> {
    let [only] = requirement.comparators.as_slice() else {
        anyhow::bail!("`{requirement}` is not one caret requirement");
    };
    Ok(Version::new(only.major, only.minor.unwrap_or(0), only.patch.unwrap_or(0)))
}

/// A copy of the workspace with its own lock file.
struct Tree(PathBuf);

impl Tree {
    fn copy() -> Result<Self> {
        let to = workspace::target_dir()?.join("clients-tree");
        for part in ["Cargo.toml", "Cargo.lock", "crates", "xtask"] {
            // The copy's target directory stays.
            let to = to.join(part);
            if to.is_dir() {
                fs::remove_dir_all(&to)?;
            }
            copy(&workspace::root().join(part), &to)?;
        }
        Ok(Self(to))
    }

    /// Returns the clients' versions in its lock file.
    fn versions(&self) -> Result<Vec<(&'static str, Version)>> {
        let lock = fs::read_to_string(self.0.join("Cargo.lock"))?;
        let version = |client: &'static str| {
            let (_, rest) = lock.split_once(&format!("name = \"{client}\"\nversion = \""))?;
            Some((client, rest.split('"').next()?.parse().ok()?))
        };
        CLIENTS.map(|(_, client)| version(client).context(client)).into_iter().collect()
    }

    fn test(&self, what: &str, versions: &[(&str, Version)]) -> Result<()> {
        println!("   the {what}: {}", named(versions));
        for (client, version) in versions {
            let update =
                Run::cargo().args(["update", "--quiet", client, "--precise"]).arg(version.to_string());
            update.in_dir(&self.0).go()?;
        }
        let packages = CLIENTS.iter().flat_map(|(adapter, _)| ["--package", *adapter]);
        let test = Run::cargo().args(["test", "--quiet", "--package", "adapter-tests"]).args(packages);
        let test = test.args(["--lib", "--test", "adapter", "--test", "events", "--test", "trace"]);
        // Not the checkout's target directory: cargo confuses two workspaces of the same shape.
        test.in_dir(&self.0).env("CARGO_TARGET_DIR", self.0.join("target")).go()
    }
}

fn named(versions: &[(&str, Version)]) -> String {
    versions.iter().map(|(name, version)| format!("{name} {version}")).collect::<Vec<_>>().join(", ")
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        fs::create_dir_all(to.parent().context("a file has a parent")?)?;
        fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
        return Ok(());
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_of_a_requirement_is_what_it_names() {
        let least = |text| least_of(&VersionReq::parse(text).unwrap()).map(|version| version.to_string());
        assert_eq!(least("^3.5").unwrap(), "3.5.0");
        assert_eq!(least("0.13.2").unwrap(), "0.13.2");
        assert!(least(">=1, <3").is_err());
    }
}

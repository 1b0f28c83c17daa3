//! `cargo xtask msrv`: the oldest Rust that the workspace names is enough, as far as this toolchain can tell.
//!
//! Clippy's lint `incompatible_msrv` compares the standard library's items with `rust-version`, in every run of clippy.
//! This step shows that it is on. And no dependency of a published crate may want a newer Rust. Only the oldest
//! toolchain itself would also notice newer syntax.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail, ensure};

use cargo_metadata::semver::Version;

use crate::scratch::Scratch;
use crate::shell::Run;
use crate::workspace;

/// A call of a function that Rust 1.91 brought.
const NEWER: &str = "\n#[doc(hidden)]\npub fn an_hour() -> std::time::Duration {\n    std::time::Duration::from_mins(60)\n}\n";
const VERDICT: &str = "but this item is stable since `1.91.0`";
/// The crate that gets that call.
const CRATE: &str = "oidc-proto";

/// `cargo xtask msrv`
pub(crate) fn task(args: &[String]) -> Result<()> {
    match args {
        [] => step(),
        _ => bail!("`msrv` takes no arguments"),
    }
}

/// Checks the dependencies and the lint.
pub(crate) fn step() -> Result<()> {
    let (count, oldest) = dependencies()?;
    println!("   {count} packages, and none wants a newer Rust than {oldest}");
    if rust()? < Version::new(1, 91, 0) {
        println!("   NOT CHECKED: clippy's lint, which needs Rust 1.91 to know a newer item");
        return Ok(());
    }
    Scratch::new("msrv")?.refuses(CRATE, NEWER, VERDICT)?;
    println!("   {CRATE}: passes as it is; refused with a call that Rust {oldest} does not have");
    Ok(())
}

/// Returns the version of this toolchain.
fn rust() -> Result<Version> {
    let said = Run::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("-V").output()?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    Ok(said.split(' ').nth(1).context("rustc says no version")?.parse()?)
}

/// Returns the number of packages that the published crates need, and the oldest Rust.
fn dependencies() -> Result<(usize, String)> {
    let published = workspace::published()?;
    let oldest = published.first().and_then(|package| package.rust_version.clone());
    let oldest = oldest.context("the published crates say no rust-version")?;
    let names = published.iter().flat_map(|package| ["--package", package.name.as_str()]);
    let tree = Run::cargo().args(["tree", "--locked", "--all-features", "--target", "all"]).args(names);
    let output = tree.args(["--edges", "normal,build", "--prefix", "none", "--format", "{p}"]).output()?;
    ensure!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let needed = packages(&String::from_utf8(output.stdout)?);
    let mut newer = Vec::new();
    for package in &workspace::metadata()?.packages {
        let is_needed = needed.contains(&format!("{} v{}", package.name, package.version));
        if let Some(wanted) = package.rust_version.as_ref().filter(|wanted| is_needed && **wanted > oldest) {
            newer.push(format!("{} {} wants Rust {wanted}", package.name, package.version));
        }
    }
    ensure!(newer.is_empty(), "rust-version is {oldest}, and {}", newer.join(", "));
    Ok((needed.len(), oldest.to_string()))
}

/// Returns the packages in the lines of `cargo tree`, such as `serde v1.0.2`.
fn packages(said: &str) -> BTreeSet<String> {
    let lines = said.lines().filter(|line| !line.is_empty());
    lines.map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_named_once_whatever_is_said_of_them() {
        let said = "a v1.0.0 (/x/a)\nb v2.0.0 (proc-macro)\n\nb v2.0.0 (proc-macro) (*)\n";
        assert_eq!(packages(said), BTreeSet::from(["a v1.0.0".to_owned(), "b v2.0.0".to_owned()]));
    }
}

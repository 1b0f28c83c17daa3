//! `cargo xtask bench --instructions`: instructions and allocations of one response and one poll.
//!
//! It compares our crates with a minimum over `serde_json`, the `oauth2` crate and the AWS SDK. Callgrind counts the
//! instructions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::callgrind::instructions;
use crate::shell::Run;
use crate::workspace;

/// The cases with the minimum that they are compared with.
const FLOORS: &[(&str, &str)] = &[
    ("token-ours", "token-floor"),
    ("token-oauth-ours", "token-floor"),
    ("token-oauth2-crate", "token-floor"),
    ("error-ours", "error-floor"),
    ("error-oauth-ours", "error-floor"),
    ("error-oauth2-crate", "error-floor"),
    ("step-ours", "step-by-hand"),
    ("step-machine-only", "step-by-hand"),
    // The SDK cannot decode a response without a call, so its token case is a call too.
    ("token-aws-sdk", "token-floor"),
    ("step-aws-sdk", "step-by-hand"),
];

/// Measures processor time and memory of a sign-in, with growing numbers of concurrent ones.
pub(crate) fn flows(most: Option<&String>) -> Result<()> {
    // The GNU allocator keeps freed memory, so that later runs need no new memory from the system.
    let run =
        Run::new(built("instructions")?.join("peers-many")).env("MALLOC_TRIM_THRESHOLD_", "100000000000");
    run.args(most).go()
}

/// Builds the programs, and returns their directory.
fn built(peer: &str) -> Result<PathBuf> {
    let manifest = workspace::root().join("xtask/peers").join(peer).join("Cargo.toml");
    let target = workspace::target_dir()?.join("peers");
    let build = Run::cargo().args(["build", "--release", "--locked", "--manifest-path"]).arg(&manifest);
    build.env("CARGO_TARGET_DIR", &target).go()?;
    Ok(target.join("release"))
}

/// Measures every case and prints the table.
pub(crate) fn task() -> Result<()> {
    let ours = built("instructions")?;
    let sdk = built("aws-instructions")?.join("peers-aws-instructions");
    println!("{:<22}{:>14}{:>10}{:>13}{:>8}", "case", "instructions", "of floor", "allocations", "bytes");
    let mut measured = BTreeMap::new();
    rows(&ours.join("peers-instructions"), &ours.join("peers-allocations"), &mut measured)?;
    rows(&sdk, &sdk, &mut measured)
}

/// Prints the rows of one peer's cases. One program runs them, and one counts their allocations.
fn rows(program: &Path, counting: &Path, measured: &mut BTreeMap<String, u64>) -> Result<()> {
    for (case, [count, bytes]) in allocations(counting)? {
        // The difference of two runs excludes one-time work.
        let after = |turns| instructions(program, &[&case, turns], None);
        let each = (after("2000")? - after("1000")?) / 1_000;
        let floor = FLOORS.iter().find(|(name, _)| *name == case).and_then(|(_, floor)| measured.get(*floor));
        let ratio = floor.map_or_else(String::new, |floor| ratio(each, *floor));
        println!("{case:<22}{each:>14}{ratio:>10}{count:>13}{bytes:>8}");
        measured.insert(case, each);
    }
    Ok(())
}

fn ratio(each: u64, floor: u64) -> String {
    format!("{}.{:02}", each / floor, each * 100 / floor % 100)
}

/// Returns the cases in order, with the allocations and bytes of each.
fn allocations(program: &Path) -> Result<Vec<(String, [u64; 2])>> {
    let output = Run::new(program).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let row = |line: &str| {
        let mut words = line.split(' ');
        let name = words.next().unwrap_or_default().to_owned();
        let mut number = || words.next().unwrap_or_default().parse().context("a count");
        Ok((name, [number()?, number()?]))
    };
    text.lines().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_has_two_places() {
        assert_eq!((ratio(7_086, 6_763), ratio(862, 17_579)), ("1.04".to_owned(), "0.04".to_owned()));
    }
}

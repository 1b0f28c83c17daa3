//! `cargo xtask bench`: the benchmarks of all crates.

use anyhow::{Result, bail};

use crate::shell::Run;
use crate::{footprint, instructions, interop, many, serving, stores, workspace};

/// `cargo xtask bench`, with the names of crates, or with one of `--instructions`, `--flows [MOST]`, `--cancel`,
/// `--many [N] …`, `--footprint [--build]`, `--server`, `--stores [--devices N]` and `--commands`.
pub(crate) fn task(wanted: &[String]) -> Result<()> {
    match wanted {
        [flag] if flag == "--instructions" => return instructions::task(),
        [flag, most @ ..] if flag == "--flows" && most.len() <= 1 => {
            return instructions::flows(most.first());
        }
        [flag, args @ ..] if flag == "--many" => return many::task(args),
        [flag] if flag == "--cancel" => {
            let run = Run::cargo().args(["run", "--release", "--package", "device-flow-ureq"]);
            return run.args(["--example", "cancel_latency"]).go();
        }
        [flag, rest @ ..] if flag == "--footprint" => return footprint::task(rest),
        [flag] if flag == "--server" => return serving::task(),
        [flag, args @ ..] if flag == "--stores" => return stores::task(args),
        [flag] if flag == "--commands" => return interop::commands(),
        _ => {}
    }
    let metadata = workspace::metadata()?;
    let mut have: Vec<&str> = metadata
        .workspace_packages()
        .into_iter()
        .filter(|package| package.targets.iter().any(cargo_metadata::Target::is_bench))
        .map(|package| package.name.as_str())
        .collect();
    have.sort_unstable();
    if let Some(unknown) = wanted.iter().find(|name| !have.contains(&name.as_str())) {
        bail!("no benchmarks in `{unknown}`; crates that have some: {}", have.join(", "));
    }
    if have.is_empty() {
        bail!("no crate has benchmarks: they belong in `benches/` beside its `src/`");
    }
    for name in have.into_iter().filter(|name| wanted.is_empty() || wanted.iter().any(|want| want == name)) {
        // `--benches` alone would also run each library's unit tests as benchmarks.
        let package = metadata.workspace_packages().into_iter().find(|package| package.name.as_str() == name);
        let benches = package.iter().flat_map(|package| &package.targets).filter(|target| target.is_bench());
        let benches = benches.flat_map(|bench| ["--bench", bench.name.as_str()]);
        Run::cargo().args(["bench", "--package", name]).args(benches).go()?;
    }
    Ok(())
}

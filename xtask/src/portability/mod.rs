//! What of the project builds and runs on other systems, as far as the tools are on this machine.
//!
//! A target whose tools are missing is NOT CHECKED, which the table says, and that is no failure.

mod apple;
mod build;
mod foreign_tests;
pub(crate) mod linux;
pub(crate) mod qemu;
mod report;
mod wasm;
pub(crate) mod windows;
pub(crate) mod wine;

use anyhow::{Result, bail};

use self::report::Checked;
use crate::toolchain::Missing;

/// A target that is checked.
struct Target {
    name: &'static str,
    /// Its error is [`Missing`] if this machine lacks the tools.
    check: fn() -> Result<Checked>,
}

const TARGETS: &[Target] = &[
    Target { name: windows::TARGET, check: windows::check },
    Target { name: wasm::BROWSER, check: wasm::check_browser },
    Target { name: wasm::WASI, check: wasm::check_wasi },
    Target { name: linux::ARM, check: linux::check_arm },
    Target { name: linux::MUSL, check: linux::check_musl },
    Target { name: apple::TARGET, check: apple::check },
];

/// `cargo xtask portability [TARGET]…`
pub(crate) fn task(names: &[String]) -> Result<()> {
    if let Some(unknown) = names.iter().find(|name| TARGETS.iter().all(|target| target.name != **name)) {
        let known: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        bail!("no target `{unknown}`; there are {}", known.join(", "));
    }
    let wanted = |target: &&Target| names.is_empty() || names.iter().any(|name| name == target.name);
    let mut rows = Vec::new();
    for target in TARGETS.iter().filter(wanted) {
        println!("\n   -- {}", target.name);
        let checked = (target.check)();
        match &checked {
            Ok(_) => {}
            Err(error) if error.is::<Missing>() => println!("   NOT CHECKED: {}: {error:#}", target.name),
            Err(error) => println!("   FAILED: {error:#}"),
        }
        rows.push((target.name, checked));
    }
    report::table(&rows)
}

/// `cargo xtask test --only portability`
pub(crate) fn step() -> Result<()> {
    task(&[])
}

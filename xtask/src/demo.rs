//! The demo of the README, run as a user runs it, with automatic approval.

use std::time::Duration;

use anyhow::Result;

use crate::shell::Run;
use crate::steps::{self, Step};

/// The time limit, far above the demo's need, to detect a hang.
const LIMIT: Duration = Duration::from_secs(60);

/// The demo through the blocking adapter and through the async one.
pub(crate) const STEPS: &[Step] = &[
    Step::new("demo", "a whole sign-in, blocking", blocking),
    Step::new("demo-async", "a whole sign-in, async", asynchronous),
    Step::new("demo-code", "a whole sign-in with the code flow", code_flow),
];

/// `cargo xtask demo`
pub(crate) fn task(_: &[String]) -> Result<()> {
    steps::run(STEPS)
}

fn blocking() -> Result<()> {
    build()?;
    run(&["--approve"])
}

fn asynchronous() -> Result<()> {
    build()?;
    run(&["--approve", "--async"])
}

fn code_flow() -> Result<()> {
    build()?;
    run(&["--approve", "--flow", "code"])
}

/// Builds the demo before its run, so that the time limit excludes the compiler.
fn build() -> Result<()> {
    Run::cargo().arg("build").go()
}

fn run(flags: &[&str]) -> Result<()> {
    Run::cargo().args(["run", "--", "demo"]).args(flags).limit(LIMIT).go()
}

//! `cargo xtask simulate`: client machines against the authority at virtual time, in a bad world.
//!
//! The simulation is an example of `device-authority`, so that this crate stays quick to compile; `--machine` measures
//! the machines alone.

use anyhow::{Result, ensure};

use crate::shell::Run;

const EXAMPLE: [&str; 4] = ["--package", "device-authority", "--example", "simulate"];

/// `cargo xtask simulate --seed S --devices N --hours H [--faults none|normal|harsh]`
pub(crate) fn task(args: &[String]) -> Result<()> {
    Run::cargo().args(["run", "--release"]).args(EXAMPLE).arg("--").args(args).go()
}

/// Small worlds of several seeds at every level of faults, unoptimised, so that overflows are seen; and one seed twice,
/// which must give the same summary.
pub(crate) fn step() -> Result<()> {
    for faults in ["none", "normal", "harsh"] {
        run(&["--seeds", "4", "--devices", "300", "--hours", "2", "--faults", faults]).go()?;
    }
    let twice = ["--seed", "7", "--devices", "300", "--faults", "harsh"];
    let (one, other) = (run(&twice).output()?, run(&twice).output()?);
    ensure!(one.status.success(), "seed 7 failed");
    ensure!(one.stdout == other.stdout, "seed 7 gave two different summaries");
    println!("   seed 7 twice: the same summary, byte for byte");
    Ok(())
}

fn run(args: &[&str]) -> Run {
    Run::cargo().args(["run", "--quiet"]).args(EXAMPLE).arg("--").args(args)
}

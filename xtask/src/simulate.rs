//! `cargo xtask simulate`: client machines against the authority at virtual time, in a bad world.
//!
//! The simulation is an example of `device-authority`, so that this crate stays quick to compile; `--machine` measures
//! the machines alone.

use anyhow::{Context, Result, ensure};

use crate::shell::Run;

const EXAMPLE: [&str; 4] = ["--package", "device-authority", "--example", "simulate"];

/// `cargo xtask simulate --seed S --devices N --hours H [--faults none|normal|harsh]`
pub(crate) fn task(args: &[String]) -> Result<()> {
    Run::cargo().args(["run", "--release"]).args(EXAMPLE).arg("--").args(args).go()
}

/// Small worlds of several seeds at every level of faults, unoptimised, so that overflows are seen; one seed twice,
/// which must give the same summary; and two worlds that break a rule on purpose, which must be noticed and made small.
pub(crate) fn step() -> Result<()> {
    for faults in ["none", "normal", "harsh"] {
        run(&["--seeds", "4", "--devices", "300", "--hours", "2", "--faults", faults]).go()?;
    }
    let twice = ["--seed", "7", "--devices", "300", "--faults", "harsh"];
    let (one, other) = (run(&twice).output()?, run(&twice).output()?);
    ensure!(one.status.success(), "seed 7 failed");
    ensure!(one.stdout == other.stdout, "seed 7 gave two different summaries");
    println!("   seed 7 twice: the same summary, byte for byte");
    // A thief takes one device and one kind of faults; a mix-up takes two devices and no faults at all.
    is_made_small("thief", "  1 of 300 devices", &["lost-reply", "restarts"])?;
    is_made_small("crosstalk", "  2 of 300 devices", &["slow", "thefts", "restarts"])
}

/// A rule is broken on purpose. That must be noticed; what is shown must be this small, and without these kinds of
/// faults; and the command that is printed must break the same law.
fn is_made_small(rule: &str, size: &str, without: &[&str]) -> Result<()> {
    let large = ["--devices", "300", "--hours", "2", "--faults", "harsh", "--sabotage", rule];
    let (laws, commands, said) = failure(&large)?;
    let line = said.lines().find(|line| line.starts_with(size));
    let line = line.with_context(|| format!("{rule}: not made as small as {size}:\n{said}"))?;
    ensure!(without.iter().all(|kind| line.contains(kind)), "{rule}: some faults are left: {line}");
    let small: Vec<&str> = commands.last().context("no command to play it again")?.split(' ').collect();
    let (again, _, _) = failure(&small)?;
    ensure!(again.first() == laws.last(), "{rule}: {small:?} breaks {again:?}, and not {laws:?}");
    println!("   {rule}: noticed and made small: {}", line.trim());
    Ok(())
}

/// The laws that a simulation says were broken, the commands that it says break them again, and all that it says.
fn failure(args: &[&str]) -> Result<(Vec<String>, Vec<String>, String)> {
    let output = run(args).output()?;
    ensure!(!output.status.success(), "{args:?} broke no law");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let after =
        |start: &str| said.lines().filter_map(|line| line.strip_prefix(start)).map(str::to_owned).collect();
    Ok((after("VIOLATION: "), after("To play it again: cargo xtask simulate "), said))
}

fn run(args: &[&str]) -> Run {
    Run::cargo().args(["run", "--quiet"]).args(EXAMPLE).arg("--").args(args)
}

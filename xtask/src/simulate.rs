//! `cargo xtask simulate`: client machines against the authority at virtual time, with faults.
//!
//! The simulation is a crate of its own, so that this crate compiles quickly. `--machine` measures only the machines.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::postgres::{self, Cluster};
use crate::shell::Run;

const PROGRAM: [&str; 2] = ["--package", "simulate"];

/// The time limit of one simulation with a database.
const LIMIT: Duration = Duration::from_secs(120);

/// `cargo xtask simulate --seed S --devices N --hours H [--faults none|normal|harsh] [--postgres SERVERS]`
///
/// With `--postgres` it starts a database, unless a variable names one.
pub(crate) fn task(args: &[String]) -> Result<()> {
    let run = Run::cargo().args(["run", "--release"]).args(PROGRAM).arg("--").args(args);
    if args.iter().any(|arg| arg == "--postgres") && std::env::var_os(postgres::URL).is_none() {
        let cluster = Cluster::start()?;
        return cluster.known_to(run).go();
    }
    run.go()
}

/// Runs small simulations of three servers at a database, whose connections break. One of them breaks a rule on
/// purpose, which must be detected.
pub(crate) fn step_of_database(cluster: &Cluster) -> Result<()> {
    let servers = ["--postgres", "3"];
    let cut = ["--devices", "100", "--hours", "1", "--cuts", "200"];
    for faults in ["none", "harsh"] {
        cluster.known_to(run(&cut).args(servers).args(["--faults", faults])).limit(LIMIT).go()?;
    }
    let uncompared = ["--devices", "30", "--hours", "0.25", "--faults", "normal", "--sabotage", "uncompared"];
    let output = cluster.known_to(run(&uncompared).args(servers)).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let law = said.lines().find(|line| line.starts_with("VIOLATION: "));
    let law = law.with_context(|| format!("a commit that compares nothing broke no law:\n{said}"))?;
    println!("   uncompared: noticed: {law}");
    Ok(())
}

/// Runs small simulations of several seeds at every level of faults, unoptimised, to detect overflows. One seed runs
/// twice, with equal summaries. Two simulations break a rule on purpose, which must be detected and minimised.
pub(crate) fn step() -> Result<()> {
    for faults in ["none", "normal", "harsh"] {
        run(&["--seeds", "4", "--devices", "300", "--hours", "2", "--faults", faults]).go()?;
    }
    let twice = ["--seed", "7", "--devices", "300", "--faults", "harsh"];
    let (one, other) = (run(&twice).output()?, run(&twice).output()?);
    ensure!(one.status.success(), "seed 7 failed");
    ensure!(one.stdout == other.stdout, "seed 7 gave two different summaries");
    println!("   seed 7 twice: the same summary, byte for byte");
    // A theft needs one device and one kind of fault; a mix-up needs two devices and no fault.
    is_made_small("attacker", "  1 of 300 devices", &["lost-reply", "restarts"])?;
    is_made_small("crosstalk", "  2 of 300 devices", &["slow", "thefts", "restarts"])
}

/// Breaks a rule on purpose, and requires that the failure is detected and minimised to this size, without these
/// kinds of faults. The printed command must break the same law.
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

/// Returns the broken laws of a simulation, the commands that reproduce them, and the whole output.
fn failure(args: &[&str]) -> Result<(Vec<String>, Vec<String>, String)> {
    let output = run(args).output()?;
    ensure!(!output.status.success(), "{args:?} broke no law");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let after =
        |start: &str| said.lines().filter_map(|line| line.strip_prefix(start)).map(str::to_owned).collect();
    Ok((after("VIOLATION: "), after("To play it again: cargo xtask simulate "), said))
}

fn run(args: &[&str]) -> Run {
    Run::cargo().args(["run", "--quiet"]).args(PROGRAM).arg("--").args(args)
}

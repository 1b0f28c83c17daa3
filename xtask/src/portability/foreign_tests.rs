//! The tests of crates that were built for another target.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};

use super::build::{self, target_dir};
use crate::shell::Run;
use crate::test_programs::{self, TestProgram};
use crate::toolchain::Toolchain;

/// The number of test programs that run at a time. Most tests wait for time-outs and intervals of polling.
const SIDE_BY_SIDE: usize = 2;
/// The tests of a program that run at a time.
const THREADS: &str = "4";
/// The time limit of a test program.
const LIMIT: Duration = Duration::from_secs(600);

/// Builds the test programs of these crates. `flags` choose their targets, and `prepare` adds what the linker needs.
pub(crate) fn build(
    toolchain: &Toolchain,
    crates: &[&str],
    flags: &[&str],
    prepare: impl Fn(Run) -> Run,
) -> Result<Vec<TestProgram>> {
    let build = build::cargo(toolchain, "test", crates)?.args(flags);
    let build = prepare(build.args(["--no-run", "--message-format", "json"])).output()?;
    let said = String::from_utf8_lossy(&build.stdout);
    let warnings = test_programs::messages(&said)?;
    ensure!(build.status.success(), "{}\n{}", warnings.join("\n"), String::from_utf8_lossy(&build.stderr));
    ensure!(warnings.is_empty(), "not without a warning:\n{}", warnings.join("\n"));
    test_programs::built(&said)
}

/// Runs all test programs, and returns the number of tests that passed in each crate. Each log stays in the target
/// directory.
///
/// A program that fails runs once more after all others, one test at a time, which is said. Some tests wait for a
/// second or less, and an emulated system beside another one may need that itself.
pub(crate) fn run(
    target: &str,
    tests: Vec<TestProgram>,
    start: impl Fn(&TestProgram) -> Run + Sync,
) -> Result<BTreeMap<String, usize>> {
    let logs = target_dir()?.join("logs").join(target);
    fs::create_dir_all(&logs)?;
    let once = |program: &TestProgram, threads: &str| -> Result<usize> {
        let log = logs.join(format!("{}-{}.log", program.package, program.name));
        let run = start(program).in_dir(&program.dir).env("CARGO_MANIFEST_DIR", &program.dir);
        run.env("RUST_TEST_THREADS", threads).limit(LIMIT).logged(&log)?;
        Ok(test_programs::passed(&fs::read_to_string(&log)?))
    };
    let failed = Mutex::new(Vec::new());
    let mut counts = test_programs::each(tests, SIDE_BY_SIDE, |program| {
        once(program, THREADS).or_else(|error| {
            println!("   {} {} failed, and will run again\n{error:#}", program.package, program.name);
            failed.lock().unwrap_or_else(PoisonError::into_inner).push(program.clone());
            Ok(0)
        })
    })?;
    let mut failures = Vec::new();
    for program in failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        match once(&program, "1") {
            Ok(passed) => {
                println!("   {} {} passed in its second run", program.package, program.name);
                *counts.entry(program.package).or_default() += passed;
            }
            Err(error) => {
                println!("   FAILED: {} {}\n{error:#}", program.package, program.name);
                failures.push(program.name);
            }
        }
    }
    ensure!(failures.is_empty(), "these test programs failed twice: {}", failures.join(", "));
    Ok(counts)
}

//! The tests of crates that were built for another target.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

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

/// Runs all test programs, and returns the number of tests that passed in each crate. `count` reads that number for a
/// program from its log. The logs stay in the target directory.
///
/// A program that fails runs once more after all others, one test at a time, which is said. Some tests wait for a
/// second or less, and an emulated system beside another one may need that itself. Each run has its own log.
///
/// # Errors
///
/// A program failed twice, or no test of one of these crates ran.
pub(crate) fn run(
    target: &str,
    crates: &[&str],
    tests: Vec<TestProgram>,
    start: impl Fn(&TestProgram) -> Run + Sync,
    count: impl Fn(&TestProgram, &str) -> Result<usize> + Sync,
) -> Result<BTreeMap<String, usize>> {
    let logs = new_logs(&target_dir()?.join("logs"), target)?;
    let counts = run_twice(tests, |program, turn| {
        let run = start(program).in_dir(&program.dir).env("CARGO_MANIFEST_DIR", &program.dir);
        let log = logs.join(turn.log(program));
        run.env("RUST_TEST_THREADS", turn.threads()).limit(LIMIT).logged(&log)?;
        count(program, &fs::read_to_string(&log)?)
    })?;
    all_ran(crates, &counts)?;
    Ok(counts)
}

/// Counts the tests that passed by the summary in a log.
pub(crate) fn summed_up(_: &TestProgram, log: &str) -> Result<usize> {
    Ok(test_programs::passed(log))
}

/// Creates the directory of a target's logs. Those of an earlier run are removed.
fn new_logs(dir: &Path, target: &str) -> Result<PathBuf> {
    let logs = dir.join(target);
    if logs.exists() {
        fs::remove_dir_all(&logs).with_context(|| logs.display().to_string())?;
    }
    fs::create_dir_all(&logs).with_context(|| logs.display().to_string())?;
    Ok(logs)
}

/// A run of a test program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    First,
    /// After a failure.
    Second,
}

impl Turn {
    /// Returns the name of the log.
    fn log(self, program: &TestProgram) -> String {
        let again = match self {
            Self::First => "",
            Self::Second => "-again",
        };
        format!("{}-{}{again}.log", program.package, program.name)
    }

    /// Returns how many tests run at a time.
    const fn threads(self) -> &'static str {
        match self {
            Self::First => THREADS,
            Self::Second => "1",
        }
    }
}

/// Runs the programs, and those that fail once more.
fn run_twice(
    tests: Vec<TestProgram>,
    once: impl Fn(&TestProgram, Turn) -> Result<usize> + Sync,
) -> Result<BTreeMap<String, usize>> {
    let failed = Mutex::new(Vec::new());
    let mut counts = test_programs::each(tests, SIDE_BY_SIDE, |program| {
        once(program, Turn::First).or_else(|error| {
            println!("   {} {} failed, and will run again\n{error:#}", program.package, program.name);
            failed.lock().unwrap_or_else(PoisonError::into_inner).push(program.clone());
            Ok(0)
        })
    })?;
    let mut failures = Vec::new();
    for program in failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        match once(&program, Turn::Second) {
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

/// Checks that each crate has a test that passed. A crate whose tests are left out would pass, too.
fn all_ran(crates: &[&str], counts: &BTreeMap<String, usize>) -> Result<()> {
    let without: Vec<&str> =
        crates.iter().filter(|name| counts.get(**name).is_none_or(|passed| *passed == 0)).copied().collect();
    ensure!(without.is_empty(), "no test ran of {}", without.join(", "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    fn program(package: &str) -> TestProgram {
        TestProgram {
            package: package.to_owned(),
            name: "tests".to_owned(),
            dir: PathBuf::new(),
            executable: PathBuf::new(),
        }
    }

    #[test]
    fn a_crate_without_a_test_that_ran_is_a_failure_that_names_it() {
        let counts = BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 0)]);
        all_ran(&["a"], &counts).unwrap();
        let error = all_ran(&["a", "b", "c"], &counts).unwrap_err();
        assert_eq!(error.to_string(), "no test ran of b, c");
    }

    #[test]
    fn a_program_that_fails_runs_again_with_another_log_and_counts_once() {
        let turns = Mutex::new(Vec::new());
        let once = |program: &TestProgram, turn: Turn| {
            turns.lock().unwrap().push((turn.log(program), turn.threads()));
            if program.package == "slow" && turn == Turn::First { bail!("too late") } else { Ok(3) }
        };
        let counts = run_twice(vec![program("slow"), program("quick")], once).unwrap();
        assert_eq!(counts, BTreeMap::from([("slow".to_owned(), 3), ("quick".to_owned(), 3)]));
        let mut turns = turns.into_inner().unwrap();
        assert_eq!(turns.pop(), Some(("slow-tests-again.log".to_owned(), "1")));
        turns.sort_unstable();
        assert_eq!(turns, [("quick-tests.log".to_owned(), "4"), ("slow-tests.log".to_owned(), "4")]);
    }

    #[test]
    fn a_program_that_fails_twice_is_a_failure_that_names_it() {
        let error = run_twice(vec![program("a")], |_, _| bail!("it broke")).unwrap_err();
        assert_eq!(error.to_string(), "these test programs failed twice: tests");
    }

    #[test]
    fn the_logs_of_an_earlier_run_are_removed_and_those_of_other_targets_stay() {
        let dir = tempfile::tempdir().unwrap();
        for target in ["a", "b"] {
            fs::write(new_logs(dir.path(), target).unwrap().join("old.log"), "old").unwrap();
        }
        assert_eq!(fs::read_dir(new_logs(dir.path(), "a").unwrap()).unwrap().count(), 0);
        assert!(dir.path().join("b/old.log").exists());
    }
}

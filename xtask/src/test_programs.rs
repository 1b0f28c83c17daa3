//! Test programs that cargo has built: found in its messages, run one by one, counted by crate.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, Result, bail};
use cargo_metadata::{Message, PackageId};

/// A test program of a crate.
#[derive(Clone)]
pub(crate) struct TestProgram {
    /// The crate's name.
    pub(crate) package: String,
    /// The test target's name.
    pub(crate) name: String,
    /// The directory of the crate, where its tests run.
    pub(crate) dir: PathBuf,
    pub(crate) executable: PathBuf,
}

/// Reads which test programs were built from cargo's messages in JSON.
pub(crate) fn built(messages: &str) -> Result<Vec<TestProgram>> {
    let mut programs = Vec::new();
    for message in Message::parse_stream(messages.as_bytes()) {
        let Message::CompilerArtifact(artifact) = message? else { continue };
        let Some(executable) = artifact.executable.filter(|_| artifact.profile.test) else { continue };
        let dir = artifact.manifest_path.parent().context("a manifest is in a directory")?;
        programs.push(TestProgram {
            package: package(&artifact.package_id).to_owned(),
            name: artifact.target.name,
            dir: dir.into(),
            executable: executable.into(),
        });
    }
    Ok(programs)
}

/// Returns the compiler's warnings and errors in the workspace's crates.
pub(crate) fn messages(messages: &str) -> Result<Vec<String>> {
    let mut said = Vec::new();
    for message in Message::parse_stream(messages.as_bytes()) {
        if let Message::CompilerMessage(message) = message? {
            said.extend(message.message.rendered);
        }
    }
    Ok(said)
}

/// Returns the name in a package's identification: `path+file:///PLACE/NAME#VERSION` or `…#NAME@VERSION`.
fn package(id: &PackageId) -> &str {
    let (place, rest) = id.repr.rsplit_once('#').unwrap_or(("", &id.repr));
    match rest.split_once('@') {
        Some((name, _)) => name,
        None => place.rsplit('/').next().unwrap_or_default(),
    }
}

/// Runs the programs in this order, some at a time, and returns how many tests passed in each crate. `run` returns that
/// number for one program.
///
/// # Errors
///
/// The first error of `run`.
pub(crate) fn each(
    programs: Vec<TestProgram>,
    side_by_side: usize,
    run: impl Fn(&TestProgram) -> Result<usize> + Sync,
) -> Result<BTreeMap<String, usize>> {
    let queue = Mutex::new(VecDeque::from(programs));
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let work = || -> Result<Vec<(String, usize)>> {
        let mut tested = Vec::new();
        while let Some(program) = next() {
            tested.push((program.package.clone(), run(&program)?));
        }
        Ok(tested)
    };
    let mut counts = BTreeMap::<String, usize>::new();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..side_by_side).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(tested) => {
                for (package, passed) in tested? {
                    *counts.entry(package).or_default() += passed;
                }
                Ok(())
            }
            Err(_) => bail!("a worker panicked"),
        })
    })?;
    Ok(counts)
}

/// How many tests passed, by the summaries of the test programs.
pub(crate) fn passed(said: &str) -> usize {
    let counts = said.lines().filter_map(|line| line.strip_prefix("test result: ok. ")?.split(' ').next());
    counts.filter_map(|count| count.parse::<usize>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passed_tests_are_counted_over_all_programs() {
        let said = "test result: ok. 26 passed; 0 failed\nx\ntest result: ok. 3 passed; 0 failed\n";
        assert_eq!(passed(said), 29);
    }

    #[test]
    fn a_package_is_named_by_its_identification() {
        let name = |repr: &str| package(&PackageId { repr: repr.to_owned() }).to_owned();
        assert_eq!(name("path+file:///a/sso-cache#0.1.0"), "sso-cache");
        assert_eq!(name("path+file:///a/conform#device-conform@0.1.0"), "device-conform");
    }

    #[test]
    fn every_program_runs_once_and_counts_for_its_crate() {
        let program = |package: &str, name: &str| TestProgram {
            package: package.to_owned(),
            name: name.to_owned(),
            dir: PathBuf::new(),
            executable: PathBuf::new(),
        };
        let programs = || vec![program("a", "one"), program("a", "three"), program("b", "two")];
        let counts = each(programs(), 2, |program| Ok(program.name.len())).unwrap();
        assert_eq!(counts, BTreeMap::from([("a".to_owned(), 8), ("b".to_owned(), 3)]));
        let error = each(programs(), 2, |program| bail!("{} failed", program.package)).unwrap_err();
        assert!(error.to_string().ends_with(" failed"), "{error}");
    }
}

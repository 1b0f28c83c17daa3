//! `cargo xtask test` and `cargo xtask ci`: every check, the quick ones first.

use std::path::PathBuf;

use anyhow::{Result, bail, ensure};

use crate::shell::Run;
use crate::steps::{self, Step, beside};
use crate::{
    clients, clock_ban, demo, deny, documented, embedding, examples, features, fuzz, interop, manual, msrv,
    package, portability, postgres, public_api, publish, semver, simulate, tidy, workspace,
};

/// The steps of `cargo xtask test`.
pub(crate) const STEPS: &[Step] = &[
    Step::new("fmt", "the code is formatted", fmt),
    Step::new("tidy", "the house rules hold", tidy::step),
    Step::new("clippy", "no warning in any target", clippy),
    Step::new("test", "unit, property, integration and documentation tests", cargo_test),
    Step::new("examples", "the adapters' examples sign in to our server", examples::step),
    Step::new("simulate", "clients and authority in small bad worlds of several seeds", simulate::step),
    Step::new("manual", "the manual is a book; its blocks run with the tests", manual::step),
    Step::new("doc", "the documentation builds without a warning", doc),
    Step::new("public-api", "the libraries' public items are as committed", public_api::step),
    Step::new(
        "semver",
        "what the libraries offered at the last tag is still there, unless the version says otherwise",
        semver::step,
    ),
    Step::new(
        "documented",
        "every public function says how it fails and has an example that runs",
        documented::step,
    ),
    Step::new("clock-ban", "a clock read in a pure crate is caught", clock_ban::step),
    Step::new(
        "msrv",
        "dependencies and calls of the standard library fit the oldest Rust that the workspace names",
        msrv::step,
    ),
    Step::new(
        "peers",
        "what the interoperability tests need of crates.io, PyPI and npm is built",
        interop::prepare,
    )
    .slow()
    .beside(),
    Step::new(
        "deny",
        "licences, duplicates and sources of the dependencies, and advisories where they can be had",
        deny::step,
    )
    .slow()
    .beside(),
    Step::new("features", "each feature of the libraries alone", features::step).slow().beside(),
    Step::new(
        "clients",
        "the adapters with the oldest and the newest HTTP clients that they support",
        clients::step,
    )
    .slow()
    .beside(),
    Step::new(
        "package",
        "each published crate passes its tests as it is packaged, outside of the checkout",
        package::step,
    )
    .slow()
    .beside(),
    Step::new(
        "publish",
        "all that `cargo publish` does with the published crates, except build and upload",
        publish::step,
    )
    .slow()
    .beside(),
    Step::new("fuzz", "the fuzz targets build and their corpus passes", fuzz::step).slow().beside(),
    // These wait for much of their time, in which those beside them compile.
    Step::new(
        "postgres",
        "the PostgreSQL store, and servers at one database, that are killed meanwhile",
        postgres::step,
    )
    .slow(),
    Step::new(
        "interop",
        "boto3, the AWS CLI and the oauth2 crate against our server, our clients against oidc-provider",
        interop::step,
    )
    .slow(),
    Step::new("embedding", "the programs in `examples/`: built, tested, and one signs in", embedding::step)
        .slow(),
    Step::new(
        "portability",
        "other systems, as far as the tools for them are on this machine",
        portability::step,
    )
    .slow(),
];

/// The crate with tests that read files of the repository, and those tests. They are not in its package.
const OF_THE_REPOSITORY: (&str, &[&str]) = ("sso-oidc", &["control_examples", "deploy", "manual", "readme"]);

/// The least number of tests that run at a time. Most of them wait for time-outs and intervals of polling.
const WAITING: usize = 4;
/// The variable with the number of tests that run at a time.
const THREADS: &str = "RUST_TEST_THREADS";

/// `cargo xtask test [--fast] [--only STEP]…`
pub(crate) fn test(args: &[String]) -> Result<()> {
    let args = match args.split_first() {
        Some((first, rest)) if first == beside::FLAG => {
            beside::end_with_input();
            rest
        }
        _ => args,
    };
    steps::run(&choose(args)?)
}

/// `cargo xtask ci`: everything that CI runs.
pub(crate) fn ci(args: &[String]) -> Result<()> {
    if let Some(extra) = args.first() {
        bail!("`ci` takes no `{extra}`: it runs everything");
    }
    let steps: Vec<Step> = STEPS.iter().chain(demo::STEPS).copied().collect();
    steps::run(&steps)
}

fn choose(args: &[String]) -> Result<Vec<Step>> {
    let mut fast = false;
    let mut only = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--fast" => fast = true,
            "--only" => match args.next() {
                Some(name) => only.push(name.as_str()),
                None => bail!("--only wants a step's name; `cargo xtask help` lists them"),
            },
            other => bail!("`test` does not know `{other}`; `cargo xtask help` shows its flags"),
        }
    }
    if let Some(unknown) = only.iter().find(|name| STEPS.iter().all(|step| step.name != **name)) {
        bail!("no step `{unknown}`; `cargo xtask help` lists them");
    }
    let wanted =
        |step: &&Step| if only.is_empty() { !(fast && step.slow) } else { only.contains(&step.name) };
    let mut steps: Vec<Step> = STEPS.iter().filter(wanted).copied().collect();
    if steps.iter().any(|step| step.name == "package") {
        // The step `package` runs the tests of the published crates. Once is enough.
        steps
            .iter_mut()
            .filter(|step| step.name == "test")
            .for_each(|step| step.run = cargo_test_of_unpublished);
    }
    Ok(steps)
}

fn fmt() -> Result<()> {
    Run::cargo().args(["fmt", "--all", "--check"]).go()?;
    match fuzz_manifest() {
        Some(manifest) => Run::cargo().args(["fmt", "--check", "--manifest-path"]).arg(manifest).go(),
        None => Ok(()),
    }
}

fn clippy() -> Result<()> {
    Run::cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]).go()?;
    match fuzz_manifest() {
        Some(manifest) => {
            // The fuzz crate is not in the workspace. It has its own target directory, because its dependencies are
            // resolved separately.
            let run = Run::cargo().args(["clippy", "--all-targets", "--manifest-path"]).arg(manifest);
            run.args(["--", "-D", "warnings"]).go()
        }
        None => Ok(()),
    }
}

fn cargo_test() -> Result<()> {
    tests_of(&["--lib", "--bins", "--tests"])
}

/// Runs the tests of the unpublished crates, and those that read files of the repository. They are chosen by name and
/// not by package: so cargo decides on the features of the whole workspace each time, and builds nothing twice. A test
/// of a published crate with such a name runs, too.
fn cargo_test_of_unpublished() -> Result<()> {
    let published = workspace::published()?;
    let packages = workspace::metadata()?.workspace_packages();
    let unpublished = packages.into_iter().filter(|package| !published.contains(package));
    let mut chosen: Vec<&str> = OF_THE_REPOSITORY.1.iter().flat_map(|test| ["--test", test]).collect();
    for target in unpublished.flat_map(|package| &package.targets) {
        // A library has no name to choose it by.
        ensure!(!(target.is_lib() && target.test), "give the library {} `test = false`", target.name);
        if target.is_test() || target.is_bin() {
            chosen.extend([if target.is_test() { "--test" } else { "--bin" }, target.name.as_str()]);
        }
    }
    tests_of(&chosen)
}

fn tests_of(chosen: &[&str]) -> Result<()> {
    waiting(Run::cargo()).args(["test", "--workspace"]).args(chosen).go()?;
    Run::cargo().args(["test", "--workspace", "--doc"]).go()
}

/// Makes a run of tests use the time in which they wait, unless the user has chosen a number of threads.
pub(crate) fn waiting(run: Run) -> Run {
    if std::env::var_os(THREADS).is_some() {
        return run;
    }
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    run.env(THREADS, processors.max(WAITING).to_string())
}

fn doc() -> Result<()> {
    Run::cargo().args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-Dwarnings").go()
}

fn fuzz_manifest() -> Option<PathBuf> {
    Some(workspace::root().join("fuzz/Cargo.toml")).filter(|manifest| manifest.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(args: &[&str]) -> Result<Vec<&'static str>> {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        Ok(choose(&args)?.iter().map(|step| step.name).collect())
    }

    #[test]
    fn no_flag_means_every_step() {
        assert_eq!(chosen(&[]).unwrap().len(), STEPS.len());
    }

    #[test]
    fn the_tests_of_a_published_crate_run_once_whatever_is_chosen() {
        let runs_all = |args: &[&str]| {
            let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            let steps = choose(&args).unwrap();
            steps.iter().any(|step| {
                step.name == "test" && std::ptr::fn_addr_eq(step.run, cargo_test as fn() -> Result<()>)
            })
        };
        assert!(runs_all(&["--fast"]) && runs_all(&["--only", "test"]));
        assert!(!runs_all(&[]) && !runs_all(&["--only", "test", "--only", "package"]));
    }

    #[test]
    fn each_test_that_is_not_in_its_package_runs_in_the_repository() {
        let (package, tests) = OF_THE_REPOSITORY;
        for other in workspace::published().unwrap() {
            let manifest = std::fs::read_to_string(&other.manifest_path).unwrap();
            let excluded = manifest.lines().find_map(|line| line.strip_prefix("exclude = "));
            let files =
                excluded.unwrap_or_default().split('"').filter_map(|file| file.strip_prefix("tests/"));
            let names: Vec<&str> = files.map(|file| file.trim_end_matches(".rs")).collect();
            assert_eq!(names, if *other.name == package { tests } else { &[] }, "{}", other.name);
        }
    }

    #[test]
    fn fast_leaves_out_what_needs_another_toolchain() {
        let fast = chosen(&["--fast"]).unwrap();
        assert!(fast.contains(&"test") && !fast.contains(&"interop") && !fast.contains(&"fuzz"));
    }

    #[test]
    fn only_keeps_the_order_of_the_list_and_may_name_a_slow_step() {
        assert_eq!(chosen(&["--only", "interop", "--only", "fmt"]).unwrap(), ["fmt", "interop"]);
    }

    #[test]
    fn a_misspelt_step_or_flag_is_refused() {
        assert!(chosen(&["--only", "clipy"]).unwrap_err().to_string().contains("clipy"));
        assert!(chosen(&["--only"]).is_err());
        assert!(chosen(&["--quick"]).is_err());
    }
}

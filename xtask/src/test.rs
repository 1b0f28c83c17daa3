//! `cargo xtask test` and `cargo xtask ci`: every check, the quick ones first.

use std::path::PathBuf;

use anyhow::{Result, bail, ensure};

use crate::shell::Run;
use crate::steps::{self, Step};
use crate::{
    clock_ban, demo, deny, documented, embedding, examples, features, fuzz, interop, manual, msrv, package,
    portability, postgres, public_api, publish, semver, simulate, tidy, workspace,
};

/// The steps of `cargo xtask test`.
pub(crate) const STEPS: &[Step] = &[
    Step { name: "fmt", about: "the code is formatted", slow: false, run: fmt },
    Step { name: "tidy", about: "the house rules hold", slow: false, run: tidy::step },
    Step { name: "clippy", about: "no warning in any target", slow: false, run: clippy },
    Step {
        name: "test",
        about: "unit, property, integration and documentation tests",
        slow: false,
        run: cargo_test,
    },
    Step {
        name: "examples",
        about: "the adapters' examples sign in to our server",
        slow: false,
        run: examples::step,
    },
    Step {
        name: "simulate",
        about: "clients and authority in small bad worlds of several seeds",
        slow: false,
        run: simulate::step,
    },
    Step {
        name: "manual",
        about: "the manual is a book; its blocks run with the tests",
        slow: false,
        run: manual::step,
    },
    Step { name: "doc", about: "the documentation builds without a warning", slow: false, run: doc },
    Step {
        name: "public-api",
        about: "the libraries' public items are as committed",
        slow: false,
        run: public_api::step,
    },
    Step {
        name: "semver",
        about: "what the libraries offered at the last tag is still there, unless the version says otherwise",
        slow: false,
        run: semver::step,
    },
    Step {
        name: "documented",
        about: "every public function says how it fails and has an example that runs",
        slow: false,
        run: documented::step,
    },
    Step {
        name: "clock-ban",
        about: "a clock read in a pure crate is caught",
        slow: false,
        run: clock_ban::step,
    },
    Step {
        name: "msrv",
        about: "dependencies and calls of the standard library fit the oldest Rust that the workspace names",
        slow: false,
        run: msrv::step,
    },
    Step {
        name: "deny",
        about: "licences, duplicates and sources of the dependencies, and advisories where they can be had",
        slow: true,
        run: deny::step,
    },
    Step {
        name: "embedding",
        about: "the programs in `examples/`: built, tested, and one signs in",
        slow: true,
        run: embedding::step,
    },
    Step {
        name: "features",
        about: "each feature of the libraries alone, the oldest and the newest HTTP clients",
        slow: true,
        run: features::step,
    },
    Step {
        name: "package",
        about: "each published crate passes its tests as it is packaged, outside of the checkout",
        slow: true,
        run: package::step,
    },
    Step {
        name: "publish",
        about: "all that `cargo publish` does with the published crates, except build and upload",
        slow: true,
        run: publish::step,
    },
    Step {
        name: "fuzz",
        about: "the fuzz targets build and their corpus passes",
        slow: true,
        run: fuzz::step,
    },
    Step {
        name: "postgres",
        about: "the PostgreSQL store, and servers at one database, that are killed meanwhile",
        slow: true,
        run: postgres::step,
    },
    Step {
        name: "interop",
        about: "boto3, the AWS CLI and the oauth2 crate against our server, our clients against oidc-provider",
        slow: true,
        run: interop::step,
    },
    Step {
        name: "portability",
        about: "other systems, as far as the tools for them are on this machine",
        slow: true,
        run: portability::step,
    },
];

/// The crate with tests that read files of the repository, and those tests. They are not in its package.
const OF_THE_REPOSITORY: (&str, &[&str]) = ("sso-oidc", &["control_examples", "deploy", "manual", "readme"]);

/// `cargo xtask test [--fast] [--only STEP]…`
pub(crate) fn test(args: &[String]) -> Result<()> {
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
    Run::cargo().args(["test", "--workspace"]).args(chosen).go()?;
    Run::cargo().args(["test", "--workspace", "--doc"]).go()
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

//! The project's tasks. `cargo xtask help` lists them.
//!
//! The crate uses `std` and a few small crates, because it compiles before every first `cargo xtask test`.

mod bench;
mod browser;
mod callgrind;
mod clients;
mod clock_ban;
mod demo;
mod deny;
mod dist;
mod documented;
mod embedding;
mod examples;
mod explore;
mod features;
mod footprint;
mod fuzz;
mod instructions;
mod interop;
mod manual;
mod many;
mod msrv;
mod musl;
mod package;
mod peers;
mod portability;
mod postgres;
mod public_api;
mod publish;
mod rustdoc;
mod scratch;
mod semver;
mod server;
mod serving;
mod shell;
mod simulate;
mod steps;
mod stores;
mod test;
mod test_programs;
mod tidy;
mod toolchain;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};

/// A task of `cargo xtask NAME`.
pub(crate) struct Task {
    pub(crate) name: &'static str,
    pub(crate) flags: &'static str,
    pub(crate) about: &'static str,
    run: fn(&[String]) -> Result<()>,
}

/// Every task. `cargo xtask tidy` compares the documentation with this list.
pub(crate) const TASKS: &[Task] = &[
    Task {
        name: "test",
        flags: "[--fast] [--only STEP]…",
        about: "every check and every test; --fast leaves out the slow steps",
        run: test::test,
    },
    Task { name: "ci", flags: "", about: "what CI runs: test, then demo", run: test::ci },
    Task { name: "tidy", flags: "", about: "the house rules that no compiler checks", run: tidy::task },
    Task {
        name: "public-api",
        flags: "[--bless]",
        about: "the libraries' public items are as committed; --bless commits to those of now",
        run: public_api::task,
    },
    Task {
        name: "documented",
        flags: "",
        about: "every public function of the libraries says how it fails and has an example that runs",
        run: documented::task,
    },
    Task {
        name: "deny",
        flags: "[--require-advisories]",
        about: "licences, duplicates, sources and known vulnerabilities of the dependencies",
        run: deny::task,
    },
    Task {
        name: "clock-ban",
        flags: "",
        about: "show that a clock read in a pure crate is caught",
        run: clock_ban::task,
    },
    Task {
        name: "interop",
        flags: "[TEST]…",
        about: "boto3, the AWS CLI, aws-sso-lib and the oauth2 crate against our server, our clients against oidc-provider",
        run: interop::task,
    },
    Task {
        name: "demo",
        flags: "",
        about: "the demo from README, once blocking and once async, each within a minute",
        run: demo::task,
    },
    Task {
        name: "fuzz",
        flags: "[--seconds N] [TARGET]…",
        about: "run the fuzz targets, 10 s each unless told otherwise",
        run: fuzz::task,
    },
    Task {
        name: "explore",
        flags: "[--seconds N]",
        about: "every short history of the two machines, as deep as two minutes allow",
        run: explore::task,
    },
    Task {
        name: "simulate",
        flags: "[--seed S] [--devices N] [--hours H]",
        about: "many devices in a bad world at virtual time; [--faults none|normal|harsh], [--postgres SERVERS] at one database, [--machine], …",
        run: simulate::task,
    },
    Task {
        name: "portability",
        flags: "[TARGET]…",
        about: "what builds and runs on Windows, wasm, ARM, musl and macOS, as far as the tools are on this machine",
        run: portability::task,
    },
    Task {
        name: "bench",
        flags: "[--instructions|--flows|--cancel|--many|--footprint|--server|--stores|--commands] [CRATE]…",
        about: "run the benchmarks; --instructions counts instructions and allocations beside peers, --flows runs up to a million sign-ins side by side, --cancel and --many measure the adapters, --footprint whole programs beside peers, --server the server, --stores each store, --commands the size of the program and its commands beside the AWS CLI",
        run: bench::task,
    },
    Task {
        name: "msrv",
        flags: "",
        about: "the oldest Rust that the workspace names is enough for its dependencies, and clippy refuses calls of a newer one",
        run: msrv::task,
    },
    Task {
        name: "semver",
        flags: "",
        about: "what the libraries offered at the last tag is still there, unless the version says otherwise",
        run: semver::task,
    },
    Task {
        name: "publish",
        flags: "",
        about: "all that `cargo publish` does with the published crates, except the upload",
        run: publish::task,
    },
    Task {
        name: "dist",
        flags: "[--target TARGET]… [--check]",
        about: "the archives of a release, in target/dist-archives; --check makes them twice, compares them, and runs the programs in an empty root, under Wine or under QEMU",
        run: dist::task,
    },
    Task { name: "help", flags: "", about: "this list", run: help },
];

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<()> {
    let Some((name, rest)) = args.split_first() else { return help(&[]) };
    let name = if matches!(name.as_str(), "-h" | "--help") { "help" } else { name };
    match TASKS.iter().find(|task| task.name == name) {
        Some(task) => (task.run)(rest),
        None => bail!("no task `{name}`; `cargo xtask help` lists them"),
    }
}

fn help(_: &[String]) -> Result<()> {
    println!("cargo xtask TASK\n");
    for task in TASKS {
        println!("  {:<46}{}", format!("{} {}", task.name, task.flags), task.about);
    }
    println!("\nSteps of `test`, in order (for --only):\n");
    for step in test::STEPS {
        let slow = if step.slow { " (left out by --fast)" } else { "" };
        println!("  {:<46}{}{slow}", step.name, step.about);
    }
    Ok(())
}

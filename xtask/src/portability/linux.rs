//! Other Linux systems: ARM, whose programs run under QEMU, and programs without a shared library.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::report::Checked;
use super::{build, foreign_tests, qemu};
use crate::musl;
use crate::shell::Run;
use crate::test_programs::TestProgram;
use crate::toolchain::{Toolchain, needs};

pub(crate) const ARM: &str = "aarch64-unknown-linux-gnu";
pub(crate) const MUSL: &str = "x86_64-unknown-linux-musl";

/// The crates whose tests run.
const IN_ONE_PROCESS: [&str; 5] =
    ["oidc-proto", "device-flow", "device-authority", "adapter-tests", "sso-cache"];

/// The tests that QEMU does not run. Some start a program, which needs a setting of the whole system. Some wait for
/// fractions of a second, or fill a disk. The searches through every short history take minutes there.
const NOT_UNDER_QEMU: [&str; 8] = [
    "proxied::",
    "foreign::",
    "cancelled::",
    "every_sign_in_ends_as_the_table_says",
    "wherever_the_answer_with_the_token_is_cut",
    "a_full_disk_leaves_the_file_as_it_was",
    "explore::",
    "model::",
];

const ARM_LINKER: &str = "aarch64-linux-gnu-gcc";

/// The parts of the standard library.
const PARTS: &str = "std,panic_unwind,test";
/// The time limit of the demo.
const DEMO_LIMIT: Duration = Duration::from_secs(120);

pub(crate) fn check_arm() -> Result<Checked> {
    needs(ARM_LINKER, "apt-get install gcc-aarch64-linux-gnu")?;
    qemu::find()?;
    let toolchain = Toolchain::of(ARM, PARTS)?;
    let linked = |run: Run| run.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", ARM_LINKER);
    linked(build::cargo(&toolchain, "build", &["sso-oidc"])?).go()?;
    let tests = foreign_tests::build(&toolchain, &IN_ONE_PROCESS, &["--tests"], linked)?;
    demos(&toolchain, qemu::run)?;
    let start = |program: &TestProgram| {
        qemu::run(&program.executable).args(NOT_UNDER_QEMU.iter().flat_map(|name| ["--skip", *name]))
    };
    let counts = foreign_tests::run(ARM, &IN_ONE_PROCESS, tests, start, foreign_tests::summed_up)?;
    let checked = Checked::default()
        .built(format!("the program and {} crates' tests, by {}", IN_ONE_PROCESS.len(), toolchain.name()))
        .ran(format!("`demo --approve`, blocking and async, under {}", qemu::PROGRAM))
        .tests(&counts, &format!("under {}", qemu::PROGRAM))
        .not_checked("tests that start a program, wait for fractions of a second, or search for minutes");
    Ok(checked)
}

pub(crate) fn check_musl() -> Result<Checked> {
    needs(musl::LINKER, "apt-get install musl-tools")?;
    let toolchain = Toolchain::of(MUSL, PARTS)?;
    let flags = match toolchain.builds_std() {
        true => musl::with_unwinder(&build::target_dir()?.join("musl"))?.join(" "),
        false => String::new(),
    };
    let linked = |run: Run| {
        let run = run.env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER", musl::LINKER);
        if flags.is_empty() {
            run
        } else {
            run.env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUSTFLAGS", &flags)
        }
    };
    linked(build::cargo(&toolchain, "build", &["sso-oidc"])?).go()?;
    let tests = foreign_tests::build(&toolchain, &IN_ONE_PROCESS, &["--tests"], linked)?;
    let program = build::program(&toolchain, "sso-oidc")?;
    // A program for a dynamic loader names it.
    let bytes = fs::read(&program)?;
    let loader = b"/lib/ld-musl";
    ensure!(!bytes.windows(loader.len()).any(|part| part == loader), "the program is not static");
    demos(&toolchain, |program| Run::new(program))?;
    let start = |program: &TestProgram| Run::new(&program.executable);
    let counts = foreign_tests::run(MUSL, &IN_ONE_PROCESS, tests, start, foreign_tests::summed_up)?;
    let checked = Checked::default()
        .built(format!(
            "the program, static, and {} crates' tests, by {}",
            IN_ONE_PROCESS.len(),
            toolchain.name()
        ))
        .ran("`demo --approve`, blocking and async, on this machine")
        .tests(&counts, "on this machine");
    Ok(checked)
}

/// Signs in with the blocking and the async adapter.
fn demos(toolchain: &Toolchain, start: impl Fn(&Path) -> Run) -> Result<()> {
    let program = build::program(toolchain, "sso-oidc")?;
    for flags in [&[][..], &["--async"]] {
        let run = start(&program).args(["demo", "--approve", "--no-browser"]).args(flags);
        run.limit(DEMO_LIMIT).go()?;
    }
    Ok(())
}

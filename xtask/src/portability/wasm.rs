//! WebAssembly: the pure crates, in Node.
//!
//! In a browser there is no system (`wasm32-unknown-unknown`): a test program has no output there, and only the unit
//! tests need neither a file nor randomness. With WASI (`wasm32-wasip1`) all tests without threads run, and say so.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::report::Checked;
use super::{build, foreign_tests};
use crate::shell::Run;
use crate::test_programs::TestProgram;
use crate::toolchain::{Missing, Toolchain, needs, wasm_linker};

pub(crate) const BROWSER: &str = "wasm32-unknown-unknown";
pub(crate) const WASI: &str = "wasm32-wasip1";

/// The crates without a system.
const CRATES: [&str; 3] = ["oidc-proto", "device-flow", "device-authority"];
/// The parts of the standard library. A panic is a trap.
const PARTS: &str = "std,panic_abort,test";
/// The searches through every short history, which have threads.
const SEARCHES: &str = "explore";
/// Debian's C library for WASI.
const WASI_LIBC: &str = "/usr/lib/wasm32-wasi";

pub(crate) fn check_browser() -> Result<Checked> {
    needs("node", "apt-get install nodejs")?;
    let (toolchain, linker) = (Toolchain::of(BROWSER, PARTS)?, wasm_linker()?);
    build::cargo(&toolchain, "build", &CRATES)?.go()?;
    let linked = |run: Run| {
        run.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", &linker).env(
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
            // The tests with generated values have a fixed seed here.
            "--cfg getrandom_backend=\"unsupported\"",
        )
    };
    let tests = foreign_tests::build(&toolchain, &CRATES, &["--lib"], linked)?;
    let node = node()?;
    let names = names_of_unit_tests()?;
    let start = |program: &TestProgram| in_node(&node, &program.executable, &program.dir);
    let counts = foreign_tests::run(BROWSER, &CRATES, tests, start, |program, _| {
        let names = names.get(&program.package).map(Vec::as_slice).unwrap_or_default();
        Ok(contained(names, &fs::read(&program.executable)?))
    })?;
    let checked = Checked::default().built(format!("{} by {}", CRATES.join(", "), toolchain.name()));
    Ok(checked
        .tests(&counts, "in Node, which says only that all passed; counted by their names in the program"))
}

/// Returns the names of each crate's unit tests, as this machine's own build says them.
fn names_of_unit_tests() -> Result<BTreeMap<String, Vec<String>>> {
    let names = CRATES.iter().map(|name| {
        let run = Run::cargo().args(["test", "--locked", "--quiet", "--lib", "--package", name]);
        let output = run.args(["--", "--list", "--format", "terse"]).output()?;
        ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(((*name).to_owned(), listed(&String::from_utf8(output.stdout)?)))
    });
    names.collect()
}

/// Reads lines such as `pace::tests::a_name: test`.
fn listed(said: &str) -> Vec<String> {
    said.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
}

/// Returns how many of these names a program has.
fn contained(names: &[String], program: &[u8]) -> usize {
    let text = String::from_utf8_lossy(program);
    names.iter().filter(|name| text.contains(name.as_str())).count()
}

/// Writes the program that runs a test program in Node.
fn node() -> Result<PathBuf> {
    let script = build::target_dir()?.join("run.mjs");
    fs::write(&script, include_str!("programs/run.mjs"))?;
    Ok(script)
}

fn in_node(script: &Path, program: &Path, dir: &Path) -> Run {
    Run::new("node").arg("--no-warnings").arg(script).arg(program).arg(dir)
}

pub(crate) fn check_wasi() -> Result<Checked> {
    needs("node", "apt-get install nodejs")?;
    let (toolchain, linker) = (Toolchain::of(WASI, PARTS)?, wasm_linker()?);
    if toolchain.builds_std() && !Path::new(WASI_LIBC).is_dir() {
        return Err(Missing("no C library for it (Debian: apt-get install wasi-libc)".to_owned()).into());
    }
    let linked = |run: Run| {
        let run = run.env("CARGO_TARGET_WASM32_WASIP1_LINKER", &linker);
        if !toolchain.builds_std() {
            return run;
        }
        let flags = format!(
            "-Clink-self-contained=no -Lnative={WASI_LIBC} -Clink-arg={WASI_LIBC}/crt1-command.o \
             -Clink-arg=-lc -Clink-arg=--allow-undefined"
        );
        run.env("CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS", flags)
    };
    let tests = foreign_tests::build(&toolchain, &CRATES, &["--tests"], linked)?;
    let node = node()?;
    let start =
        |program: &TestProgram| in_node(&node, &program.executable, &program.dir).args(["--skip", SEARCHES]);
    let counts = foreign_tests::run(WASI, &CRATES, tests, start, foreign_tests::summed_up)?;
    let checked = Checked::default().built(format!("{} by {}", CRATES.join(", "), toolchain.name()));
    let checked = checked.tests(&counts, "in Node");
    Ok(checked.not_checked("the searches through every short history, which have threads"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_listed_by_name_and_benchmarks_and_counts_are_none() {
        let said = "pace::tests::a_name: test\nspeed: benchmark\n\n1 test, 1 benchmark\n";
        assert_eq!(listed(said), ["pace::tests::a_name"]);
    }

    #[test]
    fn a_name_counts_only_if_the_program_has_all_of_it() {
        let names = ["a::tests::one", "a::tests::two"].map(str::to_owned);
        assert_eq!(contained(&names, b"\0\xffa::tests::oneb::tests::twoa::tests::tw\0"), 1);
    }
}

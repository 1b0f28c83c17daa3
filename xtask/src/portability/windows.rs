//! Windows: builds the program and the tests of the crates with MinGW's linker, and runs them under Wine.

use std::time::Duration;

use anyhow::Result;

use super::report::Checked;
use super::wine::{self, Wine};
use super::{build, foreign_tests};
use crate::test_programs::TestProgram;
use crate::toolchain::{Toolchain, needs};

pub(crate) const TARGET: &str = "x86_64-pc-windows-gnu";

/// The crates whose tests run. The store in PostgreSQL is for servers, which run elsewhere.
const CRATES: [&str; 12] = [
    "oidc-proto",
    "device-flow",
    "device-authority",
    "sso-cache",
    "device-flow-ureq",
    "device-flow-reqwest",
    "adapter-tests",
    "sso-oidc-server",
    "device-conform",
    "sso-oidc-credentials",
    "pair-tests",
    "sso-oidc",
];

/// The tests that Wine cannot pass. It tells a program that its connection has ended, where Windows says that it was
/// reset.
const NOT_UNDER_WINE: [&str; 3] = [
    "an_answer_stops_after_as_many_bytes_as_were_asked_for_or_in_the_middle_of_its_body",
    "a_request_that_is_reset_before_it_is_read_leaves_its_line_all_the_same",
    "the_other_faults_come_over_tls_as_they_are",
];

/// The tests that measure fractions of a second. Under Wine one process serves the sockets and files of all.
const TOO_QUICK_FOR_WINE: [&str; 9] = [
    "cancelled::reqwest::a_sign_in_that_is_cancelled",
    "cancelled::ureq::a_sign_in_that_is_cancelled",
    "every_sign_in_ends_as_the_table_says::reqwest::drip",
    "every_sign_in_ends_as_the_table_says::reqwest::never_answers",
    "every_sign_in_ends_as_the_table_says::reqwest::stall",
    "every_sign_in_ends_as_the_table_says::ureq::drip",
    "every_sign_in_ends_as_the_table_says::ureq::never_answers",
    "every_sign_in_ends_as_the_table_says::ureq::stall",
    "thousands_of_secrets_in_long_bodies_cost_no_minutes_and_none_is_shown",
];

/// The time limit of the demo.
const DEMO_LIMIT: Duration = Duration::from_secs(60);

/// Each sign-in of the demo.
const DEMOS: [&[&str]; 4] = [&[], &["--async"], &["--flow", "code"], &["--async", "--flow", "code"]];

pub(crate) fn check() -> Result<Checked> {
    needs(wine::COMPILER, "apt-get install gcc-mingw-w64-x86-64")?;
    let programs = Wine::find()?;
    let toolchain = Toolchain::of(TARGET, "std,panic_unwind,test")?;
    let tests = foreign_tests::build(&toolchain, &CRATES, &["--tests"], |run| run)?;
    let wine = Wine::start(programs)?;
    let demo = build::program(&toolchain, "sso-oidc.exe")?;
    for flags in DEMOS {
        let run = wine.run(&demo).args(["demo", "--approve", "--no-browser"]).args(flags);
        run.limit(DEMO_LIMIT).go()?;
    }
    let command = |arguments: &str| format!("{} {arguments}", demo.display());
    wine.press_ctrl_c(&command("serve"), "listening on", 0)?;
    wine.press_ctrl_c(&command("demo --no-browser"), "Waiting for", 130)?;
    let start = |program: &TestProgram| {
        let skipped = NOT_UNDER_WINE.iter().chain(&TOO_QUICK_FOR_WINE).flat_map(|name| ["--skip", *name]);
        wine.run(&program.executable).args(skipped)
    };
    let counts = foreign_tests::run(TARGET, &CRATES, tests, start, foreign_tests::summed_up)?;
    let version = wine.version()?;
    let checked = Checked::default()
        .built(format!("{} crates with the program, by {}", CRATES.len(), toolchain.name()))
        .ran(format!("`demo --approve` under {version}: blocking and async, with a device and in a browser"))
        .ran("Ctrl-C ends `serve` with 0 and a sign-in with 130")
        .tests(&counts, &format!("under {version}"))
        .not_checked("Ctrl-Break and resets of connections, which Wine does not pass on")
        .not_checked("tests that measure fractions of a second, which Wine needs itself")
        .not_checked("the mark of a temporary file, which Wine forgets")
        .not_checked("access rights, which files inherit from their directory");
    Ok(checked)
}

//! The measured programs, and the measurements.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use crate::server::{Profile, program as program_of_the_workspace};
use crate::shell::Run;
use crate::{callgrind, workspace};

/// A program that signs in.
pub(crate) struct Program {
    /// Its folder in `xtask/peers/footprint/`.
    package: &'static str,
    pub(crate) shown: &'static str,
    /// An environment variable that selects a variant.
    environment: Option<(&'static str, &'static str)>,
    flow: Flow,
}

/// The flow of a program.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// With a device code. One more poll is a measure too.
    Device,
    /// With an authorization code. The meter is the browser.
    Code,
}

const fn program(package: &'static str, shown: &'static str) -> Program {
    Program { package, shown, environment: None, flow: Flow::Device }
}

/// One of ours, with its other flow.
const fn code_flow(package: &'static str, shown: &'static str) -> Program {
    Program { package, shown, environment: None, flow: Flow::Code }
}

/// Our program, which is of the workspace.
const PROGRAM: &str = "sso-oidc";

/// All programs. Each of ours follows the program that it is compared with.
pub(crate) const ALL: &[Program] = &[
    program("hand-ureq", "by hand over ureq 3, no time limit"),
    Program {
        environment: Some(("TIME_LIMIT", "1")),
        ..program("hand-ureq", "the same, a time limit for each request")
    },
    Program {
        environment: Some(("SMALL_BUFFERS", "1")),
        ..program("hand-ureq", "no time limit, buffers of 16 and 8 KiB")
    },
    program("ours-ureq", "`device-flow-ureq`"),
    program("oauth2-ureq", "`oauth2` over ureq 2"),
    program("hand-reqwest", "by hand over reqwest 0.13, roots compiled in"),
    Program {
        environment: Some(("SYSTEM_ROOTS", "1")),
        ..program("hand-reqwest", "the same, the system's roots")
    },
    Program {
        environment: Some(("FEW_EXTRAS", "1")),
        ..program("hand-reqwest", "roots compiled in, no proxy, no idle limit")
    },
    program("ours-reqwest", "`device-flow-reqwest`"),
    program("oauth2-reqwest", "`oauth2` over reqwest 0.12"),
    program("huskarl", "`huskarl` over reqwest 0.13, no TLS"),
    program("aws-sdk", "`aws-sdk-ssooidc`"),
    code_flow("ours-ureq", "`device-flow-ureq`, in a browser"),
    code_flow("ours-reqwest", "`device-flow-reqwest`, in a browser"),
    code_flow(PROGRAM, "`sso-oidc login`, in a browser"),
];

/// Builds all programs.
pub(super) fn build() -> Result<()> {
    let target = workspace::target_dir()?.join("peers");
    let packages = ALL.iter().map(|program| program.package).filter(|package| *package != PROGRAM);
    for package in packages.collect::<BTreeSet<_>>() {
        let build = Run::cargo().args(["build", "--quiet", "--release", "--locked", "--manifest-path"]);
        build.arg(manifest(package)).env("CARGO_TARGET_DIR", &target).go()?;
    }
    Ok(())
}

/// Returns the least and the median processor time of a sign-in for each program. The programs run in turn. Our
/// program registers and stores each time, in a home of its own.
pub(super) fn cpu(rounds: u32, endpoint: &str) -> Result<Vec<[u64; 2]>> {
    let home = workspace::target_dir()?.join("footprint-home");
    fs::create_dir_all(&home)?;
    let mut run = meter(rounds).env("HOME", home);
    for program in ALL {
        run = run.arg("--");
        if let Some((name, value)) = program.environment {
            run = run.arg(format!("{name}={value}"));
        }
        run = run.arg(program.binary()?);
        run = match program.package {
            PROGRAM => run.args(LOGIN).args(["--endpoint-url", endpoint]),
            _ => run.arg(endpoint),
        };
    }
    metered(run)
}

/// The command line of our program, without the endpoint.
const LOGIN: [&str; 9] = [
    "login",
    "--flow=code",
    "--no-browser",
    "--force",
    "--scopes=sso:account:access",
    "--start-url",
    "https://example.awsapps.com/start",
    "--region",
    "eu-west-1",
];

fn meter(rounds: u32) -> Run {
    let script = workspace::root().join("xtask/peers/footprint/cpu.py");
    Run::new("python3").arg(script).arg(rounds.to_string())
}

fn metered(run: Run) -> Result<Vec<[u64; 2]>> {
    let output = run.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let row = |line: &str| {
        let (least, median) = line.split_once(' ').context("two numbers")?;
        Ok([least.parse()?, median.parse()?])
    };
    String::from_utf8(output.stdout)?.lines().map(row).collect()
}

fn manifest(package: &str) -> PathBuf {
    let folder = if package == PROGRAM { "crates" } else { "xtask/peers/footprint" };
    workspace::root().join(folder).join(package).join("Cargo.toml")
}

impl Program {
    /// Returns whether the program polls.
    pub(super) fn polls(&self) -> bool {
        self.flow == Flow::Device
    }

    /// Returns whether the program is one of our adapters and nothing else. `sso-oidc` reads configuration and stores
    /// files besides, so it has no bound.
    pub(super) fn is_adapter(&self) -> bool {
        self.package.starts_with("ours-")
    }

    fn name(&self) -> String {
        let flow = if self.flow == Flow::Code { "-code" } else { "" };
        format!("footprint-{}{flow}{}", self.package, std::env::consts::EXE_SUFFIX)
    }

    fn binary(&self) -> Result<PathBuf> {
        if self.package == PROGRAM {
            return program_of_the_workspace(Profile::Release, PROGRAM);
        }
        Ok(workspace::target_dir()?.join("peers/release").join(self.name()))
    }

    /// Runs one sign-in.
    pub(super) fn run(&self, endpoint: &str, client: &[&str]) -> Result<()> {
        let mut run = Run::new(self.binary()?).arg(endpoint).args(client);
        if let Some((name, value)) = self.environment {
            run = run.env(name, value);
        }
        let output = run.output()?;
        ensure!(output.status.success(), "{}: {}", self.shown, String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Returns the instructions of one sign-in.
    pub(super) fn instructions(&self, endpoint: &str) -> Result<u64> {
        callgrind::instructions(&self.binary()?, &[endpoint], self.environment)
    }

    /// Returns the size of the stripped program.
    pub(super) fn binary_bytes(&self) -> Result<u64> {
        Ok(fs::metadata(self.binary()?)?.len())
    }

    /// Returns the number of crates in a build for this machine, without the program itself, with procedural macros.
    pub(super) fn crates(&self) -> Result<usize> {
        let tree = Run::cargo().args(["tree", "--locked", "--edges", "normal", "--prefix", "none"]);
        let tree =
            tree.args(["--format", "{p}", "--no-dedupe", "--manifest-path"]).arg(manifest(self.package));
        let output = tree.output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout)?;
        Ok(crates_in(&text) - 1)
    }

    /// Returns the processor seconds of a build into an empty directory.
    pub(super) fn cold_build_seconds(&self) -> Result<u64> {
        let target = workspace::target_dir()?.join("footprint-cold");
        if target.exists() {
            fs::remove_dir_all(&target)?;
        }
        let manifest = manifest(self.package);
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let target_dir = format!("CARGO_TARGET_DIR={}", target.display());
        let run = meter(1).args(["--", &target_dir]).arg(cargo);
        let run = run.args(["build", "--quiet", "--release", "--locked", "--manifest-path"]).arg(manifest);
        let took = metered(run)?;
        fs::remove_dir_all(&target)?;
        Ok(took.first().context("one command, one line")?[0] / 1_000_000)
    }
}

/// Counts the different crates in the output of `cargo tree`.
fn crates_in(tree: &str) -> usize {
    let name = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    tree.lines().filter(|line| !line.is_empty()).map(name).collect::<BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_counts_once_for_each_of_its_versions() {
        let tree =
            "root v0.1.0 (/x)\nsyn v2.0.0\nsyn v3.0.0\nserde_derive v1.0.0 (proc-macro)\nsyn v3.0.0\n\n";
        assert_eq!(crates_in(tree), 4);
    }

    #[test]
    fn one_lock_file_gives_every_program_the_same_versions() {
        let lock = fs::read_to_string(workspace::root().join("xtask/peers/footprint/Cargo.lock")).unwrap();
        for program in ALL.iter().filter(|program| program.package != PROGRAM) {
            assert!(
                lock.contains(&format!("name = \"footprint-{}\"", program.package)),
                "{}",
                program.package
            );
        }
    }
}

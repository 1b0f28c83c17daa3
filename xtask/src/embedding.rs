//! The programs in `examples/`: packages of their own, as a user of the libraries would have them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::server::{Profile, Server};
use crate::shell::Run;
use crate::workspace;

/// The command line over the blocking adapter, and the same over AWS's SDK.
const OURS: &str = "cli";
const THEIRS: &str = "cli-aws-sdk";

/// The most lines of code that a command line that stays signed in needs with these crates.
const MOST_LINES: usize = 110;

/// `cargo xtask test --only embedding`
pub(crate) fn step() -> Result<()> {
    for example in all()? {
        let manifest = example.join("Cargo.toml");
        Run::cargo().args(["fmt", "--check", "--manifest-path"]).arg(&manifest).go()?;
        cargo(&manifest, &["clippy", "--all-targets"])?.args(["--", "-D", "warnings"]).go()?;
        if !example.ends_with(THEIRS) {
            cargo(&manifest, &["test", "--quiet"])?.go()?;
        }
    }
    lines()?;
    signs_in()
}

/// Every package there, and the fuzz targets of one.
fn all() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(workspace::root().join("examples"))? {
        let example = entry?.path();
        found.extend(
            [example.join("fuzz"), example].into_iter().filter(|path| path.join("Cargo.toml").exists()),
        );
    }
    found.sort_unstable();
    Ok(found)
}

/// They share a directory for what is built, because most of it is the same.
fn target() -> Result<PathBuf> {
    Ok(workspace::target_dir()?.join("embedding"))
}

fn cargo(manifest: &Path, command: &[&str]) -> Result<Run> {
    let run = Run::cargo().args(command).args(["--locked", "--manifest-path"]).arg(manifest);
    Ok(run.env("CARGO_TARGET_DIR", target()?))
}

/// How much a program has to write itself, with these crates and with AWS's SDK.
fn lines() -> Result<()> {
    let (ours, theirs) = (code_lines(OURS)?, code_lines(THEIRS)?);
    println!("   a command line that stays signed in: {ours} lines of code, {theirs} over the AWS SDK");
    ensure!(
        ours <= MOST_LINES,
        "examples/{OURS} has grown to {ours} lines of code; {MOST_LINES} are allowed"
    );
    Ok(())
}

fn code_lines(example: &str) -> Result<usize> {
    let source = workspace::root().join("examples").join(example).join("src");
    let mut lines = 0;
    for entry in fs::read_dir(&source).with_context(|| source.display().to_string())? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name != "tests.rs") {
            lines += code(&fs::read_to_string(path)?);
        }
    }
    Ok(lines)
}

/// Lines with code, without tests.
fn code(text: &str) -> usize {
    let is_code = |line: &&str| !line.is_empty() && !line.starts_with("//");
    let is_test = |line: &&str| matches!(*line, "#[cfg(test)]" | "mod tests;");
    text.lines().map(str::trim).filter(is_code).filter(|line| !is_test(line)).count()
}

/// A sign-in by the command line, and a run that finds it in the file.
fn signs_in() -> Result<()> {
    let manifest = workspace::root().join("examples").join(OURS).join("Cargo.toml");
    cargo(&manifest, &["build", "--quiet"])?.go()?;
    let file = target()?.join("session.json");
    if file.exists() {
        fs::remove_file(&file)?;
    }
    let server = Server::start(Profile::Debug, &["--approve", "after-polls=1"])?;
    let run = || {
        let program = target()?.join("debug").join(format!("example-cli{}", std::env::consts::EXE_SUFFIX));
        let run = Run::new(program).env("ENDPOINT", server.endpoint()).env("SESSION_FILE", &file);
        run.env("START_URL", "https://d-1234567890.awsapps.com/start").output()
    };
    let (first, second) = (run()?, run()?);
    let said = String::from_utf8_lossy(&first.stderr);
    ensure!(first.status.success() && said.contains("user_code="), "no sign-in: {said}");
    ensure!(first.stdout == second.stdout && first.stdout.len() > 40, "the second run has another token");
    ensure!(
        second.stderr.is_empty(),
        "the second run asks again: {}",
        String::from_utf8_lossy(&second.stderr)
    );
    fs::remove_file(file)?;
    println!("   {OURS} signed in, and found the session again");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_comments_and_tests_are_no_code() {
        let text = "//! Doc.\n\nuse std::fs;\n#[cfg(test)]\nmod tests;\n\n/// Doc.\nfn main() {\n    // why\n    go();\n}\n";
        assert_eq!(code(text), 4);
    }
}

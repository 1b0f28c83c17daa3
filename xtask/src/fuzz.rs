//! The fuzz targets, built as by `cargo fuzz`, but with the installed toolchain.
//!
//! `cargo fuzz` needs a nightly compiler for its sanitizer. libFuzzer's coverage does not, and code without `unsafe`
//! gains little from AddressSanitizer. So this task runs `cargo build` with the flags for coverage. `cargo +nightly
//! fuzz run TARGET` works on the same targets.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use cargo_metadata::MetadataCommand;

use crate::server::Profile;
use crate::shell::Run;
use crate::toolchain::host;
use crate::workspace;

/// The flags of `cargo fuzz` for rustc, without the sanitizer.
const COVERAGE: &str = "--cfg fuzzing -Cdebug-assertions -Cpasses=sancov-module \
                        -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
                        -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

/// The default time for each target.
const SECONDS: u64 = 10;
/// The time beyond libFuzzer's own limit, for reading the corpus and writing findings.
const SLACK: Duration = Duration::from_secs(60);

/// `cargo xtask fuzz [--seconds N] [TARGET]…`
pub(crate) fn task(args: &[String]) -> Result<()> {
    let mut seconds = SECONDS;
    let mut wanted = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--seconds" {
            let number = args.next().context("--seconds wants a number")?;
            seconds = number.parse().with_context(|| format!("--seconds {number}"))?;
        } else if arg.starts_with('-') {
            bail!("`fuzz` does not know `{arg}`; `cargo xtask help` shows its flags");
        } else {
            wanted.push(arg.clone());
        }
    }
    let Some(fuzz) = Fuzz::find()? else { bail!("there is no fuzz crate: fuzz/Cargo.toml is missing") };
    if let Some(unknown) = wanted.iter().find(|name| !fuzz.targets.contains(name)) {
        bail!("no fuzz target `{unknown}`; there are: {}", fuzz.targets.join(", "));
    }
    fuzz.build(Profile::Release)?;
    for target in fuzz.targets.iter().filter(|name| wanted.is_empty() || wanted.contains(name)) {
        println!("\n== {target}, {seconds} s");
        let time = format!("-max_total_time={seconds}");
        fuzz.run(target, Profile::Release, &[&time], Duration::from_secs(seconds) + SLACK)?;
    }
    Ok(())
}

/// Runs the library tests of the fuzz crate, builds it, and runs each target once over its committed corpus. That needs
/// no optimized program, which takes longer to build.
pub(crate) fn step() -> Result<()> {
    let Some(fuzz) = Fuzz::find()? else { bail!("there is no fuzz crate: fuzz/Cargo.toml is missing") };
    Run::cargo().args(["test", "--manifest-path"]).arg(&fuzz.manifest).go()?;
    fuzz.build(Profile::Debug)?;
    for target in &fuzz.targets {
        fuzz.run(target, Profile::Debug, &["-runs=0"], SLACK)?;
    }
    Ok(())
}

struct Fuzz {
    manifest: PathBuf,
    built: PathBuf,
    host: String,
    targets: Vec<String>,
}

impl Fuzz {
    fn find() -> Result<Option<Self>> {
        let manifest = workspace::root().join("fuzz/Cargo.toml");
        if !manifest.exists() {
            return Ok(None);
        }
        let metadata = MetadataCommand::new().manifest_path(&manifest).no_deps().exec()?;
        let targets = metadata.packages.iter().flat_map(|package| &package.targets);
        let mut targets: Vec<String> =
            targets.filter(|target| target.is_bin()).map(|target| target.name.clone()).collect();
        targets.sort_unstable();
        let host = host()?;
        let built = metadata.target_directory.into_std_path_buf().join(&host);
        Ok(Some(Self { manifest, built, host, targets }))
    }

    fn build(&self, profile: Profile) -> Result<()> {
        let release = matches!(profile, Profile::Release).then_some("--release");
        let run = Run::cargo().args(["build", "--bins"]).args(release);
        // With --target, the flags apply to the fuzzed code, but not to build scripts.
        let run = run.args(["--target", &self.host, "--manifest-path"]).arg(&self.manifest);
        run.env("RUSTFLAGS", COVERAGE).go()
    }

    fn run(&self, target: &str, profile: Profile, flags: &[&str], limit: Duration) -> Result<()> {
        let dir = workspace::root().join("fuzz");
        // libFuzzer writes findings into the first directory, and only reads the others.
        let work = made(dir.join("corpus-work").join(target))?;
        let artifacts = made(dir.join("artifacts").join(target))?;
        let run = Run::new(self.built.join(profile.directory()).join(target)).args(flags).arg("-timeout=10");
        let run = run.arg(format!("-artifact_prefix={}/", artifacts.display())).arg(work);
        let dictionary = dir.join("dict").join(format!("{target}.dict"));
        let run = if dictionary.is_file() { run.arg(format!("-dict={}", dictionary.display())) } else { run };
        let corpus = dir.join("corpus").join(target);
        let run = if corpus.is_dir() { run.arg(corpus) } else { run };
        run.limit(limit).go().with_context(|| format!("the fuzz target {target} found something"))
    }
}

fn made(dir: PathBuf) -> Result<PathBuf> {
    fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
    Ok(dir)
}

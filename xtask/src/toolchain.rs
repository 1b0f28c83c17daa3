//! The search for a toolchain that builds for a target: one that has the target's standard library, or one that builds
//! it from source. Linkers for WebAssembly are searched for here, too.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use cargo_metadata::semver::Version;

use crate::publish::NO_REGISTRY;
use crate::shell::{Run, has_program};

/// The directory of Debian's compiler, and its sysroot.
const DEBIAN: (&str, &str) = ("/usr/bin", "/usr");
/// What cargo says if it was told to use no network.
const OFFLINE: &str = "--offline";
/// What to install.
const INSTALL: &str =
    "rustup: `rustup target add TARGET`, or Debian: `apt-get install rustc-web cargo-web rust-web-src`";

/// What this machine lacks. A check that needs it is NOT CHECKED, which is no failure.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Missing(pub(crate) String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Missing {}

/// A toolchain that builds for a target.
pub(crate) struct Toolchain {
    target: String,
    /// The parts of the standard library that a build of it has.
    parts: &'static str,
    /// The directory of its programs; `None` for the toolchain that runs this program.
    dir: Option<PathBuf>,
    sysroot: PathBuf,
    builds_std: bool,
}

impl Toolchain {
    /// Finds a toolchain for this target. The installed one is the first choice, Debian's the second. `parts` are the
    /// parts of the standard library that are built from source if the toolchain does not have it.
    ///
    /// # Errors
    ///
    /// [`Missing`]: there is none, or the sources of the standard library need crates, and there is no network.
    /// Another error: they cannot be fetched for another reason.
    pub(crate) fn of(target: &str, parts: &'static str) -> Result<Self> {
        let mut lacking = format!("no standard library for {target} ({})", INSTALL.replace("TARGET", target));
        for candidate in Self::candidates(target, parts) {
            match candidate.fetch(|run| run) {
                Ok(()) => return Ok(candidate),
                Err(error) => lacking = error.downcast::<Missing>()?.0,
            }
        }
        bail!(Missing(lacking))
    }

    fn candidates(target: &str, parts: &'static str) -> Vec<Self> {
        let toolchain =
            |dir, sysroot, builds_std| Self { target: target.to_owned(), parts, dir, sysroot, builds_std };
        let mut candidates = Vec::new();
        if let Some(root) = sysroot(Path::new("rustc")) {
            if root.join("lib/rustlib").join(target).join("lib").is_dir() {
                return vec![toolchain(None, root, false)];
            }
            if has_source(&root) {
                candidates.push(toolchain(None, root, true));
            }
        }
        let debian = Path::new(DEBIAN.0);
        let rustc = debian.join("rustc");
        // Debian's package `rustc` has the same path, and may be too old.
        let is_new = || version(&rustc).is_some_and(|version| version >= oldest());
        if debian.join("cargo").exists()
            && let Some(root) = sysroot(&rustc).filter(|root| has_source(root))
            && is_new()
        {
            candidates.push(toolchain(Some(debian.to_owned()), root, true));
        }
        candidates
    }

    /// Fetches what the standard library and the workspace are built from, if it is not on this machine.
    fn fetch(&self, prepare: impl Fn(Run) -> Run) -> Result<()> {
        if !self.builds_std {
            return Ok(());
        }
        let fetched = prepare(self.cargo("fetch")).output()?;
        if fetched.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&fetched.stderr);
        let is_advice = |line: &&str| line.starts_with("note:") || line.starts_with("help:");
        let lines: Vec<_> = said.lines().filter(|line| !is_advice(line)).map(str::trim).collect();
        let why = format!("{}, which needs crates that cannot be fetched: {}", self.name(), lines.join(" "));
        if [NO_REGISTRY, OFFLINE].iter().any(|sign| said.contains(sign)) {
            bail!(Missing(why));
        }
        bail!(why)
    }

    /// Returns a run of this cargo subcommand for the target.
    pub(crate) fn cargo(&self, subcommand: &str) -> Run {
        let run = match &self.dir {
            Some(dir) => Run::cargo_at(&dir.join("cargo")).env("RUSTC", dir.join("rustc")),
            None => Run::cargo(),
        };
        let run = run.arg(subcommand).args(["--locked", "--target", &self.target]);
        if !self.builds_std {
            return run;
        }
        // A stable compiler builds its own standard library with this, and nothing of ours needs it.
        run.arg("-Z").arg(format!("build-std={}", self.parts)).env("RUSTC_BOOTSTRAP", "1")
    }

    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    pub(crate) fn sysroot(&self) -> &Path {
        &self.sysroot
    }

    /// Returns whether it builds the standard library.
    pub(crate) const fn builds_std(&self) -> bool {
        self.builds_std
    }

    /// Returns whether Debian made it.
    pub(crate) fn is_debians(&self) -> bool {
        self.sysroot == Path::new(DEBIAN.1)
    }

    /// Returns the compiler and its version, for people.
    pub(crate) fn name(&self) -> String {
        let version = version(&self.rustc()).map_or(String::new(), |version| format!(" {version}"));
        format!("rustc{version}{}", self.addition())
    }

    /// Returns the compiler with its version, commit and date, as it says them.
    pub(crate) fn compiler(&self) -> String {
        let named = said(&self.rustc(), &["--version"]).unwrap_or_else(|| "rustc".to_owned());
        format!("{named}{}", self.addition())
    }

    fn rustc(&self) -> PathBuf {
        self.dir.as_deref().map_or_else(|| "rustc".into(), |dir| dir.join("rustc"))
    }

    /// Returns what else makes other bytes than the same compiler with a standard library that was there.
    fn addition(&self) -> &'static str {
        if self.builds_std { ", with the standard library built too" } else { "" }
    }
}

/// Returns the target of this machine.
///
/// # Errors
///
/// The compiler does not say it.
pub(crate) fn host() -> Result<String> {
    let output = Run::new("rustc").arg("-vV").output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("`rustc -vV` names no host")?.to_owned())
}

/// Returns the linker for WebAssembly: LLVM's, which the toolchain of rustup has.
///
/// # Errors
///
/// There is none.
pub(crate) fn wasm_linker() -> Result<PathBuf, Missing> {
    let own = sysroot(Path::new("rustc")).zip(host().ok());
    let own = own.map(|(root, host)| root.join("lib/rustlib").join(host).join("bin/rust-lld"));
    let own = own.filter(|path| path.is_file());
    let named = ["rust-lld", "wasm-ld"].into_iter().find(|name| has_program(name)).map(PathBuf::from);
    own.or(named).ok_or_else(|| {
        Missing("no rust-lld or wasm-ld, which links (Debian: apt-get install lld)".to_owned())
    })
}

/// Fails with what is missing, and how to install it.
pub(crate) fn needs(program: &str, install: &str) -> Result<(), Missing> {
    if has_program(program) {
        return Ok(());
    }
    Err(Missing(format!("no {program} (Debian: {install})")))
}

/// Returns the directory of a compiler, if it runs.
fn sysroot(rustc: &Path) -> Option<PathBuf> {
    said(rustc, &["--print", "sysroot"]).map(PathBuf::from)
}

/// Returns whether the standard library can be built: its lock file is there only with its sources.
fn has_source(sysroot: &Path) -> bool {
    sysroot.join("lib/rustlib/src/rust/library/Cargo.lock").is_file()
}

fn version(rustc: &Path) -> Option<Version> {
    said(rustc, &["--version"])?.split(' ').nth(1)?.parse().ok()
}

fn said(rustc: &Path, args: &[&str]) -> Option<String> {
    // A plain name is the compiler that belongs to this program's cargo.
    let run = if rustc.is_absolute() { Run::cargo_at(rustc) } else { Run::new(rustc) };
    let output = run.args(args).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Returns the oldest compiler that the workspace builds with.
fn oldest() -> Version {
    env!("CARGO_PKG_RUST_VERSION").parse().unwrap_or_else(|_| Version::new(1, 89, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: &str = "std,panic_unwind";

    #[test]
    fn a_target_that_does_not_exist_is_an_error_that_names_it() {
        let Err(error) = Toolchain::of("z80-unknown-none", PARTS) else { panic!("there is one") };
        assert!(error.to_string().contains("z80-unknown-none"), "{error}");
    }

    #[test]
    fn the_target_of_this_machine_needs_no_build_of_the_standard_library() {
        let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        if sysroot(Path::new("rustc")).is_none_or(|root| !root.join("lib/rustlib").join(&host).is_dir()) {
            return println!("NOT CHECKED: this machine is no {host}");
        }
        let toolchain = Toolchain::of(&host, PARTS).unwrap();
        assert!(!toolchain.builds_std() && toolchain.fetch(|_| Run::new("false")).is_ok());
    }

    /// Returns what cargo says about a fetch for a toolchain that builds the standard library, if there is one here.
    fn failed_fetch(prepare: impl Fn(Run) -> Run) -> Option<anyhow::Error> {
        let target = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
        let with_source = Toolchain::candidates(&target, PARTS).into_iter().find(Toolchain::builds_std);
        if with_source.is_none() {
            println!("NOT CHECKED: no toolchain here builds the standard library");
        }
        with_source.map(|toolchain| toolchain.fetch(prepare).unwrap_err())
    }

    #[test]
    fn without_the_crates_of_the_standard_library_and_a_network_the_toolchain_is_missing_with_the_reason() {
        let home = tempfile::tempdir().unwrap();
        let offline = |run: Run| run.env("CARGO_HOME", home.path()).env("CARGO_NET_OFFLINE", "true");
        let Some(error) = failed_fetch(offline) else { return };
        let Missing(why) = error.downcast().unwrap();
        assert!(why.contains("crates that cannot be fetched: error:"), "{why}");
    }

    #[test]
    fn a_fetch_that_fails_otherwise_is_a_failure_and_no_missing_tool() {
        let Some(error) = failed_fetch(|run| run.arg("--no-such-flag")) else { return };
        assert!(!error.is::<Missing>() && error.to_string().contains("--no-such-flag"), "{error}");
    }
}

//! The search for a toolchain that builds for a target: one that has the target's standard library, or one that builds
//! it from source. Linkers for WebAssembly are searched for here, too.

use std::fmt;
use std::path::{Path, PathBuf};

use cargo_metadata::semver::Version;

use crate::shell::{Run, has_program};

/// The directory of Debian's compiler, and its sysroot.
const DEBIAN: (&str, &str) = ("/usr/bin", "/usr");
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
    /// There is none, or the sources of the standard library need crates that cannot be fetched.
    pub(crate) fn of(target: &str, parts: &'static str) -> Result<Self, Missing> {
        let mut lacking = format!("no standard library for {target} ({})", INSTALL.replace("TARGET", target));
        for candidate in Self::candidates(target, parts) {
            match candidate.fetch(|run| run) {
                Ok(()) => return Ok(candidate),
                Err(Missing(why)) => lacking = why,
            }
        }
        Err(Missing(lacking))
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
    fn fetch(&self, prepare: impl Fn(Run) -> Run) -> Result<(), Missing> {
        if !self.builds_std {
            return Ok(());
        }
        let lacking = |why: &str| {
            let name = self.name();
            Missing(format!("{name}, which needs crates that cannot be fetched: {why}"))
        };
        let fetched = prepare(self.cargo("fetch")).output();
        let fetched = fetched.map_err(|error| lacking(&format!("{error:#}")))?;
        if fetched.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&fetched.stderr);
        let is_advice = |line: &&str| line.starts_with("note:") || line.starts_with("help:");
        let lines: Vec<_> = said.lines().filter(|line| !is_advice(line)).map(str::trim).collect();
        Err(lacking(&lines.join(" ")))
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
        let rustc = self.dir.as_deref().map_or_else(|| "rustc".into(), |dir| dir.join("rustc"));
        let version = version(&rustc).map_or(String::new(), |version| format!(" {version}"));
        let built = if self.builds_std { ", with the standard library built too" } else { "" };
        format!("rustc{version}{built}")
    }
}

/// Returns the linker for WebAssembly: LLVM's, which the toolchain of rustup has.
///
/// # Errors
///
/// There is none.
pub(crate) fn wasm_linker() -> Result<PathBuf, Missing> {
    let host = format!("lib/rustlib/{}-unknown-linux-gnu/bin/rust-lld", std::env::consts::ARCH);
    let own = sysroot(Path::new("rustc")).map(|root| root.join(host)).filter(|path| path.is_file());
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
    fn a_target_that_does_not_exist_is_missing_and_named() {
        let Err(Missing(why)) = Toolchain::of("z80-unknown-none", PARTS) else { panic!("there is one") };
        assert!(why.contains("z80-unknown-none"), "{why}");
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

    #[test]
    fn without_the_crates_of_the_standard_library_and_a_network_the_toolchain_is_missing_with_the_reason() {
        let target = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
        let with_source = Toolchain::candidates(&target, PARTS).into_iter().find(Toolchain::builds_std);
        // Where there are no sources either, cargo says that.
        let toolchain = with_source.unwrap_or_else(|| Toolchain {
            target,
            parts: PARTS,
            dir: None,
            sysroot: sysroot(Path::new("rustc")).unwrap(),
            builds_std: true,
        });
        let home = tempfile::tempdir().unwrap();
        let offline = |run: Run| run.env("CARGO_HOME", home.path()).env("CARGO_NET_OFFLINE", "true");
        let Missing(why) = toolchain.fetch(offline).unwrap_err();
        assert!(why.contains("crates that cannot be fetched: error:"), "{why}");
    }
}

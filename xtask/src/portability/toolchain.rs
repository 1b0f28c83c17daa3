//! The compiler for another target: one that has the target's standard library, or one that builds it from source.

use std::path::{Path, PathBuf};

use anyhow::Result;
use cargo_metadata::semver::Version;

use crate::shell::Run;
use crate::workspace;

/// Debian's compiler, which has its own packages.
const DEBIAN: &str = "/usr/bin";
/// What to install.
const INSTALL: &str =
    "rustup: `rustup target add TARGET`, or Debian: `apt-get install rustc-web cargo-web rust-web-src`";

/// A toolchain that builds for a target.
pub(crate) struct Toolchain {
    target: &'static str,
    /// `None` for the toolchain that runs this program.
    own_dir: Option<PathBuf>,
    builds_std: bool,
}

impl Toolchain {
    /// Finds a toolchain for this target. `Err` says what is missing.
    pub(crate) fn of(target: &'static str) -> Result<Self, String> {
        let toolchain = |own_dir, builds_std| Self { target, own_dir, builds_std };
        let ours = sysroot(Path::new("rustc"));
        if ours.as_ref().is_some_and(|root| root.join("lib/rustlib").join(target).join("lib").is_dir()) {
            return Ok(toolchain(None, false));
        }
        if ours.is_some_and(|root| has_source(&root)) {
            return Ok(toolchain(None, true));
        }
        let debian = Path::new(DEBIAN);
        let is_new = || version(&debian.join("rustc")).is_some_and(|version| version >= oldest());
        let has_source = || sysroot(&debian.join("rustc")).is_some_and(|root| has_source(&root));
        if debian.join("cargo").exists() && has_source() && is_new() {
            return Ok(toolchain(Some(debian.to_owned()), true));
        }
        Err(format!("no standard library for it ({})", INSTALL.replace("TARGET", target)))
    }

    /// Returns a run of this cargo subcommand for the target. `parts` are the parts of the standard library that a
    /// build of it has.
    pub(crate) fn cargo(&self, subcommand: &str, parts: &str) -> Result<Run> {
        let run = match &self.own_dir {
            Some(dir) => Run::cargo_at(&dir.join("cargo")).env("RUSTC", dir.join("rustc")),
            None => Run::cargo(),
        };
        let run = run.arg(subcommand).args(["--locked", "--quiet", "--target", self.target]);
        let run = run.env("CARGO_TARGET_DIR", target_dir()?).env("CARGO_PROFILE_DEV_DEBUG", "0");
        // The stable compiler builds its own standard library with this, and nothing of ours needs it.
        Ok(if self.builds_std {
            run.arg("-Z").arg(format!("build-std={parts}")).env("RUSTC_BOOTSTRAP", "1")
        } else {
            run
        })
    }

    /// Returns whether it builds the standard library.
    pub(crate) const fn builds_std(&self) -> bool {
        self.builds_std
    }

    /// Returns the path of a program that was built for the target.
    pub(crate) fn program(&self, name: &str) -> Result<PathBuf> {
        Ok(target_dir()?.join(self.target).join("debug").join(name))
    }

    /// Returns the compiler, for the table.
    pub(crate) fn name(&self) -> String {
        let rustc = self.own_dir.as_deref().map_or_else(|| "rustc".into(), |dir| dir.join("rustc"));
        let version = version(&rustc).map_or(String::new(), |version| format!(" {version}"));
        format!(
            "rustc{version}{}",
            if self.builds_std { ", with the standard library built too" } else { "" }
        )
    }
}

/// Returns the directory of all builds for other targets.
pub(crate) fn target_dir() -> Result<PathBuf> {
    Ok(workspace::target_dir()?.join("portability"))
}

/// Returns the directory of a toolchain.
pub(crate) fn sysroot(rustc: &Path) -> Option<PathBuf> {
    said(rustc, &["--print", "sysroot"]).map(PathBuf::from)
}

fn has_source(sysroot: &Path) -> bool {
    sysroot.join("lib/rustlib/src/rust/library/std").is_dir()
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

//! The build of the program for a target: its flags, and the paths that it maps. The C compiler of the target links.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::PROGRAM;
use super::checkout::Checkout;
use crate::musl;
use crate::shell::Run;
use crate::toolchain::{Toolchain, host};

const PROFILE: &str = "dist";
/// The parts of the standard library in a program.
const PARTS: &str = "std,panic_unwind";

/// The licence of a part of a program that no package has.
struct SystemPart {
    /// A part of the name of a target.
    target: &'static str,
    /// Whether it is for Debian's toolchain, for the other one, or for both.
    debians: Option<bool>,
    /// The name in the archive.
    name: &'static str,
    /// The place, below the sysroot unless it begins with `/`.
    place: &'static str,
}

const SYSTEM: &[SystemPart] = &[
    SystemPart {
        target: "",
        debians: Some(false),
        name: "THIRD-PARTY-rust-std.html",
        place: "share/doc/rust/COPYRIGHT-library.html",
    },
    SystemPart {
        target: "",
        debians: Some(true),
        name: "THIRD-PARTY-rust-std.txt",
        place: "/usr/share/doc/libstd-rust-web-dev/copyright",
    },
    SystemPart {
        target: "-musl",
        debians: None,
        name: "THIRD-PARTY-musl.txt",
        place: "/usr/share/doc/musl-dev/copyright",
    },
    SystemPart {
        target: "-musl",
        debians: Some(true),
        name: "THIRD-PARTY-libunwind.txt",
        place: "/usr/share/doc/libunwind-14-dev/copyright",
    },
    SystemPart {
        target: "-windows-gnu",
        debians: None,
        name: "THIRD-PARTY-mingw.txt",
        place: "/usr/share/doc/mingw-w64-x86-64-dev/copyright",
    },
];

/// Returns whether a program for a target runs on this machine.
pub(super) fn runs_here(target: &str) -> bool {
    host().is_ok_and(|host| runs_on(target, &host))
}

/// What builds the program for a target.
pub(super) struct Builder(Toolchain);

impl Builder {
    /// # Errors
    ///
    /// No toolchain here can build for the target.
    pub(super) fn of(target: &str) -> Result<Self> {
        Ok(Self(Toolchain::of(target, PARTS)?))
    }

    /// Returns the whole name of the compiler. Another one makes other bytes.
    pub(super) fn compiler(&self) -> String {
        self.0.compiler()
    }

    /// Builds the program, and returns its path.
    ///
    /// # Errors
    ///
    /// It cannot be built.
    pub(super) fn build(&self, checkout: &Checkout) -> Result<PathBuf> {
        let (toolchain, target) = (&self.0, self.0.target());
        let run = toolchain.cargo("build").args(["--profile", PROFILE, "--package", PROGRAM]);
        let mut run = run.without(changes_the_build);
        let unwinder = self.unwinder(checkout)?;
        for setting in self.settings(checkout, unwinder) {
            run = run.arg("--config").arg(setting);
        }
        in_checkout(run, checkout).go()?;
        let name = if target.contains("-windows-") { format!("{PROGRAM}.exe") } else { PROGRAM.into() };
        Ok(checkout.target_dir().join(target).join(PROFILE).join(name))
    }

    /// Returns the flags for an unwinder that links with musl, if the toolchain brings none.
    fn unwinder(&self, checkout: &Checkout) -> Result<Vec<String>> {
        let target = self.0.target();
        if !self.0.builds_std() || !target.ends_with("-musl") {
            return Ok(Vec::new());
        }
        Ok(musl::with_unwinder(&checkout.target_dir().join(target).join("unwinder"))?.into())
    }

    /// Returns cargo's settings for the build. They are added to those of the checkout.
    fn settings(&self, checkout: &Checkout, unwinder: Vec<String>) -> Vec<String> {
        let mut flags: Vec<String> = self
            .mapped(checkout)
            .iter()
            .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()))
            .collect();
        let target = self.0.target();
        let linker = linker(target);
        flags.extend(unwinder);
        if target.ends_with("-windows-gnu") {
            // MinGW's linker writes the time into each program.
            flags.push("-Clink-arg=-Wl,--no-insert-timestamp".to_owned());
        }
        let variable = format!("CARGO_TARGET_{}_LINKER", target.to_uppercase().replace('-', "_"));
        let list = flags.iter().map(|flag| quoted(flag)).collect::<Vec<_>>().join(", ");
        let mut settings = vec![format!("target.{target}.rustflags = [{list}]")];
        if let Some(linker) = linker.filter(|_| env::var_os(variable).is_none()) {
            settings.push(format!("target.{target}.linker = {}", quoted(&linker)));
        }
        settings
    }

    /// Returns the directories that must not be in a program, each with what stands there instead. The last that fits
    /// counts.
    pub(super) fn mapped(&self, checkout: &Checkout) -> Vec<(PathBuf, &'static str)> {
        let mut mapped = vec![
            (checkout.cargo_home().to_owned(), "/cargo"),
            (checkout.root().to_owned(), "/source"),
            (checkout.target_dir().to_owned(), "/target"),
        ];
        if self.0.builds_std() {
            let sources = self.0.sysroot().join("lib/rustlib/src/rust");
            mapped.extend(sources.canonicalize().ok().map(|real| (real, "/rust")));
            mapped.push((sources, "/rust"));
        }
        mapped.retain(|(from, to)| from != Path::new(to));
        mapped
    }

    /// Returns the licences of what the toolchain links in: the names in the archive, and the files.
    ///
    /// # Errors
    ///
    /// A file is missing. An archive without it could not be given away.
    pub(super) fn system_parts(&self) -> Result<Vec<(&'static str, PathBuf)>> {
        let is_in = |part: &&SystemPart| {
            self.0.target().contains(part.target)
                && part.debians.is_none_or(|debians| debians == self.0.is_debians())
        };
        let parts = SYSTEM.iter().filter(is_in).map(|part| {
            // An absolute path replaces the sysroot.
            let file = self.0.sysroot().join(part.place);
            ensure!(file.exists(), "the text of {} is not there: {}", part.name, file.display());
            Ok((part.name, file))
        });
        parts.collect()
    }
}

/// Builds the program for this machine, quickly, and returns its path.
///
/// # Errors
///
/// It cannot be built.
pub(super) fn of_host(checkout: &Checkout) -> Result<PathBuf> {
    in_checkout(Run::cargo().args(["build", "--locked", "--package", PROGRAM]), checkout).go()?;
    let name = format!("{PROGRAM}{}", env::consts::EXE_SUFFIX);
    Ok(checkout.target_dir().join("debug").join(name))
}

fn in_checkout(run: Run, checkout: &Checkout) -> Run {
    let run = run.in_dir(checkout.root()).env("CARGO_TARGET_DIR", checkout.target_dir());
    run.env("CARGO_HOME", checkout.cargo_home())
}

/// Returns whether a variable would make another program of the same commit.
fn changes_the_build(name: &str) -> bool {
    name.ends_with("RUSTFLAGS") || name.starts_with("CARGO_PROFILE_DIST_") || name == "CARGO_BUILD_TARGET"
}

/// Returns the C compiler that links for a target, if that is not the usual one.
fn linker(target: &str) -> Option<String> {
    let host = host().ok()?;
    let arch = target.split('-').next()?;
    if target.ends_with("-linux-gnu") && !runs_on(target, &host) {
        Some(format!("{arch}-linux-gnu-gcc"))
    } else if target.ends_with("-linux-musl") && !host.ends_with("-musl") {
        Some(musl::LINKER.to_owned())
    } else {
        None
    }
}

fn runs_on(target: &str, host: &str) -> bool {
    let machine = |name: &str| -> Vec<String> { name.split('-').take(3).map(str::to_owned).collect() };
    machine(target) == machine(host) && !target.contains("-windows-")
}

/// Returns a string of TOML.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GNU: &str = "x86_64-unknown-linux-gnu";

    #[test]
    fn a_static_program_runs_on_the_same_machine_and_one_of_another_processor_does_not() {
        assert!(runs_on("x86_64-unknown-linux-musl", GNU) && runs_on(GNU, GNU));
        assert!(!runs_on("aarch64-unknown-linux-gnu", GNU) && !runs_on("x86_64-pc-windows-gnu", GNU));
    }

    #[test]
    fn flags_and_profiles_of_the_user_do_not_count() {
        for name in
            ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_PROFILE_DIST_LTO"]
        {
            assert!(changes_the_build(name), "{name}");
        }
        assert!(!changes_the_build("CARGO_HOME") && !changes_the_build("PATH"));
    }

    #[test]
    fn a_path_with_quotes_or_backslashes_stays_one_string() {
        assert_eq!(quoted(r#"C:\a "b""#), r#""C:\\a \"b\"""#);
    }

    #[test]
    fn a_target_that_does_not_exist_is_an_error_that_names_it() {
        let Err(error) = Builder::of("z80-unknown-none") else { panic!("there is one") };
        assert!(error.to_string().contains("z80-unknown-none"), "{error}");
    }

    #[test]
    fn every_directory_of_the_build_is_mapped_once() {
        let checkout = Checkout::ours().unwrap();
        let builder = Builder::of(&host().unwrap()).unwrap();
        let mapped = builder.mapped(&checkout);
        assert_eq!(mapped.len(), 3);
        let settings = builder.settings(&checkout, Vec::new());
        for (from, to) in mapped {
            let flag = format!("--remap-path-prefix={}={to}", from.display());
            assert!(settings[0].contains(&quoted(&flag)), "{flag}: {settings:?}");
        }
    }
}

//! Wine, which runs Windows programs: an installation of our own in a temporary directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::shell::Run;
use crate::toolchain::Missing;

/// The C compiler for Windows, which links.
pub(crate) const COMPILER: &str = "x86_64-w64-mingw32-gcc";
/// Debian's place, beside the wrapper of another package.
const DEBIAN: &str = "/usr/lib/wine";
/// The time limit of a first start, which creates a registry.
const START_LIMIT: Duration = Duration::from_secs(180);
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// Without the questions whether to install .NET and a browser's engine.
const NO_QUESTIONS: &str = "mscoree,mshtml=";
/// A library that this Wine may lack.
const RANDOM: &str = include_str!("programs/random.c");
/// A program that presses Ctrl-C.
const CTRL_C: &str = include_str!("programs/ctrl_c.c");

/// A Wine that ends with this value.
pub(crate) struct Wine {
    programs: PathBuf,
    loader: PathBuf,
    dir: TempDir,
}

impl Wine {
    /// Returns the directory of the loader and the server.
    ///
    /// # Errors
    ///
    /// There is no Wine.
    pub(crate) fn find() -> Result<PathBuf, Missing> {
        let debian = Path::new(DEBIAN);
        if debian.join("wine64").is_file() && debian.join("wineserver").is_file() {
            return Ok(debian.to_owned());
        }
        Err(Missing("no Wine (Debian: apt-get install wine64)".to_owned()))
    }

    /// Starts a Wine with an empty drive.
    pub(crate) fn start(programs: PathBuf) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("portability-wine-").tempdir()?;
        fs::create_dir(dir.path().join("prefix"))?;
        let loader = programs.join("wine64");
        let wine = Self { programs, loader, dir };
        // The server stays until the end, so that no test program waits for it or inherits it.
        wine.in_it(Run::new(wine.programs.join("wineserver")).arg("--persistent")).logged(&wine.log())?;
        let boot = wine.run(Path::new("wineboot")).arg("--init").env("WINEDLLOVERRIDES", NO_QUESTIONS);
        let boot = boot.limit(START_LIMIT);
        boot.logged(&wine.log()).context("Wine does not start")?;
        let library = wine.prefix().join("drive_c/windows/system32/bcryptprimitives.dll");
        if !library.exists() {
            wine.build(RANDOM, &["-shared"], &library, &["-ladvapi32"])?;
        }
        wine.build(CTRL_C, &[], &wine.ctrl_c(), &[])?;
        Ok(wine)
    }

    /// Returns a run of a Windows program.
    pub(crate) fn run(&self, program: &Path) -> Run {
        self.in_it(Run::new(&self.loader)).arg(program)
    }

    fn build(&self, source: &str, flags: &[&str], to: &Path, libraries: &[&str]) -> Result<()> {
        let file = self.dir.path().join("source.c");
        fs::write(&file, source)?;
        let build = Run::new(COMPILER).args(["-O1", "-o"]).arg(to).args(flags).arg(file).args(libraries);
        build.logged(&self.log())
    }

    /// Starts a command, presses Ctrl-C as soon as it has said these words, and fails if it has another exit code.
    pub(crate) fn press_ctrl_c(&self, command: &str, words: &str, code: u8) -> Result<()> {
        let run = self.run(&self.ctrl_c()).arg(code.to_string()).args([words, command]);
        run.limit(START_LIMIT).logged(&self.log())
    }

    fn ctrl_c(&self) -> PathBuf {
        self.dir.path().join("ctrl_c.exe")
    }

    fn in_it(&self, run: Run) -> Run {
        let run = run.env("WINEPREFIX", self.prefix()).env("WINEDEBUG", "-all");
        // Without the machine's own browser, too.
        run.env("WINEDLLOVERRIDES", format!("{NO_QUESTIONS};winebrowser.exe="))
    }

    /// Returns the version.
    pub(crate) fn version(&self) -> Result<String> {
        let output = self.in_it(Run::new(&self.loader)).arg("--version").output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn prefix(&self) -> PathBuf {
        self.dir.path().join("prefix")
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("log")
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        let server = |flag| {
            let run = self.in_it(Run::new(self.programs.join("wineserver"))).arg(flag);
            run.limit(STOP_LIMIT).logged(&self.log())
        };
        if let Err(error) = server("--kill").and_then(|()| server("--wait")) {
            println!("   Wine in {} could not be stopped: {error:#}", self.dir.path().display());
        }
    }
}

//! Child processes. Their commands are printed, their standard input is closed, and none is left behind.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// The time between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(10);
/// The polling interval for a child with a time limit.
const GLANCE: Duration = Duration::from_millis(50);
/// The least time of a command that is printed.
const WORTH_SAYING: Duration = Duration::from_secs(5);
/// The most lines of a log that an error shows.
const MOST_LINES: usize = 120;

/// A command to run at the root of the checkout.
pub(crate) struct Run {
    command: Command,
    shown: String,
    limit: Option<Duration>,
}

impl Run {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let program = program.as_ref();
        let shown = Path::new(program).file_name().unwrap_or(program).to_string_lossy().into_owned();
        let mut command = Command::new(program);
        command.current_dir(workspace::root()).stdin(Stdio::null());
        Self { command, shown, limit: None }
    }

    /// Returns a run of the same `cargo`, without the variables that it set for this program.
    ///
    /// Some build scripts, such as ring's, rerun when `CARGO_PKG_NAME` and similar variables change. Passing ours on
    /// would rebuild them at each switch between `cargo xtask` and plain `cargo`.
    pub(crate) fn cargo() -> Self {
        let mut run = Self::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        "cargo".clone_into(&mut run.shown);
        run.without(is_set_for_us)
    }

    /// Leaves out the inherited variables with such names.
    pub(crate) fn without(mut self, unwanted: impl Fn(&str) -> bool) -> Self {
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(&unwanted) {
                self.command.env_remove(name);
            }
        }
        self
    }

    /// Returns a run of the `cargo` of another toolchain, which has its own libraries and compiler.
    pub(crate) fn cargo_at(program: &Path) -> Self {
        let mut run = Self::new(program);
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| is_set_for_us(name) || is_of_our_toolchain(name)) {
                run.command.env_remove(name);
            }
        }
        run
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        let arg = arg.as_ref();
        self.shown = format!("{} {}", self.shown, from_root(arg));
        self.command.arg(arg);
        self
    }

    pub(crate) fn args<A: AsRef<OsStr>>(self, args: impl IntoIterator<Item = A>) -> Self {
        args.into_iter().fold(self, Self::arg)
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        let value = value.as_ref();
        self.shown = format!("{name}={} {}", from_root(value), self.shown);
        self.command.env(name, value);
        self
    }

    /// Sets a variable whose value is not printed.
    pub(crate) fn secret_env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn in_dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Sets a time limit. A child that exceeds it is ended, and the run fails.
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Returns the command, to be started otherwise. It has no time limit.
    pub(crate) fn into_command(self) -> Command {
        self.command
    }

    /// Prints the command, runs it with our output, and fails if it fails.
    pub(crate) fn go(mut self) -> Result<()> {
        println!("   $ {}", self.shown);
        let began = Instant::now();
        let child = self.command.spawn().with_context(|| format!("cannot start `{}`", self.shown))?;
        let status = wait(child, self.limit).with_context(|| format!("`{}`", self.shown))?;
        if !status.success() {
            bail!("`{}` failed: {status}", self.shown);
        }
        let time = began.elapsed();
        if time >= WORTH_SAYING {
            println!("   ({:.1} s)", time.as_secs_f64());
        }
        Ok(())
    }

    /// Runs it quietly, with its output in a file, and fails with the end of that output.
    pub(crate) fn logged(mut self, log: &Path) -> Result<()> {
        let file = fs::File::create(log).with_context(|| log.display().to_string())?;
        self.command.stdout(file.try_clone()?).stderr(file);
        let child = self.command.spawn().with_context(|| format!("cannot start `{}`", self.shown))?;
        match wait(child, self.limit).with_context(|| format!("`{}`", self.shown)) {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => bail!("`{}` failed: {status}\n{}", self.shown, end_of(log)),
            Err(error) => Err(error.context(end_of(log))),
        }
    }

    /// Runs it quietly, and returns its output whether it succeeded or not.
    pub(crate) fn output(mut self) -> Result<Output> {
        self.command.output().with_context(|| format!("cannot start `{}`", self.shown))
    }
}

/// Returns whether a program of this name can be started.
pub(crate) fn has_program(name: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|dir| dir.join(name).is_file())
}

/// Shortens a path inside the checkout to a relative one.
fn from_root(text: &OsStr) -> Cow<'_, str> {
    Path::new(text).strip_prefix(workspace::root()).map_or(text, Path::as_os_str).to_string_lossy()
}

/// Returns whether cargo set this variable for the program, as opposed to the user.
fn is_set_for_us(name: &str) -> bool {
    name.starts_with("CARGO_PKG_")
        || name.starts_with("CARGO_MANIFEST_")
        || matches!(name, "CARGO_BIN_NAME" | "CARGO_CRATE_NAME" | "CARGO_PRIMARY_PACKAGE" | "OUT_DIR")
}

/// Returns whether rustup or cargo set this variable for programs of the toolchain that runs this one.
fn is_of_our_toolchain(name: &str) -> bool {
    matches!(name, "CARGO" | "LD_LIBRARY_PATH" | "RUSTC" | "RUSTDOC" | "RUSTUP_TOOLCHAIN" | "RUSTFLAGS")
}

/// Returns the last lines of a file, for an error.
fn end_of(log: &Path) -> String {
    let said = fs::read(log).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<&str> = said.lines().collect();
    let from = lines.len().saturating_sub(MOST_LINES);
    lines.iter().skip(from).map(|line| format!("   | {line}\n")).collect()
}

fn wait(mut child: Child, limit: Option<Duration>) -> Result<ExitStatus> {
    let Some(limit) = limit else { return Ok(child.wait()?) };
    if let Some(status) = wait_until(&mut child, Instant::now() + limit)? {
        return Ok(status);
    }
    // SIGTERM first, so that the child can end its own children. `std` can only kill.
    let _ = Command::new("kill").arg(child.id().to_string()).status();
    if wait_until(&mut child, Instant::now() + GRACE)?.is_none() {
        child.kill()?;
        child.wait()?;
    }
    bail!("was still running after {} s and has been ended", limit.as_secs())
}

fn wait_until(child: &mut Child, end: Instant) -> Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= end {
            return Ok(None);
        }
        thread::sleep(GLANCE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_is_an_error_that_names_it() {
        let error = Run::new("sh").args(["-c", "exit 3"]).go().unwrap_err();
        assert!(error.to_string().contains("sh -c exit 3"), "{error}");
        assert!(error.to_string().contains('3'), "{error}");
    }

    #[test]
    fn a_command_past_its_limit_is_ended() {
        let start = Instant::now();
        let error = Run::new("sleep").arg("30").limit(Duration::from_millis(100)).go().unwrap_err();
        assert!(format!("{error:#}").contains("still running"), "{error:#}");
        assert!(start.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_logged_command_that_fails_shows_the_end_of_what_it_said() {
        let log = std::env::temp_dir().join(format!("logged-{}", std::process::id()));
        let error = Run::new("sh").args(["-c", "seq 500; echo why >&2; exit 3"]).logged(&log).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("   | 500\n   | why\n") && !text.contains("| 380\n"), "{text}");
        Run::new("sh").args(["-c", "echo fine"]).logged(&log).unwrap();
        assert_eq!(fs::read_to_string(&log).unwrap(), "fine\n");
        fs::remove_file(log).unwrap();
    }

    #[test]
    fn a_command_has_no_standard_input_to_wait_for() {
        Run::new("cat").limit(Duration::from_secs(20)).go().unwrap();
    }

    #[test]
    fn cargos_settings_stay_and_its_description_of_us_goes() {
        assert!(is_set_for_us("CARGO_PKG_VERSION_MAJOR"));
        assert!(is_set_for_us("CARGO_MANIFEST_DIR"));
        assert!(!is_set_for_us("CARGO_TARGET_DIR"));
        assert!(!is_set_for_us("CARGO_HOME"));
    }
}

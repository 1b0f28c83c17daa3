//! Steps in a second process, beside those of this one.
//!
//! Half of the time of the tests is spent waiting for intervals and time-outs, and the compiler can use it. A step that
//! builds in a directory of its own waits for no lock of another step.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;

use anyhow::{Context as _, Result};

use crate::workspace;

/// The flag that makes a process end with its standard input.
pub(crate) const FLAG: &str = "--beside";

/// The variable with a program that runs the compiler.
const WRAPPER: &str = "RUSTC_WRAPPER";

/// A process that runs steps. It ends when this value is dropped, or with this process.
pub(super) struct Beside {
    child: Child,
    /// The process lives as long as this end of its standard input.
    input: Option<ChildStdin>,
    log: PathBuf,
}

impl Beside {
    /// Starts the steps of these names, with their output in a file.
    pub(super) fn start(names: &[&str]) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        if std::env::var_os(WRAPPER).is_none() {
            // Compilers give way to the tests beside them, which measure time.
            command.env(WRAPPER, "nice");
        }
        command.args(["test", FLAG]).args(names.iter().flat_map(|name| ["--only", *name]));
        Self::of(command, workspace::target_dir()?.join("beside.log"))
    }

    fn of(mut command: Command, log: PathBuf) -> Result<Self> {
        let output = File::create(&log).with_context(|| log.display().to_string())?;
        // A group of its own, so that all of its children can be ended with it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.stdin(Stdio::piped()).stdout(output.try_clone()?).stderr(output);
        let mut child = command.spawn().context("cannot start the steps beside the others")?;
        // `Child::wait` would close it.
        let input = child.stdin.take();
        Ok(Self { child, input, log })
    }

    /// Returns whether it ended with a failure already.
    pub(super) fn has_failed(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some_and(|status| !status.success()))
    }

    /// Waits for its end, prints what it said, and returns both.
    pub(super) fn end(mut self) -> Result<(ExitStatus, String)> {
        let status = self.child.wait()?;
        let said = String::from_utf8_lossy(&fs::read(&self.log)?).into_owned();
        print!("{said}");
        Ok((status, said))
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        drop(self.input.take());
        _ = self.child.wait();
        _ = fs::remove_file(&self.log);
    }
}

/// Ends this process and its group when its standard input ends.
pub(crate) fn end_with_input() {
    thread::spawn(|| {
        _ = io::stdin().read_to_end(&mut Vec::new());
        // The shell's number 0 is its own group.
        _ = Command::new("sh").args(["-c", "kill -TERM 0"]).status();
    });
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::time::{Duration, Instant};

    use super::*;

    fn log(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("beside-{name}-{}", std::process::id()))
    }

    fn shell(script: &str, name: &str) -> Beside {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Beside::of(command, log(name)).unwrap()
    }

    #[test]
    fn a_process_runs_while_its_input_is_open_and_its_status_is_returned() {
        let (ended, said) = shell("sleep 0.1; echo done; exit 3", "status").end().unwrap();
        assert_eq!((ended.code(), said.as_str()), (Some(3), "done\n"));
        assert!(!log("status").exists());
    }

    #[test]
    fn an_early_failure_is_seen_and_a_success_is_none() {
        let mut fails = shell("exit 3", "fails");
        let mut passes = shell("exit 0", "passes");
        let begun = Instant::now();
        while !fails.has_failed().unwrap() {
            assert!(begun.elapsed() < Duration::from_secs(20));
            thread::sleep(Duration::from_millis(5));
        }
        assert!(passes.child.wait().unwrap().success());
        assert!(!passes.has_failed().unwrap());
    }

    /// The other process of this test is this program again, with one test and a variable.
    #[test]
    fn a_process_ends_with_its_children_when_its_input_ends() {
        const CHILD: &str = "XTASK_TEST_ENDS_WITH_ITS_INPUT";
        if let Some(file) = std::env::var_os(CHILD) {
            end_with_input();
            let mut child = Command::new("sleep").arg("60").spawn().unwrap();
            fs::write(file, child.id().to_string()).unwrap();
            child.wait().unwrap();
            return;
        }
        let (file, begun) = (log("child"), Instant::now());
        let mut command = Command::new(std::env::current_exe().unwrap());
        let name = "steps::beside::tests::a_process_ends_with_its_children_when_its_input_ends";
        command.args(["--exact", name]).env(CHILD, &file);
        let mut beside = Beside::of(command, log("input")).unwrap();
        while fs::read_to_string(&file).map_or(true, |id| id.is_empty()) {
            assert!(begun.elapsed() < Duration::from_secs(20));
            thread::sleep(Duration::from_millis(5));
        }
        drop(beside.input.take());
        assert_eq!(beside.child.wait().unwrap().signal(), Some(15));
        let id = fs::read_to_string(&file).unwrap();
        fs::remove_file(&file).unwrap();
        // A process that has ended may stay as a zombie, until the first process of the system takes notice.
        let runs = || {
            let said = Command::new("ps").args(["-o", "stat=", "-p", &id]).output().unwrap();
            !matches!(said.stdout.trim_ascii().first(), None | Some(b'Z'))
        };
        while runs() && begun.elapsed() < Duration::from_secs(20) {
            thread::sleep(Duration::from_millis(5));
        }
        assert!(!runs(), "process {id} goes on");
    }
}

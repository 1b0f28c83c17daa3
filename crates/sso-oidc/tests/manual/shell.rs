//! A shell that runs the commands of one chapter, one after the other, in a directory of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The time limit of one command.
const LIMIT: Duration = Duration::from_secs(120);
/// The time between SIGTERM and SIGKILL at the end.
const GRACE: Duration = Duration::from_secs(5);
/// The mark after the output of a command, before its exit code.
const MARK: &str = "=-=-= exit code";

/// The programs that a command may need beside ours and those of every system, each with a command that prints its
/// path. The one on the path may be a wrapper that needs its user's home.
const INTERPRETERS: [(&str, &[&str]); 3] = [
    ("python3", &["python3", "-c", "import sys; print(sys.executable)"]),
    ("node", &["node", "-p", "process.execPath"]),
    ("curl", &["sh", "-c", "command -v curl"]),
];

/// What a command did.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) printed: Vec<String>,
}

pub(crate) struct Shell {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    pub(crate) dir: PathBuf,
    home: PathBuf,
    missing: Vec<&'static str>,
    _place: TempDir,
}

impl Shell {
    pub(crate) fn start() -> Self {
        let place = tempfile::tempdir().unwrap();
        let [home, programs, dir] = ["home", "programs", "chapter"].map(|name| {
            let path = place.path().join(name);
            std::fs::create_dir(&path).unwrap();
            path
        });
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_sso-oidc"), programs.join("sso-oidc")).unwrap();
        let missing = INTERPRETERS.iter().filter(|(name, ask)| !provide(name, ask, &programs));
        let missing = missing.map(|(name, _)| *name).collect();

        let mut child = Command::new("bash")
            .args(["--noprofile", "--norc"])
            .current_dir(&dir)
            .env_clear()
            .env("HOME", &home)
            .env("PATH", format!("{}:/usr/bin:/bin", programs.display()))
            .env("CHECKOUT", Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
            .env("LC_ALL", "C.UTF-8")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("bash");
        let mut input = child.stdin.take().unwrap();
        input.write_all(b"exec 2>&1\n").unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        Self { child, input: Some(input), lines, dir, home, missing, _place: place }
    }

    /// Returns what the chapter has put into the reader's own home directory.
    pub(crate) fn left_at_home(&self) -> Vec<PathBuf> {
        std::fs::read_dir(&self.home).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    /// Returns the program that the command needs and this machine lacks.
    pub(crate) fn lacks(&self, command: &str) -> Option<&'static str> {
        let words: Vec<&str> = command.split_whitespace().collect();
        self.missing.iter().find(|name| words.contains(name)).copied()
    }

    /// Runs a command to its end. `$?` is then its exit code for the next one.
    ///
    /// # Errors
    ///
    /// It took too long, or ended the shell. The text has what it printed so far.
    pub(crate) fn run(&mut self, command: &str) -> Result<Ended, String> {
        let input = self.input.as_mut().expect("the shell runs");
        let line = format!(
            "{{ {command}\n}} </dev/null; code=$?; printf '\\n%s %s\\n' '{MARK}' $code; (exit $code)\n"
        );
        input.write_all(line.as_bytes()).and_then(|()| input.flush()).map_err(|error| error.to_string())?;
        let mut printed: Vec<String> = Vec::new();
        let end = Instant::now() + LIMIT;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => match line.strip_prefix(MARK) {
                    Some(code) => return Ok(Ended { code: code.trim().parse().unwrap(), printed }),
                    None => printed.push(line),
                },
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("still running after {LIMIT:?}: {printed:#?}"));
                }
                Err(RecvTimeoutError::Disconnected) => return Err(format!("the shell ended: {printed:#?}")),
            }
        }
    }

    /// Sends a signal to the shell and all that it has started.
    fn signal(&self, name: &str) {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-s", name, "--", &group]).stderr(Stdio::null()).status();
    }
}

/// Ends what the chapter has started.
impl Drop for Shell {
    fn drop(&mut self) {
        self.input = None;
        self.signal("TERM");
        let end = Instant::now() + GRACE;
        // The pipe closes with the last program that has it.
        while Instant::now() < end
            && self.lines.recv_timeout(Duration::from_millis(100)) != Err(RecvTimeoutError::Disconnected)
        {
        }
        self.signal("KILL");
        let _ = self.child.wait();
    }
}

/// Puts a program into the directory, and returns whether this machine has it.
fn provide(name: &str, ask: &[&str], programs: &Path) -> bool {
    let Ok(said) = Command::new(ask[0]).args(&ask[1..]).output() else { return false };
    if !said.status.success() {
        return false;
    }
    let path = String::from_utf8(said.stdout).unwrap();
    let wrapper = programs.join(name);
    std::fs::write(&wrapper, format!("#!/bin/sh\nexec '{}' \"$@\"\n", path.trim_end())).unwrap();
    std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755)).unwrap();
    true
}

#[test]
fn a_shell_keeps_its_variables_files_and_exit_codes() {
    let mut shell = Shell::start();
    let mut run = |command: &str| {
        let ended = shell.run(command).unwrap();
        (ended.code, ended.printed.concat())
    };
    assert_eq!(run("export A=1; cat"), (0, String::new()));
    assert_eq!(run("echo $A > a; cat a; echo b >&2; false"), (1, "1b".to_owned()));
    assert_eq!(run("echo $?"), (0, "1".to_owned()));
    assert_eq!(run("cat <<'END'\nx $A\nEND"), (0, "x $A".to_owned()));
    assert!(run("sso-oidc --version").1.starts_with("sso-oidc "));
}

#[test]
fn what_a_chapter_leaves_running_is_ended() {
    let mut shell = Shell::start();
    shell.run("sso-oidc serve --ready-file url > out & sso-oidc ready --ready-file url --wait 30s").unwrap();
    let url = std::fs::read_to_string(shell.dir.join("url")).unwrap();
    let address = url.trim().trim_start_matches("http://").to_owned();
    assert!(TcpStream::connect(&address).is_ok());
    let began = Instant::now();
    drop(shell);
    assert!(TcpStream::connect(&address).is_err() && began.elapsed() < GRACE);
}

#[test]
fn a_command_that_ends_the_shell_is_an_error() {
    assert!(Shell::start().run("echo last; exit").err().expect("no exit code").contains("last"));
}

//! Commands of the user that the program starts, and their exit codes.

use std::ffi::OsStr;
use std::io;
#[cfg(windows)]
use std::path::PathBuf;
use std::process::{Command, ExitCode, ExitStatus};

use crate::exit::{Exit, Failure};

/// Returns the file of a command that the user named.
#[cfg(not(windows))]
pub(crate) const fn program(name: &OsStr) -> &OsStr {
    name
}

/// Returns the file of a command that the user named. Windows itself completes a name with `.exe` alone, and `npm`,
/// `cdk` and `sam` are `.cmd`. This takes each ending of `PATHEXT` that can be started, as its shells do.
///
/// It is not meant for a command whose arguments come from a server: a file `.cmd` is run by a shell.
#[cfg(windows)]
pub(crate) fn program(name: &OsStr) -> PathBuf {
    let starts = |path: &PathBuf| {
        let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default();
        ["exe", "com", "cmd", "bat"].iter().any(|known| ending.eq_ignore_ascii_case(known))
    };
    let found = which::which_all(name).ok().and_then(|mut found| found.find(starts));
    found.unwrap_or_else(|| name.into())
}

/// Returns the failure for a command that does not start, with the exit code of shells. A path through a file leads to
/// no command either.
pub(crate) fn not_started(program: &OsStr, error: &io::Error) -> Failure {
    let exit = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Exit::NotFound,
        _ => Exit::CannotRun,
    };
    Failure::new(exit, format_args!("cannot start {}: {error}", program.to_string_lossy()))
}

/// Returns the exit code that passes on how a command ended: its own, or 128 and the number of the signal that ended
/// it, as in shells.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    ExitCode::from(number(status))
}

/// Returns that exit code as a number.
pub(crate) fn number(status: ExitStatus) -> u8 {
    match status.code() {
        // A code of Windows that does not fit is still a failure.
        Some(code) => u8::try_from(code).unwrap_or(1),
        None => 128_u8.saturating_add(signal(status)),
    }
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    status.signal().and_then(|signal| u8::try_from(signal).ok()).unwrap_or_default()
}

#[cfg(not(unix))]
const fn signal(_: ExitStatus) -> u8 {
    0
}

/// Makes a command the leader of a process group of its own, for [`kill_group`]. Windows has no such groups.
///
/// A command before a terminal should stay in our group: only the group in the foreground may read from the terminal,
/// and gets its Ctrl-C.
#[cfg(unix)]
pub(crate) fn lead_group(command: &mut Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

#[cfg(not(unix))]
pub(crate) const fn lead_group(_: &mut Command) {}

/// Kills all processes of the group that this process leads, or has led. On Windows it does nothing.
#[cfg(unix)]
pub(crate) fn kill_group(leader: u32) {
    if let Some(group) = i32::try_from(leader).ok().and_then(rustix::process::Pid::from_raw) {
        // Fails only if no process of it is left.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

#[cfg(not(unix))]
pub(crate) const fn kill_group(_: u32) {}

/// Returns whether this process has a terminal, whatever its standard streams are.
#[cfg(unix)]
pub(crate) fn has_terminal() -> bool {
    std::fs::File::open("/dev/tty").is_ok()
}

#[cfg(not(unix))]
pub(crate) const fn has_terminal() -> bool {
    true
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn an_exit_code_is_passed_on_and_a_signal_is_128_and_its_number() {
        for (raw, code) in [(0, 0), (3 << 8, 3), (255 << 8, 255), (15, 143), (2, 130), (9, 137)] {
            assert_eq!(number(ExitStatus::from_raw(raw)), code, "{raw}");
        }
    }

    #[test]
    fn a_command_that_does_not_start_has_the_exit_code_of_shells() {
        let exit = |kind: io::ErrorKind| not_started(OsStr::new("x"), &kind.into()).exit();
        assert_eq!(exit(io::ErrorKind::NotFound), Exit::NotFound);
        assert_eq!(exit(io::ErrorKind::NotADirectory), Exit::NotFound);
        assert_eq!(exit(io::ErrorKind::PermissionDenied), Exit::CannotRun);
    }
}

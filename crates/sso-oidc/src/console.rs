//! The terminal. A console of Windows shows colours and erases lines once it is told to. An old one never does.
//!
//! The terminals of MSYS and Cygwin, such as that of Git Bash, are no consoles. A program has a pipe there, and the
//! standard library knows it by its name. They understand escape sequences, and need not be told.

use std::io::IsTerminal;
#[cfg(not(windows))]
use std::os::fd::AsFd as Stream;
#[cfg(windows)]
use std::os::windows::io::AsHandle as Stream;

/// Returns whether a stream is a terminal that understands escape sequences.
pub(crate) fn takes_escapes(stream: &(impl IsTerminal + Stream)) -> bool {
    stream.is_terminal() && understands_escapes(stream)
}

/// Returns whether a person can press single keys before this terminal, such as arrows. MSYS and Cygwin pass on lines.
#[cfg(windows)]
pub(crate) fn has_keys(terminal: &impl Stream) -> bool {
    is_console(terminal)
}

#[cfg(not(windows))]
pub(crate) const fn has_keys(_: &impl Stream) -> bool {
    true
}

#[cfg(windows)]
fn understands_escapes(terminal: &impl Stream) -> bool {
    !is_console(terminal) || switched_on()
}

#[cfg(not(windows))]
const fn understands_escapes(_: &impl Stream) -> bool {
    true
}

/// Only a console tells its size.
#[cfg(windows)]
fn is_console(terminal: &impl Stream) -> bool {
    terminal_size::terminal_size_of(terminal).is_some()
}

/// Switches the console of this process to escape sequences. Both standard output and standard error have to be a
/// console for that; otherwise messages have no colour, and their lines stay.
#[cfg(windows)]
fn switched_on() -> bool {
    anstyle_query::windows::enable_ansi_colors() == Some(true)
}

#[cfg(all(test, windows))]
mod tests {
    use std::fs::File;

    use tokio::net::windows::named_pipe::ServerOptions;

    use super::*;

    /// The tests have no console: their output is a file or a pipe.
    #[test]
    fn what_is_no_console_takes_no_escapes() {
        if std::io::stdout().is_terminal() {
            return;
        }
        assert!(!switched_on() && !takes_escapes(&std::io::stdout()));
    }

    #[test]
    fn the_pipe_to_a_terminal_of_git_bash_takes_escapes_but_has_no_keys_and_another_pipe_is_no_terminal() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let _entered = runtime.enter();
        let id = std::process::id();
        for (name, expected) in [
            (format!("msys-{id:016x}-pty0-to-master"), true),
            (format!("cygwin-{id:016x}-pty3-to-master-nat"), true),
            (format!("msys-{id:016x}-1-pipe"), false),
            (format!("other-{id:016x}-pty0"), false),
        ] {
            let path = format!(r"\\.\pipe\{name}");
            let _terminal = ServerOptions::new().first_pipe_instance(true).create(&path).unwrap();
            let stream = File::options().write(true).open(&path).unwrap();
            assert_eq!(takes_escapes(&stream), expected, "{name}");
            assert!(!has_keys(&stream), "{name}");
        }
    }
}

//! The terminal. A console of Windows shows colours and erases lines once it is told to. An old one never does.

use std::io::IsTerminal;

/// Returns whether a stream is a terminal that understands escape sequences.
pub(crate) fn takes_escapes(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && switched_on()
}

/// Switches the console of this process to escape sequences. Both standard output and standard error have to be a
/// console for that; otherwise messages have no colour, and their lines stay.
#[cfg(windows)]
fn switched_on() -> bool {
    anstyle_query::windows::enable_ansi_colors() == Some(true)
}

#[cfg(not(windows))]
const fn switched_on() -> bool {
    true
}

#[cfg(all(test, windows))]
mod tests {
    use super::*;

    /// The tests have no console: their output is a file or a pipe.
    #[test]
    fn what_is_no_console_takes_no_escapes() {
        if std::io::stdout().is_terminal() {
            return;
        }
        assert!(!switched_on() && !takes_escapes(&std::io::stdout()));
    }
}

//! The capabilities of standard error.

use std::io::IsTerminal as _;

use terminal_size::terminal_size_of;

use crate::console::takes_escapes;
use crate::environment::Environment;
use crate::settings::Settings;

/// The usual width of a terminal.
const USUAL_WIDTH: usize = 80;

/// The capabilities of standard error, where all messages of a sign-in go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Screen {
    /// Whether a person may be before it.
    pub(crate) has_reader: bool,
    /// Whether it is such a terminal with cursor control.
    pub(crate) is_live: bool,
    /// Whether it shows block characters.
    pub(crate) has_unicode: bool,
    /// The columns and rows; zero if unknown.
    pub(crate) size: (usize, usize),
    /// Whether to use colour.
    pub(crate) colored: bool,
}

impl Screen {
    /// Returns the screen of this process, with the colour setting.
    pub(crate) fn of(settings: &Settings) -> Self {
        Self::of_process(settings.environment(), settings.colored(takes_escapes(&std::io::stderr())))
    }

    fn of_process(environment: &Environment, colored: bool) -> Self {
        let stderr = std::io::stderr();
        let size =
            terminal_size_of(&stderr).map_or((0, 0), |(width, height)| (width.0.into(), height.0.into()));
        let screen = Self::new(environment, stderr.is_terminal(), size, colored);
        Self { is_live: screen.is_live && takes_escapes(&stderr), ..screen }
    }

    /// Returns the terminal's current columns, or the usual width if unknown.
    pub(super) fn columns_now(self) -> usize {
        let width = terminal_size_of(std::io::stderr()).map_or(self.size.0, |(width, _)| width.0.into());
        if width == 0 { USUAL_WIDTH } else { width }
    }

    fn new(environment: &Environment, is_terminal: bool, size: (usize, usize), colored: bool) -> Self {
        let is_dumb = environment.get("TERM") == Some("dumb") || environment.get("CI").is_some();
        // POSIX's order of precedence.
        let locale =
            environment.first(&["LC_ALL", "LC_CTYPE", "LANG"]).unwrap_or_default().to_ascii_lowercase();
        let has_unicode =
            cfg!(any(windows, target_os = "macos")) || locale.contains("utf-8") || locale.contains("utf8");
        let has_reader = is_terminal && !is_dumb;
        Self { has_reader, is_live: has_reader, has_unicode, size, colored }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_is_live_only_with_a_person_before_it() {
        let screen = |variables: &[(&str, &str)], is_terminal| {
            let mut all = [("A", "a"); 2];
            all[..variables.len()].copy_from_slice(variables);
            Screen::new(&Environment::from(all), is_terminal, (80, 24), true)
        };
        assert!(screen(&[], true).is_live);
        assert!(!screen(&[], false).is_live);
        assert!(!screen(&[("CI", "true")], true).is_live);
        assert!(!screen(&[("TERM", "dumb")], true).is_live);
        assert!(screen(&[("LANG", "de_DE.UTF-8")], true).has_unicode);
        if cfg!(target_os = "linux") {
            assert!(!screen(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")], true).has_unicode);
        }
    }
}

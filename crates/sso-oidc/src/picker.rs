//! The choice of one item by a person before the terminal.

use std::io::{self, IsTerminal as _};

use dialoguer::FuzzySelect;
use dialoguer::console::Term;
use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};
use oidc_proto::printable;

use crate::console::has_keys;
use crate::exit::{Exit, Failure};
use crate::settings::Settings;
use crate::signin::Screen;

/// Asks a person to choose one of the items, and returns its position. `None` if there is no person who can: without a
/// terminal that passes keys on, in CI, or with `--no-input`.
///
/// # Errors
/// The person gave up.
pub(crate) fn pick(what: &str, items: &[String], settings: &Settings) -> Result<Option<usize>, Failure> {
    let screen = Screen::of(settings);
    let has_person = screen.is_live && has_keys(&io::stderr()) && io::stdin().is_terminal();
    if settings.globals().no_input || !has_person || items.is_empty() {
        return Ok(None);
    }
    let (colorful, simple) = (ColorfulTheme::default(), SimpleTheme);
    let theme: &dyn Theme = if screen.colored { &colorful } else { &simple };
    let items: Vec<_> = items.iter().map(|item| printable(item)).collect();
    // The prompt, a line for the filter, and a rest of what was there before.
    let rows = screen.size.1.saturating_sub(4).max(3);
    let picked = FuzzySelect::with_theme(theme)
        .with_prompt(format!("{what} (type to filter, Enter to choose, Esc to give up)"))
        .items(&items)
        .default(0)
        .max_length(rows)
        .highlight_matches(screen.colored)
        .interact_on_opt(&Term::stderr());
    match picked {
        Ok(Some(position)) => Ok(Some(position)),
        Ok(None) => Err(given_up()),
        Err(dialoguer::Error::IO(error)) if error.kind() == io::ErrorKind::Interrupted => Err(given_up()),
        Err(dialoguer::Error::IO(error)) => {
            Err(Failure::other(format_args!("cannot read from the terminal: {error}")))
        }
    }
}

fn given_up() -> Failure {
    Failure::new(Exit::Interrupted, "Nothing was chosen")
}

//! `status`: who is signed in, and for how long. It sends nothing, takes no lock and changes no file.

mod report;
mod sessions;
mod state;

use clap::Args;

use self::sessions::Session;
use self::state::State;
use crate::exit::{Exit, Failure, print_data, warn};
use crate::login::now;
use crate::output::{Rehearsal, columns, terminal_width};
use crate::settings::Settings;
use crate::stored::{self, SessionArgs};

/// The flags of `status`.
#[derive(Args, Debug)]
#[command(after_help = "\
It lists the sessions and portals of the config file, and the stored tokens that none of them explains. With \
--sso-session, --start-url or --profile it shows that session only. With --output or --query it prints the members \
sessionName, startUrl, region, state, expiresAt, registrationExpiresAt, refreshable, section, configFile, tokenFile \
and problem of each of `sessions`.

State        Exit code  Meaning
valid        0          valid for more than 15 minutes
refreshable  0          expired, or about to: `token` and `refresh` renew it, and ask no person
expiring     3          valid for at most 15 minutes, and cannot be refreshed
expired      4          expired, and cannot be refreshed
signedOut    5          no token is stored
invalid      5          the token file is corrupt or unreadable

Without a named session, the exit code is that of the best session, or 5 if there is none.")]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    session: SessionArgs,
}

/// Runs `status`. The exit code is the session's state.
///
/// # Errors
/// The named session does not exist, or the directory of the cache is unreadable.
pub(crate) fn run(args: &StatusArgs, settings: &Settings) -> Result<Exit, Failure> {
    let globals = settings.globals();
    let printer = match globals.output.is_some() || globals.query.is_some() {
        true => Some(settings.printer()?),
        false => None,
    };
    let named = args.session.identity(settings)?;
    settings.files().warn_of_unread();
    let cache = stored::cache(settings)?;
    let sessions = match &named {
        Some(identity) => vec![Session::of(identity, &cache, settings)],
        None => Session::all(&cache, settings)?,
    };
    for problem in sessions.iter().filter_map(Session::problem) {
        warn(problem);
    }
    let now = now();
    match printer {
        Some(printer) => {
            let document = report::document(&sessions, now);
            printer.rehearse(&Rehearsal::new(document.clone(), |_| false))?;
            printer.print("Status", &document)?;
        }
        None if sessions.is_empty() => {
            warn("the config file has no session, and no token is stored; sign in with `sso-oidc login`");
        }
        None => {
            let home = settings.environment().home();
            let rows = report::rows(&sessions, now, home.as_deref());
            print_data(&columns(report::HEADERS, &rows, terminal_width()))?;
        }
    }
    let best = sessions.iter().map(|session| session.state(now)).min();
    Ok(best.unwrap_or(State::SignedOut).exit())
}

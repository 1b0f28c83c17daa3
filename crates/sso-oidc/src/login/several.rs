//! `login` to several sessions: one sign-in after the other, each as if it were the only one.

use super::ctrl_c::CtrlC;
use super::{LoginArgs, say, sign_in};
use crate::exit::{Exit, Failure};
use crate::settings::Settings;
use crate::signin::Events;

/// Returns the sessions that the flags name, each once, if they may be several.
///
/// # Errors
/// The config file has no session, or another flag goes with one session only.
pub(super) fn names<'a>(
    args: &'a LoginArgs,
    settings: &'a Settings,
) -> Result<Option<Vec<&'a str>>, Failure> {
    let mut names: Vec<&str> = Vec::new();
    let all = settings.config().session_names().filter(|_| args.all);
    for name in args.sso_session.iter().map(String::as_str).chain(all) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if args.all && names.is_empty() {
        let failure = Failure::config("The config file has no [sso-session]")
            .with_hint("add one with `sso-oidc configure session`, or pass --start-url");
        return Err(settings.files().lacking(failure));
    }
    if !args.all && names.len() < 2 {
        return Ok(None);
    }
    if settings.globals().region.is_some() {
        return Err(Failure::usage("--region goes with one session")
            .with_hint("each session has its `sso_region` in the config file"));
    }
    if args.show_token && settings.globals().output != Some(crate::output::Format::Ndjson) {
        return Err(Failure::usage("--show-token goes with one session, or with --output ndjson")
            .with_hint("the events name the session of each token"));
    }
    Ok(Some(names))
}

/// Signs in to each session. One that fails does not stop the others. Ctrl-C does: the person wants to end the command.
///
/// # Errors
/// A sign-in has failed. The exit code is that of the first, or that of Ctrl-C.
pub(super) fn run(names: &[&str], args: &LoginArgs, settings: &Settings) -> Result<(), Failure> {
    let ctrl_c = CtrlC::default();
    let events = Events::of(settings.globals().output);
    let mut first: Option<Exit> = None;
    let mut good = 0_usize;
    let mut lines = Vec::new();
    for (index, name) in names.iter().enumerate() {
        if first == Some(Exit::Interrupted) || ctrl_c.handle.is_cancelled() {
            lines.push(format!("{name}: not tried"));
            continue;
        }
        say(format_args!("Session {name} ({} of {}):", index + 1, names.len()));
        let events = events.of_session(name);
        let ended = sign_in(args, Some(name), settings, events, &ctrl_c);
        ctrl_c.end_of_one();
        lines.push(match ended {
            Ok(done) => {
                good += 1;
                format!("{name}: {}", done.words())
            }
            Err(failure) => {
                events.failed(&failure);
                failure.report(settings.colored(crate::console::takes_escapes(&std::io::stderr())));
                // Ctrl-C ends the command, whatever failed before.
                if first.is_none() || failure.exit() == Exit::Interrupted {
                    first = Some(failure.exit());
                }
                format!("{name}: failed, with exit code {}", failure.exit() as u8)
            }
        });
    }
    for line in &lines {
        say(line);
    }
    let Some(exit) = first else {
        say(match names {
            [_] => "The session is signed in.".to_owned(),
            _ => format!("All {} sessions are signed in.", names.len()),
        });
        return Ok(());
    };
    Err(Failure::new(exit, format_args!("{good} of {} sessions are signed in", names.len())))
}

//! `token` and `refresh`: a session that stays signed in. No person is asked.

use clap::Args;
use device_flow::Session;
use oidc_proto::{Operation, Token};

use super::say;
use super::store::now;
use super::stored::{StoredArgs, usable};
use crate::exit::{Failure, print_data};
use crate::operations::{rehearsed_printer, token_document};
use crate::settings::Settings;

/// The flags of `token`.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Without --output and --query it prints the bare token, for a shell: TOKEN=$(sso-oidc token). A token that is still \
valid is printed with a warning if it cannot be refreshed.")]
pub(crate) struct TokenArgs {
    #[command(flatten)]
    stored: StoredArgs,
}

/// The flags of `refresh`.
#[derive(Args, Debug)]
pub(crate) struct RefreshArgs {
    #[command(flatten)]
    stored: StoredArgs,

    /// Refresh the token even if it is valid for longer
    #[arg(long)]
    force: bool,
}

/// Runs `token`.
///
/// # Errors
/// The configuration is wrong, or there is no token to print.
pub(crate) fn token(args: &TokenArgs, settings: &Settings) -> Result<(), Failure> {
    let globals = settings.globals();
    let printer = match globals.output.is_some() || globals.query.is_some() {
        true => Some(rehearsed_printer(Operation::CreateToken, settings)?),
        false => None,
    };
    let print = |session: &Session| match &printer {
        None => print_data(&format!("{}\n", session.token.access_token.expose())),
        Some(printer) => {
            let left = session.expires_at.map(|end| end.remaining_at(now()));
            // The refresh token was not asked for.
            let mut token = Token::bearer(session.token.access_token.clone(), left.unwrap_or_default());
            token.expires_in = left;
            printer.print("CreateToken", &token_document(&token))
        }
    };
    args.stored.with_files(settings, |files| {
        let (session, stored) = usable(files, false)?;
        // The service gives the token only once, so it is printed even if it cannot be stored.
        print(&session).and(stored)
    })
}

/// Runs `refresh`.
///
/// # Errors
/// The configuration is wrong, or the token was not refreshed although that is due.
pub(crate) fn refresh(args: &RefreshArgs, settings: &Settings) -> Result<(), Failure> {
    args.stored.with_files(settings, |files| {
        let usable = match files.renew(files.policy().with_forced(args.force))? {
            Ok(usable) => usable,
            Err(end) => return Err(files.failure(*end)),
        };
        let kept = files.have(&usable.session);
        if usable.warning.is_some() {
            let failure = files.call_failure(usable.warning, usable.cause);
            return Err(failure.with_detail(format_args!("The stored token is valid for {}.", kept.good_for)));
        }
        let (good_for, path) = (kept.good_for, files.path());
        let whose = files.whose();
        match usable.refreshed {
            true => say(format_args!(
                "Refreshed the token for {whose}; it is valid for {good_for} and is stored in {path}."
            )),
            false if args.force => say(format_args!(
                "Another process has just refreshed the token for {whose}; it is valid for {good_for} and is stored in {path}."
            )),
            false => say(format_args!(
                "The token for {whose} is valid for {good_for} and is stored in {path}; --force refreshes it now."
            )),
        }
        Ok(())
    })
}

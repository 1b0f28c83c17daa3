//! `token` and `refresh`: a session that stays signed in. No person is asked.

use std::time::Duration;

use clap::Args;
use device_flow::Session;
use device_flow::renewal::RenewalOutcome;
use oidc_proto::{Operation, Token};

use super::portal::{Named, Which};
use super::refresh::{Files, Renewer};
use super::store::{Store, now};
use super::{cancelled_by_ctrl_c, say};
use crate::exit::{Failure, print_data, warn};
use crate::operations::{rehearsed_printer, token_document};
use crate::service;
use crate::settings::Settings;

/// The flags that name a stored token.
#[derive(Args, Debug)]
pub(crate) struct StoredArgs {
    /// The start URL of the portal, as in `login` [profile: sso_start_url]
    #[arg(long, value_name = "URL")]
    start_url: Option<String>,

    /// The token of this [sso-session NAME] section of the config file
    #[arg(long, value_name = "NAME", conflicts_with = "start_url")]
    sso_session: Option<String>,

    /// Seconds to wait for another refresh or sign-in
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    lock_timeout: u64,
}

/// The flags of `token`.
#[derive(Args, Debug)]
#[command(after_help = "\
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

impl StoredArgs {
    /// Runs a command with the files of the portal.
    ///
    /// # Errors
    /// The flags or the configuration are wrong, or the command fails.
    fn with_files(
        &self,
        settings: &Settings,
        run: impl FnOnce(&Files<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let (start_url, sso_session) = (self.start_url.as_deref(), self.sso_session.as_deref());
        let named = Named::of(&Which { start_url, sso_session, scopes: &[] }, settings)?;
        let portal = named.resolve(settings)?;
        let place = portal.place(settings)?;
        let mut store = Store::of(&portal, &place, settings)?;
        store.takes_unknown_scopes = true;
        let client = service::client_of(settings, place.endpoint)?;
        let ctrl_c = cancelled_by_ctrl_c();
        let renewer = Renewer { client: &client, settings, ctrl_c: &ctrl_c };
        store.warn_of_others();
        run(&Files::of(&store, &renewer, Duration::from_secs(self.lock_timeout)))
    }
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
        let mut end = match files.renew(files.policy())? {
            Ok(usable) => {
                files.warn_of(usable.warning, usable.cause);
                return print(&usable.session);
            }
            Err(end) => end,
        };
        match end.session.take() {
            // The service gives the token only once.
            Some(session) if end.outcome == RenewalOutcome::NotStored => {
                print(&session)?;
                Err(files.failure(*end))
            }
            Some(session) if end.is_alive && end.needs_sign_in() => {
                let good_for = files.have(&session).good_for;
                end.session = Some(session.clone());
                let why = files.why_not(*end).unwrap_or_default();
                let command = files.sign_in_command();
                warn(format_args!(
                    "this token is valid for {good_for} only: {why}; sign in with `{command}`"
                ));
                print(&session)
            }
            session => {
                end.session = session;
                Err(files.failure(*end))
            }
        }
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

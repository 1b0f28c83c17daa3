//! `configure session`: an `[sso-session]` of the config file.

use clap::Args;
use oidc_proto::{Endpoint, StartUrl};
use sso_cache::{Config, SectionName};

use crate::exit::Failure;
use crate::explain::shell_word;
use crate::login::say;
use crate::settings::Settings;

/// The scope of the portal API, with which the service gives a refresh token.
const DEFAULT_SCOPE: &str = "sso:account:access";

/// The flags of `configure session`. `--region` is the region of the session.
#[derive(Args, Debug)]
pub(super) struct SessionArgs {
    /// The session's name
    name: String,

    /// The start URL of the portal
    #[arg(long, value_name = "URL")]
    start_url: String,

    /// The scopes to request; a new session gets sso:account:access
    #[arg(long, value_name = "SCOPE", num_args = 1.., value_delimiter = ',')]
    scopes: Vec<String>,

    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs `configure session`.
///
/// # Errors
/// A value is invalid, or the file cannot be written.
pub(super) fn run(args: &SessionArgs, settings: &Settings) -> Result<(), Failure> {
    let start_url = StartUrl::parse(&args.start_url).map_err(Failure::usage)?;
    let region = settings.globals().region.as_deref().or_else(|| start_url.region());
    let region = region
        .ok_or_else(|| Failure::usage("the region of the session is missing").with_hint("pass --region"))?;
    Endpoint::for_region(region).map_err(Failure::usage)?;
    let section = SectionName::SsoSession(args.name.clone());
    super::edit(settings, args.dry_run, |document| {
        let has_scopes = Config::parse(document.as_str())
            .is_ok_and(|config| config.resolve_session(&args.name).is_ok_and(|found| found.scopes.is_some()));
        // The scopes of an existing session stay unless others are named.
        let scopes = match args.scopes.as_slice() {
            [] if has_scopes => None,
            [] => Some(DEFAULT_SCOPE.to_owned()),
            scopes => Some(scopes.join(",")),
        };
        let lines = [
            ("sso_start_url", Some(start_url.as_str())),
            ("sso_region", Some(region)),
            ("sso_registration_scopes", scopes.as_deref()),
        ];
        for (key, value) in lines {
            if let Some(value) = value {
                document.set(&section, key, value).map_err(Failure::usage)?;
            }
        }
        Ok(())
    })?;
    if !args.dry_run {
        say(format_args!("Sign in with `sso-oidc login --sso-session {}`.", shell_word(&args.name)));
    }
    Ok(())
}

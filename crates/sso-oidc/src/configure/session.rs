//! `configure session`: an `[sso-session]` of the config file.

use clap::Args;
use oidc_proto::{Endpoint, Partition, StartUrl};
use sso_cache::{Config, SectionName};

use crate::exit::{Failure, warn};
use crate::explain::shell_word;
use crate::login::{say, warn_of_another_partition};
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
    #[arg(
        long,
        visible_alias = "sso-registration-scopes",
        value_name = "SCOPE",
        num_args = 1..,
        value_delimiter = ',',
        value_parser = scope
    )]
    scopes: Vec<String>,

    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Checks a scope by the grammar of RFC 6749 §3.3.
///
/// # Errors
/// It is empty, or has a sign that no scope has, such as a blank.
fn scope(text: &str) -> Result<String, String> {
    const HINT: &str = "separate scopes with commas, as in --scopes sso:account:access,other:scope";
    let is_of_scope = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\');
    match text.chars().find(|c| !is_of_scope(*c)) {
        Some(odd) => Err(format!("a scope cannot have {odd:?}; {HINT}")),
        None if text.is_empty() => Err(format!("a scope is empty; {HINT}")),
        None => Ok(text.to_owned()),
    }
}

/// Checks the region of a portal.
///
/// # Errors
/// It is missing, or cannot be the name of a region.
fn region_of<'a>(start_url: &'a StartUrl, settings: &'a Settings) -> Result<&'a str, Failure> {
    let flag = settings.globals().region.as_deref();
    let region = flag
        .or_else(|| start_url.region())
        .ok_or_else(|| Failure::usage("the region of the session is missing").with_hint("pass --region"))?;
    Endpoint::for_region(region).map_err(Failure::usage)?;
    // None of these is an error: AWS may add a partition, or move a portal.
    if Partition::matching(region).is_none() {
        warn(format_args!("no known AWS region has a name like {region}; check --region"));
    }
    match start_url.region() {
        Some(own) if own != region => warn(format_args!(
            "--region is {region}, but the portal {start_url} is in {own}; if that is wrong, the sign-in will fail"
        )),
        _ => warn_of_another_partition(start_url, region),
    }
    Ok(region)
}

/// Runs `configure session`.
///
/// # Errors
/// A value is invalid, or the file cannot be written.
pub(super) fn run(args: &SessionArgs, settings: &Settings) -> Result<(), Failure> {
    let start_url = StartUrl::parse(&args.start_url).map_err(Failure::usage)?;
    if start_url.as_str() != args.start_url {
        warn(format_args!("--start-url has stray characters; the session gets {start_url}"));
    }
    let region = region_of(&start_url, settings)?;
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

//! The stored session that flags name, for commands that send nothing.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use oidc_proto::{StartUrl, UnixSeconds};
use sso_cache::{Cache, Identity, SsoSettings, format_time};

use crate::exit::{Failure, chain, warn};
use crate::login::{life, unresolved};
use crate::settings::Settings;

/// The flags that name one session. `--profile` is global.
#[derive(Args, Debug)]
pub(crate) struct SessionArgs {
    /// The session of this start URL
    #[arg(long, value_name = "URL")]
    start_url: Option<String>,

    /// The session of this [sso-session NAME] section of the config file
    #[arg(long, value_name = "NAME", conflicts_with = "start_url")]
    sso_session: Option<String>,
}

impl SessionArgs {
    /// Returns the key of the token file that the flags name: `--start-url` wins over `--sso-session`, and that over
    /// `--profile`. `None` without any. `AWS_PROFILE` names none, so that it does not hide the other sessions.
    ///
    /// # Errors
    /// The start URL is invalid, or AWS's files lack the session or the profile's portal.
    pub(crate) fn identity(&self, settings: &Settings) -> Result<Option<Identity>, Failure> {
        let config = settings.config();
        if let Some(url) = &self.start_url {
            let url = StartUrl::parse(url).map_err(Failure::config)?;
            return Ok(Some(Identity::StartUrl(url.to_string())));
        }
        if let Some(session) = &self.sso_session {
            let found = config.resolve_session(session).map_err(|error| unresolved(&error, settings))?;
            return Ok(Some(found.identity));
        }
        let Some(profile) = settings.globals().profile.as_deref() else { return Ok(None) };
        let source = config.sso_profile(profile).map_err(|error| unresolved(&error, settings))?;
        let Some(source) = source else {
            let failure = Failure::config(format_args!("the profile {profile} names no portal"));
            return Err(failure.with_hint("add `sso_session` to it, or pass --sso-session or --start-url"));
        };
        let found = config.resolve_sso(source).map_err(|error| unresolved(&error, settings))?;
        Ok(Some(identity_of(&found)))
    }
}

/// Returns the key under which a sign-in stores the token of this portal: without stray characters in a start URL.
pub(crate) fn identity_of(found: &SsoSettings) -> Identity {
    match (&found.identity, StartUrl::parse(&found.start_url)) {
        (Identity::StartUrl(_), Ok(url)) => Identity::StartUrl(url.to_string()),
        (identity, _) => identity.clone(),
    }
}

/// Returns the sessions and portals of the config file. A section that names no portal is a warning; the token of its
/// session is listed all the same.
pub(crate) fn configured(settings: &Settings) -> Vec<(Identity, Option<SsoSettings>)> {
    let config = settings.config();
    let sessions = config.session_names().map(|name| match config.resolve_session(name) {
        Ok(found) => (found.identity.clone(), Some(found)),
        Err(error) => {
            warn(chain(&error));
            (Identity::SessionName(name.to_owned()), None)
        }
    });
    let mut all: Vec<_> = sessions.collect();
    let is_legacy = |name: &&str| {
        config
            .profile(name)
            .is_some_and(|profile| profile.sso_session().is_none() && profile.sso_start_url().is_some())
    };
    for name in config.profile_names().filter(is_legacy) {
        match config.resolve_sso(name) {
            // Profiles with the same start URL share a token.
            Ok(found) if all.iter().any(|(identity, _)| *identity == identity_of(&found)) => {}
            Ok(found) => all.push((identity_of(&found), Some(found))),
            Err(error) => warn(chain(&error)),
        }
    }
    all
}

/// Returns the cache of AWS's tools.
///
/// # Errors
/// The home directory is unknown.
pub(crate) fn cache(settings: &Settings) -> Result<Cache, Failure> {
    let home = settings.environment().home().ok_or_else(|| {
        Failure::config("the home directory, which has the stored tokens, is unknown").with_hint("set HOME")
    })?;
    Ok(Cache::at(Cache::default_dir(&home)))
}

/// Formats an expiry for people: `55 min (2026-11-27T16:20:00Z)`, or `3 h ago (…)`.
pub(crate) fn until(end: UnixSeconds, now: UnixSeconds) -> String {
    let (left, past) = (end.remaining_at(now), now.remaining_at(end));
    let words = if left.is_zero() { format!("{} ago", span(past)) } else { span(left) };
    format!("{words} ({})", format_time(end))
}

/// `55 min`, `7 h 59 min`, `89 days`.
fn span(length: Duration) -> String {
    const DAY: u64 = 24 * 60 * 60;
    // Below two days the hours matter.
    match length.as_secs() / DAY {
        0 | 1 => life(length),
        days => format!("{days} days"),
    }
}

/// Formats a path for people, with `~` for the home directory.
pub(crate) fn short(path: &Path, home: Option<&Path>) -> String {
    match home.and_then(|home| path.strip_prefix(home).ok()) {
        Some(rest) => Path::new("~").join(rest).display().to_string(),
        None => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_rounded_and_has_its_time() {
        let now = UnixSeconds::new(1_700_000_000);
        let at = |seconds: i64| until(UnixSeconds::new(now.get() + seconds), now);
        assert_eq!(at(3290), "55 min (2023-11-14T23:08:10Z)");
        assert_eq!(at(28_800), "8 h (2023-11-15T06:13:20Z)");
        assert_eq!(at(90 * 86_400 - 5), "89 days (2024-02-12T22:13:15Z)");
        assert_eq!(at(0), "0 s ago (2023-11-14T22:13:20Z)");
        assert_eq!(at(-7200), "2 h ago (2023-11-14T20:13:20Z)");
    }

    #[test]
    fn a_path_below_the_home_directory_begins_with_a_tilde() {
        let home = Some(Path::new("/h/ada"));
        let config: std::path::PathBuf = ["/h/ada", ".aws", "config"].iter().collect();
        let expected = "~/.aws/config".replace('/', std::path::MAIN_SEPARATOR_STR);
        assert_eq!(short(&config, home), expected);
        assert_eq!(short(Path::new("/h/adam/x"), home), "/h/adam/x");
        assert_eq!(short(Path::new("/x"), None), "/x");
    }
}

//! The profile's name, and a profile that does not exist.

use sso_cache::Config;

use super::Settings;
use crate::exit::{Failure, warn};
use crate::explain::shell_word;

/// The variables that name the profile, in the AWS CLI's order.
pub(super) const PROFILE_VARIABLES: [&str; 2] = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"];
/// The profile that need not exist.
pub(super) const DEFAULT_PROFILE: &str = "default";

impl Settings {
    /// Returns what named the profile: the flag, a variable, or nothing.
    pub(crate) fn profile_named_by(&self) -> Option<&'static str> {
        match self.globals().profile.is_some() {
            true => Some("--profile"),
            false => self.environment().which(&PROFILE_VARIABLES),
        }
    }

    /// Returns the failure for a named profile that does not exist; `None` if it does, or none is named.
    pub(crate) fn missing_profile(&self) -> Option<Failure> {
        let is_missing = self.profile_name() != DEFAULT_PROFILE && self.profile().is_none();
        let failure = is_missing.then(|| no_such_profile(self.profile_name(), self.config()))?;
        Some(match self.profile_named_by().filter(|by| PROFILE_VARIABLES.contains(by)) {
            Some(variable) => failure.with_hint(format_args!("correct {variable}, or unset it")),
            None => failure,
        })
    }

    /// Checks that the named profile exists, for a command that reads its portal.
    ///
    /// # Errors
    /// It does not exist.
    pub(crate) fn require_profile(&self) -> Result<(), Failure> {
        self.missing_profile().map_or(Ok(()), |failure| Err(self.files().lacking(failure)))
    }

    /// Warns of a named profile that does not exist. The command goes on, because its flags name the portal. The AWS
    /// CLI fails even then.
    pub(crate) fn warn_of_missing_profile(&self) {
        if let Some(failure) = self.missing_profile() {
            let by = self.profile_named_by().unwrap_or_default();
            warn(format_args!("{}, from {by}; its settings are ignored", failure.message()));
        }
    }
}

/// Creates the failure for a missing profile, with the AWS CLI's message and exit code (255, not 253). The details
/// name the files and a session of the same name.
fn no_such_profile(name: &str, config: &Config) -> Failure {
    let failure = Failure::other(format_args!("The config profile ({name}) could not be found"))
        .with_detail(config.no_such_profile(name));
    match config.session_names().find(|session| *session == name) {
        Some(session) => failure.with_hint(format_args!(
            "an SSO session has this name; sign in to it with login --sso-session {}",
            shell_word(session)
        )),
        None => failure,
    }
}

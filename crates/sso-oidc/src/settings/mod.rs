//! The settings of this run. Flags win over the environment, the environment over the profile, as in the AWS CLI.

mod endpoint;
mod profile;

use std::cell::OnceCell;
use std::path::PathBuf;
use std::time::Duration;

use oidc_proto::StartUrl;
use sso_cache::{Config, Profile};

use self::profile::{DEFAULT_PROFILE, PROFILE_VARIABLES};
use crate::aws_files::AwsFiles;
use crate::console;
use crate::environment::Environment;
use crate::exit::Failure;
use crate::globals::{ColorChoice, Globals};
use crate::output::{Format, Printer, Query, Surroundings, terminal_width};
use crate::picker::pick;

/// The default timeout for a connection and for a response, as in AWS's tools.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// The timeout that stands for "no limit": one year, so that it can be added to a clock.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// The default number of attempts for a request, as in AWS's tools.
const DEFAULT_ATTEMPTS: u32 = 3;

/// Flags, environment and profile of this run. Each setting is resolved when it is needed, so `demo` and
/// `--generate-cli-skeleton` work without any.
pub(crate) struct Settings {
    globals: Globals,
    environment: Environment,
    files: AwsFiles,
    profile: String,
    /// The session that a person has chosen in this run.
    chosen_session: OnceCell<String>,
}

impl Settings {
    /// Loads the settings from these flags, the environment and AWS's files. The named profile need not exist; see
    /// [`Settings::require_profile`].
    pub(crate) fn load(globals: Globals, environment: Environment) -> Self {
        let files = AwsFiles::load(&environment);
        let asked = globals.profile.as_deref().or_else(|| environment.first(&PROFILE_VARIABLES));
        let profile = asked.unwrap_or(DEFAULT_PROFILE).to_owned();
        Self { globals, environment, files, profile, chosen_session: OnceCell::new() }
    }

    /// Creates the settings from flags and environment only, for a command that does not need AWS's config file and
    /// must not fail because of it.
    pub(crate) fn without_config(globals: Globals, environment: Environment) -> Self {
        Self {
            globals,
            environment,
            files: AwsFiles::default(),
            profile: DEFAULT_PROFILE.to_owned(),
            chosen_session: OnceCell::new(),
        }
    }

    /// Returns the session that is meant where neither a flag nor a profile names one: the only one in the config file,
    /// or that which a person chooses, who is asked once a run. `None` without a person or a session.
    ///
    /// With a profile that was named and is without a portal the only session would be a guess.
    ///
    /// # Errors
    /// The person gave up.
    pub(crate) fn choose_session(&self) -> Result<Option<&str>, Failure> {
        if self.chosen_session.get().is_none() {
            let sessions: Vec<String> = self.config().session_names().map(str::to_owned).collect();
            let chosen = match sessions.as_slice() {
                [_] if self.profile_named_by().is_none() => Some(0),
                _ => pick("Which session?", &sessions, self)?,
            };
            if let Some(session) = chosen.and_then(|chosen| sessions.into_iter().nth(chosen)) {
                let _ = self.chosen_session.set(session);
            }
        }
        Ok(self.chosen_session.get().map(String::as_str))
    }

    /// Returns the global flags.
    pub(crate) const fn globals(&self) -> &Globals {
        &self.globals
    }

    /// Returns the environment.
    pub(crate) const fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Returns the merged contents of AWS's files.
    pub(crate) const fn config(&self) -> &Config {
        self.files.config()
    }

    /// Returns AWS's files with their read errors.
    pub(crate) const fn files(&self) -> &AwsFiles {
        &self.files
    }

    /// Returns the profile's name, `default` unless another is set.
    pub(crate) fn profile_name(&self) -> &str {
        &self.profile
    }

    /// Returns the profile, if AWS's files have it.
    pub(crate) fn profile(&self) -> Option<Profile<'_>> {
        self.config().profile(&self.profile)
    }

    /// Returns the region: `--region`, `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's `region`, then the
    /// `sso_region` of the profile or its session. AWS's tools read `sso_region` for sign-ins only.
    pub(crate) fn region(&self) -> Option<String> {
        self.globals
            .region
            .as_deref()
            .or_else(|| self.environment.first(&["AWS_REGION", "AWS_DEFAULT_REGION"]))
            .or_else(|| self.profile().and_then(Profile::region))
            .or_else(|| self.profile().and_then(Profile::sso_region))
            .map(str::to_owned)
            .or_else(|| self.sso_region())
    }

    /// Returns the region of the user's own requests: `AWS_REGION`, `AWS_DEFAULT_REGION`, or the profile's `region`.
    pub(crate) fn workload_region(&self) -> Option<String> {
        let set = self.environment.first(&["AWS_REGION", "AWS_DEFAULT_REGION"]);
        set.or_else(|| self.profile().and_then(Profile::region)).map(str::to_owned)
    }

    /// Returns the region of the portal of the profile, or of its source profile.
    fn sso_region(&self) -> Option<String> {
        let profile = self.config().sso_profile(&self.profile).ok()??;
        let sso = self.config().resolve_sso(profile).ok()?;
        sso.region.or_else(|| StartUrl::parse(&sso.start_url).ok()?.region().map(str::to_owned))
    }

    /// Returns the region.
    ///
    /// # Errors
    /// No region is set. The hint names the places to set it.
    pub(crate) fn required_region(&self) -> Result<String, Failure> {
        self.region().ok_or_else(|| {
            let failure = Failure::config("You must specify a region").with_hint(
                "pass --region, set AWS_REGION, or add `region` to the profile in ~/.aws/config; or pass \
                 --endpoint-url",
            );
            self.files.lacking(failure)
        })
    }

    /// Returns the file or directory of trusted CA certificates: `--ca-bundle`, `AWS_CA_BUNDLE`, the profile's
    /// `ca_bundle`, then `REQUESTS_CA_BUNDLE`, as in botocore.
    pub(crate) fn ca_bundle(&self) -> Option<PathBuf> {
        self.globals
            .ca_bundle
            .clone()
            .or_else(|| self.environment.path("AWS_CA_BUNDLE").map(PathBuf::from))
            .or_else(|| self.profile().and_then(Profile::ca_bundle).map(PathBuf::from))
            .or_else(|| self.environment.path("REQUESTS_CA_BUNDLE").map(PathBuf::from))
    }

    /// Returns the timeout for a connection.
    pub(crate) fn connect_timeout(&self) -> Duration {
        timeout(self.globals.cli_connect_timeout)
    }

    /// Returns the timeout for a response.
    pub(crate) fn read_timeout(&self) -> Duration {
        timeout(self.globals.cli_read_timeout)
    }

    /// Returns the number of attempts for a request: `AWS_MAX_ATTEMPTS`, the profile's `max_attempts`, or three.
    pub(crate) fn max_attempts(&self) -> u32 {
        self.environment
            .get("AWS_MAX_ATTEMPTS")
            .or_else(|| self.profile().and_then(|profile| profile.text("max_attempts")))
            .and_then(|text| text.parse().ok())
            .filter(|attempts| *attempts > 0)
            .unwrap_or(DEFAULT_ATTEMPTS)
    }

    /// Returns the format of results: `--output`, `AWS_DEFAULT_OUTPUT`, the profile's `output`, or JSON.
    ///
    /// # Errors
    /// The configured format is unknown.
    pub(crate) fn format(&self) -> Result<Format, Failure> {
        if let Some(format) = self.globals.output {
            return Ok(format);
        }
        let (name, origin) = match self.environment.get("AWS_DEFAULT_OUTPUT") {
            Some(name) => (name, "AWS_DEFAULT_OUTPUT"),
            None => match self.profile().and_then(Profile::output) {
                Some(name) => (name, "the profile's `output`"),
                None => return Ok(Format::Json),
            },
        };
        <Format as clap::ValueEnum>::from_str(name, true).map_err(|_| {
            Failure::config(format_args!(
                "unknown output format {name} in {origin}; use json, text, table, yaml, yaml-stream, ndjson or off"
            ))
        })
    }

    /// Returns the compiled `--query`.
    ///
    /// # Errors
    /// The expression is not valid JMESPath.
    pub(crate) fn query(&self) -> Result<Option<Query>, Failure> {
        self.globals.query.as_deref().map(Query::compile).transpose()
    }

    /// Creates a printer of results. Commands call this before the first request, so that an invalid `--query` or
    /// format does not cost a token.
    ///
    /// # Errors
    /// See [`Settings::format`] and [`Settings::query`].
    pub(crate) fn printer(&self) -> Result<Printer, Failure> {
        Ok(Printer {
            format: self.format()?,
            query: self.query()?,
            surroundings: Surroundings {
                // The AWS CLI uses 80 columns without a terminal.
                width: terminal_width().unwrap_or(80),
                colored: self.colored(console::takes_escapes(&std::io::stdout())),
            },
        })
    }

    /// Returns whether to use colour on a stream.
    pub(crate) fn colored(&self, is_terminal: bool) -> bool {
        colored(self.globals.color, &self.environment, is_terminal)
    }
}

/// Returns whether to use colour: by the flag, else on a terminal unless `NO_COLOR` is set.
pub(crate) fn colored(choice: ColorChoice, environment: &Environment, is_terminal: bool) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            is_terminal && environment.get("NO_COLOR").is_none() && environment.get("TERM") != Some("dumb")
        }
    }
}

fn timeout(seconds: Option<u32>) -> Duration {
    match seconds {
        None => DEFAULT_TIMEOUT,
        Some(0) => FOR_EVER,
        Some(seconds) => Duration::from_secs(seconds.into()),
    }
}

/// Creates a configuration failure from an error and its sources.
fn config_failure(error: &dyn std::error::Error) -> Failure {
    Failure::config(crate::exit::chain(error))
}

#[cfg(test)]
mod tests;

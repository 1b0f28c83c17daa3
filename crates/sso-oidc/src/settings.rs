//! What holds for this run: a flag wins over the environment, the environment over the profile, as in the AWS CLI.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use oidc_proto::{Api, Endpoint, EndpointError, StartUrl, Variant};
use sso_cache::{Config, Profile};

use crate::aws_files::AwsFiles;
use crate::environment::Environment;
use crate::exit::{Failure, print_data};
use crate::globals::{ColorChoice, Globals};
use crate::output::{Document, Format, Query, Rehearsal, Surroundings};

/// AWS's tools wait this long for a connection, and for an answer.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// What "for ever" becomes, so that it can be added to a clock: a year.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// AWS's tools send a request three times in all.
const DEFAULT_ATTEMPTS: u32 = 3;

/// Flags, environment and profile of this run. Settings are looked up when they are needed, so that a command that
/// needs none (`demo`, `--generate-cli-skeleton`) works without any.
pub(crate) struct Settings {
    globals: Globals,
    environment: Environment,
    files: AwsFiles,
    profile: String,
}

impl Settings {
    /// The settings from these flags, the process's environment and AWS's files.
    ///
    /// # Errors
    /// The profile that was asked for does not exist.
    pub(crate) fn load(globals: Globals, environment: Environment) -> Result<Self, Failure> {
        let files = AwsFiles::load(&environment);
        let asked = globals
            .profile
            .as_deref()
            .or_else(|| environment.first(&["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]))
            .map(str::to_owned);
        if let Some(name) = &asked
            && name != "default"
            && files.config().profile(name).is_none()
        {
            return Err(files.lacking(no_such_profile(name, files.config())));
        }
        let profile = asked.unwrap_or_else(|| "default".to_owned());
        Ok(Self { globals, environment, files, profile })
    }

    /// The settings from these flags and the process's environment alone, for a command that has no use for AWS's config
    /// file: one that is broken, or that lacks a profile, is nothing to it.
    pub(crate) fn without_config(globals: Globals, environment: Environment) -> Self {
        Self { globals, environment, files: AwsFiles::default(), profile: "default".to_owned() }
    }

    /// The global flags as they were given.
    pub(crate) const fn globals(&self) -> &Globals {
        &self.globals
    }

    /// The environment.
    pub(crate) const fn environment(&self) -> &Environment {
        &self.environment
    }

    /// AWS's files, merged.
    pub(crate) const fn config(&self) -> &Config {
        self.files.config()
    }

    /// AWS's files, and whether they could be read.
    pub(crate) const fn files(&self) -> &AwsFiles {
        &self.files
    }

    /// The profile's name: `default` unless another was asked for.
    pub(crate) fn profile_name(&self) -> &str {
        &self.profile
    }

    /// The profile, if AWS's files have it.
    pub(crate) fn profile(&self) -> Option<Profile<'_>> {
        self.config().profile(&self.profile)
    }

    /// The region: `--region`, `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's `region`, and last the `sso_region`
    /// of the profile or of its session, which AWS's tools read for sign-ins only.
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

    /// The region of the portal that the profile, or the profile whose credentials it uses, is for.
    fn sso_region(&self) -> Option<String> {
        let profile = self.config().sso_profile(&self.profile).ok()??;
        let sso = self.config().resolve_sso(profile).ok()?;
        sso.region.or_else(|| StartUrl::parse(&sso.start_url).ok()?.region().map(str::to_owned))
    }

    /// The region, which must be known.
    ///
    /// # Errors
    /// A configuration failure that says where the region can be set.
    pub(crate) fn required_region(&self) -> Result<String, Failure> {
        self.region().ok_or_else(|| {
            let failure = Failure::config("You must specify a region")
                .with_hint("pass --region, set AWS_REGION, or add `region` to the profile in ~/.aws/config; or name another \
                     endpoint with --endpoint-url");
            self.files.lacking(failure)
        })
    }

    /// A custom endpoint: `--endpoint-url`, then, unless configured endpoints are to be ignored,
    /// `AWS_ENDPOINT_URL_SSO_OIDC`, `AWS_ENDPOINT_URL`, the profile's `services` section, its `endpoint_url`.
    ///
    /// # Errors
    /// The profile's `services` section does not exist, or a yes-or-no is neither.
    pub(crate) fn endpoint_url(&self) -> Result<Option<String>, Failure> {
        if let Some(url) = &self.globals.endpoint_url {
            return Ok(Some(url.clone()));
        }
        let profile = self.profile();
        let ignore = match self.environment.flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") {
            Some(ignore) => Some(ignore),
            None => match profile {
                Some(profile) => {
                    profile.ignore_configured_endpoint_urls().map_err(|error| config_failure(&error))?
                }
                None => None,
            },
        };
        if ignore == Some(true) {
            return Ok(None);
        }
        let from_environment = self.environment.first(&["AWS_ENDPOINT_URL_SSO_OIDC", "AWS_ENDPOINT_URL"]);
        if let Some(url) = from_environment {
            return Ok(Some(url.to_owned()));
        }
        let Some(profile) = profile else { return Ok(None) };
        let own = profile.service_endpoint("sso_oidc").map_err(|error| config_failure(&error))?;
        Ok(own.or_else(|| profile.endpoint_url()).map(str::to_owned))
    }

    /// Where requests go: the custom endpoint if there is one, else the region's.
    ///
    /// # Errors
    /// A configuration failure: neither is set, or the one that is set cannot be used.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, Failure> {
        if let Some(url) = self.endpoint_url()? {
            let endpoint = if self.globals.allow_insecure_http {
                Endpoint::allow_insecure_http(&url)
            } else {
                Endpoint::custom(&url)
            };
            return endpoint.map_err(|error| {
                let failure = Failure::config(&error);
                match error {
                    EndpointError::InsecureHttp(_) => {
                        failure.with_hint("--allow-insecure-http allows it, for test networks")
                    }
                    _ => failure,
                }
            });
        }
        Endpoint::regional(Api::SsoOidc, &self.required_region()?, self.variant()?).map_err(Failure::config)
    }

    /// What names the endpoint, or the kind of endpoint, beside the flags and the region: a variable or a setting that a person
    /// may have meant for another service. Nothing if nothing does.
    pub(crate) fn endpoint_named_by(&self) -> Option<String> {
        if self.globals.endpoint_url.is_some() {
            return None;
        }
        if self.endpoint_url().ok().flatten().is_some() {
            let variables = ["AWS_ENDPOINT_URL_SSO_OIDC", "AWS_ENDPOINT_URL"];
            let variable = variables.into_iter().find(|name| self.environment.first(&[*name]).is_some());
            return Some(variable.unwrap_or("`endpoint_url` in the AWS config file").to_owned());
        }
        let variant = self.variant().ok()?;
        let kinds = [
            (variant.fips, "AWS_USE_FIPS_ENDPOINT", "`use_fips_endpoint` in the AWS config file"),
            (
                variant.dual_stack,
                "AWS_USE_DUALSTACK_ENDPOINT",
                "`use_dualstack_endpoint` in the AWS config file",
            ),
        ];
        let named = kinds.into_iter().filter(|(is_on, ..)| *is_on).map(|(_, variable, setting)| {
            if self.environment.flag(variable).is_some() { variable } else { setting }
        });
        let named: Vec<_> = named.collect();
        (!named.is_empty()).then(|| named.join(" and "))
    }

    /// FIPS and dual-stack: `AWS_USE_FIPS_ENDPOINT`, `AWS_USE_DUALSTACK_ENDPOINT`, or the profile's settings of these
    /// names.
    ///
    /// # Errors
    /// A value in the profile is neither `true` nor `false`.
    pub(crate) fn variant(&self) -> Result<Variant, Failure> {
        let fips = match self.environment.flag("AWS_USE_FIPS_ENDPOINT") {
            Some(fips) => Some(fips),
            None => {
                self.profile().map_or(Ok(None), Profile::use_fips_endpoint).map_err(|e| config_failure(&e))?
            }
        };
        let mut variant = Variant::default();
        variant.fips = fips.unwrap_or(false);
        variant.dual_stack = self.dual_stack()?.unwrap_or(false);
        Ok(variant)
    }

    /// Whether the dual-stack endpoint is to be used, if anything says so.
    ///
    /// # Errors
    /// The value in the profile is neither `true` nor `false`.
    pub(crate) fn dual_stack(&self) -> Result<Option<bool>, Failure> {
        if let Some(dual_stack) = self.environment.flag("AWS_USE_DUALSTACK_ENDPOINT") {
            return Ok(Some(dual_stack));
        }
        self.profile().map_or(Ok(None), Profile::use_dualstack_endpoint).map_err(|e| config_failure(&e))
    }

    /// The file, or directory, of trusted certificate authorities: `--ca-bundle`, `AWS_CA_BUNDLE`, the profile's
    /// `ca_bundle`, and last `REQUESTS_CA_BUNDLE`, as in botocore.
    pub(crate) fn ca_bundle(&self) -> Option<PathBuf> {
        self.globals
            .ca_bundle
            .clone()
            .or_else(|| self.environment.path("AWS_CA_BUNDLE").map(PathBuf::from))
            .or_else(|| self.profile().and_then(Profile::ca_bundle).map(PathBuf::from))
            .or_else(|| self.environment.path("REQUESTS_CA_BUNDLE").map(PathBuf::from))
    }

    /// How long to wait for a connection.
    pub(crate) fn connect_timeout(&self) -> Duration {
        timeout(self.globals.cli_connect_timeout)
    }

    /// How long to wait for an answer.
    pub(crate) fn read_timeout(&self) -> Duration {
        timeout(self.globals.cli_read_timeout)
    }

    /// How often a request is sent in all before giving up: `AWS_MAX_ATTEMPTS`, the profile's `max_attempts`, or
    /// three times.
    pub(crate) fn max_attempts(&self) -> u32 {
        self.environment
            .get("AWS_MAX_ATTEMPTS")
            .or_else(|| self.profile().and_then(|profile| profile.text("max_attempts")))
            .and_then(|text| text.parse().ok())
            .filter(|attempts| *attempts > 0)
            .unwrap_or(DEFAULT_ATTEMPTS)
    }

    /// How results are printed: `--output`, `AWS_DEFAULT_OUTPUT`, the profile's `output`, or JSON.
    ///
    /// # Errors
    /// The configured format is none of ours.
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
                "unknown output format {name} in {origin}; use json, text, table, yaml, yaml-stream or off"
            ))
        })
    }

    /// What `--query` picks.
    ///
    /// # Errors
    /// The expression is not JMESPath.
    pub(crate) fn query(&self) -> Result<Option<Query>, Failure> {
        self.globals.query.as_deref().map(Query::compile).transpose()
    }

    /// A printer of results. Asking for it before anything is sent finds mistakes in `--query` and the format early,
    /// while nothing has been spent that cannot be had again.
    ///
    /// # Errors
    /// See [`Settings::format`] and [`Settings::query`].
    pub(crate) fn printer(&self) -> Result<Printer, Failure> {
        let width = terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
        Ok(Printer {
            format: self.format()?,
            query: self.query()?,
            surroundings: Surroundings {
                // 80 as in the AWS CLI, where there is no terminal.
                width: width.filter(|width| *width > 0).unwrap_or(80),
                colored: self.colored(std::io::stdout().is_terminal()),
            },
        })
    }

    /// Whether to use colour on a stream that is, or is not, a terminal.
    pub(crate) fn colored(&self, is_terminal: bool) -> bool {
        colored(self.globals.color, &self.environment, is_terminal)
    }
}

/// Whether to use colour: the flag, then `NO_COLOR`, then whether it is a terminal.
pub(crate) fn colored(choice: ColorChoice, environment: &Environment, is_terminal: bool) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            is_terminal && environment.get("NO_COLOR").is_none() && environment.get("TERM") != Some("dumb")
        }
    }
}

/// Prints results on standard output in the format that was asked for.
pub(crate) struct Printer {
    format: Format,
    query: Option<Query>,
    surroundings: Surroundings,
}

impl Printer {
    /// Applies the query to made-up results of the same form, before anything is sent, with every choice of the members
    /// that a result may lack: it must work on whatever comes.
    ///
    /// # Errors
    /// The query cannot be applied to results of this form.
    pub(crate) fn rehearse(&self, made_up: &Rehearsal) -> Result<(), Failure> {
        let Some(query) = &self.query else { return Ok(()) };
        query.search(&made_up.full)?;
        made_up.lesser.iter().try_for_each(|form| query.search(form).map(drop)).map_err(|failure| {
            failure.with_hint(
                "a result need not have every member; give those that it may lack a default, as in refreshToken || ''",
            )
        })
    }

    /// Prints what `--query` picks from the result, or all of it. `title` is what a table is headed with.
    ///
    /// # Errors
    /// The query cannot be applied to this result, which is then printed whole, because it may hold what cannot be had
    /// again; or standard output cannot be written to.
    pub(crate) fn print(&self, title: &str, result: &Document) -> Result<(), Failure> {
        let picked = self.query.as_ref().map(|query| query.search(result)).transpose();
        let shown = picked.as_ref().ok().and_then(Option::as_ref).unwrap_or(result);
        let printed = print_data(&self.format.render(shown, title, self.surroundings));
        match picked {
            Ok(_) => printed,
            Err(failure) => {
                printed?;
                Err(failure
                    .with_detail("The whole result was printed instead, so that nothing of it is lost."))
            }
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

/// The error with everything that caused it, on one line.
fn config_failure(error: &dyn std::error::Error) -> Failure {
    Failure::config(crate::exit::chain(error))
}

/// That there is no such profile, in the AWS CLI's words and with its exit code, which is not that of a configuration
/// error; then where it was looked for, and what was perhaps meant.
fn no_such_profile(name: &str, config: &Config) -> Failure {
    let failure = Failure::other(format_args!("The config profile ({name}) could not be found"))
        .with_detail(config.no_such_profile(name));
    match config.session_names().find(|session| *session == name) {
        Some(session) => failure.with_hint(format_args!(
            "there is an SSO session of this name; sign in to it with login --sso-session '{session}'"
        )),
        None => failure,
    }
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;

//! `configure`: sessions and profiles in the AWS config file, whose other lines stay as they are.

mod plan;
mod profiles;
mod session;
mod stale;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use similar::TextDiff;
use sso_cache::{Config, ConfigDocument, LoadError};

use crate::exit::{Failure, chain, print_data};
use crate::login::say;
use crate::settings::Settings;

/// The flags of `configure`.
#[derive(Args, Debug)]
pub(crate) struct ConfigureArgs {
    #[command(subcommand)]
    command: ConfigureCommand,
}

#[derive(Subcommand, Debug)]
enum ConfigureCommand {
    /// Add a session to the config file, or change it
    Session(session::SessionArgs),
    /// Add a profile for each account and role that you have
    Profiles(profiles::ProfilesArgs),
}

/// Runs `configure`.
///
/// # Errors
/// The config file cannot be read or written, or the portal fails.
pub(crate) fn run(args: &ConfigureArgs, settings: &Settings) -> Result<(), Failure> {
    match &args.command {
        ConfigureCommand::Session(args) => session::run(args, settings),
        ConfigureCommand::Profiles(args) => profiles::run(args, settings),
    }
}

/// Returns the profiles of the credentials file alone. If it cannot be read, they are unknown: the client of the
/// portal warns of that.
fn credentials(settings: &Settings) -> Config {
    let environment = settings.environment();
    let variable = |name: &str| environment.path(name).map(ToOwned::to_owned);
    let mut credentials = Config::default();
    if let Some(path) = Config::default_credentials_path(environment.home().as_deref(), variable) {
        let _warned_of = credentials.load_credentials(path);
    }
    credentials
}

/// The config file, as it was read and as it is to be.
struct Editor {
    path: PathBuf,
    before: String,
    document: ConfigDocument,
}

impl Editor {
    /// Reads the config file.
    ///
    /// # Errors
    /// Its path is unknown, or it cannot be read.
    fn open(settings: &Settings) -> Result<Self, Failure> {
        let environment = settings.environment();
        let variable = |name: &str| environment.path(name).map(ToOwned::to_owned);
        let path = Config::default_path(environment.home().as_deref(), variable)
            .ok_or_else(|| Failure::config("the home directory is unknown").with_hint("set HOME"))?;
        let document = ConfigDocument::load(&path).map_err(|error| {
            let failure = Failure::config(chain(&error));
            match error {
                LoadError::Read { .. } => failure,
                _ => failure.with_hint("correct that line; the file is not changed"),
            }
        })?;
        let before = document.as_str().to_owned();
        Ok(Self { path, before, document })
    }

    /// Saves the file, or prints what would change.
    ///
    /// # Errors
    /// The file cannot be written, or was changed meanwhile.
    fn finish(&self, dry_run: bool) -> Result<(), Failure> {
        let path = self.path.display();
        if self.document.as_str() == self.before {
            say(format_args!("{path} needs no change."));
            return Ok(());
        }
        if dry_run {
            let diff = TextDiff::from_lines(self.before.as_str(), self.document.as_str());
            let (old, new) = (path.to_string(), format!("{path} (new)"));
            return print_data(&diff.unified_diff().header(&old, &new).to_string());
        }
        let backup = self.document.save(&self.path, &self.before).map_err(|error| {
            Failure::other(chain(&error)).with_hint("the file is as it was; run the command again")
        })?;
        match backup {
            Some(backup) => say(format_args!("Saved {path}; the old text is in {}.", backup.display())),
            None => say(format_args!("Created {path}.")),
        }
        Ok(())
    }
}

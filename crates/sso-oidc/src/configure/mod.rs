//! `configure`: sessions and profiles in the AWS config file, whose other lines stay as they are.

mod plan;
mod profiles;
mod session;
mod stale;
mod template;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use similar::TextDiff;
use sso_cache::{Config, ConfigDocument, LoadError, SaveError};

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

/// How often the edits are made at most.
const ATTEMPTS: usize = 10;

/// Edits the config file, and saves it or prints what would change. If another program changes the file meanwhile, the
/// edits are made again, to the new text.
///
/// # Errors
/// The file's path is unknown, it cannot be read, edited or written, or it was changed at each attempt.
fn edit<T>(
    settings: &Settings,
    dry_run: bool,
    mut edits: impl FnMut(&mut ConfigDocument) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let path = path(settings)?;
    let shown = path.display();
    let mut attempt = 0;
    loop {
        attempt += 1;
        let mut document = read(&path)?;
        let before = document.as_str().to_owned();
        let made = edits(&mut document)?;
        if document.as_str() == before {
            say(format_args!("{shown} needs no change."));
            return Ok(made);
        }
        if dry_run {
            let diff = TextDiff::from_lines(before.as_str(), document.as_str());
            let (old, new) = (shown.to_string(), format!("{shown} (new)"));
            print_data(&diff.unified_diff().header(&old, &new).to_string())?;
            return Ok(made);
        }
        match document.save(&path, &before) {
            Ok(Some(backup)) => say(format_args!("Saved {shown}; the old text is in {}.", backup.display())),
            Ok(None) => say(format_args!("Created {shown}.")),
            Err(SaveError::Changed { .. }) if attempt < ATTEMPTS => continue,
            Err(error) => return Err(unsaved(&error)),
        }
        return Ok(made);
    }
}

/// Returns the path of the config file.
fn path(settings: &Settings) -> Result<PathBuf, Failure> {
    let environment = settings.environment();
    let variable = |name: &str| environment.path(name).map(ToOwned::to_owned);
    Config::default_path(environment.home().as_deref(), variable)
        .ok_or_else(|| Failure::config("the home directory is unknown").with_hint("set HOME"))
}

/// Reads the config file.
fn read(path: &Path) -> Result<ConfigDocument, Failure> {
    ConfigDocument::load(path).map_err(|error| {
        let failure = Failure::config(chain(&error));
        match error {
            LoadError::Read { .. } => failure,
            _ => failure.with_hint("correct that line; the file is not changed"),
        }
    })
}

fn unsaved(error: &SaveError) -> Failure {
    let failure = Failure::other(chain(error));
    match error {
        SaveError::Changed { .. } | SaveError::Locked { .. } => {
            failure.with_hint("the file is as the other program has left it; run the command again")
        }
        _ => failure.with_detail("The file is as it was."),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use sso_cache::SectionName;

    use super::*;
    use crate::environment::Environment;
    use crate::globals::Globals;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        globals: Globals,
    }

    /// Adds a profile while another program changes the file before each of these attempts. Returns the file.
    fn added(changes: usize) -> (Result<(), Failure>, String) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("config");
        let environment = Environment::from([("AWS_CONFIG_FILE", path.to_str().unwrap())]);
        let settings = Settings::without_config(Flags::parse_from(["x"]).globals, environment);
        std::fs::write(&path, "[default]\n").unwrap();
        let mut attempts = 0;
        let done = edit(&settings, false, |document| {
            if attempts < changes {
                std::fs::write(&path, format!("[default]\nregion = r{attempts}\n")).unwrap();
            }
            attempts += 1;
            document.set(&SectionName::Profile("a".to_owned()), "region", "new").map_err(Failure::usage)
        });
        (done, std::fs::read_to_string(&path).unwrap())
    }

    #[test]
    fn edits_are_made_again_to_a_file_that_was_changed_meanwhile() {
        let (done, text) = added(ATTEMPTS - 1);
        done.unwrap();
        assert_eq!(text, "[default]\nregion = r8\n\n[profile a]\nregion = new\n");
        let (done, text) = added(usize::MAX);
        let failure = done.unwrap_err();
        assert!(failure.message().ends_with("was changed meanwhile"), "{failure:?}");
        assert!(failure.details().concat().contains("run the command again"), "{failure:?}");
        assert_eq!(text, "[default]\nregion = r9\n");
    }

    #[test]
    fn only_another_programs_change_is_a_reason_to_run_the_command_again() {
        let path = Path::new("/config");
        let io = SaveError::Io { action: "write", path: path.into(), source: std::io::Error::other("full") };
        assert_eq!(unsaved(&io).details(), ["The file is as it was."]);
        let locked = unsaved(&SaveError::Locked { path: path.into() });
        assert!(locked.details().concat().contains("run the command again"));
    }
}

//! `~/.aws/config` and `~/.aws/credentials`, and the errors from reading them.

use sso_cache::Config;

use crate::environment::Environment;
use crate::exit::{Failure, chain, warn};

/// The contents of both files. An unreadable file counts as empty, and its error is kept.
#[derive(Default)]
pub(crate) struct AwsFiles {
    config: Config,
    /// The read errors, each with its file name.
    unread: Vec<String>,
}

impl AwsFiles {
    /// Reads the files at the paths that the environment gives.
    pub(crate) fn load(environment: &Environment) -> Self {
        let home = environment.home();
        let variable = |name: &str| environment.path(name).map(ToOwned::to_owned);
        let mut files = Self::default();
        if let Some(path) = Config::default_path(home.as_deref(), variable) {
            match Config::load(path) {
                Ok(config) => files.config = config,
                Err(error) => files.unread.push(chain(&error)),
            }
        }
        if let Some(path) = Config::default_credentials_path(home.as_deref(), variable)
            && let Err(error) = files.config.load_credentials(path)
        {
            files.unread.push(chain(&error));
        }
        files
    }

    /// Returns the settings of both files.
    pub(crate) const fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the read errors, each with its file name.
    pub(crate) fn unread(&self) -> &[String] {
        &self.unread
    }

    /// Adds the read errors as causes to a failure about a missing setting.
    pub(crate) fn lacking(&self, failure: Failure) -> Failure {
        self.unread.iter().rev().fold(failure, Failure::because)
    }

    /// Warns of each unreadable file. The command goes on without its settings.
    pub(crate) fn warn_of_unread(&self) {
        for reason in &self.unread {
            warn(format_args!("{reason}; its settings are ignored"));
        }
    }
}

#[cfg(test)]
impl From<Config> for AwsFiles {
    fn from(config: Config) -> Self {
        Self { config, unread: Vec::new() }
    }
}

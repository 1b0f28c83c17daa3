//! `~/.aws/config` and `~/.aws/credentials`, and what is to be said if one of them cannot be read.

use sso_cache::Config;

use crate::environment::Environment;
use crate::exit::{Failure, chain, warn};

/// The files' contents. One that cannot be read has none, which matters if something is missing then.
#[derive(Default)]
pub(crate) struct AwsFiles {
    config: Config,
    /// Why a file could not be read, with its name.
    unread: Vec<String>,
}

impl AwsFiles {
    /// Reads the files where the environment says they are.
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

    /// What the files say.
    pub(crate) const fn config(&self) -> &Config {
        &self.config
    }

    /// The failure that something is missing which a file may have: if one could not be read, that is the reason.
    pub(crate) fn lacking(&self, failure: Failure) -> Failure {
        self.unread.iter().rev().fold(failure, Failure::because)
    }

    /// Warns of the files that could not be read, for a run that does without them.
    pub(crate) fn warn_of_unread(&self) {
        for reason in &self.unread {
            warn(format_args!("{reason}; going on without the settings of this file"));
        }
    }
}

#[cfg(test)]
impl From<Config> for AwsFiles {
    fn from(config: Config) -> Self {
        Self { config, unread: Vec::new() }
    }
}

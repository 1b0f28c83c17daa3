//! The profiles of roles that a person does not have, and whether such a profile may go.

use core::fmt;
use std::collections::BTreeMap;
use std::path::PathBuf;

use sso_cache::{Config, Profile};

/// The keys that this program writes to a profile. A person or another tool has written any other.
const OWN_KEYS: [&str; 4] = ["sso_session", "sso_account_id", "sso_role_name", "region"];

/// The reason why the profile of a lost role stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Spared {
    /// AWS's tools use it wherever no profile is named.
    Default,
    /// It has a key that this program does not write.
    Key(String),
    /// Another profile takes its credentials (`source_profile`).
    SourceOf(String),
    /// The `credential_process` of another profile names it.
    CommandOf(String),
    /// It goes on in the credentials file, which this program does not edit.
    InCredentials(PathBuf),
    /// Without it, the indentation of the next header would make that one a value.
    Layout,
}

impl fmt::Display for Spared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("it is the default profile"),
            Self::Key(key) => write!(f, "it has `{key}`, which `configure profiles` does not write"),
            Self::SourceOf(name) => write!(f, "it is the source_profile of {name}"),
            Self::CommandOf(name) => write!(f, "the credential_process of {name} names it"),
            Self::InCredentials(path) => write!(f, "it is also in {}", path.display()),
            Self::Layout => f.write_str("the next section's header is indented"),
        }
    }
}

/// The profiles to which others refer, with the name of one that does.
#[derive(Default)]
pub(super) struct References<'a> {
    sources: BTreeMap<&'a str, &'a str>,
    /// The commands themselves, with the profile that has one.
    commands: Vec<(&'a str, &'a str)>,
}

impl<'a> References<'a> {
    /// Collects the references in these files.
    pub(super) fn of(files: [&'a Config; 2]) -> Self {
        let mut found = Self::default();
        let profiles =
            files.into_iter().flat_map(|file| file.profile_names().filter_map(|name| file.profile(name)));
        for profile in profiles {
            // A profile may name itself, which takes its own keys.
            if let Some(source) = profile.source_profile().filter(|source| *source != profile.name()) {
                found.sources.insert(source, profile.name());
            }
            found
                .commands
                .extend(profile.text("credential_process").map(|command| (command, profile.name())));
        }
        found
    }

    /// Returns why the profile of a lost role stays; `None` if it may go.
    pub(super) fn spare(&self, profile: Profile<'_>, credentials: &Config) -> Option<Spared> {
        let name = profile.name();
        if name == "default" {
            return Some(Spared::Default);
        }
        if let Some(key) = profile.keys().find(|key| !OWN_KEYS.contains(key)) {
            return Some(Spared::Key(key.to_owned()));
        }
        let source = self.sources.get(name).map(|by| Spared::SourceOf((*by).to_owned()));
        let command = || self.commands.iter().find(|(command, _)| names(command, name));
        source.or_else(|| command().map(|(_, by)| Spared::CommandOf((*by).to_owned()))).or_else(|| {
            let path = credentials.credentials_path().unwrap_or_else(|| "the credentials file".as_ref());
            credentials.profile(name).map(|_| Spared::InCredentials(path.to_owned()))
        })
    }
}

/// Returns whether a command has this name in it. Any place counts: the name follows `--profile` or `=`, is quoted, or
/// stands in a command of a shell.
fn names(command: &str, name: &str) -> bool {
    let is_of_name = |c: char| c.is_alphanumeric() || "_.@+-".contains(c);
    command.match_indices(name).any(|(start, _)| {
        let before = command.get(..start).and_then(|text| text.chars().next_back());
        let after = command.get(start + name.len()..).and_then(|text| text.chars().next());
        ![before, after].into_iter().flatten().any(is_of_name)
    })
}

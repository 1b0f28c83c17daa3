//! The names of sections, and how they are written.

use crate::config::syntax::Header;

/// The name of a section.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SectionName {
    /// `[profile NAME]`, or `[default]`.
    Profile(String),
    /// `[sso-session NAME]`.
    SsoSession(String),
}

impl SectionName {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Profile(name) | Self::SsoSession(name) => name,
        }
    }

    /// Returns the header of a new section.
    pub(super) fn header(&self) -> Header {
        match self {
            Self::Profile(name) if name == "default" => Header::Default,
            Self::Profile(name) => Header::Profile(name.clone()),
            Self::SsoSession(name) => Header::SsoSession(name.clone()),
        }
    }

    /// Returns the line of a new section's header, without its end.
    pub(super) fn line(&self) -> String {
        match self {
            Self::Profile(name) if name == "default" => "[default]".to_owned(),
            Self::Profile(name) => format!("[profile {}]", quoted(name)),
            Self::SsoSession(name) => format!("[sso-session {}]", quoted(name)),
        }
    }

    /// Returns whether AWS's tools agree on what the name is. Those in Python take more control characters for blanks,
    /// and some end the header at the first `]`.
    pub(super) fn is_portable(&self) -> bool {
        !self.name().contains(|c: char| c.is_control() || c == ']')
    }
}

/// Quotes a name with blanks or signs of the shell, by whose rules botocore reads it.
fn quoted(name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_.@:/+-".contains(c);
    if name.chars().all(is_plain) {
        name.to_owned()
    } else if name.contains('\'') {
        format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        format!("'{name}'")
    }
}

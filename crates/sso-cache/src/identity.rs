//! The identity of a token: the key of its file.

use sha1::{Digest, Sha1};

/// The key of a token's file: the name of its SSO session or, for a profile in the older format, its start
/// URL.
///
/// One name means one person: two people with the same session name on one machine share a token.
///
/// ```
/// let session = sso_cache::Identity::SessionName("corp".to_owned());
/// assert_eq!((session.as_str(), session.session_name()), ("corp", Some("corp")));
/// assert_eq!(session.file_name(), "ee0bfd2552fbd840c02cc48b6e823320543c450f.json");
///
/// let url = sso_cache::Identity::StartUrl("https://d-1.awsapps.com/start".to_owned());
/// assert_eq!((url.as_str(), url.session_name()), ("https://d-1.awsapps.com/start", None));
/// let key = session.registration_key(url.as_str(), "eu-west-1", None);
/// assert_eq!(key.session_name.as_deref(), Some("corp"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the two are all that AWS's tools know, and a caller shows each its way"
)]
pub enum Identity {
    /// The name of an `[sso-session]`.
    SessionName(String),
    /// A start URL exactly as written: `…/start` and `…/start/` are two identities.
    StartUrl(String),
}

impl Identity {
    /// Returns the name or URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::SessionName(text) | Self::StartUrl(text) => text,
        }
    }

    /// Returns the session's name, if it is one.
    #[must_use]
    pub fn session_name(&self) -> Option<&str> {
        match self {
            Self::SessionName(name) => Some(name),
            Self::StartUrl(_) => None,
        }
    }

    /// Returns the token file's name: the SHA-1 of the text in lowercase hexadecimal, and `.json`.
    #[must_use]
    pub fn file_name(&self) -> String {
        file_name(self.as_str())
    }
}

/// Returns `sha1hex(key).json`. AWS's tools chose this name; it protects nothing.
pub(crate) fn file_name(key: &str) -> String {
    use core::fmt::Write as _;
    let mut name = String::with_capacity(45);
    for byte in Sha1::digest(key.as_bytes()) {
        let _infallible = write!(name, "{byte:02x}");
    }
    name.push_str(".json");
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_file_is_named_by_the_sha1_of_its_session_or_start_url() {
        for (key, hash) in [
            ("admin", "d033e22ae348aeb5660fc2140aec35850c4da997"),
            ("dev-scopes", "75e4d41276d8bd17f85986fc6cccef29fd725ce3"),
            ("dev", "34c6fceca75e456f25e7e99531e2425c6c1de443"),
            ("test", "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3"),
            ("test-sso", "d12208e38164f558a1d06c99432ab77dbb346c45"),
            ("correct-sso", "29faa2f70ab0f58f60e284d585d95865572f5cbd"),
            ("my", "3ece1471f44f63177cbc35ba0b904e0c096b6783"),
            ("équipe", "e85e3a0d6d7c5e4114d817fccf50b403c11e9b7f"),
        ] {
            assert_eq!(Identity::SessionName(key.to_owned()).file_name(), format!("{hash}.json"), "{key}");
        }
        for (url, hash) in [
            ("https://d-abc123.awsapps.com/start", "40a89917e3175433e361b710a9d43528d7f1890a"),
            ("https://d-abc123.awsapps.com/start#/", "1d20e6889e22d083cdaba8ccfc0f15209544e0c0"),
            ("https://d-92671207e4.awsapps.com/start", "13f9d35043871d073ab260e020f0ffde092cb14b"),
            ("https://ssotest.awsapps.com/start", "dace00cba5f8355ec9d274ceb2bcebdfbeed0e12"),
            ("https://example.awsapps.com/start", "e8be5486177c5b5392bd9aa76563515b29358e6e"),
        ] {
            assert_eq!(Identity::StartUrl(url.to_owned()).file_name(), format!("{hash}.json"), "{url}");
        }
    }
}

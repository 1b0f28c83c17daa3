//! Suggestions for names that were not found.

use core::fmt;

use super::Config;
use super::syntax::File;

/// A section that AWS's tools do not find under the requested name, although the user probably meant it.
///
/// ```
/// let config = sso_cache::Config::parse("[work]\nregion = eu-west-1\n[sso-session My Corp]\n")?;
/// let near = config.near_miss_of_profile("work").ok_or("there is one")?;
/// let advice = "the AWS config, line 1, has [work], which is not a valid profile header; write [profile work]";
/// assert_eq!(near.to_string(), advice);
/// let near = config.near_miss_of_session("My Corp").ok_or("there is one")?;
/// assert_eq!(near.wanted, "sso-session \"My Corp\"");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NearMiss {
    /// The file.
    pub file: String,
    /// The line, counted from 1, if known.
    pub line: Option<usize>,
    /// The header as written, without its brackets.
    pub found: String,
    /// The header that AWS's tools would find.
    pub wanted: String,
    /// The kind of the section: `profile` or `SSO session`.
    pub kind: &'static str,
}

impl fmt::Display for NearMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, found, wanted, kind } = self;
        match line {
            Some(line) => {
                write!(
                    f,
                    "{file}, line {line}, has [{found}], which is not a valid {kind} header; write [{wanted}]"
                )
            }
            None => write!(f, "{file} has [{found}], not [{wanted}]"),
        }
    }
}

impl Config {
    /// Returns the section that a missing profile probably meant. It lacks the word `profile` or has it in
    /// the wrong place. Or a blank or a quotation mark splits its name, or the name differs in case.
    ///
    /// ```
    /// let config = sso_cache::Config::parse("[work]\nregion = eu-west-1\n")?;
    /// assert!(config.near_miss_of_profile("work").is_some_and(|near| near.wanted == "profile work"));
    /// assert!(config.near_miss_of_profile("play").is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn near_miss_of_profile(&self, name: &str) -> Option<NearMiss> {
        let wanted = if name == "default" { name.to_owned() } else { header("profile", name) };
        self.near_miss(name, "profile", &wanted).or_else(|| {
            let (found, section) =
                self.profiles.iter().find(|(other, _)| other.as_str() != name && is_near(name, other))?;
            let in_credentials = section.values().any(|property| property.file == File::Credentials);
            let (file, found, wanted) = if in_credentials {
                (self.credentials_origin(), found.clone(), name.to_owned())
            } else {
                (self.origin(), header("profile", found), wanted)
            };
            Some(NearMiss { file, line: None, found, wanted, kind: "profile" })
        })
    }

    /// Returns the section that a missing SSO session probably meant.
    ///
    /// ```
    /// let config = sso_cache::Config::parse("[sso-session Corp]\nsso_region = eu-west-1\n")?;
    /// assert!(config.near_miss_of_session("corp").is_some_and(|near| near.found == "sso-session Corp"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn near_miss_of_session(&self, name: &str) -> Option<NearMiss> {
        let wanted = header("sso-session", name);
        self.near_miss(name, "SSO session", &wanted).or_else(|| {
            let found = self.session_names().find(|other| *other != name && is_near(name, other))?;
            let found = header("sso-session", found);
            Some(NearMiss { file: self.origin(), line: None, found, wanted, kind: "SSO session" })
        })
    }

    /// Returns an ignored section whose header has this name.
    fn near_miss(&self, name: &str, kind: &'static str, wanted: &str) -> Option<NearMiss> {
        let (line, found) = self.unread.iter().find(|(_, found)| is_near(name, found))?;
        let (file, found, wanted) = (self.origin(), found.clone(), wanted.to_owned());
        Some(NearMiss { file, line: Some(*line), found, wanted, kind })
    }
}

/// Returns a header in the form that AWS's tools find.
fn header(kind: &str, name: &str) -> String {
    let is_plain = |c: char| !c.is_whitespace() && !matches!(c, '"' | '\'' | '\\');
    if !name.is_empty() && name.chars().all(is_plain) {
        return format!("{kind} {name}");
    }
    format!("{kind} \"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Returns whether a header, or a name, differs from this name only in case, quotes, blanks and the kind in
/// front.
fn is_near(name: &str, header: &str) -> bool {
    const KINDS: [&str; 5] = ["sso-session", "sso_session", "session", "profiles", "profile"];
    let (name, header) = (bare(name), bare(header));
    let without_kind = KINDS.iter().find_map(|kind| header.strip_prefix(kind));
    name == header || without_kind.is_some_and(|rest| rest.trim_start_matches([' ', ':', '.', '=']) == name)
}

fn bare(text: &str) -> String {
    let plain: String = text.chars().filter(|c| !matches!(c, '"' | '\'' | '\\')).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        let mut config = Config::parse(
            "[work]\n[profile Prod]\n[sso-session My Corp]\n[profile bob's]\n[sso-session Team]\n[profiles two]\n\
             [Profile three]\n[profile four words]\n[sso_session old]\n[plugins]\n",
        )
        .unwrap();
        config
            .merge_credentials("[profile keys]\naws_access_key_id = i\n[Caps]\naws_access_key_id = i\n")
            .unwrap();
        config
    }

    #[test]
    fn a_section_that_a_profile_was_perhaps_meant_to_be_is_named_with_what_it_must_be() {
        for (name, found, wanted) in [
            ("work", "work", "profile work"),
            ("prod", "profile Prod", "profile prod"),
            ("bob's", "profile bob's", "profile \"bob's\""),
            ("bobs", "profile bob's", "profile bobs"),
            ("two", "profiles two", "profile two"),
            ("three", "Profile three", "profile three"),
            ("four words", "profile four words", "profile \"four words\""),
            ("keys", "profile keys", "keys"),
            ("caps", "Caps", "caps"),
        ] {
            let near = config().near_miss_of_profile(name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!((near.found.as_str(), near.wanted.as_str()), (found, wanted), "{name}");
        }
        for name in ["plug", "worker", "", "four"] {
            assert_eq!(config().near_miss_of_profile(name), None, "{name}");
        }
        let keys = config().near_miss_of_profile("keys").unwrap().to_string();
        assert_eq!(keys, "the AWS credentials file has [profile keys], not [keys]");
    }

    #[test]
    fn a_section_that_a_session_was_perhaps_meant_to_be_is_named_by_the_error() {
        for (name, wanted) in [
            (
                "My Corp",
                "has [sso-session My Corp], which is not a valid SSO session header; write [sso-session \"My Corp\"]",
            ),
            ("team", "has [sso-session Team], not [sso-session team]"),
            (
                "old",
                "has [sso_session old], which is not a valid SSO session header; write [sso-session old]",
            ),
        ] {
            let error = config().resolve_session(name).unwrap_err().to_string();
            assert!(error.ends_with(wanted), "{error}");
        }
    }
}

//! `~/.aws/config`: profiles, SSO sessions and service endpoints, with the profiles of `~/.aws/credentials`.

mod credentials;
mod document;
mod near;
mod paths;
mod resolve;
mod save;
mod syntax;

use core::fmt;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

pub use document::{ConfigDocument, EditError, SectionName};
pub use near::NearMiss;
pub use resolve::{SettingsError, SsoSettings};
pub use save::SaveError;
pub use syntax::{Problem, SyntaxError};

use crate::patiently;
use syntax::{File, Header, Property, Section, Value};

/// A parsed AWS config file, with the profiles of a [shared credentials file](Config::load_credentials) if
/// loaded.
///
/// ```
/// use sso_cache::{Config, Identity};
///
/// let config = Config::parse(
///     "[profile work]\nsso_session = corp\n[sso-session corp]\nsso_region = eu-west-1\n\
///      sso_start_url = https://d-1234567890.awsapps.com/start\n",
/// )?;
/// let sso = config.resolve_sso("work")?;
/// assert_eq!(sso.identity, Identity::SessionName("corp".to_owned()));
/// assert_eq!(sso.required_region()?, "eu-west-1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// `Debug` names the sections and shows no value: AWS's tools also read `aws_secret_access_key` from this file.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Config {
    profiles: BTreeMap<String, Section>,
    sessions: BTreeMap<String, Section>,
    services: BTreeMap<String, Section>,
    /// The headers of the config file's ignored sections, with their lines.
    unread: Vec<(usize, String)>,
    /// The path of the config file, for error texts.
    path: Option<PathBuf>,
    /// The path of the credentials file.
    credentials_path: Option<PathBuf>,
}

/// The reason why a config or credentials file is unreadable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file exists and is unreadable.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file is not UTF-8.
    #[error("{}, line {line}: the file is not UTF-8", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The line with the first invalid byte, counted from 1.
        line: usize,
    },
    /// A line is not valid AWS config.
    #[error("{}, {source}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line and its error.
        source: SyntaxError,
    },
}

impl Config {
    /// Parses the text of an AWS config file. `[profile default]` and `[default]` are the same profile; if
    /// both exist, the former counts, as in the AWS SDKs.
    ///
    /// ```
    /// use sso_cache::Config;
    /// let config = Config::parse("[profile work]\nregion = eu-west-1\n[sso-session corp]\nsso_region = eu-west-1\n")?;
    /// assert!(config.profile_names().eq(["work"]));
    /// assert!(config.session_names().eq(["corp"]));
    /// assert_eq!(Config::parse("[profile work]\nregion\n").unwrap_err().line, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the first line that is not valid AWS config.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let parsed = syntax::parse(text, File::Config)?;
        let mut config = Self { unread: parsed.unread, ..Self::default() };
        // `Header::Default` sorts first, so `[profile default]` replaces it.
        for (header, section) in parsed.sections {
            match header {
                Header::Default => config.profiles.insert("default".to_owned(), section),
                Header::Profile(name) => config.profiles.insert(name, section),
                Header::SsoSession(name) => config.sessions.insert(name, section),
                Header::Services(name) => config.services.insert(name, section),
                Header::Other(_) => None,
            };
        }
        Ok(config)
    }

    /// Reads and parses a config file. A missing file is an empty config, as for AWS's tools.
    ///
    /// ```
    /// # use sso_cache::Config;
    /// # let dir = tempfile::tempdir()?;
    /// let path = dir.path().join("config");
    /// assert_eq!(Config::load(&path)?.profile_names().count(), 0);
    /// std::fs::write(&path, "[profile work]\nregion = eu-west-1\n")?;
    /// let config = Config::load(&path)?;
    /// assert_eq!(config.profile("work").and_then(|profile| profile.region()), Some("eu-west-1"));
    /// assert_eq!(config.path(), Some(path.as_path()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The file is unreadable, is not UTF-8, or has a line that is not valid AWS config.
    pub fn load(path: impl Into<PathBuf>) -> Result<Self, LoadError> {
        let path = path.into();
        match Self::parse(&read_text(&path)?) {
            Ok(config) => Ok(Self { path: Some(path), ..config }),
            Err(source) => Err(LoadError::Syntax { path, source }),
        }
    }

    /// Returns the profile of this name.
    #[must_use]
    pub fn profile(&self, name: &str) -> Option<Profile<'_>> {
        let (name, section) = self.profiles.get_key_value(name)?;
        Some(Profile { config: self, name, section })
    }

    /// Returns the names of all profiles, sorted.
    pub fn profile_names(&self) -> impl Iterator<Item = &str> {
        self.profiles.keys().map(String::as_str)
    }

    /// Returns the names of all SSO sessions, sorted.
    pub fn session_names(&self) -> impl Iterator<Item = &str> {
        self.sessions.keys().map(String::as_str)
    }

    /// Returns the file that [`Config::load`] read, whether or not it exists.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Returns the file's name for error texts.
    fn origin(&self) -> String {
        self.path.as_ref().map_or_else(|| "the AWS config".to_owned(), |path| path.display().to_string())
    }

    /// Returns the name of the file of a property.
    fn origin_of(&self, property: &Property) -> String {
        match property.file {
            File::Config => self.origin(),
            File::Credentials => self.credentials_origin(),
        }
    }

    /// Returns the files that contain profiles, for error texts.
    fn origins(&self) -> String {
        match &self.credentials_path {
            Some(path) => format!("{} or {}", self.origin(), path.display()),
            None => self.origin(),
        }
    }
}

/// Reads the text of a file. A missing file is empty.
fn read_text(path: &Path) -> Result<String, LoadError> {
    let bytes = match patiently(|| std::fs::read(path)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(source) => return Err(LoadError::Read { path: path.to_owned(), source }),
    };
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = syntax::lines(&String::from_utf8_lossy(valid)).count();
        LoadError::NotUtf8 { path: path.to_owned(), line }
    })
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("path", &self.path)
            .field("credentials_path", &self.credentials_path)
            .field("profiles", &self.profiles.keys())
            .field("sessions", &self.sessions.keys())
            .field("services", &self.services.keys())
            .finish_non_exhaustive()
    }
}

/// One profile of a [`Config`]. An empty value counts as absent. `Debug` shows its name and its keys, and no
/// value.
///
/// ```
/// let config = sso_cache::Config::parse(
///     "[profile work]\nregion = eu-west-1\noutput = json\nca_bundle = /etc/ca.pem\n\
///      endpoint_url = http://127.0.0.1:8080\n\
///      sso_start_url = https://d-1.awsapps.com/start\nsso_region = us-east-1\nsso_registration_scopes = a, b\n\
///      source_profile = keys\n",
/// )?;
/// let work = config.profile("work").ok_or("it is there")?;
/// assert_eq!((work.name(), work.region(), work.output()), ("work", Some("eu-west-1"), Some("json")));
/// assert_eq!((work.ca_bundle(), work.endpoint_url()), (Some("/etc/ca.pem"), Some("http://127.0.0.1:8080")));
/// assert_eq!((work.sso_session(), work.sso_region()), (None, Some("us-east-1")));
/// assert_eq!(work.sso_start_url(), Some("https://d-1.awsapps.com/start"));
/// assert_eq!(work.sso_registration_scopes(), Some(vec!["a".to_owned(), "b".to_owned()]));
/// assert_eq!((work.text("Region"), work.source_profile()), (work.region(), Some("keys")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Profile<'a> {
    config: &'a Config,
    name: &'a str,
    section: &'a Section,
}

impl<'a> Profile<'a> {
    /// Returns the profile's name.
    #[must_use]
    pub const fn name(self) -> &'a str {
        self.name
    }

    /// Returns the text of any property. Keys are case-insensitive.
    #[must_use]
    pub fn text(self, key: &str) -> Option<&'a str> {
        text(self.section, &key.to_lowercase())
    }

    /// Returns the keys of the profile's section, in lowercase.
    ///
    /// ```
    /// let config = sso_cache::Config::parse("[profile work]\nRegion = a\noutput = json\n")?;
    /// let work = config.profile("work").ok_or("it is there")?;
    /// assert_eq!(work.keys().collect::<Vec<_>>(), ["output", "region"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn keys(self) -> impl Iterator<Item = &'a str> {
        self.section.keys().map(String::as_str)
    }

    /// Returns `region`.
    #[must_use]
    pub fn region(self) -> Option<&'a str> {
        self.text("region")
    }

    /// Returns `output`: the format of AWS's command line.
    #[must_use]
    pub fn output(self) -> Option<&'a str> {
        self.text("output")
    }

    /// Returns `ca_bundle`: a file of trusted certificates.
    #[must_use]
    pub fn ca_bundle(self) -> Option<&'a str> {
        self.text("ca_bundle")
    }

    /// Returns `sso_session`: the name of an `[sso-session]`.
    #[must_use]
    pub fn sso_session(self) -> Option<&'a str> {
        self.text("sso_session")
    }

    /// Returns `source_profile`: the profile with the credentials of this one.
    #[must_use]
    pub fn source_profile(self) -> Option<&'a str> {
        self.text("source_profile")
    }

    /// Returns `sso_start_url` of the profile itself. Its session may have another one.
    #[must_use]
    pub fn sso_start_url(self) -> Option<&'a str> {
        self.text("sso_start_url")
    }

    /// Returns `sso_region` of the profile itself. Its session may have another one.
    #[must_use]
    pub fn sso_region(self) -> Option<&'a str> {
        self.text("sso_region")
    }

    /// Returns `sso_registration_scopes` of the profile itself: a comma-separated list without blanks and
    /// empty items. AWS's tools read it from sessions only.
    #[must_use]
    pub fn sso_registration_scopes(self) -> Option<Vec<String>> {
        self.section.contains_key(SCOPES).then(|| scopes(self.section)).flatten()
    }

    /// Returns `endpoint_url`: the endpoint of every service without its own.
    #[must_use]
    pub fn endpoint_url(self) -> Option<&'a str> {
        self.text("endpoint_url")
    }

    /// Returns the endpoint of a service in the profile's `services` section, by its id in the config file
    /// (`sso_oidc`, or `sso` for the portal). [`Profile::endpoint_url`] is the fallback.
    ///
    /// ```
    /// let config = sso_cache::Config::parse(
    ///     "[profile work]\nservices = local\n[services local]\nsso_oidc =\n  endpoint_url = http://127.0.0.1:8080\n",
    /// )?;
    /// let work = config.profile("work").ok_or("it is there")?;
    /// assert_eq!(work.service_endpoint("sso_oidc")?, Some("http://127.0.0.1:8080"));
    /// assert_eq!(work.service_endpoint("sso")?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The profile names a `[services]` section that does not exist.
    pub fn service_endpoint(self, service: &str) -> Result<Option<&'a str>, SettingsError> {
        let Some(name) = self.text("services") else { return Ok(None) };
        let Some(section) = self.config.services.get(name) else {
            return Err(SettingsError::NoSuchServices {
                services: name.to_owned(),
                profile: self.name.to_owned(),
                file: self.config.origin(),
            });
        };
        Ok(match section.get(&service.to_lowercase()) {
            Some(Property { value: Value::Nested(nested), .. }) => {
                nested.get("endpoint_url").map(String::as_str).filter(|url| !url.is_empty())
            }
            Some(_) | None => None,
        })
    }

    /// Returns `use_fips_endpoint`.
    ///
    /// ```
    /// let file = "[profile a]\nuse_fips_endpoint = true\n[profile b]\nuse_fips_endpoint = yes\n";
    /// let config = sso_cache::Config::parse(file)?;
    /// assert_eq!(config.profile("a").ok_or("there")?.use_fips_endpoint()?, Some(true));
    /// assert!(config.profile("b").ok_or("there")?.use_fips_endpoint().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The value is neither `true` nor `false`.
    pub fn use_fips_endpoint(self) -> Result<Option<bool>, SettingsError> {
        self.boolean("use_fips_endpoint")
    }

    /// Returns `use_dualstack_endpoint`.
    ///
    /// ```
    /// let config = sso_cache::Config::parse("[profile a]\nuse_dualstack_endpoint = false\n[profile b]\n")?;
    /// assert_eq!(config.profile("a").ok_or("there")?.use_dualstack_endpoint()?, Some(false));
    /// assert_eq!(config.profile("b").ok_or("there")?.use_dualstack_endpoint()?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The value is neither `true` nor `false`.
    pub fn use_dualstack_endpoint(self) -> Result<Option<bool>, SettingsError> {
        self.boolean("use_dualstack_endpoint")
    }

    /// Returns `ignore_configured_endpoint_urls`, which disables `endpoint_url` and the `services` section.
    ///
    /// ```
    /// let config = sso_cache::Config::parse("[profile a]\nignore_configured_endpoint_urls = true\n")?;
    /// assert_eq!(config.profile("a").ok_or("there")?.ignore_configured_endpoint_urls()?, Some(true));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The value is neither `true` nor `false`.
    pub fn ignore_configured_endpoint_urls(self) -> Result<Option<bool>, SettingsError> {
        self.boolean("ignore_configured_endpoint_urls")
    }

    fn boolean(self, key: &'static str) -> Result<Option<bool>, SettingsError> {
        let in_credentials = self.section.get(key).is_some_and(|property| property.file == File::Credentials);
        boolean(self.config, self.section, &resolve::section(self.name, in_credentials), key)
    }
}

impl fmt::Debug for Profile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile")
            .field("name", &self.name)
            .field("keys", &self.section.keys())
            .finish_non_exhaustive()
    }
}

/// The key of the scopes, which have a format of their own.
const SCOPES: &str = "sso_registration_scopes";

/// Returns the text of a section's property. An empty one counts as absent.
fn text<'a>(section: &'a Section, key: &str) -> Option<&'a str> {
    match &section.get(key)?.value {
        Value::Text(text) if !text.is_empty() => Some(text),
        Value::Text(_) | Value::Nested(_) => None,
    }
}

/// Returns a section's switch. `header` is the section's, for the error.
fn boolean(
    config: &Config,
    section: &Section,
    header: &str,
    key: &'static str,
) -> Result<Option<bool>, SettingsError> {
    match text(section, key) {
        None => Ok(None),
        Some(value) if value.eq_ignore_ascii_case("true") => Ok(Some(true)),
        Some(value) if value.eq_ignore_ascii_case("false") => Ok(Some(false)),
        Some(value) => Err(SettingsError::NotABoolean {
            key,
            section: header.to_owned(),
            value: value.to_owned(),
            line: section.get(key).map_or(0, |property| property.line),
            file: section.get(key).map_or_else(String::new, |property| config.origin_of(property)),
        }),
    }
}

/// Returns a section's scopes. A key without a scope is an empty list, which AWS's tools distinguish from a
/// missing key.
fn scopes(section: &Section) -> Option<Vec<String>> {
    match &section.get(SCOPES)?.value {
        Value::Text(text) => Some(
            text.split(',').map(str::trim).filter(|scope| !scope.is_empty()).map(str::to_owned).collect(),
        ),
        Value::Nested(_) => None,
    }
}

#[cfg(test)]
mod tests;

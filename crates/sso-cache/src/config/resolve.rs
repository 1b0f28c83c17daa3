//! Resolves a profile or session name to the settings of a sign-in.

use super::syntax::{File, Section};
use super::{Config, NearMiss, boolean, scopes, text};
use crate::Identity;

/// The settings of a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SsoSettings {
    /// The key of the token file.
    pub identity: Identity,
    /// `sso_start_url`, exactly as written.
    pub start_url: String,
    /// `sso_region`, if present. A portal's address may contain its region; if one is required, see
    /// [`SsoSettings::required_region`].
    pub region: Option<String>,
    /// `sso_registration_scopes` of the session. `None` if the key is absent, which the registration's cache
    /// key distinguishes from an empty list.
    pub scopes: Option<Vec<String>>,
    /// `sso_use_device_code` of the session: whether to sign in with a device code. The key was proposed to the AWS
    /// CLI, which ignores it.
    pub use_device_code: Option<bool>,
    /// The section of the keys, and its file.
    section: String,
    file: String,
}

impl SsoSettings {
    /// Returns the section that names the portal, without brackets: `sso-session NAME`, `profile NAME` or `default`.
    ///
    /// ```
    /// let config = sso_cache::Config::parse("[sso-session corp]\nsso_start_url = https://d-1.awsapps.com/start\n")?;
    /// assert_eq!(config.resolve_session("corp")?.section(), "sso-session corp");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn section(&self) -> &str {
        &self.section
    }

    /// Returns the path of that section's file; `the AWS config` if the settings were not read from a file.
    ///
    /// ```
    /// let config = sso_cache::Config::parse("[sso-session corp]\nsso_start_url = https://d-1.awsapps.com/start\n")?;
    /// assert_eq!(config.resolve_session("corp")?.file(), "the AWS config");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Returns `sso_region`, which is required.
    ///
    /// ```
    /// let config = sso_cache::Config::parse("[sso-session corp]\nsso_start_url = https://d-1.awsapps.com/start\n")?;
    /// let error = config.resolve_session("corp")?.required_region().unwrap_err();
    /// assert_eq!(error.to_string(), "`sso_region` is missing in section [sso-session corp] of the AWS config");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`SettingsError::Missing`] without one.
    pub fn required_region(&self) -> Result<&str, SettingsError> {
        self.region.as_deref().ok_or_else(|| SettingsError::Missing {
            keys: vec![REGION],
            section: self.section.clone(),
            file: self.file.clone(),
        })
    }
}

/// A setting that is missing, contradictory or malformed. The texts name the key and the section.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The profile does not exist.
    #[error("profile `{profile}` not found in {file}{}{}", list("profiles", known), perhaps(near.as_ref()))]
    NoSuchProfile {
        /// The requested name.
        profile: String,
        /// The existing profiles.
        known: Vec<String>,
        /// The section that was probably meant.
        near: Option<NearMiss>,
        /// The files with profiles.
        file: String,
    },
    /// The SSO session does not exist.
    #[error(
        "section [sso-session {session}]{} not found in {file}{}{}",
        by(profile.as_deref()), list("sessions", known), perhaps(near.as_ref())
    )]
    NoSuchSession {
        /// The requested name.
        session: String,
        /// The profile that names it, if any.
        profile: Option<String>,
        /// The existing sessions.
        known: Vec<String>,
        /// The section that was probably meant.
        near: Option<NearMiss>,
        /// The config file.
        file: String,
    },
    /// A profile's source does not exist.
    #[error("profile `{profile}` has source_profile `{source_profile}`, which is not in {file}")]
    NoSuchSource {
        /// The requested name.
        source_profile: String,
        /// The profile that names it.
        profile: String,
        /// The files with profiles.
        file: String,
    },
    /// A chain of `source_profile` is circular.
    #[error("circular source_profile: profile `{profile}` refers back to `{source_profile}`")]
    CircularSource {
        /// The repeated profile.
        source_profile: String,
        /// The profile that names it.
        profile: String,
    },
    /// The `[services]` section does not exist.
    #[error("profile `{profile}` refers to section [services {services}], which is not in {file}")]
    NoSuchServices {
        /// The requested name.
        services: String,
        /// The profile that names it.
        profile: String,
        /// The config file.
        file: String,
    },
    /// `sso_start_url` is missing, or a required `sso_region`, or both.
    #[error("{} missing in section [{section}] of {file}", missing(keys))]
    Missing {
        /// The missing keys, in this order.
        keys: Vec<&'static str>,
        /// The section that should have them, as in its header.
        section: String,
        /// The config file.
        file: String,
    },
    /// A key has different values in the profile and in its session.
    #[error(
        "`{key}` is `{profile_value}` in [{}]{} but `{session_value}` in [sso-session {session}] of {file}; remove \
         one of them", section(profile, credentials.is_some()), of(credentials.as_deref())
    )]
    Conflict {
        /// The key.
        key: &'static str,
        /// The profile.
        profile: String,
        /// The profile's value.
        profile_value: String,
        /// The credentials file, if the profile's value is in it.
        credentials: Option<String>,
        /// The session.
        session: String,
        /// The session's value.
        session_value: String,
        /// The config file.
        file: String,
    },
    /// A switch that is neither `true` nor `false`.
    #[error("`{key}` in section [{section}] must be true or false, not `{value}` ({file}, line {line})")]
    NotABoolean {
        /// The key.
        key: &'static str,
        /// The section, as in its header.
        section: String,
        /// The value.
        value: String,
        /// The line, counted from 1.
        line: usize,
        /// The config file.
        file: String,
    },
}

/// Lists the names, or the first of many.
fn list(what: &str, known: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown = known.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match known.len() {
        0 => String::new(),
        1..=SHOWN => format!(" (available {what}: {shown})"),
        all => format!(" (available {what}: {shown}, and {} more)", all - SHOWN),
    }
}

fn perhaps(near: Option<&NearMiss>) -> String {
    near.map_or_else(String::new, |near| format!("; {near}"))
}

/// Returns a profile's header, in the config file or in the credentials file.
pub(super) fn section(profile: &str, in_credentials: bool) -> String {
    if in_credentials || profile == "default" { profile.to_owned() } else { format!("profile {profile}") }
}

fn of(file: Option<&str>) -> String {
    file.map_or_else(String::new, |file| format!(" of {file}"))
}

fn by(profile: Option<&str>) -> String {
    profile.map_or_else(String::new, |profile| format!(" (used by profile `{profile}`)"))
}

fn missing(keys: &[&str]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    let verb = if keys.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", keys.join(" and "))
}

/// The two keys that every sign-in needs.
const START_URL: &str = "sso_start_url";
const REGION: &str = "sso_region";

impl Config {
    /// Returns the settings of a sign-in with this profile.
    ///
    /// A profile with `sso_session` takes its settings from that session. A key in both must have the same
    /// value (botocore's rule; some SDKs refuse even that). A profile without it is in the older format and
    /// must have the keys itself.
    ///
    /// ```
    /// use sso_cache::{Config, Identity, SettingsError};
    /// let config = Config::parse(
    ///     "[profile old]\nsso_start_url = https://d-1.awsapps.com/start\nsso_region = eu-west-1\n[profile empty]\n",
    /// )?;
    /// let old = config.resolve_sso("old")?;
    /// assert_eq!(old.identity, Identity::StartUrl("https://d-1.awsapps.com/start".to_owned()));
    /// assert!(matches!(config.resolve_sso("empty"), Err(SettingsError::Missing { .. })));
    /// assert!(matches!(config.resolve_sso("new"), Err(SettingsError::NoSuchProfile { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The profile or its session does not exist, the start URL is missing, or the two contradict each other.
    pub fn resolve_sso(&self, profile: &str) -> Result<SsoSettings, SettingsError> {
        let Some(found) = self.profile(profile) else {
            return Err(self.no_such_profile(profile));
        };
        if let Some(session) = found.sso_session() {
            return self.resolve(session, Some((profile, found.section)));
        }
        // The file of its other settings, in which missing ones are expected.
        let is_in = |file| found.section.values().any(|property| property.file == file);
        let in_credentials = is_in(File::Credentials) && !is_in(File::Config);
        let file = if in_credentials { self.credentials_origin() } else { self.origin() };
        let header = section(profile, in_credentials);
        let places = Places { section: header, file };
        places.settings(Identity::StartUrl, found.sso_start_url(), found.sso_region(), None)
    }

    /// Returns the settings of a sign-in with this SSO session, without a profile.
    ///
    /// ```
    /// use sso_cache::Config;
    /// let config = Config::parse(
    ///     "[sso-session corp]\nsso_start_url = https://d-1.awsapps.com/start\nsso_region = eu-west-1\n\
    ///      sso_registration_scopes = sso:account:access\n",
    /// )?;
    /// let corp = config.resolve_session("corp")?;
    /// assert_eq!(corp.identity.session_name(), Some("corp"));
    /// assert_eq!(corp.scopes, Some(vec!["sso:account:access".to_owned()]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The session does not exist or lacks the start URL.
    pub fn resolve_session(&self, session: &str) -> Result<SsoSettings, SettingsError> {
        self.resolve(session, None)
    }

    fn resolve(&self, name: &str, profile: Option<(&str, &Section)>) -> Result<SsoSettings, SettingsError> {
        let Some(session) = self.sessions.get(name) else {
            return Err(SettingsError::NoSuchSession {
                session: name.to_owned(),
                profile: profile.map(|(name, _)| name.to_owned()),
                known: self.session_names().map(str::to_owned).collect(),
                near: self.near_miss_of_session(name),
                file: self.origin(),
            });
        };
        let merged = |key: &'static str| {
            let own = profile.and_then(|(_, section)| text(section, key));
            match (own, text(session, key)) {
                (Some(own), Some(theirs)) if own != theirs => Err(SettingsError::Conflict {
                    key,
                    profile: profile.map_or_else(String::new, |(name, _)| name.to_owned()),
                    profile_value: own.to_owned(),
                    credentials: profile
                        .and_then(|(_, section)| section.get(key))
                        .filter(|property| property.file == File::Credentials)
                        .map(|_| self.credentials_origin()),
                    session: name.to_owned(),
                    session_value: theirs.to_owned(),
                    file: self.origin(),
                }),
                (own, theirs) => Ok(theirs.or(own)),
            }
        };
        let (start_url, region) = (merged(START_URL)?, merged(REGION)?);
        merged(super::SCOPES)?;
        let scopes = scopes(session).or_else(|| profile.and_then(|(_, section)| scopes(section)));
        let places = Places { section: format!("sso-session {name}"), file: self.origin() };
        let mut settings =
            places.settings(|_| Identity::SessionName(name.to_owned()), start_url, region, scopes)?;
        let header = format!("sso-session {name}");
        settings.use_device_code = boolean(self, session, &header, "sso_use_device_code")?;
        Ok(settings)
    }

    /// Returns the error that this profile does not exist, with a suggestion.
    ///
    /// ```
    /// let config = sso_cache::Config::parse("[work]\nregion = eu-west-1\n")?;
    /// let error = config.no_such_profile("work");
    /// assert!(error.to_string().ends_with("write [profile work]"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn no_such_profile(&self, profile: &str) -> SettingsError {
        SettingsError::NoSuchProfile {
            profile: profile.to_owned(),
            known: self.profile_names().map(str::to_owned).collect(),
            near: self.near_miss_of_profile(profile),
            file: self.origins(),
        }
    }

    /// Returns the profile whose portal a sign-in with this one uses: the first with `sso_session` or
    /// `sso_start_url` in its chain of `source_profile`, itself included. `None` if no profile of the chain
    /// has either.
    ///
    /// ```
    /// let config = sso_cache::Config::parse(
    ///     "[profile app]\nrole_arn = arn:aws:iam::123456789012:role/app\nsource_profile = work\n\
    ///      [profile work]\nsso_session = corp\n[profile keys]\n",
    /// )?;
    /// assert_eq!(config.sso_profile("app")?, Some("work"));
    /// assert_eq!(config.sso_profile("work")?, Some("work"));
    /// assert_eq!(config.sso_profile("keys")?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A profile of the chain does not exist, or the chain is circular.
    pub fn sso_profile<'a>(&'a self, profile: &str) -> Result<Option<&'a str>, SettingsError> {
        let Some(mut found) = self.profile(profile) else { return Err(self.no_such_profile(profile)) };
        let mut seen = vec![found.name()];
        while found.sso_session().is_none() && found.sso_start_url().is_none() {
            // A profile that is its own source has the credentials itself, as in botocore.
            let Some(next) = found.source_profile().filter(|next| *next != found.name()) else {
                return Ok(None);
            };
            let (profile, source_profile) = (found.name().to_owned(), next.to_owned());
            if seen.contains(&next) {
                return Err(SettingsError::CircularSource { source_profile, profile });
            }
            found = self.profile(next).ok_or_else(|| SettingsError::NoSuchSource {
                source_profile,
                profile,
                file: self.origins(),
            })?;
            seen.push(found.name());
        }
        Ok(Some(found.name()))
    }
}

/// The places of a portal's keys.
struct Places {
    section: String,
    file: String,
}

impl Places {
    fn settings(
        self,
        identity: impl FnOnce(String) -> Identity,
        start_url: Option<&str>,
        region: Option<&str>,
        scopes: Option<Vec<String>>,
    ) -> Result<SsoSettings, SettingsError> {
        let Self { section, file } = self;
        let Some(start_url) = start_url.map(str::to_owned) else {
            let keys = [Some(START_URL), region.is_none().then_some(REGION)].into_iter().flatten().collect();
            return Err(SettingsError::Missing { keys, section, file });
        };
        let identity = identity(start_url.clone());
        Ok(SsoSettings {
            identity,
            start_url,
            region: region.map(str::to_owned),
            scopes,
            use_device_code: None,
            section,
            file,
        })
    }
}

//! From a profile or session name to what a sign-in needs.

use super::syntax::{File, Section};
use super::{Config, NearMiss, scopes, text};
use crate::Identity;

/// What a sign-in needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SsoSettings {
    /// What the token is filed under.
    pub identity: Identity,
    /// `sso_start_url`, exactly as written.
    pub start_url: String,
    /// `sso_region`, if it is there. A portal's address may say its region itself; where one is needed, see
    /// [`SsoSettings::required_region`].
    pub region: Option<String>,
    /// `sso_registration_scopes` of the session; `None` if the key is absent, which the registration's cache key
    /// tells from an empty list.
    pub scopes: Option<Vec<String>>,
    /// Where the keys are looked for: the section, and its file.
    section: String,
    file: String,
}

impl SsoSettings {
    /// `sso_region`, which must be there.
    ///
    /// ```
    /// let config = sso_cache::Config::parse("[sso-session corp]\nsso_start_url = https://d-1.awsapps.com/start\n")?;
    /// let error = config.resolve_session("corp")?.required_region().unwrap_err();
    /// assert_eq!(error.to_string(), "`sso_region` is missing in section [sso-session corp] of the AWS config");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SettingsError::Missing`].
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
    /// No such profile.
    #[error("there is no profile `{profile}` in {file}{}{}", list("profiles", known), perhaps(near.as_ref()))]
    NoSuchProfile {
        /// The name that was asked for.
        profile: String,
        /// The profiles that there are.
        known: Vec<String>,
        /// The section that was perhaps meant.
        near: Option<NearMiss>,
        /// The files where profiles are looked for.
        file: String,
    },
    /// No such SSO session.
    #[error(
        "there is no section [sso-session {session}] in {file}{}{}{}",
        by(profile.as_deref()), list("sessions", known), perhaps(near.as_ref())
    )]
    NoSuchSession {
        /// The name that was asked for.
        session: String,
        /// The profile that names it, if one does.
        profile: Option<String>,
        /// The sessions that there are.
        known: Vec<String>,
        /// The section that was perhaps meant.
        near: Option<NearMiss>,
        /// The config file.
        file: String,
    },
    /// A profile names another one as its source, which there is not.
    #[error("profile `{profile}` names `{source_profile}` as its source_profile, which is not in {file}")]
    NoSuchSource {
        /// The name that was asked for.
        source_profile: String,
        /// The profile that names it.
        profile: String,
        /// The files where profiles are looked for.
        file: String,
    },
    /// A chain of `source_profile` leads back to where it was.
    #[error("the source_profile of profile `{profile}` leads back to `{source_profile}`")]
    CircularSource {
        /// The profile that comes twice.
        source_profile: String,
        /// The profile that names it.
        profile: String,
    },
    /// No such `[services]` section.
    #[error("profile `{profile}` names the section [services {services}], which is not in {file}")]
    NoSuchServices {
        /// The name that was asked for.
        services: String,
        /// The profile that names it.
        profile: String,
        /// The config file.
        file: String,
    },
    /// `sso_start_url` is missing, or `sso_region` where it is needed, or both.
    #[error("{} missing in section [{section}] of {file}", missing(keys))]
    Missing {
        /// The missing keys, in this order.
        keys: Vec<&'static str>,
        /// The section that should have them, as in its header.
        section: String,
        /// The config file.
        file: String,
    },
    /// A key has one value in the profile and another in its session.
    #[error(
        "`{key}` is `{profile_value}` in [{}]{} but `{session_value}` in [sso-session {session}] of {file}; remove \
         one of them", section(profile, credentials.is_some()), of(credentials.as_deref())
    )]
    Conflict {
        /// The key.
        key: &'static str,
        /// The profile.
        profile: String,
        /// The value there.
        profile_value: String,
        /// The credentials file, if the profile's value stands there.
        credentials: Option<String>,
        /// The session.
        session: String,
        /// The value there.
        session_value: String,
        /// The config file.
        file: String,
    },
    /// A switch that is neither `true` nor `false`.
    #[error("`{key}` of profile `{profile}` must be true or false, not `{value}` ({file}, line {line})")]
    NotABoolean {
        /// The key.
        key: &'static str,
        /// The profile.
        profile: String,
        /// What stands there.
        value: String,
        /// The line, counted from 1.
        line: usize,
        /// The config file.
        file: String,
    },
}

/// The names, or the first of them if they are many.
fn list(what: &str, known: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown = known.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match known.len() {
        0 => String::new(),
        1..=SHOWN => format!(" ({what} there: {shown})"),
        all => format!(" ({what} there: {shown}, and {} more)", all - SHOWN),
    }
}

fn perhaps(near: Option<&NearMiss>) -> String {
    near.map_or_else(String::new, |near| format!("; {near}"))
}

/// A profile's header, in the config file or in the credentials file.
fn section(profile: &str, in_credentials: bool) -> String {
    if in_credentials || profile == "default" { profile.to_owned() } else { format!("profile {profile}") }
}

fn of(file: Option<&str>) -> String {
    file.map_or_else(String::new, |file| format!(" of {file}"))
}

fn by(profile: Option<&str>) -> String {
    profile.map_or_else(String::new, |profile| format!(", which profile `{profile}` names"))
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
    /// What a sign-in with this profile needs.
    ///
    /// A profile with `sso_session` takes its settings from that session; a key that stands in both places must have
    /// the same value (botocore's rule; some SDKs refuse even that). A profile without it is of the older form and
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
        // Where its other settings are, and where the missing ones are looked for.
        let is_in = |file| found.section.values().any(|property| property.file == file);
        let in_credentials = is_in(File::Credentials) && !is_in(File::Config);
        let file = if in_credentials { self.credentials_origin() } else { self.origin() };
        let header = section(profile, in_credentials);
        let places = Places { section: header, file };
        places.settings(Identity::StartUrl, found.sso_start_url(), found.sso_region(), None)
    }

    /// What a sign-in with this SSO session needs, without a profile.
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
        places.settings(|_| Identity::SessionName(name.to_owned()), start_url, region, scopes)
    }

    /// That there is no profile of this name, with what was perhaps meant.
    ///
    /// ```
    /// let config = sso_cache::Config::parse("[work]\nregion = eu-west-1\n")?;
    /// let error = config.no_such_profile("work");
    /// assert!(error.to_string().ends_with("it must be [profile work]"));
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

    /// The profile whose portal a sign-in with this one is for: itself, if it has `sso_session` or `sso_start_url`, else
    /// the first one of its chain of `source_profile` that has. `None` if no profile of the chain has either.
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
    /// A profile of the chain does not exist, or the chain has no end.
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

/// Where the keys of a portal are looked for.
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
        Ok(SsoSettings { identity, start_url, region: region.map(str::to_owned), scopes, section, file })
    }
}

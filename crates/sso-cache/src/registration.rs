//! The registration file: a client to reuse, so that not every sign-in registers a new one.

use oidc_proto::{Client, Registration, Secret, UnixSeconds, grant_type};

use crate::document::{Corruption, Known, Members};
use crate::identity::file_name;
use crate::python::push_text;
use crate::{Identity, SettingsError, SsoSettings};

/// The key of a registration's file. AWS's tools have the same keys, so registrations are shared.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegistrationKey {
    /// The region of the service that registered the client.
    pub region: String,
    /// The start URL, as it is configured.
    pub start_url: String,
    /// The SSO session's name, if there is one.
    pub session_name: Option<String>,
    /// The scopes in their configured order; `None` and an empty list are two keys. Default scopes, which are
    /// not configured, are not among them.
    pub scopes: Option<Vec<String>>,
    /// The endpoint that registered the client, unless it is the region's own. AWS's tools do not distinguish
    /// endpoints and would send one service the clients of another. So such a registration is not shared.
    pub endpoint_url: Option<String>,
}

impl RegistrationKey {
    /// Creates the key of a sign-in without a session and without scopes.
    #[must_use]
    pub fn new(start_url: impl Into<String>, region: impl Into<String>) -> Self {
        Self {
            region: region.into(),
            start_url: start_url.into(),
            session_name: None,
            scopes: None,
            endpoint_url: None,
        }
    }

    /// Returns the same key for this endpoint; `None` is the region's own.
    ///
    /// ```
    /// use sso_cache::RegistrationKey;
    /// let real = RegistrationKey::new("https://d-1.awsapps.com/start", "eu-west-1");
    /// let test = real.clone().with_endpoint_url(Some("http://127.0.0.1:8080".to_owned()));
    /// assert_ne!(real.file_name(), test.file_name());
    /// ```
    #[must_use]
    pub fn with_endpoint_url(mut self, endpoint_url: Option<String>) -> Self {
        self.endpoint_url = endpoint_url;
        self
    }

    /// Returns the file's name: the SHA-1 of the key in Python's JSON, and `.json`.
    ///
    /// ```
    /// let key = sso_cache::RegistrationKey::new("https://d-abc123.awsapps.com/start", "us-west-2");
    /// assert_eq!(key.file_name(), "d75f79f67bab3f92a2b1450471c0c2574de0dca4.json");
    /// ```
    #[must_use]
    pub fn file_name(&self) -> String {
        file_name(&self.json())
    }

    /// Returns `{"region": …, "scopes": …, "session_name": …, "startUrl": …, "tool": "botocore"}`, with
    /// Python's separators. Our own `endpoint_url` comes first, if present.
    fn json(&self) -> String {
        let mut json = String::with_capacity(256);
        json.push('{');
        if let Some(endpoint_url) = &self.endpoint_url {
            json.push_str("\"endpoint_url\": ");
            push_text(&mut json, endpoint_url);
            json.push_str(", ");
        }
        json.push_str("\"region\": ");
        push_text(&mut json, &self.region);
        json.push_str(", \"scopes\": ");
        match &self.scopes {
            Some(scopes) => {
                json.push('[');
                for (index, scope) in scopes.iter().enumerate() {
                    json.push_str(if index == 0 { "" } else { ", " });
                    push_text(&mut json, scope);
                }
                json.push(']');
            }
            None => json.push_str("null"),
        }
        json.push_str(", \"session_name\": ");
        match &self.session_name {
            Some(name) => push_text(&mut json, name),
            None => json.push_str("null"),
        }
        json.push_str(", \"startUrl\": ");
        push_text(&mut json, &self.start_url);
        json.push_str(", \"tool\": \"botocore\"}");
        json
    }
}

impl TryFrom<&SsoSettings> for RegistrationKey {
    type Error = SettingsError;

    /// Returns the key for these settings, which must have a region.
    fn try_from(settings: &SsoSettings) -> Result<Self, SettingsError> {
        Ok(Self {
            region: settings.required_region()?.to_owned(),
            start_url: settings.start_url.clone(),
            session_name: settings.identity.session_name().map(str::to_owned),
            scopes: settings.scopes.clone(),
            endpoint_url: None,
        })
    }
}

/// A registration in the cache.
///
/// ```
/// use oidc_proto::{Client, Registration, Secret, grant_type};
/// use sso_cache::CachedRegistration;
///
/// let registration = Registration::new(Client::new("id", Secret::from("secret")));
/// let grants = |grant: &str| Some(vec![grant.to_owned(), grant_type::REFRESH_TOKEN.to_owned()]);
/// let device = CachedRegistration::new(registration)
///     .with_scopes(Some(vec!["sso:account:access".to_owned()]))
///     .with_grant_types(grants(grant_type::DEVICE_CODE));
/// assert!(device.suits_device_flow());
/// assert!(!device.with_grant_types(grants(grant_type::AUTHORIZATION_CODE)).suits_device_flow());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CachedRegistration {
    /// `clientId`, `clientSecret`, `expiresAt`. One without expiry is written with the last time of a
    /// four-digit year, because AWS's tools require the member.
    pub registration: Registration,
    /// `scopes`, if it was registered with some.
    pub scopes: Option<Vec<String>>,
    /// `grantTypes`, if it was registered with some.
    pub grant_types: Option<Vec<String>>,
    /// `endpointUrl`: the endpoint that registered it, unless it is the region's own. Only this crate writes
    /// it. It tells a token's origin even after another tool refreshed the token and dropped its
    /// `endpointUrl`.
    pub endpoint_url: Option<String>,
}

impl CachedRegistration {
    /// Creates it from a RegisterClient response.
    #[must_use]
    pub const fn new(registration: Registration) -> Self {
        Self { registration, scopes: None, grant_types: None, endpoint_url: None }
    }

    /// Returns the same registration with its scopes.
    #[must_use]
    pub fn with_scopes(mut self, scopes: Option<Vec<String>>) -> Self {
        self.scopes = scopes;
        self
    }

    /// Returns the same registration with its grant types.
    #[must_use]
    pub fn with_grant_types(mut self, grant_types: Option<Vec<String>>) -> Self {
        self.grant_types = grant_types;
        self
    }

    /// Returns the same registration with its endpoint; `None` is the region's own.
    ///
    /// ```
    /// # use oidc_proto::{Client, Registration, Secret, UnixSeconds};
    /// # use sso_cache::{Cache, CachedRegistration, RegistrationKey};
    /// # let home = tempfile::tempdir()?;
    /// # let cache = Cache::at(Cache::default_dir(home.path()));
    /// let test = Some("http://127.0.0.1:8080".to_owned());
    /// let key = RegistrationKey::new("https://d-1.awsapps.com/start", "eu-west-1").with_endpoint_url(test.clone());
    /// let client = Client::new("id", Secret::from("secret"));
    /// let registration = CachedRegistration::new(Registration::new(client));
    /// cache.save_registration(&key, &registration.with_endpoint_url(test.clone()))?;
    /// assert_eq!(cache.registration_of("id")?.and_then(|found| found.endpoint_url), test);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_endpoint_url(mut self, endpoint_url: Option<String>) -> Self {
        self.endpoint_url = endpoint_url;
        self
    }

    /// Returns whether it was registered with all of these scopes, in any order. A client's tokens have its
    /// registered scopes, so it suits a sign-in that requests them.
    ///
    /// ```
    /// # use oidc_proto::{Client, Registration, Secret};
    /// # use sso_cache::CachedRegistration;
    /// let texts = |scopes: &[&str]| scopes.iter().map(|scope| (*scope).to_owned()).collect::<Vec<_>>();
    /// let none = CachedRegistration::new(Registration::new(Client::new("id", Secret::from("secret"))));
    /// assert!(none.has_scopes(&[]) && !none.has_scopes(&texts(&["a"])));
    /// assert!(none.with_scopes(Some(texts(&["b", "a"]))).has_scopes(&texts(&["a"])));
    /// ```
    #[must_use]
    pub fn has_scopes(&self, scopes: &[String]) -> bool {
        let made_with = self.scopes.as_deref().unwrap_or_default();
        scopes.iter().all(|scope| made_with.contains(scope))
    }

    /// Returns whether it is usable for the device flow. A registration for the authorization code grant is
    /// not. Both kinds have the same key, so a change of flow registers again.
    #[must_use]
    pub fn suits_device_flow(&self) -> bool {
        self.grant_types
            .as_ref()
            .is_none_or(|types| !types.iter().any(|t| t == grant_type::AUTHORIZATION_CODE))
    }

    /// Returns whether a sign-in with the authorization code flow may use this registration.
    ///
    /// ```
    /// use oidc_proto::{Client, Registration, Secret, grant_type};
    /// use sso_cache::CachedRegistration;
    /// let registration = CachedRegistration::new(Registration::new(Client::new("id", Secret::from("s"))));
    /// assert!(!registration.suits_code_flow());
    /// let grants = [grant_type::AUTHORIZATION_CODE, grant_type::REFRESH_TOKEN].map(str::to_owned).to_vec();
    /// assert!(registration.with_grant_types(Some(grants)).suits_code_flow());
    /// ```
    #[must_use]
    pub fn suits_code_flow(&self) -> bool {
        !self.suits_device_flow()
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Corruption> {
        let members = Members::read(bytes)?;
        let client =
            Client::new(members.required("clientId")?, Secret::from(members.required("clientSecret")?));
        Ok(Self {
            registration: Registration::new(client).with_expiry(members.required_time("expiresAt")?),
            scopes: members.list("scopes"),
            grant_types: members.list("grantTypes"),
            endpoint_url: members.text("endpointUrl").map(str::to_owned),
        })
    }

    pub(crate) fn members(&self) -> [(&'static str, Known<'_>); 6] {
        let client = &self.registration.client;
        [
            ("clientId", Known::Text(&client.id)),
            ("clientSecret", Known::secret(client.secret.as_ref())),
            ("expiresAt", Known::Time(self.registration.expires_at.unwrap_or(UnixSeconds::new(i64::MAX)))),
            ("scopes", self.scopes.as_deref().map_or(Known::Absent, Known::List)),
            ("grantTypes", self.grant_types.as_deref().map_or(Known::Absent, Known::List)),
            ("endpointUrl", Known::text(self.endpoint_url.as_deref())),
        ]
    }
}

impl Identity {
    /// Returns the key of a registration for a sign-in with this identity.
    #[must_use]
    pub fn registration_key(
        &self,
        start_url: impl Into<String>,
        region: impl Into<String>,
        scopes: Option<Vec<String>>,
    ) -> RegistrationKey {
        RegistrationKey {
            session_name: self.session_name().map(str::to_owned),
            scopes,
            ..RegistrationKey::new(start_url, region)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;

    fn key(region: &str, scopes: Option<&[&str]>, session: Option<&str>) -> RegistrationKey {
        RegistrationKey {
            session_name: session.map(str::to_owned),
            scopes: scopes.map(|scopes| scopes.iter().map(|scope| (*scope).to_owned()).collect()),
            ..RegistrationKey::new("https://d-abc123.awsapps.com/start", region)
        }
    }

    #[test]
    fn a_registration_file_is_named_as_awss_tools_name_it() {
        let access: &[&str] = &["sso:account:access"];
        for (key, hash) in [
            (key("us-west-2", None, None), "d75f79f67bab3f92a2b1450471c0c2574de0dca4"),
            (key("us-east-1", None, None), "c7029af06842ab71c7d71a4f2d85fc584e0c5528"),
            (key("us-east-1", Some(access), Some("my")), "14910c8af3dc3c2b41ca362410b3a63e06df0ed0"),
            (key("us-east-1", None, Some("my")), "97b21bb42df32f5b55663ccc49342cabc8defddf"),
            (key("us-east-1", Some(&[]), Some("my")), "81bae0da4c804170f8cb69218660b60a0c782555"),
            (
                key("us-west-2", Some(&["sso:foo", "sso:bar"]), Some("test-session")),
                "7765c236837f26ff7c1a92c1e21b7774cff521c8",
            ),
            (key("us-east-1", Some(access), Some("équipe")), "3eaf33803df2a5e3b41a3cb01182fef35a68ad70"),
        ] {
            assert_eq!(key.file_name(), format!("{hash}.json"), "{}", key.json());
        }
    }

    #[test]
    fn a_registration_of_another_endpoint_has_a_file_of_its_own() {
        let own = key("us-east-1", None, None);
        let name = |url: &str| own.clone().with_endpoint_url(Some(url.to_owned())).file_name();
        assert_eq!(own.clone().with_endpoint_url(None).file_name(), own.file_name());
        assert_ne!(name("http://127.0.0.1:1"), own.file_name());
        assert_ne!(name("http://127.0.0.1:1"), name("http://127.0.0.1:2"));
    }

    #[test]
    fn the_keys_text_is_escaped_as_python_does() {
        let mut json = String::new();
        push_text(&mut json, "a\"\\\n\r\t\u{8}\u{c}\u{1}\u{7f}é\u{2028}🚀~");
        assert_eq!(json, r#""a\"\\\n\r\t\b\f\u0001\u007f\u00e9\u2028\ud83d\ude80~""#);
    }

    #[test]
    fn settings_of_a_profile_make_the_same_key_as_their_parts() {
        let config = crate::Config::parse(
            "[sso-session my]\nsso_region=us-east-1\nsso_start_url=https://d-abc123.awsapps.com/start\n\
             sso_registration_scopes=sso:account:access\n[profile old]\nsso_region=us-west-2\n\
             sso_start_url=https://d-abc123.awsapps.com/start\n",
        )
        .unwrap();
        let session = config.resolve_session("my").unwrap();
        assert_eq!(
            RegistrationKey::try_from(&session).unwrap(),
            key("us-east-1", Some(&["sso:account:access"]), Some("my"))
        );
        let by_parts =
            session.identity.registration_key(&session.start_url, "us-east-1", session.scopes.clone());
        assert_eq!(RegistrationKey::try_from(&session).unwrap(), by_parts);
        let old = config.resolve_sso("old").unwrap();
        assert_eq!(RegistrationKey::try_from(&old).unwrap(), key("us-west-2", None, None));
    }

    #[test]
    fn a_written_registration_reads_back_and_has_the_members_of_awss_tools() {
        let client = Client::new("id", Secret::from("cs"));
        let cached =
            CachedRegistration::new(Registration::new(client).with_expiry(UnixSeconds::new(1_671_975_000)))
                .with_scopes(Some(vec!["a".to_owned()]))
                .with_grant_types(Some(vec!["refresh_token".to_owned()]));
        let written = document::write(&cached.members(), None);
        assert_eq!(
            str::from_utf8(&written).unwrap(),
            "{\"clientId\":\"id\",\"clientSecret\":\"cs\",\"expiresAt\":\"2022-12-25T13:30:00Z\",\
             \"scopes\":[\"a\"],\"grantTypes\":[\"refresh_token\"]}\n"
        );
        assert_eq!(CachedRegistration::read(&written), Ok(cached));
    }

    #[test]
    fn a_registration_without_an_end_is_written_with_the_last_time_there_is() {
        let cached = CachedRegistration::new(Registration::new(Client::new("id", Secret::from("cs"))));
        let written = document::write(&cached.members(), None);
        assert!(str::from_utf8(&written).unwrap().contains("\"expiresAt\":\"9999-12-31T23:59:59Z\""));
    }

    #[test]
    fn a_registration_for_the_authorization_code_grant_does_not_suit_the_device_flow() {
        let cached = CachedRegistration::new(Registration::new(Client::new("id", Secret::from("cs"))));
        assert!(cached.suits_device_flow());
        let types = |types: &[&str]| Some(types.iter().map(|t| (*t).to_owned()).collect());
        assert!(cached.clone().with_grant_types(types(&["refresh_token"])).suits_device_flow());
        let pkce = cached.with_grant_types(types(&["authorization_code", "refresh_token"]));
        assert!(!pkce.suits_device_flow());
    }

    #[test]
    fn a_registration_file_without_a_member_is_corrupt_by_that_members_name() {
        let read = |text: &str| CachedRegistration::read(text.as_bytes()).unwrap_err();
        assert_eq!(read("{}"), Corruption::Missing("clientId"));
        assert_eq!(read(r#"{"clientId":"a"}"#), Corruption::Missing("clientSecret"));
        assert_eq!(read(r#"{"clientId":"a","clientSecret":"b"}"#), Corruption::Missing("expiresAt"));
        assert_eq!(read(r#"{"clientId":1}"#), Corruption::WrongType("clientId"));
    }
}

//! The token file: an access token, and the data to refresh it.

use core::time::Duration;

use oidc_proto::{Client, Registration, Secret, Token, UnixSeconds};

use crate::RegistrationKey;
use crate::document::{Corruption, Known, Members};

/// The assumed life of a token whose response has none: the shortest that the service is known to grant (an
/// hour, with scopes). The file requires a value, and an expired token would be lost.
const UNKNOWN_LIFE: Duration = Duration::from_secs(60 * 60);

/// A token in the cache.
///
/// ```
/// use core::time::Duration;
/// use oidc_proto::{Client, Registration, Secret, Token, UnixSeconds};
/// use sso_cache::{Cache, CachedToken, Identity};
///
/// let dir = tempfile::tempdir()?;
/// let cache = Cache::at(dir.path().join("cache"));
/// let identity = Identity::SessionName("corp".to_owned());
/// let registration = Registration::new(Client::new("id", Secret::from("secret")));
/// let answer = Token::bearer(Secret::from("access"), Duration::from_secs(3600));
///
/// let now = UnixSeconds::new(1_640_467_800);
/// let token = CachedToken::new(&answer, now, Some(registration));
/// let token = token.for_portal("https://d-1.awsapps.com/start", "eu-west-1");
/// cache.save_token(&identity, &token)?;
/// assert_eq!(cache.token(&identity)?, Some(token));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CachedToken {
    /// `accessToken`.
    pub access_token: Secret,
    /// `expiresAt`: the access token's expiry.
    pub expires_at: UnixSeconds,
    /// `refreshToken`, if present.
    pub refresh_token: Option<Secret>,
    /// `clientId`, `clientSecret` and `registrationExpiresAt`: the client that the token was issued to, which
    /// alone can refresh it. `None` unless the file has id and secret.
    pub registration: Option<Registration>,
    /// `startUrl`, exactly as configured.
    pub start_url: Option<String>,
    /// `region` of the service that issued the token.
    pub region: Option<String>,
    /// `endpointUrl`: the endpoint that issued the token, unless it is the region's own. Only this crate
    /// writes it. AWS's tools ignore it and never write one.
    pub endpoint_url: Option<String>,
}

impl CachedToken {
    /// Creates it from a CreateToken response. `asked_at` is when the request was sent, so that the token's
    /// life is not overestimated. A token without a lifetime, which AWS never sends, is assumed to live an
    /// hour. The file requires a value, and an expired token would be lost.
    #[must_use]
    pub fn new(answer: &Token, asked_at: UnixSeconds, registration: Option<Registration>) -> Self {
        Self {
            access_token: answer.access_token.clone(),
            expires_at: asked_at.saturating_add(answer.expires_in.unwrap_or(UNKNOWN_LIFE)),
            refresh_token: answer.refresh_token.clone(),
            registration,
            start_url: None,
            region: None,
            endpoint_url: None,
        }
    }

    /// Returns the same token with its start URL (exactly as configured) and region.
    #[must_use]
    pub fn for_portal(mut self, start_url: impl Into<String>, region: impl Into<String>) -> Self {
        self.start_url = Some(start_url.into());
        self.region = Some(region.into());
        self
    }

    /// Returns the same token with its endpoint; `None` is the region's own.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use oidc_proto::{Secret, Token, UnixSeconds};
    /// # let answer = Token::bearer(Secret::from("access"), Duration::from_secs(3600));
    /// let token = sso_cache::CachedToken::new(&answer, UnixSeconds::new(1_640_467_800), None)
    ///     .with_endpoint_url(Some("http://127.0.0.1:8080".to_owned()));
    /// assert_eq!(token.endpoint_url.as_deref(), Some("http://127.0.0.1:8080"));
    /// ```
    #[must_use]
    pub fn with_endpoint_url(mut self, endpoint_url: Option<String>) -> Self {
        self.endpoint_url = endpoint_url;
        self
    }

    /// Returns this token after a refresh. A response without a refresh token leaves the old one in force
    /// (RFC 6749 §6).
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use oidc_proto::{Client, Registration, Secret, Token, UnixSeconds};
    /// # let now = UnixSeconds::new(1_640_467_800);
    /// # let client = Some(Registration::new(Client::new("id", Secret::from("secret"))));
    /// let hour = Duration::from_secs(3600);
    /// let first = Token::bearer(Secret::from("one"), hour).with_refresh_token(Secret::from("refresh"));
    /// let token = sso_cache::CachedToken::new(&first, now, client);
    /// let later = now.saturating_add(hour);
    /// assert!(!token.usable_at(later, Duration::ZERO) && token.refreshable_at(later));
    ///
    /// let token = token.refreshed(&Token::bearer(Secret::from("two"), hour), later);
    /// assert_eq!(token.access_token.expose(), "two");
    /// assert!(token.usable_at(later, Duration::from_secs(300)) && token.refreshable_at(later));
    /// ```
    #[must_use]
    pub fn refreshed(&self, answer: &Token, asked_at: UnixSeconds) -> Self {
        Self {
            access_token: answer.access_token.clone(),
            expires_at: asked_at.saturating_add(answer.expires_in.unwrap_or(UNKNOWN_LIFE)),
            refresh_token: answer.refresh_token.clone().or_else(|| self.refresh_token.clone()),
            ..self.clone()
        }
    }

    /// Returns the file of a renewed token: this one with the new tokens and expiry, marked with the endpoint of the
    /// renewal's key. Start URL and region stay as written; without them the file gets those of the key. `expires_at`
    /// is the end of the new access token; an unknown one is taken for an hour from `now`.
    ///
    /// Unlike [`CachedToken::refreshed`] it takes the refresh token as it is in `answer`, absent or not.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use oidc_proto::{Client, Registration, Secret, Token, UnixSeconds};
    /// use sso_cache::{CachedToken, RegistrationKey};
    ///
    /// # let now = UnixSeconds::new(1_640_467_800);
    /// # let client = Some(Registration::new(Client::new("id", Secret::from("secret"))));
    /// let hour = Duration::from_secs(3600);
    /// let first = Token::bearer(Secret::from("one"), hour).with_refresh_token(Secret::from("refresh"));
    /// let token = CachedToken::new(&first, now, client);
    /// let key = RegistrationKey::new("https://d-1.awsapps.com/start", "eu-west-1");
    ///
    /// let second = Token::bearer(Secret::from("two"), hour);
    /// let end = now.saturating_add(2 * hour);
    /// let renewed = token.renewed(&second, Some(end), &key, now.saturating_add(hour));
    /// assert_eq!((renewed.access_token.expose(), renewed.expires_at), ("two", end));
    /// assert_eq!(renewed.refresh_token, None);
    /// assert_eq!(renewed.region.as_deref(), Some("eu-west-1"));
    /// ```
    #[must_use]
    pub fn renewed(
        mut self,
        answer: &Token,
        expires_at: Option<UnixSeconds>,
        key: &RegistrationKey,
        now: UnixSeconds,
    ) -> Self {
        self.access_token = answer.access_token.clone();
        self.refresh_token.clone_from(&answer.refresh_token);
        self.expires_at = expires_at.unwrap_or_else(|| now.saturating_add(UNKNOWN_LIFE));
        self.endpoint_url.clone_from(&key.endpoint_url);
        self.start_url.get_or_insert_with(|| key.start_url.clone());
        self.region.get_or_insert_with(|| key.region.clone());
        self
    }

    /// Returns the tokens as a response would have them at `now`. Without its client a refresh token is of no use, and
    /// is left out.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use oidc_proto::{Secret, Token, UnixSeconds};
    /// # let now = UnixSeconds::new(1_640_467_800);
    /// let hour = Duration::from_secs(3600);
    /// let answer = Token::bearer(Secret::from("access"), hour).with_refresh_token(Secret::from("refresh"));
    /// let token = sso_cache::CachedToken::new(&answer, now, None);
    /// let later = token.answer_at(now.saturating_add(hour / 4));
    /// assert_eq!((later.expires_in, later.refresh_token), (Some(hour * 3 / 4), None));
    /// ```
    #[must_use]
    pub fn answer_at(&self, now: UnixSeconds) -> Token {
        let mut answer = Token::bearer(self.access_token.clone(), self.expires_at.remaining_at(now));
        answer.refresh_token = self.refresh_token.clone().filter(|_| self.registration.is_some());
        answer
    }

    /// Returns whether the access token is still valid for more than `margin` from `now`.
    #[must_use]
    pub fn usable_at(&self, now: UnixSeconds, margin: Duration) -> bool {
        self.expires_at.remaining_at(now) > margin
    }

    /// Returns whether a refresh is possible: there is a refresh token, and a registration that has not
    /// expired.
    #[must_use]
    pub fn refreshable_at(&self, now: UnixSeconds) -> bool {
        self.refresh_token.is_some()
            && self
                .registration
                .as_ref()
                .is_some_and(|registration| registration.usable_at(now, Duration::ZERO))
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Corruption> {
        let members = Members::read(bytes)?;
        let client = members.text("clientId").zip(members.secret("clientSecret"));
        Ok(Self {
            access_token: Secret::from(members.required("accessToken")?),
            expires_at: members.required_time("expiresAt")?,
            refresh_token: members.secret("refreshToken"),
            registration: client.map(|(id, secret)| {
                let registration = Registration::new(Client::new(id, secret));
                match members.time("registrationExpiresAt") {
                    Some(end) => registration.with_expiry(end),
                    None => registration,
                }
            }),
            start_url: members.text("startUrl").map(str::to_owned),
            region: members.text("region").map(str::to_owned),
            endpoint_url: members.text("endpointUrl").map(str::to_owned),
        })
    }

    /// Returns the members in the order of AWS's command line, and ours last.
    pub(crate) fn members(&self) -> [(&'static str, Known<'_>); 9] {
        let registration = self.registration.as_ref();
        let client = registration.map(|registration| &registration.client);
        [
            ("startUrl", Known::text(self.start_url.as_deref())),
            ("region", Known::text(self.region.as_deref())),
            ("accessToken", Known::Secret(&self.access_token)),
            ("expiresAt", Known::Time(self.expires_at)),
            ("clientId", Known::text(client.map(|client| client.id.as_str()))),
            ("clientSecret", Known::secret(client.and_then(|client| client.secret.as_ref()))),
            (
                "registrationExpiresAt",
                registration
                    .and_then(|registration| registration.expires_at)
                    .map_or(Known::Absent, Known::Time),
            ),
            ("refreshToken", Known::secret(self.refresh_token.as_ref())),
            ("endpointUrl", Known::text(self.endpoint_url.as_deref())),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;

    const FULL: &str = r#"{"startUrl":"https://d-abc123.awsapps.com/start","region":"us-west-2",
        "accessToken":"at","expiresAt":"2021-12-25T21:30:00Z","clientId":"id","clientSecret":"cs",
        "registrationExpiresAt":"2022-12-25T13:30:00.5+00:00","refreshToken":"rt","extra":1}"#;

    fn read(text: &str) -> Result<CachedToken, Corruption> {
        CachedToken::read(text.as_bytes())
    }

    #[test]
    fn a_token_file_is_read_member_by_member() {
        let token = read(FULL).unwrap();
        assert_eq!(token.access_token.expose(), "at");
        assert_eq!(token.expires_at, UnixSeconds::new(1_640_467_800));
        assert_eq!(token.refresh_token.as_ref().map(Secret::expose), Some("rt"));
        assert_eq!(token.start_url.as_deref(), Some("https://d-abc123.awsapps.com/start"));
        assert_eq!(token.region.as_deref(), Some("us-west-2"));
        let registration = token.registration.as_ref().unwrap();
        assert_eq!(registration.client, Client::new("id", Secret::from("cs")));
        assert_eq!(registration.expires_at, Some(UnixSeconds::new(1_671_975_000)));
        assert!(token.refreshable_at(UnixSeconds::new(1_671_974_999)));
        assert!(!token.refreshable_at(UnixSeconds::new(1_671_975_000)));
    }

    #[test]
    fn a_renewal_keeps_what_it_does_not_concern_and_marks_its_endpoint() {
        let now = UnixSeconds::new(1_640_467_000);
        let answer = Token::bearer(Secret::from("new"), Duration::from_secs(60));
        let key = RegistrationKey::new("https://d-abc123.awsapps.com/start/", "US-WEST-2");
        let key = key.with_endpoint_url(Some("http://127.0.0.1:8080".to_owned()));
        let before = read(FULL).unwrap();
        let after = before.clone().renewed(&answer, Some(now), &key, now);
        assert_eq!((&after.start_url, &after.region), (&before.start_url, &before.region));
        assert_eq!((&after.registration, after.expires_at), (&before.registration, now));
        assert_eq!(after.endpoint_url, key.endpoint_url);
        assert_eq!((after.access_token.expose(), &after.refresh_token), ("new", &None));
        let again = after.renewed(&answer, None, &RegistrationKey::new("", ""), now);
        assert_eq!(again.expires_at, now.saturating_add(Duration::from_secs(3600)), "an unknown end");
        assert_eq!(again.endpoint_url, None);
    }

    #[test]
    fn a_refresh_token_is_of_use_with_its_client_only() {
        let mut token = read(FULL).unwrap();
        let hour = Duration::from_secs(3600);
        let now = UnixSeconds::new(token.expires_at.get() - 3600);
        let answer = token.answer_at(now);
        assert_eq!((answer.expires_in, &answer.refresh_token), (Some(hour), &token.refresh_token));
        assert_eq!(token.answer_at(token.expires_at).expires_in, Some(Duration::ZERO));
        token.registration = None;
        assert_eq!(token.answer_at(now).refresh_token, None);
    }

    #[test]
    fn an_access_token_with_its_end_is_enough_to_be_used_but_not_to_be_refreshed() {
        let token =
            read(r#"{"accessToken":"at","expiresAt":"2021-12-25T21:30:00Z","clientId":"id"}"#).unwrap();
        assert_eq!(token.registration, None);
        assert!(!token.refreshable_at(UnixSeconds::new(0)));
        assert!(token.usable_at(UnixSeconds::new(1_640_467_739), Duration::from_secs(60)));
        assert!(!token.usable_at(UnixSeconds::new(1_640_467_740), Duration::from_secs(60)));
    }

    #[test]
    fn a_token_file_without_token_or_end_is_corrupt() {
        let missing = |member| Err(Corruption::Missing(member));
        assert_eq!(read("{}"), missing("accessToken"));
        assert_eq!(read(r#"{"accessToken":"","expiresAt":"2021-12-25T21:30:00Z"}"#), missing("accessToken"));
        assert_eq!(read(r#"{"accessToken":"at"}"#), missing("expiresAt"));
        assert_eq!(
            read(r#"{"accessToken":"at","expiresAt":"soon"}"#),
            Err(Corruption::NotATime("expiresAt"))
        );
        assert_eq!(read(r#"{"accessToken":"at","expiresAt":16}"#), Err(Corruption::WrongType("expiresAt")));
    }

    #[test]
    fn a_written_token_reads_back_and_has_the_members_of_awss_tools_in_their_form() {
        let token = read(FULL).unwrap();
        let written = document::write(&token.members(), None);
        assert_eq!(
            str::from_utf8(&written).unwrap(),
            concat!(
                r#"{"startUrl":"https://d-abc123.awsapps.com/start","region":"us-west-2","accessToken":"at","#,
                r#""expiresAt":"2021-12-25T21:30:00Z","clientId":"id","clientSecret":"cs","#,
                r#""registrationExpiresAt":"2022-12-25T13:30:00Z","refreshToken":"rt"}"#,
                "\n"
            )
        );
        assert_eq!(CachedToken::read(&written), Ok(token));
    }

    #[test]
    fn a_token_remembers_the_endpoint_that_issued_it_until_another_one_takes_its_place() {
        let own = read(FULL).unwrap();
        assert_eq!(own.endpoint_url, None);
        let other = own.clone().with_endpoint_url(Some("http://127.0.0.1:1".to_owned()));
        let written = document::write(&other.members(), None);
        assert_eq!(CachedToken::read(&written), Ok(other));
        let replaced = document::write(&own.members(), Some(&written));
        assert_eq!(CachedToken::read(&replaced), Ok(own));
    }

    #[test]
    fn a_refresh_keeps_what_the_answer_does_not_replace() {
        let old = read(FULL).unwrap();
        let asked_at = UnixSeconds::new(1_640_439_000);
        let answer = Token::bearer(Secret::from("new"), Duration::from_secs(28_800));
        let kept = old.refreshed(&answer, asked_at);
        assert_eq!(kept.access_token.expose(), "new");
        assert_eq!(kept.expires_at, UnixSeconds::new(1_640_467_800));
        assert_eq!(kept.refresh_token, Some(Secret::from("rt")));
        assert_eq!((&kept.registration, &kept.start_url), (&old.registration, &old.start_url));
        let rotated = old.refreshed(&answer.with_refresh_token(Secret::from("rt2")), asked_at);
        assert_eq!(rotated.refresh_token, Some(Secret::from("rt2")));
    }

    #[test]
    fn debug_of_a_token_shows_no_secret() {
        let sentinels = ["\"at\"", "\"rt\"", "\"cs\""];
        let full = sentinels.iter().fold(FULL.to_owned(), |text, old| text.replace(old, "\"SENTINEL\""));
        assert_eq!(full.matches("SENTINEL").count(), 3);
        let text = format!("{:?}", read(&full).unwrap());
        assert!(text.contains("us-west-2") && !text.contains("SENTINEL"), "{text}");
    }
}

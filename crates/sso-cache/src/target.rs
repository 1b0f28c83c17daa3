//! Whether a stored token is for this portal, region, endpoint and scopes.
//!
//! AWS's tools file a token by session name or start URL alone, so the file may hold the token of another region or
//! service.

use core::fmt;
use core::time::Duration;

use oidc_proto::{Endpoint, UnixSeconds};

use crate::{Cache, CachedRegistration, CachedToken, RegistrationKey};

/// The stored registrations, which say what a token file leaves out.
///
/// [`Cache`] is one, and takes a file that it cannot read for none. A program with more to say of such a file has its
/// own.
///
/// ```
/// use sso_cache::{Cache, CachedRegistration, RegistrationKey, Registrations};
///
/// /// Registrations that warn of an unreadable file.
/// struct Warning(Cache);
///
/// impl Registrations for Warning {
///     fn of_client(&self, client_id: &str) -> Option<CachedRegistration> {
///         self.0.registration_of(client_id).inspect_err(|error| eprintln!("{error}")).ok()?
///     }
///
///     fn of_key(&self, key: &RegistrationKey) -> Option<CachedRegistration> {
///         self.0.registration(key).inspect_err(|error| eprintln!("{error}")).ok()?
///     }
/// }
///
/// # let dir = tempfile::tempdir()?;
/// let found = Warning(Cache::at(dir.path())).of_client("id");
/// assert_eq!(found, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Registrations {
    /// Returns the registration of the client with this id.
    fn of_client(&self, client_id: &str) -> Option<CachedRegistration>;

    /// Returns the registration under this key.
    fn of_key(&self, key: &RegistrationKey) -> Option<CachedRegistration>;
}

impl Registrations for Cache {
    fn of_client(&self, client_id: &str) -> Option<CachedRegistration> {
        self.registration_of(client_id).ok().flatten()
    }

    fn of_key(&self, key: &RegistrationKey) -> Option<CachedRegistration> {
        self.registration(key).ok().flatten()
    }
}

/// What a stored token must be for: a portal, its region, an endpoint and scopes.
///
/// ```
/// use core::time::Duration;
/// use oidc_proto::{Endpoint, Secret, Token, UnixSeconds};
/// use sso_cache::{Cache, CachedToken, Mismatch, RegistrationKey, TokenTarget};
///
/// # let dir = tempfile::tempdir()?;
/// let cache = Cache::at(dir.path());
/// let key = RegistrationKey::new("https://d-1.awsapps.com/start", "eu-west-1");
/// let endpoint = Endpoint::custom("https://oidc.eu-west-1.amazonaws.com")?;
/// let target = TokenTarget::new(&key, &endpoint, &[]);
///
/// let answer = Token::bearer(Secret::from("access"), Duration::from_secs(3600));
/// let token = CachedToken::new(&answer, UnixSeconds::new(1_640_467_800), None);
/// let ours = token.clone().for_portal("https://d-1.awsapps.com/start/#/", "eu-west-1");
/// assert_eq!(target.mismatch(&ours, &cache), None);
/// let other = token.for_portal("https://d-2.awsapps.com/start", "eu-west-1");
/// let why = target.mismatch(&other, &cache).ok_or("another portal")?;
/// assert_eq!(format!("the token {why}"), "the token is for https://d-2.awsapps.com/start");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TokenTarget<'a> {
    key: &'a RegistrationKey,
    endpoint: &'a Endpoint,
    scopes: &'a [String],
}

/// The reason why a stored token is for something else. The text continues a sentence about the token: `is for …`,
/// `lacks …`. It quotes the token's file, so strip control characters before a terminal
/// ([`printable`](oidc_proto::printable)).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mismatch {
    /// It is for another portal.
    Portal {
        /// The start URL in the token's file.
        start_url: String,
    },
    /// It is for another region. A region belongs to one partition, so this also distinguishes partitions.
    Region {
        /// The region in the token's file.
        region: String,
        /// The target's region.
        wanted: String,
    },
    /// It came from another endpoint.
    Endpoint {
        /// The token's endpoint; `None` is the region's own.
        origin: Option<String>,
        /// The target's endpoint.
        wanted: String,
    },
    /// Its client did not register these scopes, which the target needs.
    Scopes {
        /// The scopes that it lacks.
        missing: Vec<String>,
    },
    /// The registration of its client is not in the cache, and the target needs scopes. Another sign-in, or another
    /// tool, may have replaced or removed it, so a program may take the token all the same.
    UnknownScopes,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Portal { start_url } => write!(f, "is for {start_url}"),
            Self::Region { region, wanted } => write!(f, "is for region {region}, not for {wanted}"),
            Self::Endpoint { origin, wanted } => {
                let origin = origin.as_deref().unwrap_or("another service");
                write!(f, "came from {origin}, not from {wanted}")
            }
            Self::Scopes { missing } => write!(f, "lacks the scopes {}", missing.join(", ")),
            Self::UnknownScopes => {
                f.write_str("has unknown scopes, because the registration of its client is not in the cache")
            }
        }
    }
}

impl<'a> TokenTarget<'a> {
    /// Creates it from the key of the sign-in's registration, which has start URL, region and whether the endpoint is
    /// the region's own. `scopes` are those that the token must have; with none, any will do.
    #[must_use]
    pub const fn new(key: &'a RegistrationKey, endpoint: &'a Endpoint, scopes: &'a [String]) -> Self {
        Self { key, endpoint, scopes }
    }

    /// Returns why the token is for something else, if it is. What its file does not say counts as right. Its expiry
    /// is another matter ([`CachedToken::usable_at`]). The example is at [`TokenTarget`].
    #[must_use]
    pub fn mismatch(&self, token: &CachedToken, registrations: &impl Registrations) -> Option<Mismatch> {
        if let Some(url) = token.start_url.as_ref().filter(|url| !is_same_portal(url, &self.key.start_url)) {
            return Some(Mismatch::Portal { start_url: url.clone() });
        }
        let region = token.region.as_ref().filter(|region| !region.eq_ignore_ascii_case(&self.key.region));
        if let Some(region) = region {
            return Some(Mismatch::Region { region: region.clone(), wanted: self.key.region.clone() });
        }
        if !self.is_from_here(token, registrations) {
            let origin = token.origin(registrations);
            return Some(Mismatch::Endpoint { origin, wanted: self.endpoint.to_string() });
        }
        self.scopes_mismatch(token, registrations)
    }

    /// Returns whether storing a token of this target would replace one of another endpoint that is still of use. A
    /// token of a server on this machine may be replaced, and the region's own endpoint may replace any.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use oidc_proto::{Endpoint, Secret, Token, UnixSeconds};
    /// # use sso_cache::{Cache, CachedToken, RegistrationKey, TokenTarget};
    /// # let dir = tempfile::tempdir()?;
    /// # let cache = Cache::at(dir.path());
    /// # let now = UnixSeconds::new(1_640_467_800);
    /// # let answer = Token::bearer(Secret::from("access"), Duration::from_secs(3600));
    /// let test = "http://127.0.0.1:8080";
    /// let key = RegistrationKey::new("https://d-1.awsapps.com/start", "eu-west-1");
    /// let key = key.with_endpoint_url(Some(test.to_owned()));
    /// let endpoint = Endpoint::custom(test)?;
    /// let target = TokenTarget::new(&key, &endpoint, &[]);
    /// let of_aws = CachedToken::new(&answer, now, None);
    /// assert!(target.would_replace_anothers(&of_aws, now, &cache));
    /// let end = of_aws.expires_at;
    /// assert!(!target.would_replace_anothers(&of_aws, end, &cache), "of no more use");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn would_replace_anothers(
        &self,
        token: &CachedToken,
        now: UnixSeconds,
        registrations: &impl Registrations,
    ) -> bool {
        let is_of_use = token.usable_at(now, Duration::ZERO) || token.refreshable_at(now);
        if self.key.endpoint_url.is_none() || !is_of_use {
            return false;
        }
        let is_of_a_test = token
            .origin(registrations)
            .is_some_and(|url| Endpoint::custom(&url).is_ok_and(|endpoint| endpoint.is_loopback()));
        !is_of_a_test && !self.is_from_here(token, registrations)
    }

    /// Checks the scopes. A token has the scopes that its client registered.
    fn scopes_mismatch(&self, token: &CachedToken, registrations: &impl Registrations) -> Option<Mismatch> {
        if self.scopes.is_empty() {
            return None;
        }
        let Some(registered) = registration_of(token, registrations) else {
            return Some(Mismatch::UnknownScopes);
        };
        let scopes = registered.scopes.unwrap_or_default();
        let missing: Vec<String> =
            self.scopes.iter().filter(|needed| !scopes.contains(needed)).cloned().collect();
        (!missing.is_empty()).then_some(Mismatch::Scopes { missing })
    }

    /// Returns whether the token came from this endpoint. A token without an endpoint counts as the region's own,
    /// unless its client is registered at this endpoint.
    fn is_from_here(&self, token: &CachedToken, registrations: &impl Registrations) -> bool {
        match token.origin(registrations) {
            Some(url) => Endpoint::allow_insecure_http(&url).is_ok_and(|from| from == *self.endpoint),
            None => self.key.endpoint_url.is_none() || self.is_of_our_client(token, registrations),
        }
    }

    fn is_of_our_client(&self, token: &CachedToken, registrations: &impl Registrations) -> bool {
        let ours = registrations.of_key(self.key);
        let client = token.registration.as_ref().map(|registration| &registration.client.id);
        ours.is_some_and(|ours| Some(&ours.registration.client.id) == client)
    }
}

impl CachedToken {
    /// Returns the endpoint of the token, from the token or from the registration of its client; `None` is the
    /// region's own. AWS's tools drop the token's endpoint when they refresh it, but keep its client.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use oidc_proto::{Client, Registration, Secret, Token, UnixSeconds};
    /// use sso_cache::{Cache, CachedRegistration, CachedToken, RegistrationKey};
    ///
    /// # let dir = tempfile::tempdir()?;
    /// # let cache = Cache::at(dir.path().join("cache"));
    /// # let answer = Token::bearer(Secret::from("access"), Duration::from_secs(3600));
    /// # let now = UnixSeconds::new(1_640_467_800);
    /// # let client = Registration::new(Client::new("id", Secret::from("secret")));
    /// let token = CachedToken::new(&answer, now, Some(client.clone()));
    /// assert_eq!(token.origin(&cache), None);
    /// let test = Some("http://127.0.0.1:8080".to_owned());
    /// let key = RegistrationKey::new("https://d-1.awsapps.com/start", "eu-west-1");
    /// let registered = CachedRegistration::new(client).with_endpoint_url(test.clone());
    /// cache.save_registration(&key.with_endpoint_url(test.clone()), &registered)?;
    /// assert_eq!(token.origin(&cache), test);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn origin(&self, registrations: &impl Registrations) -> Option<String> {
        self.endpoint_url.clone().or_else(|| registration_of(self, registrations)?.endpoint_url)
    }
}

/// Returns the stored registration of the token's client.
fn registration_of(token: &CachedToken, registrations: &impl Registrations) -> Option<CachedRegistration> {
    registrations.of_client(&token.registration.as_ref()?.client.id)
}

/// Returns whether two start URLs are of one portal. A fragment, a slash at the end and the host's letter case are
/// ignored.
fn is_same_portal(one: &str, other: &str) -> bool {
    fn parts(url: &str) -> (String, &str) {
        let url = url.split_once('#').map_or(url, |(before, _)| before).trim_end_matches('/');
        let host = url.find("://").map_or(0, |at| at + 3);
        let path = url.get(host..).and_then(|rest| rest.find('/')).map_or(url.len(), |at| host + at);
        let (origin, path) = url.split_at(path);
        (origin.to_ascii_lowercase(), path)
    }
    parts(one) == parts(other)
}

#[cfg(test)]
mod tests {
    use oidc_proto::{Client, Registration, Secret, Token};

    use super::*;

    const NOW: UnixSeconds = UnixSeconds::new(1_640_467_800);
    const URL: &str = "https://d-1.awsapps.com/start";
    const AWS: &str = "https://oidc.eu-west-1.amazonaws.com";
    const TEST: &str = "http://127.0.0.1:8080";

    /// Registrations by client and by key, of one client at most.
    #[derive(Default)]
    struct Known {
        of_client: Option<CachedRegistration>,
        of_key: Option<CachedRegistration>,
    }

    impl Registrations for Known {
        fn of_client(&self, client_id: &str) -> Option<CachedRegistration> {
            self.of_client.clone().filter(|found| found.registration.client.id == client_id)
        }

        fn of_key(&self, _: &RegistrationKey) -> Option<CachedRegistration> {
            self.of_key.clone()
        }
    }

    fn client(id: &str) -> Registration {
        Registration::new(Client::new(id, Secret::from("secret")))
    }

    fn token() -> CachedToken {
        let answer = Token::bearer(Secret::from("access"), Duration::from_secs(3600));
        CachedToken::new(&answer, NOW, Some(client("id"))).for_portal(URL, "eu-west-1")
    }

    fn key(endpoint: &str) -> RegistrationKey {
        RegistrationKey::new(URL, "eu-west-1")
            .with_endpoint_url(Some(endpoint.to_owned()).filter(|url| url != AWS))
    }

    fn mismatch(endpoint: &str, scopes: &[&str], token: &CachedToken, known: &Known) -> Option<String> {
        let (key, endpoint) = (key(endpoint), Endpoint::allow_insecure_http(endpoint).unwrap());
        let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        TokenTarget::new(&key, &endpoint, &scopes).mismatch(token, known).map(|why| why.to_string())
    }

    #[test]
    fn a_token_is_for_its_portal_and_region_or_for_any_if_its_file_names_none() {
        let known = Known::default();
        let said = |token: &CachedToken| mismatch(AWS, &[], token, &known);
        assert_eq!(said(&token()), None);
        assert_eq!(said(&token().for_portal("https://D-1.awsapps.com/start/#/", "EU-WEST-1")), None);
        let mut bare = token();
        (bare.start_url, bare.region) = (None, None);
        assert_eq!(said(&bare), None);
        let other = token().for_portal("https://d-2.awsapps.com/start", "us-east-1");
        assert_eq!(said(&other).as_deref(), Some("is for https://d-2.awsapps.com/start"));
        let other = token().for_portal(URL, "us-east-1");
        assert_eq!(said(&other).as_deref(), Some("is for region us-east-1, not for eu-west-1"));
    }

    #[test]
    fn a_token_without_an_endpoint_is_the_regions_own_unless_its_client_is_of_another() {
        let nothing = Known::default();
        assert_eq!(mismatch(AWS, &[], &token(), &nothing), None);
        let said = mismatch(TEST, &[], &token(), &nothing);
        assert_eq!(said, Some(format!("came from another service, not from {TEST}")));
        let marked = token().with_endpoint_url(Some(TEST.to_owned()));
        assert_eq!(mismatch(TEST, &[], &marked, &nothing), None);
        assert_eq!(mismatch(AWS, &[], &marked, &nothing), Some(format!("came from {TEST}, not from {AWS}")));

        let registered = CachedRegistration::new(client("id")).with_endpoint_url(Some(TEST.to_owned()));
        let of_client = Known { of_client: Some(registered), ..Known::default() };
        assert_eq!(mismatch(TEST, &[], &token(), &of_client), None);
        assert_eq!(
            mismatch(AWS, &[], &token(), &of_client),
            Some(format!("came from {TEST}, not from {AWS}"))
        );
        for (id, is_ours) in [("id", true), ("another", false)] {
            let of_key = Known { of_key: Some(CachedRegistration::new(client(id))), ..Known::default() };
            assert_eq!(mismatch(TEST, &[], &token(), &of_key).is_none(), is_ours, "{id}");
        }
    }

    #[test]
    fn a_token_has_the_scopes_that_its_client_registered() {
        let with = |scopes: &[&str]| {
            let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
            let found = CachedRegistration::new(client("id")).with_scopes(Some(scopes));
            Known { of_client: Some(found), ..Known::default() }
        };
        assert_eq!(mismatch(AWS, &["a", "b"], &token(), &with(&["b", "c", "a"])), None);
        let said = mismatch(AWS, &["a", "b", "c"], &token(), &with(&["b"]));
        assert_eq!(said.as_deref(), Some("lacks the scopes a, c"));
        let said = mismatch(AWS, &["a"], &token(), &Known::default()).unwrap();
        assert!(said.starts_with("has unknown scopes"), "{said}");
        assert_eq!(mismatch(AWS, &[], &token(), &Known::default()), None);
    }

    #[test]
    fn a_test_server_does_not_replace_a_token_of_aws_that_is_of_use() {
        let replaces = |endpoint: &str, token: &CachedToken, now| {
            let (key, endpoint) = (key(endpoint), Endpoint::allow_insecure_http(endpoint).unwrap());
            TokenTarget::new(&key, &endpoint, &[]).would_replace_anothers(token, now, &Known::default())
        };
        let mut token = token();
        assert!(replaces(TEST, &token, NOW));
        assert!(!replaces(AWS, &token, NOW), "the region's own endpoint");
        assert!(!replaces(TEST, &token, token.expires_at), "it has expired");
        token.refresh_token = Some(Secret::from("refresh"));
        assert!(replaces(TEST, &token, token.expires_at), "it can be refreshed");
        let another = token.clone().with_endpoint_url(Some("https://sso.example".to_owned()));
        assert!(replaces(TEST, &another, NOW));
        let of_a_test = token.with_endpoint_url(Some("http://127.0.0.1:9".to_owned()));
        assert!(!replaces(TEST, &of_a_test, NOW));
    }

    #[test]
    fn start_urls_of_one_portal_are_told_from_those_of_two() {
        for same in [
            URL,
            "https://d-1.awsapps.com/start/",
            "https://d-1.awsapps.com/start#/",
            "https://d-1.awsapps.com/start/#/",
            "HTTPS://D-1.awsapps.com/start",
        ] {
            assert!(is_same_portal(URL, same) && is_same_portal(same, URL), "{same}");
        }
        for other in [
            "https://d-2.awsapps.com/start",
            "https://d-1.awsapps.com/Start",
            "https://d-1.awsapps.com",
            "https://d-1.awsapps.com/start/x",
            "http://d-1.awsapps.com/start",
            "",
        ] {
            assert!(!is_same_portal(URL, other) && !is_same_portal(other, URL), "{other}");
        }
        assert!(is_same_portal("https://x.example", "https://X.example/"));
    }
}

//! The cache around a sign-in: what can be used again, one sign-in at a time, and what is kept.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use device_flow_ureq::SignedIn;
use oidc_proto::{Endpoint, Registration, Token, UnixSeconds};
use sso_cache::{Cache, CacheError, CachedRegistration, CachedToken, Guard, Identity, RegistrationKey};

use super::portal::{Place, Portal};
use super::say;
use crate::exit::{Failure, chain, warn};
use crate::operations::token_document;
use crate::output::Document;
use crate::settings::Settings;

/// What must be left of a token or a registration for it to be used again; AWS's tools use the same.
const MARGIN: Duration = Duration::from_secs(15 * 60);

/// How often another process's sign-in is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// The files of one portal in `~/.aws/sso/cache`.
pub(super) struct Store {
    cache: Cache,
    identity: Identity,
    key: RegistrationKey,
    start_url: String,
    region: String,
    scopes: Vec<String>,
    needed_scopes: Vec<String>,
    endpoint: Endpoint,
    /// The endpoint, if it is not the region's own.
    endpoint_url: Option<String>,
    /// Held from before the sign-in to after the token is stored.
    guard: std::cell::RefCell<Option<Guard>>,
}

/// What was found before the sign-in.
#[derive(Default)]
pub(super) struct Before {
    /// For how long the stored token is still good, if no sign-in is needed.
    pub(super) still_good: Option<String>,
    /// That token, for `--show-token`.
    pub(super) document: Option<Document>,
    /// A registration to use again.
    pub(super) registration: Option<Registration>,
}

impl Before {
    /// No sign-in is needed: there is this token.
    fn of(token: CachedToken) -> Self {
        let left = token.expires_at.remaining_at(now());
        let mut answer = Token::bearer(token.access_token, left);
        answer.refresh_token = token.refresh_token;
        Self { still_good: Some(life(left)), document: Some(token_document(&answer)), registration: None }
    }
}

impl Store {
    /// The files of this portal.
    ///
    /// # Errors
    /// A configuration failure: there is no home directory.
    pub(super) fn of(portal: &Portal, place: &Place, settings: &Settings) -> Result<Self, Failure> {
        let home = settings.environment().home().ok_or_else(|| {
            Failure::config("there is no home directory to keep the token in")
                .with_hint("set HOME, or pass --no-cache --show-token")
        })?;
        let scopes = Some(portal.scopes.clone()).filter(|scopes| !scopes.is_empty());
        let endpoint_url = place.is_custom.then(|| place.endpoint.to_string());
        let key = portal.identity.registration_key(&portal.start_url, &portal.region, scopes);
        Ok(Self {
            cache: Cache::at(Cache::default_dir(&home)),
            key: key.with_endpoint_url(endpoint_url.clone()),
            endpoint: place.endpoint.clone(),
            endpoint_url,
            identity: portal.identity.clone(),
            start_url: portal.start_url.clone(),
            region: portal.region.clone(),
            scopes: portal.scopes.clone(),
            needed_scopes: portal.needed_scopes.clone(),
            guard: None.into(),
        })
    }

    /// Waits for other sign-ins to the same portal, so that ten programs that start together open one page and not
    /// ten; then looks at what is stored.
    ///
    /// # Errors
    /// The cache cannot be used, or a token in it is not to be replaced.
    pub(super) fn before_sign_in(
        &self,
        if_needed: bool,
        force: bool,
        is_cancelled: impl Fn() -> bool,
    ) -> Result<Before, Failure> {
        let earlier = self.good_token();
        if if_needed && let Some(token) = earlier {
            return Ok(Before::of(token));
        }
        let waited = self.lock(is_cancelled)?;
        // Whoever held the lock may have signed in meanwhile, which is what was asked for; or have given up, and then the
        // token is the old one still.
        if let Some(token) = self.good_token()
            && (if_needed
                || (waited && earlier.is_none_or(|earlier| earlier.access_token != token.access_token)))
        {
            return Ok(Before::of(token));
        }
        if !force {
            self.spare_another_endpoints_token()?;
        }
        let stored = self.ignoring_corrupt(self.cache.registration(&self.key));
        let registration = stored
            .filter(CachedRegistration::suits_device_flow)
            .map(|stored| stored.registration)
            .filter(|registration| registration.usable_at(now(), MARGIN));
        Ok(Before { registration, ..Before::default() })
    }

    /// Takes the lock; true if another process had it.
    fn lock(&self, is_cancelled: impl Fn() -> bool) -> Result<bool, Failure> {
        let mut waited = false;
        loop {
            match self.cache.lock(&self.identity, if waited { LOOK_AGAIN } else { Duration::ZERO }) {
                Ok(guard) => {
                    *self.guard.borrow_mut() = Some(guard);
                    return Ok(waited);
                }
                Err(CacheError::Locked { .. }) if !is_cancelled() => {
                    if !waited {
                        say(format_args!(
                            "Another sign-in to {} is under way; waiting for it.",
                            self.start_url
                        ));
                    }
                    waited = true;
                }
                Err(error) => return Err(Failure::other(chain(&error))),
            }
        }
    }

    /// AWS's tools file a token under its start URL or session alone, so a sign-in at a test server would replace the
    /// token of the real service, and the session with it. The other way round nothing is lost.
    ///
    /// # Errors
    /// There is a token of another service than the one that is about to be asked, and it is still of use.
    fn spare_another_endpoints_token(&self) -> Result<(), Failure> {
        let Some(endpoint_url) = &self.endpoint_url else { return Ok(()) };
        let Some(token) = self.ignoring_corrupt(self.cache.token(&self.identity)) else { return Ok(()) };
        let is_of_use = token.usable_at(now(), Duration::ZERO) || token.refreshable_at(now());
        let is_of_a_test = token
            .endpoint_url
            .as_ref()
            .is_some_and(|url| Endpoint::custom(url).is_ok_and(|endpoint| endpoint.is_loopback()));
        if !is_of_use || is_of_a_test || self.is_from_here(&token) {
            return Ok(());
        }
        let origin = match &token.endpoint_url {
            Some(origin) => format!("it came from {origin}, not from {endpoint_url}"),
            None => format!(
                "it does not say where it came from (AWS's tools never write that), so it may not be from {endpoint_url}"
            ),
        };
        Err(Failure::config(format_args!(
            "The stored token for {} is still of use; {origin}",
            self.identity.as_str()
        ))
        .with_detail(format_args!("It is in {}.", self.cache.token_path(&self.identity).display()))
        .with_hint("--force replaces it; --no-cache --show-token signs in without the cache, another HOME with an empty one"))
    }

    /// Whether the token says that it came from this endpoint; one that says nothing counts as the region's own.
    fn is_from_here(&self, token: &CachedToken) -> bool {
        match &token.endpoint_url {
            None => self.endpoint_url.is_none(),
            Some(url) => Endpoint::allow_insecure_http(url).is_ok_and(|from| from == self.endpoint),
        }
    }

    /// The stored token, if it is good for a while and for what was asked for: a token for another portal under the same
    /// session name, from elsewhere, or with fewer scopes, is not.
    fn good_token(&self) -> Option<CachedToken> {
        let token = self.ignoring_corrupt(self.cache.token(&self.identity))?;
        let fits = token.start_url.as_deref().is_none_or(|url| url == self.start_url)
            && self.is_from_here(&token)
            && token.usable_at(now(), MARGIN)
            && self.has_needed_scopes(&token);
        fits.then_some(token)
    }

    /// A token has the scopes that its client registered.
    fn has_needed_scopes(&self, token: &CachedToken) -> bool {
        if self.needed_scopes.is_empty() {
            return true;
        }
        let Some(client) = token.registration.as_ref().map(|registration| &registration.client) else {
            return false;
        };
        let registered = self.ignoring_corrupt(self.cache.registration_of(&client.id));
        let scopes = registered.and_then(|registered| registered.scopes).unwrap_or_default();
        self.needed_scopes.iter().all(|needed| scopes.contains(needed))
    }

    /// Keeps the token and, if it is new, the registration. Returns the token's file.
    ///
    /// # Errors
    /// The token cannot be written. A registration that cannot be written is a warning: it can be made again.
    pub(super) fn keep(&self, signed_in: &SignedIn) -> Result<PathBuf, Failure> {
        if signed_in.newly_registered {
            self.keep_registration(&signed_in.registration);
        }
        let age = i64::try_from(signed_in.token_age.as_secs() + 1).unwrap_or(i64::MAX);
        let asked_at = UnixSeconds::new(now().get().saturating_sub(age));
        let token = CachedToken::new(&signed_in.token, asked_at, Some(signed_in.registration.clone()))
            .for_portal(&self.start_url, &self.region)
            .with_endpoint_url(self.endpoint_url.clone());
        self.cache.save_token(&self.identity, &token).map_err(|error| {
            Failure::other(format_args!("Signed in, but the token could not be stored: {}", chain(&error)))
                .with_hint("make the directory writable and run the same command again")
        })?;
        Ok(self.cache.token_path(&self.identity))
    }

    /// Keeps a registration for the next sign-in.
    pub(super) fn keep_registration(&self, registration: &Registration) {
        let scopes = Some(self.scopes.clone()).filter(|scopes| !scopes.is_empty());
        let kept = CachedRegistration::new(registration.clone()).with_scopes(scopes);
        if let Err(error) = self.cache.save_registration(&self.key, &kept) {
            warn(format_args!("the registration could not be stored: {}", chain(&error)));
        }
    }

    /// What was loaded. A corrupt file is moved out of the way and named; it must not keep anybody from signing in.
    fn ignoring_corrupt<T>(&self, loaded: Result<Option<T>, CacheError>) -> Option<T> {
        let error = match loaded {
            Ok(found) => return found,
            Err(error) => error,
        };
        let aside = error.corrupt_file().map(|file| self.cache.set_aside(file));
        match aside {
            Some(Ok(Some(kept))) => warn(format_args!("{}; moved to {}", chain(&error), kept.display())),
            _ => warn(chain(&error)),
        }
        None
    }
}

/// The wall clock.
fn now() -> UnixSeconds {
    UnixSeconds::from(SystemTime::now())
}

/// `7 h 59 min`
pub(super) fn life(left: Duration) -> String {
    let minutes = left.as_secs() / 60;
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{} s", left.as_secs()),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_reads_in_hours_and_minutes() {
        assert_eq!(life(Duration::from_secs(28_799)), "7 h 59 min");
        assert_eq!(life(Duration::from_secs(3_540)), "59 min");
        assert_eq!(life(Duration::from_secs(59)), "59 s");
    }
}

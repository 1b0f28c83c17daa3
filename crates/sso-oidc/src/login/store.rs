//! The cache around a sign-in: reusing stored tokens and registrations, the lock, and storing new ones.

use std::cell::RefCell;
use std::time::{Duration, Instant, SystemTime};

use oidc_proto::{Endpoint, Registration, Secret, Token, UnixSeconds};
use sso_cache::{Cache, CacheError, CachedToken, Guard, Holder, Identity, RegistrationKey};

use super::fitness::Unfit;
use super::portal::{Place, Portal};
use super::refresh::{Files, Renewer};
use super::say;
use crate::exit::{Failure, chain, warn};
use crate::operations::token_document;
use crate::output::Document;
use crate::settings::Settings;

/// The shortest remaining lifetime of a reusable token or registration, as in AWS's tools.
pub(crate) const MARGIN: Duration = Duration::from_secs(15 * 60);

/// The interval between two checks of another process's lock.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// The pause before a torn file is read again, and the number of times.
const TORN: Duration = Duration::from_millis(20);
const READS_OF_A_TORN_FILE: u32 = 25;

pub(super) const NOT_REQUESTED: &str = "A new token could not be stored, so none was requested";

pub(super) const WITHOUT_CACHE: &str =
    "sign in without the cache with `sso-oidc login --no-cache --show-token`";

/// The longest wait for a refresh by another process before the token of a sign-in is written. The renewal there sees
/// a token that is written meanwhile, and keeps it.
const WAIT_FOR_A_REFRESH: Duration = Duration::from_secs(5);

/// The files of one portal in `~/.aws/sso/cache`.
pub(super) struct Store {
    pub(super) cache: Cache,
    pub(super) identity: Identity,
    pub(super) key: RegistrationKey,
    pub(super) start_url: String,
    pub(super) region: String,
    pub(super) scopes: Vec<String>,
    pub(super) needed_scopes: Vec<String>,
    /// Whether a token with unknown scopes is good enough.
    pub(super) takes_unknown_scopes: bool,
    pub(super) endpoint: Endpoint,
    /// The endpoint, if it is not the region's own.
    pub(super) endpoint_url: Option<String>,
    /// The lock on the sign-in, held to the end of the program.
    signing_in: RefCell<Option<Guard>>,
    /// The warnings so far. A file is read more than once, but warned of once.
    warned_of: RefCell<Vec<String>>,
}

/// The flags about a stored token.
pub(super) struct Wish {
    /// Use or refresh it.
    pub(super) if_needed: bool,
    /// Replace it even if it came from another endpoint.
    pub(super) force: bool,
    /// Whether the sign-in uses the authorization code flow, whose registrations are kept apart.
    pub(super) code_flow: bool,
    /// The longest wait for another sign-in.
    pub(super) lock_timeout: Duration,
}

/// The state of the cache before the sign-in.
pub(super) enum Before {
    /// No sign-in is needed.
    Token(Box<Kept>),
    /// A sign-in is needed, with this registration if one can be reused.
    SignIn(Option<Registration>),
}

/// A stored or refreshed token, which makes a sign-in unnecessary.
pub(super) struct Kept {
    /// The message for the user.
    pub(super) words: String,
    pub(super) good_for: String,
    /// The output of `--show-token`.
    pub(super) document: Document,
    pub(super) access_token: Secret,
    pub(super) left: Duration,
    /// Whether it has just been refreshed.
    pub(super) refreshed: bool,
    /// The result of storing it, if it is new.
    pub(super) stored: Result<(), Failure>,
}

impl Store {
    /// Returns the files of this portal.
    ///
    /// # Errors
    /// The home directory is unknown.
    pub(super) fn of(portal: &Portal, place: &Place, settings: &Settings) -> Result<Self, Failure> {
        let home = settings.environment().home().ok_or_else(|| {
            Failure::config("the home directory, where the token would be stored, is unknown")
                .with_hint("set HOME, or pass --no-cache --show-token")
        })?;
        let endpoint_url = place.is_custom.then(|| place.endpoint.to_string());
        let configured = portal.configured_scopes.clone();
        let key = portal.identity.registration_key(&portal.start_url, &portal.region, configured);
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
            takes_unknown_scopes: false,
            signing_in: RefCell::default(),
            warned_of: RefCell::default(),
        })
    }

    /// Uses or refreshes the stored token if asked to. Else it waits for other sign-ins to the same portal, so that ten
    /// programs that start together open one page. Then it checks that a new token could be stored.
    ///
    /// # Errors
    /// The cache cannot be used, or its token must not be replaced.
    pub(super) fn before_sign_in(
        &self,
        wish: &Wish,
        renewer: &Renewer<'_>,
        is_cancelled: impl Fn() -> bool,
    ) -> Result<Before, Failure> {
        self.warn_of_others();
        let mut why_not = None;
        let mut earlier = None;
        if wish.if_needed {
            let files = Files::of(self, renewer, wish.lock_timeout);
            match files.kept_or_why()? {
                Ok(kept) => return Ok(Before::Token(Box::new(kept))),
                Err(why) => why_not = why,
            }
            earlier = Some(files.last_read());
        }
        match self.stored_meanwhile(earlier, wish.lock_timeout, is_cancelled)? {
            Some(Ok(kept)) => return Ok(Before::Token(Box::new(kept))),
            Some(Err(unfit)) => why_not = Some(unfit.to_string()),
            None => {}
        }
        if let Some(why) = why_not {
            say(format_args!("The stored token for {} cannot be used: {why}.", self.identity.as_str()));
        }
        if let Some(token) = self.stored().filter(|_| !wish.force) {
            self.spare_another_endpoints_token(&token)?;
        }
        self.check_writable()?;
        let registration = self
            .ignoring_corrupt(self.cache.registration(&self.key))
            // The file's name depends on the configured scopes, and this sign-in may request more.
            .filter(|stored| stored.suits_code_flow() == wish.code_flow && stored.has_scopes(&self.scopes))
            // A page that refuses the client tells only the person, who then wants a new one.
            .filter(|_| !(wish.force && wish.code_flow))
            .map(|stored| stored.registration)
            .filter(|registration| registration.usable_at(now(), MARGIN));
        Ok(Before::SignIn(registration))
    }

    /// Takes the lock on the sign-in, and judges the token that another sign-in has stored meanwhile. `earlier` is the
    /// token that was found of no use. Without it, a new token counts only if another sign-in was waited for.
    ///
    /// # Errors
    /// The cache cannot be locked.
    fn stored_meanwhile(
        &self,
        earlier: Option<Option<CachedToken>>,
        lock_timeout: Duration,
        is_cancelled: impl Fn() -> bool,
    ) -> Result<Option<Result<Kept, Unfit>>, Failure> {
        let is_judged = earlier.is_some();
        let earlier = earlier.unwrap_or_else(|| self.stored());
        let waited = self.lock_sign_in(lock_timeout, is_cancelled)?;
        // If the other sign-in gave up, the old token is still there.
        let access_token =
            |token: &Option<CachedToken>| token.as_ref().map(|token| token.access_token.clone());
        let stored = self.stored();
        let is_new = access_token(&stored) != access_token(&earlier);
        let counts = |_: &CachedToken| is_new && (waited || is_judged);
        Ok(stored.filter(counts).map(|token| self.judge(&token).map(|()| self.have(token))))
    }

    /// Takes the lock on the sign-in, and returns whether another process held it.
    ///
    /// # Errors
    /// Another process still holds it after this time, or the lock file cannot be used.
    fn lock_sign_in(&self, lock_timeout: Duration, is_cancelled: impl Fn() -> bool) -> Result<bool, Failure> {
        let began = Instant::now();
        let mut waited = false;
        loop {
            let left = lock_timeout.saturating_sub(began.elapsed());
            let error = match self
                .cache
                .lock_sign_in(&self.identity, if waited { LOOK_AGAIN.min(left) } else { Duration::ZERO })
            {
                Ok(guard) => {
                    if let Some(why) = guard.unlocked() {
                        warn(format_args!(
                            "{}; going on without a lock, so parallel sign-ins may each open a page",
                            chain(why)
                        ));
                    }
                    *self.signing_in.borrow_mut() = Some(guard);
                    return Ok(waited);
                }
                Err(error) => error,
            };
            match &error {
                CacheError::Locked { holder, .. } if !is_cancelled() && !left.is_zero() => {
                    if !waited {
                        self.say_waiting("sign-in to", holder.as_ref(), lock_timeout);
                    }
                    waited = true;
                }
                CacheError::Locked { .. } => {
                    let failure = self.still_locked("sign-in to", began.elapsed(), &error);
                    return Err(failure.with_hint(format_args!(
                        "end that process if it hangs, wait longer with --lock-timeout, or {WITHOUT_CACHE}"
                    )));
                }
                _ => return Err(self.unwritable("The cache cannot be locked", &error)),
            }
        }
    }

    /// Takes the lock on the token file, to write it after a sign-in.
    pub(super) fn lock_to_write(&self) -> Option<Guard> {
        // Without the lock the token is written all the same, because the service gives it only once.
        self.cache.lock(&self.identity, WAIT_FOR_A_REFRESH).ok()
    }

    /// Says that another process does `what` with this portal, and is waited for.
    pub(super) fn say_waiting(&self, what: &str, holder: Option<&Holder>, lock_timeout: Duration) {
        let holder = holder.map_or(String::new(), |holder| format!(", by {holder}"));
        say(format_args!(
            "Another {what} {} is in progress{holder}; waiting for it for up to {}. Ctrl-C cancels.",
            self.start_url,
            life(lock_timeout)
        ));
    }

    /// Returns the failure of a wait for another process that does `what` with this portal.
    pub(super) fn still_locked(&self, what: &str, waited: Duration, error: &CacheError) -> Failure {
        Failure::other(format_args!(
            "Another {what} {} did not end within {}: {}",
            self.start_url,
            life(waited),
            chain(error)
        ))
    }

    /// Protects the real service's token from a sign-in at a test server. AWS's tools file a token by start URL or
    /// session only, so the sign-in would replace it. A test server's token may be replaced.
    ///
    /// # Errors
    /// The token came from another endpoint and is still valid or refreshable.
    fn spare_another_endpoints_token(&self, token: &CachedToken) -> Result<(), Failure> {
        let Some(endpoint_url) = &self.endpoint_url else { return Ok(()) };
        if !self.target().would_replace_anothers(token, now(), self) {
            return Ok(());
        }
        let origin = match token.origin(self) {
            Some(origin) => format!("it came from {origin}, not from {endpoint_url}"),
            None => format!(
                "it has no endpoint (AWS's tools never write one), so it may not be from {endpoint_url}"
            ),
        };
        Err(Failure::config(format_args!(
            "The stored token for {} is still valid, and would be replaced; {origin}",
            self.identity.as_str()
        ))
        .with_detail(format_args!("It is in {}.", self.cache.token_path(&self.identity).display()))
        .with_hint(
            "pass --force to replace it, or --no-cache --show-token to sign in without the cache, or set another HOME",
        ))
    }

    /// Returns the stored token.
    pub(super) fn stored(&self) -> Option<CachedToken> {
        self.ignoring_corrupt(self.settled())
    }

    /// Reads the token. AWS's tools write in place, so a torn file is read again for a moment. Moving it away
    /// would lose the token that is being written.
    ///
    /// # Errors
    /// The file is corrupt, or cannot be read.
    pub(super) fn settled(&self) -> Result<Option<CachedToken>, CacheError> {
        let mut left = READS_OF_A_TORN_FILE;
        loop {
            match self.cache.token(&self.identity) {
                Err(CacheError::Corrupt { .. }) if left > 0 => std::thread::sleep(TORN),
                settled => return settled,
            }
            left -= 1;
        }
    }

    /// Describes a token that makes a sign-in unnecessary.
    pub(super) fn have(&self, token: CachedToken) -> Kept {
        let left = token.expires_at.remaining_at(now());
        let good_for = life(left);
        let mut answer = Token::bearer(token.access_token.clone(), left);
        answer.refresh_token = token.refresh_token;
        Kept {
            words: format!("Already signed in to {}; the token is valid for {good_for}.", self.start_url),
            good_for,
            document: token_document(&answer),
            access_token: token.access_token,
            left,
            refreshed: false,
            stored: Ok(()),
        }
    }

    pub(super) fn warn_of_others(&self) {
        if let Some(dir) = self.cache.open_to_others() {
            warn(format_args!(
                "other users can write to {0} and replace your token; run `chmod go-w {0}`",
                dir.display()
            ));
        }
    }

    /// Returns the loaded value. A corrupt file is moved away with a warning, so that it does not prevent a sign-in.
    pub(super) fn ignoring_corrupt<T>(&self, loaded: Result<Option<T>, CacheError>) -> Option<T> {
        let error = match loaded {
            Ok(found) => return found,
            Err(error) => error,
        };
        let aside = error.corrupt_file().map(|file| self.cache.set_aside(file));
        let words = match aside {
            Some(Ok(Some(kept))) => format!("{}; moved to {}", chain(&error), kept.display()),
            Some(Err(refused)) => format!("{}; {}", chain(&error), chain(&refused)),
            Some(Ok(None)) | None => chain(&error),
        };
        if !self.warned_of.borrow().contains(&words) {
            warn(&words);
            self.warned_of.borrow_mut().push(words);
        }
        None
    }
}

/// The wall clock.
pub(crate) fn now() -> UnixSeconds {
    UnixSeconds::from(SystemTime::now())
}

/// `7 h 59 min`
pub(crate) fn life(left: Duration) -> String {
    // Rounded to the nearest minute, so that an hour does not print as 59 minutes.
    let seconds = left.as_secs().saturating_add(u64::from(left.subsec_millis() >= 500));
    let minutes = seconds.saturating_add(30) / 60;
    match (minutes / 60, minutes % 60) {
        _ if seconds < 60 => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        // A longer lifetime is an error of the service.
        (hours, _) if hours > HOURS_OF_A_YEAR => "more than a year".to_owned(),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

const HOURS_OF_A_YEAR: u64 = 366 * 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_reads_in_hours_and_minutes() {
        assert_eq!(life(Duration::from_millis(28_799_900)), "8 h");
        assert_eq!(life(Duration::from_secs(28_740)), "7 h 59 min");
        assert_eq!(life(Duration::from_secs(3_540)), "59 min");
        assert_eq!(life(Duration::from_millis(299_800)), "5 min");
        assert_eq!(life(Duration::from_millis(59_900)), "1 min");
        assert_eq!(life(Duration::from_secs(59)), "59 s");
        assert_eq!(life(Duration::MAX), "more than a year");
    }
}

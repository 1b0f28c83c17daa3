//! The cache around a sign-in: what can be used again, one sign-in at a time, and what is kept.

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use device_flow::CallError;
use device_flow_ureq::SignedIn;
use oidc_proto::{Client, Endpoint, Registration, Secret, Token, UnixSeconds};
use sso_cache::{
    Cache, CacheError, CachedRegistration, CachedToken, Guard, Identity, Obstacle, RegistrationKey,
};

use super::fitness::Unfit;
use super::portal::{Place, Portal};
use super::refresh::Refreshed;
use super::say;
use crate::exit::{Failure, chain, warn};
use crate::operations::token_document;
use crate::output::Document;
use crate::settings::Settings;

/// What must be left of a token or a registration for it to be used again; AWS's tools use the same.
pub(super) const MARGIN: Duration = Duration::from_secs(15 * 60);

/// How often another process's sign-in is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

const WITHOUT_CACHE: &str = "--no-cache --show-token signs in without the cache";

/// The files of one portal in `~/.aws/sso/cache`.
pub(super) struct Store {
    pub(super) cache: Cache,
    pub(super) identity: Identity,
    pub(super) key: RegistrationKey,
    pub(super) start_url: String,
    pub(super) region: String,
    scopes: Vec<String>,
    pub(super) needed_scopes: Vec<String>,
    pub(super) endpoint: Endpoint,
    /// The endpoint, if it is not the region's own.
    pub(super) endpoint_url: Option<String>,
    /// Held from before the sign-in to after the token is stored.
    guard: RefCell<Option<Guard>>,
    /// What was warned of: a file is read more than once, and what is wrong with it is said once.
    warned_of: RefCell<Vec<String>>,
}

/// What the flags say about a token that is there already.
pub(super) struct Wish {
    /// Use it, or refresh it.
    pub(super) if_needed: bool,
    /// Replace it although it is another service's.
    pub(super) force: bool,
    /// How long to wait for another sign-in.
    pub(super) patience: Duration,
}

/// What was found before the sign-in.
pub(super) enum Before {
    /// No sign-in is needed.
    Token(Box<Kept>),
    /// One is, with this registration if there is one to use again.
    SignIn(Option<Registration>),
}

/// A token that is there without a sign-in.
pub(super) struct Kept {
    /// What to say.
    pub(super) words: String,
    pub(super) good_for: String,
    /// For `--show-token`.
    pub(super) document: Document,
    /// Whether it could be stored, if it is new.
    pub(super) stored: Result<(), Failure>,
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
            guard: RefCell::default(),
            warned_of: RefCell::default(),
        })
    }

    /// Waits for other sign-ins to the same portal, so that ten programs that start together open one page and not
    /// ten; then looks at what is stored, refreshes it if that is wished and possible, and finds out whether a new token
    /// could be stored.
    ///
    /// # Errors
    /// The cache cannot be used, or a token in it is not to be replaced.
    pub(super) fn before_sign_in(
        &self,
        wish: &Wish,
        is_cancelled: impl Fn() -> bool,
        refresh: impl FnOnce(&Client, &Secret) -> Result<Token, CallError>,
    ) -> Result<Before, Failure> {
        self.warn_of_others();
        let earlier = self.stored();
        if wish.if_needed
            && let Some(token) = &earlier
            && self.judge(token).is_ok()
        {
            return Ok(Before::Token(Box::new(self.have(token.clone()))));
        }
        let waited = self.lock(wish.patience, is_cancelled)?;
        let stored = self.stored();
        // The last holder of the lock may have signed in meanwhile, which is what was asked for; or have given up, and then the
        // token is the old one still.
        let is_new = stored.as_ref().map(|token| &token.access_token)
            != earlier.as_ref().map(|token| &token.access_token);
        let is_welcome = wish.if_needed || (waited && is_new);
        if let Some(token) = stored.as_ref().filter(|_| is_welcome) {
            let mut why = match self.judge(token) {
                Ok(()) => return Ok(Before::Token(Box::new(self.have(token.clone())))),
                Err(unfit) => unfit.to_string(),
            };
            if wish.if_needed && matches!(self.judge(token), Err(Unfit::Ending(_))) {
                match self.refresh(token, refresh)? {
                    Refreshed::Token(kept) => return Ok(Before::Token(kept)),
                    Refreshed::No(reason) => why = format!("{why}, and {reason}"),
                }
            }
            say(format_args!("The stored token for {} is not enough: {why}.", self.identity.as_str()));
        }
        if let Some(token) = stored.filter(|_| !wish.force) {
            self.spare_another_endpoints_token(&token)?;
        }
        self.check_writable()?;
        let registration = self
            .ignoring_corrupt(self.cache.registration(&self.key))
            // Filed by what is configured; what is asked for may be more.
            .filter(|stored| stored.suits_device_flow() && stored.has_scopes(&self.scopes))
            .map(|stored| stored.registration)
            .filter(|registration| registration.usable_at(now(), MARGIN));
        Ok(Before::SignIn(registration))
    }

    /// Takes the lock; true if another process had it.
    ///
    /// # Errors
    /// Another process still has it after this time, or the lock file cannot be used.
    fn lock(&self, patience: Duration, is_cancelled: impl Fn() -> bool) -> Result<bool, Failure> {
        let began = Instant::now();
        let mut waited = false;
        loop {
            let left = patience.saturating_sub(began.elapsed());
            let error = match self
                .cache
                .lock(&self.identity, if waited { LOOK_AGAIN.min(left) } else { Duration::ZERO })
            {
                Ok(guard) => {
                    if let Some(why) = guard.unlocked() {
                        warn(format_args!(
                            "{}; going on without a lock, so sign-ins at the same time do not know of each other",
                            chain(why)
                        ));
                    }
                    *self.guard.borrow_mut() = Some(guard);
                    return Ok(waited);
                }
                Err(error) => error,
            };
            match &error {
                CacheError::Locked { holder, .. } if !is_cancelled() && !left.is_zero() => {
                    if !waited {
                        let holder = holder.as_ref().map_or(String::new(), |holder| format!(", by {holder}"));
                        say(format_args!(
                            "Another sign-in to {} is under way{holder}; waiting for it, {} at most.",
                            self.start_url,
                            life(patience)
                        ));
                    }
                    waited = true;
                }
                CacheError::Locked { .. } => {
                    return Err(Failure::other(format_args!(
                        "Another sign-in to {} did not end in {}: {}",
                        self.start_url,
                        life(began.elapsed()),
                        chain(&error)
                    ))
                    .with_hint(format_args!(
                        "end that process if it hangs, or wait longer (--lock-timeout); {WITHOUT_CACHE}"
                    )));
                }
                _ => return Err(self.unwritable("The cache cannot be locked", &error)),
            }
        }
    }

    /// AWS's tools file a token under its start URL or session alone, so a sign-in at a test server would replace the
    /// token of the real service, and the session with it. The other way round nothing is lost.
    ///
    /// # Errors
    /// It is a token of another service than the one that is about to be asked, and it is still of use.
    fn spare_another_endpoints_token(&self, token: &CachedToken) -> Result<(), Failure> {
        let Some(endpoint_url) = &self.endpoint_url else { return Ok(()) };
        let is_of_use = token.usable_at(now(), Duration::ZERO) || token.refreshable_at(now());
        let origin = self.origin(token);
        let is_of_a_test = origin
            .as_ref()
            .is_some_and(|url| Endpoint::custom(url).is_ok_and(|endpoint| endpoint.is_loopback()));
        if !is_of_use || is_of_a_test || self.is_from_here(token) {
            return Ok(());
        }
        let origin = match origin {
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

    /// The stored token.
    pub(super) fn stored(&self) -> Option<CachedToken> {
        self.ignoring_corrupt(self.cache.token(&self.identity))
    }

    /// No sign-in is needed: there is this token.
    pub(super) fn have(&self, token: CachedToken) -> Kept {
        let left = token.expires_at.remaining_at(now());
        let good_for = life(left);
        let mut answer = Token::bearer(token.access_token, left);
        answer.refresh_token = token.refresh_token;
        Kept {
            words: format!("Already signed in to {}; the token is good for {good_for}.", self.start_url),
            good_for,
            document: token_document(&answer),
            stored: Ok(()),
        }
    }

    /// What is kept of the client that the token was issued to.
    pub(super) fn registration_of(&self, token: &CachedToken) -> Option<CachedRegistration> {
        let client = &token.registration.as_ref()?.client;
        self.ignoring_corrupt(self.cache.registration_of(&client.id))
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
        self.save(&token, "Signed in")?;
        Ok(self.cache.token_path(&self.identity))
    }

    /// Writes a token that was won this way.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn save(&self, token: &CachedToken, won: &str) -> Result<(), Failure> {
        self.cache
            .save_token(&self.identity, token)
            .map_err(|error| self.unwritable(&format!("{won}, but the token could not be stored"), &error))
    }

    /// Keeps a registration for the next sign-in.
    pub(super) fn keep_registration(&self, registration: &Registration) {
        let scopes = Some(self.scopes.clone()).filter(|scopes| !scopes.is_empty());
        let kept = CachedRegistration::new(registration.clone())
            .with_scopes(scopes)
            .with_endpoint_url(self.endpoint_url.clone());
        if let Err(error) = self.cache.save_registration(&self.key, &kept) {
            warn(format_args!("the registration could not be stored: {}", chain(&error)));
        }
    }

    /// Whether a token could be stored.
    ///
    /// # Errors
    /// It could not, and why.
    pub(super) fn check_writable(&self) -> Result<(), Failure> {
        self.cache
            .check_writable(&self.identity)
            .map_err(|error| self.unwritable("A token could not be stored, so none is asked for", &error))
    }

    fn unwritable(&self, what: &str, error: &CacheError) -> Failure {
        let file = match error {
            CacheError::Obstructed { path, .. } => path.clone(),
            _ => self.cache.token_path(&self.identity),
        };
        let (file, dir) = (file.display(), self.cache.dir().display());
        let hint = match error.obstacle() {
            Some(Obstacle::Directory) => format!(
                "remove the directory {file} (a container makes one where a file that it mounts is missing); "
            ),
            Some(Obstacle::NotAFile) => format!("remove {file}; "),
            Some(Obstacle::AnotherUser) => format!("have {file} removed, or make it yours with chown; "),
            Some(Obstacle::Immutable) => {
                format!("take the attribute away, on Linux with `chattr -i -a {file}`; ")
            }
            Some(Obstacle::ReadOnly) => "mount the file system for writing; ".to_owned(),
            Some(Obstacle::Full) => "make space on the file system; ".to_owned(),
            Some(Obstacle::Permission) => format!("make {dir} and the files in it writable for this user; "),
            _ => String::new(),
        };
        Failure::other(format_args!("{what}: {}", chain(error)))
            .with_hint(format_args!("{hint}{WITHOUT_CACHE}"))
    }

    fn warn_of_others(&self) {
        if let Some(dir) = self.cache.open_to_others() {
            warn(format_args!(
                "other users may write to {}, and put a token of theirs in place of yours; `chmod go-w` ends that",
                dir.display()
            ));
        }
    }

    /// What was loaded. A corrupt file is moved out of the way and named; it must not prevent a sign-in.
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
pub(super) fn now() -> UnixSeconds {
    UnixSeconds::from(SystemTime::now())
}

/// `7 h 59 min`
pub(super) fn life(left: Duration) -> String {
    // Rounded, so that a token of an hour is one of an hour and not of 59 minutes.
    let seconds = left.as_secs().saturating_add(u64::from(left.subsec_millis() >= 500));
    let minutes = seconds.saturating_add(30) / 60;
    match (minutes / 60, minutes % 60) {
        _ if seconds < 60 => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        // A longer life is a mistake of the service's, and of no use to a person.
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

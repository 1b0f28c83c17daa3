//! The token file of a portal, as the store of a renewal.
//!
//! The program `sso-oidc` has its like, with a word for its user at each step. Here a result says all.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use device_flow::renewal::SessionStore;
use device_flow::{Session, Tick};
use oidc_proto::{Client, Registration, Service, UnixSeconds};
use sso_cache::{CacheError, CachedToken, Guard, Holder};

use crate::settings::Portal;

/// The token file, for one renewal.
pub(crate) struct Files<'a> {
    portal: &'a Portal,
    service: &'a Service,
    /// The time of the latest request, for all renewals of this provider.
    last_try: &'a Mutex<Option<Tick>>,
    seen: Mutex<Seen>,
}

/// What the renewal has seen.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    /// The token that was read last, if it is for this portal.
    pub(crate) token: Option<CachedToken>,
    /// Why the cached token is for something else.
    pub(crate) foreign: Option<String>,
    /// The process that was killed while it held the lock.
    pub(crate) abandoned_by: Option<Holder>,
}

impl<'a> Files<'a> {
    pub(crate) fn new(portal: &'a Portal, service: &'a Service, last_try: &'a Mutex<Option<Tick>>) -> Self {
        Self { portal, service, last_try, seen: Mutex::default() }
    }

    pub(crate) fn seen(&self) -> Seen {
        held(&self.seen).clone()
    }

    fn session_of(&self, token: &CachedToken) -> Session {
        let kept = token.answer_at(now());
        let registration = token.registration.clone();
        let registration = registration.unwrap_or_else(|| Registration::new(Client::public("")));
        Session::restored(self.service, registration, kept, Some(token.expires_at))
    }

    /// Returns the token file of a session: the one that was read, with the new token.
    fn merged(&self, session: &Session) -> CachedToken {
        let registration = Some(session.registration.clone());
        let new = || CachedToken::new(&session.token, now(), registration);
        let token = held(&self.seen).token.clone().unwrap_or_else(new);
        token.renewed(&session.token, session.expires_at, &self.portal.key, now())
    }
}

impl SessionStore for Files<'_> {
    type Guard = Guard;
    type Error = CacheError;

    fn try_lock(&self) -> Result<Option<Guard>, CacheError> {
        let Portal { cache, identity, .. } = self.portal;
        let guard = match cache.lock(identity, Duration::ZERO) {
            Ok(guard) => guard,
            Err(CacheError::Locked { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        held(&self.seen).abandoned_by = guard.abandoned_by().cloned();
        // The refresh may invalidate the old refresh token, so the new one must be storable.
        cache.check_writable(identity)?;
        Ok(Some(guard))
    }

    fn read(&self) -> Result<Option<Session>, CacheError> {
        let found = self.portal.cache.token(&self.portal.identity)?;
        let mut seen = held(&self.seen);
        seen.foreign = found.as_ref().and_then(|token| self.portal.foreign(token));
        seen.token = found.filter(|_| seen.foreign.is_none());
        Ok(seen.token.as_ref().map(|token| self.session_of(token)))
    }

    fn write(&self, _: &mut Guard, session: &Session) -> Result<(), CacheError> {
        self.portal.cache.save_token(&self.portal.identity, &self.merged(session))
    }

    fn last_try(&self) -> Option<Tick> {
        *held(self.last_try)
    }

    fn set_last_try(&self, tried_at: Option<Tick>) {
        let mut last = held(self.last_try);
        *last = (*last).max(tried_at);
    }
}

/// The wall clock.
pub(crate) fn now() -> UnixSeconds {
    UnixSeconds::from(SystemTime::now())
}

/// Locks a mutex. What these guard is whole at any time, so a panic elsewhere does not matter.
pub(crate) fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

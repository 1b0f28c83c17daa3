//! The store of a session, as a driver uses it, and one in memory.

use alloc::sync::Arc;
use core::convert::Infallible;
use core::error::Error;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Session, Tick};

/// The store of one session, which several threads or processes may share.
///
/// All calls are short and must not wait. A file is short enough, also for an async program.
pub trait SessionStore {
    /// The lock, held until it is dropped. It must be free again if its process ends.
    type Guard;
    /// The error of the store.
    type Error: Error + 'static;

    /// Takes the lock, and returns `None` if another thread or process holds it.
    ///
    /// ```
    /// # use device_flow::renewal::{MemoryStore, SessionStore as _};
    /// let store = MemoryStore::default();
    /// let guard = store.try_lock()?;
    /// assert!(guard.is_some() && store.try_lock()?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The lock cannot be used, or the store could not be written.
    fn try_lock(&self) -> Result<Option<Self::Guard>, Self::Error>;

    /// Reads the session, and returns `None` if there is none.
    ///
    /// ```
    /// # use device_flow::renewal::{MemoryStore, SessionStore as _};
    /// let store = MemoryStore::default();
    /// assert!(store.read()?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The store cannot be read.
    fn read(&self) -> Result<Option<Session>, Self::Error>;

    /// Replaces the session, as a whole or not at all, and so that it survives a crash.
    ///
    /// ```
    /// # use device_flow::renewal::{MemoryStore, SessionStore as _};
    /// let store = MemoryStore::default();
    /// # use device_flow::Session;
    /// # use oidc_proto::{Client, Endpoint, Registration, Service, Token};
    /// # let service = Service::from(Endpoint::for_region("eu-west-1")?);
    /// # let token = Token::bearer("access".into(), core::time::Duration::from_secs(3600));
    /// # let session = Session::restored(&service, Registration::new(Client::public("id")), token, None);
    /// let mut guard = store.try_lock()?.ok_or("nothing else has it")?;
    /// store.write(&mut guard, &session)?;
    /// assert_eq!(store.read()?, Some(session));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The store cannot be written, and is unchanged.
    fn write(&self, guard: &mut Self::Guard, session: &Session) -> Result<(), Self::Error>;

    /// Returns the time of the latest request for this session in this process: the memory of the throttle.
    /// Without it nothing is throttled.
    ///
    /// ```
    /// use device_flow::renewal::{MemoryStore, SessionStore as _};
    /// use device_flow::Tick;
    ///
    /// let store = MemoryStore::default();
    /// store.set_last_try(Some(Tick::ZERO));
    /// assert_eq!(store.last_try(), Some(Tick::ZERO));
    /// ```
    fn last_try(&self) -> Option<Tick> {
        None
    }

    /// Remembers the time of the latest request.
    fn set_last_try(&self, _tried_at: Option<Tick>) {}
}

/// A store in memory. Clones share the session.
///
/// ```
/// use device_flow::renewal::{MemoryStore, SessionStore as _};
///
/// let store = MemoryStore::new(None);
/// let guard = store.try_lock()?.ok_or("nothing else has it")?;
/// assert!(store.clone().try_lock()?.is_none());
/// drop(guard);
/// store.set_session(None);
/// assert!(store.try_lock()?.is_some() && store.session().is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    session: Mutex<Option<Session>>,
    last_try: Mutex<Option<Tick>>,
    is_locked: AtomicBool,
}

/// The lock of a [`MemoryStore`].
#[derive(Debug)]
#[must_use = "the lock is released as soon as this is dropped"]
pub struct MemoryGuard(Arc<Shared>);

impl Drop for MemoryGuard {
    fn drop(&mut self) {
        self.0.is_locked.store(false, Ordering::Release);
    }
}

impl MemoryStore {
    /// Creates a store with this session.
    #[must_use]
    pub fn new(session: Option<Session>) -> Self {
        Self(Arc::new(Shared { session: Mutex::new(session), ..Shared::default() }))
    }

    /// Returns the session.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        hold(&self.0.session).clone()
    }

    /// Replaces the session, for example by `None` when its user signs out.
    pub fn set_session(&self, session: Option<Session>) {
        *hold(&self.0.session) = session;
    }
}

impl SessionStore for MemoryStore {
    type Guard = MemoryGuard;
    type Error = Infallible;

    fn try_lock(&self) -> Result<Option<MemoryGuard>, Infallible> {
        let was_locked = self.0.is_locked.swap(true, Ordering::Acquire);
        Ok((!was_locked).then(|| MemoryGuard(Arc::clone(&self.0))))
    }

    fn read(&self) -> Result<Option<Session>, Infallible> {
        Ok(self.session())
    }

    fn write(&self, _: &mut MemoryGuard, session: &Session) -> Result<(), Infallible> {
        self.set_session(Some(session.clone()));
        Ok(())
    }

    fn last_try(&self) -> Option<Tick> {
        *hold(&self.0.last_try)
    }

    fn set_last_try(&self, tried_at: Option<Tick>) {
        let mut last = hold(&self.0.last_try);
        *last = (*last).max(tried_at);
    }
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store with only what it must have.
    struct WithoutMemory(MemoryStore);

    impl SessionStore for WithoutMemory {
        type Guard = MemoryGuard;
        type Error = Infallible;

        fn try_lock(&self) -> Result<Option<MemoryGuard>, Infallible> {
            self.0.try_lock()
        }

        fn read(&self) -> Result<Option<Session>, Infallible> {
            self.0.read()
        }

        fn write(&self, guard: &mut MemoryGuard, session: &Session) -> Result<(), Infallible> {
            self.0.write(guard, session)
        }
    }

    #[test]
    fn a_store_knows_no_request_before_the_first_and_without_memory_none_after_it() {
        let store = MemoryStore::default();
        assert_eq!(store.last_try(), None);
        let without = WithoutMemory(store.clone());
        without.set_last_try(Some(Tick::ZERO));
        assert_eq!(without.last_try(), None);
        store.set_last_try(Some(Tick::ZERO));
        assert_eq!((store.last_try(), without.last_try()), (Some(Tick::ZERO), None));
    }
}

//! Cancelling a blocking sign-in from another thread or from a signal handler.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often those who wait look at a flag that a signal handler may set, which can wake nobody.
const LOOK: Duration = Duration::from_millis(20);

/// Cancels the calls of a client from elsewhere: another thread, a button, a signal handler.
///
/// A call ends at once, whether it waits between two polls or for an answer: see
/// [`HttpClient::cancelled_by`](crate::HttpClient::cancelled_by). A request that is under way is left to itself: it ends by its
/// own time-out, and a grant in its answer is lost.
///
/// ```
/// use device_flow_ureq::Cancel;
/// let cancel = Cancel::new();
/// let from_elsewhere = cancel.clone();
/// std::thread::spawn(move || from_elsewhere.cancel()).join().unwrap();
/// assert!(cancel.is_cancelled());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    cancelled: Arc<AtomicBool>,
    /// Whether the flag was handed out, so that those who wait must look at it by themselves.
    handed_out: AtomicBool,
    lock: Mutex<()>,
    changed: Condvar,
}

impl Cancel {
    /// A handle that is not cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels, for good. Not for a signal handler, which may not wait for a lock: see [`Cancel::flag`].
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Whether it was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::SeqCst)
    }

    /// The flag behind the handle: set it to `true` to cancel. That is all that a signal handler may do, and it wakes
    /// nobody; so once the flag has been handed out, those who wait look at it every 20 ms.
    ///
    /// ```
    /// # use device_flow_ureq::{Cancel, Endpoint, HttpClient, Outcome, Policy};
    /// # #[cfg(unix)] {
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// use signal_hook::consts::SIGINT;
    ///
    /// let cancel = Cancel::new();
    /// signal_hook::flag::register(SIGINT, cancel.flag())?;
    /// let login = client.login(policy).cancelled_by(&cancel);
    /// // Ctrl-C, as soon as the code is shown.
    /// let end = login.run(|_| signal_hook::low_level::raise(SIGINT).unwrap()).unwrap_err();
    /// assert_eq!(end.outcome, Outcome::Cancelled);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.0.handed_out.store(true, Ordering::SeqCst);
        // Those who wait already learn that they have to look.
        self.wake();
        Arc::clone(&self.0.cancelled)
    }

    /// Waits for this long, or until it is cancelled; it may return early.
    ///
    /// ```
    /// use device_flow_ureq::Cancel;
    /// let cancel = Cancel::new();
    /// cancel.cancel();
    /// cancel.wait(std::time::Duration::from_secs(600)); // returns at once
    /// ```
    pub fn wait(&self, duration: Duration) {
        let started = Instant::now();
        let mut guard = self.lock();
        while !self.is_cancelled() {
            let left = duration.saturating_sub(started.elapsed());
            if left.is_zero() {
                return;
            }
            guard = self.wait_a_while(guard, left);
        }
    }

    /// Waits until there is a value, or until it is cancelled. Whoever makes the value calls [`Cancel::wake`] then.
    pub(crate) fn wait_for<T>(&self, mut value: impl FnMut() -> Option<T>) -> Option<T> {
        let mut guard = self.lock();
        loop {
            // An answer that has arrived counts, even if the cancellation came a moment before.
            if let Some(value) = value() {
                return Some(value);
            }
            if self.is_cancelled() {
                return None;
            }
            guard = self.wait_a_while(guard, Duration::MAX);
        }
    }

    /// Makes those who wait look again.
    pub(crate) fn wake(&self) {
        // Under the lock, so that nobody who has just looked and is about to wait misses it.
        drop(self.lock());
        self.0.changed.notify_all();
    }

    /// Waits for somebody's [`wake`](Self::wake), at most this long, and no longer than a handed-out flag allows.
    fn wait_a_while<'a>(&self, guard: MutexGuard<'a, ()>, most: Duration) -> MutexGuard<'a, ()> {
        let most = if self.0.handed_out.load(Ordering::SeqCst) { most.min(LOOK) } else { most };
        let woken = self.0.changed.wait_timeout(guard, most);
        woken.unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.0.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

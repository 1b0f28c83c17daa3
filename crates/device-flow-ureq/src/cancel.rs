//! Cancelling a blocking sign-in from another thread.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Cancels a sign-in from elsewhere: another thread, a signal handler's thread, a button.
///
/// The sign-in ends at once, with [`Outcome::Cancelled`](crate::Outcome::Cancelled), whether it waits between two polls
/// or for an answer. A request that is under way is left to itself: it ends by its own time-out, and a grant in its
/// answer is lost. (For this, a sign-in that can be cancelled sends each request from a thread of its own.)
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
    cancelled: Mutex<bool>,
    changed: Condvar,
}

impl Cancel {
    /// A handle that is not cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels, for good.
    pub fn cancel(&self) {
        *self.0.cancelled.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.changed.notify_all();
    }

    /// Whether it was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.0.cancelled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is a value, or until it is cancelled. Whoever makes the value calls [`Cancel::wake`] then.
    pub(crate) fn wait_for<T>(&self, mut value: impl FnMut() -> Option<T>) -> Option<T> {
        let mut cancelled = self.0.cancelled.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            // An answer that has arrived counts, even if the cancellation came a moment before.
            if let Some(value) = value() {
                return Some(value);
            }
            if *cancelled {
                return None;
            }
            cancelled = self.0.changed.wait(cancelled).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Makes those who wait look again.
    pub(crate) fn wake(&self) {
        // Under the lock, so that nobody who has just looked and is about to wait misses it.
        drop(self.0.cancelled.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.changed.notify_all();
    }

    /// Waits for this long, or until it is cancelled; it may return early.
    pub fn wait(&self, duration: Duration) {
        let cancelled = self.0.cancelled.lock().unwrap_or_else(PoisonError::into_inner);
        if !*cancelled {
            // Waking early is harmless: the driver asks for the time again.
            drop(self.0.changed.wait_timeout(cancelled, duration));
        }
    }
}

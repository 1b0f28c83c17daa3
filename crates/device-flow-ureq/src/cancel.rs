//! Cancelling a blocking sign-in from another thread.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Cancels a sign-in from elsewhere: another thread, a signal handler's thread, a button.
///
/// A sign-in that waits between two polls ends at once, with [`Outcome::Cancelled`](crate::Outcome::Cancelled). A
/// request that is under way is let finish first, so that a grant is not lost; it is bounded by its time-out.
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

    /// Waits for this long, or until it is cancelled; it may return early.
    pub fn wait(&self, duration: Duration) {
        let cancelled = self.0.cancelled.lock().unwrap_or_else(PoisonError::into_inner);
        if !*cancelled {
            // Waking early is harmless: the driver asks for the time again.
            drop(self.0.changed.wait_timeout(cancelled, duration));
        }
    }
}

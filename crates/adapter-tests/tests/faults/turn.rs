//! How many sign-ins run at one time, whatever the number of tests that do.

use std::sync::{Condvar, Mutex, PoisonError};

/// Each has a server and a client, a dozen open files together, and many systems allow a process a thousand.
const MOST: usize = 72;

static RUNNING: Mutex<usize> = Mutex::new(0);
static LEFT: Condvar = Condvar::new();

/// The right to run, until it is dropped.
pub(crate) struct Turn(());

impl Turn {
    /// Waits until fewer run than may.
    pub(crate) fn take() -> Self {
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let running = LEFT.wait_while(running, |running| *running >= MOST);
        *running.unwrap_or_else(PoisonError::into_inner) += 1;
        Self(())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        LEFT.notify_one();
    }
}

//! The limit on simultaneous sign-ins, for any number of tests.

use std::sync::{Condvar, Mutex, PoisonError};

/// The limit. Each sign-in has a server and a client, with a dozen open files. Many systems permit a process
/// a thousand.
const MOST: usize = 72;

static RUNNING: Mutex<usize> = Mutex::new(0);
static LEFT: Condvar = Condvar::new();

/// A permit to run; dropping it returns it.
pub(crate) struct Turn(());

impl Turn {
    /// Waits for a permit.
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

//! Cancellation of a blocking sign-in from another thread or a signal handler.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The polling interval for a flag that a signal handler may set: a handler cannot wake a thread.
const LOOK: Duration = Duration::from_millis(20);

/// A handle that cancels the calls of a client from another thread, a button, or a signal handler.
///
/// A call ends at once, whether it waits between two polls or for a response: see
/// [`HttpClient::cancelled_by`](crate::HttpClient::cancelled_by). A pending request is abandoned: it ends with its
/// timeout, and a grant in its response is lost. [`HttpClient::drive_until`](crate::HttpClient::drive_until) takes
/// such a handle too, and stops only where no grant can be lost.
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
    /// Whether the flag was handed out, so that waiting threads must poll it.
    handed_out: AtomicBool,
    /// The bells of the waiting threads.
    waiting: Mutex<Vec<Arc<Bell>>>,
    /// The handles that cancel this one too.
    parents: Vec<Cancel>,
}

impl Cancel {
    /// Creates a handle that is not cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a handle that is cancelled as soon as any of these is, or by itself. Cancelling it does not cancel
    /// these.
    ///
    /// ```
    /// use device_flow_ureq::Cancel;
    /// let (ctrl_c, button) = (Cancel::new(), Cancel::new());
    /// let either = Cancel::any_of([&ctrl_c, &button]);
    /// assert!(!either.is_cancelled());
    /// button.cancel();
    /// assert!(either.is_cancelled() && !ctrl_c.is_cancelled());
    /// ```
    #[must_use]
    pub fn any_of<'a>(parents: impl IntoIterator<Item = &'a Self>) -> Self {
        let parents = parents.into_iter().cloned().collect();
        Self(Arc::new(Shared { parents, ..Shared::default() }))
    }

    /// Combines a handle with an optional other one.
    pub(crate) fn joined(own: Option<&Self>, more: &Self) -> Self {
        own.map_or_else(|| more.clone(), |own| Self::any_of([own, more]))
    }

    /// Cancels, permanently. A signal handler must not take the lock of this function, and uses [`Cancel::flag`]
    /// instead.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Returns whether the handle is cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::SeqCst) || self.0.parents.iter().any(Self::is_cancelled)
    }

    /// Returns the flag of the handle: set it to `true` to cancel. A signal handler can set a flag, but cannot wake a
    /// thread. So once this was called, waiting threads poll the flag every 20 ms. The flag belongs to this handle
    /// only: it stays `false` if another handle of [`Cancel::any_of`] is cancelled.
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
        // Waiting threads wake up, and poll from now on.
        self.wake();
        Arc::clone(&self.0.cancelled)
    }

    /// Waits for this long, or until the handle is cancelled. It may return early.
    ///
    /// ```
    /// use device_flow_ureq::Cancel;
    /// let cancel = Cancel::new();
    /// cancel.cancel();
    /// cancel.wait(std::time::Duration::from_secs(600)); // returns at once
    /// ```
    pub fn wait(&self, duration: Duration) {
        let never: Option<Infallible> = self.wait_for(&Arc::default(), duration, || None);
        debug_assert!(never.is_none());
    }

    /// Waits for a value, for cancellation, or for this long. The producer of the value rings the bell.
    pub(crate) fn wait_for<T>(
        &self,
        bell: &Arc<Bell>,
        most: Duration,
        mut value: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        let started = Instant::now();
        let _waiting = Waiting::at(self, bell);
        loop {
            // Read before the value, so that a response which arrived before or with the cancellation counts.
            let is_cancelled = self.is_cancelled();
            if let Some(value) = value() {
                return Some(value);
            }
            let left = most.saturating_sub(started.elapsed());
            if is_cancelled || left.is_zero() {
                return None;
            }
            bell.wait(if self.must_be_looked_at() { left.min(LOOK) } else { left });
        }
    }

    fn must_be_looked_at(&self) -> bool {
        self.0.handed_out.load(Ordering::SeqCst) || self.0.parents.iter().any(Self::must_be_looked_at)
    }

    /// Wakes the waiting threads.
    fn wake(&self) {
        lock(&self.0.waiting).iter().for_each(|bell| bell.ring());
    }

    /// Adds a bell to this handle and its parents.
    fn add(&self, bell: &Arc<Bell>) {
        lock(&self.0.waiting).push(Arc::clone(bell));
        self.0.parents.iter().for_each(|parent| parent.add(bell));
    }

    fn remove(&self, bell: &Arc<Bell>) {
        let mut waiting = lock(&self.0.waiting);
        if let Some(at) = waiting.iter().position(|known| Arc::ptr_eq(known, bell)) {
            waiting.swap_remove(at);
        }
        drop(waiting);
        self.0.parents.iter().for_each(|parent| parent.remove(bell));
    }
}

/// A waiting thread. Its bell is removed on drop.
struct Waiting<'a>(&'a Cancel, &'a Arc<Bell>);

impl<'a> Waiting<'a> {
    fn at(cancel: &'a Cancel, bell: &'a Arc<Bell>) -> Self {
        cancel.add(bell);
        Self(cancel, bell)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.remove(self.1);
    }
}

/// A wake-up signal for one thread. A ring before the wait is not lost.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    pub(crate) fn ring(&self) {
        *lock(&self.rung) = true;
        self.changed.notify_one();
    }

    /// Waits for a ring, at most this long. It may return early.
    fn wait(&self, most: Duration) {
        let mut rung = lock(&self.rung);
        if !*rung {
            rung = self.changed.wait_timeout(rung, most).unwrap_or_else(PoisonError::into_inner).0;
        }
        *rung = false;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn each_of_several_handles_wakes_a_wait_for_any_of_them() {
        for at in 0..3 {
            let (first, second) = (Cancel::new(), Cancel::new());
            let either = Cancel::any_of([&first, &Cancel::any_of([&second])]);
            let canceller = [&first, &second, &either][at].clone();
            let started = Instant::now();
            thread::scope(|scope| {
                scope.spawn(|| either.wait(LONG));
                scope.spawn(move || {
                    thread::sleep(Duration::from_millis(20));
                    canceller.cancel();
                });
            });
            assert!(either.is_cancelled() && started.elapsed() < LONG / 10);
            assert_eq!([first.is_cancelled(), second.is_cancelled()], [at == 0, at == 1]);
        }
    }

    #[test]
    fn a_flag_that_is_handed_out_late_and_set_ends_a_wait_that_has_begun() {
        let parent = Cancel::new();
        let child = Cancel::any_of([&parent]);
        let (waits, waiting) = mpsc::channel();
        let waiter = thread::spawn(move || {
            waits.send(()).unwrap();
            child.wait(LONG);
        });
        waiting.recv().unwrap();
        parent.flag().store(true, Ordering::SeqCst);
        waiter.join().unwrap();
    }

    #[test]
    fn a_wait_that_is_over_leaves_nothing_behind() {
        let parent = Cancel::new();
        let child = Cancel::any_of([&parent, &parent]);
        child.wait(Duration::from_millis(1));
        assert!(lock(&parent.0.waiting).is_empty() && lock(&child.0.waiting).is_empty());
    }
}

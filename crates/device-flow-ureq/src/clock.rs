//! The clock that paces a sign-in, which a test can replace.

use std::time::{Duration, Instant};

use device_flow::Tick;

use crate::Cancel;

/// Monotonic time, and waiting.
///
/// ```
/// use device_flow_ureq::{Cancel, Clock, Tick};
/// use std::cell::Cell;
/// use std::time::Duration;
///
/// /// Time that passes as soon as it is waited for.
/// #[derive(Default)]
/// struct Leaping(Cell<Duration>);
///
/// impl Clock for Leaping {
///     fn now(&self) -> Tick {
///         Tick::since_origin(self.0.get())
///     }
///     fn wait(&self, duration: Duration, _: &Cancel) {
///         self.0.set(self.0.get() + duration);
///     }
/// }
/// let clock = Leaping::default();
/// clock.wait(Duration::from_secs(600), &Cancel::new());
/// assert_eq!(clock.now().elapsed(), Duration::from_secs(600));
/// ```
pub trait Clock {
    /// The time now, since an origin of this clock's choice.
    fn now(&self) -> Tick;
    /// Waits for this long, or until `cancel` is cancelled. Returning early is harmless: the driver asks for the time
    /// again.
    fn wait(&self, duration: Duration, cancel: &Cancel);
}

/// The system's monotonic clock. On Linux it stands still while the machine sleeps, so a code may be dead on waking
/// although the clock does not show it; the service's `expired_token` then ends the flow.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Tick {
        Tick::since_origin(self.origin.elapsed())
    }

    fn wait(&self, duration: Duration, cancel: &Cancel) {
        cancel.wait(duration);
    }
}

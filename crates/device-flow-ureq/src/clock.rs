//! The clock of a sign-in, which a test can replace.

use std::rc::Rc;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use device_flow::{Tick, VirtualTime};

use crate::Cancel;

/// A monotonic clock, with waits.
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
    /// Returns the time since an arbitrary origin of this clock.
    fn now(&self) -> Tick;
    /// Waits for this long, or until `cancel` is cancelled. It may return early: the driver reads the time again.
    fn wait(&self, duration: Duration, cancel: &Cancel);
}

/// Implements `Clock` for a pointer to a clock.
macro_rules! clock_through {
    ($($pointer:ty),*) => {$(
        impl<C: Clock + ?Sized> Clock for $pointer {
            fn now(&self) -> Tick {
                (**self).now()
            }
            fn wait(&self, duration: Duration, cancel: &Cancel) {
                (**self).wait(duration, cancel);
            }
        }
    )*};
}

clock_through!(&C, Box<C>, Rc<C>, Arc<C>);

/// A wait returns at once, and advances the virtual time.
impl Clock for VirtualTime {
    fn now(&self) -> Tick {
        Self::now(self)
    }

    fn wait(&self, duration: Duration, cancel: &Cancel) {
        if !cancel.is_cancelled() {
            self.pass(duration);
        }
    }
}

/// The system's monotonic clock. All values share one origin. On Linux it stops while the machine sleeps, so a code
/// may have expired unnoticed. The service's `expired_token` then ends the flow.
///
/// ```
/// use device_flow_ureq::{Clock, SystemClock};
///
/// let before = SystemClock.now();
/// assert!(SystemClock.now() >= before);
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it is made by its name")]
pub struct SystemClock;

/// The time of the first call in this process.
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Clock for SystemClock {
    fn now(&self) -> Tick {
        Tick::since_origin(ORIGIN.elapsed())
    }

    fn wait(&self, duration: Duration, cancel: &Cancel) {
        cancel.wait(duration);
    }
}

//! The server's clock.

use core::fmt;
use core::time::Duration;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use device_authority::Moment;

/// Wall-clock time without steps. The server reads the system clock once, at start; the monotonic clock
/// carries it on. If an administrator sets the system clock, codes neither expire early nor freeze.
pub(crate) struct Clock {
    up: Box<dyn Fn() -> Duration + Send + Sync>,
    wall: Duration,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let started = Instant::now();
        Self::of(move || started.elapsed())
    }

    /// Creates a clock over this uptime.
    pub(crate) fn of(up: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { up: Box::new(up), wall }
    }

    pub(crate) fn now(&self) -> Moment {
        self.at(self.up())
    }

    /// Returns the time at this uptime.
    pub(crate) fn at(&self, up: Duration) -> Moment {
        Moment::new(self.wall).after(up)
    }

    /// Returns the server's uptime.
    pub(crate) fn up(&self) -> Duration {
        (self.up)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("wall", &self.wall).finish_non_exhaustive()
    }
}

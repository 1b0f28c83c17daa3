//! The server's clock.

use core::fmt;
use core::time::Duration;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use device_authority::Moment;

/// Wall-clock time that never steps: read once when the server starts, and carried on by the monotonic clock. A wall
/// clock that is set while devices wait then neither expires their codes nor freezes their pace.
pub(crate) struct Clock {
    up: Box<dyn Fn() -> Duration + Send + Sync>,
    wall: Duration,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let started = Instant::now();
        Self::of(move || started.elapsed())
    }

    /// A clock by which the server has been up for so long.
    pub(crate) fn of(up: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { up: Box::new(up), wall }
    }

    pub(crate) fn now(&self) -> Moment {
        self.at(self.up())
    }

    /// The moment at which the server had been up for so long.
    pub(crate) fn at(&self, up: Duration) -> Moment {
        Moment::new(self.wall).after(up)
    }

    /// How long the server has been up.
    pub(crate) fn up(&self) -> Duration {
        (self.up)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("wall", &self.wall).finish_non_exhaustive()
    }
}

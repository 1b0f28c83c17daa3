//! The server's clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use core::time::Duration;

use device_authority::Moment;

/// Wall-clock time that never steps: read once when the server starts, and carried on by the monotonic clock. A wall
/// clock that is set while devices wait then neither expires their codes nor freezes their pace.
#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    wall: Duration,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: Instant::now(), wall }
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
        self.started.elapsed()
    }
}

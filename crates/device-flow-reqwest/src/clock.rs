//! The clock that paces a sign-in, which a test can replace.

use std::future::Future;
use std::time::Duration;

use device_flow::Tick;
use tokio::time::Instant;

/// Monotonic time, and waiting.
pub trait Clock {
    /// The time now, since an origin of this clock's choice.
    fn now(&self) -> Tick;
    /// Waits for this long, or returns early; the driver asks for the time again.
    fn wait(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}

/// Tokio's clock: the system's monotonic one, or a paused one in a test. On Linux the former stands still while the
/// machine sleeps, so a code may be dead on waking although the clock does not show it; the service's `expired_token`
/// then ends the flow.
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    origin: Instant,
}

impl Default for TokioClock {
    fn default() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Tick {
        Tick::since_origin(self.origin.elapsed())
    }

    fn wait(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(duration)
    }
}

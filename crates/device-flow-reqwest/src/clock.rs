//! The clock that paces a sign-in, which a test can replace.

use std::future::Future;
use std::time::Duration;

use device_flow::Tick;
use tokio::time::Instant;

/// Monotonic time, and waiting.
///
/// ```
/// use device_flow_reqwest::{Clock, Tick};
/// use std::cell::Cell;
/// use std::future::{Future, ready};
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
///     fn wait(&self, duration: Duration) -> impl Future<Output = ()> + Send {
///         self.0.set(self.0.get() + duration);
///         ready(())
///     }
/// }
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let clock = Leaping::default();
/// clock.wait(Duration::from_secs(600)).await;
/// assert_eq!(clock.now().elapsed(), Duration::from_secs(600));
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Clock {
    /// The time now, since an origin of this clock's choice.
    fn now(&self) -> Tick;
    /// Waits for this long, or returns early; the driver asks for the time again.
    ///
    /// # Cancel safety
    /// Dropping the future must lose nothing: a driver that is dropped in the middle of a wait is driven on by waiting anew.
    ///
    /// ```
    ///
    /// use device_flow_reqwest::{Clock, TokioClock};
    /// use std::time::Duration;
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(async {
    /// // Tokio's time is paused here, as in a test.
    /// let clock = TokioClock::default();
    /// clock.wait(Duration::from_secs(600)).await;
    /// assert_eq!(clock.now().elapsed().as_secs(), 600);
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
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

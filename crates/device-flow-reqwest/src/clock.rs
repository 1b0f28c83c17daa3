//! The clock of a sign-in, which a test can replace.

use std::future::Future;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};
use std::task::Poll;
use std::time::Duration;

use device_flow::{Tick, VirtualTime};
use tokio::time::Instant;

/// A monotonic clock, with waits.
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
    /// Returns the time since an arbitrary origin of this clock.
    fn now(&self) -> Tick;
    /// Waits for this long. It may return early: the driver reads the time again.
    ///
    /// # Cancel safety
    /// Dropping the future must be harmless: a flow whose driver was dropped during a wait starts a new wait.
    ///
    /// ```
    ///
    /// use device_flow_reqwest::{Clock, TokioClock};
    /// use std::time::Duration;
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(async {
    /// // Tokio's time is paused here, as in a test.
    /// let before = TokioClock.now();
    /// TokioClock.wait(Duration::from_secs(600)).await;
    /// assert_eq!(TokioClock.now().since(before).as_secs(), 600);
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn wait(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}

/// Implements `Clock` for a pointer to a clock.
macro_rules! clock_through {
    ($($pointer:ty),*) => {$(
        impl<C: Clock + ?Sized> Clock for $pointer {
            fn now(&self) -> Tick {
                (**self).now()
            }
            fn wait(&self, duration: Duration) -> impl Future<Output = ()> + Send {
                (**self).wait(duration)
            }
        }
    )*};
}

clock_through!(&C, Box<C>, Rc<C>, Arc<C>);

/// A wait advances the virtual time, and yields to other tasks.
impl Clock for VirtualTime {
    fn now(&self) -> Tick {
        Self::now(self)
    }

    fn wait(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        let mut waited = false;
        core::future::poll_fn(move |cx| {
            if core::mem::replace(&mut waited, true) {
                return Poll::Ready(());
            }
            self.pass(duration);
            cx.waker().wake_by_ref();
            Poll::Pending
        })
    }
}

/// Tokio's clock: the system's monotonic clock, or a paused one in a test. All values share one origin. On Linux the
/// system's clock stops while the machine sleeps, so a code may have expired unnoticed. The service's `expired_token`
/// then ends the flow.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it is made by its name")]
pub struct TokioClock;

/// An origin before every call in this process. A paused clock may have been stopped before the first call.
static ORIGIN: LazyLock<Instant> = LazyLock::new(|| {
    let now = Instant::now();
    now.checked_sub(Duration::from_secs(3600)).unwrap_or(now)
});

impl Clock for TokioClock {
    fn now(&self) -> Tick {
        Tick::since_origin(ORIGIN.elapsed())
    }

    fn wait(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(duration)
    }
}

//! Monotonic time, as the driver sees it.

use core::fmt;
use core::ops::Add;
use core::time::Duration;

/// A point in monotonic time: the duration since an origin that the driver chose once for the flow.
///
/// The machine never reads a clock; every call that needs the time takes it. With the origin at the flow's start, a
/// driver's whole clock is `Tick::since_origin(started.elapsed())`. All arithmetic saturates.
///
/// ```
/// use core::time::Duration;
/// use device_flow::Tick;
///
/// let started = Tick::ZERO;
/// let now = Tick::since_origin(Duration::from_secs(7)); // a real driver: Instant::elapsed
/// assert_eq!((now.since(started), started.since(now)), (Duration::from_secs(7), Duration::ZERO));
/// assert_eq!((now + Duration::from_secs(5)).elapsed(), Duration::from_secs(12));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(Duration);

impl Tick {
    /// The origin itself.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// The point this long after the origin.
    #[must_use]
    pub const fn since_origin(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// How long after the origin this point is.
    #[must_use]
    pub const fn elapsed(self) -> Duration {
        self.0
    }

    /// How long from `earlier` to this point; zero if `earlier` is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Tick {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

impl fmt::Debug for Tick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tick({:?})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_saturate_at_both_ends() {
        let end = Tick::since_origin(Duration::MAX);
        assert_eq!(end + Duration::MAX, end);
        assert_eq!(Tick::ZERO.since(end), Duration::ZERO);
        assert_eq!(end.since(Tick::ZERO), Duration::MAX);
    }
}

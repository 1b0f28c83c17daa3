//! Monotonic time, as the driver counts it.

use core::fmt;
use core::ops::Add;
use core::time::Duration;

/// A point in monotonic time: the duration since the flow's origin, which the driver chooses once.
///
/// The machine never reads a clock; every call takes the time it needs. With the origin at the flow's start,
/// a driver's whole clock is `Tick::since_origin(started.elapsed())`. All arithmetic saturates, some 584
/// years after the origin.
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
pub struct Tick {
    /// One number, because every poll compares several ticks, and a pending flow holds five.
    nanos: u64,
}

impl Tick {
    /// The origin.
    pub const ZERO: Self = Self { nanos: 0 };

    /// Creates the point this long after the origin.
    #[inline]
    #[must_use]
    pub const fn since_origin(elapsed: Duration) -> Self {
        let nanos =
            elapsed.as_secs().saturating_mul(1_000_000_000).saturating_add(elapsed.subsec_nanos() as u64);
        Self { nanos }
    }

    /// Returns the duration since the origin.
    #[must_use]
    pub const fn elapsed(self) -> Duration {
        Duration::from_nanos(self.nanos)
    }

    /// Returns the point this long before this one, but not before the origin.
    pub(crate) const fn before(self, duration: Duration) -> Self {
        Self { nanos: self.nanos.saturating_sub(Self::since_origin(duration).nanos) }
    }

    /// Returns the duration since `earlier`; zero if `earlier` is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos.saturating_sub(earlier.nanos))
    }
}

impl Add<Duration> for Tick {
    type Output = Self;

    #[inline]
    fn add(self, duration: Duration) -> Self {
        Self { nanos: self.nanos.saturating_add(Self::since_origin(duration).nanos) }
    }
}

impl fmt::Debug for Tick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tick({:?})", self.elapsed())
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
        assert_eq!(end.since(Tick::ZERO), Duration::from_nanos(u64::MAX));
    }
}

//! The time of a decision: wall-clock time, passed in.

use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use oidc_proto::UnixSeconds;
use serde::{Deserialize, Serialize};

/// A point in time: the duration since the Unix epoch.
///
/// The driver reads its clock once per request and passes it on. A clock that steps back is harmless: a
/// negative difference is zero, and every sum saturates.
///
/// ```
/// use core::time::Duration;
/// use device_authority::Moment;
/// let asked = Moment::new(Duration::from_millis(1_700_000_000_500));
/// let later = asked.after(Duration::from_secs(10));
/// assert_eq!((later.since(asked), asked.since(later)), (Duration::from_secs(10), Duration::ZERO));
/// assert_eq!(later.since_epoch(), Duration::from_millis(1_700_000_010_500));
/// assert_eq!(later.unix_seconds().get(), 1_700_000_010);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Moment(Duration);

impl Moment {
    /// Creates the time this long after the Unix epoch.
    #[must_use]
    pub const fn new(since_epoch: Duration) -> Self {
        Self(since_epoch)
    }

    /// Returns the duration since the Unix epoch.
    #[must_use]
    pub const fn since_epoch(self) -> Duration {
        self.0
    }

    /// Returns the time this much later, saturating.
    #[must_use]
    pub const fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait))
    }

    /// Returns the duration since `earlier`; zero if `earlier` is in the future.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// Returns the time in whole seconds, the wire's unit.
    #[must_use]
    pub const fn unix_seconds(self) -> UnixSeconds {
        UnixSeconds::new(0).saturating_add(self.0)
    }
}

/// A time before the Unix epoch is read as the epoch. `Moment::from(SystemTime::now())` is the wall clock.
impl From<SystemTime> for Moment {
    fn from(time: SystemTime) -> Self {
        Self(time.duration_since(UNIX_EPOCH).unwrap_or_default())
    }
}

/// Rounds up to whole seconds for the wire. So a client that waits as told is never early, and a short life
/// is never announced as zero.
pub(crate) const fn whole_seconds(time: Duration) -> Duration {
    let more = if time.subsec_nanos() > 0 { 1 } else { 0 };
    Duration::from_secs(time.as_secs().saturating_add(more))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_never_go_below_zero_and_sums_saturate() {
        let early = Moment::new(Duration::from_secs(1));
        let late = early.after(Duration::from_secs(4));
        assert_eq!(late.since(early), Duration::from_secs(4));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(late.after(Duration::MAX).since_epoch(), Duration::MAX);
        assert_eq!(late.after(Duration::MAX).unix_seconds(), UnixSeconds::new(i64::MAX));
    }

    #[test]
    fn a_system_time_is_a_moment_and_one_before_1970_is_the_first() {
        let second = Duration::from_secs(1);
        assert_eq!(Moment::from(UNIX_EPOCH + second), Moment::new(second));
        // In a browser there is no earlier time.
        if let Some(before) = UNIX_EPOCH.checked_sub(second) {
            assert_eq!(Moment::from(before), Moment::new(Duration::ZERO));
        }
    }

    #[test]
    fn the_wire_rounds_up_so_that_an_obedient_client_is_never_early() {
        assert_eq!(whole_seconds(Duration::from_millis(200)), Duration::from_secs(1));
        assert_eq!(whole_seconds(Duration::from_secs(2)), Duration::from_secs(2));
        assert_eq!(whole_seconds(Duration::MAX), Duration::from_secs(u64::MAX));
    }
}

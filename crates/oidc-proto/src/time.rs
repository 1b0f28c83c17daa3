//! Wall-clock time on the wire.

use core::fmt;
use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since the Unix epoch, as the service writes `clientIdIssuedAt` and `clientSecretExpiresAt`.
///
/// Wall-clock time, which a person can set. It decides whether a stored value is still valid. Pacing uses
/// monotonic time, a different type (`device_flow::Tick`), so the two cannot be confused.
///
/// ```
/// use core::time::Duration;
/// use oidc_proto::UnixSeconds;
/// let now = UnixSeconds::new(1_640_467_800);
/// let end = now.saturating_add(Duration::from_secs(90));
/// assert_eq!(end.get(), 1_640_467_890);
/// assert_eq!(end.remaining_at(now), Duration::from_secs(90));
/// assert_eq!(now.remaining_at(end), Duration::ZERO);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct UnixSeconds(i64);

impl UnixSeconds {
    /// Creates a time from seconds since the epoch; negative before 1970.
    #[must_use]
    pub const fn new(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Returns the seconds since the epoch.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Returns this time plus a duration in whole seconds. The fraction is dropped; the sum saturates at the
    /// type's ends.
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add_unsigned(duration.as_secs()))
    }

    /// Returns the time from `now` until this time; zero if it has passed.
    #[must_use]
    pub const fn remaining_at(self, now: Self) -> Duration {
        let left = self.0.saturating_sub(now.0);
        if left <= 0 { Duration::ZERO } else { Duration::from_secs(left as u64) }
    }
}

/// The latest whole second that is not after this time. `UnixSeconds::from(SystemTime::now())` is the wall clock.
impl From<SystemTime> for UnixSeconds {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(since) => Self(0).saturating_add(since),
            Err(error) => {
                let before = error.duration();
                let begun = u64::from(before.subsec_nanos() > 0);
                Self(0_i64.saturating_sub_unsigned(before.as_secs().saturating_add(begun)))
            }
        }
    }
}

impl fmt::Debug for UnixSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnixSeconds({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        assert_eq!(UnixSeconds::new(i64::MAX - 1).saturating_add(Duration::MAX), UnixSeconds::new(i64::MAX));
        assert_eq!(UnixSeconds::new(-5).saturating_add(Duration::from_millis(7_900)), UnixSeconds::new(2));
        assert_eq!(UnixSeconds::new(10).remaining_at(UnixSeconds::new(4)), Duration::from_secs(6));
        assert_eq!(UnixSeconds::new(4).remaining_at(UnixSeconds::new(10)), Duration::ZERO);
        assert_eq!(
            UnixSeconds::new(i64::MAX).remaining_at(UnixSeconds::new(i64::MIN)),
            Duration::from_secs(i64::MAX as u64)
        );
    }

    #[test]
    fn a_system_time_is_the_second_that_it_lies_in_before_the_epoch_too() {
        let at = |millis: i64| {
            let distance = Duration::from_millis(millis.unsigned_abs());
            let time =
                if millis < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
            time.map(|time| UnixSeconds::from(time).get())
        };
        assert_eq!([0, 1_999, 2_000].map(at), [0, 1, 2].map(Some));
        // In a browser there is no time before the epoch.
        if at(-1).is_some() {
            assert_eq!([-1, -1_000, -1_001].map(at), [-1, -1, -2].map(Some));
        }
    }

    #[test]
    fn a_time_prints_as_its_seconds() {
        assert_eq!(format!("{:?}", UnixSeconds::new(-7)), "UnixSeconds(-7)");
    }
}

//! The server's clock.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use device_authority::Moment;

/// Wall-clock time without steps. The server reads the system clock once, at start; the monotonic clock
/// carries it on. If an administrator sets the system clock, codes neither expire early nor freeze.
///
/// A test may move it on. Then the uptime grows by as much.
pub(crate) struct Clock {
    up: Box<dyn Fn() -> Duration + Send + Sync>,
    wall: Duration,
    /// The time by which it was moved on, in nanoseconds. It holds 584 years.
    moved: AtomicU64,
}

/// The requested time is before the server's. Its clock never goes back: an expired code would be valid again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the time is before that of the server, whose clock cannot go back")]
#[non_exhaustive]
pub struct TimeInPast;

impl Clock {
    pub(crate) fn start() -> Self {
        let started = Instant::now();
        Self::of(move || started.elapsed())
    }

    /// Creates a clock over this uptime.
    pub(crate) fn of(up: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { up: Box::new(up), wall, moved: AtomicU64::new(0) }
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
        self.up_at(self.ticks())
    }

    /// Returns the time since the start, without that by which a test moved the clock on. Durations are measured with
    /// it.
    pub(crate) fn ticks(&self) -> Duration {
        (self.up)()
    }

    /// Returns the server's uptime at this time since the start.
    pub(crate) fn up_at(&self, ticks: Duration) -> Duration {
        ticks.saturating_add(Duration::from_nanos(self.moved.load(Ordering::Acquire)))
    }

    /// Returns the time of the start.
    pub(crate) fn started(&self) -> Moment {
        Moment::new(self.wall)
    }

    /// Moves the clock on, at most to the end of its range.
    pub(crate) fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        let add = |moved: u64| Some(moved.saturating_add(by));
        // The function always returns a value.
        let _ = self.moved.fetch_update(Ordering::AcqRel, Ordering::Acquire, add);
    }

    /// Moves the clock on to this time.
    pub(crate) fn set(&self, to: Moment) -> Result<(), TimeInPast> {
        let (up, wall) = ((self.up)(), Moment::new(self.wall));
        let wanted = u64::try_from(to.since(wall.after(up)).as_nanos()).unwrap_or(u64::MAX);
        // Two threads that set the same time must not move the clock twice.
        let move_on = |moved: u64| {
            let is_past = to < wall.after(up).after(Duration::from_nanos(moved));
            (!is_past).then_some(moved.max(wanted))
        };
        let moved = self.moved.fetch_update(Ordering::AcqRel, Ordering::Acquire, move_on);
        moved.map(drop).map_err(|_| TimeInPast)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("wall", &self.wall).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn the_time_and_the_uptime_move_on_together() {
        let clock = Clock::of(|| Duration::from_secs(5));
        let began = clock.now();
        clock.advance(HOUR);
        assert_eq!((clock.now(), clock.up()), (began.after(HOUR), HOUR + Duration::from_secs(5)));
        clock.set(began.after(2 * HOUR)).unwrap();
        assert_eq!(clock.now(), began.after(2 * HOUR));
    }

    #[test]
    fn threads_that_set_the_same_time_move_it_on_once() {
        for round in 0..200 {
            let clock = Clock::of(|| Duration::ZERO);
            let (began, barrier) = (clock.now(), std::sync::Barrier::new(4));
            let to = began.after(HOUR * (round + 1));
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        barrier.wait();
                        clock.set(to).unwrap();
                        assert_eq!(clock.now(), to);
                    });
                }
            });
        }
    }

    #[test]
    fn it_never_goes_back() {
        let clock = Clock::of(|| Duration::ZERO);
        clock.advance(HOUR);
        let now = clock.now();
        assert_eq!(clock.set(Moment::new(now.since_epoch() - Duration::from_nanos(1))), Err(TimeInPast));
        assert_eq!(clock.now(), now);
        assert_eq!(clock.set(now), Ok(()), "the present is no step");
        clock.advance(Duration::MAX);
        let end = clock.now();
        clock.advance(HOUR);
        assert_eq!(clock.now(), end, "it does not start anew at the end of its range");
    }
}

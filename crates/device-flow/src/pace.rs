//! The time of the next request: the service's interval, and the backoff after errors.

use core::time::Duration;

use oidc_proto::DeviceAuthorization;

use crate::Tick;
use crate::jitter::Draw;

/// The least interval between two polls: an `interval` of 0 must not cause a busy loop.
pub(crate) const INTERVAL_FLOOR: Duration = Duration::from_secs(1);

/// The growth of the interval for each `slow_down` (RFC 8628 §3.5).
pub(crate) const SLOW_DOWN_STEP: Duration = Duration::from_secs(5);

/// From the second `slow_down` in a row the interval also grows by a tenth, in whole seconds. Such a service
/// measures with another clock. A virtual machine's may run fast by some per cent, which seconds alone never
/// compensate.
const SLOW_DOWN_PARTS: u64 = 10;

/// The lead of the last poll before the code's expiry, so its response arrives in time.
const LAST_POLL_LEAD: Duration = Duration::from_secs(2);

/// The first wait after an error before there are codes; each further error doubles it.
const SETUP_BACKOFF: Duration = Duration::from_secs(1);

/// The most delays of one overdue request.
const MOST_OVERDUE: u8 = 8;

/// The pace of one kind of request.
///
/// The *floor* is the service's: its interval, five seconds more for each `slow_down` or the longer interval
/// in it, and a `Retry-After` for one gap. It never shrinks. *Backoff* is ours: it doubles with each result
/// without a verdict, and any verdict resets it. The next request is due after the longer of the two. Only
/// the last poll may undercut the floor, but not the interval that came with the codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// The floor; zero before there is a device code.
    pub(crate) interval: Duration,
    /// The interval that came with the codes.
    pub(crate) announced: Duration,
    /// The `slow_down`s since the last other verdict.
    pub(crate) slow_downs: u8,
    /// The errors since the last verdict.
    pub(crate) errors: u32,
    /// The time of the next request.
    pub(crate) due: Tick,
    /// The number of delays of an overdue request since the last reply.
    pub(crate) overdue: u8,
}

impl Pace {
    /// Creates the pace of the setup. The first request is due at once.
    pub(crate) const fn setup(now: Tick) -> Self {
        let interval = Duration::ZERO;
        Self { interval, announced: interval, slow_downs: 0, errors: 0, due: now, overdue: 0 }
    }

    /// Creates the pace of the polls, from the device authorization's arrival.
    pub(crate) fn polling(interval: Option<Duration>, first_due_at_once: bool, now: Tick) -> Self {
        let interval = interval.unwrap_or(DeviceAuthorization::DEFAULT_INTERVAL).max(INTERVAL_FLOOR);
        let due = if first_due_at_once { now } else { now + interval };
        Self { interval, announced: interval, slow_downs: 0, errors: 0, due, overdue: 0 }
    }

    /// Defers the next request to this time.
    pub(crate) fn not_before(&mut self, time: Tick) {
        self.due = self.due.max(time);
    }

    pub(crate) const fn due(&self) -> Tick {
        self.due
    }

    pub(crate) const fn interval(&self) -> Duration {
        self.interval
    }

    /// Handles `authorization_pending` at `now`: the next request is due one interval later, and not before
    /// `retry_after`. A longer interval in the response counts.
    #[inline]
    pub(crate) fn pending(&mut self, now: Tick, retry_after: Option<Duration>, named: Option<Duration>) {
        if let Some(named) = named {
            self.interval = self.interval.max(named);
        }
        self.slow_downs = 0;
        self.after_verdict(now, retry_after);
    }

    /// Handles a verdict at `now`: the next request is due one interval later, and not before `retry_after`.
    pub(crate) fn after_verdict(&mut self, now: Tick, retry_after: Option<Duration>) {
        self.errors = 0;
        self.overdue = 0;
        let wait = retry_after.map_or(self.interval, |least| self.interval.max(least));
        self.due = now + wait;
    }

    /// Moves a request that would be due after the deadline to shortly before it, if the interval that came
    /// with the codes permits. The first request is always made.
    #[inline]
    pub(crate) fn keep_last(&mut self, now: Tick, deadline: Tick, life: Duration, is_first: bool) {
        // Rarely true, and checked after every poll.
        if self.due < deadline {
            return;
        }
        let last = deadline.before(LAST_POLL_LEAD.min(life / 4));
        if is_first || last >= now + self.announced {
            self.due = last;
        }
    }

    /// Returns the range of the delay of a request that is overdue by more than an interval. `None` if it is
    /// not, or has been delayed too often and must go.
    ///
    /// Something blocked the driver, a queue or a sleeping machine, and perhaps many other flows, which would
    /// all poll now. The range doubles with each miss up to `cap`, as the backoff does.
    pub(crate) fn overdue_by(&self, now: Tick, cap: Duration) -> Option<Duration> {
        let is_overdue = self.overdue < MOST_OVERDUE && now.since(self.due) > self.interval;
        is_overdue.then(|| self.interval.saturating_mul(1 << self.overdue).min(cap).max(self.interval))
    }

    /// Delays an overdue request by a draw from this range.
    pub(crate) fn delay_poll(&mut self, now: Tick, time: Duration, draw: Draw) {
        self.overdue = self.overdue.saturating_add(1);
        self.due = now + draw.of(time);
    }

    /// Returns the floor after a `slow_down`: five seconds longer (RFC 8628 §3.5), or the interval in the
    /// response. From the second in a row it also grows by a tenth. There is no cap.
    fn slower(&self, named: Option<Duration>) -> Duration {
        let floor = self.interval.saturating_add(SLOW_DOWN_STEP).max(named.unwrap_or_default());
        let share = if self.slow_downs == 0 { 0 } else { floor.as_secs().div_ceil(SLOW_DOWN_PARTS) };
        floor.saturating_add(Duration::from_secs(share))
    }

    /// Returns the wait after a `slow_down`.
    pub(crate) fn wait_after_slow_down(
        &self,
        retry_after: Option<Duration>,
        named: Option<Duration>,
    ) -> Duration {
        self.slower(named).max(retry_after.unwrap_or_default())
    }

    /// Handles `slow_down` at `now`.
    pub(crate) fn slow_down(&mut self, now: Tick, retry_after: Option<Duration>, named: Option<Duration>) {
        self.interval = self.slower(named);
        self.slow_downs = self.slow_downs.saturating_add(1);
        self.after_verdict(now, retry_after);
    }

    /// Returns the wait after a result without a verdict: doubling, up to `cap`, and never below the floor.
    /// RFC 8628 §3.5: a client must reduce its frequency after a time-out; doubling is recommended.
    pub(crate) fn backoff(&self, retry_after: Option<Duration>, cap: Duration) -> Duration {
        let first = if self.interval.is_zero() { SETUP_BACKOFF } else { self.interval.saturating_mul(2) };
        let factor = 1_u32.checked_shl(self.errors).unwrap_or(u32::MAX);
        first.saturating_mul(factor).min(cap).max(self.interval).max(retry_after.unwrap_or_default())
    }

    /// Handles a result without a verdict at `now`: the next request is due after the backoff.
    ///
    /// `draw` adds at most half of the wait, and at most the cap. The first wait after an error is two
    /// intervals, so the draw spreads flows over one interval, their usual distance.
    pub(crate) fn back_off(&mut self, now: Tick, retry_after: Option<Duration>, cap: Duration, draw: Draw) {
        let wait = self.backoff(retry_after, cap);
        self.errors = self.errors.saturating_add(1);
        self.overdue = 0;
        self.due = now + wait.saturating_add(draw.of((wait / 2).min(cap)));
    }
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;

//! A client's clock beside the true time: it drifts, and it jumps. All times are in microseconds.

#[derive(Clone, Debug)]
pub(crate) struct Clock {
    /// At this true time …
    base: u64,
    /// … the clock showed this.
    shown: u64,
    /// And runs too fast by so many parts in a million; too slow if negative.
    drift: i64,
}

/// What clocks show at first: enough that none can be put back below zero.
const ORIGIN: u64 = 100_000_000_000;
const MILLION: i128 = 1_000_000;

impl Clock {
    pub(crate) const fn new(now: u64, drift: i64) -> Self {
        Self { base: now, shown: ORIGIN, drift }
    }

    /// What it shows.
    pub(crate) fn shows(&self, now: u64) -> u64 {
        let passed = i128::from(now.saturating_sub(self.base));
        self.shown + (passed * (MILLION + i128::from(self.drift)) / MILLION) as u64
    }

    /// The first true time at which it shows this or more.
    pub(crate) fn when(&self, shown: u64) -> u64 {
        let missing = i128::from(shown.saturating_sub(self.shown));
        let rate = MILLION + i128::from(self.drift);
        self.base + ((missing * MILLION + rate - 1) / rate) as u64
    }

    /// A person sets it, or it stood still while the machine slept.
    pub(crate) fn jump(&mut self, now: u64, by: i64) {
        self.shown = self.shows(now).saturating_add_signed(by);
        self.base = now;
    }
}

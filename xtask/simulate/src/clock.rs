//! A client's clock, which drifts and jumps against the true time. All times are in microseconds.

#[derive(Clone, Debug)]
pub(crate) struct Clock {
    /// The true time of the latest setting.
    base: u64,
    /// The clock's reading at `base`.
    shown: u64,
    /// The drift in parts per million: positive if fast, negative if slow.
    drift: i64,
}

/// The first reading of clocks. It is high enough that no jump back goes below zero.
const ORIGIN: u64 = 100_000_000_000;
const MILLION: i128 = 1_000_000;

impl Clock {
    pub(crate) const fn new(now: u64, drift: i64) -> Self {
        Self { base: now, shown: ORIGIN, drift }
    }

    /// Returns the reading at this true time.
    pub(crate) fn shows(&self, now: u64) -> u64 {
        let passed = i128::from(now.saturating_sub(self.base));
        self.shown + (passed * (MILLION + i128::from(self.drift)) / MILLION) as u64
    }

    /// Returns the first true time with this reading or a later one.
    pub(crate) fn when(&self, shown: u64) -> u64 {
        let missing = i128::from(shown.saturating_sub(self.shown));
        let rate = MILLION + i128::from(self.drift);
        self.base + ((missing * MILLION + rate - 1) / rate) as u64
    }

    /// Changes the reading, as if a person set the clock or the machine slept.
    pub(crate) fn jump(&mut self, now: u64, by: i64) {
        self.shown = self.shows(now).saturating_add_signed(by);
        self.base = now;
    }
}

//! A histogram of durations, without a lock.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

/// The upper bounds of the buckets, in nanoseconds: three in each power of ten, from 10 µs to 10 s. Most requests take
/// microseconds, and a store that waits for a disk or a database takes milliseconds.
const BOUNDS: [u64; 19] = [
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// The nanoseconds of a second.
const SECOND: f64 = 1e9;

/// A histogram of durations. The last bucket is for those above all bounds.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    /// The sum in nanoseconds. It holds 584 years.
    sum: AtomicU64,
}

/// A histogram at one moment.
pub(super) struct Snapshot {
    /// The number of durations up to each bound, in seconds.
    pub(super) up_to: Vec<(f64, u64)>,
    /// The number of all durations.
    pub(super) count: u64,
    /// The sum of all durations, in seconds.
    pub(super) sum: f64,
}

impl Histogram {
    pub(super) fn add(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let place = BOUNDS.partition_point(|bound| *bound < nanos);
        if let Some(bucket) = self.buckets.get(place) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Returns the numbers of this moment. The count is the sum of the buckets, so the two always agree.
    pub(super) fn snapshot(&self) -> Snapshot {
        let mut count = 0;
        let counts = self.buckets.each_ref().map(|bucket| {
            count += bucket.load(Ordering::Relaxed);
            count
        });
        let seconds = |nanos: u64| nanos as f64 / SECOND;
        let up_to = BOUNDS.into_iter().map(seconds).zip(counts).collect();
        Snapshot { up_to, count, sum: seconds(self.sum.load(Ordering::Relaxed)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_has_its_bound_and_all_that_is_shorter() {
        let histogram = Histogram::default();
        for micros in [0, 10, 11, 25, 10_000_000, 10_000_001] {
            histogram.add(Duration::from_micros(micros));
        }
        let Snapshot { up_to, count, sum } = histogram.snapshot();
        assert_eq!(up_to[..3], [(0.000_01, 2), (0.000_025, 4), (0.000_05, 4)]);
        assert_eq!((up_to.last(), count), (Some(&(10.0, 5)), 6));
        assert!((sum - 20.000_047).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn the_bounds_grow() {
        assert!(BOUNDS.is_sorted_by(|one, next| one < next));
    }
}

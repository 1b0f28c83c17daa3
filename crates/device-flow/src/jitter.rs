//! Random delays that spread the retries of many flows after an outage.

use core::num::NonZeroU32;
use core::time::Duration;

/// A source of draws, seeded from outside. It must only differ between flows; no security depends on it. Its
/// state is small, because a million flows have one: a Weyl sequence, mixed by splitmix64 (Steele, Lea,
/// Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub(crate) struct Jitter(Option<NonZeroU32>);

impl Jitter {
    /// Creates a source without draws: every wait has its least length.
    pub(crate) const fn none() -> Self {
        Self(None)
    }

    pub(crate) const fn seeded(seed: u64) -> Self {
        Self(Some(not_zero((seed ^ (seed >> 32)) as u32)))
    }

    pub(crate) const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Returns the cap for the wait before a draw of up to half, so that both together stay within `cap`.
    pub(crate) fn room_within(&self, cap: Duration) -> Duration {
        if self.is_on() { cap / 3 * 2 } else { cap }
    }

    pub(crate) fn draw(&mut self) -> Draw {
        let Some(state) = &mut self.0 else { return Draw::NOTHING };
        *state = not_zero(state.get().wrapping_add(0x9e37_79b9));
        Draw((term(state.get()) >> 32) as u32)
    }
}

/// Returns the term of this number, counted from one, of splitmix64's sequence from zero.
const fn term(number: u32) -> u64 {
    let mut mixed = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Avoids zero, which means no source.
const fn not_zero(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

/// A fraction, in units of 2⁻³².
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draw(u32);

impl Draw {
    pub(crate) const NOTHING: Self = Self(0);

    /// Returns this fraction of a duration.
    pub(crate) fn of(self, whole: Duration) -> Duration {
        let nanos = (whole.as_nanos().saturating_mul(u128::from(self.0))) >> 32;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_spread_evenly_and_repeat_with_their_seed() {
        let second = Duration::from_secs(1);
        let mut tenths = [0_u32; 10];
        for seed in 0..10_000 {
            let draw = Jitter::seeded(seed).draw();
            assert_eq!(draw.of(second), Jitter::seeded(seed).draw().of(second));
            assert!(draw.of(second) < second);
            tenths[draw.of(second).as_millis() as usize / 100] += 1;
        }
        assert!(tenths.iter().all(|count| (900..1100).contains(count)), "{tenths:?}");
    }

    #[test]
    fn one_source_draws_differently_each_time_and_none_draws_nothing() {
        let mut jitter = Jitter::seeded(1);
        assert_ne!(jitter.draw().of(Duration::from_secs(1)), jitter.draw().of(Duration::from_secs(1)));
        assert_eq!(Jitter::none().draw().of(Duration::MAX), Duration::ZERO);
    }

    #[test]
    fn the_terms_are_those_of_splitmix64() {
        let known = [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f];
        assert_eq!([term(1), term(2), term(3)], known);
    }

    #[test]
    fn both_halves_of_a_seed_count() {
        let seeds = [7, 1 << 32 | 7, 2 << 32 | 7, 1 << 32, 2 << 32];
        for (i, one) in seeds.iter().enumerate() {
            for other in &seeds[..i] {
                assert_ne!(Jitter::seeded(*one), Jitter::seeded(*other), "{one:x}, {other:x}");
            }
        }
    }

    #[test]
    fn a_fraction_of_the_longest_time_does_not_overflow() {
        assert!(Draw(u32::MAX).of(Duration::MAX) > Duration::from_secs(1 << 33));
    }
}

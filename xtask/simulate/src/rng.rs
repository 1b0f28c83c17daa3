//! Chance, from a seed. Every device has a stream of its own, so the number of other devices does not change its history.

use device_authority::NoEntropy;

#[derive(Clone, Debug)]
pub(crate) struct Rng(fastrand::Rng);

impl Rng {
    /// The stream of this number.
    pub(crate) fn of(seed: u64, stream: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed ^ stream.wrapping_mul(0xd134_2543_de82_ef95)))
    }

    /// From `low` up to, but not including, `high`; `low` if there is nothing in between.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        if low < high { self.0.u64(low..high) } else { low }
    }

    /// True so many times in ten thousand.
    pub(crate) fn chance(&mut self, per_10_000: u32) -> bool {
        self.0.u32(0..10_000) < per_10_000
    }

    /// A source for the authority, as good as its seed.
    pub(crate) fn entropy(&mut self) -> impl FnMut(&mut [u8]) -> Result<(), NoEntropy> + '_ {
        |bytes| {
            self.0.fill(bytes);
            Ok(())
        }
    }
}

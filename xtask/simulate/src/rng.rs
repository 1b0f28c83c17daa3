//! Seeded random numbers. Every device has its own stream, so the number of devices does not change its
//! history.

use device_authority::NoEntropy;

#[derive(Clone, Debug)]
pub(crate) struct Rng(fastrand::Rng);

impl Rng {
    /// Returns the stream of this number.
    pub(crate) fn of(seed: u64, stream: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed ^ stream.wrapping_mul(0xd134_2543_de82_ef95)))
    }

    /// Returns a number from `low` to `high`, exclusive; `low` if the range is empty.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        if low < high { self.0.u64(low..high) } else { low }
    }

    /// Returns true with this chance in ten thousand.
    pub(crate) fn chance(&mut self, per_10_000: u32) -> bool {
        self.0.u32(0..10_000) < per_10_000
    }

    /// Returns an entropy source for the authority.
    pub(crate) fn entropy(&mut self) -> impl FnMut(&mut [u8]) -> Result<(), NoEntropy> + '_ {
        |bytes| {
            self.0.fill(bytes);
            Ok(())
        }
    }
}

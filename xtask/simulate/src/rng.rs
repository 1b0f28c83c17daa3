//! Chance, from a seed: SplitMix64. Every device has a stream of its own, so that what happens to one does not depend
//! on how many others there are.

use device_authority::NoEntropy;

#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    /// The stream of this number.
    pub(crate) fn of(seed: u64, stream: u64) -> Self {
        let mut rng = Self(seed ^ stream.wrapping_mul(0xd134_2543_de82_ef95));
        // Neighbouring streams look alike until they have been stirred.
        rng.next();
        rng
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `low` up to, but not including, `high`.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + ((u128::from(self.next()) * u128::from(high.saturating_sub(low))) >> 64) as u64
    }

    /// True so many times in ten thousand.
    pub(crate) fn chance(&mut self, per_10_000: u32) -> bool {
        self.between(0, 10_000) < u64::from(per_10_000)
    }

    /// A source for the authority: as good as its seed, which is all that a simulation wants.
    pub(crate) fn entropy(&mut self) -> impl FnMut(&mut [u8]) -> Result<(), NoEntropy> + '_ {
        |bytes| {
            for chunk in bytes.chunks_mut(8) {
                chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
            }
            Ok(())
        }
    }
}

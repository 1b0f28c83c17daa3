//! The derivation of tokens from the secret that asks for them.

use core::fmt;

use oidc_proto::Secret;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha512};

use crate::entropy::{base64url, random};
use crate::{Entropy, NoEntropy, Selector};

/// The key that makes new tokens from a secret: a refresh token's successor, or the first tokens of a device code. A
/// secret that is used twice in its grace gets the same tokens twice, and no record holds a token.
///
/// Only the holder of the secret and of its record can derive them. In the grace, the service would give them to the
/// holder of the secret alone.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seed(#[serde(with = "crate::hex")] [u8; 32]);

impl Seed {
    pub(crate) fn random(entropy: &mut dyn Entropy) -> Result<Self, NoEntropy> {
        random(entropy).map(Self)
    }

    /// Returns the successor of a token: its selector, and 384 new bits.
    pub(crate) fn successor(&self, token: &Secret) -> Secret {
        // The seed has a fixed length, so the two parts have one border.
        let digest = Sha512::new().chain_update(self.0).chain_update(token.expose()).finalize();
        let fresh = base64url(&digest);
        let kept = token.expose().get(..Selector::LEN).unwrap_or_default();
        Secret::new([kept, fresh.get(Selector::LEN..).unwrap_or_default()].concat())
    }

    /// Returns a source of bytes that are the same for the same code each time.
    pub(crate) const fn entropy_of<'a>(&'a self, code: &'a Secret) -> Derived<'a> {
        Derived { seed: self, code, blocks: 0 }
    }
}

/// The bytes of [`Seed::entropy_of`]. Each block of 64 is a digest of the seed, the number of the block and the code.
pub(crate) struct Derived<'a> {
    seed: &'a Seed,
    code: &'a Secret,
    blocks: u32,
}

impl Entropy for Derived<'_> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        for part in bytes.chunks_mut(64) {
            let block = Sha512::new()
                .chain_update(self.seed.0)
                .chain_update(self.blocks.to_be_bytes())
                .chain_update(self.code.expose())
                .finalize();
            self.blocks = self.blocks.wrapping_add(1);
            part.iter_mut().zip(block).for_each(|(byte, derived)| *byte = derived);
        }
        Ok(())
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::secret;

    #[test]
    fn what_derives_from_a_seed_is_part_of_the_stored_format() {
        // A newer server repeats the responses of an older one.
        let (seed, code) = (Seed([7; 32]), Secret::new("c".repeat(86)));
        let mut entropy = seed.entropy_of(&code);
        let drawn = [(); 2].map(|()| secret::<64>(&mut entropy).unwrap());
        let begins = drawn.each_ref().map(|secret| secret.expose().get(..16).unwrap());
        assert_eq!(begins, ["XEvIv2OzU28geJIf", "COvot5_0sqAejO8X"]);
        assert_eq!(seed.successor(&code).expose().get(..32).unwrap(), "ccccccccccccccccccccccP_qWgh8ztr");
    }
}

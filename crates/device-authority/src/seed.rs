//! The derivation of a refresh token's successor.

use core::fmt;

use oidc_proto::Secret;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha512};

use crate::entropy::{base64url, random};
use crate::{Entropy, NoEntropy, Selector};

/// The key that makes a refresh token's successor from the token. A token that is used twice in its grace gets
/// the same successor twice, and no record holds a token.
///
/// Only the holder of the token and of its record can derive the successor. In the grace, the service would give it
/// to the holder of the token alone.
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
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed([redacted])")
    }
}

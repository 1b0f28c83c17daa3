//! HMAC-SHA256 (RFC 2104), of which the page needs one line's worth.

use sha2::{Digest as _, Sha256};

/// What SHA-256 works on at a time, in bytes (RFC 6234 §1).
const BLOCK: usize = 64;

/// The message's authentication code under a key that is no longer than a block.
pub(super) fn hmac_sha256(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let padded = |with: u8| {
        let mut block = [with; BLOCK];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_that_of_rfc_4231() {
        // Test case 2, whose key is shorter: RFC 2104 §2 fills it up with zeros.
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let code = hmac_sha256(&key, b"what do ya want for nothing?");
        let hex: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}

//! The operating system's randomness.

use device_authority::NoEntropy;

/// Fills these bytes with the operating system's randomness.
///
/// # Errors
/// [`NoEntropy`] if the system has none.
pub(crate) fn entropy(bytes: &mut [u8]) -> Result<(), NoEntropy> {
    getrandom::fill(bytes).map_err(|_| NoEntropy::new())
}

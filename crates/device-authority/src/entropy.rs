//! Randomness, passed in, and the texts made from it.

use oidc_proto::{Fault, FaultCode, Secret};

use crate::{Fingerprint, UserCode};

/// A source of unpredictable bytes. A driver passes the operating system's, a test a seeded one. Closures of
/// the same signature implement it.
///
/// ```
/// use device_authority::{Entropy, NoEntropy, UserCode};
///
/// /// For a test: the same bytes each time. A server asks its operating system.
/// struct Counting(u8);
///
/// impl Entropy for Counting {
///     fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
///         bytes.fill_with(|| {
///             self.0 = self.0.wrapping_add(1);
///             self.0
///         });
///         Ok(())
///     }
/// }
/// assert_eq!(UserCode::random(&mut Counting(0)), UserCode::random(&mut Counting(0)));
/// ```
pub trait Entropy {
    /// Fills the whole buffer.
    ///
    /// ```
    /// use device_authority::{Entropy, NoEntropy};
    /// let mut broken = |_: &mut [u8]| Err(NoEntropy::new());
    /// assert_eq!(Entropy::fill(&mut broken, &mut [0; 16]), Err(NoEntropy::new()));
    /// ```
    ///
    /// # Errors
    /// Returns [`NoEntropy`] if the source fails. The operation then fails with `InternalServerException` and
    /// changes nothing.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy>;

    /// Returns the user code to issue next in place of a random one. A server for tests chooses it. The default is
    /// `None`.
    ///
    /// ```
    /// use device_authority::{Entropy, NoEntropy, UserCode};
    ///
    /// struct Chosen(UserCode);
    ///
    /// impl Entropy for Chosen {
    ///     fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
    ///         bytes.fill(7); // not random: for a test
    ///         Ok(())
    ///     }
    ///
    ///     fn user_code(&mut self) -> Option<UserCode> {
    ///         Some(self.0)
    ///     }
    /// }
    /// let mut source = Chosen(UserCode::typed("BCDF-GHJK").ok_or("it is a user code")?);
    /// assert_eq!(source.user_code().map(|code| code.to_string()).as_deref(), Some("BCDF-GHJK"));
    /// # Ok::<(), &str>(())
    /// ```
    fn user_code(&mut self) -> Option<UserCode> {
        None
    }
}

impl<F: FnMut(&mut [u8]) -> Result<(), NoEntropy>> Entropy for F {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        self(bytes)
    }
}

/// The source of entropy failed, or returned bytes that cannot be random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no entropy available for codes and tokens")]
#[non_exhaustive]
pub struct NoEntropy;

impl NoEntropy {
    /// Creates the error, for drivers without a cause.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Default for NoEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl From<NoEntropy> for Fault {
    fn from(_: NoEntropy) -> Self {
        Self::new(FaultCode::InternalServer).with_description("the server cannot create codes at the moment")
    }
}

/// Returns `N` random bytes, less one bit, so that their base64url begins with a letter. Without that, one in
/// 64 would begin with `-`. The AWS CLI and other command lines take such a value for a flag, and the real
/// service issues none.
pub(crate) fn random<const N: usize>(entropy: &mut dyn Entropy) -> Result<[u8; N], NoEntropy> {
    let mut bytes = [0u8; N];
    entropy.fill(&mut bytes)?;
    if let Some(first) = bytes.first_mut() {
        *first &= 0x7f;
    }
    Ok(bytes)
}

/// Returns a secret of `N` [`random`] bytes in base64url.
pub(crate) fn secret<const N: usize>(entropy: &mut dyn Entropy) -> Result<Secret, NoEntropy> {
    Ok(Secret::new(base64url(&random::<N>(entropy)?)))
}

/// Returns a new authorization code; see [`authorize_form`](crate::authorize_form).
///
/// ```
/// use device_authority::{NoEntropy, authorization_code};
/// let mut rng = fastrand::Rng::with_seed(1);
/// let code = authorization_code(&mut |bytes: &mut [u8]| Ok::<(), NoEntropy>(rng.fill(bytes)))?;
/// assert_eq!(code.expose().len(), 86);
/// # Ok::<(), NoEntropy>(())
/// ```
///
/// # Errors
/// Those of the source.
pub fn authorization_code(entropy: &mut dyn Entropy) -> Result<Secret, NoEntropy> {
    secret::<64>(entropy)
}

/// Returns a code or token of 64 bytes, and what its record keeps of it.
pub(crate) fn secret_with_fingerprint(entropy: &mut dyn Entropy) -> Result<(Secret, Fingerprint), NoEntropy> {
    let secret = secret::<64>(entropy)?;
    let fingerprint = Fingerprint::of(&secret).ok_or(NoEntropy)?;
    Ok((secret, fingerprint))
}

/// Encodes base64url without padding (RFC 4648 §5).
pub(crate) fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut word = [0u8; 4];
        word.iter_mut().skip(1).zip(chunk).for_each(|(slot, byte)| *slot = *byte);
        let word = u32::from_be_bytes(word);
        for i in 0..=chunk.len() {
            let index = (word >> (18 - 6 * i)) & 63;
            if let Some(letter) = ALPHABET.get(index as usize) {
                text.push(char::from(*letter));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_agrees_with_the_vectors_of_rfc_4648() {
        for (plain, text) in
            [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE")]
        {
            assert_eq!(base64url(plain.as_bytes()), text);
        }
        assert_eq!(base64url(&[0xff, 0xef, 0xfe]), "_-_-");
    }

    #[test]
    fn what_is_handed_out_begins_with_a_letter_and_passes_for_no_flag() {
        for first in 0..=u8::MAX {
            let mut source = |bytes: &mut [u8]| {
                bytes.fill(first);
                Ok(())
            };
            let text = secret::<48>(&mut source).unwrap();
            assert!(text.expose().starts_with(|c: char| c.is_ascii_alphabetic()), "{first}");
        }
    }

    #[test]
    fn a_device_code_of_64_bytes_has_86_characters_like_the_real_one() {
        let mut zeros = |bytes: &mut [u8]| {
            bytes.fill(0);
            Ok(())
        };
        assert_eq!(secret::<64>(&mut zeros).unwrap().expose().len(), 86);
    }
}

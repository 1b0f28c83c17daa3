//! The user code: a person reads it on one device and types it on another (RFC 8628 §6.1).

use core::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Entropy, NoEntropy};

/// Consonants that are hard to confuse and form no words (RFC 8628 §6.1).
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// Eight letters of 20: 2.56e10 codes, about 34.5 bits. That is enough only with a limit on guesses (§5.1).
const LEN: usize = 8;

/// A user code, displayed as `XXXX-XXXX`. `Debug` redacts it, because its reader could approve it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserCode([u8; LEN]);

impl UserCode {
    /// Creates a random code, uniformly distributed.
    ///
    /// ```
    /// use device_authority::{NoEntropy, UserCode};
    /// let mut count = 0u8;
    /// let code = UserCode::random(&mut |bytes: &mut [u8]| {
    ///     bytes.fill_with(|| { count = count.wrapping_add(1); count }); // not random: for a test
    ///     Ok(())
    /// })?;
    /// assert_eq!(code.to_string(), "CDFG-HJKL");
    /// assert!(UserCode::random(&mut |_: &mut [u8]| Err(NoEntropy::new())).is_err());
    /// # Ok::<(), NoEntropy>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`NoEntropy`] if the source fails, or keeps returning bytes that are not random.
    pub fn random(entropy: &mut dyn Entropy) -> Result<Self, NoEntropy> {
        /// The largest multiple of 20 in a byte. Bytes from here on would favour the first letters.
        const FAIR: u8 = 240;
        let mut code = [0u8; LEN];
        let mut filled = 0;
        // One byte in 16 is discarded. Eight rounds of 16 fail with a probability below 2^-300.
        for _ in 0..8 {
            let mut bytes = [0u8; 16];
            entropy.fill(&mut bytes)?;
            for byte in bytes.into_iter().filter(|byte| *byte < FAIR) {
                let letter = ALPHABET.get(usize::from(byte % 20));
                if let (Some(slot), Some(letter)) = (code.get_mut(filled), letter) {
                    *slot = *letter;
                    filled += 1;
                }
            }
            if filled == LEN {
                return Ok(Self(code));
            }
        }
        Err(NoEntropy)
    }

    /// Normalizes a typed code: upper case, and without characters outside the alphabet (RFC 8628 §6.1).
    /// `None` if the rest has another length than a code.
    ///
    /// ```
    /// use device_authority::UserCode;
    /// let typed = |text| UserCode::typed(text).map(|code| code.to_string());
    /// assert_eq!(typed(" bcdf ghjk").as_deref(), Some("BCDF-GHJK"));
    /// assert_eq!(typed("BCDF"), None);
    /// ```
    #[must_use]
    pub fn typed(text: &str) -> Option<Self> {
        let mut letters =
            text.bytes().map(|byte| byte.to_ascii_uppercase()).filter(|byte| ALPHABET.contains(byte));
        let mut code = [0u8; LEN];
        for slot in &mut code {
            *slot = letters.next()?;
        }
        letters.next().is_none().then_some(Self(code))
    }
}

impl fmt::Display for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, letter) in self.0.iter().enumerate() {
            if i == LEN / 2 {
                f.write_str("-")?;
            }
            write!(f, "{}", char::from(*letter))?;
        }
        Ok(())
    }
}

impl Serialize for UserCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UserCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::typed(&text).ok_or_else(|| D::Error::custom("a user code has eight letters of its alphabet"))
    }
}

impl fmt::Debug for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserCode([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns each byte value in turn, so that every accepted value occurs equally often.
    fn counter() -> impl Entropy {
        let mut next = 0u8;
        move |bytes: &mut [u8]| {
            bytes.fill_with(|| {
                next = next.wrapping_add(1);
                next
            });
            Ok(())
        }
    }

    #[test]
    fn every_letter_is_equally_likely_when_every_byte_is() {
        // 15 rounds of 256 bytes yield exactly 240 fair bytes each. A code takes 16 bytes and uses the first
        // 8 fair ones. So the test counts over a full cycle: 256 codes with offsets 0, 16, 32, …
        let mut counts = [0u32; 256];
        for start in 0..=255u8 {
            let mut next = start;
            let mut source = |bytes: &mut [u8]| {
                bytes.fill_with(|| {
                    let byte = next;
                    next = next.wrapping_add(1);
                    byte
                });
                Ok(())
            };
            // The first letter alone must be uniform over the starting bytes, except the discarded ones.
            if start < 240 {
                let code = UserCode::random(&mut source).unwrap();
                counts[usize::from(code.0[0])] += 1;
            }
        }
        for letter in ALPHABET {
            assert_eq!(counts[usize::from(*letter)], 12, "{}", char::from(*letter));
        }
    }

    #[test]
    fn bytes_that_would_favour_some_letters_are_thrown_away() {
        let mut high = |bytes: &mut [u8]| {
            bytes.fill(240);
            Ok(())
        };
        assert_eq!(UserCode::random(&mut high), Err(NoEntropy));
    }

    #[test]
    fn letters_of_random_codes_pass_a_chi_square_test() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut source = |bytes: &mut [u8]| {
            rng.fill(bytes);
            Ok(())
        };
        const CODES: u32 = 20_000;
        let mut counts = [[0u32; 256]; LEN];
        for _ in 0..CODES {
            let code = UserCode::random(&mut source).unwrap();
            for (place, letter) in counts.iter_mut().zip(code.0) {
                place[usize::from(letter)] += 1;
            }
        }
        let expected = f64::from(CODES) / 20.0;
        for place in counts {
            let chi: f64 = ALPHABET
                .iter()
                .map(|l| (f64::from(place[usize::from(*l)]) - expected).powi(2) / expected)
                .sum();
            // 19 degrees of freedom: chance exceeds 43.8 once in a thousand; sampling by `% 20` of all 256
            // byte values gives about 80 here.
            assert!(chi < 43.8, "{chi}");
        }
    }

    #[test]
    fn a_code_is_shown_in_two_groups_of_four() {
        let code = UserCode::random(&mut counter()).unwrap().to_string();
        assert_eq!(code.len(), 9);
        assert_eq!(code.as_bytes()[4], b'-');
    }

    #[test]
    fn a_typed_code_is_read_without_regard_to_case_and_separators() {
        let code = UserCode::typed("WDJB-MJHT").unwrap();
        for text in ["wdjbmjht", " WDJB MJHT ", "wdjb_mjht", "w.d.j.b.m.j.h.t", "WDJB–MJHT"] {
            assert_eq!(UserCode::typed(text), Some(code), "{text}");
        }
        assert_eq!(code.to_string(), "WDJB-MJHT");
    }

    #[test]
    fn a_text_of_another_length_is_no_code() {
        for text in ["", "WDJB-MJH", "WDJB-MJHTW", "AEIO-UAEI", "1234-5678"] {
            assert_eq!(UserCode::typed(text), None, "{text}");
        }
    }

    #[test]
    fn a_user_code_does_not_show_in_debug_output() {
        assert_eq!(format!("{:?}", UserCode::typed("WDJB-MJHT")), "Some(UserCode([redacted]))");
    }
}

//! The key of a record, derived from a secret without comparing the secret.

use core::fmt;

use oidc_proto::Secret;

/// The first part of a device code or refresh token, which is the key of its record.
///
/// The time of a look-up depends on the compared bytes. So a code has two parts. This one finds the record;
/// `Secret`'s equality compares the rest (384 bits and more) in constant time. A selector learned from timing
/// opens nothing. With the client's credentials as well, an attacker could at most end a token family, as any
/// of its rotated tokens does. `Debug` redacts it anyway.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Selector([u8; Self::LEN]);

impl Selector {
    /// The length in characters of base64url: 131 random bits, so collisions do not occur.
    pub const LEN: usize = 22;

    /// Returns the selector of this code; `None` if the text is too short for one.
    ///
    /// ```
    /// use device_authority::Selector;
    /// use oidc_proto::Secret;
    /// assert!(Selector::of(&Secret::new("x".repeat(86))).is_some());
    /// assert_eq!(Selector::of(&Secret::from("too short")), None);
    /// ```
    #[must_use]
    pub fn of(code: &Secret) -> Option<Self> {
        code.expose().as_bytes().first_chunk().copied().map(Self)
    }
}

impl fmt::Debug for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Selector([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_too_short_to_be_a_code_has_no_selector() {
        assert_eq!(Selector::of(&Secret::from("short")), None);
        assert!(Selector::of(&Secret::new("x".repeat(22))).is_some());
        assert!(Selector::of(&Secret::new("é".repeat(40))).is_some());
    }

    #[test]
    fn a_selector_does_not_show_the_code() {
        let selector = Selector::of(&Secret::new("sentinel".repeat(9)));
        assert_eq!(format!("{selector:?}"), "Some(Selector([redacted]))");
    }
}

//! Finding a record by a secret without comparing the secret.

use core::fmt;

use oidc_proto::Secret;

/// The first part of a device code or refresh token, under which its record is kept.
///
/// A look-up compares bytes in a time that depends on them. So a code has two parts: this one finds the record, and
/// the rest (384 bits and more) is then compared in constant time by `Secret`'s equality. An attacker who learned a
/// selector from timing can open nothing with it. The most he can do, with the client's credentials as well, is to end a
/// chain of refresh tokens, as any token of it does that was rotated out. `Debug` redacts it all the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Selector([u8; Self::LEN]);

impl Selector {
    /// Length in characters of base64url: 131 random bits, so that two never meet.
    pub const LEN: usize = 22;

    /// The selector in this code; `None` if the text is too short to be one of ours.
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

//! The key of a record, derived from a secret without comparing the secret.

use core::fmt;

use oidc_proto::Secret;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};

/// The first part of a device code or refresh token, which is the key of its record.
///
/// The time of a look-up depends on the compared bytes. So a code has two parts. This one finds the record.
/// [`Fingerprint`](crate::Fingerprint) compares the whole, with 384 more bits, in constant time. A selector learned
/// from timing opens nothing. With the client's credentials as well, an attacker could at most end a token family,
/// as any of its rotated tokens does. `Debug` redacts it anyway.
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

    /// Returns its bytes, the key in a database.
    ///
    /// ```
    /// use device_authority::Selector;
    /// use oidc_proto::Secret;
    /// let selector = Selector::of(&Secret::new("x".repeat(86))).ok_or("it is long enough")?;
    /// assert_eq!(selector.as_bytes(), &[b'x'; Selector::LEN]);
    /// # Ok::<(), &str>(())
    /// ```
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

/// A record's selector is base64url. That of a request may be any bytes, and no store writes it.
impl Serialize for Selector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(core::str::from_utf8(&self.0).map_err(ser::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for Selector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = text.into_bytes().try_into();
        bytes.map(Self).map_err(|_| D::Error::custom("a selector has 22 characters"))
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

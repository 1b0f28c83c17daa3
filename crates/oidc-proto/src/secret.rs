//! Secret strings: device codes, tokens, client secrets, verifiers.

use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize as _;

/// A secret string.
///
/// `Debug` prints `[redacted]`, and there is no `Display`. The memory is zeroized on drop. Equality takes the same time
/// wherever the first difference is; it does not hide the length. [`Secret::expose`] is the only access, so
/// a search for that word finds every use.
///
/// The feature `serde` is the exception: it writes a secret **in the clear**, so that a program can store
/// it. Write it only to a file that its owner alone can read, or encrypt it. Do not log such a value by way of
/// `serde`.
///
/// ```
/// use oidc_proto::Secret;
/// let token = Secret::from("aoaAAAAA");
/// assert_eq!(format!("{token:?}"), "[redacted]");
/// assert_eq!(token.expose(), "aoaAAAAA");
/// ```
#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Secret(String);

impl Secret {
    /// Takes ownership of a secret text, without copying it.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret text. Keep the borrow short, and never print it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the secret is the empty string. The wire layer refuses empty secrets, so a decoded one never is.
    ///
    /// ```
    /// assert!(oidc_proto::Secret::from("").is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn debug_of_a_secret_says_nothing_about_it() {
        assert_eq!(format!("{:?}", Some(Secret::from("hunter2"))), "Some([redacted])");
    }

    #[test]
    fn secrets_are_equal_when_their_text_is() {
        assert_eq!(Secret::from("a"), Secret::from("a"));
        assert_ne!(Secret::from("a"), Secret::from("b"));
        assert_ne!(Secret::from("a"), Secret::from("aa"));
        let text = "0123456789abcdefghijklmnopqrstuvwxyz".repeat(3);
        assert_eq!(Secret::new(text.clone()), Secret::new(text.clone()));
        for at in 0..text.len() {
            let mut other = text.clone();
            other.replace_range(at..=at, "-");
            assert_ne!(Secret::new(text.clone()), Secret::new(other), "{at}");
        }
        assert!(Secret::from("").is_empty());
    }
}

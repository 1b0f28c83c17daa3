//! A string that must not be seen: device codes, tokens, client secrets, verifiers.

use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::optimization_barrier;

/// A secret string.
///
/// `Debug` prints `[redacted]`, there is no `Display`, the memory is zeroized on drop, and equality takes the same time
/// wherever the first difference is (the length is not hidden). [`Secret::expose`] is the only way in, so that every use can be
/// found by searching for that word.
///
/// The feature `serde` is the exception: under it a secret is written **in the clear**, so that a program can keep what it
/// must. Write it only to a file that its owner alone can read, or encrypt it; and log no value of a type that has one by
/// way of `serde`.
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
        let (one, other) = (self.0.as_bytes(), other.0.as_bytes());
        one.len() == other.len() && difference(one, other).ct_eq(&0).into()
    }
}

impl Eq for Secret {}

impl Drop for Secret {
    fn drop(&mut self) {
        wipe(core::mem::take(&mut self.0).into_bytes());
    }
}

/// Every bit in which texts of one length differ anywhere. It looks at all of them whatever it finds, several bytes at a
/// time; `subtle`'s own comparison of slices does the same byte by byte, with ten times the instructions.
fn difference(one: &[u8], other: &[u8]) -> u8 {
    let all = one.iter().zip(other).fold(0, |all, (a, b)| all | (a ^ b));
    // What is learned later must not end the loop early.
    optimization_barrier(&all);
    all
}

/// Overwrites the bytes, spare capacity included, and frees them. `zeroize` does the same byte by byte; one call that
/// fills, and a barrier that keeps it from being optimized away, takes a tenth of the instructions.
pub(crate) fn wipe(mut bytes: Vec<u8>) {
    overwrite(&mut bytes);
}

fn overwrite(bytes: &mut Vec<u8>) {
    bytes.fill(0);
    // Within the capacity, so nothing moves.
    bytes.resize(bytes.capacity(), 0);
    optimization_barrier(bytes.as_slice());
}

#[cfg(test)]
mod tests {
    use super::{Secret, overwrite};

    #[test]
    fn debug_of_a_secret_says_nothing_about_it() {
        assert_eq!(format!("{:?}", Some(Secret::from("hunter2"))), "Some([redacted])");
    }

    #[test]
    fn what_is_wiped_is_overwritten_to_the_end_of_its_capacity_where_it_lies() {
        let mut bytes = Vec::with_capacity(64);
        bytes.extend_from_slice(b"hunter2");
        let (place, capacity) = (bytes.as_ptr(), bytes.capacity());
        overwrite(&mut bytes);
        assert_eq!((bytes.as_ptr(), bytes.len()), (place, capacity));
        assert!(bytes.iter().all(|byte| *byte == 0));
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

//! Who approved a sign-in, and when.

use core::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Moment;

/// The identifier of a person at this service, which clients get as `sub` (OpenID Connect Core §2).
///
/// It has 1 to 64 printable ASCII characters without spaces. It should mean nothing to a reader, and never change or
/// pass to another person.
///
/// ```
/// use device_authority::{Subject, UserDecision};
/// let person = Subject::new("248289761001")?;
/// assert_eq!(person.as_str(), "248289761001");
/// assert_eq!(UserDecision::APPROVE, UserDecision::Approve(Subject::PERSON));
/// assert!(Subject::new("").is_err() && Subject::new("two words").is_err());
/// # Ok::<(), device_authority::SubjectError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// The characters, and zeros after them.
    bytes: [u8; Self::MOST],
    len: u8,
}

/// The text is no identifier of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an identifier of a person has 1 to 64 printable ASCII characters without spaces")]
#[non_exhaustive]
pub struct SubjectError;

impl Subject {
    /// The most characters. OpenID Connect Core §2 permits 255, and each record of a sign-in has them.
    pub const MOST: usize = 64;

    /// The only person of a service that does not tell people apart: `person`.
    pub const PERSON: Self = match Self::of(b"person") {
        Ok(subject) => subject,
        Err(_) => Self { bytes: [0; Self::MOST], len: 0 },
    };

    /// Creates the identifier with this text.
    ///
    /// ```
    /// use device_authority::Subject;
    /// assert_eq!(Subject::new("248289761001")?.as_str(), "248289761001");
    /// assert!(Subject::new("two words").is_err());
    /// # Ok::<(), device_authority::SubjectError>(())
    /// ```
    ///
    /// # Errors
    /// [`SubjectError`] if the text is empty, too long, or has other characters.
    pub const fn new(text: &str) -> Result<Self, SubjectError> {
        Self::of(text.as_bytes())
    }

    const fn of(text: &[u8]) -> Result<Self, SubjectError> {
        let mut bytes = [0; Self::MOST];
        let (mut rest, mut free, mut len) = (text, bytes.as_mut_slice(), 0);
        while let Some((character, others)) = rest.split_first() {
            let Some((slot, slots)) = free.split_first_mut() else { return Err(SubjectError) };
            if !character.is_ascii_graphic() {
                return Err(SubjectError);
            }
            *slot = *character;
            (rest, free, len) = (others, slots, len + 1);
        }
        if len == 0 { Err(SubjectError) } else { Ok(Self { bytes, len }) }
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let text = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        core::str::from_utf8(text).unwrap_or_default()
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Subject").field(&self.as_str()).finish()
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Who approved a sign-in, and when. The record of the approval has it, and from there every record of the sign-in.
///
/// ```
/// use core::time::Duration;
/// use device_authority::{Authentication, Moment, Subject};
/// let approval = Authentication::new(Subject::PERSON, Moment::new(Duration::from_millis(1_700_000_000_900)));
/// assert_eq!((approval.subject.as_str(), approval.time), ("person", 1_700_000_000));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Authentication {
    /// The person.
    pub subject: Subject,
    /// The time, in whole seconds since 1970: `auth_time` (OpenID Connect Core §2).
    pub time: u64,
}

impl Authentication {
    /// Creates the record of an approval at this time, rounded down.
    #[must_use]
    pub const fn new(subject: Subject, now: Moment) -> Self {
        Self { subject, time: now.since_epoch().as_secs() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_has_as_many_characters_as_it_may_and_no_more() {
        let longest = "s".repeat(Subject::MOST);
        assert_eq!(Subject::new(&longest).map(|subject| subject.to_string()), Ok(longest.clone()));
        for text in [&*format!("{longest}s"), "", "a b", "a\nb", "größe", "a\u{7f}"] {
            assert_eq!(Subject::new(text), Err(SubjectError), "{text:?}");
        }
    }

    #[test]
    fn a_record_has_an_identifier_as_its_text_and_no_invalid_one_is_read() {
        let text = serde_json::to_string(&Authentication { subject: Subject::PERSON, time: 7 }).unwrap();
        assert_eq!(text, r#"{"subject":"person","time":7}"#);
        assert_eq!(serde_json::from_str::<Subject>("\"person\"").unwrap(), Subject::PERSON);
        assert!(serde_json::from_str::<Subject>("\"a b\"").is_err());
    }
}

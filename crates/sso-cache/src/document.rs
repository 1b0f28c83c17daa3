//! The JSON of a cache file. Only this file reads and writes secrets on disk.

use core::fmt;
use std::borrow::Cow;
use std::collections::BTreeMap;

use oidc_proto::{Secret, UnixSeconds};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::time;

/// The reason why a cache file is unusable. It names members and positions and never quotes a value, which
/// may be secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Corruption {
    /// Not JSON, or truncated JSON, as an interrupted writer leaves it.
    NotJson {
        /// The line, counted from 1.
        line: usize,
        /// The column, counted from 1; 0 is before the first.
        column: usize,
    },
    /// JSON, but not an object.
    NotAnObject,
    /// A member is absent, `null` or empty.
    Missing(&'static str),
    /// A member has the wrong type.
    WrongType(&'static str),
    /// A member is not a time with a zone.
    NotATime(&'static str),
    /// The file is larger than any valid cache file.
    TooLarge,
    /// A pipe, a socket or a device, which was not opened.
    NotAFile,
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson { line, column } => write!(f, "it is not JSON (line {line}, column {column})"),
            Self::NotAnObject => f.write_str("it is not a JSON object"),
            Self::Missing(member) => write!(f, "`{member}` is missing"),
            Self::WrongType(member) => write!(f, "`{member}` has the wrong JSON type"),
            Self::NotATime(member) => write!(f, "`{member}` is not a valid timestamp"),
            Self::TooLarge => f.write_str("it is too large for a cache file"),
            Self::NotAFile => f.write_str("it is not a regular file"),
        }
    }
}

/// The members of a cache file. Texts are borrowed from the file's bytes unless they have an escape.
pub(crate) struct Members<'a>(BTreeMap<String, Option<Member<'a>>>);

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Member<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Other(Value),
}

impl<'a> Members<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Corruption> {
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        match serde_json::from_slice(bytes) {
            Ok(members) => Ok(Self(members)),
            Err(error) if error.is_data() && first != Some(&b'{') => Err(Corruption::NotAnObject),
            Err(error) => Err(Corruption::NotJson { line: error.line(), column: error.column() }),
        }
    }

    /// Returns a non-empty text. Anything else counts as absent.
    pub(crate) fn text(&self, member: &str) -> Option<&str> {
        match self.0.get(member) {
            Some(Some(Member::Text(text))) if !text.is_empty() => Some(text),
            Some(Some(Member::Text(_) | Member::Other(_)) | None) | None => None,
        }
    }

    pub(crate) fn secret(&self, member: &str) -> Option<Secret> {
        self.text(member).map(Secret::from)
    }

    /// Returns a time. An unreadable one counts as absent.
    pub(crate) fn time(&self, member: &str) -> Option<UnixSeconds> {
        self.text(member).and_then(time::parse)
    }

    /// Returns a list of texts, if present and valid.
    pub(crate) fn list(&self, member: &str) -> Option<Vec<String>> {
        match self.0.get(member) {
            Some(Some(Member::Other(Value::Array(items)))) => {
                items.iter().map(|item| item.as_str().map(str::to_owned)).collect()
            }
            Some(Some(Member::Text(_) | Member::Other(_)) | None) | None => None,
        }
    }

    /// Returns a required text.
    pub(crate) fn required(&self, member: &'static str) -> Result<&str, Corruption> {
        match self.0.get(member) {
            Some(Some(Member::Text(text))) if !text.is_empty() => Ok(text),
            Some(Some(Member::Other(_))) => Err(Corruption::WrongType(member)),
            Some(Some(Member::Text(_)) | None) | None => Err(Corruption::Missing(member)),
        }
    }

    /// Returns a required time.
    pub(crate) fn required_time(&self, member: &'static str) -> Result<UnixSeconds, Corruption> {
        time::parse(self.required(member)?).ok_or(Corruption::NotATime(member))
    }
}

/// The value of a known member.
pub(crate) enum Known<'a> {
    Text(&'a str),
    Secret(&'a Secret),
    Time(UnixSeconds),
    List(&'a [String]),
    /// Not written, and dropped from an existing file.
    Absent,
}

impl<'a> Known<'a> {
    pub(crate) fn text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Absent, Self::Text)
    }

    pub(crate) fn secret(secret: Option<&'a Secret>) -> Self {
        secret.map_or(Self::Absent, Self::Secret)
    }
}

/// A cache file to write: the known members, then the unknown ones of the existing file.
struct Document<'a> {
    known: &'a [(&'static str, Known<'a>)],
    kept: Option<Members<'a>>,
}

/// Writes these members as JSON. Other members of the existing file are kept as far as readable, because
/// other tools add theirs.
pub(crate) fn write(known: &[(&'static str, Known<'_>)], existing: Option<&[u8]>) -> Zeroizing<Vec<u8>> {
    let kept = existing.and_then(|bytes| Members::read(bytes).ok());
    // Large enough not to grow, which would leave copies of secrets.
    let mut bytes = Zeroizing::new(Vec::with_capacity(16_384 + existing.map_or(0, <[u8]>::len)));
    let done = serde_json::to_writer(&mut *bytes, &Document { known, kept });
    debug_assert!(done.is_ok(), "texts, lists and JSON values always serialize");
    bytes.push(b'\n');
    bytes
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.known {
            match value {
                Known::Text(text) => map.serialize_entry(name, text)?,
                Known::Secret(secret) => map.serialize_entry(name, secret.expose())?,
                Known::Time(at) => map.serialize_entry(name, &time::format_time(*at))?,
                Known::List(list) => map.serialize_entry(name, list)?,
                Known::Absent => {}
            }
        }
        for (name, value) in self.kept.iter().flat_map(|kept| &kept.0) {
            if !self.known.iter().any(|(known, _)| known == name) {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corruption(text: &str) -> Corruption {
        Members::read(text.as_bytes()).map(|_| ()).unwrap_err()
    }

    #[test]
    fn what_is_no_json_object_is_told_with_its_position() {
        assert_eq!(corruption(""), Corruption::NotJson { line: 1, column: 0 });
        assert_eq!(corruption("{\"a\":\n\"b"), Corruption::NotJson { line: 2, column: 2 });
        assert_eq!(corruption("{\"a\":1}{"), Corruption::NotJson { line: 1, column: 8 });
        for other in ["[]", "5", "null", " \"{\""] {
            assert_eq!(corruption(other), Corruption::NotAnObject, "{other}");
        }
    }

    #[test]
    fn a_member_that_must_be_there_is_named_when_it_is_not() {
        let members = Members::read(br#"{"n":null,"e":"","o":5,"t":"x","l":["a"],"m":[1]}"#).unwrap();
        assert_eq!(members.required("t"), Ok("x"));
        assert_eq!(members.required("absent"), Err(Corruption::Missing("absent")));
        assert_eq!(members.required("n"), Err(Corruption::Missing("n")));
        assert_eq!(members.required("e"), Err(Corruption::Missing("e")));
        assert_eq!(members.required("o"), Err(Corruption::WrongType("o")));
        assert_eq!(members.required_time("t"), Err(Corruption::NotATime("t")));
        assert_eq!(members.text("o"), None);
        assert_eq!(members.list("l"), Some(vec!["a".to_owned()]));
        assert_eq!(members.list("m"), None);
    }

    #[test]
    fn unknown_members_are_kept_and_known_ones_replaced_or_dropped() {
        let existing = br#"{"a":"old","gone":"x","theirs":{"k":[1,2.5,null]},"none":null,"text":"\u00e9"}"#;
        let known = [("a", Known::Text("new")), ("gone", Known::Absent)];
        let written = write(&known, Some(existing));
        assert_eq!(
            str::from_utf8(&written).unwrap(),
            "{\"a\":\"new\",\"none\":null,\"text\":\"é\",\"theirs\":{\"k\":[1,2.5,null]}}\n"
        );
        assert_eq!(&**write(&known, Some(b"{\"theirs\":1")), b"{\"a\":\"new\"}\n");
    }
}

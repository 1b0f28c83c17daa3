//! JSON members, read tolerantly: a member of the wrong type does not affect the others.

use alloc::borrow::Cow;
use core::fmt;
use core::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::{InvalidResponse, InvalidResponseKind, Operation, Secret, UnixSeconds};

/// A text member: absent (or `null`), a string, or another type. Borrowed from the body if it has no escape.
#[derive(Debug, Default, PartialEq)]
pub(crate) enum Text<'a> {
    #[default]
    Absent,
    Value(Cow<'a, str>),
    Wrong,
}

/// A number member: absent (or `null`), a number or a numeric string, or another type.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Number {
    #[default]
    Absent,
    Value(i64),
    /// This whole number plus a fraction, as in 2.7.
    Above(i64),
    Wrong,
}

/// A list of strings: absent (or `null`), a list, or another type.
#[derive(Debug, Default, PartialEq)]
pub(crate) enum Texts {
    #[default]
    Absent,
    Values(Vec<String>),
    Wrong,
}

/// Scopes: absent (or `null`), a string of them or a list of such strings, or another type.
#[derive(Debug, Default, PartialEq)]
pub(crate) enum Scopes {
    #[default]
    Absent,
    Values(Vec<String>),
    Wrong,
}

impl Scopes {
    /// Splits a text into scopes. RFC 6749 §3.3 separates them with blanks, GitHub with commas.
    fn of(text: &str) -> impl Iterator<Item = String> {
        text.split(|c: char| c.is_ascii_whitespace() || c == ',')
            .filter(|scope| !scope.is_empty())
            .map(str::to_owned)
    }
}

impl From<Cow<'_, str>> for Scopes {
    fn from(text: Cow<'_, str>) -> Self {
        Self::Values(Self::of(&text).collect())
    }
}

impl<'a> From<Cow<'a, str>> for Text<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::Value(text)
    }
}

impl From<Cow<'_, str>> for Number {
    fn from(text: Cow<'_, str>) -> Self {
        Self::of(&text)
    }
}

impl<'a> Text<'a> {
    /// Returns the text unless it is absent or empty.
    pub(crate) fn non_empty(&self) -> Option<&str> {
        match self {
            Self::Value(text) if !text.is_empty() => Some(text),
            Self::Value(_) | Self::Absent | Self::Wrong => None,
        }
    }

    /// Returns the text unless it is absent or empty.
    pub(crate) fn into_non_empty(self) -> Option<String> {
        match self {
            Self::Value(text) if !text.is_empty() => Some(text.into_owned()),
            Self::Value(_) | Self::Absent | Self::Wrong => None,
        }
    }

    /// Returns the text, which the operation requires.
    pub(crate) fn required(self, of: Operation, member: &'static str) -> Result<String, InvalidResponse> {
        let kind = match self {
            Self::Value(text) if !text.is_empty() => return Ok(text.into_owned()),
            Self::Value(_) => InvalidResponseKind::Empty,
            Self::Absent => InvalidResponseKind::Missing,
            Self::Wrong => InvalidResponseKind::WrongType,
        };
        Err(InvalidResponse::new(of, member, kind))
    }

    /// Returns an optional secret. An empty one counts as absent.
    pub(crate) fn into_secret(self) -> Option<Secret> {
        self.into_non_empty().map(Secret::new)
    }
}

impl Number {
    /// Parses a numeric text.
    fn of(text: &str) -> Self {
        let text = text.trim();
        if let Ok(whole) = text.parse() {
            return Self::Value(whole);
        }
        // By JSON's rules, with the parser that is linked anyway. The standard library's adds fifteen
        // kilobytes.
        let number = text.parse::<serde_json::Number>().ok().and_then(|number| number.as_f64());
        number.map_or(Self::Wrong, Self::of_float)
    }

    /// `as` saturates at the type's ends. NaN and infinity (which Rust parses from a text) do not count as
    /// numbers.
    fn of_float(number: f64) -> Self {
        let whole = number.floor();
        if !number.is_finite() {
            Self::Wrong
        } else if number > whole {
            Self::Above(whole as i64)
        } else {
            Self::Value(whole as i64)
        }
    }

    /// Returns a required, positive lifetime in seconds. A fraction is cut off, so the client never assumes
    /// too long a life.
    pub(crate) fn required_lifetime(
        self,
        of: Operation,
        member: &'static str,
    ) -> Result<Duration, InvalidResponse> {
        let kind = match self {
            Self::Value(seconds) | Self::Above(seconds) if seconds > 0 => {
                return Ok(Duration::from_secs(seconds.unsigned_abs()));
            }
            Self::Value(_) | Self::Above(_) => InvalidResponseKind::OutOfRange,
            Self::Absent => InvalidResponseKind::Missing,
            Self::Wrong => InvalidResponseKind::WrongType,
        };
        Err(InvalidResponse::new(of, member, kind))
    }

    /// Returns an optional least wait in whole seconds; a negative one is zero, and an unreadable one is
    /// absent. A fraction rounds up, because a shorter wait polls too early (RFC 8628 §3.5).
    #[inline]
    pub(crate) const fn optional_wait(self) -> Option<Duration> {
        let seconds = match self {
            Self::Value(seconds) => seconds,
            Self::Above(seconds) => seconds.saturating_add(1),
            Self::Absent | Self::Wrong => return None,
        };
        Some(if seconds <= 0 { Duration::ZERO } else { Duration::from_secs(seconds.unsigned_abs()) })
    }

    /// Returns an optional time, in seconds since the epoch.
    pub(crate) const fn optional_time(self) -> Option<UnixSeconds> {
        match self {
            Self::Value(seconds) | Self::Above(seconds) => Some(UnixSeconds::new(seconds)),
            Self::Absent | Self::Wrong => None,
        }
    }
}

impl Texts {
    /// Returns the list, empty if absent; `None` if it is not a list of strings.
    pub(crate) fn into_list(self) -> Option<Vec<String>> {
        match self {
            Self::Absent => Some(Vec::new()),
            Self::Values(values) => Some(values),
            Self::Wrong => None,
        }
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextsVisitor)
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScopesVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

/// The visits that all readers share: `null` is absent, booleans are wrong.
macro_rules! skip_what_is_wrong {
    () => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any JSON value")
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::Absent)
        }
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok(Self::Value::Wrong)
        }
    };
}

/// Skips an object, which is the wrong type.
macro_rules! skip_objects {
    () => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Self::Value::Wrong)
        }
    };
}

/// Skips a list, which is the wrong type for a single value.
macro_rules! skip_lists {
    () => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Self::Value::Wrong)
        }
    };
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    skip_what_is_wrong!();
    skip_objects!();
    skip_lists!();

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text::Value(Cow::Borrowed(text)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text::Value(Cow::Owned(text.to_owned())))
    }
    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Text::Wrong)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Text::Wrong)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Text::Wrong)
    }
}

struct TextsVisitor;

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = Texts;

    skip_what_is_wrong!();
    skip_objects!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Texts, A::Error> {
        let mut values = Some(Vec::new());
        while let Some(item) = seq.next_element::<Text<'de>>()? {
            match (item, &mut values) {
                (Text::Value(text), Some(values)) => values.push(text.into_owned()),
                (Text::Value(_), None) => {}
                (Text::Absent | Text::Wrong, _) => values = None,
            }
        }
        Ok(values.map_or(Texts::Wrong, Texts::Values))
    }
    fn visit_str<E>(self, _: &str) -> Result<Texts, E> {
        Ok(Texts::Wrong)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Texts, E> {
        Ok(Texts::Wrong)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Texts, E> {
        Ok(Texts::Wrong)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Texts, E> {
        Ok(Texts::Wrong)
    }
}

struct ScopesVisitor;

impl<'de> Visitor<'de> for ScopesVisitor {
    type Value = Scopes;

    skip_what_is_wrong!();
    skip_objects!();

    /// An element of another type does not hide the strings beside it.
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Scopes, A::Error> {
        let mut scopes = Vec::new();
        while let Some(item) = seq.next_element::<Text<'de>>()? {
            if let Some(text) = item.non_empty() {
                scopes.extend(Scopes::of(text));
            }
        }
        Ok(Scopes::Values(scopes))
    }
    fn visit_str<E>(self, text: &str) -> Result<Scopes, E> {
        Ok(Scopes::Values(Scopes::of(text).collect()))
    }
    fn visit_u64<E>(self, _: u64) -> Result<Scopes, E> {
        Ok(Scopes::Wrong)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Scopes, E> {
        Ok(Scopes::Wrong)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Scopes, E> {
        Ok(Scopes::Wrong)
    }
}

/// The only key of the object that a number may arrive as. serde_json does so for fractions and long integers
/// if any crate enables its feature `arbitrary_precision`.
const NUMBER_KEY: &str = "$serde_json::private::Number";

struct NumberVisitor;

impl<'de> Visitor<'de> for NumberVisitor {
    type Value = Number;

    skip_what_is_wrong!();
    skip_lists!();

    fn visit_str<E>(self, text: &str) -> Result<Number, E> {
        Ok(Number::of(text))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
        Ok(Number::Value(i64::try_from(number).unwrap_or(i64::MAX)))
    }
    fn visit_i64<E>(self, number: i64) -> Result<Number, E> {
        Ok(Number::Value(number))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Number, E> {
        Ok(Number::of_float(number))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Number, A::Error> {
        let mut number = Number::Wrong;
        while let Some(key) = map.next_key::<Text<'de>>()? {
            let value = map.next_value::<Text<'de>>()?;
            if key.non_empty() == Some(NUMBER_KEY) {
                number = value.non_empty().map_or(Number::Wrong, Number::of);
            }
        }
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(json: &str) -> Number {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn numbers_may_come_as_strings_and_with_fractions() {
        assert_eq!(number("5"), Number::Value(5));
        assert_eq!(number("\" 5 \""), Number::Value(5));
        assert_eq!(number("3600.5"), Number::Above(3600));
        assert_eq!(number("\"3600.5\""), Number::Above(3600));
        assert_eq!(number("3600.0"), Number::Value(3600));
        assert_eq!(number("1e9"), Number::Value(1_000_000_000));
        assert_eq!(number("-1"), Number::Value(-1));
        assert_eq!(number("18446744073709551615"), Number::Value(i64::MAX));
        assert_eq!(number("1e300"), Number::Value(i64::MAX));
    }

    #[test]
    fn a_fraction_shortens_a_life_and_lengthens_a_wait() {
        let life = |json| number(json).required_lifetime(Operation::CreateToken, "expires_in").ok();
        let wait = |json| number(json).optional_wait();
        let secs = Duration::from_secs;
        assert_eq!((life("2.7"), wait("2.7")), (Some(secs(2)), Some(secs(3))));
        assert_eq!((life("2.0"), wait("2.0")), (Some(secs(2)), Some(secs(2))));
        assert_eq!((life("0.3"), wait("0.3")), (None, Some(secs(1))));
        assert_eq!((life("-0.3"), wait("-0.3")), (None, Some(secs(0))));
        assert_eq!(wait("1e300"), Some(secs(i64::MAX as u64)));
    }

    #[test]
    fn a_number_is_one_where_serde_json_keeps_its_digits() {
        let kept = |key, digits: &str| {
            let map = [(key, digits.to_owned())].into_iter();
            Number::deserialize(serde::de::value::MapDeserializer::<_, serde::de::value::Error>::new(map))
                .unwrap()
        };
        assert_eq!(kept(NUMBER_KEY, "3600.0"), Number::Value(3600));
        assert_eq!(kept(NUMBER_KEY, "18446744073709551616"), Number::Value(i64::MAX));
        assert_eq!(kept(NUMBER_KEY, "x"), Number::Wrong);
        assert_eq!(kept("other", "3600"), Number::Wrong);
    }

    #[test]
    fn null_reads_as_absent_and_other_types_as_wrong() {
        assert_eq!(number("null"), Number::Absent);
        for wrong in ["true", "[1]", "{\"a\":1}", "\"soon\"", "\"NaN\"", "\"inf\"", "\"-Infinity\"", "\"\""] {
            assert_eq!(number(wrong), Number::Wrong, "{wrong}");
        }
        let text = |json| serde_json::from_str::<Text<'_>>(json).unwrap();
        assert_eq!(text("null"), Text::Absent);
        for wrong in ["true", "[\"a\"]", "{\"a\":[{}]}", "5", "-5", "5.5"] {
            assert_eq!(text(wrong), Text::Wrong, "{wrong}");
        }
    }

    #[test]
    fn a_text_without_escapes_is_borrowed_from_the_body() {
        let plain: Text<'_> = serde_json::from_str("\"abc\"").unwrap();
        assert!(matches!(plain, Text::Value(Cow::Borrowed("abc"))), "{plain:?}");
        let escaped: Text<'_> = serde_json::from_str("\"a\\u00e9\"").unwrap();
        assert!(matches!(escaped, Text::Value(Cow::Owned(ref text)) if text == "aé"), "{escaped:?}");
    }

    #[test]
    fn a_list_of_anything_but_strings_is_wrong() {
        let texts = |json| serde_json::from_str::<Texts>(json).unwrap();
        assert_eq!(texts("null"), Texts::Absent);
        assert_eq!(texts("[]"), Texts::Values(vec![]));
        assert_eq!(texts("[\"a\",\"\\u00e9\"]"), Texts::Values(vec!["a".to_owned(), "é".to_owned()]));
        for wrong in ["\"a\"", "5", "-5", "5.5", "true", "{}", "[1]", "[null]", "[\"a\",[],\"b\"]"] {
            assert_eq!(texts(wrong), Texts::Wrong, "{wrong}");
        }
    }
}

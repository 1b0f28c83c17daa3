//! A JSON-like tree that keeps the order of its members.
//!
//! The AWS CLI prints members in the order of the API model. `serde_json::Value` sorts them unless a feature is on,
//! and a feature affects the whole build.

use oidc_proto::{Secret, UnixSeconds};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// A result, or the part that a query selects. It holds secrets in plain text, so it has no `Debug`.
#[derive(Clone, PartialEq)]
pub(crate) enum Document {
    /// JSON's `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(serde_json::Number),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// Members in the order in which they are printed.
    Map(Vec<(String, Self)>),
}

impl Document {
    /// Creates a map without `null` members, which AWS's tools do not print.
    pub(crate) fn map<const N: usize>(members: [(&str, Self); N]) -> Self {
        Self::Map(
            members
                .into_iter()
                .filter(|(_, value)| *value != Self::Null)
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    }

    /// Returns whether this is neither a list nor a map.
    pub(crate) const fn is_scalar(&self) -> bool {
        !matches!(self, Self::List(_) | Self::Map(_))
    }

    /// Formats a scalar for `text` and `table`, as Python does: `None`, `True`. A list or a map becomes the empty
    /// text.
    pub(crate) fn scalar_text(&self) -> String {
        match self {
            Self::Null => "None".to_owned(),
            Self::Bool(true) => "True".to_owned(),
            Self::Bool(false) => "False".to_owned(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => oidc_proto::printable(text).into_owned(),
            Self::List(_) | Self::Map(_) => String::new(),
        }
    }
}

impl From<&str> for Document {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// The only place where a secret becomes plain text, for the printed result.
impl From<&Secret> for Document {
    fn from(secret: &Secret) -> Self {
        Self::Text(secret.expose().to_owned())
    }
}

/// Converts other JSON, whose members come in the order of their names.
impl From<serde_json::Value> for Document {
    fn from(value: serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Number(number) => Self::Number(number),
            Value::String(text) => Self::Text(text),
            Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Value::Object(members) => {
                Self::Map(members.into_iter().map(|(name, value)| (name, value.into())).collect())
            }
        }
    }
}

impl From<UnixSeconds> for Document {
    fn from(time: UnixSeconds) -> Self {
        Self::Number(time.get().into())
    }
}

impl From<std::time::Duration> for Document {
    fn from(duration: std::time::Duration) -> Self {
        Self::Number(duration.as_secs().into())
    }
}

impl<T: Into<Self>> From<Option<T>> for Document {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

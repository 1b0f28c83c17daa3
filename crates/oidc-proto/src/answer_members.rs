//! All members of a response, in either dialect's spelling.

use core::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::Dialect;
use crate::member::{Number, Scopes, Text};
use crate::words::without_mark;

/// A field that a member is read into.
pub(crate) enum Slot<'s, 'a> {
    Text(&'s mut Text<'a>),
    Number(&'s mut Number),
    Scopes(&'s mut Scopes),
}

impl<'s, 'a> From<&'s mut Text<'a>> for Slot<'s, 'a> {
    fn from(text: &'s mut Text<'a>) -> Self {
        Self::Text(text)
    }
}

impl<'s> From<&'s mut Number> for Slot<'s, '_> {
    fn from(number: &'s mut Number) -> Self {
        Self::Number(number)
    }
}

impl<'s> From<&'s mut Scopes> for Slot<'s, '_> {
    fn from(scopes: &'s mut Scopes) -> Self {
        Self::Scopes(scopes)
    }
}

impl Slot<'_, '_> {
    /// Records that the value has the wrong type.
    fn set_wrong(&mut self) {
        match self {
            Self::Text(text) => **text = Text::Wrong,
            Self::Number(number) => **number = Number::Wrong,
            Self::Scopes(scopes) => **scopes = Scopes::Wrong,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Slot<'_, 'de> {
    type Value = ();

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        match self {
            Self::Text(text) => *text = Text::deserialize(value)?,
            Self::Number(number) => *number = Number::deserialize(value)?,
            Self::Scopes(scopes) => *scopes = Scopes::deserialize(value)?,
        }
        Ok(())
    }
}

/// Declares each member of a success once: its field and its name in both dialects.
macro_rules! answer_members {
    ($($field:ident: $type:ty = $aws:literal, $($oauth:literal)|+;)*) => {
        /// All members of a response of any operation. The type is flat because a fault may arrive in place
        /// of a success. It has no `Debug`, because some members are secret.
        #[derive(Default)]
        #[expect(unnameable_types, reason = "it stands in the methods of `Wire`, which closes `Call` to other crates")]
        pub struct AnswerMembers<'a> {
            $(pub(crate) $field: $type,)*
            pub(crate) faults: FaultMembers<'a>,
            /// The body has members without a field here. The OAuth dialect keeps them with a token.
            pub(crate) has_extra: bool,
        }

        impl AnswerMembers<'_> {
            /// Returns whether a success has a field for the member of this name.
            pub(crate) fn has_field(dialect: Dialect, name: &str) -> bool {
                let mut members = AnswerMembers::default();
                let _slot = members.named(dialect, name);
                !members.has_extra
            }
        }

        impl<'a> Members<'a> for AnswerMembers<'a> {
            fn named(&mut self, dialect: Dialect, name: &str) -> Option<Slot<'_, 'a>> {
                match dialect {
                    Dialect::Aws => match name {
                        $($aws => Some((&mut self.$field).into()),)*
                        other => self.faults.named(dialect, other),
                    },
                    Dialect::OAuth => match name {
                        $($($oauth)|+ => Some((&mut self.$field).into()),)*
                        other => {
                            self.has_extra = true;
                            self.faults.named(dialect, other)
                        }
                    },
                }
            }
        }
    };
}

/// Declares the members of a fault. Both dialects spell them alike.
macro_rules! fault_members {
    ($($field:ident: $type:ty = $name:literal;)*) => {
        /// All members of a fault. A response with an error status is read into these alone.
        #[derive(Default)]
        pub(crate) struct FaultMembers<'a> {
            $(pub(crate) $field: $type,)*
        }

        impl<'a> Members<'a> for FaultMembers<'a> {
            fn named(&mut self, _: Dialect, name: &str) -> Option<Slot<'_, 'a>> {
                match name {
                    $($name => Some((&mut self.$field).into()),)*
                    _ => None,
                }
            }
        }
    };
}

answer_members! {
    // RegisterClient
    client_id: Text<'a> = "clientId", "client_id";
    client_secret: Text<'a> = "clientSecret", "client_secret";
    client_id_issued_at: Number = "clientIdIssuedAt", "client_id_issued_at";
    client_secret_expires_at: Number = "clientSecretExpiresAt", "client_secret_expires_at";
    token_endpoint_auth_method: Text<'a> = "tokenEndpointAuthMethod", "token_endpoint_auth_method";
    authorization_endpoint: Text<'a> = "authorizationEndpoint", "authorization_endpoint";
    token_endpoint: Text<'a> = "tokenEndpoint", "token_endpoint";
    // StartDeviceAuthorization. Google writes `url` where RFC 8628 has `uri`.
    device_code: Text<'a> = "deviceCode", "device_code";
    user_code: Text<'a> = "userCode", "user_code";
    verification_uri: Text<'a> = "verificationUri", "verification_uri" | "verification_url";
    verification_uri_complete: Text<'a> = "verificationUriComplete", "verification_uri_complete" | "verification_url_complete";
    interval: Number = "interval", "interval";
    // CreateToken
    access_token: Text<'a> = "accessToken", "access_token";
    token_type: Text<'a> = "tokenType", "token_type";
    refresh_token: Text<'a> = "refreshToken", "refresh_token";
    id_token: Text<'a> = "idToken", "id_token";
    scope: Scopes = "scope", "scope";
    // StartDeviceAuthorization and CreateToken
    expires_in: Number = "expiresIn", "expires_in";
}

fault_members! {
    // The portal and gateways write `message` where this service writes `error_description`.
    error: Text<'a> = "error";
    error_description: Text<'a> = "error_description";
    error_uri: Text<'a> = "error_uri";
    message: Text<'a> = "message";
    type_name: Text<'a> = "__type";
    code: Text<'a> = "code";
    reason: Text<'a> = "reason";
    endpoint: Text<'a> = "endpoint";
    region: Text<'a> = "region";
    // In a response with a success status, the success owns this member.
    interval: Number = "interval";
}

/// Members of a response, read from JSON or a form.
pub(crate) trait Members<'a>: Default {
    /// Returns the field of the member of this name in this dialect, or `None` for an ignored member.
    fn named(&mut self, dialect: Dialect, name: &str) -> Option<Slot<'_, 'a>>;

    /// Reads the members of a JSON object with nothing behind it. After an error their state is undefined.
    fn read_json(&mut self, dialect: Dialect, body: &'a [u8]) -> Result<(), serde_json::Error> {
        read_object(Reader(dialect, self), without_mark(body))
    }

    /// Reads as much as possible of an object that is not valid JSON. Each member is read separately, so an
    /// unreadable one does not hide the others, and trailing bytes are ignored. Returns false if there is no
    /// object.
    fn read_roughly(&mut self, dialect: Dialect, text: &'a str) -> bool {
        serde_json::Deserializer::from_str(without_mark_in(text))
            .deserialize_map(RoughReader(dialect, self))
            .is_ok()
    }

    /// Reads a form-encoded response of the OAuth dialect. GitHub sends one to clients whose `Accept` was
    /// lost on the way.
    fn from_form(body: &'a [u8]) -> Self {
        let mut members = Self::default();
        for (key, value) in form_urlencoded::parse(body) {
            match members.named(Dialect::OAuth, &key) {
                Some(Slot::Text(text)) => *text = value.into(),
                Some(Slot::Number(number)) => *number = value.into(),
                Some(Slot::Scopes(scopes)) => *scopes = value.into(),
                None => {}
            }
        }
        members
    }
}

/// Reads members in a dialect's spelling, in place, because moving so many fields costs more than reading
/// them. For a duplicate member it takes the last value, as Python, Go and JavaScript do. serde's derived
/// reader would reject the response, and other clients accept it.
struct Reader<'m, M>(Dialect, &'m mut M);

impl<'de, M: Members<'de>> Visitor<'de> for Reader<'_, M> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(dialect, members) = self;
        while let Some(Text::Value(key)) = map.next_key::<Text<'de>>()? {
            match members.named(dialect, &key) {
                Some(slot) => map.next_value_seed(slot)?,
                None => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(())
    }
}

/// Takes the text of each member and parses it separately.
struct RoughReader<'m, M>(Dialect, &'m mut M);

impl<'de, M: Members<'de>> Visitor<'de> for RoughReader<'_, M> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(dialect, members) = self;
        while let Some(Text::Value(key)) = map.next_key::<Text<'de>>()? {
            let raw = map.next_value::<&'de RawValue>()?.get();
            if let Some(mut slot) = members.named(dialect, &key) {
                // Until it is parsed.
                slot.set_wrong();
                _ = slot.deserialize(&mut serde_json::Deserializer::from_str(raw));
            }
        }
        Ok(())
    }
}

fn without_mark_in(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn read_object<'a, V: Visitor<'a, Value = ()>>(visitor: V, body: &'a [u8]) -> Result<(), serde_json::Error> {
    // One UTF-8 check of the whole text is cheaper than one for each string. Invalid UTF-8 may be in a member
    // that does not matter.
    match core::str::from_utf8(body) {
        Ok(text) => read_all(visitor, serde_json::Deserializer::from_str(text)),
        Err(_) => read_all(visitor, serde_json::Deserializer::from_slice(body)),
    }
}

fn read_all<'a, V: Visitor<'a, Value = ()>, R: serde_json::de::Read<'a>>(
    visitor: V,
    mut deserializer: serde_json::Deserializer<R>,
) -> Result<(), serde_json::Error> {
    deserializer.deserialize_map(visitor)?;
    deserializer.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(dialect: Dialect, json: &str) -> AnswerMembers<'_> {
        let mut members = AnswerMembers::default();
        members.read_json(dialect, json.as_bytes()).unwrap();
        members
    }

    fn aws(json: &str) -> AnswerMembers<'_> {
        read(Dialect::Aws, json)
    }

    #[test]
    fn a_member_that_stands_twice_has_its_last_value() {
        let members = aws(r#"{"userCode":"a","interval":1,"x":1,"userCode":"b","x":[],"interval":2}"#);
        assert_eq!(members.user_code.non_empty(), Some("b"));
        assert_eq!(members.interval, Number::Value(2));
    }

    #[test]
    fn a_member_of_the_wrong_type_does_not_hide_its_neighbours() {
        let members = aws(r#"{"userCode":{"a":[1,{}]},"deviceCode":"d","interval":[],"expiresIn":"9"}"#);
        assert_eq!(members.user_code, Text::Wrong);
        assert_eq!(members.device_code.non_empty(), Some("d"));
        assert_eq!(members.interval, Number::Wrong);
        assert_eq!(members.expires_in, Number::Value(9));
    }

    #[test]
    fn each_dialect_reads_its_own_spelling() {
        let json = r#"{"userCode":"aws","user_code":"oauth","verification_url":"google"}"#;
        assert_eq!(aws(json).user_code.non_empty(), Some("aws"));
        let oauth = read(Dialect::OAuth, json);
        assert_eq!(oauth.user_code.non_empty(), Some("oauth"));
        assert_eq!(oauth.verification_uri.non_empty(), Some("google"));
    }

    #[test]
    fn a_form_encoded_answer_has_the_same_members() {
        let members = AnswerMembers::from_form(
            b"error=authorization_pending&interval=5&error_description=not+yet%21&x=y",
        );
        assert_eq!(members.faults.error.non_empty(), Some("authorization_pending"));
        assert_eq!(members.faults.error_description.non_empty(), Some("not yet!"));
        assert_eq!(members.interval, Number::Value(5));
    }

    #[test]
    fn what_stands_behind_the_object_makes_it_no_json() {
        assert!(AnswerMembers::default().read_json(Dialect::Aws, b"{} x").is_err());
    }

    #[test]
    fn a_member_is_read_beside_one_that_is_not_utf_8() {
        let mut members = AnswerMembers::default();
        members.read_json(Dialect::Aws, b"{\"junk\":\"\xff\",\"userCode\":\"c\"}").unwrap();
        assert_eq!(members.user_code.non_empty(), Some("c"));
    }
}

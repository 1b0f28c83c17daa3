//! The members of a metadata document, as they are read and written.

use core::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::member::{Text, Texts};

/// A Boolean member. Any other type counts as absent.
#[derive(Default, Deserialize)]
#[serde(untagged)]
pub(super) enum Flag {
    #[default]
    Absent,
    Value(bool),
    Other(IgnoredAny),
}

impl Flag {
    pub(super) const fn value(&self) -> Option<bool> {
        match self {
            Self::Value(value) => Some(*value),
            Self::Absent | Self::Other(_) => None,
        }
    }
}

#[derive(Default)]
pub(super) struct Members<'a> {
    pub(super) issuer: Text<'a>,
    pub(super) device_authorization_endpoint: Text<'a>,
    pub(super) token_endpoint: Text<'a>,
    pub(super) registration_endpoint: Text<'a>,
    pub(super) revocation_endpoint: Text<'a>,
    pub(super) introspection_endpoint: Text<'a>,
    pub(super) userinfo_endpoint: Text<'a>,
    pub(super) grant_types_supported: Texts,
    pub(super) token_endpoint_auth_methods_supported: Texts,
    pub(super) scopes_supported: Texts,
    pub(super) code_challenge_methods_supported: Texts,
    pub(super) authorization_endpoint: Text<'a>,
    pub(super) authorization_response_iss_parameter_supported: Flag,
    pub(super) jwks_uri: Text<'a>,
    pub(super) response_types_supported: Texts,
    pub(super) response_modes_supported: Texts,
    pub(super) request_parameter_supported: Flag,
    pub(super) request_uri_parameter_supported: Flag,
    pub(super) subject_types_supported: Texts,
    pub(super) id_token_signing_alg_values_supported: Texts,
    pub(super) claims_supported: Texts,
}

/// Reads an object. The last value of a duplicate member counts, as in responses.
struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::default();
        while let Some(Text::Value(key)) = map.next_key::<Text<'de>>()? {
            match &*key {
                "issuer" => members.issuer = map.next_value()?,
                "device_authorization_endpoint" => {
                    members.device_authorization_endpoint = map.next_value()?
                }
                "token_endpoint" => members.token_endpoint = map.next_value()?,
                "registration_endpoint" => members.registration_endpoint = map.next_value()?,
                "revocation_endpoint" => members.revocation_endpoint = map.next_value()?,
                "introspection_endpoint" => members.introspection_endpoint = map.next_value()?,
                "userinfo_endpoint" => members.userinfo_endpoint = map.next_value()?,
                "grant_types_supported" => members.grant_types_supported = map.next_value()?,
                "token_endpoint_auth_methods_supported" => {
                    members.token_endpoint_auth_methods_supported = map.next_value()?;
                }
                "scopes_supported" => members.scopes_supported = map.next_value()?,
                "code_challenge_methods_supported" => {
                    members.code_challenge_methods_supported = map.next_value()?;
                }
                "authorization_endpoint" => members.authorization_endpoint = map.next_value()?,
                "authorization_response_iss_parameter_supported" => {
                    members.authorization_response_iss_parameter_supported = map.next_value()?
                }
                "jwks_uri" => members.jwks_uri = map.next_value()?,
                "response_types_supported" => members.response_types_supported = map.next_value()?,
                "response_modes_supported" => members.response_modes_supported = map.next_value()?,
                "request_parameter_supported" => members.request_parameter_supported = map.next_value()?,
                "request_uri_parameter_supported" => {
                    members.request_uri_parameter_supported = map.next_value()?
                }
                "subject_types_supported" => members.subject_types_supported = map.next_value()?,
                "id_token_signing_alg_values_supported" => {
                    members.id_token_signing_alg_values_supported = map.next_value()?
                }
                "claims_supported" => members.claims_supported = map.next_value()?,
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(members)
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Reader)
    }
}

#[derive(Serialize)]
pub(super) struct Document<'a> {
    pub(super) issuer: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) device_authorization_endpoint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token_endpoint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) registration_endpoint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) revocation_endpoint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) introspection_endpoint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) userinfo_endpoint: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(super) grant_types_supported: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(super) token_endpoint_auth_methods_supported: &'a [String],
    /// Repeats the token endpoint's methods. If absent, a client may assume Basic alone (RFC 8414 §2).
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(super) revocation_endpoint_auth_methods_supported: &'a [String],
    /// The same.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(super) introspection_endpoint_auth_methods_supported: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(super) scopes_supported: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(super) code_challenge_methods_supported: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) authorization_endpoint: Option<&'a str>,
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub(super) authorization_response_iss_parameter_supported: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) jwks_uri: Option<&'a str>,
    /// Required by RFC 8414 §2, even if empty.
    pub(super) response_types_supported: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(super) response_modes_supported: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request_parameter_supported: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request_uri_parameter_supported: Option<bool>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(super) subject_types_supported: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(super) id_token_signing_alg_values_supported: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(super) claims_supported: &'a [String],
}

//! Additional request parameters of the OAuth dialect.

use crate::{Secret, printable};

/// The parameters that the messages write themselves, or that would conflict with those.
const RESERVED: [&str; 16] = [
    "client_id",
    "client_secret",
    "code",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "device_code",
    "grant_type",
    "redirect_uri",
    "refresh_token",
    // RFC 9101 §5 lets these two replace all others.
    "request",
    "request_uri",
    // A listener takes the response in the query only.
    "response_mode",
    "response_type",
    "scope",
    "state",
];

/// An additional parameter of a device authorization or token request in the OAuth dialect: `audience`,
/// `resource` (RFC 8707), or a provider's own (RFC 6749 §8.2).
///
/// A name may be repeated only where its definition allows it, as `resource`'s does (RFC 8707 §2). `Debug`
/// redacts the value, which may be a secret.
///
/// ```
/// use oidc_proto::{Parameter, ParameterError};
/// let resource = Parameter::new("resource", "https://api.example/")?;
/// assert_eq!((resource.name(), resource.value()), ("resource", "https://api.example/"));
/// assert!(!format!("{resource:?}").contains("api.example"));
/// assert_eq!(Parameter::new("client_id", "x"), Err(ParameterError::Reserved("client_id".to_owned())));
/// # Ok::<(), ParameterError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    name: Box<str>,
    value: Secret,
}

/// The reason why a name and a value are no [`Parameter`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParameterError {
    /// The name is empty.
    #[error("the parameter has no name")]
    NoName,
    /// The value is empty, which counts as absent (RFC 6749 §3.2).
    #[error("the parameter `{0}` has no value")]
    NoValue(String),
    /// The messages write this parameter themselves.
    #[error("the parameter `{0}` is reserved for the sign-in and cannot be added")]
    Reserved(String),
}

impl Parameter {
    /// Creates a parameter.
    ///
    /// ```
    /// use oidc_proto::{Parameter, ParameterError};
    /// assert!(Parameter::new("audience", "https://api.example/").is_ok());
    /// assert_eq!(Parameter::new("audience", ""), Err(ParameterError::NoValue("audience".to_owned())));
    /// ```
    ///
    /// # Errors
    /// [`ParameterError`]: no name, no value, or a name that the messages write themselves.
    pub fn new(name: impl Into<String>, value: impl Into<Secret>) -> Result<Self, ParameterError> {
        let (name, value) = (name.into(), value.into());
        let shown = || printable(&name).into_owned();
        if name.is_empty() {
            return Err(ParameterError::NoName);
        }
        if RESERVED.contains(&name.as_str()) {
            return Err(ParameterError::Reserved(name));
        }
        if value.is_empty() {
            return Err(ParameterError::NoValue(shown()));
        }
        Ok(Self { name: name.into(), value })
    }

    /// Returns the parameter's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the parameter's value, unencoded. Keep it out of logs.
    #[must_use]
    pub fn value(&self) -> &str {
        self.value.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_messages_write_themselves_cannot_be_given_as_a_further_parameter() {
        for name in RESERVED {
            assert_eq!(Parameter::new(name, "x"), Err(ParameterError::Reserved(name.to_owned())), "{name}");
        }
        assert_eq!(Parameter::new("", "x"), Err(ParameterError::NoName));
        let error = Parameter::new("a\u{1b}[2J", "").unwrap_err();
        assert!(!error.to_string().contains('\u{1b}'), "{error}");
        // Names are case-sensitive (RFC 6749 §1.9).
        assert!(Parameter::new("Scope", "x").is_ok());
    }
}

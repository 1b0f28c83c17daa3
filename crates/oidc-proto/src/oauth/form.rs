//! `application/x-www-form-urlencoded`, both ways.

use std::borrow::Cow;
use std::collections::BTreeMap;

use form_urlencoded::Serializer;
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use crate::{Fault, FaultCode};

/// The media type.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// A form to be written.
pub(super) struct Form(Serializer<'static, String>);

impl Form {
    /// An empty form. Its buffer is sized generously so that it does not grow: growing would leave unzeroized copies
    /// of secrets behind.
    pub(super) fn new() -> Self {
        Self(Serializer::new(String::with_capacity(4096)))
    }

    /// Adds a parameter.
    pub(super) fn add(&mut self, name: &str, value: &str) {
        self.0.append_pair(name, value);
    }

    /// Adds a parameter if it has a value: one without is the same as none (RFC 6749 §3.2).
    pub(super) fn add_some(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.add(name, value);
        }
    }

    /// The encoded form.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.0.finish().into_bytes()
    }
}

/// A form that was read.
pub(super) struct Parameters<'a>(BTreeMap<Cow<'a, str>, Cow<'a, str>>);

impl<'a> Parameters<'a> {
    /// Reads a form. Unknown parameters are kept and not looked at.
    ///
    /// # Errors
    /// Another content type, or a parameter that stands twice (RFC 6749 §3.2).
    pub(super) fn read(headers: &HeaderMap, body: &'a [u8]) -> Result<Self, Fault> {
        let content_type =
            headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case(FORM) {
            return Err(invalid(format!("the content type must be {FORM}")));
        }
        if core::str::from_utf8(body).is_err() {
            return Err(invalid("the form must be UTF-8"));
        }
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(body) {
            if parameters.insert(name, value).is_some() {
                return Err(invalid("a parameter stands twice"));
            }
        }
        Ok(Self(parameters))
    }

    /// A parameter's value; one without is the same as none.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(AsRef::as_ref).filter(|value| !value.is_empty())
    }

    /// A parameter that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&str, Fault> {
        self.get(name).ok_or_else(|| invalid(format!("{name} is required")))
    }

    /// A space-separated list (RFC 6749 §3.3).
    pub(super) fn scope(&self) -> Vec<String> {
        scope_list(self.get("scope").unwrap_or_default())
    }
}

/// The scopes of a space-separated list.
pub(super) fn scope_list(text: &str) -> Vec<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

pub(super) fn invalid(description: impl Into<Cow<'static, str>>) -> Fault {
    Fault::new(FaultCode::InvalidRequest).with_description(description)
}

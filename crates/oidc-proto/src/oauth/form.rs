//! Encoding and decoding of `application/x-www-form-urlencoded`.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;

use form_urlencoded::{Serializer, byte_serialize};
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use crate::{Fault, FaultCode, Parameter};

/// The media type.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// A form to encode (WHATWG URL §5.2, meant by RFC 6749 appendix B).
pub(super) struct Form<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Form<'a> {
    /// Creates an empty form.
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a parameter.
    pub(super) fn add(&mut self, name: &'static str, value: &'a str) {
        self.0.push((name, value));
    }

    /// Adds a parameter that has a value. An empty one counts as absent (RFC 6749 §3.2).
    pub(super) fn add_some(&mut self, name: &'static str, value: Option<&'a str>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.add(name, value);
        }
    }

    /// Adds additional parameters.
    pub(super) fn add_all(&mut self, parameters: &'a [Parameter]) {
        self.0.extend(parameters.iter().map(|parameter| (parameter.name(), parameter.value())));
    }

    /// Encodes the form into a buffer of the exact size. Growing would leave unzeroized copies of secrets,
    /// and a flow keeps its request while the person takes their time.
    pub(super) fn finish(self) -> Vec<u8> {
        let length = |text: &str| byte_serialize(text.as_bytes()).map(str::len).sum::<usize>();
        // One `=` for each pair, and one `&` between pairs.
        let pairs = self.0.iter().map(|(name, value)| length(name) + length(value) + 2).sum::<usize>();
        let mut form = Serializer::new(String::with_capacity(pairs.saturating_sub(1)));
        form.extend_pairs(&self.0);
        form.finish().into_bytes()
    }
}

/// The parameters that may be repeated (RFC 8707 §2, RFC 8693 §2.1).
const REPEATABLE: [&str; 2] = ["resource", "audience"];

/// A decoded form.
pub(super) struct Parameters<'a> {
    once: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    /// The repeatable parameters, in order.
    repeated: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Parameters<'a> {
    /// Decodes a form. Unknown parameters are kept and ignored.
    ///
    /// # Errors
    /// Returns an error for another content type, or a parameter that is repeated without permission (RFC
    /// 6749 §3.2).
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
        let (mut once, mut repeated) = (BTreeMap::new(), Vec::new());
        for (name, value) in form_urlencoded::parse(body) {
            if REPEATABLE.contains(&&*name) {
                repeated.push((name, value));
            } else if once.insert(name, value).is_some() {
                return Err(invalid("a parameter is included more than once"));
            }
        }
        Ok(Self { once, repeated })
    }

    /// Returns a parameter's value. An empty one counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.once.get(name).map(AsRef::as_ref).filter(|value| !value.is_empty())
    }

    /// Returns a required parameter.
    pub(super) fn required(&self, name: &str) -> Result<&str, Fault> {
        self.get(name).ok_or_else(|| invalid(format!("{name} is required")))
    }

    /// Returns the additional parameters that a server reads.
    pub(super) fn further(&self) -> Vec<Parameter> {
        let pairs = self.repeated.iter();
        // An empty parameter counts as absent.
        pairs.filter_map(|(name, value)| Parameter::new(&**name, &**value).ok()).collect()
    }

    /// Returns a space-separated list (RFC 6749 §3.3).
    pub(super) fn scope(&self) -> Vec<String> {
        scope_list(self.get("scope").unwrap_or_default())
    }
}

/// Splits a space-separated list of scopes.
pub(super) fn scope_list(text: &str) -> Vec<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

pub(super) fn invalid(description: impl Into<Cow<'static, str>>) -> Fault {
    Fault::new(FaultCode::InvalidRequest).with_description(description)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_takes_no_more_room_than_it_has_bytes_whatever_its_length() {
        for value in ["", "plain", "a b&c=d/é%", &"~ß".repeat(3_000)] {
            let mut form = Form::new();
            form.add("one", value);
            form.add_some("none", Some(""));
            form.add("two", value);
            let encoded = form.finish();
            assert_eq!(encoded.capacity(), encoded.len(), "{value:.10}");
            let parsed: Vec<_> = form_urlencoded::parse(&encoded).into_owned().collect();
            assert_eq!(parsed, [("one".to_owned(), value.to_owned()), ("two".to_owned(), value.to_owned())]);
        }
        assert_eq!(Form::new().finish().capacity(), 0);
    }
}

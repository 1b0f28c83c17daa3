//! One request with its response.

use core::time::Duration;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{Request, Response};
use oidc_proto::Body;
use serde_json::{Map, Value};

use crate::Step;

/// A request, and its response or the reason why there is none. It holds secrets, so it has no `Debug`.
pub(crate) struct Exchange {
    pub(crate) step: Step,
    pub(crate) request: Request<Body>,
    pub(crate) answer: Result<Answer, String>,
    /// When the response arrived, since the origin of the clock.
    pub(crate) received: Duration,
}

/// A response. Its JSON is parsed once.
pub(crate) struct Answer {
    pub(crate) response: Response<Body>,
    json: Option<Map<String, Value>>,
}

impl Answer {
    pub(crate) fn new(response: Response<Body>) -> Self {
        let json = serde_json::from_slice(response.body().as_ref()).ok();
        Self { response, json }
    }

    pub(crate) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub(crate) const fn json(&self) -> Option<&Map<String, Value>> {
        self.json.as_ref()
    }

    pub(crate) fn member(&self, name: &str) -> Option<&Value> {
        // A member without a value counts as absent.
        self.json.as_ref()?.get(name).filter(|value| !value.is_null())
    }

    /// Returns a member that is a string with at least one character.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.member(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// Returns the error code (RFC 6749 §5.2).
    pub(crate) fn error(&self) -> Option<&str> {
        self.text("error")
    }

    pub(crate) fn has_token(&self) -> bool {
        self.text("access_token").is_some()
    }

    /// Whether the response refuses the request: an error, or a status that is no success.
    pub(crate) fn is_refusal(&self) -> bool {
        self.error().is_some() || self.status() >= 400
    }

    pub(crate) fn header(&self, name: impl http::header::AsHeaderName) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    fn media_type(&self) -> &str {
        self.header(CONTENT_TYPE).and_then(|text| text.split(';').next()).unwrap_or_default().trim()
    }

    /// Whether the media type is JSON. Parameters do not matter.
    pub(crate) fn says_json(&self) -> bool {
        self.media_type().eq_ignore_ascii_case("application/json")
    }

    /// Returns the reason why the response does not say that it is JSON.
    pub(crate) fn says_else(&self) -> String {
        match self.media_type() {
            "" => "there is no media type".to_owned(),
            other => format!("the media type is {other}"),
        }
    }

    /// Whether a header has this word in its list.
    pub(crate) fn header_has(&self, name: &str, word: &str) -> bool {
        let values = self.response.headers().get_all(name).iter();
        let mut words = values.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','));
        words.any(|found| found.trim().eq_ignore_ascii_case(word))
    }

    /// Returns what the response is, in a few words: its error code and its status.
    pub(crate) fn summary(&self) -> String {
        let status = self.status();
        // No request accepts one (RFC 9110 §12.5.3), and so it is not undone.
        let encoding = self.header(CONTENT_ENCODING).filter(|name| !name.eq_ignore_ascii_case("identity"));
        match (self.error(), encoding) {
            (Some(error), _) => format!("{error} with status {status}"),
            (None, _) if self.has_token() => format!("a token with status {status}"),
            (None, Some(encoding)) => format!("status {status} in the encoding {encoding}"),
            (None, None) => format!("status {status}"),
        }
    }
}

impl Exchange {
    /// Returns the parameters of the request: of its form, or of its query.
    pub(crate) fn parameters(&self) -> Vec<(String, String)> {
        let body = self.request.body().as_ref();
        let text =
            if body.is_empty() { self.request.uri().query().unwrap_or_default().as_bytes() } else { body };
        form_urlencoded::parse(text).into_owned().collect()
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        self.parameters().into_iter().find_map(|(found, value)| (found == name).then_some(value))
    }
}

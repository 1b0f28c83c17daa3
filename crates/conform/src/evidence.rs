//! What a report shows of an exchange, without its secrets.

use std::collections::BTreeSet;

use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, LOCATION, PRAGMA, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use oidc_proto::printable;
use serde_json::Value;

use crate::Step;
use crate::exchange::{Answer, Exchange};
use crate::transcript::Transcript;

/// One request and its response in a report: without secrets and control characters, and cut if they are long.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evidence {
    /// The purpose of the request.
    pub step: Step,
    /// The method, the URL without its query, and the parameters.
    pub request: String,
    /// The status, some headers and the body, or the reason why there is no response.
    pub response: String,
}

/// The parameters and members that are secret.
const SECRET: [&str; 10] = [
    "device_code",
    "client_secret",
    "refresh_token",
    "access_token",
    "id_token",
    "code_verifier",
    "code_challenge",
    "token",
    "registration_access_token",
    "client_assertion",
];

/// The headers that checks look at, and those that explain a response which is not understood.
const HEADERS: [http::HeaderName; 7] =
    [CONTENT_TYPE, CONTENT_ENCODING, LOCATION, CACHE_CONTROL, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE];

/// The replacement of a secret.
const REDACTED: &str = "[redacted]";

/// The length in bytes from which a text counts as a secret wherever it stands. Shorter ones would take words apart.
const SHORTEST: usize = 6;

/// The number of characters that are shown of a body.
const SHOWN: usize = 400;

/// The number of bytes of a body that are read for that. A server may send long ones, and secrets shrink.
const READ: usize = 16 * 1024;

/// The number of secrets that are taken from one response. A server that sends thousands must not cost minutes; in
/// the response itself they are hidden by their names.
const MOST_SECRETS: usize = 32;

/// All secrets of a run, the longest first, because one may contain another.
pub(crate) struct Redactor {
    secrets: Vec<String>,
    user_codes: Vec<String>,
}

impl Redactor {
    pub(crate) fn of(transcript: &Transcript) -> Self {
        let (mut secrets, mut user_codes) = (BTreeSet::new(), BTreeSet::new());
        let client = transcript.client.as_ref().and_then(|client| client.secret.as_ref());
        secrets.extend(client.map(|secret| secret.expose().to_owned()));
        for exchange in &transcript.exchanges {
            let parameters = exchange.parameters().into_iter();
            secrets.extend(parameters.filter(|(name, _)| is_secret(name)).map(|(_, value)| value));
            let header = exchange.request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
            secrets.extend(header.and_then(|text| Some(text.split_once(' ')?.1.to_owned())));
            let answer = exchange.answer.as_ref().ok();
            if let Some(answer) = answer {
                let mut found = Vec::new();
                collect(&read(answer.response.body().as_ref()), &mut found);
                secrets.extend(found);
            }
            user_codes.extend(answer.and_then(|answer| Some(answer.text("user_code")?.to_owned())));
        }
        let encoded: Vec<String> =
            secrets.iter().map(|text| form_urlencoded::byte_serialize(text.as_bytes()).collect()).collect();
        secrets.extend(encoded);
        let by_length = |texts: BTreeSet<String>| {
            let mut texts: Vec<String> = texts.into_iter().filter(|text| text.len() >= SHORTEST).collect();
            texts.sort_by_key(|text| core::cmp::Reverse(text.len()));
            texts
        };
        Self { secrets: by_length(secrets), user_codes: by_length(user_codes) }
    }

    /// Returns a text without secrets and control characters.
    pub(crate) fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            text = text.replace(secret.as_str(), REDACTED);
        }
        for code in &self.user_codes {
            text = text.replace(code.as_str(), &masked(code));
        }
        printable(&text).into_owned()
    }

    pub(crate) fn evidence(&self, exchange: &Exchange) -> Evidence {
        let response = match &exchange.answer {
            Ok(answer) => self.response(answer),
            Err(why) => self.clean(why),
        };
        Evidence { step: exchange.step, request: self.request(exchange), response }
    }

    fn request(&self, exchange: &Exchange) -> String {
        let request = &exchange.request;
        let uri = request.uri().to_string();
        let place = uri.split('?').next().unwrap_or_default();
        let mut text = format!("{} {place}", request.method());
        if request.headers().contains_key(AUTHORIZATION) {
            text += " (Authorization: Basic)";
        }
        let body = request.body().as_ref();
        if serde_json::from_slice::<Value>(body).is_ok() {
            text = format!("{text} {}", self.body(body));
        } else {
            for (name, value) in exchange.parameters() {
                let value = if is_secret(&name) { REDACTED.to_owned() } else { value };
                text += &format!(" {name}={value}");
            }
        }
        self.clean(&text)
    }

    fn response(&self, answer: &Answer) -> String {
        let mut text = answer.status().to_string();
        for name in HEADERS {
            if let Some(value) = answer.header(&name) {
                // The query of a redirect may have codes of the server's own.
                let is_place = name == LOCATION;
                let value = if is_place { value.split(['?', '#']).next().unwrap_or_default() } else { value };
                text += &format!(" {name}: {value};");
            }
        }
        self.clean(&format!("{text} {}", self.body(answer.response.body().as_ref())))
    }

    /// Returns the beginning of a body. Its secrets go before it is cut, so that no part of one stays.
    fn body(&self, body: &[u8]) -> String {
        let whole = match serde_json::from_slice::<Value>(body) {
            Ok(mut value) => {
                redact(&mut value);
                value.to_string()
            }
            Err(_) => String::from_utf8_lossy(body).into_owned(),
        };
        let start = (0..=READ.min(whole.len())).rev().find_map(|end| whole.get(..end)).unwrap_or_default();
        let cleaned = self.clean(start);
        // The end of what was read may be the beginning of a secret, in which a shorter one was replaced.
        let margin = if start.len() < whole.len() { 2 * self.longest() } else { 0 };
        match cleaned.char_indices().nth(SHOWN) {
            Some((end, _)) if end + margin <= cleaned.len() => {
                format!("{}…", cleaned.get(..end).unwrap_or_default())
            }
            None if margin == 0 => cleaned,
            _ => "[a long text]".to_owned(),
        }
    }

    /// Returns the length of the longest secret, in bytes.
    fn longest(&self) -> usize {
        let first = |texts: &[String]| texts.first().map_or(0, String::len);
        first(&self.secrets).max(first(&self.user_codes))
    }
}

/// Returns whether a parameter or member is secret, in the standard's spelling or in camel case.
fn is_secret(name: &str) -> bool {
    let plain = |name: &str| name.replace(['_', '-'], "").to_lowercase();
    SECRET.iter().any(|secret| plain(secret) == plain(name))
}

/// Reads a body as JSON, or as a form, which some servers send in its place.
fn read(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| {
        let pairs = form_urlencoded::parse(body);
        Value::Object(pairs.map(|(name, value)| (name.into_owned(), value.into_owned().into())).collect())
    })
}

/// Collects the secret texts of a body, at any depth, but no more than [`MOST_SECRETS`].
fn collect(value: &Value, secrets: &mut Vec<String>) {
    match value {
        _ if secrets.len() >= MOST_SECRETS => {}
        Value::Object(members) => {
            for (name, value) in members {
                secrets.extend(value.as_str().filter(|_| is_secret(name)).map(str::to_owned));
                collect(value, secrets);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, secrets)),
        _ => {}
    }
}

/// Replaces the secret members of a body, at any depth.
fn redact(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                if is_secret(name) {
                    *value = REDACTED.into();
                }
                redact(value);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(redact),
        _ => {}
    }
}

/// Returns a user code with its first two characters only.
fn masked(code: &str) -> String {
    let is_shown = |index: usize, c: char| index < 2 || !c.is_alphanumeric();
    code.chars().enumerate().map(|(index, c)| if is_shown(index, c) { c } else { '*' }).collect()
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::rc::Rc;

    use http::{Request, Response};
    use oidc_proto::Body;

    use super::*;

    fn exchange(request: Request<&str>, response: Response<&str>) -> Exchange {
        let body = |text: &str| Body::new(text.as_bytes().to_vec());
        let request = request.map(body);
        let answer = Ok(Answer::new(response.map(body)));
        Exchange { step: Step::Codes, request, answer, received: Duration::ZERO }
    }

    fn shown(exchange: Exchange) -> Evidence {
        let exchange = Rc::new(exchange);
        let transcript = Transcript { exchanges: vec![Rc::clone(&exchange)], ..Transcript::default() };
        Redactor::of(&transcript).evidence(&exchange)
    }

    #[test]
    fn secrets_are_in_no_evidence_wherever_the_server_repeats_them() {
        let request = Request::post("https://id.example/token")
            .header("authorization", "Basic c2VjcmV0c2VjcmV0")
            .body("device_code=sentinel%2Bone&client_id=tool&refresh_token=sentinel-two")
            .unwrap();
        let response = Response::builder()
            .status(400)
            .header("www-authenticate", "Basic sentinel-two")
            .body(r#"{"error":"x","error_description":"sentinel+one c2VjcmV0c2VjcmV0 sentinel%2Bone","access_token":"a"}"#)
            .unwrap();
        let evidence = shown(exchange(request, response));
        let text = format!("{evidence:?}");
        assert!(!text.contains("sentinel") && !text.contains("c2VjcmV0"), "{text}");
        assert!(
            text.contains("client_id=tool") && text.contains(r#"\"access_token\":\"[redacted]\""#),
            "{text}"
        );
    }

    #[test]
    fn a_token_is_in_no_evidence_whatever_the_form_of_its_body() {
        for body in [
            "access_token=sentinel-one&scope=read",
            r#"{"accessToken":"sentinel-one"}"#,
            r#"{"authed_user":[{"access_token":"sentinel-one"}]}"#,
        ] {
            let request = Request::post("https://id.example/token").body("client_id=tool").unwrap();
            let text = format!("{:?}", shown(exchange(request, Response::new(body))));
            assert!(!text.contains("sentinel") && text.contains("redacted"), "{text}");
        }
    }

    #[test]
    fn a_user_code_shows_its_beginning_only() {
        let response =
            r#"{"user_code":"WDJB-MJHT","verification_uri_complete":"https://id.example/?c=WDJB-MJHT"}"#;
        let request = Request::post("https://id.example/device").body("client_id=tool").unwrap();
        let evidence = shown(exchange(request, Response::new(response)));
        assert!(evidence.response.contains("?c=WD**-****"), "{evidence:?}");
        assert!(!evidence.response.contains("MJHT"), "{evidence:?}");
    }

    #[test]
    fn a_page_is_cut_and_its_control_characters_are_removed() {
        let page = format!("\u{1b}[2J{}", "é".repeat(500));
        let request = Request::get("https://id.example/device?client_secret=sentinel").body("").unwrap();
        let evidence = shown(exchange(request, Response::new(&page)));
        assert!(
            evidence.response.starts_with("200 [2Jé") && evidence.response.ends_with("é…"),
            "{evidence:?}"
        );
        assert_eq!(evidence.request, "GET https://id.example/device client_secret=[redacted]");
    }
}

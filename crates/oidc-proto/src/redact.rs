//! Removes the request's secrets from a response. Some servers and gateways quote the request in an error.

use alloc::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use serde_json::{Map, Value};

use crate::portal::BEARER_TOKEN;
use crate::{Answer, Fault, FaultCode, Indeterminate, Request};

/// The form parameters that are not secret. A program may add others, so any other counts as secret.
const PLAIN_PARAMETERS: [&str; 9] = [
    "client_id",
    "scope",
    "grant_type",
    "code_challenge",
    "code_challenge_method",
    "token_type_hint",
    "redirect_uri",
    "audience",
    "resource",
];

/// The secret members of AWS's requests.
const SECRET_MEMBERS: [&str; 5] = ["clientSecret", "deviceCode", "code", "codeVerifier", "refreshToken"];

/// The replacement of a secret.
const REDACTED: &str = "[redacted]";

/// The length in bytes from which a text counts as a secret. Removing shorter ones would make every text
/// unreadable.
const SHORTEST: usize = 4;

impl Request {
    /// Removes the request's own secrets, plain or encoded, from the texts of its response: the client's
    /// secret, a device code, a refresh token.
    ///
    /// ```
    /// use oidc_proto::{Answer, Client, Endpoint, Secret, Service, StartDeviceAuthorizationRequest};
    ///
    /// let client = Client::new("my-tool", Secret::from("hunter2hunter2"));
    /// let call = StartDeviceAuthorizationRequest::new(client, "https://d-1234567890.awsapps.com/start");
    /// let service = Service::from(Endpoint::for_region("eu-west-1")?);
    /// let request = service.encode(&call).ok_or("AWS has it")?;
    /// let response = http::Response::builder().status(400).body(r#"{"message":"bad secret hunter2hunter2"}"#)?;
    /// let mut answer = service.decode::<StartDeviceAuthorizationRequest, _>(&response);
    /// request.redact(&mut answer);
    /// let Answer::Indeterminate(refusal) = answer else { panic!("it names no fault") };
    /// assert_eq!(refusal.said.as_deref(), Some("bad secret [redacted]"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn redact<T>(&self, answer: &mut Answer<T>) {
        match answer {
            // The most frequent response. Its text is never shown.
            Answer::Fault(fault) if matches!(fault.code, FaultCode::AuthorizationPending) => {}
            Answer::Fault(fault) => self.redact_fault(fault),
            Answer::Indeterminate(refusal) => self.redact_refusal(refusal),
            Answer::Success(_) | Answer::InvalidResponse(_) => {}
        }
    }

    #[cold]
    fn redact_fault(&self, fault: &mut Fault) {
        let texts = [
            &mut fault.description,
            &mut fault.uri,
            &mut fault.reason,
            &mut fault.endpoint,
            &mut fault.region,
        ];
        self.redact_texts(texts);
        if let FaultCode::Other(code) = &fault.code {
            let mut code = Some(code.clone());
            self.redact_texts([&mut code]);
            fault.code = FaultCode::Other(code.unwrap_or_default());
        }
    }

    #[cold]
    fn redact_refusal(&self, refusal: &mut Indeterminate) {
        self.redact_texts([&mut refusal.said, &mut refusal.location]);
    }

    fn redact_texts<const N: usize>(&self, texts: [&mut Option<String>; N]) {
        if texts.iter().all(|text| text.is_none()) {
            return;
        }
        let secrets = self.secrets();
        for text in texts.into_iter().flatten() {
            for secret in &secrets {
                take_out(text, secret);
            }
        }
    }

    /// Returns the secrets of this request, the longest first, because one may contain another.
    fn secrets(&self) -> Vec<String> {
        let body = core::str::from_utf8(self.body().as_ref()).unwrap_or_default();
        let mut secrets = match serde_json::from_str::<Map<String, Value>>(body) {
            Ok(members) => members_of(&members),
            Err(_) => parameters_of(body),
        };
        secrets.extend(self.basic_secret());
        let token = self.headers().get(&BEARER_TOKEN).and_then(|value| value.to_str().ok());
        secrets.extend(token.map(str::to_owned));
        secrets.retain(|secret| secret.len() >= SHORTEST);
        secrets.sort_by_key(|secret| core::cmp::Reverse(secret.len()));
        secrets
    }

    /// Returns the client's secret in the `Authorization` header (RFC 6749 §2.3.1), and the header's value.
    fn basic_secret(&self) -> Vec<String> {
        let value = self.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(credentials) = value.and_then(|value| value.strip_prefix("Basic ")) else {
            return Vec::new();
        };
        let decoded = STANDARD.decode(credentials).unwrap_or_default();
        let decoded = String::from_utf8(decoded).unwrap_or_default();
        let encoded = decoded.split_once(':').map_or("", |(_, secret)| secret);
        vec![credentials.to_owned(), encoded.to_owned(), unescaped(encoded)]
    }
}

fn members_of(members: &Map<String, Value>) -> Vec<String> {
    let secret = |name: &&str| members.get(*name).and_then(Value::as_str).map(str::to_owned);
    SECRET_MEMBERS.iter().filter_map(secret).collect()
}

/// Returns the parameters, encoded and decoded.
fn parameters_of(form: &str) -> Vec<String> {
    form.split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter(|(name, _)| !PLAIN_PARAMETERS.contains(name))
        .flat_map(|(_, value)| [value.to_owned(), unescaped(value)])
        .collect()
}

fn unescaped(value: &str) -> String {
    let decoded = form_urlencoded::parse(value.as_bytes()).next();
    decoded.map_or_else(String::new, |(name, _): (Cow<'_, str>, _)| name.into_owned())
}

/// Decodes all encodings that a server may use: percent signs, numeric entities, and JSON's escaped slash.
fn decoded(text: &str) -> String {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = match encoded_byte(rest) {
            Some((byte, length)) => {
                plain.push(byte);
                length
            }
            None => {
                plain.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                c.len_utf8()
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// Decodes the byte at the beginning of this text, and returns the length of its code too.
fn encoded_byte(text: &str) -> Option<(u8, usize)> {
    if text.starts_with("\\/") {
        return Some((b'/', 2));
    }
    if let Some(code) = text.strip_prefix('%') {
        return Some((u8::from_str_radix(code.get(..2)?, 16).ok()?, 3));
    }
    let (code, _) = text.strip_prefix("&#")?.split_once(';')?;
    let byte = match code.strip_prefix(['x', 'X']) {
        Some(hex) => u8::from_str_radix(hex, 16),
        None => code.parse(),
    };
    Some((byte.ok()?, code.len() + 3))
}

/// Removes a secret from a text, and a truncated one from its end. Drops a text that contains it encoded.
fn take_out(text: &mut String, secret: &str) {
    if text.contains(secret) {
        *text = text.replace(secret, REDACTED);
    }
    if decoded(text).contains(secret) {
        REDACTED.clone_into(text);
    }
    let cut = text.strip_suffix('…').map(str::len);
    let end = cut.unwrap_or(text.len());
    let beginning = (SHORTEST..secret.len())
        .rev()
        .filter(|length| secret.is_char_boundary(*length))
        .find(|length| text.get(..end).is_some_and(|text| text.ends_with(&secret[..*length])));
    if let (Some(_), Some(length)) = (cut, beginning) {
        text.replace_range(end - length..end, REDACTED);
    }
}

#[cfg(test)]
mod tests {
    use crate::oauth::Provider;
    use crate::{
        Answer, Client, CreateTokenRequest, Dialect, Endpoint, Grant, Request, Secret, Service,
        StartDeviceAuthorizationRequest,
    };

    const SECRET: &str = "s3cr3t+/ =&é-long-enough";
    const CODE: &str = "device/code+0123456789";

    fn requests() -> Vec<(Dialect, Request)> {
        let aws = Service::from(Endpoint::for_region("eu-west-1").unwrap());
        let provider = Provider::new("https://id.example/d", "https://id.example/t").unwrap();
        let oauth = Service::from(provider);
        let client = || Client::new("my-tool", Secret::from(SECRET));
        let poll = |client| CreateTokenRequest::new(client, Grant::device_code(Secret::from(CODE)));
        vec![
            (Dialect::Aws, aws.encode_create_token(&poll(client()))),
            (Dialect::OAuth, oauth.encode_create_token(&poll(client()))),
            (Dialect::OAuth, oauth.encode_create_token(&poll(client().with_basic_authentication()))),
        ]
    }

    /// Returns the text that is shown of a refusal which quotes its request so.
    fn shown(dialect: Dialect, request: &Request, status: u16, body: &str) -> String {
        let response = http::Response::builder().status(status).body(body.to_owned()).unwrap();
        let mut answer = dialect.decode::<CreateTokenRequest, _>(&response);
        request.redact(&mut answer);
        match &answer {
            Answer::Fault(fault) => format!("{fault} {fault:?}"),
            Answer::Indeterminate(refusal) => format!("{refusal} {refusal:?}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_refusal_that_quotes_the_request_shows_none_of_its_secrets() {
        for (dialect, request) in requests() {
            let body = String::from_utf8(request.body().as_ref().to_vec()).unwrap();
            let header = request.headers().get("authorization").map_or("", |value| value.to_str().unwrap());
            let quotes =
                [SECRET, CODE, &body, header, &CODE.repeat(20), &format!("{}{SECRET}", "a ".repeat(90))];
            for quote in quotes.map(|quote| serde_json::to_string(&format!("you sent {quote}")).unwrap()) {
                for body in [
                    format!(r#"{{"error":"invalid_request","error_description":{quote}}}"#),
                    format!(r#"{{"error":"odd {CODE}","message":{quote}}}"#),
                    format!(r#"{{"message":{quote}}}"#),
                    format!("<title>{quote}</title>"),
                    format!("you sent {quote}"),
                ] {
                    let shown = shown(dialect, &request, 400, &body);
                    for secret in [
                        "s3cr3t",
                        "device/",
                        "device%2F",
                        "device%2f",
                        "0123456789",
                        header.strip_prefix("Basic ").unwrap_or("%%%"),
                    ] {
                        assert!(!shown.contains(secret), "{secret} in {shown}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_text_without_a_secret_is_not_changed() {
        let client = Client::new("id", Secret::from("abc"));
        let call = StartDeviceAuthorizationRequest::new(client, "https://d-1234567890.awsapps.com/start");
        let service = Service::from(Endpoint::for_region("eu-west-1").unwrap());
        let request = service.encode(&call).unwrap();
        let shown = shown(
            Dialect::Aws,
            &request,
            400,
            r#"{"message":"abc and https://d-1234567890.awsapps.com/start"}"#,
        );
        assert!(shown.contains("abc and https://d-1234567890.awsapps.com/start"), "{shown}");
    }
}

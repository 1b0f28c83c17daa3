//! A vector: its file, its body, its response, and how a list of them is checked.

use http::{HeaderMap, HeaderName, HeaderValue, Response};
use serde_json::Value;

/// A vector file, read at run time so that a broken one fails its own test only.
#[expect(clippy::disallowed_methods, reason = "the crate reads no file; its tests do")]
pub(crate) fn file(name: &str) -> Value {
    let path = format!("{}/tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A vector's body: text, or bytes in hexadecimal where they are no text.
pub(crate) fn body(vector: &Value) -> Vec<u8> {
    match (vector["body"].as_str(), vector["body_hex"].as_str()) {
        (Some(text), None) => text.as_bytes().to_vec(),
        (None, Some(hex)) => hex
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect(),
        _ => panic!("a vector has one of body and body_hex: {vector}"),
    }
}

/// A vector's response.
pub(crate) fn response(vector: &Value) -> Response<Vec<u8>> {
    let mut response = Response::new(body(vector));
    *response.status_mut() = u16::try_from(vector["status"].as_u64().unwrap()).unwrap().try_into().unwrap();
    *response.headers_mut() = headers(vector);
    response
}

/// A vector's headers.
pub(crate) fn headers(vector: &Value) -> HeaderMap {
    let pairs = vector["headers"].as_object().into_iter().flatten();
    let header = |(name, value): (&String, &Value)| {
        (HeaderName::try_from(name).unwrap(), HeaderValue::from_str(value.as_str().unwrap()).unwrap())
    };
    pairs.map(header).collect()
}

/// Every vector of a list, and all that fail at once.
pub(crate) fn check(name: &str, vectors: &Value, actual: impl Fn(&Value) -> Value) {
    let vectors = vectors.as_array().unwrap();
    assert!(!vectors.is_empty());
    let mut seen = std::collections::BTreeSet::new();
    let mut failures = String::new();
    for vector in vectors {
        let statement = vector["name"].as_str().unwrap();
        assert!(seen.insert(statement), "{name}: two vectors say {statement:?}");
        let actual = actual(vector);
        if actual != vector["expect"] {
            failures +=
                &format!("\n{name}: {statement}\n  expected {}\n  but got  {actual}", vector["expect"]);
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

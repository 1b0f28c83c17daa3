//! A vector: its file, body and response, and the check of a list of vectors.

use http::{HeaderMap, HeaderName, HeaderValue, Response};
use serde_json::Value;

/// Reads a vector file at run time, so a broken file fails only its own test.
#[expect(clippy::disallowed_methods, reason = "the crate reads no file; its tests do")]
pub(crate) fn file(name: &str) -> Value {
    let path = format!("{}/tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns a vector's body: text, or hexadecimal for bytes that are not text.
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

/// Returns a vector's response.
pub(crate) fn response(vector: &Value) -> Response<Vec<u8>> {
    let mut response = Response::new(body(vector));
    *response.status_mut() = u16::try_from(vector["status"].as_u64().unwrap()).unwrap().try_into().unwrap();
    *response.headers_mut() = headers(vector);
    response
}

/// Returns a vector's headers.
pub(crate) fn headers(vector: &Value) -> HeaderMap {
    let pairs = vector["headers"].as_object().into_iter().flatten();
    let header = |(name, value): (&String, &Value)| {
        (HeaderName::try_from(name).unwrap(), HeaderValue::from_str(value.as_str().unwrap()).unwrap())
    };
    pairs.map(header).collect()
}

/// Checks every vector of a list, and reports all failures at once.
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

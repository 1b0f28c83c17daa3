//! The golden vectors of oidc-proto as inputs for the targets.

use std::path::Path;

use serde_json::Value;

use crate::wire::STATUSES;

/// Returns every vector of every file whose name has this beginning.
fn vectors(begin: &str) -> Vec<Value> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/oidc-proto/tests/vectors");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with(begin) && name.ends_with(".json") {
            let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            found.extend(file["vectors"].as_array().cloned().unwrap_or_default());
        }
    }
    found
}

fn body(vector: &Value) -> &[u8] {
    vector["body"].as_str().unwrap_or_default().as_bytes()
}

fn header<'a>(vector: &'a Value, name: &str) -> Option<&'a str> {
    let headers = vector["headers"].as_object()?;
    headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?.1.as_str()
}

/// Returns the letter of a vector's status, or that of a plain error if no target has the status.
fn status(vector: &Value) -> Option<u8> {
    let status = vector["status"].as_u64()?;
    let at = STATUSES.iter().position(|known| u64::from(*known) == status).unwrap_or(1);
    Some(b'0' + u8::try_from(at).unwrap())
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[test]
fn golden_responses_break_no_rule() {
    let mut count = 0;
    for vector in vectors("") {
        let Some(status) = status(&vector) else { continue };
        let is_form = header(&vector, "content-type").is_some_and(|kind| kind.contains("form"));
        for operation in *b"rst" {
            crate::response(&join(&[&[operation, status, b'0'], body(&vector)]));
        }
        for operation in *b"rstv" {
            crate::oauth_response(&join(&[
                &[operation, status, if is_form { b'1' } else { b'3' }],
                body(&vector),
            ]));
        }
        for dialect in *b"ab" {
            for outcome in *b"sd" {
                crate::differential(&join(&[&[dialect, outcome], body(&vector)]));
            }
        }
        if let Some(issuer) = vector["issuer"].as_str() {
            crate::metadata(&join(&[&[status], issuer.trim().as_bytes(), b"\n", body(&vector)]));
        }
        count += 1;
    }
    assert!(count > 300, "{count}");
}

#[test]
fn golden_requests_break_no_rule() {
    let mut count = 0;
    for vector in vectors("").into_iter().filter(|vector| vector["method"] == "POST") {
        for operation in *b"rst" {
            crate::request(&join(&[&[operation], body(&vector)]));
        }
        for operation in *b"rstv" {
            match header(&vector, "authorization") {
                None => crate::oauth_request(&join(&[&[operation, b'0'], body(&vector)])),
                Some(line) => {
                    crate::oauth_request(&join(&[&[operation, b'5'], line.as_bytes(), b"\n", body(&vector)]));
                }
            }
        }
        crate::differential(&join(&[b"as", body(&vector)]));
        count += 1;
    }
    assert!(count > 150, "{count}");
}

#[test]
fn golden_verifiers_break_no_rule() {
    for vector in vectors("pkce") {
        let part = |name: &str| vector[name].as_str().unwrap().as_bytes().to_vec();
        crate::pkce(&join(&[&part("verifier"), b"\n", &part("challenge")]));
    }
}

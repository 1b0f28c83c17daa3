//! A response before serialization, with headers and body that a fault can change.

use std::time::SystemTime;

use http::header::{CONTENT_LENGTH, DATE};
use http::response::Parts;

/// A response that this crate serializes itself.
pub(crate) struct Message {
    pub(crate) version: &'static str,
    status: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// Creates the response as hyper would write it, with `Date` and `Content-Length`. A response to HEAD has
    /// no body.
    pub(crate) fn new(parts: Parts, body: &[u8], is_head: bool) -> Self {
        let reason = parts.status.canonical_reason().unwrap_or("Status");
        let mut message = Self {
            version: "HTTP/1.1",
            status: format!("{} {reason}", parts.status.as_str()),
            headers: parts
                .headers
                .iter()
                .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
                .collect(),
            body: body.to_vec(),
        };
        if !parts.headers.contains_key(DATE) {
            message.set(DATE.as_str(), httpdate::fmt_http_date(SystemTime::now()));
        }
        message.measure();
        if is_head {
            message.body.clear();
        }
        message
    }

    /// Sets this header, once.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.remove(name);
        self.headers.push((name.to_owned(), value.into()));
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// Sets `Content-Length` to the length of the body.
    pub(crate) fn measure(&mut self) {
        self.announce(self.body.len());
    }

    /// Sets `Content-Length` to this length.
    pub(crate) fn announce(&mut self, length: usize) {
        self.set(CONTENT_LENGTH.as_str(), length.to_string());
    }

    /// Returns the bytes before the body.
    pub(crate) fn head(&self) -> Vec<u8> {
        let mut bytes = format!("{} {}\r\n", self.version, self.status).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

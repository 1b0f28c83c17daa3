//! HTTP/1.1 as far as the generator needs it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

/// Head and body, once both are there. What we ask always has an answer of a known length.
pub fn split(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..end]).expect("ASCII");
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().expect("a length"))
    });
    let body = bytes.get(end..end + length.expect("a length"))?;
    Some((head, body))
}

/// A request with a JSON body.
pub fn request(path: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The text of a member of a flat JSON object without escapes.
pub fn member(body: &[u8], name: &str) -> String {
    let text = std::str::from_utf8(body).expect("JSON is UTF-8");
    let (_, rest) = text.split_once(&format!("\"{name}\":\"")).unwrap_or_else(|| panic!("no {name}: {text}"));
    rest.split('"').next().expect("an end").to_owned()
}

/// A connection with one request under way at the most.
pub struct Line {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Line {
    pub fn new(address: &str) -> Self {
        let stream = TcpStream::connect(address.trim_start_matches("http://")).expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, buffer: Vec::with_capacity(4096) }
    }

    pub fn send(&mut self, request: &[u8]) {
        self.stream.write_all(request).expect("it takes requests");
    }

    /// The whole answer.
    pub fn receive(&mut self) -> &[u8] {
        self.buffer.clear();
        let mut chunk = [0; 4096];
        while split(&self.buffer).is_none() {
            let count = self.stream.read(&mut chunk).expect("an answer");
            assert!(count > 0, "the connection was closed");
            self.buffer.extend_from_slice(&chunk[..count]);
        }
        &self.buffer
    }

    pub fn call(&mut self, request: &[u8]) -> &[u8] {
        self.send(request);
        self.receive()
    }
}

pub fn print(bytes: &[u8]) {
    std::io::stdout().write_all(bytes).expect("an output");
}

//! A browser that the tests control to the byte.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use device_flow::BrowserPrompt;

/// A connection of a browser.
pub(crate) struct Connection(TcpStream);

impl Connection {
    /// Connects to this port; `None` if it is closed.
    pub(crate) fn open(port: u16) -> Option<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Some(Self(stream))
    }

    pub(crate) fn send(&mut self, text: &str) {
        // The listener may have closed the connection already.
        let _ = self.0.write_all(text.as_bytes());
    }

    /// Reads to the end.
    pub(crate) fn read(mut self) -> String {
        let mut page = Vec::new();
        let _ = self.0.read_to_end(&mut page);
        String::from_utf8(page).unwrap()
    }
}

/// Sends a request, and returns the response; empty if the port is closed.
pub(crate) fn exchange(port: u16, request: &str) -> String {
    let Some(mut connection) = Connection::open(port) else { return String::new() };
    connection.send(request);
    connection.read()
}

/// Requests a target of the redirect URI's host.
pub(crate) fn get(prompt: &BrowserPrompt, target: &str) -> String {
    let port = prompt.redirect_uri.port();
    exchange(port, &format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: a=b\r\n\r\n"))
}

/// Returns the target of the response to this prompt.
pub(crate) fn target(prompt: &BrowserPrompt, result: &str) -> String {
    let (_, state) = prompt.url.split_once("state=").unwrap();
    format!("/oauth/callback?{result}&state={}", state.split('&').next().unwrap())
}

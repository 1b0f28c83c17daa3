//! The head of a browser's request, read byte by byte by a listener.

/// The longest request line, in bytes.
const MAX_LINE: usize = 16 * 1024;
/// The longest head, in bytes. A browser's cookies for `127.0.0.1` are in it, of every program on the machine.
const MAX_BYTES: usize = 256 * 1024;

/// The head of one request at the redirect URI, while it arrives. It holds an authorization code, so `Debug`
/// omits it.
///
/// A line ends with CRLF, or with a bare LF (RFC 9112 §2.2). A bare CR ends none.
///
/// ```
/// use device_flow::{Incoming, RequestHead};
///
/// let mut head = RequestHead::new();
/// assert_eq!(head.push(b"GET /oauth/callback?code=c HTTP/1.1\r\nHo"), Incoming::Incomplete);
/// let target = "/oauth/callback?code=c".to_owned();
/// assert_eq!(head.push(b"st: 127.0.0.1:8400\r\n\r\n"), Incoming::Get(target));
/// ```
pub struct RequestHead {
    /// The request line, and until it is complete no more.
    line: zeroize::Zeroizing<Vec<u8>>,
    is_line_complete: bool,
    /// The number of bytes so far.
    length: usize,
    place: Place,
}

/// The place of the next byte in its line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    /// Behind a CR at the start.
    AfterReturn,
    Later,
}

/// The result of more bytes. A target may hold an authorization code, so `Debug` omits it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Incoming {
    /// The head is not complete.
    Incomplete,
    /// A GET request with this target.
    Get(String),
    /// A request with another method. Its response is 405.
    OtherMethod,
    /// No HTTP, or too long. Its response is 400.
    Invalid,
}

impl core::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Incomplete => "Incomplete",
            Self::Get(_) => "Get(..)",
            Self::OtherMethod => "OtherMethod",
            Self::Invalid => "Invalid",
        })
    }
}

impl RequestHead {
    /// Creates an empty head.
    #[must_use]
    pub fn new() -> Self {
        // Growing would leave copies of the code.
        let line = zeroize::Zeroizing::new(Vec::with_capacity(MAX_LINE));
        Self { line, is_line_complete: false, length: 0, place: Place::Start }
    }

    /// Adds bytes from the connection. Bytes after the head are ignored, and header fields are not kept.
    pub fn push(&mut self, bytes: &[u8]) -> Incoming {
        for byte in bytes {
            self.length += 1;
            let is_empty_line = *byte == b'\n' && self.place != Place::Later;
            self.place = match (byte, self.place) {
                (b'\n', _) => Place::Start,
                (b'\r', Place::Start) => Place::AfterReturn,
                _ => Place::Later,
            };
            if self.length > MAX_BYTES || (!self.is_line_complete && self.line.len() >= MAX_LINE) {
                return Incoming::Invalid;
            }
            if !self.is_line_complete {
                self.line.push(*byte);
                self.is_line_complete = *byte == b'\n';
                if self.is_line_complete && self.request() == Incoming::Invalid {
                    return Incoming::Invalid;
                }
            }
            if is_empty_line {
                return self.request();
            }
        }
        // A client of another protocol need not wait for the time limit.
        let is_text = self.line.iter().all(|byte| matches!(byte, b'\r' | b'\n' | b' '..=b'~'));
        if is_text { Incoming::Incomplete } else { Incoming::Invalid }
    }

    /// Returns the request of the complete line.
    fn request(&self) -> Incoming {
        let mut request = httparse::Request::new(&mut []);
        let head = zeroize::Zeroizing::new([&self.line, &b"\r\n"[..]].concat());
        match request.parse(&head) {
            Ok(httparse::Status::Complete(_)) => match (request.method, request.path) {
                (Some("GET"), Some(target)) => Incoming::Get(target.to_owned()),
                (Some(_), Some(_)) => Incoming::OtherMethod,
                _ => Incoming::Invalid,
            },
            Ok(httparse::Status::Partial) | Err(_) => Incoming::Invalid,
        }
    }
}

impl Default for RequestHead {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for RequestHead {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "RequestHead({} bytes)", self.line.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_may_come_in_any_pieces() {
        let text =
            b"GET /oauth/callback?code=c&state=s HTTP/1.1\r\nHost: 127.0.0.1:1\r\nCookie: a=b\r\n\r\nbody";
        for size in 1..text.len() {
            let mut head = RequestHead::new();
            let mut last = Incoming::Incomplete;
            for piece in text.chunks(size) {
                if last == Incoming::Incomplete {
                    last = head.push(piece);
                }
            }
            assert_eq!(last, Incoming::Get("/oauth/callback?code=c&state=s".to_owned()), "{size}");
        }
    }

    #[test]
    fn a_bare_line_feed_ends_a_line_and_a_bare_carriage_return_does_not() {
        let get = |target: &str| Incoming::Get(target.to_owned());
        for (text, expected) in [
            ("GET /a HTTP/1.1\nHost: x\n\n", get("/a")),
            ("GET /a HTTP/1.1\n\n", get("/a")),
            ("GET /a HTTP/1.1\r\nHost: x\n\r\n", get("/a")),
            ("GET /a HTTP/1.1\nHost: x\r\n\n", get("/a")),
            ("POST /a HTTP/1.1\n\n", Incoming::OtherMethod),
            ("GET /a HTTP/1.1\nHost: x\n", Incoming::Incomplete),
            ("GET /a HTTP/1.1\nHost: x\n \n", Incoming::Incomplete),
            ("GET /a HTTP/1.1\r\rHost: x\r\r", Incoming::Incomplete),
            ("GET /a HTTP/1.1\rHost: x\n\n", Incoming::Invalid),
            ("GET /a HTTP/1.1\r\r\n\r\n", Incoming::Invalid),
            ("GET /a\rb HTTP/1.1\n\n", Incoming::Invalid),
            ("GET /a HTTP/1.1\r\nHost: x\r\r\n\r", Incoming::Incomplete),
            ("GET /a HTTP/1.1\r\nHost: x\r\n\r\r\n", Incoming::Incomplete),
            ("GET /a\nb HTTP/1.1\r\n\r\n", Incoming::Invalid),
        ] {
            for size in [1, 2, 3, text.len()] {
                let mut head = RequestHead::new();
                let mut last = Incoming::Incomplete;
                for piece in text.as_bytes().chunks(size) {
                    if last == Incoming::Incomplete {
                        last = head.push(piece);
                    }
                }
                assert_eq!(last, expected, "{} by {size}", text.escape_debug());
            }
        }
    }

    #[test]
    fn what_is_no_get_request_is_told_apart() {
        for (text, expected) in [
            (&b"POST /oauth/callback HTTP/1.1\r\nContent-Length: 3\r\n\r\n"[..], Incoming::OtherMethod),
            (b"HEAD / HTTP/1.1\r\n\r\n", Incoming::OtherMethod),
            (b"\x16\x03\x01\x02\x00\x01", Incoming::Invalid),
            (b"GET / HTTP/9\r\n\r\n", Incoming::Invalid),
            (b"GET /\r\n\r\n", Incoming::Invalid),
            (b"GET / HTTP/1.1\r\n", Incoming::Incomplete),
            (b"", Incoming::Incomplete),
            (b"GET", Incoming::Incomplete),
        ] {
            assert_eq!(RequestHead::new().push(text), expected, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn a_head_without_an_end_is_given_up() {
        let mut head = RequestHead::new();
        assert_eq!(head.push(b"GET /"), Incoming::Incomplete);
        let pushes = (0..1_000).take_while(|_| head.push(&[b'a'; 1_000]) == Incoming::Incomplete).count();
        assert_eq!(pushes, MAX_LINE / 1_000);
        let mut head = RequestHead::new();
        assert_eq!(head.push(b"GET / HTTP/1.1\r\n"), Incoming::Incomplete);
        let pushes = (0..1_000).take_while(|_| head.push(&[b'a'; 1_000]) == Incoming::Incomplete).count();
        assert_eq!((pushes, head.line.len()), (MAX_BYTES / 1_000, 16));
    }

    #[test]
    fn a_line_of_sixteen_kibibytes_and_a_head_of_256_are_not_too_long() {
        let line = |length: usize| {
            let (before, after) = ("GET /?code=", " HTTP/1.1\r\n\r\n");
            let code = "c".repeat(length + 2 - before.len() - after.len());
            RequestHead::new().push(format!("{before}{code}{after}").as_bytes())
        };
        assert!(matches!(line(16_384), Incoming::Get(_)));
        assert_eq!(line(16_385), Incoming::Invalid);
        let head = |length: usize| {
            let (before, after) = ("GET / HTTP/1.1\r\nX: ", "\r\n\r\n");
            let value = "v".repeat(length - before.len() - after.len());
            RequestHead::new().push(format!("{before}{value}{after}").as_bytes())
        };
        assert!(matches!(head(262_144), Incoming::Get(_)));
        assert_eq!(head(262_145), Incoming::Invalid);
    }

    #[test]
    fn the_cookies_of_every_program_on_the_machine_are_no_trouble() {
        let cookie = format!("Cookie: {}\r\n", "a=\u{e9}; ".repeat(10_000));
        let request =
            format!("GET /oauth/callback?code=c HTTP/1.1\r\n{}{cookie}\r\n", "X: y\r\n".repeat(500));
        let expected = Incoming::Get("/oauth/callback?code=c".to_owned());
        assert_eq!(RequestHead::new().push(request.as_bytes()), expected);
    }

    #[test]
    fn a_head_does_not_show_its_bytes() {
        let mut head = RequestHead::new();
        _ = head.push(b"GET /?code=sentinel");
        assert_eq!(format!("{head:?}"), "RequestHead(19 bytes)");
        let whole = head.push(b" HTTP/1.1\r\n\r\n");
        assert_eq!(
            (format!("{whole:?}"), whole),
            ("Get(..)".to_owned(), Incoming::Get("/?code=sentinel".to_owned()))
        );
    }
}

//! The head of a browser's request, read byte by byte by a listener.

/// The longest head that is read, in bytes. A browser's cookies for `127.0.0.1` come with it.
const MAX_BYTES: usize = 16 * 1024;
/// The most header fields.
const MAX_FIELDS: usize = 100;

/// The head of one request at the redirect URI, while it arrives. It holds an authorization code, so `Debug`
/// omits it.
///
/// ```
/// use device_flow::{Incoming, RequestHead};
///
/// let mut head = RequestHead::new();
/// assert_eq!(head.push(b"GET /oauth/callback?code=c HTTP/1.1\r\nHo"), Incoming::Incomplete);
/// let target = "/oauth/callback?code=c".to_owned();
/// assert_eq!(head.push(b"st: 127.0.0.1:8400\r\n\r\n"), Incoming::Get(target));
/// ```
#[derive(Default)]
pub struct RequestHead(zeroize::Zeroizing<Vec<u8>>);

/// The result of more bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
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

impl RequestHead {
    /// Creates an empty head.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes from the connection. What follows the head is ignored.
    pub fn push(&mut self, bytes: &[u8]) -> Incoming {
        let room = MAX_BYTES.saturating_sub(self.0.len());
        self.0.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        match request.parse(&self.0) {
            Ok(httparse::Status::Complete(_)) => match (request.method, request.path) {
                (Some("GET"), Some(target)) => Incoming::Get(target.to_owned()),
                (Some(_), Some(_)) => Incoming::OtherMethod,
                _ => Incoming::Invalid,
            },
            Ok(httparse::Status::Partial) if self.0.len() < MAX_BYTES => Incoming::Incomplete,
            Ok(httparse::Status::Partial) | Err(_) => Incoming::Invalid,
        }
    }
}

impl core::fmt::Debug for RequestHead {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "RequestHead({} bytes)", self.0.len())
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
    fn what_is_no_get_request_is_told_apart() {
        for (text, expected) in [
            (&b"POST /oauth/callback HTTP/1.1\r\nContent-Length: 3\r\n\r\n"[..], Incoming::OtherMethod),
            (b"HEAD / HTTP/1.1\r\n\r\n", Incoming::OtherMethod),
            (b"\x16\x03\x01\x02\x00\x01", Incoming::Invalid),
            (b"GET / HTTP/9\r\n\r\n", Incoming::Invalid),
            (b"GET  / HTTP/1.1\r\nno colon\r\n\r\n", Incoming::Invalid),
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
        assert_eq!((pushes, head.0.len()), (16, MAX_BYTES));
        let mut head = RequestHead::new();
        assert_eq!(head.push(b"GET / HTTP/1.1\r\n"), Incoming::Incomplete);
        let fields = "a: b\r\n".repeat(MAX_FIELDS + 1);
        assert_eq!(head.push(fields.as_bytes()), Incoming::Invalid);
    }

    #[test]
    fn a_head_does_not_show_its_bytes() {
        let mut head = RequestHead::new();
        _ = head.push(b"GET /?code=sentinel");
        assert_eq!(format!("{head:?}"), "RequestHead(19 bytes)");
    }
}

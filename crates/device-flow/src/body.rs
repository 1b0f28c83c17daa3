//! A response's body, read in chunks.

use core::error::Error;
use core::fmt;

use zeroize::Zeroizing;

use crate::{Failure, TransportError};

/// The initial capacity if the service announces no length.
const USUAL_BYTES: usize = 4096;

/// A response's body, size-limited and zeroized.
///
/// It may hold a token, so it is zeroized on drop and grows through a fresh buffer, not in place. A body
/// longer than [`ResponseBody::MAX_BYTES`] is truncated, so it is not JSON. A body that broke off is marked
/// as such. It may still be complete: a connection that dies after the last byte does not lose the token.
///
/// ```
/// use device_flow::ResponseBody;
///
/// let mut body = ResponseBody::expecting(None);
/// // From a client that hands out chunks ...
/// assert!(body.push(b"{\"error\":"), "there is room for more");
/// // ... and from one that fills a buffer.
/// let chunk = b"\"slow_down\"}";
/// body.room()[..chunk.len()].copy_from_slice(chunk);
/// body.filled(chunk.len());
/// assert_eq!(body.as_ref(), b"{\"error\":\"slow_down\"}");
/// ```
#[derive(Default)]
pub struct ResponseBody {
    /// The received bytes, and perhaps spare capacity behind them.
    bytes: Zeroizing<Vec<u8>>,
    /// The number of received bytes.
    length: usize,
    /// The reason why the body broke off, if it did.
    broken: Option<Box<TransportError>>,
}

impl ResponseBody {
    /// The longest body that is read, in bytes. The largest real response is a few kilobytes.
    pub const MAX_BYTES: usize = 256 * 1024;

    /// Creates an empty body with room for the announced length, in bytes.
    #[must_use]
    pub fn expecting(announced: Option<u64>) -> Self {
        let announced = announced.map_or(USUAL_BYTES, |length| usize::try_from(length).unwrap_or(usize::MAX));
        // One extra byte, so that the end is seen without growing.
        let capacity = announced.min(Self::MAX_BYTES) + 1;
        Self { bytes: Zeroizing::new(Vec::with_capacity(capacity)), length: 0, broken: None }
    }

    /// Appends a chunk, and returns whether more may come.
    pub fn push(&mut self, chunk: &[u8]) -> bool {
        let room = Self::MAX_BYTES.saturating_sub(self.length);
        let chunk = chunk.get(..room).unwrap_or(chunk);
        self.bytes.truncate(self.length);
        self.make_room(chunk.len());
        self.bytes.extend_from_slice(chunk);
        self.length = self.bytes.len();
        self.length < Self::MAX_BYTES
    }

    /// Returns the space for the next bytes; empty if no more may come. Report with [`ResponseBody::filled`]
    /// how many were written.
    #[must_use]
    pub fn room(&mut self) -> &mut [u8] {
        if self.length < Self::MAX_BYTES {
            self.make_room(1);
            let end = self.bytes.capacity().min(Self::MAX_BYTES);
            self.bytes.resize(end, 0);
        }
        self.bytes.get_mut(self.length..).unwrap_or_default()
    }

    /// Records that `count` bytes were written into [`ResponseBody::room`].
    pub fn filled(&mut self, count: usize) {
        self.length = self.length.saturating_add(count).min(self.bytes.len());
    }

    /// Records that the body broke off, and why.
    ///
    /// ```
    /// use device_flow::ResponseBody;
    /// let mut body = ResponseBody::from("{\"accessToken\":");
    /// body.break_off(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
    /// assert!(body.is_broken());
    /// ```
    pub fn break_off(&mut self, error: impl Into<Box<dyn Error + Send + Sync>>) {
        self.broken = Some(Box::new(TransportError::new(Failure::Unknown, error)));
    }

    /// Returns whether the body broke off.
    #[must_use]
    pub const fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Takes the reason why the body broke off, if it did.
    pub(crate) fn take_error(&mut self) -> Option<Box<TransportError>> {
        self.broken.take()
    }

    /// Reserves space for `more` bytes. Growing in place would free the old buffer without zeroizing it.
    fn make_room(&mut self, more: usize) {
        if self.bytes.capacity() - self.length < more {
            let capacity = ((self.length + more) * 2).max(512);
            let mut larger = Zeroizing::new(Vec::with_capacity(capacity));
            larger.extend_from_slice(self.as_ref());
            self.bytes = larger;
        }
    }
}

impl From<&[u8]> for ResponseBody {
    fn from(bytes: &[u8]) -> Self {
        let mut body = Self::expecting(Some(bytes.len() as u64));
        body.push(bytes);
        body
    }
}

impl From<&str> for ResponseBody {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl From<Vec<u8>> for ResponseBody {
    fn from(bytes: Vec<u8>) -> Self {
        bytes.as_slice().into()
    }
}

impl From<String> for ResponseBody {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl AsRef<[u8]> for ResponseBody {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResponseBody({} bytes)", self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_taken_up_to_its_limit_and_no_further_in_chunks_or_in_place() {
        let mut pushed = ResponseBody::expecting(Some(3));
        let chunk = [b'x'; 10_000];
        let pushes = (0..100).take_while(|_| pushed.push(&chunk)).count();
        assert_eq!((pushes, pushed.as_ref().len()), (26, ResponseBody::MAX_BYTES));
        assert!(!pushed.push(b"more"));
        assert_eq!(pushed.as_ref().len(), ResponseBody::MAX_BYTES);

        let mut filled = ResponseBody::expecting(Some(u64::MAX));
        for _ in 0..100 {
            let room = filled.room().len().min(10_000);
            filled.filled(room);
        }
        assert!(filled.room().is_empty());
        assert_eq!(filled.as_ref().len(), ResponseBody::MAX_BYTES);
    }

    #[test]
    fn what_was_announced_changes_nothing_but_the_room() {
        for announced in [None, Some(0), Some(1), Some(7), Some(8), Some(u64::MAX)] {
            let mut body = ResponseBody::expecting(announced);
            for byte in *b"abcd" {
                body.room()[0] = byte;
                body.filled(1);
                assert!(body.push(&[byte.to_ascii_uppercase()]));
            }
            assert_eq!(body.as_ref(), b"aAbBcCdD", "{announced:?}");
        }
    }

    #[test]
    fn a_body_that_was_announced_is_read_to_its_end_without_growing() {
        let mut body = ResponseBody::expecting(Some(8));
        body.filled(0);
        let before = body.bytes.as_ptr();
        body.room()[..8].copy_from_slice(b"12345678");
        body.filled(8);
        assert_eq!(body.room().len().min(1), 1, "room to see the end");
        assert_eq!(body.bytes.as_ptr(), before);
    }

    #[test]
    fn a_long_body_that_was_not_announced_is_moved_a_few_times_only() {
        let mut body = ResponseBody::expecting(None);
        let mut capacities = vec![body.bytes.capacity()];
        while body.push(&[b'x'; 100]) {
            capacities.push(body.bytes.capacity());
        }
        capacities.dedup();
        assert!(capacities.len() < 10, "{capacities:?}");
        assert!(body.bytes.capacity() < 4 * ResponseBody::MAX_BYTES, "{capacities:?}");
    }

    #[test]
    fn debug_tells_the_length_and_nothing_more() {
        let mut body = ResponseBody::default();
        assert!(body.push(b"token"));
        assert_eq!(format!("{body:?}"), "ResponseBody(5 bytes)");
    }
}

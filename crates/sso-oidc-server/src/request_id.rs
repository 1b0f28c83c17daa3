//! The ids of answers, by which a person finds a line of the log.

use core::hash::BuildHasher as _;
use core::sync::atomic::{AtomicU64, Ordering};
use std::hash::RandomState;

/// Makes ids in the shape of a version 4 UUID (RFC 9562 §5.4). Two servers' differ, because each has its own keys; the
/// numbers behind them are counted, not drawn: an id is no secret, and a request is not worth a system call for one.
pub(crate) struct RequestIds {
    keys: RandomState,
    count: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> Self {
        Self { keys: RandomState::new(), count: AtomicU64::new(0) }
    }

    /// One that this server has not given yet.
    pub(crate) fn next(&self) -> RequestId {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let first = self.keys.hash_one(count);
        RequestId::of(u128::from(first) << 64 | u128::from(self.keys.hash_one(!count)))
    }
}

/// An id, spelled out.
pub(crate) struct RequestId([u8; 36]);

impl RequestId {
    /// Version and variant in their places, hexadecimal, in five groups.
    fn of(number: u128) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        /// Where each byte begins.
        const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
        let number = number & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
        let mut id = [b'-'; 36];
        for (byte, at) in number.to_be_bytes().into_iter().zip(PLACES) {
            id[at] = DIGITS[usize::from(byte >> 4)];
            id[at + 1] = DIGITS[usize::from(byte & 0xf)];
        }
        Self(id)
    }

    pub(crate) fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(number: u128) -> String {
        RequestId::of(number).as_str().to_owned()
    }

    #[test]
    fn an_id_has_the_shape_of_a_version_4_uuid() {
        assert_eq!(spelled(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(spelled(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(
            spelled(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
            "01234567-89ab-4def-8123-456789abcdef"
        );
    }

    #[test]
    fn no_two_ids_are_alike_on_one_server_nor_on_two() {
        let (one, other) = (RequestIds::new(), RequestIds::new());
        let mut ids: Vec<String> =
            (0..1000).flat_map(|_| [one.next(), other.next()]).map(|id| id.as_str().to_owned()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 2000);
    }
}

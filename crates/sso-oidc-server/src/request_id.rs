//! The ids of responses, for finding a line of the log.

use core::hash::BuildHasher as _;
use core::sync::atomic::{AtomicU64, Ordering};
use std::hash::RandomState;

use uuid::fmt::Hyphenated;

/// A source of ids in the format of a version 4 UUID (RFC 9562 §5.4). Each server has its own keys, so their
/// ids differ. A counter produces the numbers: an id is no secret, and needs no system call.
pub(crate) struct RequestIds {
    keys: RandomState,
    count: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> Self {
        Self { keys: RandomState::new(), count: AtomicU64::new(0) }
    }

    /// Returns a new id.
    pub(crate) fn next(&self) -> RequestId {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let (high, low) = (self.keys.hash_one(count), self.keys.hash_one(!count));
        let bytes = (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
        let mut text = [0; Hyphenated::LENGTH];
        uuid::Builder::from_random_bytes(bytes).as_uuid().as_hyphenated().encode_lower(&mut text);
        RequestId(text)
    }
}

/// An id as text.
pub(crate) struct RequestId([u8; Hyphenated::LENGTH]);

impl RequestId {
    pub(crate) fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_4_uuids_and_unique_on_one_server_and_on_two() {
        let (one, other) = (RequestIds::new(), RequestIds::new());
        let mut ids: Vec<String> =
            (0..1000).flat_map(|_| [one.next(), other.next()]).map(|id| id.as_str().to_owned()).collect();
        for id in &ids {
            assert_eq!(uuid::Uuid::parse_str(id).map(|id| id.get_version_num()), Ok(4), "{id}");
        }
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 2000);
    }
}

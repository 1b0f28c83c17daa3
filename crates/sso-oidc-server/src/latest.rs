//! A map that keeps its latest entries only, so that its memory is bounded.

use core::hash::Hash;
use std::collections::{HashMap, VecDeque};

/// The number of entries. A test has a few.
const KEPT: usize = 10_000;

/// The latest entries by key.
pub(crate) struct Latest<K, V> {
    entries: HashMap<K, V>,
    oldest_first: VecDeque<K>,
}

impl<K, V> Default for Latest<K, V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), oldest_first: VecDeque::new() }
    }
}

impl<K: Copy + Eq + Hash, V> Latest<K, V> {
    /// Returns the entry of this key, or a new one with this value.
    pub(crate) fn entry(&mut self, key: K, new: impl FnOnce() -> V) -> &mut V {
        if !self.entries.contains_key(&key) {
            if self.oldest_first.len() == KEPT
                && let Some(oldest) = self.oldest_first.pop_front()
            {
                self.entries.remove(&oldest);
            }
            self.oldest_first.push_back(key);
        }
        self.entries.entry(key).or_insert_with(new)
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    #[cfg(feature = "script")]
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key)
    }

    #[cfg(feature = "faults")]
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entry_makes_room() {
        let mut latest = Latest::default();
        for key in 0..=KEPT {
            latest.entry(key, || key);
        }
        assert_eq!(latest.get(&0), None);
        assert_eq!((latest.get(&1), latest.get(&KEPT)), (Some(&1), Some(&KEPT)));
        assert_eq!(*latest.entry(1, || 7), 1, "an entry that is there stays");
        assert_eq!(latest.entries.len(), KEPT);
    }
}

//! A hash table that grows a little at a time.
//!
//! A look-up costs the same however many records there are, which in a tree it does not. But one table of a million records
//! would move them all when it is full, and one request would pay for it. So there are many small ones, and what moves are
//! the places of the records of one.

#![expect(
    clippy::disallowed_types,
    reason = "the hasher that draws randomness is the default one; this one is fixed"
)]

use core::borrow::Borrow;
use core::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};
use std::collections::HashMap;

/// How many tables: with a million records each has four thousand.
const SHARDS: usize = 256;

/// Records by key.
#[derive(Clone, Debug)]
pub(super) struct Shards<K, V> {
    /// None until there is a record.
    shards: Vec<HashMap<K, Box<V>, Folding>>,
    len: usize,
}

impl<K: Hash + Eq, V> Shards<K, V> {
    pub(super) const fn new() -> Self {
        Self { shards: Vec::new(), len: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.shards.get(place(key))?.get(key).map(AsRef::as_ref)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.shards.get_mut(place(key))?.get_mut(key).map(AsMut::as_mut)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.shards.iter().flat_map(HashMap::values).map(AsRef::as_ref)
    }

    pub(super) fn insert(&mut self, key: K, record: V) {
        if self.shards.is_empty() {
            self.shards.resize_with(SHARDS, HashMap::default);
        }
        if let Some(shard) = self.shards.get_mut(place(&key))
            && shard.insert(key, Box::new(record)).is_none()
        {
            self.len += 1;
        }
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let record = self.shards.get_mut(place(key))?.remove(key)?;
        self.len -= 1;
        Some(*record)
    }
}

/// Which shard. The tables use the lowest and the highest bits of the same hash, this those in between.
fn place<Q: Hash + ?Sized>(key: &Q) -> usize {
    (Folding::default().hash_one(key) >> 32) as usize % SHARDS
}

type Folding = BuildHasherDefault<Fold>;

/// A hash without a key. No client can fill a shard with keys that collide: those of most tables are drawn by the authority,
/// and what else becomes a key is limited in number before.
#[derive(Clone, Copy, Debug, Default)]
struct Fold(u64);

impl Hasher for Fold {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        // A product's low half depends on the low bits alone, and its high half on all of them.
        const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
        let product = u128::from(self.0.rotate_left(5) ^ word ^ ODD) * u128::from(ODD);
        self.0 = (product as u64) ^ (product >> 64) as u64;
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn it_holds_what_a_tree_holds_whatever_is_put_and_removed() {
        let (mut shards, mut tree) = (Shards::new(), BTreeMap::new());
        let mut key = 1u64;
        for i in 0..20_000u32 {
            key = key.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let name = format!("{:03}", (key >> 40) % 700);
            if i % 3 == 2 {
                assert_eq!(shards.remove(&name), tree.remove(&name));
            } else {
                shards.insert(name.clone(), i);
                tree.insert(name.clone(), i);
            }
            if let Some(record) = shards.get_mut(&name) {
                *record += 1;
                tree.entry(name.clone()).and_modify(|record| *record += 1);
            }
            assert_eq!((shards.get(name.as_str()), shards.len()), (tree.get(&name), tree.len()));
        }
        let mut values: Vec<u32> = shards.values().copied().collect();
        let mut expected: Vec<u32> = tree.into_values().collect();
        values.sort_unstable();
        expected.sort_unstable();
        assert_eq!(values, expected);
    }

    #[test]
    fn keys_spread_over_the_shards_evenly() {
        let mut shards = Shards::new();
        // As much alike as keys can be.
        for i in 0..(100 * SHARDS) {
            shards.insert(format!("{i:022}").into_bytes(), ());
        }
        let fullest = shards.shards.iter().map(HashMap::len).max();
        assert!(fullest.is_some_and(|fullest| fullest < 160), "{fullest:?}");
    }
}

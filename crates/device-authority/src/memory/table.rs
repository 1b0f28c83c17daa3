//! A bounded table of records with expiry times.

#![expect(clippy::disallowed_types, reason = "the default hasher draws randomness; this one has a fixed key")]

use alloc::collections::BTreeSet;
use core::borrow::Borrow;
use core::hash::{BuildHasherDefault, Hash};
use std::collections::HashMap;
use std::hash::DefaultHasher;

use crate::{AccessRecord, ClientRecord, CodeRecord, DeviceRecord, GuessRecord, Moment, RefreshRecord};

/// The number of expired records that one new record removes. It exceeds one, so the table shrinks to the
/// live records. It is small, so no request waits.
const SWEEP: usize = 4;

/// A record with an expiry time.
pub(super) trait Forgettable {
    /// Returns the time from which the record may be removed. Within a table only a `put` changes it.
    fn forget_at(&self) -> Moment;
}

impl Forgettable for ClientRecord {
    fn forget_at(&self) -> Moment {
        self.forget_at
    }
}

impl Forgettable for DeviceRecord {
    fn forget_at(&self) -> Moment {
        self.forget_at
    }
}

impl Forgettable for CodeRecord {
    fn forget_at(&self) -> Moment {
        self.forget_at
    }
}

impl Forgettable for RefreshRecord {
    fn forget_at(&self) -> Moment {
        self.forget_at
    }
}

impl Forgettable for AccessRecord {
    fn forget_at(&self) -> Moment {
        self.expires_at
    }
}

impl Forgettable for GuessRecord {
    fn forget_at(&self) -> Moment {
        self.forget_at
    }
}

/// Records by key. Clients cannot choose colliding keys: the authority draws most keys, and limits the number
/// of the others beforehand. Records are boxed, so a growing table moves only pointers.
type RecordsByKey<K, V> = HashMap<K, Box<V>, BuildHasherDefault<DefaultHasher>>;

/// Records by key, and their keys in the order of expiry.
#[derive(Clone, Debug)]
pub(super) struct Table<K, V> {
    records: RecordsByKey<K, V>,
    order: BTreeSet<(Moment, K)>,
    capacity: usize,
    /// The number of records that made room for others.
    evicted: usize,
    /// The keys of records that were inserted, changed or removed, if a mirror wants them.
    touched: Option<BTreeSet<K>>,
}

impl<K: Ord + Hash + Clone, V: Forgettable> Table<K, V> {
    pub(super) const fn new(capacity: usize) -> Self {
        Self {
            records: HashMap::with_hasher(BuildHasherDefault::new()),
            order: BTreeSet::new(),
            capacity,
            evicted: 0,
            touched: None,
        }
    }

    /// Keeps the keys of touched records from now on.
    pub(super) fn note_touched(&mut self) {
        self.touched = Some(BTreeSet::new());
    }

    /// Returns the keys of the records that were touched since the last call.
    pub(super) fn take_touched(&mut self) -> BTreeSet<K> {
        self.touched.as_mut().map(core::mem::take).unwrap_or_default()
    }

    /// Notes a touched record.
    pub(super) fn touch(&mut self, key: &K) {
        if let Some(touched) = &mut self.touched {
            touched.insert(key.clone());
        }
    }

    pub(super) fn find<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.records.get(key).map(AsRef::as_ref)
    }

    /// Returns the record, for changes to all but its `forget_at`.
    pub(super) fn find_mut(&mut self, key: &K) -> Option<&mut V> {
        self.touch(key);
        self.records.get_mut(key).map(AsMut::as_mut)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.records.values().map(AsRef::as_ref)
    }

    /// Returns the record that expires first.
    pub(super) fn first(&self) -> Option<&V> {
        self.order.first().and_then(|(_, key)| self.find(key))
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Returns the number of records that made room for others.
    pub(super) const fn evicted(&self) -> usize {
        self.evicted
    }

    pub(super) fn is_full(&self) -> bool {
        self.records.len() >= self.capacity
    }

    /// Removes a few expired records, and passes them to `forgotten`.
    pub(super) fn make_room(&mut self, now: Moment, mut forgotten: impl FnMut(&K, V)) {
        for _ in 0..SWEEP {
            if self.order.first().is_none_or(|(at, _)| *at > now) {
                return;
            }
            self.drop_first(&mut forgotten);
        }
    }

    /// Removes the record that expires first, if `which` accepts it.
    pub(super) fn drop_first_if(&mut self, which: impl FnOnce(&V) -> bool, forgotten: impl FnMut(&K, V)) {
        if self.first().is_some_and(which) {
            self.evicted += 1;
            self.drop_first(forgotten);
        }
    }

    /// Removes a record that makes room for another one.
    pub(super) fn evict(&mut self, key: &K) -> Option<V> {
        self.remove(key).inspect(|_| self.evicted += 1)
    }

    /// Inserts a record. A full table removes the record that expires first, and returns it. For tables that
    /// must not lose records, callers check `is_full` first.
    pub(super) fn put_over_first(&mut self, key: K, record: V) -> Option<(K, V)> {
        self.remove(&key);
        let mut dropped = None;
        if self.is_full() {
            self.drop_first(|key, record| dropped = Some((key.clone(), record)));
            self.evicted += usize::from(dropped.is_some());
        }
        if self.capacity > 0 {
            self.touch(&key);
            self.order.insert((record.forget_at(), key.clone()));
            self.records.insert(key, Box::new(record));
        }
        dropped
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let record = self.records.remove(key)?;
        self.touch(key);
        self.order.remove(&(record.forget_at(), key.clone()));
        Some(*record)
    }

    fn drop_first(&mut self, mut forgotten: impl FnMut(&K, V)) {
        if let Some((_, key)) = self.order.pop_first()
            && let Some(record) = self.records.remove(&key)
        {
            self.touch(&key);
            forgotten(&key, *record);
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    struct Until(u64);

    impl Forgettable for Until {
        fn forget_at(&self) -> Moment {
            Moment::new(Duration::from_secs(self.0))
        }
    }

    #[test]
    fn the_order_has_each_record_once_whatever_is_put_and_removed() {
        let mut table = Table::new(8);
        for i in 0..1000u64 {
            table.put_over_first(i * 7 % 13, Until(i * 31 % 17));
            if i % 5 == 0 {
                table.remove(&(i % 13));
            }
            if i % 11 == 0 {
                table.make_room(Moment::new(Duration::from_secs(i % 6)), |_, _| {});
            }
            assert_eq!(table.order.len(), table.records.len());
            assert!(table.len() <= 8);
        }
    }

    #[test]
    fn a_full_table_drops_what_may_be_forgotten_first() {
        let mut table = Table::new(2);
        for (key, until) in [("a", 5), ("b", 3), ("c", 9)] {
            table.put_over_first(key, Until(until));
        }
        assert!(table.find("b").is_none() && table.find("a").is_some() && table.find("c").is_some());
        assert_eq!(table.evicted(), 1);
        table.make_room(Moment::new(Duration::from_secs(100)), |_, _| {});
        table.remove(&"a");
        assert_eq!(table.evicted(), 1, "what has expired or is taken back makes no room");
    }

    #[test]
    fn a_table_without_room_holds_nothing() {
        let mut table = Table::new(0);
        table.put_over_first("a", Until(1));
        assert_eq!((table.len(), table.order.len()), (0, 0));
    }
}

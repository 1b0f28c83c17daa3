//! The choice of the registration to evict from a store full of live ones.

use alloc::collections::{BTreeMap, BTreeSet};

use crate::Moment;

/// The number of used registrations to check for one that is not needed now. The first is nearly always one,
/// because those behind it were used later.
const LOOK: usize = 4;
/// Once one in this many registrations is unused and still waits for a person, unused ones no longer evict
/// used ones. A sign-in takes minutes and a registration lives for months, so only a flood reaches this
/// share.
const UNUSED_SHARE: usize = 4;

/// Registrations in the order of eviction: first those without a sign-in, so a flood of them evicts itself;
/// then the least recently used ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Usage {
    /// Registrations without a sign-in, ordered by `needed_until`. If one is still needed, all after it are.
    unused: BTreeSet<(Moment, String)>,
    /// Registrations with a granted token, in the order of their latest use.
    used: BTreeSet<(Moment, String)>,
    uses: BTreeMap<String, Use>,
}

#[derive(Clone, Copy, Debug)]
struct Use {
    has_signed_in: bool,
    at: Moment,
    /// The expiry of its last code, or the registration time if it has none. Until then a person may approve
    /// a code.
    needed_until: Moment,
}

impl Usage {
    pub(super) const fn new() -> Self {
        Self { unused: BTreeSet::new(), used: BTreeSet::new(), uses: BTreeMap::new() }
    }

    /// Adds a new registration.
    pub(super) fn registered(&mut self, id: &str, now: Moment) {
        self.put(id, Use { has_signed_in: false, at: now, needed_until: now });
    }

    /// Notes that a client got a code with this expiry, which any client gets on request. Preconfigured
    /// clients are unknown here, and are never evicted.
    pub(super) fn started(&mut self, id: &str, now: Moment, code_until: Moment) {
        if let Some(known) = self.uses.get(id) {
            let needed_until = known.needed_until.max(code_until);
            self.put(id, Use { at: now, needed_until, ..*known });
        }
    }

    /// Notes that a client got a token.
    pub(super) fn signed_in(&mut self, id: &str, now: Moment) {
        if let Some(known) = self.uses.get(id) {
            self.put(id, Use { at: now, has_signed_in: true, ..*known });
        }
    }

    /// Removes a client.
    pub(super) fn forget(&mut self, id: &str) {
        if let Some(gone) = self.uses.remove(id) {
            let (order, place) = self.place(gone);
            order.remove(&(place, id.to_owned()));
        }
    }

    /// Returns the least needed client, if there is one to evict.
    pub(super) fn eviction_candidate(&self, now: Moment) -> Option<String> {
        let is_needed = |id: &str| self.uses.get(id).is_some_and(|known| now < known.needed_until);
        if let Some((_, id)) = self.unused.first().filter(|(_, id)| !is_needed(id)) {
            return Some(id.clone());
        }
        if self.unused.len() * UNUSED_SHARE >= self.uses.len() {
            return None;
        }
        self.used.iter().take(LOOK).find(|(_, id)| !is_needed(id)).map(|(_, id)| id.clone())
    }

    fn put(&mut self, id: &str, latest: Use) {
        self.forget(id);
        let (order, place) = self.place(latest);
        order.insert((place, id.to_owned()));
        self.uses.insert(id.to_owned(), latest);
    }

    /// Returns the set that contains the client, and its time there.
    const fn place(&mut self, known: Use) -> (&mut BTreeSet<(Moment, String)>, Moment) {
        if known.has_signed_in { (&mut self.used, known.at) } else { (&mut self.unused, known.needed_until) }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn at(second: u64) -> Moment {
        Moment::new(Duration::from_secs(second))
    }

    /// Registers these clients at 1 s, 2 s, and so on.
    fn registered(ids: &[&str]) -> Usage {
        let mut usage = Usage::new();
        for (id, second) in ids.iter().zip(1..) {
            usage.registered(id, at(second));
        }
        usage
    }

    #[test]
    fn the_oldest_unused_client_gives_way_before_the_least_recently_used_one() {
        let mut usage = registered(&["a", "b", "c", "d"]);
        usage.signed_in("a", at(10));
        usage.signed_in("d", at(9));
        for expected in ["b", "c", "d", "a"] {
            let id = usage.eviction_candidate(at(20)).unwrap();
            assert_eq!(id, expected);
            usage.forget(&id);
        }
        assert_eq!(usage.eviction_candidate(at(20)), None);
        assert!(usage.unused.is_empty() && usage.used.is_empty() && usage.uses.is_empty());
    }

    #[test]
    fn a_client_with_a_live_code_does_not_give_way_whether_or_not_it_has_signed_in() {
        let mut usage = registered(&["a"]);
        usage.started("a", at(2), at(600));
        assert_eq!(usage.eviction_candidate(at(599)), None);
        assert_eq!(usage.eviction_candidate(at(600)).as_deref(), Some("a"));
        usage.signed_in("a", at(3));
        assert_eq!(usage.eviction_candidate(at(599)), None);
        assert_eq!(usage.eviction_candidate(at(600)).as_deref(), Some("a"));
    }

    #[test]
    fn many_clients_with_live_codes_do_not_hide_one_that_can_be_spared() {
        let ids: Vec<String> = (0..40).map(|i| format!("{i:02}")).collect();
        let mut usage = registered(&ids.iter().map(String::as_str).collect::<Vec<_>>());
        for id in &ids[..9] {
            usage.started(id, at(100), at(700));
        }
        assert_eq!(usage.eviction_candidate(at(200)).as_deref(), Some("09"));
        for id in &ids[9..] {
            usage.signed_in(id, at(150));
        }
        assert_eq!(
            usage.eviction_candidate(at(200)).as_deref(),
            Some("09"),
            "nine of forty wait for a person"
        );
    }

    #[test]
    fn new_clients_with_live_codes_evict_no_signed_in_client_once_they_are_a_quarter() {
        let mut usage = registered(&["a", "b", "c", "d", "e"]);
        for id in ["a", "b", "c", "d"] {
            usage.signed_in(id, at(10));
        }
        usage.started("e", at(11), at(600));
        assert_eq!(usage.eviction_candidate(at(20)).as_deref(), Some("a"), "one of five");
        usage.forget("a");
        usage.registered("f", at(20));
        usage.started("f", at(20), at(620));
        assert_eq!(usage.eviction_candidate(at(30)), None, "two of five");
        assert_eq!(usage.eviction_candidate(at(600)).as_deref(), Some("e"));
    }

    #[test]
    fn a_client_that_did_not_register_is_not_counted() {
        let mut usage = Usage::new();
        usage.started("by hand", at(1), at(600));
        usage.signed_in("by hand", at(1));
        assert_eq!(usage.eviction_candidate(at(2)), None);
    }
}

//! Which registration gives way when the store is full of live ones.

use std::collections::{BTreeMap, BTreeSet};

use crate::Moment;

/// How many registrations are looked at for one that nobody needs at the moment. The first in the order is nearly always
/// one: those behind it were used later.
const LOOK: usize = 4;

/// Registrations in the order in which they can best be spared: those that nobody has ever signed in with, the oldest
/// first, so that a flood of them drives out itself; then the least recently used ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Usage {
    order: BTreeSet<(Rank, String)>,
    ranks: BTreeMap<String, Rank>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    was_used: bool,
    at: Moment,
    /// When the last of its codes dies. Until then somebody may be about to approve one.
    needed_until: Option<Moment>,
}

impl Usage {
    pub(super) const fn new() -> Self {
        Self { order: BTreeSet::new(), ranks: BTreeMap::new() }
    }

    /// A client has registered.
    pub(super) fn registered(&mut self, id: &str, now: Moment) {
        self.put(id, Rank { was_used: false, at: now, needed_until: None });
    }

    /// A client was used, with a code that lives until then, if there is one. Clients that were set up by hand are not
    /// known here and never give way.
    pub(super) fn used(&mut self, id: &str, now: Moment, code_until: Option<Moment>) {
        if let Some(rank) = self.ranks.get(id) {
            let needed_until = rank.needed_until.max(code_until);
            self.put(id, Rank { was_used: true, at: now, needed_until });
        }
    }

    /// A client is gone.
    pub(super) fn forget(&mut self, id: &str) {
        if let Some(rank) = self.ranks.remove(id) {
            self.order.remove(&(rank, id.to_owned()));
        }
    }

    /// The client that can best be spared, if there is one that can be.
    pub(super) fn to_spare(&self, now: Moment) -> Option<String> {
        let is_needed = |rank: &Rank| rank.needed_until.is_some_and(|until| now < until);
        self.order.iter().take(LOOK).find(|(rank, _)| !is_needed(rank)).map(|(_, id)| id.clone())
    }

    fn put(&mut self, id: &str, rank: Rank) {
        self.forget(id);
        self.order.insert((rank, id.to_owned()));
        self.ranks.insert(id.to_owned(), rank);
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn at(second: u64) -> Moment {
        Moment::new(Duration::from_secs(second))
    }

    #[test]
    fn the_oldest_unused_client_gives_way_before_the_least_recently_used_one() {
        let mut usage = Usage::new();
        for (id, second) in [("a", 1), ("b", 2), ("c", 3), ("d", 4)] {
            usage.registered(id, at(second));
        }
        usage.used("a", at(10), None);
        usage.used("d", at(9), None);
        for expected in ["b", "c", "d", "a"] {
            let id = usage.to_spare(at(20)).unwrap();
            assert_eq!(id, expected);
            usage.forget(&id);
        }
        assert_eq!(usage.to_spare(at(20)), None);
        assert!(usage.order.is_empty() && usage.ranks.is_empty());
    }

    #[test]
    fn a_client_with_a_live_code_does_not_give_way() {
        let mut usage = Usage::new();
        usage.registered("a", at(1));
        usage.used("a", at(2), Some(at(600)));
        usage.used("a", at(3), None);
        assert_eq!(usage.to_spare(at(599)), None);
        assert_eq!(usage.to_spare(at(600)).as_deref(), Some("a"));
    }

    #[test]
    fn a_client_that_did_not_register_is_not_counted() {
        let mut usage = Usage::new();
        usage.used("by hand", at(1), None);
        assert_eq!(usage.to_spare(at(2)), None);
    }
}

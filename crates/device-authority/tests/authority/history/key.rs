//! The key of a reference's state.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::reference::{Reference, Spent};

impl Reference {
    /// Returns a key of the state: everything that a response can depend on. Times are relative to now, so
    /// the same situation an hour later has the same key.
    pub(crate) fn key(&self) -> u128 {
        let half = |salt: u64| {
            let mut hasher = DefaultHasher::new();
            salt.hash(&mut hasher);
            self.hash_from_now(&mut hasher);
            u128::from(hasher.finish())
        };
        half(1) << 64 | half(2)
    }

    fn hash_from_now(&self, hasher: &mut impl Hasher) {
        let from_now = |time: i64| time - self.now;
        for (at, client) in self.clients.iter().enumerate() {
            let slot = self.registered.iter().position(|registered| *registered == at);
            if client.known || slot.is_some() {
                (slot, client.known, client.scoped, from_now(client.ends)).hash(hasher);
            }
        }
        for (at, code) in self.codes.iter().enumerate() {
            let place = self.slots.iter().position(|slot| slot.iter().rev().take(2).any(|code| *code == at));
            if place.is_none() && !code.known {
                continue;
            }
            let last_poll = code.last_poll.map(from_now);
            (place, code.known, from_now(code.expires_at), from_now(code.forgotten_from)).hash(hasher);
            (code.decision.map(|d| d as u8), code.interval, last_poll, code.forgiven).hash(hasher);
            let mine = self.registered.iter().position(|client| *client == code.client);
            code.spent_at.map(from_now).hash(hasher);
            (mine, self.clients[code.client].known, from_now(self.clients[code.client].ends)).hash(hasher);
            self.clients[code.client].scoped.hash(hasher);
            match code.spent {
                Some(Spent::Family(family)) => {
                    let family = &self.families[family];
                    let moved = family.moved.map(from_now);
                    (family.alive.then(|| from_now(family.ends)), family.tokens.min(2), moved).hash(hasher);
                }
                Some(Spent::Access(access)) => {
                    let access = &self.access[access];
                    access.alive.then(|| from_now(access.ends)).hash(hasher);
                }
                None => {}
            }
        }
        for window in self.guesses.iter().chain([&self.all_guesses]) {
            window.map(|w| (from_now(w.began), from_now(w.ends), w.count)).hash(hasher);
        }
    }
}

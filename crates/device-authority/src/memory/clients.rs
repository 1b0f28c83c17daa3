//! Admission and eviction of registrations.

use oidc_proto::{Fault, Registration};

use super::{Memory, full};
use crate::{Change, ClientRecord, Decision, Moment};

impl Memory {
    /// Registers a client, if it may register. A rejected request evicts no client.
    pub(super) fn register(
        &mut self,
        decision: Decision<Registration>,
        now: Moment,
    ) -> Result<Registration, Fault> {
        let usage = &mut self.usage;
        self.clients.make_room(now, |id, _| usage.forget(id));
        let registration = decision.reply?;
        self.make_room_for_a_client(now)?;
        self.commit(decision.changes);
        self.usage.registered(&registration.client.id, now);
        Ok(registration)
    }

    /// Adds the record of a recognized client.
    pub(super) fn admit(&mut self, record: ClientRecord, now: Moment) -> Result<(), Fault> {
        let usage = &mut self.usage;
        self.clients.make_room(now, |id, _| usage.forget(id));
        self.make_room_for_a_client(now)?;
        let id = record.registration.client.id.clone();
        self.commit([Change::AddClient(record)]);
        self.usage.registered(&id, now);
        Ok(())
    }

    /// Evicts the least needed client of a full store.
    fn make_room_for_a_client(&mut self, now: Moment) -> Result<(), Fault> {
        if self.clients.is_full()
            && let Some(id) = self.usage.eviction_candidate(now)
        {
            self.usage.forget(&id);
            self.clients.remove(&id);
        }
        if self.clients.is_full() {
            return Err(full("registrations"));
        }
        Ok(())
    }
}

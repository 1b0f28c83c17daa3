//! Who takes a place among the registrations, and who gives way.

use oidc_proto::{Fault, Registration};

use super::{Memory, full};
use crate::{Change, ClientRecord, Decision, Moment};

impl Memory {
    /// A client that may register takes a place. A request that is refused anyway drives no client out.
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

    /// Takes a client in that was recognized.
    pub(super) fn admit(&mut self, record: ClientRecord, now: Moment) -> Result<(), Fault> {
        let usage = &mut self.usage;
        self.clients.make_room(now, |id, _| usage.forget(id));
        self.make_room_for_a_client(now)?;
        let id = record.registration.client.id.clone();
        self.commit([Change::AddClient(record)]);
        self.usage.registered(&id, now);
        Ok(())
    }

    /// In a full store, forgets the client that can best be spared.
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

//! Registrations: their operations, admission and eviction.

use oidc_proto::{Fault, RegisterClientRequest, Registration};

use super::{Memory, full};
use crate::{
    Change, ClientRecord, Decision, Entropy, Moment, ServerPolicy, register_client, register_oauth_client,
};

impl Memory {
    /// Performs RegisterClient; see [`register_client`].
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_authority::{Capacity, Memory, Moment, NoEntropy, ServerPolicy};
    /// # let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
    /// # let mut rng = fastrand::Rng::with_seed(1);
    /// # let mut entropy = |bytes: &mut [u8]| Ok::<(), NoEntropy>(rng.fill(bytes));
    /// use oidc_proto::{FaultCode, RegisterClientRequest};
    /// let mut store = Memory::new(Capacity::default());
    /// let registration = store.register_client(&policy, &RegisterClientRequest::new("my-tool"), now, &mut entropy)?;
    /// assert!(store.client(&registration.client.id).is_some());
    /// let blank = store.register_client(&policy, &RegisterClientRequest::new(""), now, &mut entropy);
    /// assert_eq!(blank.unwrap_err().code, FaultCode::InvalidClientMetadata);
    /// # Ok::<(), oidc_proto::Fault>(())
    /// ```
    ///
    /// # Errors
    /// The fault for the response; `SlowDownException` if the store is full of registrations in use.
    pub fn register_client(
        &mut self,
        policy: &ServerPolicy,
        request: &RegisterClientRequest,
        now: Moment,
        entropy: &mut dyn Entropy,
    ) -> Result<Registration, Fault> {
        self.register(register_client(policy, request, now, entropy), now)
    }

    /// Performs RegisterClient in the OAuth dialect; see [`register_oauth_client`].
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_authority::{Capacity, Memory, Moment, NoEntropy, ServerPolicy};
    /// # let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
    /// # let mut rng = fastrand::Rng::with_seed(1);
    /// # let mut entropy = |bytes: &mut [u8]| Ok::<(), NoEntropy>(rng.fill(bytes));
    /// use oidc_proto::RegisterClientRequest;
    /// let mut store = Memory::new(Capacity::default());
    /// let request = RegisterClientRequest::new("my-tool");
    /// let registration = store.register_oauth_client(&policy, &request, now, &mut entropy)?;
    /// assert_eq!(registration.client.secret, None); // a public client has none here
    /// # Ok::<(), oidc_proto::Fault>(())
    /// ```
    ///
    /// # Errors
    /// The same as for [`Memory::register_client`].
    pub fn register_oauth_client(
        &mut self,
        policy: &ServerPolicy,
        request: &RegisterClientRequest,
        now: Moment,
        entropy: &mut dyn Entropy,
    ) -> Result<Registration, Fault> {
        self.register(register_oauth_client(policy, request, now, entropy), now)
    }

    /// Adds a preconfigured client, and replaces one with the same id; see [`ClientRecord::preconfigured`].
    ///
    /// ```
    /// use device_authority::{Capacity, ClientRecord, Memory};
    /// use oidc_proto::Client;
    /// let mut store = Memory::new(Capacity::default());
    /// store.add_client(ClientRecord::preconfigured(Client::public("my-tool"), Some(vec!["openid".to_owned()])));
    /// assert_eq!(store.client("my-tool").map(|client| client.any_scope), Some(false));
    /// assert_eq!(store.counts().clients, 1);
    /// ```
    pub fn add_client(&mut self, client: ClientRecord) {
        self.usage.forget(&client.registration.client.id);
        self.commit([Change::AddClient(client)]);
    }

    /// Registers a client, if it may register. A rejected request evicts no client.
    fn register(&mut self, decision: Decision<Registration>, now: Moment) -> Result<Registration, Fault> {
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

//! Registrations: their operations, admission and eviction.

use oidc_proto::{Fault, RegisterClientRequest, Registration};

use super::Memory;
use crate::store::Keys;
use crate::{
    ClientRecord, Entropy, Moment, ServerPolicy, StoreError, register_client, register_oauth_client,
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
        let made = self.run(Keys::default(), now, |_| register_client(policy, request, now, entropy).into());
        made.unwrap_or_else(|error| Err(error.fault()))
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
        let made =
            self.run(Keys::default(), now, |_| register_oauth_client(policy, request, now, entropy).into());
        made.unwrap_or_else(|error| Err(error.fault()))
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
        self.usage.forget(&client.id);
        self.put_client(client);
    }

    /// Evicts the least needed client of a full store.
    pub(super) fn make_room_for_a_client(&mut self, now: Moment) -> Result<(), StoreError> {
        let usage = &mut self.usage;
        self.clients.make_room(now, |id, _| usage.forget(id));
        if self.clients.is_full()
            && let Some(id) = self.usage.eviction_candidate(now)
        {
            self.usage.forget(&id);
            self.clients.evict(&id);
        }
        if self.clients.is_full() {
            return Err(self.full("registrations", now));
        }
        Ok(())
    }

    /// Stores a client without a limit on the number.
    pub(super) fn put_client(&mut self, record: ClientRecord) {
        if let Some((evicted, _)) = self.clients.put_over_first(record.id.clone(), record) {
            self.usage.forget(&evicted);
        }
    }
}

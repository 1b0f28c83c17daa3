//! A copy of the records outside of memory, such as a file.

use serde::{Deserialize, Serialize};

use super::Memory;
use crate::{
    AccessRecord, AuthorizationStatus, ClientRecord, CodeRecord, Decide, DeviceRecord, GuessRecord, Keys,
    Moment, RefreshRecord, Selector, Source, StoreError,
};

/// A record of a [`Memory`], with serde's traits for a copy of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_enums, reason = "a copy has every kind, so a new one has to break its build")]
pub enum Record {
    /// A client.
    Client(ClientRecord),
    /// A device.
    Device(DeviceRecord),
    /// An authorization code.
    Code(CodeRecord),
    /// A token family.
    Refresh(RefreshRecord),
    /// An access token.
    Access(AccessRecord),
    /// The wrong user codes of a source.
    Guesses(Source, GuessRecord),
}

/// The key of a [`Record`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a copy has every kind, so a new one has to break its build")]
pub enum RecordKey {
    /// The id of a client.
    Client(String),
    /// The selector of a device code.
    Device(Selector),
    /// The selector of an authorization code.
    Code(Selector),
    /// The selector of a token family.
    Refresh(Selector),
    /// The selector of an access token.
    Access(Selector),
    /// A source of wrong user codes.
    Guesses(Source),
}

impl RecordKey {
    /// Returns the key as bytes, unique among all keys.
    ///
    /// ```
    /// use device_authority::RecordKey;
    /// assert_eq!(RecordKey::Client("tool".to_owned()).to_bytes(), b"ctool");
    /// ```
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let of = |kind: u8, key: &[u8]| [&[kind], key].concat();
        match self {
            Self::Client(id) => of(b'c', id.as_bytes()),
            Self::Device(selector) => of(b'd', selector.as_bytes()),
            Self::Code(selector) => of(b'o', selector.as_bytes()),
            Self::Refresh(selector) => of(b'r', selector.as_bytes()),
            Self::Access(selector) => of(b'a', selector.as_bytes()),
            Self::Guesses(source) => of(b'g', &source.to_bytes()),
        }
    }
}

impl RecordKey {
    /// Returns whether these are the bytes of a client's key.
    ///
    /// ```
    /// use device_authority::{RecordKey, Source};
    /// assert!(RecordKey::is_client(&RecordKey::Client("tool".to_owned()).to_bytes()));
    /// assert!(!RecordKey::is_client(&RecordKey::Guesses(Source::EVERYONE).to_bytes()));
    /// ```
    #[must_use]
    pub fn is_client(bytes: &[u8]) -> bool {
        bytes.first() == Some(&b'c')
    }
}

impl Memory {
    /// Returns the same store, which notes from now on what a copy of it has to follow; see
    /// [`Memory::take_touched`].
    ///
    /// ```
    /// use core::time::Duration;
    /// use device_authority::{Capacity, Memory, Moment, NoEntropy, ServerPolicy};
    /// use oidc_proto::RegisterClientRequest;
    ///
    /// let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
    /// let mut rng = fastrand::Rng::with_seed(1);
    /// let mut entropy = |bytes: &mut [u8]| Ok::<(), NoEntropy>(rng.fill(bytes));
    /// let mut store = Memory::new(Capacity::default()).mirrored();
    /// let request = RegisterClientRequest::new("my-tool");
    /// let registration = store.register_client(&policy, &request, now, &mut entropy)?;
    ///
    /// let mut copy = Memory::new(Capacity::default());
    /// for (_, record) in store.take_touched() {
    ///     copy.put(record.ok_or("nothing was removed")?, now);
    /// }
    /// assert!(copy.client(&registration.client.id).is_some() && store.take_touched().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn mirrored(mut self) -> Self {
        self.clients.note_touched();
        self.devices.note_touched();
        self.codes.note_touched();
        self.families.note_touched();
        self.access.note_touched();
        self.guesses.note_touched();
        self
    }

    /// Returns the keys of all records that were inserted, changed or removed since the last call, each with the
    /// record as it is now. A removed one is `None`.
    pub fn take_touched(&mut self) -> Vec<(RecordKey, Option<Record>)> {
        let mut all = Vec::new();
        for id in self.clients.take_touched() {
            let record = self.clients.find(id.as_str()).cloned().map(Record::Client);
            all.push((RecordKey::Client(id), record));
        }
        for key in self.devices.take_touched() {
            all.push((RecordKey::Device(key), self.devices.find(&key).cloned().map(Record::Device)));
        }
        for key in self.codes.take_touched() {
            all.push((RecordKey::Code(key), self.codes.find(&key).cloned().map(Record::Code)));
        }
        for key in self.families.take_touched() {
            all.push((RecordKey::Refresh(key), self.families.find(&key).cloned().map(Record::Refresh)));
        }
        for key in self.access.take_touched() {
            all.push((RecordKey::Access(key), self.access.find(&key).cloned().map(Record::Access)));
        }
        for source in self.guesses.take_touched() {
            let record = self.guesses(source).map(|record| Record::Guesses(source, record.clone()));
            all.push((RecordKey::Guesses(source), record));
        }
        all
    }

    /// Stores the record of a copy, and replaces one with the same key. A full store evicts the record that ends
    /// first.
    pub fn put(&mut self, record: Record, now: Moment) {
        match record {
            Record::Client(record) => {
                let id = record.id.clone();
                self.put_client(record);
                self.usage.registered(&id, now);
            }
            Record::Device(record) => {
                let selector = record.device_code.selector();
                self.usage.started(&record.client_id, now, record.expires_at);
                self.user_codes.insert(record.user_code, selector);
                if matches!(record.state.status, AuthorizationStatus::Redeemed(_)) {
                    self.redeemed.insert((record.forget_at, selector));
                }
                if let Some((evicted, device)) = self.devices.put_over_first(selector, record) {
                    self.user_codes.remove(&device.user_code);
                    self.redeemed.remove(&(device.forget_at, evicted));
                }
            }
            Record::Code(record) => {
                self.usage.started(&record.client_id, now, record.expires_at);
                self.codes.put_over_first(record.code.selector(), record);
            }
            Record::Refresh(record) => {
                self.usage.signed_in(&record.client_id, now);
                self.families.put_over_first(record.token.selector(), record);
            }
            Record::Access(record) => {
                self.usage.signed_in(&record.client_id, now);
                self.access.put_over_first(record.token.selector(), record);
            }
            Record::Guesses(Source::EVERYONE, record) => {
                self.guesses_of_all = Some(record);
                self.guesses.touch(&Source::EVERYONE);
            }
            Record::Guesses(source, record) => {
                self.guesses.put_over_first(source, record);
            }
        }
    }

    /// Loads the records, lets `decide` decide, and commits its changes; see
    /// [`Store::transact`](crate::Store::transact).
    ///
    /// ```
    /// use device_authority::{Capacity, Keys, Memory, Moment};
    /// let mut store = Memory::new(Capacity::default());
    /// let mut has_client = true;
    /// store.transact(Keys::default(), Moment::new(core::time::Duration::ZERO), &mut |records| {
    ///     has_client = records.client.is_some();
    ///     Vec::new()
    /// })?;
    /// assert!(!has_client);
    /// # Ok::<(), device_authority::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError::Full`].
    pub fn transact(
        &mut self,
        keys: Keys<'_>,
        now: Moment,
        decide: &mut Decide<'_>,
    ) -> Result<(), StoreError> {
        self.run(keys, now, |records| ((), decide(records)))
    }
}

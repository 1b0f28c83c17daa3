//! A bounded in-memory store. It is pure, so servers and simulations can use it.

mod capacity;
mod clients;
mod codes;
mod devices;
mod mirror;
mod person;
mod shared;
mod table;
mod tokens;
mod usage;

use alloc::collections::{BTreeMap, BTreeSet};

pub use self::capacity::{Capacity, Counts};
pub use self::mirror::{Record, RecordKey};
use self::table::Table;
use self::usage::Usage;
use crate::store::DRAWS;
use crate::{
    AccessRecord, AuthorizationStatus, Change, ClientRecord, CodeRecord, CodeStatus, DeviceKey, DeviceRecord,
    GuessRecord, Issued, Keys, Moment, Records, RefreshRecord, Selector, Source, StoreError, UserCode,
};

/// A bounded in-memory store. It loads, decides and commits.
///
/// Each new record removes a few expired ones, so no request pays for a scan. When a table is full of valid
/// records, it does this:
///
/// * *Registrations*: it evicts one without a sign-in, or else the least recently used one, but none with a
///   live code. The evicted client gets `InvalidClientException` and registers again, which every client must
///   support. Once clients without a sign-in make up a quarter, they no longer evict clients with a sign-in.
///   If it can evict none, a new client gets `SlowDownException`.
/// * *Devices*: it evicts one whose code has expired, or else one whose code was redeemed. The latter only
///   serves to detect repeated codes. If there is neither, a new device gets `SlowDownException`.
/// * *Authorization codes*: it evicts the oldest one, if that has expired or was redeemed. Otherwise a new
///   authorization gets `temporarily_unavailable`.
/// * *Refresh families, access tokens and guess records*: it evicts the one that ends first. An error would
///   revoke a granted token, or stop the counting.
///
/// A clone is a snapshot, like the copy from which a server restarts.
#[derive(Clone, Debug)]
pub struct Memory {
    clients: Table<String, ClientRecord>,
    usage: Usage,
    devices: Table<Selector, DeviceRecord>,
    user_codes: BTreeMap<UserCode, Selector>,
    /// The devices whose code was redeemed, in the order of expiry.
    redeemed: BTreeSet<(Moment, Selector)>,
    codes: Table<Selector, CodeRecord>,
    families: Table<Selector, RefreshRecord>,
    access: Table<Selector, AccessRecord>,
    guesses: Table<Source, GuessRecord>,
    guesses_of_all: Option<GuessRecord>,
    page_key: Option<[u8; 32]>,
}

impl Memory {
    /// Creates an empty store.
    #[must_use]
    pub const fn new(capacity: Capacity) -> Self {
        Self {
            clients: Table::new(capacity.clients),
            usage: Usage::new(),
            devices: Table::new(capacity.devices),
            user_codes: BTreeMap::new(),
            redeemed: BTreeSet::new(),
            codes: Table::new(capacity.codes),
            families: Table::new(capacity.families),
            access: Table::new(capacity.access),
            guesses: Table::new(capacity.sources),
            guesses_of_all: None,
            page_key: None,
        }
    }

    /// Returns the client of this id, if known.
    #[must_use]
    pub fn client(&self, id: &str) -> Option<&ClientRecord> {
        self.clients.find(id)
    }

    /// Returns the current or former family of this refresh token, if known.
    #[must_use]
    pub fn family(&self, selector: Selector) -> Option<&RefreshRecord> {
        self.families.find(&selector)
    }

    /// Returns whether the tokens of a redeemed code are stored: neither revoked, nor removed since their expiry.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_authority::{Capacity, Memory, Moment, NoEntropy, ServerPolicy};
    /// # let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
    /// # let mut rng = fastrand::Rng::with_seed(1);
    /// # let mut entropy = |bytes: &mut [u8]| Ok::<(), NoEntropy>(rng.fill(bytes));
    /// # use device_authority::{ClientRecord, Issued, UserDecision};
    /// # use oidc_proto::{Client, CreateTokenRequest, Grant, StartDeviceAuthorizationRequest};
    /// # let mut store = Memory::new(Capacity::default());
    /// # store.add_client(ClientRecord::preconfigured(Client::public("my-tool"), None));
    /// # let ask = StartDeviceAuthorizationRequest::for_scope(Client::public("my-tool"), ["openid"]);
    /// # let codes = store.start_device_authorization(&policy, &ask, now, &mut entropy)?;
    /// # store.decide(&policy, None, &codes.user_code, UserDecision::APPROVE, now)?;
    /// # let poll = CreateTokenRequest::new(Client::public("my-tool"), Grant::device_code(codes.device_code));
    /// let token = store.create_token(&policy, &poll, now, &mut entropy)?;
    /// let issued = Issued::of(&token).ok_or("it is one of ours")?;
    /// assert!(store.holds(issued));
    /// assert!(store.create_token(&policy, &poll, now, &mut entropy).is_err()); // a replay
    /// assert!(!store.holds(issued));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn holds(&self, issued: Issued) -> bool {
        match issued {
            Issued::Family(selector) => self.families.find(&selector).is_some(),
            Issued::Access(selector) => self.access.find(&selector).is_some(),
        }
    }

    /// Returns the recent wrong codes of this source's site, or of [`Source::EVERYONE`], if there are any.
    #[must_use]
    pub fn guesses(&self, source: Source) -> Option<&GuessRecord> {
        if source == Source::EVERYONE {
            self.guesses_of_all.as_ref()
        } else {
            self.guesses.find(&source.site())
        }
    }

    /// Returns the device of this code, if known.
    #[must_use]
    pub fn device(&self, selector: Selector) -> Option<&DeviceRecord> {
        self.devices.find(&selector)
    }

    /// Returns the record of this authorization code, if known.
    #[must_use]
    pub fn code(&self, selector: Selector) -> Option<&CodeRecord> {
        self.codes.find(&selector)
    }

    /// Returns the codes that wait for a decision, in no useful order. It scans every device, so use it in
    /// tests and tools only.
    pub fn pending(&self, now: Moment) -> impl Iterator<Item = UserCode> {
        self.devices.values().filter(move |device| device.is_pending_at(now)).map(|device| device.user_code)
    }

    /// Returns the number of records.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            clients: self.clients.len(),
            devices: self.devices.len(),
            codes: self.codes.len(),
            families: self.families.len(),
            access: self.access.len(),
            sources: self.guesses.len(),
        }
    }

    /// Returns the number of records of each kind that made room for others in a full store.
    ///
    /// ```
    /// use device_authority::{Capacity, ClientRecord, Memory};
    /// use oidc_proto::Client;
    /// let mut store = Memory::new(Capacity::default().with_clients(1));
    /// for id in ["one", "two", "three"] {
    ///     store.add_client(ClientRecord::preconfigured(Client::public(id), None));
    /// }
    /// assert_eq!((store.counts().clients, store.evictions().clients), (1, 2));
    /// ```
    #[must_use]
    pub fn evictions(&self) -> Counts {
        Counts {
            clients: self.clients.evicted(),
            devices: self.devices.evicted(),
            codes: self.codes.evicted(),
            families: self.families.evicted(),
            access: self.access.evicted(),
            sources: self.guesses.evicted(),
        }
    }

    /// Drops some expired records of each kind, and returns their number.
    ///
    /// ```
    /// use device_authority::{Capacity, Memory, Moment};
    /// let mut store = Memory::new(Capacity::default());
    /// assert_eq!(store.sweep(Moment::new(core::time::Duration::MAX)), 0); // it is empty
    /// ```
    pub fn sweep(&mut self, now: Moment) -> usize {
        let before = self.counts().all();
        self.forget_devices(now);
        let usage = &mut self.usage;
        self.clients.make_room(now, |id, _| usage.forget(id));
        self.codes.make_room(now, |_, _| {});
        self.families.make_room(now, |_, _| {});
        self.access.make_room(now, |_, _| {});
        self.guesses.make_room(now, |_, _| {});
        before - self.counts().all()
    }

    /// Runs one decision, and returns its reply.
    fn run<T>(
        &mut self,
        keys: Keys<'_>,
        now: Moment,
        mut decide: impl FnMut(Records<'_>) -> (T, Vec<Change>),
    ) -> Result<T, StoreError> {
        for _ in 0..DRAWS {
            let (reply, changes) = decide(self.load(&keys));
            if self.have_user_code(&changes) {
                continue;
            }
            self.commit(changes, now)?;
            return Ok(reply);
        }
        Err(self.full("user codes", now))
    }

    /// Loads the records that the keys name.
    fn load(&self, keys: &Keys<'_>) -> Records<'_> {
        let device = match keys.device {
            Some(DeviceKey::DeviceCode(selector)) => self.devices.find(&selector),
            Some(DeviceKey::UserCode(code)) => {
                self.user_codes.get(&code).and_then(|selector| self.devices.find(selector))
            }
            None => None,
        };
        let client = keys.client.or_else(|| device.map(|device| device.client_id.as_str()));
        let access = keys.access.and_then(|selector| self.access.find(&selector));
        let family = keys.refresh.or_else(|| access.and_then(|access| access.family));
        Records::of_client(client.and_then(|id| self.clients.find(id)))
            .with_device(device)
            .with_code(keys.code.and_then(|selector| self.codes.find(&selector)))
            .with_refresh(family.and_then(|selector| self.families.find(&selector)))
            .with_access(access)
            .with_guesses(
                keys.source.and_then(|source| self.guesses.find(&source)),
                keys.source.and(self.guesses_of_all.as_ref()),
            )
    }

    /// Returns whether a new device has the user code of another device.
    fn have_user_code(&self, changes: &[Change]) -> bool {
        changes.iter().any(|change| {
            matches!(change, Change::AddDevice(device) if self.user_codes.contains_key(&device.user_code))
        })
    }

    /// Commits all changes, or none if the store is full.
    fn commit(&mut self, changes: Vec<Change>, now: Moment) -> Result<(), StoreError> {
        for change in &changes {
            match change {
                Change::AddDevice(_) => self.make_room_for_a_device(now)?,
                // The record of a denial needs no room of its own. Without it the form could be pressed again.
                Change::AddCode(record) if record.status == CodeStatus::Denied => {
                    let _ = self.make_room_for_a_code(now);
                }
                Change::AddCode(_) => self.make_room_for_a_code(now)?,
                Change::AddClient(_) => self.make_room_for_a_client(now)?,
                Change::PutRefresh(_) => self.families.make_room(now, |_, _| {}),
                Change::AddAccess(_) => self.access.make_room(now, |_, _| {}),
                Change::PutGuesses { .. } => self.guesses.make_room(now, |_, _| {}),
                Change::SetDevice { .. }
                | Change::SetCode { .. }
                | Change::RevokeRefresh(_)
                | Change::RevokeAccess(_) => {}
            }
        }
        for change in changes {
            self.apply(change, now);
        }
        Ok(())
    }

    fn apply(&mut self, change: Change, now: Moment) {
        match change {
            Change::AddClient(record) => self.put(Record::Client(record), now),
            Change::AddDevice(record) => self.put(Record::Device(record), now),
            Change::SetDevice { device, state } => {
                if let Some(record) = self.devices.find_mut(&device) {
                    let is_redeemed = matches!(state.status, AuthorizationStatus::Redeemed(_));
                    record.state = state;
                    if is_redeemed {
                        self.redeemed.insert((record.forget_at, device));
                    }
                }
            }
            Change::AddCode(record) if record.status == CodeStatus::Denied && self.codes.is_full() => {}
            Change::AddCode(record) => self.put(Record::Code(record), now),
            Change::SetCode { code, status } => {
                if let Some(record) = self.codes.find_mut(&code) {
                    record.status = status;
                }
            }
            Change::PutRefresh(record) => self.put(Record::Refresh(record), now),
            Change::RevokeRefresh(selector) => {
                self.families.remove(&selector);
            }
            Change::AddAccess(record) => self.put(Record::Access(record), now),
            Change::RevokeAccess(selector) => {
                self.access.remove(&selector);
            }
            Change::PutGuesses { source, record } => self.put(Record::Guesses(source, record), now),
        }
    }

    fn full(&self, what: &'static str, now: Moment) -> StoreError {
        StoreError::full(what, self.room_after(now))
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use oidc_proto::{CreateTokenRequest, Grant, RegisterClientRequest, StartDeviceAuthorizationRequest};

    use super::*;
    use crate::{ServerPolicy, UserDecision};

    #[test]
    fn a_forgotten_device_takes_its_user_code_along() {
        let policy = ServerPolicy::default();
        let mut store = Memory::new(Capacity::default());
        let mut rng = fastrand::Rng::with_seed(1);
        let mut entropy = |bytes: &mut [u8]| {
            rng.fill(bytes);
            Ok(())
        };
        let start = Moment::new(Duration::ZERO);
        let registration =
            store.register_client(&policy, &RegisterClientRequest::new("t"), start, &mut entropy).unwrap();
        let ask = StartDeviceAuthorizationRequest::new(registration.client, "https://x.example");
        for minute in 0..120 {
            let now = start.after(Duration::from_secs(60 * minute));
            let device = store.start_device_authorization(&policy, &ask, now, &mut entropy).unwrap();
            store.decide(&policy, None, &device.user_code, UserDecision::APPROVE, now).unwrap();
            let grant = Grant::device_code(device.device_code);
            let poll = CreateTokenRequest::new(ask.client.clone(), grant);
            store.create_token(&policy, &poll, now, &mut entropy).unwrap();
            assert_eq!(store.user_codes.len(), store.devices.len());
            assert!(store.redeemed.len() <= store.devices.len());
        }
        assert_eq!(store.devices.len(), 20, "ten minutes of life and ten of memory");
    }
}

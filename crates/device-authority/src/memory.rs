//! A bounded in-memory store. It is pure, so servers and simulations can use it.

mod capacity;
mod clients;
mod table;
mod usage;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use oidc_proto::oauth::RevocationRequest;
use oidc_proto::{
    CreateTokenRequest, DeviceAuthorization, Fault, FaultCode, RegisterClientRequest, Registration,
    StartDeviceAuthorizationRequest, Token,
};

pub use self::capacity::{Capacity, Counts};
use self::table::Table;
use self::usage::Usage;
use crate::{
    AuthorizationStatus, Change, ClientRecord, DeviceRecord, Entropy, GrantKey, GuessRecord, Moment,
    PersonError, Records, RefreshRecord, Review, Selector, ServerPolicy, Source, UserCode, UserDecision,
    count_guess, create_token, decide, may_guess, recognize_client, register_client, register_oauth_client,
    review, revoke_token, start_device_authorization,
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
/// * *Devices*: it evicts one whose code has expired, or else one whose token was collected. The latter only
///   serves to detect repeated codes. If there is neither, a new device gets `SlowDownException`.
/// * *Refresh families and guess records*: it evicts the one that ends first. An error would revoke a granted
///   token, or stop the counting.
///
/// A clone is a snapshot, like the copy from which a server restarts.
#[derive(Clone, Debug)]
pub struct Memory {
    clients: Table<String, ClientRecord>,
    usage: Usage,
    devices: Table<Selector, DeviceRecord>,
    user_codes: BTreeMap<UserCode, Selector>,
    /// The devices whose token was collected, in the order of expiry.
    collected: BTreeSet<(Moment, Selector)>,
    families: Table<Selector, RefreshRecord>,
    guesses: Table<Source, GuessRecord>,
    guesses_of_all: Option<GuessRecord>,
}

/// The number of draws for an unused user code. With a million live codes of 2.56e10, five draws all fail
/// once in 1e22 times.
const DRAWS: usize = 5;

impl Memory {
    /// Creates an empty store.
    #[must_use]
    pub const fn new(capacity: Capacity) -> Self {
        Self {
            clients: Table::new(capacity.clients),
            usage: Usage::new(),
            devices: Table::new(capacity.devices),
            user_codes: BTreeMap::new(),
            collected: BTreeSet::new(),
            families: Table::new(capacity.families),
            guesses: Table::new(capacity.sources),
            guesses_of_all: None,
        }
    }

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
    /// let registration = store.register_oauth_client(&policy, &RegisterClientRequest::new("my-tool"), now, &mut entropy)?;
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

    /// Performs StartDeviceAuthorization; see [`start_device_authorization`].
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_authority::{Capacity, Memory, Moment, NoEntropy, ServerPolicy};
    /// # let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
    /// # let mut rng = fastrand::Rng::with_seed(1);
    /// # let mut entropy = |bytes: &mut [u8]| Ok::<(), NoEntropy>(rng.fill(bytes));
    /// # use device_authority::{ClientRecord, Selector};
    /// # use oidc_proto::{Client, StartDeviceAuthorizationRequest};
    /// let mut store = Memory::new(Capacity::default());
    /// let ask = StartDeviceAuthorizationRequest::for_scope(Client::public("my-tool"), ["openid"]);
    /// assert!(store.start_device_authorization(&policy, &ask, now, &mut entropy).is_err()); // it is unknown
    ///
    /// store.add_client(ClientRecord::preconfigured(Client::public("my-tool"), None));
    /// let codes = store.start_device_authorization(&policy, &ask, now, &mut entropy)?;
    /// assert_eq!(store.pending(now).map(|code| code.to_string()).collect::<Vec<_>>(), [codes.user_code]);
    /// let device = Selector::of(&codes.device_code).and_then(|selector| store.device(selector)).ok_or("there")?;
    /// assert!(device.is_pending_at(now) && device.is_expired_at(now.after(policy.device_ttl)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The fault for the response; `SlowDownException` if the store is full of devices with valid codes.
    pub fn start_device_authorization(
        &mut self,
        policy: &ServerPolicy,
        request: &StartDeviceAuthorizationRequest,
        now: Moment,
        entropy: &mut dyn Entropy,
    ) -> Result<DeviceAuthorization, Fault> {
        self.forget_devices(now);
        let mut stranger = match self.clients.find(request.client.id.as_str()) {
            Some(_) => None,
            None => recognize_client(policy, &request.client, now),
        };
        for _ in 0..DRAWS {
            let client = self.clients.find(request.client.id.as_str()).or(stranger.as_ref());
            let decision = start_device_authorization(policy, client, request, now, entropy);
            let device = decision.changes.iter().find_map(|change| {
                let Change::AddDevice(device) = change else { return None };
                Some((device.user_code, device.expires_at))
            });
            if let Some((code, until)) = device {
                // Evicts only for a client that gets a code. A rejected request evicts no client.
                self.make_room_for_a_device(now);
                if self.devices.is_full() {
                    return Err(full("device authorizations"));
                }
                if self.user_codes.contains_key(&code) {
                    continue;
                }
                if let Some(record) = stranger.take() {
                    self.admit(record, now)?;
                }
                self.usage.started(&request.client.id, now, until);
            }
            self.commit(decision.changes);
            return decision.reply;
        }
        Err(full("user codes"))
    }

    /// Performs CreateToken; see [`create_token`].
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_authority::{Capacity, Memory, Moment, NoEntropy, ServerPolicy};
    /// # let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
    /// # let mut rng = fastrand::Rng::with_seed(1);
    /// # let mut entropy = |bytes: &mut [u8]| Ok::<(), NoEntropy>(rng.fill(bytes));
    /// # use device_authority::{ClientRecord, UserDecision};
    /// # use oidc_proto::{Client, CreateTokenRequest, FaultCode, Grant, StartDeviceAuthorizationRequest};
    /// # let mut store = Memory::new(Capacity::default());
    /// # store.add_client(ClientRecord::preconfigured(Client::public("my-tool"), None));
    /// # let ask = StartDeviceAuthorizationRequest::for_scope(Client::public("my-tool"), ["openid"]);
    /// let codes = store.start_device_authorization(&policy, &ask, now, &mut entropy)?;
    /// let grant = Grant::device_code(codes.device_code);
    /// let poll = CreateTokenRequest::new(Client::public("my-tool"), grant);
    /// let early = store.create_token(&policy, &poll, now, &mut entropy).unwrap_err();
    /// assert_eq!(early.code, FaultCode::AuthorizationPending);
    /// store.decide(&policy, None, &codes.user_code, UserDecision::Approve, now)?;
    /// let token = store.create_token(&policy, &poll, now.after(policy.interval), &mut entropy)?;
    /// assert_eq!(token.scope, Some(vec!["openid".to_owned()]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The fault for the response.
    pub fn create_token(
        &mut self,
        policy: &ServerPolicy,
        request: &CreateTokenRequest,
        now: Moment,
        entropy: &mut dyn Entropy,
    ) -> Result<Token, Fault> {
        let known = self.clients.find(request.client.id.as_str());
        // The store does not keep this record, because only a waiting device needs its client's record later.
        let stranger = if known.is_none() { recognize_client(policy, &request.client, now) } else { None };
        let client = known.or(stranger.as_ref());
        let records = Records::of_client(client);
        let records = match GrantKey::of(&request.grant) {
            GrantKey::Device(selector) => records.with_device(self.devices.find(&selector)),
            GrantKey::Refresh(selector) => records.with_refresh(self.families.find(&selector)),
            GrantKey::Nothing => records,
        };
        let decision = create_token(policy, records, request, now, entropy);
        if decision.reply.is_ok() {
            self.usage.signed_in(&request.client.id, now);
        }
        self.families.make_room(now, |_, _| {});
        self.commit(decision.changes);
        decision.reply
    }

    /// Performs RevokeToken; see [`revoke_token`].
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_authority::{Capacity, Memory, Moment, NoEntropy, ServerPolicy};
    /// # let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
    /// # let mut rng = fastrand::Rng::with_seed(1);
    /// # let mut entropy = |bytes: &mut [u8]| Ok::<(), NoEntropy>(rng.fill(bytes));
    /// # use device_authority::{ClientRecord, UserDecision};
    /// # use oidc_proto::{Client, CreateTokenRequest, FaultCode, Grant, StartDeviceAuthorizationRequest};
    /// # let mut store = Memory::new(Capacity::default());
    /// # store.add_client(ClientRecord::preconfigured(Client::public("my-tool"), None));
    /// # let ask = StartDeviceAuthorizationRequest::for_scope(Client::public("my-tool"), ["openid"]);
    /// let codes = store.start_device_authorization(&policy, &ask, now, &mut entropy)?;
    /// # use device_authority::Selector;
    /// # use oidc_proto::oauth::RevocationRequest;
    /// # store.decide(&policy, None, &codes.user_code, UserDecision::Approve, now)?;
    /// # let grant = Grant::device_code(codes.device_code);
    /// # let poll = CreateTokenRequest::new(Client::public("my-tool"), grant);
    /// let token = store.create_token(&policy, &poll, now, &mut entropy)?;
    /// let refresh_token = token.refresh_token.ok_or("it has scopes")?;
    /// let family = Selector::of(&refresh_token).ok_or("it is one of ours")?;
    /// assert!(store.family(family).is_some());
    /// store.revoke_token(&policy, &RevocationRequest::refresh_token(Client::public("my-tool"), refresh_token), now)?;
    /// assert!(store.family(family).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The fault for the response.
    pub fn revoke_token(
        &mut self,
        policy: &ServerPolicy,
        request: &RevocationRequest,
        now: Moment,
    ) -> Result<(), Fault> {
        let known = self.clients.find(request.client.id.as_str());
        // The store does not keep this record, because only a waiting device needs its client's record later.
        let stranger = if known.is_none() { recognize_client(policy, &request.client, now) } else { None };
        let client = known.or(stranger.as_ref());
        let mut records = Records::of_client(client);
        records.refresh = Selector::of(&request.token).and_then(|selector| self.families.find(&selector));
        let decision = revoke_token(records, request, now);
        self.commit(decision.changes);
        decision.reply
    }

    /// Returns the request behind a typed code, for a person's decision; see [`review`]. With a source it
    /// counts and limits wrong codes. `None` is for trusted callers.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_authority::{Capacity, Memory, Moment, NoEntropy, ServerPolicy};
    /// # let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
    /// # let mut rng = fastrand::Rng::with_seed(1);
    /// # let mut entropy = |bytes: &mut [u8]| Ok::<(), NoEntropy>(rng.fill(bytes));
    /// # use device_authority::{ClientRecord, UserDecision};
    /// # use oidc_proto::{Client, CreateTokenRequest, FaultCode, Grant, StartDeviceAuthorizationRequest};
    /// # let mut store = Memory::new(Capacity::default());
    /// # store.add_client(ClientRecord::preconfigured(Client::public("my-tool"), None));
    /// # let ask = StartDeviceAuthorizationRequest::for_scope(Client::public("my-tool"), ["openid"]);
    /// let codes = store.start_device_authorization(&policy, &ask, now, &mut entropy)?;
    /// # use device_authority::{PersonError, Source};
    /// let source = Source::of("192.0.2.1".parse()?);
    /// let review = store.review(&policy, Some(source), &codes.user_code.to_lowercase(), now)?;
    /// assert_eq!((review.client_name.as_str(), review.scopes), ("my-tool", vec!["openid".to_owned()]));
    /// let unknown = store.review(&policy, Some(source), "BBBB-BBBB", now);
    /// assert_eq!(unknown, Err(PersonError::Unknown));
    /// assert_eq!(store.guesses(source).map(|wrong| wrong.count), Some(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The reason why the person cannot decide.
    pub fn review(
        &mut self,
        policy: &ServerPolicy,
        source: Option<Source>,
        typed: &str,
        now: Moment,
    ) -> Result<Review, PersonError> {
        let selector = self.look_up(policy, source, typed, now)?;
        let device = self.devices.find(&selector);
        let client = device.and_then(|device| self.clients.find(device.client_id.as_str()));
        review(device, client, now)
    }

    /// Commits a person's decision on a typed code; see [`decide`]. Wrong codes count as in
    /// [`Memory::review`].
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_authority::{Capacity, Memory, Moment, NoEntropy, ServerPolicy};
    /// # let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
    /// # let mut rng = fastrand::Rng::with_seed(1);
    /// # let mut entropy = |bytes: &mut [u8]| Ok::<(), NoEntropy>(rng.fill(bytes));
    /// # use device_authority::{ClientRecord, UserDecision};
    /// # use oidc_proto::{Client, CreateTokenRequest, FaultCode, Grant, StartDeviceAuthorizationRequest};
    /// # let mut store = Memory::new(Capacity::default());
    /// # store.add_client(ClientRecord::preconfigured(Client::public("my-tool"), None));
    /// # let ask = StartDeviceAuthorizationRequest::for_scope(Client::public("my-tool"), ["openid"]);
    /// let codes = store.start_device_authorization(&policy, &ask, now, &mut entropy)?;
    /// # use device_authority::PersonError;
    /// store.decide(&policy, None, &codes.user_code, UserDecision::Deny, now)?;
    /// let again = store.decide(&policy, None, &codes.user_code, UserDecision::Approve, now);
    /// assert_eq!(again, Err(PersonError::Decided));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The reason why the person cannot decide.
    pub fn decide(
        &mut self,
        policy: &ServerPolicy,
        source: Option<Source>,
        typed: &str,
        verdict: UserDecision,
        now: Moment,
    ) -> Result<(), PersonError> {
        let selector = self.look_up(policy, source, typed, now)?;
        let change = decide(self.devices.find(&selector), verdict, now)?;
        self.commit([change]);
        Ok(())
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

    /// Returns the recent wrong codes of this source, or of [`Source::EVERYONE`], if there are any.
    #[must_use]
    pub fn guesses(&self, source: Source) -> Option<&GuessRecord> {
        if source == Source::EVERYONE { self.guesses_of_all.as_ref() } else { self.guesses.find(&source) }
    }

    /// Returns the device of this code, if known.
    #[must_use]
    pub fn device(&self, selector: Selector) -> Option<&DeviceRecord> {
        self.devices.find(&selector)
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
            families: self.families.len(),
            sources: self.guesses.len(),
        }
    }

    /// Returns the time until the first code expires. A full store may have room then.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_authority::{Capacity, Memory, Moment, NoEntropy, ServerPolicy};
    /// # let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
    /// # let mut entropy = |bytes: &mut [u8]| {
    /// #     bytes.fill(7);
    /// #     Ok::<(), NoEntropy>(())
    /// # };
    /// # use device_authority::ClientRecord;
    /// # use oidc_proto::{Client, FaultCode, StartDeviceAuthorizationRequest};
    /// let mut store = Memory::new(Capacity::default().with_devices(1));
    /// store.add_client(ClientRecord::preconfigured(Client::public("my-tool"), None));
    /// let ask = StartDeviceAuthorizationRequest::for_scope(Client::public("my-tool"), ["openid"]);
    /// store.start_device_authorization(&policy, &ask, now, &mut entropy)?;
    /// let refused = store.start_device_authorization(&policy, &ask, now, &mut entropy).unwrap_err();
    /// assert_eq!((refused.code, store.room_after(now)), (FaultCode::SlowDown, policy.device_ttl));
    /// # Ok::<(), oidc_proto::Fault>(())
    /// ```
    #[must_use]
    pub fn room_after(&self, now: Moment) -> Duration {
        self.devices.first().map_or(Duration::ZERO, |device| device.expires_at.since(now))
    }

    /// Removes a few expired devices.
    fn forget_devices(&mut self, now: Moment) {
        let (user_codes, collected) = (&mut self.user_codes, &mut self.collected);
        self.devices.make_room(now, |selector, device| {
            user_codes.remove(&device.user_code);
            collected.remove(&(device.forget_at, *selector));
        });
    }

    /// Makes room in a full store: removes a device whose code has expired, or else one whose token was
    /// collected.
    fn make_room_for_a_device(&mut self, now: Moment) {
        let (user_codes, collected) = (&mut self.user_codes, &mut self.collected);
        if self.devices.is_full() {
            self.devices.drop_first_if(
                |device| device.expires_at <= now,
                |selector, device| {
                    user_codes.remove(&device.user_code);
                    collected.remove(&(device.forget_at, *selector));
                },
            );
        }
        if self.devices.is_full()
            && let Some((_, selector)) = self.collected.pop_first()
            && let Some(device) = self.devices.remove(&selector)
        {
            self.user_codes.remove(&device.user_code);
        }
    }

    /// Returns the device of a typed code. The limit comes before the look-up, and only unknown codes count.
    fn look_up(
        &mut self,
        policy: &ServerPolicy,
        source: Option<Source>,
        typed: &str,
        now: Moment,
    ) -> Result<Selector, PersonError> {
        if let Some(source) = source {
            may_guess(policy, self.guesses.find(&source), self.guesses_of_all.as_ref(), now)?;
        }
        let selector = UserCode::typed(typed).and_then(|code| self.user_codes.get(&code)).copied();
        if let Some(source) = source
            && selector.is_none()
        {
            self.count_guess(policy, source, now);
        }
        selector.ok_or(PersonError::Unknown)
    }

    fn count_guess(&mut self, policy: &ServerPolicy, source: Source, now: Moment) {
        let record = count_guess(policy, self.guesses.find(&source), now);
        self.guesses.make_room(now, |_, _| {});
        self.guesses.put_over_first(source, record);
        self.guesses_of_all = Some(count_guess(policy, self.guesses_of_all.as_ref(), now));
    }

    fn commit(&mut self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            match change {
                Change::AddClient(record) => {
                    let id = record.registration.client.id.clone();
                    if let Some((driven_out, _)) = self.clients.put_over_first(id, record) {
                        self.usage.forget(&driven_out);
                    }
                }
                Change::AddDevice(record) => {
                    if let Some(selector) = Selector::of(&record.device_code) {
                        self.user_codes.insert(record.user_code, selector);
                        self.devices.put_over_first(selector, record);
                    }
                }
                Change::SetDevice { device, state } => {
                    if let Some(record) = self.devices.find_mut(&device) {
                        record.state = state;
                        if matches!(state.status, AuthorizationStatus::Redeemed(_)) {
                            self.collected.insert((record.forget_at, device));
                        }
                    }
                }
                Change::PutRefresh(record) => {
                    if let Some(selector) = Selector::of(&record.token) {
                        self.families.put_over_first(selector, record);
                    }
                }
                Change::RevokeRefresh(selector) => {
                    self.families.remove(&selector);
                }
            }
        }
    }
}

/// Returns the fault of a full store. All clients retry later on this fault.
fn full(what: &str) -> Fault {
    Fault::new(FaultCode::SlowDown)
        .with_description(format!("The server has reached its limit of {what}; try again later"))
}

#[cfg(test)]
mod tests {
    use oidc_proto::Grant;

    use super::*;

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
            store.decide(&policy, None, &device.user_code, UserDecision::Approve, now).unwrap();
            let grant = Grant::device_code(device.device_code);
            let poll = CreateTokenRequest::new(ask.client.clone(), grant);
            store.create_token(&policy, &poll, now, &mut entropy).unwrap();
            assert_eq!(store.user_codes.len(), store.devices.len());
            assert!(store.collected.len() <= store.devices.len());
        }
        assert_eq!(store.devices.len(), 20, "ten minutes of life and ten of memory");
    }
}

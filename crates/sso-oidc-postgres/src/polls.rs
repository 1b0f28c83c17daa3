//! The devices that poll here, as this process has seen them last.
//!
//! Nearly all requests are polls of devices that wait, and nearly all of them come back to find what the poll before
//! has left. So the decision is made on what is remembered, and its one change is committed with a comparison: `pace`
//! in `schema/version_2.sql`. A record that has changed elsewhere costs one more round trip, and never a wrong
//! response.

use core::fmt;
use core::mem;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use device_authority::{
    AuthorizationStatus, Change, ClientRecord, DeviceKey, DeviceRecord, DeviceState, Keys, Selector,
};

use crate::loaded::{Kept, Loaded};

/// The devices that poll here, a limited number of them.
pub(crate) struct Polls {
    /// Half of the limit.
    half: usize,
    devices: Mutex<Halves>,
}

/// The devices in two halves by the time of their latest poll. A full young half becomes the old one.
#[derive(Default)]
struct Halves {
    young: HashMap<Selector, Polled>,
    old: HashMap<Selector, Polled>,
}

/// What a poll loads.
struct Polled {
    client: Option<Kept<ClientRecord>>,
    device: Kept<DeviceRecord>,
}

/// The keys of a poll.
#[derive(Clone, Copy)]
pub(crate) struct Poll<'a> {
    pub(crate) client: &'a str,
    pub(crate) device: Selector,
}

impl<'a> Poll<'a> {
    /// Returns the keys of a poll, if these are such.
    pub(crate) const fn of(keys: &Keys<'a>) -> Option<Self> {
        match *keys {
            Keys {
                client: Some(client),
                device: Some(DeviceKey::DeviceCode(device)),
                code: None,
                refresh: None,
                access: None,
                source: None,
                ..
            } => Some(Self { client, device }),
            _ => None,
        }
    }

    /// Returns the new pace of a device that waits, if that is all that changes.
    pub(crate) fn pace(self, changes: &[Change], loaded: &Loaded) -> Option<DeviceState> {
        let [Change::SetDevice { device, state }] = changes else { return None };
        let was = &loaded.device.as_ref()?.record.state;
        let waits = [was.status, state.status] == [AuthorizationStatus::Pending; 2];
        (waits && *device == self.device).then(|| state.clone())
    }
}

impl Polls {
    /// Remembers at most this number of devices.
    pub(crate) fn new(most: usize) -> Self {
        Self { half: most.div_ceil(2), devices: Mutex::default() }
    }

    /// Returns the records of a poll as they were seen last, and forgets them.
    pub(crate) fn take(&self, poll: Poll<'_>) -> Option<Loaded> {
        let mut halves = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        let Halves { young, old } = &mut *halves;
        let Polled { client, device } = young.remove(&poll.device).or_else(|| old.remove(&poll.device))?;
        drop(halves);
        // Another client presents the code. Its record is another one.
        let is_its_own = device.record.client_id == poll.client;
        is_its_own.then(|| Loaded { client, device: Some(device), ..Loaded::default() })
    }

    /// Remembers the records of a poll, if the device waits and the client is its own.
    pub(crate) fn put(&self, poll: Poll<'_>, loaded: Loaded) {
        let Loaded { client, device: Some(device), .. } = loaded else { return };
        let DeviceRecord { client_id, state, .. } = &device.record;
        if self.half == 0 || client_id != poll.client || state.status != AuthorizationStatus::Pending {
            return;
        }
        let mut halves = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        if halves.young.len() >= self.half {
            halves.old = mem::take(&mut halves.young);
        }
        halves.young.insert(poll.device, Polled { client, device });
    }
}

/// Shows no record.
impl fmt::Debug for Polls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polls").field("half", &self.half).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use device_authority::{Moment, NoEntropy, ServerPolicy, start_device_authorization};
    use oidc_proto::{Client, StartDeviceAuthorizationRequest};

    use super::*;
    use crate::loaded::text;

    /// Returns the records of a new device.
    fn device(rng: &mut fastrand::Rng) -> (Selector, Loaded) {
        let client = ClientRecord::preconfigured(Client::public("tool"), None);
        let ask = StartDeviceAuthorizationRequest::for_scope(Client::public("tool"), ["openid"]);
        let now = Moment::new(Duration::from_secs(1_700_000_000));
        let mut entropy = |bytes: &mut [u8]| {
            rng.fill(bytes);
            Ok::<(), NoEntropy>(())
        };
        let policy = ServerPolicy::default();
        let decision = start_device_authorization(&policy, Some(&client), &ask, now, &mut entropy);
        let Some(Change::AddDevice(record)) = decision.changes.into_iter().next() else { panic!("a device") };
        let (selector, text) = (record.device_code.selector(), text(&record.state).unwrap());
        (selector, Loaded { device: Some(Kept { record, text }), ..Loaded::default() })
    }

    #[test]
    fn the_devices_of_the_latest_polls_are_remembered_and_no_more_than_the_limit() {
        let mut rng = fastrand::Rng::with_seed(1);
        let polls = Polls::new(10);
        let selectors: Vec<_> = (0..100)
            .map(|_| {
                let (selector, loaded) = device(&mut rng);
                polls.put(Poll { client: "tool", device: selector }, loaded);
                selector
            })
            .collect();
        let found = selectors
            .iter()
            .rev()
            .take_while(|selector| polls.take(Poll { client: "tool", device: **selector }).is_some());
        let found = found.count();
        assert!((5..=10).contains(&found), "{found}");
        let rest = |selector: &&Selector| polls.take(Poll { client: "tool", device: **selector }).is_some();
        assert_eq!(selectors.iter().filter(rest).count(), 0);
    }

    #[test]
    fn the_records_of_another_client_and_of_a_decided_device_are_not_remembered() {
        let mut rng = fastrand::Rng::with_seed(2);
        let polls = Polls::new(10);
        let (selector, loaded) = device(&mut rng);
        polls.put(Poll { client: "other", device: selector }, loaded);
        assert!(polls.take(Poll { client: "other", device: selector }).is_none());
        let (selector, mut loaded) = device(&mut rng);
        loaded.device.as_mut().unwrap().record.state.status = AuthorizationStatus::Approved;
        polls.put(Poll { client: "tool", device: selector }, loaded);
        assert!(polls.take(Poll { client: "tool", device: selector }).is_none());
        let (selector, loaded) = device(&mut rng);
        polls.put(Poll { client: "tool", device: selector }, loaded);
        assert!(polls.take(Poll { client: "other", device: selector }).is_none());
        let (selector, loaded) = device(&mut rng);
        let none = Polls::new(0);
        none.put(Poll { client: "tool", device: selector }, loaded);
        assert!(none.take(Poll { client: "tool", device: selector }).is_none());
    }
}

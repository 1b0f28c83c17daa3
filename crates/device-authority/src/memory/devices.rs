//! Devices: their operation, their room and their eviction.

use core::time::Duration;

use oidc_proto::{DeviceAuthorization, Fault, StartDeviceAuthorizationRequest};

use super::{Memory, full};
use crate::{Change, Entropy, Moment, ServerPolicy, recognize_client, start_device_authorization};

/// The number of draws for an unused user code. With a million live codes of 2.56e10, five draws all fail
/// once in 1e22 times.
const DRAWS: usize = 5;

impl Memory {
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
        let mut recognized = match self.clients.find(request.client.id.as_str()) {
            Some(_) => None,
            None => recognize_client(policy, &request.client, now),
        };
        for _ in 0..DRAWS {
            let client = self.clients.find(request.client.id.as_str()).or(recognized.as_ref());
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
                if let Some(record) = recognized.take() {
                    self.admit(record, now)?;
                }
                self.usage.started(&request.client.id, now, until);
            }
            self.commit(decision.changes);
            return decision.reply;
        }
        Err(full("user codes"))
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
        let (user_codes, redeemed) = (&mut self.user_codes, &mut self.redeemed);
        self.devices.make_room(now, |selector, device| {
            user_codes.remove(&device.user_code);
            redeemed.remove(&(device.forget_at, *selector));
        });
    }

    /// Makes room in a full store: removes a device whose code has expired, or else one whose token was
    /// redeemed.
    fn make_room_for_a_device(&mut self, now: Moment) {
        let (user_codes, redeemed) = (&mut self.user_codes, &mut self.redeemed);
        if self.devices.is_full() {
            self.devices.drop_first_if(
                |device| device.expires_at <= now,
                |selector, device| {
                    user_codes.remove(&device.user_code);
                    redeemed.remove(&(device.forget_at, *selector));
                },
            );
        }
        if self.devices.is_full()
            && let Some((_, selector)) = self.redeemed.pop_first()
            && let Some(device) = self.devices.remove(&selector)
        {
            self.user_codes.remove(&device.user_code);
        }
    }
}

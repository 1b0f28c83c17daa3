//! Devices: their operation, their room and their eviction.

use core::time::Duration;

use oidc_proto::{DeviceAuthorization, Fault, StartDeviceAuthorizationRequest};

use super::Memory;
use crate::store::{Keys, operations};
use crate::{Entropy, Moment, ServerPolicy, StoreError};

impl Memory {
    /// Performs StartDeviceAuthorization; see [`crate::start_device_authorization`].
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
        let made = self.run(Keys::of_client(&request.client.id), now, |records| {
            operations::start(policy, records, request, now, entropy)
        });
        made.unwrap_or_else(|error| Err(error.fault()))
    }

    /// Returns the time until the first code expires. A full store may have room then.
    pub(super) fn room_after(&self, now: Moment) -> Duration {
        self.devices.first().map_or(Duration::ZERO, |device| device.expires_at.since(now))
    }

    /// Removes a few expired devices.
    pub(super) fn forget_devices(&mut self, now: Moment) {
        let (user_codes, redeemed) = (&mut self.user_codes, &mut self.redeemed);
        self.devices.make_room(now, |selector, device| {
            user_codes.remove(&device.user_code);
            redeemed.remove(&(device.forget_at, *selector));
        });
    }

    /// Makes room in a full store: removes a device whose code has expired, or else one whose token was
    /// redeemed.
    pub(super) fn make_room_for_a_device(&mut self, now: Moment) -> Result<(), StoreError> {
        self.forget_devices(now);
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
            && let Some(device) = self.devices.evict(&selector)
        {
            self.user_codes.remove(&device.user_code);
        }
        if self.devices.is_full() {
            return Err(self.full("device authorizations", now));
        }
        Ok(())
    }
}

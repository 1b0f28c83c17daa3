//! The person's side of a device: typed codes, and the limit on wrong ones.

use super::Memory;
use crate::{
    Moment, PersonError, Review, Selector, ServerPolicy, Source, UserCode, UserDecision, count_guess, decide,
    may_guess, review,
};

impl Memory {
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
}

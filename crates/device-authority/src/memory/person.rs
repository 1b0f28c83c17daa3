//! The person's side of a device: typed codes, and the limit on wrong ones.

use super::Memory;
use crate::store::operations;
use crate::{Moment, PersonError, Review, ServerPolicy, Source, UserDecision};

impl Memory {
    /// Returns the request behind a typed code, for a person's decision; see [`crate::review`]. With a source it
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
        let made = self.run(operations::keys_of_person(source, typed), now, |records| {
            operations::look(policy, records, typed, source, now)
        });
        // It adds no record that a full store refuses.
        made.unwrap_or(Err(PersonError::Unknown))
    }

    /// Commits a person's decision on a typed code; see [`crate::decide`]. Wrong codes count as in
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
    /// let again = store.decide(&policy, None, &codes.user_code, UserDecision::APPROVE, now);
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
        let made = self.run(operations::keys_of_person(source, typed), now, |records| {
            operations::settle(policy, records, typed, source, verdict, now)
        });
        made.unwrap_or(Err(PersonError::Unknown))
    }
}

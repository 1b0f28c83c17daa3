//! Authorization codes: their operations, and their eviction.

use oidc_proto::{AuthorizationRequest, AuthorizationResponse, InvalidAuthorizationRequest};

use super::Memory;
use crate::store::{Keys, operations};
use crate::{
    AuthorizationError, AuthorizationReview, CodeStatus, Entropy, Moment, Records, ServerPolicy, StoreError,
    UserDecision,
};

impl Memory {
    /// Returns the review of an authorization request; see [`crate::review_authorization`].
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_authority::{AuthorizationError, Capacity, ClientRecord, Memory, Moment, ServerPolicy};
    /// # use oidc_proto::{AuthorizationRequest, Client, pkce};
    /// # let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
    /// let mut store = Memory::new(Capacity::default());
    /// let request = AuthorizationRequest::new("my-tool", "http://127.0.0.1:49152/")
    ///     .with_code_challenge(pkce::challenge(&pkce::verifier(&[7; 32])));
    /// let unknown = store.review_authorization(&policy, &request, now);
    /// assert_eq!(unknown, Err(AuthorizationError::UnknownClient));
    /// store.add_client(ClientRecord::preconfigured(Client::public("my-tool"), None));
    /// assert_eq!(store.review_authorization(&policy, &request, now)?.client_name, "my-tool");
    /// # Ok::<(), AuthorizationError>(())
    /// ```
    ///
    /// # Errors
    /// Returns the reason against a code.
    pub fn review_authorization(
        &self,
        policy: &ServerPolicy,
        request: &AuthorizationRequest,
        now: Moment,
    ) -> Result<AuthorizationReview, AuthorizationError> {
        let records = Records::of_client(self.client(&request.client_id));
        operations::review_request(policy, records, request, now).0
    }

    /// Returns the place of the fault of an invalid request; see [`crate::refuse_authorization`].
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_authority::{AuthorizationError, Capacity, Memory, Moment, ServerPolicy};
    /// # use oidc_proto::AuthorizationRequest;
    /// # let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
    /// let store = Memory::new(Capacity::default());
    /// let Err(invalid) = AuthorizationRequest::decode("response_type=code") else { panic!("it has no client") };
    /// let error = store.refuse_authorization(&policy, &invalid, now);
    /// assert!(matches!(error, AuthorizationError::Incomplete(_)));
    /// ```
    #[must_use]
    pub fn refuse_authorization(
        &self,
        policy: &ServerPolicy,
        invalid: &InvalidAuthorizationRequest,
        now: Moment,
    ) -> AuthorizationError {
        let records = self.load(&operations::keys_of_invalid(invalid));
        operations::refuse_request(policy, records, invalid, now).0
    }

    /// Commits a decision on an authorization request, and returns the response; see [`crate::authorize`].
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_authority::{Capacity, Memory, Moment, NoEntropy, ServerPolicy};
    /// # let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
    /// # let mut rng = fastrand::Rng::with_seed(1);
    /// # let mut entropy = |bytes: &mut [u8]| Ok::<(), NoEntropy>(rng.fill(bytes));
    /// # use device_authority::{ClientRecord, UserDecision};
    /// # use oidc_proto::{AuthorizationRequest, Client, CreateTokenRequest, Grant, pkce};
    /// # let mut store = Memory::new(Capacity::default());
    /// # store.add_client(ClientRecord::preconfigured(Client::public("my-tool"), None));
    /// let (redirect_uri, verifier) = ("http://127.0.0.1:49152/", pkce::verifier(&[7; 32]));
    /// let request = AuthorizationRequest::new("my-tool", redirect_uri)
    ///     .with_scope(["openid"])
    ///     .with_code_challenge(pkce::challenge(&verifier));
    /// let response = store.authorize(&policy, &request, UserDecision::APPROVE, now, &mut entropy)?;
    ///
    /// let grant = Grant::AuthorizationCode {
    ///     code: response.result?,
    ///     redirect_uri: Some(redirect_uri.to_owned()),
    ///     code_verifier: Some(verifier),
    /// };
    /// let request = CreateTokenRequest::new(Client::public("my-tool"), grant);
    /// let token = store.create_token(&policy, &request, now, &mut entropy)?;
    /// assert_eq!(token.scope, Some(vec!["openid".to_owned()]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the reason against a code. The fault for the client is `temporarily_unavailable` if the store is
    /// full of codes.
    pub fn authorize(
        &mut self,
        policy: &ServerPolicy,
        request: &AuthorizationRequest,
        decision: UserDecision,
        now: Moment,
        entropy: &mut dyn Entropy,
    ) -> Result<AuthorizationResponse, AuthorizationError> {
        let made = self.run(Keys::of_client(&request.client_id), now, |records| {
            operations::authorize_request(policy, records, request, decision, now, entropy)
        });
        made.unwrap_or_else(|error| Err(AuthorizationError::Redirect(error.authorization_fault())))
    }

    pub(super) fn make_room_for_a_code(&mut self, now: Moment) -> Result<(), StoreError> {
        self.codes.make_room(now, |_, _| {});
        if self.codes.is_full() {
            let is_over = |status| status != CodeStatus::Unused;
            self.codes.drop_first_if(|code| code.expires_at <= now || is_over(code.status), |_, _| {});
        }
        if self.codes.is_full() {
            return Err(self.full("authorization codes", now));
        }
        Ok(())
    }
}

//! The operations of the service over any store.

use oidc_proto::oauth::{Introspection, IntrospectionRequest, RevocationRequest};
use oidc_proto::{
    AuthorizationRequest, AuthorizationResponse, CreateTokenRequest, DeviceAuthorization, Fault,
    InvalidAuthorizationRequest, RegisterClientRequest, Registration, Secret,
    StartDeviceAuthorizationRequest,
};

use super::{Exchanged, Keys, Store, StoreError, operations};
use crate::{
    AccessRecord, AuthorizationError, AuthorizationReview, Change, DeviceKey, DeviceRecord, Entropy, Moment,
    PersonError, Records, Review, Selector, ServerPolicy, Source, UserDecision, register_client,
    register_oauth_client,
};

impl dyn Store + '_ {
    /// Runs one decision, and returns its reply.
    async fn run<T: Send>(
        &self,
        keys: Keys<'_>,
        now: Moment,
        mut decide: impl FnMut(Records<'_>) -> (T, Vec<Change>) + Send,
    ) -> Result<T, StoreError> {
        let mut reply = None;
        let mut decide = |records: Records<'_>| {
            let (made, changes) = decide(records);
            reply = Some(made);
            changes
        };
        self.transact(keys, now, &mut decide).await?;
        reply.ok_or_else(|| StoreError::unavailable("the store has called no decision"))
    }

    /// Performs RegisterClient; see [`register_client`].
    ///
    /// # Errors
    /// [`StoreError`]. The inner error is the reply of the operation.
    pub async fn register_client(
        &self,
        policy: &ServerPolicy,
        request: &RegisterClientRequest,
        now: Moment,
        entropy: &mut (dyn Entropy + Send),
    ) -> Result<Result<Registration, Fault>, StoreError> {
        self.run(Keys::default(), now, |_| register_client(policy, request, now, entropy).into()).await
    }

    /// Performs RegisterClient in the OAuth dialect; see [`register_oauth_client`].
    ///
    /// # Errors
    /// [`StoreError`]. The inner error is the reply of the operation.
    pub async fn register_oauth_client(
        &self,
        policy: &ServerPolicy,
        request: &RegisterClientRequest,
        now: Moment,
        entropy: &mut (dyn Entropy + Send),
    ) -> Result<Result<Registration, Fault>, StoreError> {
        self.run(Keys::default(), now, |_| register_oauth_client(policy, request, now, entropy).into()).await
    }

    /// Performs StartDeviceAuthorization; see [`crate::start_device_authorization`].
    ///
    /// # Errors
    /// [`StoreError`]. The inner error is the reply of the operation.
    pub async fn start_device_authorization(
        &self,
        policy: &ServerPolicy,
        request: &StartDeviceAuthorizationRequest,
        now: Moment,
        entropy: &mut (dyn Entropy + Send),
    ) -> Result<Result<DeviceAuthorization, Fault>, StoreError> {
        self.run(Keys::of_client(&request.client.id), now, |records| {
            operations::start(policy, records, request, now, entropy)
        })
        .await
    }

    /// Performs CreateToken; see [`crate::create_token`].
    ///
    /// # Errors
    /// [`StoreError`]. The inner error is the reply of the operation.
    pub async fn create_token(
        &self,
        policy: &ServerPolicy,
        request: &CreateTokenRequest,
        now: Moment,
        entropy: &mut (dyn Entropy + Send),
    ) -> Result<Exchanged, StoreError> {
        let keys = Keys::of_grant(request);
        let mut repetition = None;
        let exchanged = self
            .run(keys, now, |records| {
                repetition = operations::keys_of_repetition(policy, records, &keys, now);
                if repetition.is_some() {
                    return (None, Vec::new());
                }
                let (exchanged, changes) = operations::exchange(policy, records, request, now, entropy);
                (Some(exchanged), changes)
            })
            .await?;
        if let Some(exchanged) = exchanged {
            return Ok(exchanged);
        }
        let keys = repetition.unwrap_or(keys);
        self.run(keys, now, |records| operations::exchange(policy, records, request, now, entropy)).await
    }

    /// Performs RevokeToken; see [`crate::revoke_token`].
    ///
    /// # Errors
    /// [`StoreError`]. The inner error is the reply of the operation.
    pub async fn revoke_token(
        &self,
        policy: &ServerPolicy,
        request: &RevocationRequest,
        now: Moment,
    ) -> Result<Result<(), Fault>, StoreError> {
        self.run(operations::keys_of_revocation(request), now, |records| {
            operations::revoke(policy, records, request, now)
        })
        .await
    }

    /// Performs IntrospectToken; see [`crate::introspect_token`]. It reads at most twice: once for each kind of token.
    ///
    /// # Errors
    /// [`StoreError`]. The inner error is the reply of the operation.
    pub async fn introspect_token(
        &self,
        policy: &ServerPolicy,
        request: &IntrospectionRequest,
        now: Moment,
    ) -> Result<Result<Introspection, Fault>, StoreError> {
        for keys in operations::keys_of_introspection(request) {
            let look =
                |records: Records<'_>| (operations::introspect(policy, records, request, now), Vec::new());
            let state = self.run(keys, now, look).await?;
            if state != Ok(Introspection::Inactive) {
                return Ok(state);
            }
        }
        Ok(Ok(Introspection::Inactive))
    }

    /// Returns the record of a valid access token; see [`crate::recognize_token`].
    ///
    /// # Errors
    /// [`StoreError`]. The inner error is the reply of the operation.
    pub async fn recognize_token(
        &self,
        token: &Secret,
        now: Moment,
    ) -> Result<Result<AccessRecord, Fault>, StoreError> {
        self.run(operations::keys_of_access(token), now, |records| operations::recognize(records, token, now))
            .await
    }

    /// Performs Logout; see [`crate::logout`].
    ///
    /// # Errors
    /// [`StoreError`]. The inner error is the reply of the operation.
    pub async fn logout(&self, token: &Secret, now: Moment) -> Result<Result<(), Fault>, StoreError> {
        self.run(operations::keys_of_access(token), now, |records| operations::log_out(records, token, now))
            .await
    }

    /// Returns the review of an authorization request; see [`crate::review_authorization`].
    ///
    /// # Errors
    /// [`StoreError`]. The inner error is the reply of the operation.
    pub async fn review_authorization(
        &self,
        policy: &ServerPolicy,
        request: &AuthorizationRequest,
        now: Moment,
    ) -> Result<Result<AuthorizationReview, AuthorizationError>, StoreError> {
        self.run(Keys::of_client(&request.client_id), now, |records| {
            operations::review_request(policy, records, request, now)
        })
        .await
    }

    /// Returns the place of the fault of an invalid request; see [`crate::refuse_authorization`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refuse_authorization(
        &self,
        policy: &ServerPolicy,
        invalid: &InvalidAuthorizationRequest,
        now: Moment,
    ) -> Result<AuthorizationError, StoreError> {
        self.run(operations::keys_of_invalid(invalid), now, |records| {
            operations::refuse_request(policy, records, invalid, now)
        })
        .await
    }

    /// Commits a decision on an authorization request; see [`crate::authorize`].
    ///
    /// # Errors
    /// [`StoreError`]. The inner error is the reply of the operation.
    pub async fn authorize(
        &self,
        policy: &ServerPolicy,
        request: &AuthorizationRequest,
        decision: UserDecision,
        now: Moment,
        entropy: &mut (dyn Entropy + Send),
    ) -> Result<Result<AuthorizationResponse, AuthorizationError>, StoreError> {
        self.run(Keys::of_client(&request.client_id), now, |records| {
            operations::authorize_request(policy, records, request, decision, now, entropy)
        })
        .await
    }

    /// Commits the decision of a form on an authorization request; see [`crate::authorize_form`].
    ///
    /// # Errors
    /// [`StoreError`]. The inner error is the reply of the operation.
    pub async fn authorize_form(
        &self,
        policy: &ServerPolicy,
        request: &AuthorizationRequest,
        decision: UserDecision,
        code: &Secret,
        now: Moment,
    ) -> Result<Result<AuthorizationResponse, AuthorizationError>, StoreError> {
        self.run(Keys { code: Selector::of(code), ..Keys::of_client(&request.client_id) }, now, |records| {
            operations::authorize_by_form(policy, records, request, decision, code, now)
        })
        .await
    }

    /// Returns the review of a typed code; see [`crate::review`]. Without a source it counts no wrong codes.
    ///
    /// # Errors
    /// [`StoreError`]. The inner error is the reply of the operation.
    pub async fn review(
        &self,
        policy: &ServerPolicy,
        source: Option<Source>,
        typed: &str,
        now: Moment,
    ) -> Result<Result<Review, PersonError>, StoreError> {
        self.run(operations::keys_of_person(source, typed), now, |records| {
            operations::look(policy, records, typed, source, now)
        })
        .await
    }

    /// Commits a decision on a typed code; see [`crate::decide`]. Without a source it counts no wrong codes.
    ///
    /// # Errors
    /// [`StoreError`]. The inner error is the reply of the operation.
    pub async fn decide(
        &self,
        policy: &ServerPolicy,
        source: Option<Source>,
        typed: &str,
        verdict: UserDecision,
        now: Moment,
    ) -> Result<Result<(), PersonError>, StoreError> {
        self.run(operations::keys_of_person(source, typed), now, |records| {
            operations::settle(policy, records, typed, source, verdict, now)
        })
        .await
    }

    /// Returns a copy of a device, if the store has it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn device(&self, device: Selector, now: Moment) -> Result<Option<DeviceRecord>, StoreError> {
        self.run(Keys { device: Some(DeviceKey::DeviceCode(device)), ..Keys::default() }, now, |records| {
            (records.device.cloned(), Vec::new())
        })
        .await
    }
}

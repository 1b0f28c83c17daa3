//! Tokens: CreateToken, RevokeToken, IntrospectToken and Logout.

use oidc_proto::oauth::{Introspection, IntrospectionRequest, RevocationRequest};
use oidc_proto::{CreateTokenRequest, Fault, Secret, Token};

use super::Memory;
use crate::store::{Keys, operations};
use crate::{AccessRecord, Entropy, Moment, ServerPolicy, recognize_token};

impl Memory {
    /// Performs CreateToken; see [`crate::create_token`].
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
    /// store.decide(&policy, None, &codes.user_code, UserDecision::APPROVE, now)?;
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
        let keys = Keys::of_grant(request);
        let keys = operations::keys_of_repetition(policy, self.load(&keys), &keys, now).unwrap_or(keys);
        let made = self.run(keys, now, |records| operations::token(policy, records, request, now, entropy));
        made.unwrap_or_else(|error| Err(error.fault()))
    }

    /// Performs RevokeToken; see [`crate::revoke_token`].
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
    /// # store.decide(&policy, None, &codes.user_code, UserDecision::APPROVE, now)?;
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
        let made = self.run(operations::keys_of_revocation(request), now, |records| {
            operations::revoke(policy, records, request, now)
        });
        made.unwrap_or_else(|error| Err(error.fault()))
    }

    /// Performs IntrospectToken; see [`crate::introspect_token`].
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_authority::{Capacity, Memory, Moment, NoEntropy, ServerPolicy};
    /// # let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
    /// # let mut rng = fastrand::Rng::with_seed(1);
    /// # let mut entropy = |bytes: &mut [u8]| Ok::<(), NoEntropy>(rng.fill(bytes));
    /// # use device_authority::{ClientRecord, UserDecision};
    /// # use oidc_proto::{Client, CreateTokenRequest, Grant, StartDeviceAuthorizationRequest};
    /// # use oidc_proto::oauth::{Introspection, IntrospectionRequest};
    /// # let mut store = Memory::new(Capacity::default());
    /// # store.add_client(ClientRecord::preconfigured(Client::public("my-tool"), None));
    /// # let ask = StartDeviceAuthorizationRequest::for_scope(Client::public("my-tool"), ["openid"]);
    /// # let codes = store.start_device_authorization(&policy, &ask, now, &mut entropy)?;
    /// # store.decide(&policy, None, &codes.user_code, UserDecision::APPROVE, now)?;
    /// # let poll = CreateTokenRequest::new(Client::public("my-tool"), Grant::device_code(codes.device_code));
    /// let token = store.create_token(&policy, &poll, now, &mut entropy)?;
    /// let ask = IntrospectionRequest::access_token(Client::public("my-tool"), token.access_token);
    /// let Introspection::Active(state) = store.introspect_token(&policy, &ask, now)? else { panic!("it is valid") };
    /// assert_eq!((state.scope, state.subject.as_deref()), (vec!["openid".to_owned()], Some("person")));
    /// let later = now.after(policy.short_access_ttl);
    /// assert_eq!(store.introspect_token(&policy, &ask, later)?, Introspection::Inactive);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The fault for the response.
    pub fn introspect_token(
        &self,
        policy: &ServerPolicy,
        request: &IntrospectionRequest,
        now: Moment,
    ) -> Result<Introspection, Fault> {
        let [first, second] = operations::keys_of_introspection(request);
        match operations::introspect(policy, self.load(&first), request, now) {
            Ok(Introspection::Inactive) => operations::introspect(policy, self.load(&second), request, now),
            known => known,
        }
    }

    /// Returns the record of a valid access token; see [`recognize_token`].
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_authority::{Capacity, Memory, Moment, NoEntropy, ServerPolicy};
    /// # let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
    /// # let mut rng = fastrand::Rng::with_seed(1);
    /// # let mut entropy = |bytes: &mut [u8]| Ok::<(), NoEntropy>(rng.fill(bytes));
    /// # use device_authority::{ClientRecord, UserDecision};
    /// # use oidc_proto::{Client, CreateTokenRequest, Grant, StartDeviceAuthorizationRequest};
    /// # let mut store = Memory::new(Capacity::default());
    /// # store.add_client(ClientRecord::preconfigured(Client::public("my-tool"), None));
    /// # let ask = StartDeviceAuthorizationRequest::for_scope(Client::public("my-tool"), ["openid"]);
    /// # let codes = store.start_device_authorization(&policy, &ask, now, &mut entropy)?;
    /// # store.decide(&policy, None, &codes.user_code, UserDecision::APPROVE, now)?;
    /// # let poll = CreateTokenRequest::new(Client::public("my-tool"), Grant::device_code(codes.device_code));
    /// let token = store.create_token(&policy, &poll, now, &mut entropy)?;
    /// assert_eq!(store.recognize_token(&token.access_token, now)?.client_id, "my-tool");
    /// let later = now.after(Duration::from_secs(3600));
    /// assert!(store.recognize_token(&token.access_token, later).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `UnauthorizedException`.
    pub fn recognize_token(&self, token: &Secret, now: Moment) -> Result<&AccessRecord, Fault> {
        let records = self.load(&operations::keys_of_access(token));
        recognize_token(records.access, records.refresh, token, now)
    }

    /// Performs Logout; see [`crate::logout`].
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_authority::{Capacity, Memory, Moment, NoEntropy, ServerPolicy};
    /// # let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
    /// # let mut rng = fastrand::Rng::with_seed(1);
    /// # let mut entropy = |bytes: &mut [u8]| Ok::<(), NoEntropy>(rng.fill(bytes));
    /// # use device_authority::{ClientRecord, UserDecision};
    /// # use oidc_proto::{Client, CreateTokenRequest, Grant, StartDeviceAuthorizationRequest};
    /// # let mut store = Memory::new(Capacity::default());
    /// # store.add_client(ClientRecord::preconfigured(Client::public("my-tool"), None));
    /// # let ask = StartDeviceAuthorizationRequest::for_scope(Client::public("my-tool"), ["openid"]);
    /// # let codes = store.start_device_authorization(&policy, &ask, now, &mut entropy)?;
    /// # store.decide(&policy, None, &codes.user_code, UserDecision::APPROVE, now)?;
    /// # let poll = CreateTokenRequest::new(Client::public("my-tool"), Grant::device_code(codes.device_code));
    /// let token = store.create_token(&policy, &poll, now, &mut entropy)?;
    /// store.logout(&token.access_token, now)?;
    /// assert!(store.recognize_token(&token.access_token, now).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `UnauthorizedException`.
    pub fn logout(&mut self, token: &Secret, now: Moment) -> Result<(), Fault> {
        let keys = operations::keys_of_access(token);
        let made = self.run(keys, now, |records| operations::log_out(records, token, now));
        made.unwrap_or_else(|error| Err(error.fault()))
    }
}

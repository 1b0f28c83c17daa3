//! Tokens: CreateToken, RevokeToken and Logout.

use oidc_proto::oauth::RevocationRequest;
use oidc_proto::{CreateTokenRequest, Fault, Secret, Token};

use super::Memory;
use crate::{
    AccessRecord, Entropy, GrantKey, Moment, Records, RefreshRecord, Selector, ServerPolicy, create_token,
    logout, recognize_client, recognize_token, revoke_token,
};

impl Memory {
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
        let recognized = if known.is_none() { recognize_client(policy, &request.client, now) } else { None };
        let client = known.or(recognized.as_ref());
        let records = Records::of_client(client);
        let records = match GrantKey::of(&request.grant) {
            GrantKey::Device(selector) => records.with_device(self.devices.find(&selector)),
            GrantKey::Code(selector) => records.with_code(self.codes.find(&selector)),
            GrantKey::Refresh(selector) => records.with_refresh(self.families.find(&selector)),
            GrantKey::Nothing => records,
        };
        let decision = create_token(policy, records, request, now, entropy);
        if decision.reply.is_ok() {
            self.usage.signed_in(&request.client.id, now);
        }
        self.families.make_room(now, |_, _| {});
        self.access.make_room(now, |_, _| {});
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
        let recognized = if known.is_none() { recognize_client(policy, &request.client, now) } else { None };
        let client = known.or(recognized.as_ref());
        let selector = Selector::of(&request.token);
        let records = Records::of_client(client)
            .with_refresh(selector.and_then(|selector| self.families.find(&selector)))
            .with_access(selector.and_then(|selector| self.access.find(&selector)));
        let decision = revoke_token(records, request, now);
        self.commit(decision.changes);
        decision.reply
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
    /// # store.decide(&policy, None, &codes.user_code, UserDecision::Approve, now)?;
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
        let (access, family) = self.of_access(token);
        recognize_token(access, family, token, now)
    }

    /// Performs Logout; see [`logout`].
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
    /// # store.decide(&policy, None, &codes.user_code, UserDecision::Approve, now)?;
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
        let (access, family) = self.of_access(token);
        let decision = logout(access, family, token, now);
        self.commit(decision.changes);
        decision.reply
    }

    fn of_access(&self, token: &Secret) -> (Option<&AccessRecord>, Option<&RefreshRecord>) {
        let access = Selector::of(token).and_then(|selector| self.access.find(&selector));
        let family = access.and_then(|access| access.family);
        (access, family.and_then(|family| self.families.find(&family)))
    }
}

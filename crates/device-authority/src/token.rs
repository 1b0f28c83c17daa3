//! CreateToken (RFC 8628 §3.4 and §3.5), and the records that it reads.

use oidc_proto::{CreateTokenRequest, Fault, FaultCode, Grant, Secret, Token, grant_type, pkce};

use crate::client::{authenticate, unauthorized};
use crate::entropy::secret;
use crate::moment::whole_seconds;
use crate::{
    AuthorizationStatus, Change, ClientRecord, Decision, DeviceRecord, DeviceState, Entropy, Moment,
    RefreshRecord, Selector, ServerPolicy, SlowDown, pace, refresh, scope,
};

/// The key of the record that a grant names, besides the client's.
///
/// ```
/// use device_authority::{GrantKey, Selector};
/// use oidc_proto::{Grant, Secret};
/// let device_code = Secret::new("x".repeat(86));
/// let selector = Selector::of(&device_code).ok_or("it is long enough")?;
/// assert_eq!(GrantKey::of(&Grant::device_code(device_code)), GrantKey::Device(selector));
/// let made_up = Grant::RefreshToken { refresh_token: Secret::from("no") };
/// assert_eq!(GrantKey::of(&made_up), GrantKey::Nothing);
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GrantKey {
    /// A [`DeviceRecord`].
    Device(Selector),
    /// A [`RefreshRecord`].
    Refresh(Selector),
    /// No record can exist.
    Nothing,
}

impl GrantKey {
    /// Returns the key of this grant's record.
    #[must_use]
    pub fn of(grant: &Grant) -> Self {
        match grant {
            Grant::DeviceCode { device_code, .. } => {
                Selector::of(device_code).map_or(Self::Nothing, Self::Device)
            }
            Grant::RefreshToken { refresh_token } => {
                Selector::of(refresh_token).map_or(Self::Nothing, Self::Refresh)
            }
            // No authorization code is ever issued.
            Grant::AuthorizationCode { .. } => Self::Nothing,
            _ => Self::Nothing,
        }
    }
}

/// The existing records that a CreateToken request names.
///
/// ```
/// use device_authority::{ClientRecord, Records};
/// use oidc_proto::Client;
/// let client = ClientRecord::preconfigured(Client::public("my-tool"), None);
/// // Of the two the grant names at most one; none is found for an unknown code.
/// let records = Records::of_client(Some(&client)).with_device(None).with_refresh(None);
/// assert!(records.client.is_some() && records.device.is_none() && records.refresh.is_none());
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Records<'a> {
    /// The client of the request's client id.
    pub client: Option<&'a ClientRecord>,
    /// The device of [`GrantKey::Device`].
    pub device: Option<&'a DeviceRecord>,
    /// The token family of [`GrantKey::Refresh`].
    pub refresh: Option<&'a RefreshRecord>,
}

impl<'a> Records<'a> {
    /// Creates records with the client alone.
    #[must_use]
    pub const fn of_client(client: Option<&'a ClientRecord>) -> Self {
        Self { client, device: None, refresh: None }
    }

    /// Returns the same records with this device's.
    #[must_use]
    pub const fn with_device(mut self, device: Option<&'a DeviceRecord>) -> Self {
        self.device = device;
        self
    }

    /// Returns the same records with this token family's.
    #[must_use]
    pub const fn with_refresh(mut self, refresh: Option<&'a RefreshRecord>) -> Self {
        self.refresh = refresh;
        self
    }
}

/// Exchanges a grant for tokens, or returns the fault.
///
/// The checks, in order, and their faults:
///
/// 1. The client: `InvalidClientException` if it is unknown, expired, or has the wrong secret.
///    `UnauthorizedClientException` if it registered for other grants only.
/// 2. The code exists and belongs to this client: `InvalidGrantException`, the same for both.
/// 3. The verifier matches the device's challenge, or there is neither: `InvalidGrantException` (RFC 7636
///    §4.6, RFC 9700 §4.8.2). This check comes early, so a client with a PKCE bug gets the error at its first
///    poll. It changes nothing: the code stays valid for the client with the verifier. An attacker with only
///    the code can neither use it nor revoke its tokens.
/// 4. The code is unused: `InvalidGrantException`. Its refresh tokens are revoked, since one of the two users
///    is a thief (RFC 6749 §4.1.2 requires that for authorization codes).
/// 5. The code has not expired: `ExpiredTokenException`.
/// 6. It was not denied: `AccessDeniedException`.
/// 7. It was approved: the token, and the code is spent. An approved device gets no `slow_down` for an early
///    poll, except with [`SlowDown::Always`]: the interval protects a server that has no decision yet.
/// 8. It is pending: `SlowDownException` if the device polls too early, else `AuthorizationPendingException`.
///
/// A refresh token is valid once, or as [`ServerPolicy::rotation`] says (RFC 9700 §4.14.2). The response has
/// its successor, and reuse of an old one ends the token family. The request's scope narrows this one token;
/// a scope that was not granted is `InvalidScopeException`, and spends nothing. (AWS documents scope as
/// ignored, so a server of its dialect omits it.) No authorization code exists, so that grant is always
/// `InvalidGrantException`.
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
/// # use device_authority::{GrantKey, Records, create_token};
/// let poll = CreateTokenRequest::new(Client::public("my-tool"), Grant::device_code(codes.device_code));
/// let GrantKey::Device(selector) = GrantKey::of(&poll.grant) else { panic!("a device code names a device") };
/// let records = Records::of_client(store.client("my-tool")).with_device(store.device(selector));
/// let decision = create_token(&policy, records, &poll, now, &mut entropy);
/// assert_eq!(decision.reply.unwrap_err().code, FaultCode::AuthorizationPending);
/// assert_eq!(decision.changes.len(), 1); // that it polled; to be committed although the reply is a fault
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn create_token(
    policy: &ServerPolicy,
    records: Records<'_>,
    request: &CreateTokenRequest,
    now: Moment,
    entropy: &mut dyn Entropy,
) -> Decision<Token> {
    let client = match authenticate(records.client, &request.client, now) {
        Ok(client) if client.may_use(request.grant.grant_type()) => client,
        Ok(_) => return Decision::refuse(unauthorized()),
        Err(fault) => return Decision::refuse(fault),
    };
    match &request.grant {
        Grant::DeviceCode { device_code, code_verifier } => {
            let device = records
                .device
                .filter(|device| device.device_code == *device_code && device.client_id == request.client.id);
            let Some(device) = device else { return Decision::refuse(invalid_grant()) };
            match prove(device, code_verifier.as_ref()) {
                Ok(()) => poll(policy, client, device, device_code, now, entropy),
                Err(fault) => Decision::refuse(fault),
            }
        }
        Grant::RefreshToken { refresh_token } => {
            refresh::rotate(policy, client, records.refresh, refresh_token, &request.scope, now, entropy)
        }
        Grant::AuthorizationCode { .. } => Decision::refuse(invalid_grant()),
        _ => Decision::refuse(invalid_grant()),
    }
}

/// Checks that the device sends the verifier of its challenge, and none without a challenge.
fn prove(device: &DeviceRecord, verifier: Option<&Secret>) -> Result<(), Fault> {
    let why = match (device.code_challenge.as_deref(), verifier) {
        (None, None) => return Ok(()),
        (Some(challenge), Some(verifier)) if pkce::matches(challenge, verifier) => return Ok(()),
        (Some(_), Some(_)) => "The code_verifier does not match the code_challenge",
        (Some(_), None) => "The code_verifier is missing",
        // Otherwise a challenge lost on its way would go unnoticed (RFC 9700 §4.8.2).
        (None, Some(_)) => {
            "The request has a code_verifier, but the authorization request had no code_challenge"
        }
    };
    Err(Fault::new(FaultCode::InvalidGrant).with_description(why))
}

/// Handles a device's poll with its own code.
fn poll(
    policy: &ServerPolicy,
    client: &ClientRecord,
    device: &DeviceRecord,
    device_code: &Secret,
    now: Moment,
    entropy: &mut dyn Entropy,
) -> Decision<Token> {
    // `create_token` found the record by this selector, so it exists.
    let Some(selector) = Selector::of(device_code) else { return Decision::refuse(invalid_grant()) };
    let status = device.state.status;
    if policy.slow_down == SlowDown::Always
        && matches!(status, AuthorizationStatus::Approved | AuthorizationStatus::Denied)
        && !device.is_expired_at(now)
        && let (true, state) = pace::polled(device.state, policy.slow_down, now)
    {
        return Decision::new(
            Err(slow_down(policy, state)),
            vec![Change::SetDevice { device: selector, state }],
        );
    }
    match status {
        AuthorizationStatus::Redeemed(family) => {
            Decision::new(Err(invalid_grant()), family.map(Change::RevokeRefresh).into_iter().collect())
        }
        _ if device.is_expired_at(now) => Decision::refuse(
            Fault::new(FaultCode::ExpiredToken).with_description("The device code has expired"),
        ),
        AuthorizationStatus::Denied => {
            Decision::refuse(Fault::new(FaultCode::AccessDenied).with_description("The request was denied"))
        }
        AuthorizationStatus::Approved => match first_token(policy, client, device, now, entropy) {
            Err(fault) => Decision::refuse(fault),
            Ok((token, family)) => {
                let state = device.state.with_status(AuthorizationStatus::Redeemed(
                    family.as_ref().and_then(|family| Selector::of(&family.token)),
                ));
                let mut changes = vec![Change::SetDevice { device: selector, state }];
                changes.extend(family.map(Change::PutRefresh));
                Decision::new(Ok(token), changes)
            }
        },
        AuthorizationStatus::Pending | AuthorizationStatus::Expired => {
            let (too_early, state) = pace::polled(device.state, policy.slow_down, now);
            let fault = if too_early {
                slow_down(policy, state)
            } else {
                Fault::new(FaultCode::AuthorizationPending).with_description("Authorization is still pending")
            };
            Decision::new(Err(fault), vec![Change::SetDevice { device: selector, state }])
        }
    }
}

/// Returns the fault of an early poll. A standard client increases its interval by itself (RFC 8628 §3.5).
fn slow_down(policy: &ServerPolicy, state: DeviceState) -> Fault {
    let mut fault = Fault::new(FaultCode::SlowDown)
        .with_description("Polled too early; increase the interval by five seconds");
    if policy.slow_down == SlowDown::Always {
        fault.interval = Some(whole_seconds(state.interval));
    }
    fault
}

/// Issues the first token of a sign-in. With scopes it starts a token family, without scopes it does not, as
/// the real service.
fn first_token(
    policy: &ServerPolicy,
    client: &ClientRecord,
    device: &DeviceRecord,
    now: Moment,
    entropy: &mut dyn Entropy,
) -> Result<(Token, Option<RefreshRecord>), Fault> {
    let granted = scope::granted(client, &device.scope);
    let is_refreshable = !granted.is_empty() && client.may_use(grant_type::REFRESH_TOKEN);
    if !is_refreshable {
        let mut token = Token::bearer(secret::<64>(entropy)?, whole_seconds(policy.long_access_ttl));
        token.scope = scope::named(granted);
        return Ok((token, None));
    }
    let family = RefreshRecord {
        token: secret::<64>(entropy)?,
        client_id: client.registration.client.id.clone(),
        scope: device.scope.clone(),
        used: None,
        forget_at: now.after(policy.refresh_ttl),
    };
    let mut token = Token::bearer(secret::<64>(entropy)?, whole_seconds(policy.short_access_ttl))
        .with_refresh_token(family.token.clone());
    token.scope = scope::named(granted);
    Ok((token, Some(family)))
}

/// Returns the error for every code and token that is unknown, spent, or another client's.
pub(crate) fn invalid_grant() -> Fault {
    Fault::new(FaultCode::InvalidGrant).with_description("Invalid grant provided")
}

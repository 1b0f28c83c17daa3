//! CreateToken (RFC 6749 §4.1.3 and §6, RFC 8628 §3.4 and §3.5).

use oidc_proto::{CreateTokenRequest, Fault, FaultCode, Grant, Secret, Token, pkce};

use crate::client::{authenticate, unauthorized};
use crate::first_token::{Approved, first_token};
use crate::grace::{is_repeated, repeated};
use crate::moment::whole_seconds;
use crate::{
    AccessRecord, Authentication, AuthorizationStatus, Change, ClientRecord, Decision, DeviceRecord,
    DeviceState, Entropy, Fingerprint, FirstUse, Issued, Moment, Records, Seed, Selector, ServerPolicy,
    SlowDown, code, pace, refresh,
};

/// Exchanges a grant for tokens, or returns the fault.
///
/// The first check is that of the client: `InvalidClientException` if it is unknown, expired, or has the wrong
/// secret. `UnauthorizedClientException` if it registered for other grants only.
///
/// # A device code
///
/// The further checks, in order, and their faults:
///
/// 1. The code exists and belongs to this client: `InvalidGrantException`, the same for both.
/// 2. The verifier matches the device's challenge, or there is neither: `InvalidGrantException` (RFC 7636
///    §4.6, RFC 9700 §4.8.2). This check comes early, so a client with a PKCE bug gets the error at its first
///    poll. It changes nothing: the code stays valid for the client with the verifier. An attacker with only
///    the code can neither use it nor revoke its tokens.
/// 3. The code is unused: else `InvalidGrantException`. All tokens of its sign-in are revoked, since one of the two
///    users is an attacker. RFC 6749 §4.1.2 asks for that with authorization codes. It needs the code's record, which
///    is kept for [`ServerPolicy::remember_expired`] after the code's expiry. In its [`ServerPolicy::device_grace`] a
///    used code brings the same tokens again, while the access token lives and the refresh token is unused. That needs
///    the record that [`DeviceRecord::repeats_at`] names. Otherwise it is refused, and revokes nothing.
/// 4. The code has not expired: `ExpiredTokenException`.
/// 5. It was not denied: `AccessDeniedException`.
/// 6. It was approved: the token, and the code is spent. An approved device gets no `slow_down` for an early
///    poll, except with [`SlowDown::Always`]: the interval protects a server that has no decision yet.
/// 7. It is pending: `SlowDownException` if the device polls too early, else `AuthorizationPendingException`.
///
/// # An authorization code
///
/// The further checks, in order. Each of their faults is `InvalidGrantException` (RFC 6749 §5.2).
///
/// 1. The code exists and belongs to this client.
/// 2. The redirect URI is the one of the authorization request, port included (RFC 6749 §4.1.3).
/// 3. The verifier matches the challenge (RFC 7636 §4.6). Until here nothing changes. The code travels through
///    the browser, so others may learn it. The verifier does not. Without it an attacker can neither use the
///    code, nor spend it, nor revoke its tokens (RFC 9700 §4.5.3).
/// 4. The code is unused. A replay revokes all tokens of its sign-in, as above (RFC 6749 §4.1.2).
/// 5. The code has not expired.
/// 6. The client may request the code's scopes at this redirect URI. Only a client that was unknown at the
///    authorization can fail here; see [`presume_client`](crate::presume_client). The fault for a scope is
///    `InvalidScopeException`.
///
/// # A refresh token
///
/// It is valid once, or as [`ServerPolicy::rotation`] says (RFC 9700 §4.14.2). The response has its successor,
/// and reuse of an old one ends the token family. The request's scope narrows this one token; a scope that was
/// not granted is `InvalidScopeException`, and spends nothing. (AWS documents scope as ignored, so a server of
/// its dialect omits it.)
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
    let mut decision = exchange(policy, records, request, now, entropy);
    if let (Ok(token), false) = (&decision.reply, is_repeated(records)) {
        let start_url = match (records.device, records.refresh) {
            (Some(device), _) => device.start_url.as_deref(),
            (None, Some(family)) => family.start_url.as_deref(),
            (None, None) => records.client.and_then(|client| client.issuer_url.as_deref()),
        };
        decision.changes.extend(Fingerprint::of(&token.access_token).map(|access| {
            Change::AddAccess(AccessRecord {
                token: access,
                client_id: request.client.id.clone(),
                family: token.refresh_token.as_ref().and_then(Selector::of),
                start_url: start_url.map(Into::into),
                scope: token.scope.clone().unwrap_or_default(),
                authentication: authentication(records).map(|approval| Box::new(*approval)),
                expires_at: now.after(token.expires_in.unwrap_or_default()),
            })
        }));
    }
    decision
}

/// Returns who approved the sign-in of these records, and when.
pub(crate) fn authentication(records: Records<'_>) -> Option<&Authentication> {
    match (records.device, records.refresh) {
        (Some(device), _) => device.state.authentication.as_deref(),
        (None, Some(family)) => family.authentication.as_deref(),
        (None, None) => records.code?.authentication.as_deref(),
    }
}

fn exchange(
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
            let device = records.device.filter(|device| {
                device.device_code.matches(device_code) && device.client_id == request.client.id
            });
            let Some(device) = device else { return Decision::refuse(invalid_grant()) };
            match prove(device.code_challenge.as_deref(), code_verifier.as_ref()) {
                Ok(()) => poll(policy, records, client, device, device_code, now, entropy),
                Err(fault) => Decision::refuse(fault),
            }
        }
        Grant::RefreshToken { refresh_token } => {
            refresh::rotate(policy, client, records.refresh, refresh_token, &request.scope, now, entropy)
        }
        Grant::AuthorizationCode { code, redirect_uri, code_verifier } => {
            let record = records
                .code
                .filter(|record| record.code.matches(code) && record.client_id == request.client.id);
            let Some(record) = record else { return Decision::refuse(invalid_grant()) };
            let proof =
                code::Proof { redirect_uri: redirect_uri.as_deref(), verifier: code_verifier.as_ref() };
            code::redeem(policy, client, record, proof, now, entropy)
        }
        _ => Decision::refuse(invalid_grant()),
    }
}

/// Checks that the client sends the verifier of its challenge, and none without a challenge.
pub(crate) fn prove(challenge: Option<&str>, verifier: Option<&Secret>) -> Result<(), Fault> {
    let why = match (challenge, verifier) {
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
    records: Records<'_>,
    client: &ClientRecord,
    device: &DeviceRecord,
    offered: &Secret,
    now: Moment,
    entropy: &mut dyn Entropy,
) -> Decision<Token> {
    let selector = device.device_code.selector();
    let status = device.state.status;
    if policy.slow_down == SlowDown::Always
        && matches!(status, AuthorizationStatus::Approved | AuthorizationStatus::Denied)
        && !device.is_expired_at(now)
        && let (true, state) = pace::polled(&device.state, policy.slow_down, now)
    {
        return Decision::new(
            Err(slow_down(policy, &state)),
            vec![Change::SetDevice { device: selector, state }],
        );
    }
    match status {
        AuthorizationStatus::Redeemed(issued) => {
            match (device.state.first_use.as_deref(), device.repeats_at(policy, now)) {
                (Some(first), Some(issued)) => {
                    Decision::new(repeated(records, first, issued, offered, now), Vec::new())
                }
                _ => {
                    Decision::new(Err(invalid_grant()), issued.map(Issued::revocation).into_iter().collect())
                }
            }
        }
        _ if device.is_expired_at(now) => Decision::refuse(
            Fault::new(FaultCode::ExpiredToken).with_description("The device code has expired"),
        ),
        AuthorizationStatus::Denied => {
            Decision::refuse(Fault::new(FaultCode::AccessDenied).with_description("The request was denied"))
        }
        AuthorizationStatus::Approved => redeem(policy, client, device, offered, now, entropy),
        AuthorizationStatus::Pending | AuthorizationStatus::Expired => {
            let (too_early, state) = pace::polled(&device.state, policy.slow_down, now);
            let fault = if too_early {
                slow_down(policy, &state)
            } else {
                Fault::new(FaultCode::AuthorizationPending).with_description("Authorization is still pending")
            };
            Decision::new(Err(fault), vec![Change::SetDevice { device: selector, state }])
        }
    }
}

/// Spends an approved code.
fn redeem(
    policy: &ServerPolicy,
    client: &ClientRecord,
    device: &DeviceRecord,
    offered: &Secret,
    now: Moment,
    entropy: &mut dyn Entropy,
) -> Decision<Token> {
    let has_grace = !policy.device_grace.is_zero();
    let seed = match has_grace.then(|| Seed::random(entropy)).transpose() {
        Ok(seed) => seed,
        Err(none) => return Decision::refuse(none.into()),
    };
    let approved = Approved {
        scope: &device.scope,
        start_url: device.start_url.as_deref(),
        authentication: device.state.authentication.as_deref(),
    };
    let issued = match &seed {
        Some(seed) => first_token(policy, client, &approved, now, &mut seed.entropy_of(offered)),
        None => first_token(policy, client, &approved, now, entropy),
    };
    match issued {
        Err(fault) => Decision::refuse(fault),
        Ok((token, family)) => {
            let expires_at = now.after(token.expires_in.unwrap_or_default());
            let first_use =
                seed.map(|seed| Box::new(FirstUse { seed, at: now, expires_at, scope: token.scope.clone() }));
            let status = AuthorizationStatus::Redeemed(Issued::of(&token));
            let authentication = device.state.authentication.clone().filter(|_| has_grace);
            let state = DeviceState { status, authentication, first_use, ..device.state.clone() };
            let mut changes = vec![Change::SetDevice { device: device.device_code.selector(), state }];
            changes.extend(family.map(Change::PutRefresh));
            Decision::new(Ok(token), changes)
        }
    }
}

/// Returns the fault of an early poll. A standard client increases its interval by itself (RFC 8628 §3.5).
fn slow_down(policy: &ServerPolicy, state: &DeviceState) -> Fault {
    let mut fault = Fault::new(FaultCode::SlowDown)
        .with_description("Polled too early; increase the interval by five seconds");
    if policy.slow_down == SlowDown::Always {
        fault.interval = Some(whole_seconds(state.interval));
    }
    fault
}

/// Returns the error for every code and token that is unknown, spent, or another client's.
pub(crate) fn invalid_grant() -> Fault {
    Fault::new(FaultCode::InvalidGrant).with_description("Invalid grant provided")
}

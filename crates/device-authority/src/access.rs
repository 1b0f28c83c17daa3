//! Access tokens: the portal's sign-in check, and its Logout.

use oidc_proto::portal::PortalFault;
use oidc_proto::{Fault, Secret};

use crate::{AccessRecord, Change, Decision, Moment, RefreshRecord, Selector};

/// Returns the record of a valid access token. `access` is the record of the token's [`Selector`], and
/// `family` the one of its [`AccessRecord::family`].
///
/// A token ends with its life, with its family (a revocation, a replay, Logout), or with its own revocation.
///
/// ```
/// use core::time::Duration;
/// use device_authority::{Moment, recognize_token};
/// use oidc_proto::Secret;
///
/// let now = Moment::new(Duration::from_secs(1_700_000_000));
/// let unknown = recognize_token(None, None, &Secret::from("unknown"), now);
/// assert_eq!(unknown.unwrap_err().status, 401);
/// ```
///
/// # Errors
/// `UnauthorizedException`, the same for every reason.
pub fn recognize_token<'a>(
    access: Option<&'a AccessRecord>,
    family: Option<&RefreshRecord>,
    token: &Secret,
    now: Moment,
) -> Result<&'a AccessRecord, Fault> {
    access
        .filter(|access| access.token.matches(token) && now < access.expires_at)
        .filter(|access| access.family.is_none() || family.is_some_and(|family| now < family.forget_at))
        .ok_or_else(|| PortalFault::Unauthorized.fault("Session token not found or invalid"))
}

/// Ends the sign-in of an access token: its family with all tokens, or the token itself without a family.
/// Other sign-ins of the same person stay.
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
/// let token = store.create_token(&policy, &poll, now, &mut entropy)?.access_token;
/// assert_eq!(store.recognize_token(&token, now)?.client_id, "my-tool");
/// store.logout(&token, now)?;
/// assert_eq!(store.recognize_token(&token, now).unwrap_err().status, 401);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn logout(
    access: Option<&AccessRecord>,
    family: Option<&RefreshRecord>,
    token: &Secret,
    now: Moment,
) -> Decision<()> {
    match recognize_token(access, family, token, now) {
        Err(fault) => Decision::refuse(fault),
        Ok(access) => {
            let own = Selector::of(token).map(Change::RevokeAccess);
            let family = access.family.map(Change::RevokeRefresh);
            Decision::new(Ok(()), own.into_iter().chain(family).collect())
        }
    }
}

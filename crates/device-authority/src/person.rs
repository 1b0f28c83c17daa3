//! The person's side: review a code, and decide (RFC 8628 §3.3).

use core::time::Duration;

use crate::{
    Authentication, AuthorizationStatus, Change, ClientRecord, DeviceRecord, DeviceState, Moment, Subject,
    TooManyGuesses, UserCode, scope,
};

/// The information for the person's decision (RFC 8628 §5.4).
///
/// The texts are the client's own: escape them, and never trust them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Review {
    /// The code, to compare with the device's.
    pub user_code: UserCode,
    /// The client's name, as it registered.
    pub client_name: String,
    /// The requested scopes.
    pub scopes: Vec<String>,
    /// The portal of the sign-in. Only AWS's dialect has one.
    pub start_url: Option<String>,
    /// The time since the request.
    pub asked: Duration,
    /// The code's remaining life.
    pub left: Duration,
}

/// A person's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UserDecision {
    /// Approve, as this person: the device gets a token.
    Approve(Subject),
    /// Deny: the device gets `access_denied`.
    Deny,
    /// Expire the code: the device gets `expired_token`. For tests and simulated people.
    Expire,
}

impl UserDecision {
    /// The approval of [`Subject::PERSON`], for a service that does not tell people apart.
    pub const APPROVE: Self = Self::Approve(Subject::PERSON);
}

/// The reason why a person cannot decide on a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PersonError {
    /// The text cannot be a code, so it does not count as a guess.
    #[error("this is no code: a code has eight letters, and none of A, E, I, O, U and Y")]
    NotACode,
    /// The code does not exist.
    #[error("no device is waiting for this code")]
    Unknown,
    /// The code has expired.
    #[error("this code has expired")]
    Expired,
    /// The code was decided before.
    #[error("this code has already been used")]
    Decided,
    /// Too many wrong codes.
    #[error(transparent)]
    TooManyGuesses(#[from] TooManyGuesses),
    /// The service has no person with this identifier, so nothing was decided.
    #[error("this server has no such person")]
    NoSuchPerson,
    /// The store does not answer, so nothing was decided.
    #[error("the server cannot reach its store")]
    Unavailable,
}

/// Returns the review of a code. `device` is the record of the user code, `client` that of the device's
/// client.
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
/// # use device_authority::{PersonError, Selector, review};
/// let device = Selector::of(&codes.device_code).and_then(|selector| store.device(selector));
/// let review = |now| review(device, store.client("my-tool"), now);
/// assert_eq!(review(now)?.left, policy.device_ttl);
/// assert_eq!(review(now.after(policy.device_ttl)), Err(PersonError::Expired));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Returns [`PersonError::Unknown`], [`PersonError::Expired`] or [`PersonError::Decided`].
pub fn review(
    device: Option<&DeviceRecord>,
    client: Option<&ClientRecord>,
    now: Moment,
) -> Result<Review, PersonError> {
    let device = undecided(device, now)?;
    // A registration may expire while its device waits. Then no client can get a token.
    let client = client.filter(|client| now < client.forget_at).ok_or(PersonError::Expired)?;
    Ok(Review {
        user_code: device.user_code,
        client_name: client.name.clone(),
        scopes: scope::granted(client, &device.scope).to_vec(),
        start_url: device.start_url.clone(),
        asked: now.since(device.issued_at),
        left: device.expires_at.since(now),
    })
}

/// Returns the change of a verdict. `device` is the record of the user code.
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
/// # use device_authority::{AuthorizationStatus, Change, PersonError, Selector, Subject, decide};
/// let device = Selector::of(&codes.device_code).and_then(|selector| store.device(selector));
/// let change = decide(device, UserDecision::APPROVE, now)?;
/// let Change::SetDevice { state, .. } = change else { panic!("it sets the device") };
/// assert_eq!(state.status, AuthorizationStatus::Approved);
/// assert!(state.authentication.is_some_and(|approval| approval.subject == Subject::PERSON));
/// assert_eq!(decide(None, UserDecision::APPROVE, now), Err(PersonError::Unknown));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Returns [`PersonError::Unknown`], [`PersonError::Expired`] or [`PersonError::Decided`]. A decision is
/// final.
pub fn decide(
    device: Option<&DeviceRecord>,
    verdict: UserDecision,
    now: Moment,
) -> Result<Change, PersonError> {
    let device = undecided(device, now)?;
    let (status, subject) = match verdict {
        UserDecision::Approve(subject) => (AuthorizationStatus::Approved, Some(subject)),
        UserDecision::Deny => (AuthorizationStatus::Denied, None),
        UserDecision::Expire => (AuthorizationStatus::Expired, None),
    };
    let authentication = subject.map(|subject| Box::new(Authentication::new(subject, now)));
    let state = DeviceState { status, authentication, ..device.state.clone() };
    Ok(Change::SetDevice { device: device.device_code.selector(), state })
}

fn undecided(device: Option<&DeviceRecord>, now: Moment) -> Result<&DeviceRecord, PersonError> {
    let device = device.ok_or(PersonError::Unknown)?;
    match device.state.status {
        AuthorizationStatus::Approved | AuthorizationStatus::Denied | AuthorizationStatus::Redeemed(_) => {
            Err(PersonError::Decided)
        }
        AuthorizationStatus::Pending | AuthorizationStatus::Expired if device.is_expired_at(now) => {
            Err(PersonError::Expired)
        }
        AuthorizationStatus::Pending | AuthorizationStatus::Expired => Ok(device),
    }
}

//! The person's side: look at what a code stands for, and decide (RFC 8628 §3.3).

use core::time::Duration;

use crate::{
    Change, ClientRecord, DeviceRecord, Moment, Selector, Standing, TooManyGuesses, UserCode, scope,
};

/// What a person must see before deciding (RFC 8628 §5.4).
///
/// The texts are the client's own words: they are to be escaped, and never to be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Review {
    /// The code, to be compared with the one on the device.
    pub user_code: UserCode,
    /// What the client calls itself.
    pub client_name: String,
    /// What it asks for.
    pub scopes: Vec<String>,
    /// Where it wants to sign in, if it said so: only AWS's dialect does.
    pub start_url: Option<String>,
    /// How long ago it asked.
    pub asked: Duration,
    /// How long the code is still good for.
    pub left: Duration,
}

/// What a person decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// Yes: the device gets a token.
    Approve,
    /// No: the device hears `access_denied`.
    Deny,
    /// The code's time is cut short: the device hears `expired_token`. For tests and simulated people.
    Lapse,
}

/// Why a person cannot decide on a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PersonError {
    /// There is no such code.
    #[error("no device is waiting with this code")]
    Unknown,
    /// The code has expired.
    #[error("this code has expired")]
    Expired,
    /// A person has decided on it.
    #[error("this code has been used already")]
    Decided,
    /// Too many wrong codes were tried.
    #[error(transparent)]
    TooManyGuesses(#[from] TooManyGuesses),
}

/// What the person is to decide on. `device` is the record of the user code, `client` that of the device's client.
///
/// ```
/// # use core::time::Duration;
/// # use device_authority::{Capacity, Memory, Moment, NoEntropy, ServerPolicy};
/// # let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
/// # let mut count = 0u8;
/// # let mut entropy = |bytes: &mut [u8]| {
/// #     bytes.fill_with(|| { count = count.wrapping_mul(5).wrapping_add(1); count });
/// #     Ok::<(), NoEntropy>(())
/// # };
/// # use device_authority::{ClientRecord, Verdict};
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
/// [`PersonError::Unknown`], [`PersonError::Expired`] or [`PersonError::Decided`].
pub fn review(
    device: Option<&DeviceRecord>,
    client: Option<&ClientRecord>,
    now: Moment,
) -> Result<Review, PersonError> {
    let device = undecided(device, now)?;
    // A registration may lapse while its device waits; then there is no client to give a token to.
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

/// The change that a verdict makes. `device` is the record of the user code.
///
/// ```
/// # use core::time::Duration;
/// # use device_authority::{Capacity, Memory, Moment, NoEntropy, ServerPolicy};
/// # let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
/// # let mut count = 0u8;
/// # let mut entropy = |bytes: &mut [u8]| {
/// #     bytes.fill_with(|| { count = count.wrapping_mul(5).wrapping_add(1); count });
/// #     Ok::<(), NoEntropy>(())
/// # };
/// # use device_authority::{ClientRecord, Verdict};
/// # use oidc_proto::{Client, CreateTokenRequest, FaultCode, Grant, StartDeviceAuthorizationRequest};
/// # let mut store = Memory::new(Capacity::default());
/// # store.add_client(ClientRecord::preconfigured(Client::public("my-tool"), None));
/// # let ask = StartDeviceAuthorizationRequest::for_scope(Client::public("my-tool"), ["openid"]);
/// let codes = store.start_device_authorization(&policy, &ask, now, &mut entropy)?;
/// # use device_authority::{Change, PersonError, Selector, Standing, decide};
/// let device = Selector::of(&codes.device_code).and_then(|selector| store.device(selector));
/// let Change::SetDevice { state, .. } = decide(device, Verdict::Approve, now)? else { panic!("it sets the device") };
/// assert_eq!(state.standing, Standing::Approved);
/// assert_eq!(decide(None, Verdict::Approve, now), Err(PersonError::Unknown));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`PersonError::Unknown`], [`PersonError::Expired`] or [`PersonError::Decided`]: a decision stands, whatever the
/// second one is.
pub fn decide(device: Option<&DeviceRecord>, verdict: Verdict, now: Moment) -> Result<Change, PersonError> {
    let device = undecided(device, now)?;
    let selector = Selector::of(&device.device_code).ok_or(PersonError::Unknown)?;
    let standing = match verdict {
        Verdict::Approve => Standing::Approved,
        Verdict::Deny => Standing::Denied,
        Verdict::Lapse => Standing::Lapsed,
    };
    Ok(Change::SetDevice { device: selector, state: device.state.with_standing(standing) })
}

fn undecided(device: Option<&DeviceRecord>, now: Moment) -> Result<&DeviceRecord, PersonError> {
    let device = device.ok_or(PersonError::Unknown)?;
    match device.state.standing {
        Standing::Approved | Standing::Denied | Standing::Collected(_) => Err(PersonError::Decided),
        Standing::Pending | Standing::Lapsed if device.is_expired_at(now) => Err(PersonError::Expired),
        Standing::Pending | Standing::Lapsed => Ok(device),
    }
}

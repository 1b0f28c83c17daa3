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
    /// Somebody has decided on it.
    #[error("this code has been used already")]
    Decided,
    /// Too many wrong codes were tried.
    #[error(transparent)]
    TooManyGuesses(#[from] TooManyGuesses),
}

/// What the person is to decide on. `device` is the record of the user code, `client` that of the device's client.
///
/// # Errors
/// [`PersonError::Unknown`], [`PersonError::Expired`] or [`PersonError::Decided`].
pub fn review(
    device: Option<&DeviceRecord>,
    client: Option<&ClientRecord>,
    now: Moment,
) -> Result<Review, PersonError> {
    let device = undecided(device, now)?;
    // A registration may lapse while its device waits; then there is nobody to give a token to.
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

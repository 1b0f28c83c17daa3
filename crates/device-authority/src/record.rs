//! What a store keeps: plain data, and every record says when it may be forgotten.

use core::time::Duration;

use oidc_proto::{Client, Registration, Secret, grant_type};

use crate::{Moment, Selector, UserCode};

/// A registered client, kept under its id.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientRecord {
    /// The id that it was given, the secret unless it is a public client (RFC 6749 §2.1), and when they lapse.
    pub registration: Registration,
    /// Its name, for the person who approves.
    pub name: String,
    /// What its tokens may be used for.
    pub scopes: Vec<String>,
    /// Whether it may also ask for scopes that it did not register.
    pub any_scope: bool,
    /// The grants it asked for; none means the device flow and refreshing.
    pub grant_types: Vec<String>,
    /// Where an authorization code may be sent.
    pub redirect_uris: Vec<String>,
    /// The start URL that it registered for.
    pub issuer_url: Option<String>,
    /// When the registration lapses, and the record may be forgotten.
    pub forget_at: Moment,
}

impl ClientRecord {
    /// A client that the authority's owner sets up, and that does not lapse. Without scopes it may ask for any.
    ///
    /// ```
    /// use device_authority::ClientRecord;
    /// use oidc_proto::Client;
    /// let client = ClientRecord::preconfigured(Client::public("my-tool"), Some(vec!["openid".to_owned()]));
    /// assert_eq!((client.name.as_str(), client.any_scope), ("my-tool", false));
    /// assert!(ClientRecord::preconfigured(Client::public("my-tool"), None).any_scope);
    /// ```
    #[must_use]
    pub fn preconfigured(client: Client, scopes: Option<Vec<String>>) -> Self {
        Self {
            name: client.id.clone(),
            registration: Registration::new(client),
            any_scope: scopes.is_none(),
            scopes: scopes.unwrap_or_default(),
            grant_types: Vec::new(),
            redirect_uris: Vec::new(),
            issuer_url: None,
            forget_at: Moment::new(Duration::MAX),
        }
    }

    /// Whether the client may use this grant type.
    pub(crate) fn may_use(&self, grant: &str) -> bool {
        let any = self.grant_types.is_empty() && grant != grant_type::AUTHORIZATION_CODE;
        any || self.grant_types.iter().any(|registered| registered == grant)
    }
}

/// A device that asked for authorization, kept under the [`Selector`] of its code and under its user code.
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
/// let selector = device_authority::Selector::of(&codes.device_code).ok_or("it is one of ours")?;
/// let device = store.device(selector).ok_or("it has just asked")?;
/// assert!(device.is_pending_at(now) && !device.is_expired_at(now));
/// assert!(device.is_expired_at(device.expires_at)); // the last instant counts as over
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceRecord {
    /// The secret of the device.
    pub device_code: Secret,
    /// The code for the person.
    pub user_code: UserCode,
    /// The client that asked, and that alone may collect the token.
    pub client_id: String,
    /// The portal that it wants to sign in to, which only AWS's dialect names.
    pub start_url: Option<String>,
    /// The scopes that it asked for; none means those of its client.
    pub scope: Vec<String>,
    /// The challenge (RFC 7636 §4.2, S256) whose verifier the token request has to show, if the device sent one.
    pub code_challenge: Option<Box<str>>,
    /// When it asked.
    pub issued_at: Moment,
    /// When both codes expire.
    pub expires_at: Moment,
    /// When the record may be forgotten.
    pub forget_at: Moment,
    /// What changes.
    pub state: DeviceState,
}

/// What changes about a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceState {
    /// Where the authorization stands.
    pub standing: Standing,
    /// The least time between two polls; five seconds more after each `slow_down` (RFC 8628 §3.5).
    pub interval: Duration,
    /// The latest poll.
    pub last_poll: Option<Moment>,
    /// How many polls there were while it was pending, early ones included.
    pub polls: u32,
    /// Whether the one early poll of [`crate::SlowDown::Grace`] has been forgiven.
    pub grace_used: bool,
}

impl DeviceState {
    /// A device without a decision and that has not polled.
    pub(crate) const fn new(interval: Duration) -> Self {
        Self { standing: Standing::Pending, interval, last_poll: None, polls: 0, grace_used: false }
    }

    /// The same state with this standing.
    pub(crate) const fn with_standing(mut self, standing: Standing) -> Self {
        self.standing = standing;
        self
    }
}

/// Where a device's authorization stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// The person has not decided.
    Pending,
    /// The person said yes; the next poll gets the token.
    Approved,
    /// The person said no.
    Denied,
    /// Its time was cut short; it reads as expired.
    Lapsed,
    /// The token has been collected; a code is good once. With the chain of refresh tokens that came of it, to be
    /// revoked if the code turns up again.
    Collected(Option<Selector>),
}

impl DeviceRecord {
    /// Whether both codes have run out. The last instant of their life counts as over.
    #[must_use]
    pub fn is_expired_at(&self, now: Moment) -> bool {
        now >= self.expires_at || self.state.standing == Standing::Lapsed
    }

    /// Whether a person can still decide.
    #[must_use]
    pub fn is_pending_at(&self, now: Moment) -> bool {
        self.state.standing == Standing::Pending && !self.is_expired_at(now)
    }
}

/// A chain of refresh tokens: one sign-in, and the one token that is valid now. Kept under the [`Selector`], which
/// all tokens of the chain share, so that an old one finds the chain it was rotated out of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefreshRecord {
    /// The one valid token.
    pub token: Secret,
    /// The client it was issued to, and that alone may use it.
    pub client_id: String,
    /// The scopes that were granted; none means those of its client.
    pub scope: Vec<String>,
    /// The token before it, while [`crate::Rotation::Grace`] lets it pass.
    pub used: Option<Box<UsedToken>>,
    /// When the chain ends, whatever was refreshed, and the record may be forgotten.
    pub forget_at: Moment,
}

/// A refresh token that was used, and has a successor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsedToken {
    /// The token.
    pub token: Secret,
    /// When it was first used.
    pub at: Moment,
}

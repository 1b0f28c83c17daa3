//! The records of a store: plain data, each with the time when it may be forgotten. No record has a secret, only
//! its digest. The records implement serde's traits, so a store may keep them in any format.

use core::time::Duration;

use oidc_proto::{Client, Token, grant_type};
use serde::{Deserialize, Serialize};

use crate::{Authentication, Change, Digest, Fingerprint, Moment, Seed, Selector, ServerPolicy, UserCode};

/// A registered client, stored under its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClientRecord {
    /// Its id.
    pub id: String,
    /// Its secret; `None` for a public client (RFC 6749 §2.1).
    pub secret: Option<Digest>,
    /// Its name, shown to the person who approves.
    pub name: String,
    /// The scopes of its tokens.
    pub scopes: Vec<String>,
    /// Whether it may also request scopes that it did not register.
    pub any_scope: bool,
    /// The registered grants. An empty list means the device flow and refresh, and the authorization code with
    /// `any_loopback_redirect`.
    pub grant_types: Vec<String>,
    /// The redirect URIs for an authorization code.
    pub redirect_uris: Vec<String>,
    /// Whether it may get an authorization code at any redirect URI of this machine.
    pub any_loopback_redirect: bool,
    /// The start URL of its registration.
    pub issuer_url: Option<String>,
    /// The expiry of the registration, when the record may be forgotten.
    pub forget_at: Moment,
}

impl ClientRecord {
    /// Creates a client of the operator, which does not expire. Without scopes it may request any. It may use
    /// every grant, and any redirect URI of this machine.
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
            secret: client.secret.as_ref().map(Digest::of),
            id: client.id,
            any_scope: scopes.is_none(),
            scopes: scopes.unwrap_or_default(),
            grant_types: Vec::new(),
            redirect_uris: Vec::new(),
            any_loopback_redirect: true,
            issuer_url: None,
            forget_at: Moment::new(Duration::MAX),
        }
    }

    /// Returns whether the client may use this grant type.
    pub(crate) fn may_use(&self, grant: &str) -> bool {
        let may_by_default = grant != grant_type::AUTHORIZATION_CODE || self.any_loopback_redirect;
        let any = self.grant_types.is_empty() && may_by_default;
        any || self.grant_types.iter().any(|registered| registered == grant)
    }
}

/// A device that requested authorization, stored under the [`Selector`] of its code and under its user code.
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
/// let selector = device_authority::Selector::of(&codes.device_code).ok_or("it is one of ours")?;
/// let device = store.device(selector).ok_or("it has just asked")?;
/// assert!(device.is_pending_at(now) && !device.is_expired_at(now));
/// assert!(device.is_expired_at(device.expires_at)); // the last instant counts as over
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeviceRecord {
    /// The secret of the device.
    pub device_code: Fingerprint,
    /// The code for the person.
    pub user_code: UserCode,
    /// The client that requested the codes. It alone may collect the token.
    pub client_id: String,
    /// The requested portal. Only AWS's dialect has one.
    pub start_url: Option<String>,
    /// The requested scopes; an empty list means those of its client.
    pub scope: Vec<String>,
    /// The challenge (RFC 7636 §4.2, S256) that the token request's verifier must match, if the device sent
    /// one.
    pub code_challenge: Option<Box<str>>,
    /// The time of the request.
    pub issued_at: Moment,
    /// The expiry of both codes.
    pub expires_at: Moment,
    /// The time when the record may be forgotten.
    pub forget_at: Moment,
    /// The mutable part.
    pub state: DeviceState,
}

/// The mutable part of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeviceState {
    /// The state of the authorization.
    pub status: AuthorizationStatus,
    /// The least time between two polls; five seconds more after each `slow_down` (RFC 8628 §3.5).
    pub interval: Duration,
    /// The time of the latest poll.
    pub last_poll: Option<Moment>,
    /// The number of polls while pending, early ones included.
    pub polls: u32,
    /// Whether the one early poll of [`crate::SlowDown::Grace`] was used.
    pub grace_used: bool,
    /// Who approved, and when, until the token is issued. With a [`FirstUse`] it stays, for the ID token of a repeated
    /// response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication: Option<Box<Authentication>>,
    /// The first use of the code, if [`ServerPolicy::device_grace`] was to accept it again then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_use: Option<Box<FirstUse>>,
}

impl DeviceState {
    /// Creates the state of a device without decision and polls.
    pub(crate) const fn new(interval: Duration) -> Self {
        Self {
            status: AuthorizationStatus::Pending,
            interval,
            last_poll: None,
            polls: 0,
            grace_used: false,
            authentication: None,
            first_use: None,
        }
    }
}

/// The state of a device's authorization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum AuthorizationStatus {
    /// The person has not decided.
    Pending,
    /// The person approved; the next poll gets the token.
    Approved,
    /// The person denied.
    Denied,
    /// The code was made to expire early.
    Expired,
    /// The token was issued; a code is valid once, or in its [`ServerPolicy::device_grace`]. Holds what a later use of
    /// the code revokes.
    Redeemed(Option<Issued>),
}

impl DeviceRecord {
    /// Returns whether both codes have expired. The last instant of their life counts as expired.
    #[must_use]
    pub fn is_expired_at(&self, now: Moment) -> bool {
        now >= self.expires_at || self.state.status == AuthorizationStatus::Expired
    }

    /// Returns the tokens that this code brings again now: it is in its [`ServerPolicy::device_grace`]. A driver of
    /// [`crate::create_token`] then loads their record, too.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_authority::{Capacity, Memory, Moment, NoEntropy, ServerPolicy};
    /// # let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
    /// # let mut rng = fastrand::Rng::with_seed(1);
    /// # let mut entropy = |bytes: &mut [u8]| Ok::<(), NoEntropy>(rng.fill(bytes));
    /// # use device_authority::{ClientRecord, Issued, Selector, UserDecision};
    /// # use oidc_proto::{Client, CreateTokenRequest, Grant, StartDeviceAuthorizationRequest};
    /// # let mut store = Memory::new(Capacity::default());
    /// # store.add_client(ClientRecord::preconfigured(Client::public("my-tool"), None));
    /// # let ask = StartDeviceAuthorizationRequest::for_scope(Client::public("my-tool"), ["openid"]);
    /// # let codes = store.start_device_authorization(&policy, &ask, now, &mut entropy)?;
    /// # store.decide(&policy, None, &codes.user_code, UserDecision::APPROVE, now)?;
    /// # let poll = CreateTokenRequest::new(Client::public("my-tool"), Grant::device_code(codes.device_code.clone()));
    /// let policy = policy.with_device_grace(Duration::from_secs(30));
    /// let token = store.create_token(&policy, &poll, now, &mut entropy)?;
    /// let selector = Selector::of(&codes.device_code).ok_or("it is one of ours")?;
    /// let device = store.device(selector).ok_or("it has just asked")?;
    /// assert_eq!(device.repeats_at(&policy, now), Issued::of(&token));
    /// assert_eq!(device.repeats_at(&policy, now.after(Duration::from_secs(30))), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn repeats_at(&self, policy: &ServerPolicy, now: Moment) -> Option<Issued> {
        let AuthorizationStatus::Redeemed(issued) = self.state.status else { return None };
        let first = self.state.first_use.as_ref()?;
        let grace = policy.device_grace.min(policy.remember_expired);
        issued.filter(|_| now < first.at.after(grace))
    }

    /// Returns whether a person can still decide.
    #[must_use]
    pub fn is_pending_at(&self, now: Moment) -> bool {
        self.state.status == AuthorizationStatus::Pending && !self.is_expired_at(now)
    }
}

/// An authorization code, stored under the [`Selector`] of its code.
///
/// ```
/// # use core::time::Duration;
/// # use device_authority::{Capacity, Memory, Moment, NoEntropy, ServerPolicy};
/// # let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
/// # let mut rng = fastrand::Rng::with_seed(1);
/// # let mut entropy = |bytes: &mut [u8]| Ok::<(), NoEntropy>(rng.fill(bytes));
/// # use device_authority::{ClientRecord, CodeStatus, Selector, UserDecision};
/// # use oidc_proto::{AuthorizationRequest, Client, pkce};
/// # let mut store = Memory::new(Capacity::default());
/// # store.add_client(ClientRecord::preconfigured(Client::public("my-tool"), None));
/// # let request = AuthorizationRequest::new("my-tool", "http://127.0.0.1:49152/")
/// #     .with_code_challenge(pkce::challenge(&pkce::verifier(&[7; 32])));
/// let response = store.authorize(&policy, &request, UserDecision::APPROVE, now, &mut entropy)?;
/// let selector = Selector::of(&response.result?).ok_or("it is one of ours")?;
/// let code = store.code(selector).ok_or("it was just issued")?;
/// assert_eq!((code.status, code.expires_at), (CodeStatus::Unused, now.after(policy.code_ttl)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CodeRecord {
    /// The code.
    pub code: Fingerprint,
    /// The client that requested the authorization. It alone may redeem the code.
    pub client_id: String,
    /// The redirect URI of the request, port included.
    pub redirect_uri: String,
    /// The requested scopes; an empty list means those of its client.
    pub scope: Vec<String>,
    /// The challenge (RFC 7636 §4.2, S256) that the token request's verifier must match.
    pub code_challenge: Box<str>,
    /// The request's `nonce`, for the ID token (OpenID Connect Core §3.1.2.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Box<str>>,
    /// Who approved, and when. Absent in a record of an earlier version, and after a denial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication: Option<Box<Authentication>>,
    /// The time of the approval.
    pub issued_at: Moment,
    /// The expiry.
    pub expires_at: Moment,
    /// The time when the record may be forgotten.
    pub forget_at: Moment,
    /// Whether it was redeemed.
    pub status: CodeStatus,
}

/// The status of an authorization code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum CodeStatus {
    /// No token was issued for it.
    Unused,
    /// The token was issued; a code is valid once. Holds what a second use of the code revokes.
    Redeemed(Option<Issued>),
    /// The person denied the request, so the code was never sent.
    Denied,
}

/// The tokens of a redeemed code, by the record whose end is the end of all of them.
///
/// ```
/// use device_authority::{Issued, Selector};
/// use oidc_proto::{Secret, Token};
///
/// let mut token = Token::bearer(Secret::new("a".repeat(86)), core::time::Duration::from_secs(3600));
/// assert_eq!(Issued::of(&token), Selector::of(&token.access_token).map(Issued::Access));
/// let refresh_token = Secret::new("r".repeat(86));
/// token = token.with_refresh_token(refresh_token.clone());
/// assert_eq!(Issued::of(&token), Selector::of(&refresh_token).map(Issued::Family));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_enums, reason = "a store keeps every kind, so a new one has to break its build")]
pub enum Issued {
    /// A token family, with all its tokens.
    Family(Selector),
    /// An access token without a family.
    Access(Selector),
}

impl Issued {
    /// Returns the record to end for the first token of a sign-in; `None` if the token is too short to be one
    /// of ours.
    #[must_use]
    pub fn of(token: &Token) -> Option<Self> {
        match &token.refresh_token {
            Some(refresh_token) => Selector::of(refresh_token).map(Self::Family),
            None => Selector::of(&token.access_token).map(Self::Access),
        }
    }

    /// Returns the change that ends it.
    pub(crate) const fn revocation(self) -> Change {
        match self {
            Self::Family(selector) => Change::RevokeRefresh(selector),
            Self::Access(selector) => Change::RevokeAccess(selector),
        }
    }
}

/// A token family: one sign-in, and its one valid refresh token. Stored under the [`Selector`], which all its
/// tokens share, so an old token finds its family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RefreshRecord {
    /// The one valid token.
    pub token: Fingerprint,
    /// The client that it was issued to. It alone may use it.
    pub client_id: String,
    /// The granted scopes; an empty list means those of its client.
    pub scope: Vec<String>,
    /// The portal of the sign-in. Only AWS's dialect has one.
    pub start_url: Option<Box<str>>,
    /// The previous token, while [`crate::Rotation::Grace`] accepts it.
    pub used: Option<Box<UsedToken>>,
    /// Who approved, and when. Absent in a record of an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication: Option<Box<Authentication>>,
    /// The end of the family, unaffected by refreshes, when the record may be forgotten.
    pub forget_at: Moment,
}

/// An access token, stored under its [`Selector`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AccessRecord {
    /// The token.
    pub token: Fingerprint,
    /// The client that it was issued to.
    pub client_id: String,
    /// The token family of the sign-in, if it has one. Its end is the end of this token too.
    pub family: Option<Selector>,
    /// The portal of the sign-in. Only AWS's dialect has one.
    pub start_url: Option<Box<str>>,
    /// The scopes of this token. None in a record of an earlier version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<String>,
    /// Who approved, and when. Absent in a record of an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication: Option<Box<Authentication>>,
    /// The expiry, when the record may be forgotten.
    pub expires_at: Moment,
}

/// The first use of a device code, and what of its response no token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FirstUse {
    /// What derives the tokens from the code, for a second use of it.
    pub seed: Seed,
    /// The time of the use.
    pub at: Moment,
    /// The expiry of the access token.
    pub expires_at: Moment,
    /// The scopes of the response, if it named them.
    pub scope: Option<Vec<String>>,
}

/// A refresh token that was used and has a successor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UsedToken {
    /// The token.
    pub token: Fingerprint,
    /// What derives the successor from the token, for a second use of it.
    pub seed: Seed,
    /// The time of its first use.
    pub at: Moment,
}

//! The authority's policy: lifetimes, pacing, limits.

use alloc::collections::BTreeMap;
use core::time::Duration;

use crate::{ClientRecord, RegistrationKey};

/// The response to a client that polls before its interval has passed (RFC 8628 §3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum SlowDown {
    /// Every early poll gets `slow_down` with the new interval. The decision is checked only after that, as
    /// GitHub does: a device that polls too fast never learns of its approval.
    Always,
    /// Every early poll of an undecided device gets `slow_down`.
    Strict,
    /// The first early poll of a device is allowed. The AWS CLI needs that: it polls once before it shows the
    /// code and again immediately after.
    #[default]
    Grace,
    /// No poll is too early.
    Off,
}

/// The treatment of a used refresh token (RFC 9700 §4.14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Rotation {
    /// Each token is valid once. Reuse ends the token family, because an attacker may hold the token.
    Strict,
    /// Each token stays valid for [`ServerPolicy::rotation_grace`] after its first use, and gets the same
    /// successor each time. In that time the family does not rotate further. After it, [`Rotation::Strict`]
    /// applies. No AWS tool locks its cache across processes, so two concurrent refreshes must both get a
    /// token.
    #[default]
    Grace,
    /// A token is valid until its family ends, and is not rotated.
    Reuse,
}

/// The limits on wrong user codes (RFC 8628 §5.1).
///
/// A source is an IPv4 address or a /64 of IPv6; see [`Source`](crate::Source). Up to `everyone` wrong codes in a
/// window, a source has `per_source` of them. From there on it has `in_crowd`, so a person may still mistype, and
/// other people's guesses do not keep one out. At `ceiling` no code is checked until the window ends.
///
/// A user code has 2.56e10 values, or 34.6 bits. The table shows about how many guesses an attacker with so many
/// sources has, by the defaults. The last column is the chance to hit one given code in its life of ten minutes:
///
/// | sources | guesses in a minute | in ten minutes | chance |
/// |---|---|---|---|
/// | 1 | 10 | 110 | 2^-27.8 |
/// | 30 | 300 | 3,300 | 2^-22.9 |
/// | 1,000 | 2,240 | 24,640 | 2^-20.0 |
/// | 2,380 or more | 5,000 | 55,000 | 2^-18.8 |
///
/// A site of IPv6 with a whole /48 has `per_site` of them, as 30 sources have: it needs 17 such sites to reach the
/// ceiling. Its other /64s have no more guesses then, and all other people have theirs.
///
/// Ten minutes touch eleven windows. With many live codes, the chance to hit any of them is as many times higher.
/// Only an attacker of the last row can keep other people out.
///
/// ```
/// use core::time::Duration;
/// use device_authority::GuessLimit;
/// let strict = GuessLimit::default().with_window(Duration::from_secs(600)).with_per_source(3).with_everyone(30);
/// let strict = strict.with_in_crowd(1).with_ceiling(100);
/// assert_eq!((strict.window.as_secs(), strict.per_source, strict.everyone), (600, 3, 30));
/// let strict = strict.with_per_site(9);
/// assert_eq!((strict.in_crowd, strict.ceiling, strict.per_site), (1, 100, 9));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GuessLimit {
    /// The window after which a count restarts. Default: one minute.
    pub window: Duration,
    /// The wrong codes from one source in a window. Default: 10.
    pub per_source: u32,
    /// The wrong codes from one /48 of IPv6 in a window. Default: 300, so no single site comes near the ceiling.
    pub per_site: u32,
    /// The wrong codes from all sources in a window, from which on `in_crowd` is the limit of a source. Default: 300.
    pub everyone: u32,
    /// The wrong codes from one source in a window, while those of all sources are above `everyone`. Default: 2.
    pub in_crowd: u32,
    /// The wrong codes from all sources in a window, from which on no code is checked. Default: 5,000. So a store
    /// with the default [`Capacity`](crate::Capacity) has room for the sources of two windows.
    pub ceiling: u32,
}

impl Default for GuessLimit {
    fn default() -> Self {
        let window = Duration::from_secs(60);
        Self { window, per_source: 10, per_site: 300, everyone: 300, in_crowd: 2, ceiling: 5_000 }
    }
}

impl GuessLimit {
    /// Returns the same limit with this window.
    #[must_use]
    pub const fn with_window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// Returns the same limit with this many wrong codes from one source in a window.
    #[must_use]
    pub const fn with_per_source(mut self, count: u32) -> Self {
        self.per_source = count;
        self
    }

    /// Returns the same limit with this many wrong codes from one /48 of IPv6 in a window.
    #[must_use]
    pub const fn with_per_site(mut self, count: u32) -> Self {
        self.per_site = count;
        self
    }

    /// Returns the same limit, in which a source has fewer wrong codes once all sources have so many.
    #[must_use]
    pub const fn with_everyone(mut self, count: u32) -> Self {
        self.everyone = count;
        self
    }

    /// Returns the same limit with this many wrong codes from one source while there are many from all.
    #[must_use]
    pub const fn with_in_crowd(mut self, count: u32) -> Self {
        self.in_crowd = count;
        self
    }

    /// Returns the same limit with this many wrong codes from all sources in a window.
    #[must_use]
    pub const fn with_ceiling(mut self, count: u32) -> Self {
        self.ceiling = count;
        self
    }
}

/// The authority's rules. The defaults are the real service's, where those are known.
///
/// ```
/// use core::time::Duration;
/// use device_authority::{GuessLimit, ServerPolicy, RegistrationKey, Rotation, SlowDown};
/// use oidc_proto::Secret;
///
/// let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
/// let policy = ServerPolicy::default()
///     .with_interval(Duration::from_secs(5))
///     .with_slow_down(SlowDown::Strict)
///     .with_device_ttl(minutes(15))
///     .with_device_grace(minutes(1))
///     .with_code_ttl(minutes(5))
///     .with_remember_expired(minutes(1))
///     .with_registration_ttl(minutes(60))
///     .with_registration_key(RegistrationKey::new(Secret::new("k".repeat(43)))?)
///     .with_access_ttl(minutes(5))
///     .with_refresh_ttl(minutes(30))
///     .with_id_token_ttl(minutes(5))
///     .with_rotation(Rotation::Strict)
///     .with_rotation_grace(minutes(2))
///     .with_guesses(GuessLimit::default().with_everyone(30))
///     .with_verification_uri("https://sso.example/device")
///     .with_region("eu-west-1");
/// assert_eq!((policy.interval.as_secs(), policy.region.as_str()), (5, "eu-west-1"));
/// # Ok::<(), device_authority::WeakKey>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerPolicy {
    /// The least time between two polls of a device. Default: 1 s, like the real service. The wire has whole
    /// seconds, so a fraction is announced rounded up and enforced exactly.
    pub interval: Duration,
    /// The life of a device code and its user code. Default: 600 s.
    pub device_ttl: Duration,
    /// The time for which a device code that brought tokens brings the same ones again, counted from its first use.
    /// With one, a client that lost the response needs no second approval: its connection broke, or the server ended.
    /// Without one, a code is good once, and its second use revokes the tokens. Default: none. RFC 8628 decides
    /// neither way. For authorization codes RFC 6749 §4.1.2 does: they are good once.
    ///
    /// It ends with the access token, and with the first use of the refresh token. It lasts at most
    /// [`Self::remember_expired`], and a full store may forget it sooner. All servers of a store need the same.
    pub device_grace: Duration,
    /// The life of an authorization code. Default: 60 s. RFC 6749 §4.1.2 recommends at most ten minutes. A
    /// program redeems its code at once, so a longer life helps only an attacker.
    pub code_ttl: Duration,
    /// The life of a registration. Default: 90 days (7,776,000 s).
    pub registration_ttl: Duration,
    /// The key that authenticates registrations. With one, a client's secret carries its registration, so a
    /// server that forgot it, or another server with the key, recognizes it. Then a client may have only half
    /// the metadata, because it is stored twice. A client without a secret cannot prove anything. Default:
    /// none.
    pub registration_key: Option<RegistrationKey>,
    /// Whether to accept an unknown client with a secret, for the scope `sso:account:access`, as if it had
    /// registered elsewhere. The first client with an id owns it. Default: no.
    pub accept_unknown_clients: bool,
    /// The life of an access token without a refresh token, for a client without scopes. Default: 8 h.
    pub long_access_ttl: Duration,
    /// The life of an access token with a refresh token. Default: 1 h.
    pub short_access_ttl: Duration,
    /// The life of a token family, counted from the first token. As with the portal session, a refresh does
    /// not extend it. Default: 90 days.
    pub refresh_ttl: Duration,
    /// The life of an ID token (OpenID Connect Core §2), rounded up to whole seconds. It proves a sign-in to its client
    /// and opens nothing, so no revocation ends it. Default: 1 h.
    pub id_token_ttl: Duration,
    /// The treatment of a used refresh token. Default: [`Rotation::Grace`], as the real service appears to
    /// do.
    pub rotation: Rotation,
    /// The time for which [`Rotation::Grace`] accepts a used refresh token, counted from its first use.
    /// Default: 60 s.
    pub rotation_grace: Duration,
    /// The time for which an expired code is remembered. So its device gets `expired_token` and not
    /// `invalid_grant`, and a replay of a redeemed code is noticed. Default: 10 minutes. A full store may forget
    /// it sooner.
    pub remember_expired: Duration,
    /// The response to early polls. Default: [`SlowDown::Grace`].
    pub slow_down: SlowDown,
    /// The limits on wrong user codes.
    pub guesses: GuessLimit,
    /// The clients of the operator, by id; see [`ClientRecord::preconfigured`]. No store keeps them, so a client
    /// that the operator removes is gone. Default: none.
    pub preconfigured_clients: BTreeMap<String, ClientRecord>,
    /// The address of the approval page. The user code is appended as the query `user_code`. Default:
    /// `http://127.0.0.1/device`.
    pub verification_uri: String,
    /// The region, which the client id contains as with the real service. Default: `us-east-1`.
    pub region: String,
}

impl Default for ServerPolicy {
    fn default() -> Self {
        const HOUR: Duration = Duration::from_secs(3600);
        const DAYS_90: Duration = Duration::from_secs(7_776_000);
        Self {
            interval: Duration::from_secs(1),
            device_ttl: Duration::from_secs(600),
            device_grace: Duration::ZERO,
            code_ttl: Duration::from_secs(60),
            registration_ttl: DAYS_90,
            registration_key: None,
            accept_unknown_clients: false,
            long_access_ttl: HOUR.saturating_mul(8),
            short_access_ttl: HOUR,
            refresh_ttl: DAYS_90,
            id_token_ttl: HOUR,
            rotation: Rotation::default(),
            rotation_grace: Duration::from_secs(60),
            remember_expired: Duration::from_secs(600),
            slow_down: SlowDown::default(),
            guesses: GuessLimit::default(),
            preconfigured_clients: BTreeMap::new(),
            verification_uri: "http://127.0.0.1/device".to_owned(),
            region: "us-east-1".to_owned(),
        }
    }
}

impl ServerPolicy {
    /// Returns the same policy with this polling interval.
    #[must_use]
    pub const fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Returns the same policy with this life of device codes.
    #[must_use]
    pub const fn with_device_ttl(mut self, ttl: Duration) -> Self {
        self.device_ttl = ttl;
        self
    }

    /// Returns the same policy with this grace period of redeemed device codes.
    #[must_use]
    pub const fn with_device_grace(mut self, grace: Duration) -> Self {
        self.device_grace = grace;
        self
    }

    /// Returns the same policy with this life of authorization codes.
    #[must_use]
    pub const fn with_code_ttl(mut self, ttl: Duration) -> Self {
        self.code_ttl = ttl;
        self
    }

    /// Returns the same policy with this life of registrations.
    #[must_use]
    pub const fn with_registration_ttl(mut self, ttl: Duration) -> Self {
        self.registration_ttl = ttl;
        self
    }

    /// Returns the same policy with this key for registrations.
    #[must_use]
    pub fn with_registration_key(mut self, key: RegistrationKey) -> Self {
        self.registration_key = Some(key);
        self
    }

    /// Returns the same policy, which accepts unknown clients.
    ///
    /// ```
    /// use device_authority::ServerPolicy;
    /// assert!(ServerPolicy::default().with_unknown_clients_accepted().accept_unknown_clients);
    /// ```
    #[must_use]
    pub const fn with_unknown_clients_accepted(mut self) -> Self {
        self.accept_unknown_clients = true;
        self
    }

    /// Returns the same policy with this life of access tokens, with and without a refresh token.
    #[must_use]
    pub const fn with_access_ttl(mut self, ttl: Duration) -> Self {
        self.long_access_ttl = ttl;
        self.short_access_ttl = ttl;
        self
    }

    /// Returns the same policy with this life of a token family.
    #[must_use]
    pub const fn with_refresh_ttl(mut self, ttl: Duration) -> Self {
        self.refresh_ttl = ttl;
        self
    }

    /// Returns the same policy with this life of ID tokens.
    #[must_use]
    pub const fn with_id_token_ttl(mut self, ttl: Duration) -> Self {
        self.id_token_ttl = ttl;
        self
    }

    /// Returns the same policy with this treatment of used refresh tokens.
    #[must_use]
    pub const fn with_rotation(mut self, rotation: Rotation) -> Self {
        self.rotation = rotation;
        self
    }

    /// Returns the same policy with this grace period of used refresh tokens.
    #[must_use]
    pub const fn with_rotation_grace(mut self, grace: Duration) -> Self {
        self.rotation_grace = grace;
        self
    }

    /// Returns the same policy with this time for which expired codes are remembered.
    #[must_use]
    pub const fn with_remember_expired(mut self, time: Duration) -> Self {
        self.remember_expired = time;
        self
    }

    /// Returns the same policy with this response to early polls.
    #[must_use]
    pub const fn with_slow_down(mut self, slow_down: SlowDown) -> Self {
        self.slow_down = slow_down;
        self
    }

    /// Returns the same policy with this limit on wrong user codes.
    #[must_use]
    pub const fn with_guesses(mut self, guesses: GuessLimit) -> Self {
        self.guesses = guesses;
        self
    }

    /// Returns the same policy with one more client of the operator.
    ///
    /// ```
    /// use device_authority::{ClientRecord, ServerPolicy};
    /// use oidc_proto::Client;
    /// let client = ClientRecord::preconfigured(Client::public("my-tool"), None);
    /// let policy = ServerPolicy::default().with_client(client);
    /// assert!(policy.preconfigured_clients.contains_key("my-tool"));
    /// ```
    #[must_use]
    pub fn with_client(mut self, client: ClientRecord) -> Self {
        self.preconfigured_clients.insert(client.id.clone(), client);
        self
    }

    /// Returns the same policy with this address of the approval page.
    #[must_use]
    pub fn with_verification_uri(mut self, uri: impl Into<String>) -> Self {
        self.verification_uri = uri.into();
        self
    }

    /// Returns the same policy with this region.
    #[must_use]
    pub fn with_region(mut self, region: impl Into<String>) -> Self {
        self.region = region.into();
        self
    }
}

//! The rate limit of wrong user codes (RFC 8628 §5.1).
//!
//! Each source has a limit of its own, and so has a site of IPv6, which has 65,536 sources. Above the limit of all
//! sources together, each has a smaller one, so strangers cannot use up the guesses of a person. Only above the
//! ceiling is no code checked.

use alloc::collections::BTreeMap;
use core::net::IpAddr;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{GuessLimit, Moment, ServerPolicy};

/// The origin of a guess.
///
/// ```
/// use device_authority::Source;
/// let of = |address: &str| Source::of(address.parse().unwrap());
/// assert_eq!(of("2001:db8::1"), of("2001:db8::2")); // one /64, one source
/// assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
/// assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Source(u128);

impl Source {
    /// All sources together.
    pub const EVERYONE: Self = Self(0);

    /// Returns the source as bytes, the key in a database.
    ///
    /// ```
    /// use device_authority::Source;
    /// assert_eq!(Source::EVERYONE.to_bytes(), [0; 16]);
    /// ```
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// Returns the source of an address. An IPv6 host commands a whole /64, which counts as one source.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(v4.to_ipv6_mapped().to_bits()),
            IpAddr::V6(v6) => Self(v6.to_bits() | u128::from(u64::MAX)),
        }
    }
}

impl Source {
    /// Returns the site of this source, whose record has its wrong codes. An IPv4 address is a site of its own. A site
    /// of IPv6 has up to a /48 (RFC 6177), which is 65,536 of /64. A limit for each of those would hardly bound it.
    ///
    /// ```
    /// use device_authority::Source;
    /// let site = |address: &str| Source::of(address.parse().unwrap()).site();
    /// assert_eq!(site("2001:db8:1:2::1"), site("2001:db8:1:ffff::1"));
    /// assert_ne!(site("2001:db8:1::1"), site("2001:db8:2::1"));
    /// assert_eq!(site("192.0.2.1"), Source::of("192.0.2.1".parse().unwrap()));
    /// ```
    #[must_use]
    pub const fn site(self) -> Self {
        match self.subnet() {
            Some(_) => Self(self.0 | SUBNETS),
            None => self,
        }
    }

    /// Returns which /64 of its site this source is; `None` for a site with one source.
    #[expect(clippy::cast_possible_truncation, reason = "the 16 bits between the /48 and the /64")]
    const fn subnet(self) -> Option<u16> {
        let is_ipv4 = self.0 >> 32 == 0xffff;
        if is_ipv4 || self.0 == Self::EVERYONE.0 { None } else { Some((self.0 >> 64) as u16) }
    }
}

/// The bits of an IPv6 address below those of its site.
const SUBNETS: u128 = (1 << 80) - 1;

/// The wrong codes of one site in one window; see [`Source::site`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GuessRecord {
    /// The start of the window.
    pub began: Moment,
    /// The wrong codes in it.
    pub count: u32,
    /// Those of each /64 of a site of IPv6, by the 16 bits that tell it apart.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub subnets: BTreeMap<u16, u32>,
    /// The end of the window, when the record may be forgotten.
    pub forget_at: Moment,
}

impl GuessRecord {
    /// Returns the wrong codes of this source, which is one of the site.
    fn of(&self, source: Source) -> u32 {
        match source.subnet() {
            Some(subnet) => self.subnets.get(&subnet).copied().unwrap_or_default(),
            None => self.count,
        }
    }
}

/// Too many wrong codes. No code of the source is checked until the wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many wrong codes; try again in {} s", (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1))]
#[non_exhaustive]
pub struct TooManyGuesses {
    /// The time until the next code is checked.
    pub wait: Duration,
}

/// Returns whether a code from this source may be looked up. `site` is the record of its [`Source::site`]. Call it
/// *before* the look-up: over the limit a right code is refused too, so further guesses learn nothing.
///
/// The limits are those of [`GuessLimit`], which also tells how many guesses they leave an attacker.
///
/// ```
/// use core::time::Duration;
/// use device_authority::{GuessLimit, Moment, ServerPolicy, Source, count_guess, may_guess};
///
/// let policy = ServerPolicy::default().with_guesses(GuessLimit::default().with_per_source(1));
/// let source = Source::of("192.0.2.1".parse().unwrap());
/// let now = Moment::new(Duration::from_secs(1_700_000_000));
/// assert!(may_guess(&policy, source, None, None, now).is_ok());
/// let wrong = count_guess(&policy, source, None, now);
/// let refused = may_guess(&policy, source, Some(&wrong), None, now).unwrap_err();
/// assert!(may_guess(&policy, source, Some(&wrong), None, now.after(refused.wait)).is_ok());
/// ```
///
/// # Errors
/// Returns [`TooManyGuesses`] while the source or its site is over its limit, or all sources together are over the
/// ceiling.
pub fn may_guess(
    policy: &ServerPolicy,
    source: Source,
    site: Option<&GuessRecord>,
    everyone: Option<&GuessRecord>,
    now: Moment,
) -> Result<(), TooManyGuesses> {
    // A window in the future comes from a clock that stepped back. It refuses no code. The next wrong code moves
    // it to the present and keeps the count.
    let began = |record: &&GuessRecord| record.began <= now;
    let (site, everyone) = (site.filter(began), everyone.filter(began));
    let limit = &policy.guesses;
    if is_checked(limit, source, site, everyone, now) {
        return Ok(());
    }
    // A limit changes only where a window ends.
    let ends = [site, everyone].into_iter().flatten().map(|record| record.forget_at);
    let checked = ends.filter(|end| is_checked(limit, source, site, everyone, *end)).min();
    Err(TooManyGuesses { wait: checked.unwrap_or(now).since(now) })
}

/// Returns whether a code is checked at this time, if there is no further guess until then.
fn is_checked(
    limit: &GuessLimit,
    source: Source,
    site: Option<&GuessRecord>,
    everyone: Option<&GuessRecord>,
    at: Moment,
) -> bool {
    let lasts = |record: &&GuessRecord| at < record.forget_at;
    let (site, everyone) = (site.filter(lasts), everyone.filter(lasts));
    let reaches = |record: Option<&GuessRecord>, count| record.is_some_and(|record| record.count >= count);
    let is_crowded = reaches(everyone, limit.everyone);
    let of_source = if is_crowded { limit.in_crowd.min(limit.per_source) } else { limit.per_source };
    let mine = site.map_or(0, |record| record.of(source));
    let is_site_over = source.subnet().is_some() && reaches(site, limit.per_site);
    !reaches(everyone, limit.ceiling) && !is_site_over && (mine == 0 || mine < of_source)
}

/// Returns the record of a source's site, or of [`Source::EVERYONE`], after one more wrong code. A right code does
/// not reset it, so a guesser cannot buy a fresh start.
///
/// ```
/// use core::time::Duration;
/// use device_authority::{Moment, ServerPolicy, Source, count_guess};
///
/// let source = Source::of("192.0.2.1".parse().unwrap());
/// let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
/// let first = count_guess(&policy, source, None, now);
/// let second = count_guess(&policy, source, Some(&first), now);
/// assert_eq!((first.count, second.count, second.began), (1, 2, now));
/// // The window is over, and the count begins anew:
/// assert_eq!(count_guess(&policy, source, Some(&second), second.forget_at).count, 1);
/// ```
#[must_use]
pub fn count_guess(
    policy: &ServerPolicy,
    source: Source,
    record: Option<&GuessRecord>,
    now: Moment,
) -> GuessRecord {
    let (began, count, mut subnets) = match record {
        // After a step back of the clock the window restarts, and the count stays.
        Some(record) if now < record.forget_at => {
            (record.began.min(now), record.count.saturating_add(1), record.subnets.clone())
        }
        _ => (now, 1, BTreeMap::new()),
    };
    if let Some(subnet) = source.subnet() {
        let count = subnets.entry(subnet).or_insert(0_u32);
        *count = count.saturating_add(1);
    }
    GuessRecord { began, count, subnets, forget_at: began.after(policy.guesses.window) }
}

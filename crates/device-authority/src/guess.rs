//! The rate limit of wrong user codes (RFC 8628 §5.1).
//!
//! Each source has a limit of its own. Above the limit of all sources together, each has a smaller one, so strangers
//! cannot use up the guesses of a person. Only above the ceiling is no code checked.

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

/// The wrong codes of one source in one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GuessRecord {
    /// The start of the window.
    pub began: Moment,
    /// The wrong codes in it.
    pub count: u32,
    /// The end of the window, when the record may be forgotten.
    pub forget_at: Moment,
}

/// Too many wrong codes. No code of the source is checked until the wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many wrong codes; try again in {} s", (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1))]
#[non_exhaustive]
pub struct TooManyGuesses {
    /// The time until the next code is checked.
    pub wait: Duration,
}

/// Returns whether a code from this source may be looked up. Call it *before* the look-up: over the limit a
/// right code is refused too, so further guesses learn nothing.
///
/// The limits are those of [`GuessLimit`], which also tells how many guesses they leave an attacker.
///
/// ```
/// use core::time::Duration;
/// use device_authority::{GuessLimit, Moment, ServerPolicy, count_guess, may_guess};
///
/// let policy = ServerPolicy::default().with_guesses(GuessLimit::default().with_per_source(1));
/// let now = Moment::new(Duration::from_secs(1_700_000_000));
/// assert!(may_guess(&policy, None, None, now).is_ok());
/// let wrong = count_guess(&policy, None, now);
/// let refused = may_guess(&policy, Some(&wrong), None, now).unwrap_err();
/// assert!(may_guess(&policy, Some(&wrong), None, now.after(refused.wait)).is_ok());
/// ```
///
/// # Errors
/// Returns [`TooManyGuesses`] while the source is over its limit, or all sources together are over the ceiling.
pub fn may_guess(
    policy: &ServerPolicy,
    source: Option<&GuessRecord>,
    everyone: Option<&GuessRecord>,
    now: Moment,
) -> Result<(), TooManyGuesses> {
    // A window in the future comes from a clock that stepped back. It refuses no code. The next wrong code moves
    // it to the present and keeps the count.
    let began = |record: &&GuessRecord| record.began <= now;
    let (source, everyone) = (source.filter(began), everyone.filter(began));
    let limit = &policy.guesses;
    if is_checked(limit, source, everyone, now) {
        return Ok(());
    }
    // A limit changes only where a window ends.
    let ends = [source, everyone].into_iter().flatten().map(|record| record.forget_at);
    let checked = ends.filter(|end| is_checked(limit, source, everyone, *end)).min();
    Err(TooManyGuesses { wait: checked.unwrap_or(now).since(now) })
}

/// Returns whether a code is checked at this time, if there is no further guess until then.
fn is_checked(
    limit: &GuessLimit,
    source: Option<&GuessRecord>,
    everyone: Option<&GuessRecord>,
    at: Moment,
) -> bool {
    let reaches = |record: Option<&GuessRecord>, count| {
        record.is_some_and(|record| at < record.forget_at && record.count >= count)
    };
    let is_crowded = reaches(everyone, limit.everyone);
    let of_source = if is_crowded { limit.in_crowd.min(limit.per_source) } else { limit.per_source };
    !reaches(everyone, limit.ceiling) && !reaches(source, of_source)
}

/// Returns the record of a source after one more wrong code. A right code does not reset it, so a guesser
/// cannot buy a fresh start.
///
/// ```
/// use core::time::Duration;
/// use device_authority::{Moment, ServerPolicy, count_guess};
///
/// let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
/// let first = count_guess(&policy, None, now);
/// let second = count_guess(&policy, Some(&first), now);
/// assert_eq!((first.count, second.count, second.began), (1, 2, now));
/// // The window is over, and the count begins anew:
/// assert_eq!(count_guess(&policy, Some(&second), second.forget_at).count, 1);
/// ```
#[must_use]
pub fn count_guess(policy: &ServerPolicy, record: Option<&GuessRecord>, now: Moment) -> GuessRecord {
    match record {
        Some(record) if now < record.forget_at => {
            // After a step back of the clock the window restarts, and the count stays.
            let began = record.began.min(now);
            GuessRecord {
                began,
                count: record.count.saturating_add(1),
                forget_at: began.after(policy.guesses.window),
            }
        }
        _ => GuessRecord { began: now, count: 1, forget_at: now.after(policy.guesses.window) },
    }
}

//! The rules of a renewal that a caller may change.

use core::time::Duration;

/// How a renewal decides. The defaults suit a program that AWS's tools run beside.
///
/// ```
/// use core::time::Duration;
/// use device_flow::renewal::RenewalPolicy;
///
/// let seconds = Duration::from_secs;
/// let policy = RenewalPolicy::default().with_margin(seconds(900)).with_max_requests(3);
/// assert_eq!((policy.margin, policy.max_requests), (seconds(900), 3));
/// // A program that must answer soon:
/// let hasty = RenewalPolicy::default().with_lock_wait(seconds(2));
/// let hasty = hasty.with_retry_window(seconds(0)).with_reread_window(seconds(0));
/// let hasty = hasty.with_first_backoff(seconds(1)).with_max_backoff(seconds(1));
/// // `refresh --force`, by a program that signs in if need be:
/// let forced = RenewalPolicy::default().with_forced(true).with_signs_in(true);
/// // A server that calls often, with tokens for short requests:
/// let busy = RenewalPolicy::default().with_throttle(seconds(60)).with_least_life(seconds(10));
/// assert!(hasty != busy && forced.forced);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RenewalPolicy {
    /// A token with no more than this life left is refreshed. Default: 5 min, as in AWS's SDKs.
    pub margin: Duration,
    /// The shortest remaining life of a token that is used although its refresh failed. Default: 60 s, so that
    /// a request can still start with it.
    pub least_life: Duration,
    /// While the token is good, the least time between two refreshes of one session. Default: 30 s, as in
    /// AWS's SDKs.
    pub throttle: Duration,
    /// The longest wait for another holder of the lock. Default: 60 s. A token that is still good waits 10 s.
    pub lock_wait: Duration,
    /// The time in which the refresh of an expired token is retried. Default: 30 s.
    pub retry_window: Duration,
    /// The wait after the first error. It doubles with each further one. Default: 1 s.
    pub first_backoff: Duration,
    /// The longest backoff. Default: 20 s.
    pub max_backoff: Duration,
    /// The most requests. Default: 5.
    pub max_requests: u32,
    /// After an `invalid_grant`, the time in which the store is read again. A tool that takes no lock may have
    /// used the refresh token, and not have written its new one. Default: 2 s.
    pub reread_window: Duration,
    /// Whether the stored token is refreshed even if it is good. A token that another process stores
    /// meanwhile is then new enough. Default: no.
    pub forced: bool,
    /// Whether the caller will sign in if that is needed. The lock is then taken first, so that only one of
    /// many processes signs in. Default: no.
    pub signs_in: bool,
}

impl Default for RenewalPolicy {
    fn default() -> Self {
        Self {
            margin: Duration::from_secs(300),
            least_life: Duration::from_secs(60),
            throttle: Duration::from_secs(30),
            lock_wait: Duration::from_secs(60),
            retry_window: Duration::from_secs(30),
            first_backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(20),
            max_requests: 5,
            reread_window: Duration::from_secs(2),
            forced: false,
            signs_in: false,
        }
    }
}

macro_rules! setters {
    ($($(#[doc = $doc:literal])* $setter:ident => $field:ident: $type:ty),* $(,)?) => {$(
        $(#[doc = $doc])*
        #[must_use]
        pub const fn $setter(mut self, $field: $type) -> Self {
            self.$field = $field;
            self
        }
    )*};
}

impl RenewalPolicy {
    setters! {
        /// Sets [`Self::margin`].
        with_margin => margin: Duration,
        /// Sets [`Self::least_life`].
        with_least_life => least_life: Duration,
        /// Sets [`Self::throttle`].
        with_throttle => throttle: Duration,
        /// Sets [`Self::lock_wait`].
        with_lock_wait => lock_wait: Duration,
        /// Sets [`Self::retry_window`].
        with_retry_window => retry_window: Duration,
        /// Sets [`Self::first_backoff`].
        with_first_backoff => first_backoff: Duration,
        /// Sets [`Self::max_backoff`].
        with_max_backoff => max_backoff: Duration,
        /// Sets [`Self::max_requests`].
        with_max_requests => max_requests: u32,
        /// Sets [`Self::reread_window`].
        with_reread_window => reread_window: Duration,
        /// Sets [`Self::forced`].
        with_forced => forced: bool,
        /// Sets [`Self::signs_in`].
        with_signs_in => signs_in: bool,
    }
}

//! What a record keeps of a secret.

use core::fmt;

use oidc_proto::Secret;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::Selector;

/// The SHA-256 digest of a secret. A store that is read by a stranger gives away no secret of 256 random bits.
///
/// ```
/// use device_authority::Digest;
/// use oidc_proto::Secret;
///
/// let digest = Digest::of(&Secret::from("a client secret"));
/// assert!(digest.matches(&Secret::from("a client secret")) && !digest.matches(&Secret::from("another")));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest(#[serde(with = "crate::hex")] [u8; 32]);

impl Digest {
    /// Returns the digest of a secret.
    #[must_use]
    pub fn of(secret: &Secret) -> Self {
        Self(Sha256::digest(secret.expose().as_bytes()).into())
    }

    /// Returns whether it is the digest of this secret, in constant time.
    #[must_use]
    pub fn matches(&self, offered: &Secret) -> bool {
        self.0.ct_eq(&Self::of(offered).0).into()
    }
}

/// A digest of a short secret could be reversed, so a log does not get it.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest([redacted])")
    }
}

/// A code or token as a record keeps it: the [`Selector`] by which a request finds it, and the [`Digest`] that
/// decides.
///
/// ```
/// use device_authority::{Fingerprint, Selector};
/// use oidc_proto::Secret;
///
/// let code = Secret::new("c".repeat(86));
/// let kept = Fingerprint::of(&code).ok_or("it is long enough")?;
/// assert_eq!(Some(kept.selector()), Selector::of(&code));
/// assert!(kept.matches(&code));
/// assert!(!kept.matches(&Secret::new("c".repeat(85)))); // the same selector
/// assert_eq!(Fingerprint::of(&Secret::from("short")), None);
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    selector: Selector,
    digest: Digest,
}

impl Fingerprint {
    /// Returns the fingerprint of a code or token; `None` if it is too short to be one of ours.
    #[must_use]
    pub fn of(secret: &Secret) -> Option<Self> {
        Some(Self { selector: Selector::of(secret)?, digest: Digest::of(secret) })
    }

    /// Returns the key of the record.
    #[must_use]
    pub const fn selector(&self) -> Selector {
        self.selector
    }

    /// Returns whether it is the fingerprint of this code or token, in constant time.
    #[must_use]
    pub fn matches(&self, offered: &Secret) -> bool {
        self.digest.matches(offered)
    }
}

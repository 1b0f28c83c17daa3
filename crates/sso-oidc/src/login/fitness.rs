//! Checks of a stored token: what it is for, and its expiry.

use std::fmt;
use std::time::Duration;

use sso_cache::{CachedRegistration, CachedToken, Mismatch, RegistrationKey, Registrations, TokenTarget};

use super::store::{MARGIN, Store, life, now};

/// The reason why a stored token cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It is for another portal, region, endpoint or scope.
    Foreign(String),
    /// It has expired or expires soon; this much time is left.
    Ending(Duration),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign(why) => f.write_str(why),
            Self::Ending(Duration::ZERO) => f.write_str("it has expired"),
            Self::Ending(left) => write!(f, "it expires in {}", life(*left)),
        }
    }
}

/// A corrupt file is moved away with a warning.
impl Registrations for Store {
    fn of_client(&self, client_id: &str) -> Option<CachedRegistration> {
        self.ignoring_corrupt(self.cache.registration_of(client_id))
    }

    fn of_key(&self, key: &RegistrationKey) -> Option<CachedRegistration> {
        self.ignoring_corrupt(self.cache.registration(key))
    }
}

impl Store {
    /// Checks whether the token is for this portal, region, endpoint and scopes, and does not expire soon. A session
    /// name may be the same for two portals or regions.
    ///
    /// # Errors
    /// The reason why it is not.
    pub(super) fn judge(&self, token: &CachedToken) -> Result<(), Unfit> {
        if let Some(why) = self.foreign(token) {
            return Err(Unfit::Foreign(why));
        }
        if token.usable_at(now(), MARGIN) {
            Ok(())
        } else {
            Err(Unfit::Ending(token.expires_at.remaining_at(now())))
        }
    }

    /// Returns why the token is for another portal, region, endpoint or scope, if it is.
    pub(super) fn foreign(&self, token: &CachedToken) -> Option<String> {
        match self.target().mismatch(token, self)? {
            Mismatch::UnknownScopes if self.takes_unknown_scopes => None,
            Mismatch::UnknownScopes => Some(
                "its scopes are unknown, because the registration of its client is not in the cache"
                    .to_owned(),
            ),
            why => Some(format!("it {why}")),
        }
    }

    /// Returns what a token must be for.
    pub(super) fn target(&self) -> TokenTarget<'_> {
        TokenTarget::new(&self.key, &self.endpoint, &self.needed_scopes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_token_is_told() {
        assert_eq!(Unfit::Ending(Duration::ZERO).to_string(), "it has expired");
        assert_eq!(Unfit::Ending(Duration::from_secs(240)).to_string(), "it expires in 4 min");
    }
}

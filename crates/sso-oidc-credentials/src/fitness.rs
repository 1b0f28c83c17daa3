//! Whether a cached token is for this portal, region, endpoint and scopes.

use oidc_proto::UnixSeconds;
use sso_cache::{CachedToken, Mismatch, TokenTarget};

use crate::settings::Portal;

impl Portal {
    /// Returns why the token is for something else, if it is. A session name may be the same for two portals or
    /// regions.
    ///
    /// A token of unknown scopes counts as good: to ask a person would be worse.
    pub(crate) fn foreign(&self, token: &CachedToken) -> Option<String> {
        let why = self.target().mismatch(token, &self.cache);
        why.filter(|why| *why != Mismatch::UnknownScopes).map(|why| format!("the cached token {why}"))
    }

    /// Returns whether a sign-in at this endpoint would replace a token of another one that is still of use.
    pub(crate) fn would_replace_anothers(&self, token: &CachedToken, now: UnixSeconds) -> bool {
        self.target().would_replace_anothers(token, now, &self.cache)
    }

    fn target(&self) -> TokenTarget<'_> {
        TokenTarget::new(&self.key, &self.endpoint, &self.needed_scopes)
    }
}

//! Whether a cached token is for this portal, region, endpoint and scopes.

use oidc_proto::{Endpoint, UnixSeconds};
use sso_cache::{CachedRegistration, CachedToken};

use crate::settings::Portal;

impl Portal {
    /// Returns why the token is for something else, if it is. A session name may be the same for two portals or
    /// regions.
    pub(crate) fn foreign(&self, token: &CachedToken) -> Option<String> {
        if let Some(url) = token.start_url.as_ref().filter(|url| !is_same_portal(url, &self.start_url)) {
            return Some(format!("the cached token is for {url}"));
        }
        let region = token.region.as_ref().filter(|region| !region.eq_ignore_ascii_case(&self.region));
        if let Some(region) = region {
            return Some(format!("the cached token is for region {region}, not for {}", self.region));
        }
        if !self.is_from_here(token) {
            let origin = self.origin(token).unwrap_or_else(|| "another service".to_owned());
            return Some(format!("the cached token came from {origin}, not from {}", self.endpoint));
        }
        let missing = self.missing_scopes(token);
        (!missing.is_empty()).then(|| format!("the cached token lacks the scopes {}", missing.join(", ")))
    }

    /// Returns the needed scopes that the token's client did not register. Without the registration, which another tool
    /// may have replaced, the token counts as good: to ask a person would be worse.
    fn missing_scopes(&self, token: &CachedToken) -> Vec<&str> {
        let has_needs = !self.needed_scopes.is_empty();
        let Some(registered) = has_needs.then(|| self.registration_of(token)).flatten() else {
            return Vec::new();
        };
        let scopes = registered.scopes.unwrap_or_default();
        self.needed_scopes.iter().filter(|needed| !scopes.contains(needed)).map(String::as_str).collect()
    }

    /// Returns whether the token came from this endpoint. A token without an endpoint counts as the region's own,
    /// unless its client is registered at this endpoint.
    fn is_from_here(&self, token: &CachedToken) -> bool {
        match self.origin(token) {
            Some(url) => Endpoint::allow_insecure_http(&url).is_ok_and(|from| from == self.endpoint),
            None => self.endpoint_url.is_none() || self.is_of_our_client(token),
        }
    }

    /// Returns the endpoint of the token, from the token or from the registration of its client. AWS's tools drop the
    /// token's endpoint when they refresh it, but keep its client.
    fn origin(&self, token: &CachedToken) -> Option<String> {
        token.endpoint_url.clone().or_else(|| self.registration_of(token)?.endpoint_url)
    }

    fn is_of_our_client(&self, token: &CachedToken) -> bool {
        let ours = self.cache.registration(&self.key).ok().flatten();
        let client = token.registration.as_ref().map(|registration| &registration.client.id);
        ours.is_some_and(|ours| Some(&ours.registration.client.id) == client)
    }

    fn registration_of(&self, token: &CachedToken) -> Option<CachedRegistration> {
        let client = &token.registration.as_ref()?.client;
        self.cache.registration_of(&client.id).ok().flatten()
    }

    /// Returns whether a sign-in at this endpoint would replace a token of another one that is still of use. AWS's
    /// tools file a token by start URL or session only. A token of a server on this machine may be replaced.
    pub(crate) fn would_replace_anothers(&self, token: &CachedToken, now: UnixSeconds) -> bool {
        let is_of_use = token.usable_at(now, core::time::Duration::ZERO) || token.refreshable_at(now);
        let is_of_a_test = self
            .origin(token)
            .is_some_and(|url| Endpoint::custom(&url).is_ok_and(|endpoint| endpoint.is_loopback()));
        self.endpoint_url.is_some() && is_of_use && !is_of_a_test && !self.is_from_here(token)
    }
}

/// Returns whether two start URLs are of one portal. A fragment, a slash at the end and the host's letter case are
/// ignored.
fn is_same_portal(one: &str, other: &str) -> bool {
    fn parts(url: &str) -> (String, &str) {
        let url = url.split_once('#').map_or(url, |(before, _)| before).trim_end_matches('/');
        let host = url.find("://").map_or(0, |at| at + 3);
        let path = url.get(host..).and_then(|rest| rest.find('/')).map_or(url.len(), |at| host + at);
        let (origin, path) = url.split_at(path);
        (origin.to_ascii_lowercase(), path)
    }
    parts(one) == parts(other)
}

#[cfg(test)]
mod tests {
    use super::is_same_portal;

    #[test]
    fn start_urls_of_one_portal_are_told_from_those_of_two() {
        let url = "https://d-1.awsapps.com/start";
        for same in ["https://d-1.awsapps.com/start/#/", "HTTPS://D-1.awsapps.com/start", url] {
            assert!(is_same_portal(url, same), "{same}");
        }
        for other in ["https://d-2.awsapps.com/start", "https://d-1.awsapps.com/Start", ""] {
            assert!(!is_same_portal(url, other), "{other}");
        }
    }
}

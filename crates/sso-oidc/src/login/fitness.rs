//! Checks of a stored token: its portal, region, endpoint, scopes and expiry.

use std::fmt;
use std::time::Duration;

use oidc_proto::Endpoint;
use sso_cache::CachedToken;

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

impl Store {
    /// Checks whether the token is for this portal, region, endpoint and scopes, and does not expire soon. A session
    /// name may be the same for two portals or regions.
    ///
    /// # Errors
    /// The reason why it is not.
    pub(super) fn judge(&self, token: &CachedToken) -> Result<(), Unfit> {
        if let Some(url) = &token.start_url
            && !is_same_portal(url, &self.start_url)
        {
            return Err(Unfit::Foreign(format!("it is for {url}")));
        }
        // A region belongs to one partition, so this also distinguishes partitions.
        if let Some(region) = &token.region
            && !region.eq_ignore_ascii_case(&self.region)
        {
            return Err(Unfit::Foreign(format!("it is for region {region}, not for {}", self.region)));
        }
        if !self.is_from_here(token) {
            let origin = self.origin(token).unwrap_or_else(|| "another service".to_owned());
            return Err(Unfit::Foreign(format!("it came from {origin}, not from {}", self.endpoint)));
        }
        self.judge_scopes(token).map_err(Unfit::Foreign)?;
        if token.usable_at(now(), MARGIN) {
            Ok(())
        } else {
            Err(Unfit::Ending(token.expires_at.remaining_at(now())))
        }
    }

    /// Returns why the token is for another portal, region, endpoint or scope, if it is.
    pub(super) fn foreign(&self, token: &CachedToken) -> Option<String> {
        match self.judge(token) {
            Err(Unfit::Foreign(why)) => Some(why),
            Ok(()) | Err(Unfit::Ending(_)) => None,
        }
    }

    /// Checks the scopes. A token has the scopes that its client registered.
    fn judge_scopes(&self, token: &CachedToken) -> Result<(), String> {
        if self.needed_scopes.is_empty() {
            return Ok(());
        }
        let Some(registered) = self.registration_of(token) else {
            // Another sign-in, or another tool, may have replaced or removed the registration.
            if self.takes_unknown_scopes {
                return Ok(());
            }
            return Err("its scopes are unknown, because the registration of its client is not in the cache"
                .to_owned());
        };
        let scopes = registered.scopes.unwrap_or_default();
        let missing: Vec<&str> =
            self.needed_scopes.iter().filter(|needed| !scopes.contains(needed)).map(String::as_str).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("it lacks the scopes {}", missing.join(", "))) }
    }

    /// Returns whether the token came from this endpoint. A token without an endpoint counts as the region's own,
    /// unless its client is registered at this endpoint.
    pub(super) fn is_from_here(&self, token: &CachedToken) -> bool {
        match self.origin(token) {
            Some(url) => Endpoint::allow_insecure_http(&url).is_ok_and(|from| from == self.endpoint),
            None => self.endpoint_url.is_none() || self.is_of_our_client(token),
        }
    }

    /// Returns the endpoint of the token, from the token or from the registration of its client. AWS's tools drop the
    /// token's endpoint when they refresh it, but keep its client.
    pub(super) fn origin(&self, token: &CachedToken) -> Option<String> {
        token.endpoint_url.clone().or_else(|| self.registration_of(token)?.endpoint_url)
    }

    fn is_of_our_client(&self, token: &CachedToken) -> bool {
        let ours = self.ignoring_corrupt(self.cache.registration(&self.key));
        let client = token.registration.as_ref().map(|registration| &registration.client.id);
        ours.is_some_and(|ours| Some(&ours.registration.client.id) == client)
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
    use super::*;

    #[test]
    fn start_urls_of_one_portal_are_told_from_those_of_two() {
        let url = "https://d-1.awsapps.com/start";
        for same in [
            url,
            "https://d-1.awsapps.com/start/",
            "https://d-1.awsapps.com/start#/",
            "https://d-1.awsapps.com/start/#/",
            "HTTPS://D-1.awsapps.com/start",
        ] {
            assert!(is_same_portal(url, same) && is_same_portal(same, url), "{same}");
        }
        for other in [
            "https://d-2.awsapps.com/start",
            "https://d-1.awsapps.com/Start",
            "https://d-1.awsapps.com",
            "https://d-1.awsapps.com/start/x",
            "http://d-1.awsapps.com/start",
            "",
        ] {
            assert!(!is_same_portal(url, other) && !is_same_portal(other, url), "{other}");
        }
        assert!(is_same_portal("https://x.example", "https://X.example/"));
    }

    #[test]
    fn what_is_left_of_a_token_is_told() {
        assert_eq!(Unfit::Ending(Duration::ZERO).to_string(), "it has expired");
        assert_eq!(Unfit::Ending(Duration::from_secs(240)).to_string(), "it expires in 4 min");
    }
}

//! Whether a stored token is one for this sign-in, and why not.

use std::fmt;
use std::time::Duration;

use oidc_proto::Endpoint;
use sso_cache::CachedToken;

use super::store::{MARGIN, Store, life, now};

/// Why a stored token is not enough.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It is for something else, whatever its age.
    Foreign(String),
    /// It would do, but it has ended or is about to.
    Ending(Duration),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign(why) => f.write_str(why),
            Self::Ending(Duration::ZERO) => f.write_str("it has expired"),
            Self::Ending(left) => write!(f, "it is good for only {} more", life(*left)),
        }
    }
}

impl Store {
    /// Whether the token is good for a while and for what was asked for. One of another portal or region under the same
    /// session name, from elsewhere, or with fewer scopes, is not.
    pub(super) fn judge(&self, token: &CachedToken) -> Result<(), Unfit> {
        if let Some(url) = &token.start_url
            && !is_same_portal(url, &self.start_url)
        {
            return Err(Unfit::Foreign(format!("it is for {url}")));
        }
        // A region is part of one partition only, so this tells partitions apart as well.
        if let Some(region) = &token.region
            && !region.eq_ignore_ascii_case(&self.region)
        {
            return Err(Unfit::Foreign(format!("it is of the region {region} and not of {}", self.region)));
        }
        if !self.is_from_here(token) {
            let origin = self.origin(token).unwrap_or_else(|| "another service".to_owned());
            return Err(Unfit::Foreign(format!("it came from {origin} and not from {}", self.endpoint)));
        }
        self.judge_scopes(token).map_err(Unfit::Foreign)?;
        if token.usable_at(now(), MARGIN) {
            Ok(())
        } else {
            Err(Unfit::Ending(token.expires_at.remaining_at(now())))
        }
    }

    /// A token has the scopes that its client registered.
    fn judge_scopes(&self, token: &CachedToken) -> Result<(), String> {
        if self.needed_scopes.is_empty() {
            return Ok(());
        }
        let Some(registered) = self.registration_of(token) else {
            return Err(
                "its scopes are not known, because the registration of its client is not in the cache"
                    .to_owned(),
            );
        };
        let scopes = registered.scopes.unwrap_or_default();
        let missing: Vec<&str> =
            self.needed_scopes.iter().filter(|needed| !scopes.contains(needed)).map(String::as_str).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("it lacks the scopes {}", missing.join(", "))) }
    }

    /// Whether the token came from this endpoint; one that says nothing counts as the region's own, unless its client is
    /// the one that is registered here.
    pub(super) fn is_from_here(&self, token: &CachedToken) -> bool {
        match self.origin(token) {
            Some(url) => Endpoint::allow_insecure_http(&url).is_ok_and(|from| from == self.endpoint),
            None => self.endpoint_url.is_none() || self.is_of_our_client(token),
        }
    }

    /// Where the token came from, if it or the registration of its client says so. AWS's tools drop what a token says when
    /// they refresh it; its client stays.
    pub(super) fn origin(&self, token: &CachedToken) -> Option<String> {
        token.endpoint_url.clone().or_else(|| self.registration_of(token)?.endpoint_url)
    }

    fn is_of_our_client(&self, token: &CachedToken) -> bool {
        let ours = self.ignoring_corrupt(self.cache.registration(&self.key));
        let client = token.registration.as_ref().map(|registration| &registration.client.id);
        ours.is_some_and(|ours| Some(&ours.registration.client.id) == client)
    }
}

/// Whether two start URLs lead to one portal: a fragment, a slash at the end and the host's case make no difference.
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
        assert_eq!(Unfit::Ending(Duration::from_secs(240)).to_string(), "it is good for only 4 min more");
    }
}

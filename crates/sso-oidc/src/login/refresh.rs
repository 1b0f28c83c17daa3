//! Refreshing the stored token, so that no person is asked who need not be.

use std::time::Duration;

use device_flow::CallError;
use oidc_proto::{Client, FaultCode, Operation, Secret, Token, UnixSeconds};
use sso_cache::CachedToken;

use super::store::{Kept, Store, now};
use super::warn_of_oddities;
use crate::exit::{Failure, chain, warn};
use crate::explain;

/// A token that could not be refreshed for lack of an answer is used as it is if this is left of it: the command that
/// comes next can begin with it, and AWS's tools refresh it themselves.
const LAST_RESORT: Duration = Duration::from_secs(60);

/// What came of the attempt.
pub(super) enum Refreshed {
    /// There is a token.
    Token(Box<Kept>),
    /// There is none, and this is why; a person must sign in.
    No(String),
}

impl Store {
    /// Refreshes the token, under the lock, and keeps what comes.
    ///
    /// # Errors
    /// The result could not be stored, and the token is of no use as it is.
    pub(super) fn refresh(
        &self,
        token: &CachedToken,
        ask: impl FnOnce(&Client, &Secret) -> Result<Token, CallError>,
    ) -> Result<Refreshed, Failure> {
        let Some(refresh_token) = &token.refresh_token else {
            return Ok(Refreshed::No("there is no refresh token".to_owned()));
        };
        let Some(registration) = token.registration.as_ref().filter(|_| token.refreshable_at(now())) else {
            return Ok(Refreshed::No(
                "the client that could refresh it is not registered any more".to_owned(),
            ));
        };
        // The old refresh token may be dead afterwards, so there must be a place for the new one.
        if let Err(failure) = self.check_writable() {
            return self.last_resort(token, "the cache cannot be written").ok_or(failure);
        }
        let asked_at = now();
        let error = match ask(&registration.client, refresh_token) {
            Ok(answer) => {
                return Ok(Refreshed::Token(Box::new(self.keep_refreshed(token, &answer, asked_at))));
            }
            Err(error) => error,
        };
        // AWS's tools take no lock: one of them may have refreshed meanwhile, and spent the refresh token.
        if let Some(newer) = self.stored()
            && newer.access_token != token.access_token
            && self.judge(&newer).is_ok()
        {
            return Ok(Refreshed::Token(Box::new(self.have(newer))));
        }
        if let CallError::Fault(fault) = &error
            && fault.is_about_key()
        {
            // A person would approve, and be told the same.
            return Err(explain::fault_failure(Operation::CreateToken, fault));
        }
        // A `slow_down` refuses nothing: many programs refresh at one moment.
        if let CallError::Fault(fault) = &error
            && !fault.is_transient()
            && fault.code != FaultCode::SlowDown
        {
            return Ok(Refreshed::No(format!("the service refused to refresh it ({fault})")));
        }
        let cause = chain(&error);
        Ok(self
            .last_resort(token, &cause)
            .unwrap_or_else(|| Refreshed::No(format!("it could not be refreshed ({cause})"))))
    }

    fn last_resort(&self, token: &CachedToken, cause: &str) -> Option<Refreshed> {
        token.usable_at(now(), LAST_RESORT).then(|| {
            warn(format_args!("the token could not be refreshed: {cause}"));
            Refreshed::Token(Box::new(self.have(token.clone())))
        })
    }

    fn keep_refreshed(&self, old: &CachedToken, answer: &Token, asked_at: UnixSeconds) -> Kept {
        warn_of_oddities(answer);
        let mut token = old.refreshed(answer, asked_at).with_endpoint_url(self.endpoint_url.clone());
        token.start_url.get_or_insert_with(|| self.start_url.clone());
        token.region.get_or_insert_with(|| self.region.clone());
        let stored = self.save(&token, "Refreshed the token");
        let mut kept = self.have(token);
        kept.words = format!(
            "Refreshed the token for {}; it is good for {} and is kept in {}.",
            self.start_url,
            kept.good_for,
            self.cache.token_path(&self.identity).display()
        );
        kept.stored = stored;
        kept
    }
}

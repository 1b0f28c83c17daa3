//! The refresh of a stored token, which saves a sign-in.

use std::time::Duration;

use device_flow::CallError;
use oidc_proto::{Client, FaultCode, Operation, Secret, Token, UnixSeconds};
use sso_cache::CachedToken;

use super::store::{Kept, Store, now};
use super::warn_of_oddities;
use crate::exit::{Failure, chain, warn};
use crate::explain;

/// The shortest remaining lifetime of a token that is used although its refresh failed for lack of a response. The
/// next command can start with it, and AWS's tools refresh it themselves.
const LAST_RESORT: Duration = Duration::from_secs(60);

/// The result of a refresh.
pub(super) enum Refreshed {
    /// A token.
    Token(Box<Kept>),
    /// No token, with the reason; a new sign-in is needed.
    No(String),
}

impl Store {
    /// Refreshes the token, under the lock, and stores the result.
    ///
    /// # Errors
    /// The result cannot be stored and the old token cannot be used, or the fault is about the KMS key.
    pub(super) fn refresh(
        &self,
        token: &CachedToken,
        ask: impl FnOnce(&Client, &Secret) -> Result<Token, CallError>,
    ) -> Result<Refreshed, Failure> {
        let Some(refresh_token) = &token.refresh_token else {
            return Ok(Refreshed::No("there is no refresh token".to_owned()));
        };
        let Some(registration) = token.registration.as_ref().filter(|_| token.refreshable_at(now())) else {
            return Ok(Refreshed::No("the registration of its client is missing or has expired".to_owned()));
        };
        // The refresh may invalidate the old refresh token, so the new one must be storable.
        if let Err(failure) = self.check_writable() {
            return self.last_resort(token, "the cache is not writable").ok_or(failure);
        }
        let asked_at = now();
        let error = match ask(&registration.client, refresh_token) {
            Ok(answer) => {
                return Ok(Refreshed::Token(Box::new(self.keep_refreshed(token, &answer, asked_at))));
            }
            Err(error) => error,
        };
        // AWS's tools take no lock, so one of them may have used the refresh token meanwhile.
        if let Some(newer) = self.stored()
            && newer.access_token != token.access_token
            && self.judge(&newer).is_ok()
        {
            return Ok(Refreshed::Token(Box::new(self.have(newer))));
        }
        if let CallError::Fault(fault) = &error
            && fault.is_about_key()
        {
            // A new sign-in would end with the same fault, after the approval.
            return Err(explain::fault_failure(Operation::CreateToken, fault));
        }
        // `slow_down` is not a rejection: many programs may refresh at the same time.
        if let CallError::Fault(fault) = &error
            && !fault.is_transient()
            && fault.code != FaultCode::SlowDown
        {
            return Ok(Refreshed::No(format!("the service rejected the refresh ({fault})")));
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
            "Refreshed the token for {}; it is valid for {} and is stored in {}.",
            self.start_url,
            kept.good_for,
            self.cache.token_path(&self.identity).display()
        );
        kept.stored = stored;
        kept
    }
}

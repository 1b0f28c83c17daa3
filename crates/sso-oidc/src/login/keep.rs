//! Storing tokens and registrations, and the errors of a cache that cannot be written.

use std::path::PathBuf;
use std::time::Duration;

use device_flow_ureq::{NotSignedIn, Outcome, SignedIn};
use oidc_proto::{Registration, UnixSeconds, grant_type};
use sso_cache::{CacheError, CachedRegistration, CachedToken, Obstacle};

use super::store::{NOT_REQUESTED, Store, WITHOUT_CACHE, now};
use crate::exit::{Failure, chain, warn};

impl Store {
    /// Stores the token and a new registration, and returns the token's file. If only the registration fails, it
    /// warns: a client can register again.
    ///
    /// # Errors
    /// The token cannot be written.
    pub(super) fn keep(&self, signed_in: &SignedIn, code_flow: bool) -> Result<PathBuf, Failure> {
        if signed_in.newly_registered {
            self.keep_registration(&signed_in.registration, code_flow);
        }
        let age = i64::try_from(signed_in.token_age.as_secs() + 1).unwrap_or(i64::MAX);
        let asked_at = UnixSeconds::new(now().get().saturating_sub(age));
        let token = CachedToken::new(&signed_in.token, asked_at, Some(signed_in.registration.clone()))
            .for_portal(&self.start_url, &self.region)
            .with_endpoint_url(self.endpoint_url.clone());
        let _guard = self.lock_to_write();
        self.cache
            .save_token(&self.identity, &token)
            .map_err(|error| self.unwritable("Signed in, but the token could not be stored", &error))?;
        Ok(self.cache.token_path(&self.identity))
    }

    /// Deals with the registration of a sign-in that ended without a token. `was_cached` says that the sign-in began
    /// with the stored one. A new one is stored for the next sign-in.
    ///
    /// But a page that refuses the client or its redirect URI tells only the person, and must not redirect (RFC 6749
    /// §4.1.2.1). So if the page was shown and nothing came back, the next sign-in uses neither. For the same reason a
    /// new registration is not stored before the end: a person who sees a refusal may close the terminal.
    ///
    /// The registration of a stored token that is of use stays, because it alone has the token's scopes.
    pub(super) fn after_no_token(&self, end: &NotSignedIn, was_cached: bool, code_flow: bool) {
        let is_unanswered = matches!(end.outcome, Outcome::NoRedirect | Outcome::Cancelled);
        let is_suspect = code_flow && end.prompted && is_unanswered;
        let is_of_use =
            |token: &CachedToken| token.usable_at(now(), Duration::ZERO) || token.refreshable_at(now());
        let stored = self.ignoring_corrupt(self.cache.registration(&self.key));
        let token = self.stored().filter(is_of_use);
        let client = token.and_then(|token| token.registration).map(|found| found.client.id);
        let is_of_token = stored.is_some_and(|stored| Some(stored.registration.client.id) == client);
        match end.registration.as_ref().filter(|_| end.newly_registered) {
            _ if is_of_token => {}
            _ if is_suspect && was_cached => self.forget_registration(),
            Some(registration) if !is_suspect => self.keep_registration(registration, code_flow),
            _ => {}
        }
    }

    /// Stores a registration for the next sign-in.
    fn keep_registration(&self, registration: &Registration, code_flow: bool) {
        // As AWS's tools mark it.
        let grants = [grant_type::AUTHORIZATION_CODE, grant_type::REFRESH_TOKEN].map(str::to_owned).to_vec();
        let scopes = Some(self.scopes.clone()).filter(|scopes| !scopes.is_empty());
        let kept = CachedRegistration::new(registration.clone())
            .with_scopes(scopes)
            .with_grant_types(code_flow.then_some(grants))
            .with_endpoint_url(self.endpoint_url.clone());
        if let Err(error) = self.cache.save_registration(&self.key, &kept) {
            warn(format_args!("the registration could not be stored: {}", chain(&error)));
        }
    }

    /// Removes the registration.
    fn forget_registration(&self) {
        if let Err(error) = self.cache.remove_registration(&self.key) {
            warn(format_args!("the registration could not be removed: {}", chain(&error)));
        }
    }

    /// Checks that a token could be stored.
    ///
    /// # Errors
    /// The cache is not writable.
    pub(super) fn check_writable(&self) -> Result<(), Failure> {
        self.cache.check_writable(&self.identity).map_err(|error| self.unwritable(NOT_REQUESTED, &error))
    }

    pub(super) fn unwritable(&self, what: &str, error: &CacheError) -> Failure {
        let file = match error {
            CacheError::Obstructed { path, .. } => path.clone(),
            _ => self.cache.token_path(&self.identity),
        };
        let (file, dir) = (file.display(), self.cache.dir().display());
        let hint = match error.obstacle() {
            Some(Obstacle::Directory) => format!(
                "remove the directory {file} (container tools create one in place of a missing file to mount), or "
            ),
            Some(Obstacle::NotAFile) => format!("remove {file}, or "),
            Some(Obstacle::AnotherUser) => {
                format!("ask its owner to remove {file}, or take it over with chown, or ")
            }
            Some(Obstacle::Immutable) => {
                format!("remove the immutable attribute, on Linux with `chattr -i -a {file}`, or ")
            }
            Some(Obstacle::ReadOnly) => "mount the file system writable, or ".to_owned(),
            Some(Obstacle::Full) => "free space on the file system, or ".to_owned(),
            Some(Obstacle::Permission) => {
                format!("make {dir} and the files in it writable for this user, or ")
            }
            Some(Obstacle::InUse) => format!("close the program that has {file} open, or "),
            _ => String::new(),
        };
        Failure::other(format_args!("{what}: {}", chain(error)))
            .with_hint(format_args!("{hint}{WITHOUT_CACHE}"))
    }
}

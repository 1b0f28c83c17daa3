//! The sign-in of a person, and what it leaves in the cache.

use std::time::Duration;

use device_flow::{Policy, Session, SignedIn};
use device_flow_reqwest::{Listener, NotSignedIn, Outcome};
use oidc_proto::{Registration, UnixSeconds, grant_type};
use sso_cache::{CachedRegistration, CachedToken};

use crate::error::{Reason, SsoError};
use crate::files::{Seen, now};
use crate::person::Ask;
use crate::session::{Sessions, locked};

/// The longest wait for another program that asks the person: the life of AWS's device codes.
const WAIT_FOR_A_PERSON: Duration = Duration::from_secs(600);

/// The longest wait for a refresh by another process before the token of a sign-in is written. The renewal there sees
/// a token that is written meanwhile, and keeps it.
const WAIT_FOR_A_REFRESH: Duration = Duration::from_secs(5);

/// The shortest remaining life of a reusable registration, as in AWS's tools.
const MARGIN: Duration = Duration::from_secs(15 * 60);

impl Sessions {
    /// Signs in under the lock, so that one of many programs asks. The others take what it has stored. `earlier` is
    /// what the renewal saw.
    pub(crate) async fn sign_in(&self, ask: Ask<'_>, earlier: &Seen) -> Result<Session, SsoError> {
        let portal = &self.portal;
        let lock = || portal.cache.lock_sign_in(&portal.identity, Duration::ZERO);
        let _guard = locked(WAIT_FOR_A_PERSON, lock).await.map_err(Reason::Cache)?;
        if let Some(session) = self.stored_meanwhile(earlier) {
            return Ok(session);
        }
        let stored = portal.cache.token(&portal.identity).ok().flatten();
        if stored.is_some_and(|token| portal.would_replace_anothers(&token, now())) {
            return Err(Reason::OtherEndpoint { endpoint: portal.endpoint.to_string() }.into());
        }
        // A token that cannot be stored would be lost.
        portal.cache.check_writable(&portal.identity).map_err(Reason::Cache)?;
        let is_code_flow = matches!(ask, Ask::Browser(_));
        let registration = self.registration(is_code_flow);
        let is_cached = registration.is_some();
        match self.ask(ask, registration).await? {
            Ok(signed_in) => {
                self.keep(&signed_in, is_code_flow).await;
                Ok(Session::new(signed_in, now()))
            }
            Err(end) => {
                self.after_no_token(&end, is_cached, is_code_flow);
                Err(Reason::NotSignedIn(end).into())
            }
        }
    }

    /// Asks the person. The inner error is the end without a token.
    async fn ask(
        &self,
        ask: Ask<'_>,
        registration: Option<Registration>,
    ) -> Result<Result<SignedIn, Box<NotSignedIn>>, SsoError> {
        let policy = Policy::aws(&self.portal.start_url)
            .with_client_name(&self.client_name)
            .with_scopes(&self.portal.scopes);
        Ok(match ask {
            Ask::Device(show) => {
                self.client.login(policy).registered(registration).run(|prompt| show(prompt)).await
            }
            Ask::Browser(show) => {
                let listener = Listener::bind().await.map_err(Reason::Listen)?;
                let login = self.client.code_login(policy, listener).registered(registration);
                login.run(|prompt| show(prompt)).await
            }
        })
    }

    /// Returns the cached registration for this flow, if it can be used. AWS refuses both grants in one.
    fn registration(&self, is_code_flow: bool) -> Option<Registration> {
        let stored = self.portal.cache.registration(&self.portal.key).ok().flatten()?;
        let suits = stored.suits_code_flow() == is_code_flow
            // The file's name depends on the configured scopes, and this sign-in may ask for more.
            && stored.has_scopes(&self.portal.scopes)
            && stored.registration.usable_at(now(), MARGIN);
        suits.then_some(stored.registration)
    }

    /// Stores the token and a new registration. A token that cannot be stored is used all the same, because a person
    /// has just approved it.
    async fn keep(&self, signed_in: &SignedIn, is_code_flow: bool) {
        let portal = &self.portal;
        if signed_in.newly_registered {
            self.keep_registration(&signed_in.registration, is_code_flow);
        }
        let age = i64::try_from(signed_in.token_age.as_secs() + 1).unwrap_or(i64::MAX);
        let asked_at = UnixSeconds::new(now().get().saturating_sub(age));
        let token = CachedToken::new(&signed_in.token, asked_at, Some(signed_in.registration.clone()))
            .for_portal(&portal.start_url, &portal.region)
            .with_endpoint_url(portal.endpoint_url.clone());
        let lock = || portal.cache.lock(&portal.identity, Duration::ZERO);
        let _guard = locked(WAIT_FOR_A_REFRESH, lock).await.ok();
        let _unstored = portal.cache.save_token(&portal.identity, &token);
        // They may be another person's.
        let _left = portal.role_cache.remove_of(&portal.identity);
    }

    /// Keeps a new registration for the next sign-in, and drops one that the page may have refused, which this program
    /// cannot see. The registration of the cached token stays, because it alone has the token's scopes.
    fn after_no_token(&self, end: &NotSignedIn, is_cached: bool, is_code_flow: bool) {
        let portal = &self.portal;
        let stored = portal.cache.registration(&portal.key).ok().flatten();
        let token = portal.cache.token(&portal.identity).ok().flatten();
        let client = token.and_then(|token| token.registration).map(|found| found.client.id);
        if stored.is_some_and(|stored| Some(stored.registration.client.id) == client) {
            return;
        }
        let is_unanswered = matches!(end.outcome, Outcome::NoRedirect | Outcome::Cancelled);
        match &end.registration {
            Some(registration) if end.newly_registered => self.keep_registration(registration, is_code_flow),
            _ if is_cached && is_code_flow && end.prompted && is_unanswered => {
                let _kept = portal.cache.remove_registration(&portal.key);
            }
            _ => {}
        }
    }

    /// Stores a registration. A client can register again, so a failure does not matter.
    fn keep_registration(&self, registration: &Registration, is_code_flow: bool) {
        // As AWS's tools mark it.
        let grants = [grant_type::AUTHORIZATION_CODE, grant_type::REFRESH_TOKEN].map(str::to_owned).to_vec();
        let kept = CachedRegistration::new(registration.clone())
            .with_scopes(Some(self.portal.scopes.clone()).filter(|scopes| !scopes.is_empty()))
            .with_grant_types(is_code_flow.then_some(grants))
            .with_endpoint_url(self.portal.endpoint_url.clone());
        let _unstored = self.portal.cache.save_registration(&self.portal.key, &kept);
    }
}

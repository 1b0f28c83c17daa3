//! The credentials of a role: cached ones, or the portal's.

use std::time::Duration;

use device_flow::{CallError, Session};
use device_flow_reqwest::HttpClient;
use oidc_proto::portal::{GetRoleCredentialsRequest, PortalFault, RoleCredentials};
use sso_cache::RoleKey;

use crate::error::{Reason, SsoError};
use crate::files::now;
use crate::session::locked;
use crate::settings::{Portal, Role};

/// The shortest remaining life of cached credentials, as in the AWS CLI.
const MARGIN: Duration = Duration::from_secs(15 * 60);

/// The longest wait for another process that asks the portal for the same credentials.
const WAIT_FOR_ANOTHER: Duration = Duration::from_secs(10);

/// The number of requests, and the first wait between two, as for other calls.
const REQUESTS: u32 = 3;
const FIRST_BACKOFF: Duration = Duration::from_millis(500);

/// A role at its portal.
pub(crate) struct AtPortal<'a> {
    pub(crate) portal: &'a Portal,
    pub(crate) client: &'a HttpClient,
    pub(crate) role: &'a Role,
}

impl AtPortal<'_> {
    fn key(&self) -> RoleKey {
        let key = RoleKey::new(&self.portal.identity, &self.role.account_id, &self.role.role_name);
        let key = key.with_start_url(&self.portal.start_url);
        match &self.portal.portal_endpoint {
            (endpoint, true) => key.with_endpoint(endpoint),
            _ => key,
        }
    }

    /// Returns the cached credentials, if they are good for a while.
    pub(crate) fn cached(&self) -> Option<RoleCredentials> {
        let found = self.portal.role_cache.load(&self.key())?;
        (found.expiration.remaining_at(now()) > MARGIN).then_some(found)
    }

    /// Asks the portal, as one of many processes. `session` returns the session, or a refreshed one.
    pub(crate) async fn ask<F>(&self, session: impl Fn(bool) -> F) -> Result<RoleCredentials, SsoError>
    where
        F: Future<Output = Result<Session, SsoError>>,
    {
        // The session first: other processes must not wait for a person with this lock.
        let mut held = session(false).await?;
        let cache = &self.portal.role_cache;
        // Without the lock, more than one process asks.
        let _guard = locked(WAIT_FOR_ANOTHER, || cache.lock(&self.key(), Duration::ZERO)).await.ok();
        if let Some(found) = self.cached() {
            return Ok(found);
        }
        let mut answer = self.call(&held).await;
        if let Err(CallError::Fault(fault)) = &answer
            && PortalFault::of(fault) == PortalFault::Unauthorized
        {
            // An administrator may have revoked the access token alone.
            held = session(true).await?;
            answer = self.call(&held).await;
        }
        match answer {
            Ok(credentials) => {
                // A failure costs a request the next time, and nothing else.
                let _unstored = cache.save(&self.key(), &credentials);
                Ok(credentials)
            }
            Err(CallError::Fault(fault)) if PortalFault::of(&fault) == PortalFault::Forbidden => {
                let Role { account_id, role_name } = self.role.clone();
                Err(Reason::RoleNotGranted { account_id, role_name, fault }.into())
            }
            Err(error) => Err(Reason::Portal(error).into()),
        }
    }

    /// Calls GetRoleCredentials, more than once if no verdict comes.
    async fn call(&self, session: &Session) -> Result<RoleCredentials, CallError> {
        let request = GetRoleCredentialsRequest::new(&self.role.account_id, &self.role.role_name);
        let mut backoff = FIRST_BACKOFF;
        let mut left = REQUESTS;
        loop {
            left -= 1;
            let called = self.client.get_role_credentials(&session.token.access_token, &request).await;
            match called {
                Err(error) if left > 0 && !error.is_refusal() => {}
                ended => return ended,
            }
            tokio::time::sleep(backoff).await;
            backoff *= 2;
        }
    }
}

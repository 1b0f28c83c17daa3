//! A session with a token to use: the cached one, a refreshed one, or that of a new sign-in.

use std::sync::Mutex;
use std::time::Duration;

use device_flow::renewal::{
    NotUsable, RefreshError, RenewError, RenewalOutcome, RenewalPolicy, SessionStore as _, Usable,
};
use device_flow::{Session, Tick};
use device_flow_reqwest::HttpClient;
use oidc_proto::{Fault, FaultCode, printable};
use sso_cache::{CacheError, Guard};

use crate::error::{Reason, SsoError};
use crate::files::{Files, Seen, now};
use crate::person::Person;
use crate::settings::Portal;

/// The pause before a torn file is read again, and the number of times. AWS's tools write in place.
const TORN: Duration = Duration::from_millis(20);
const READS_OF_A_TORN_FILE: u32 = 25;

/// The interval between two checks of another process's lock.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// A portal with its client, and the person to ask.
pub(crate) struct Sessions {
    pub(crate) portal: Portal,
    pub(crate) client: HttpClient,
    pub(crate) client_name: String,
    pub(crate) person: Person,
    pub(crate) last_try: Mutex<Option<Tick>>,
}

impl Sessions {
    /// Returns a session with a token to use. `forced` refreshes a token that looks good.
    ///
    /// The caller must let it end: a future that is dropped during a refresh loses the new refresh token.
    pub(crate) async fn session(&self, forced: bool) -> Result<Session, SsoError> {
        let files = Files::new(&self.portal, self.client.service(), &self.last_try);
        let RenewError { mut end, store, .. } = match self.renew(&files, forced).await {
            Ok(usable) => return Ok(usable.session),
            Err(error) => error,
        };
        let ask = self.person.ask(self.portal.use_device_code);
        match (end.outcome, end.session.take()) {
            // It exists nowhere else now, and is good.
            (RenewalOutcome::NotStored, Some(session)) => return Ok(*session),
            // Without a person to ask, the rest of its life is better than nothing.
            (_, Some(session)) if end.needs_sign_in() && end.is_alive && !forced && ask.is_none() => {
                return Ok(*session);
            }
            (_, session) => end.session = session,
        }
        let seen = files.seen();
        match (&store, ask) {
            // A corrupt file must not stop a sign-in.
            (Some(CacheError::Corrupt { path, .. }), Some(ask))
                if end.outcome == RenewalOutcome::StoreFailed =>
            {
                self.portal.cache.set_aside(path).map_err(Reason::Cache)?;
                self.sign_in(ask, &seen).await
            }
            // A new sign-in would end with the same fault, after the approval.
            _ if !end.needs_sign_in() || end.fault().is_some_and(Fault::is_about_key) => {
                Err(Reason::NotRenewed(RenewError::new(*end, store)).into())
            }
            (_, Some(ask)) => self.sign_in(ask, &seen).await,
            (_, None) => {
                let why = printable(&why(&end, &seen)).into_owned();
                Err(Reason::SignInNeeded { why, command: self.portal.sign_in_command.clone() }.into())
            }
        }
    }

    /// Renews. A torn token file is read again for half a second.
    async fn renew(&self, files: &Files<'_>, forced: bool) -> Result<Usable, RenewError<CacheError>> {
        let mut left = READS_OF_A_TORN_FILE;
        loop {
            let error = match self.client.renew(files, RenewalPolicy::default().with_forced(forced)).await {
                Ok(usable) => return Ok(usable),
                Err(error) => error,
            };
            let is_torn = matches!(error.store, Some(CacheError::Corrupt { .. }));
            if left == 0 || !is_torn || error.end.outcome != RenewalOutcome::StoreFailed {
                return Err(error);
            }
            left -= 1;
            tokio::time::sleep(TORN).await;
        }
    }

    /// Returns the cached session, if it is good for a while and not the one that was of no use.
    pub(crate) fn stored_meanwhile(&self, earlier: &Seen) -> Option<Session> {
        let files = Files::new(&self.portal, self.client.service(), &self.last_try);
        let session = files.read().ok()??;
        let was = earlier.token.as_ref().map(|token| &token.access_token);
        let is_new = Some(&session.token.access_token) != was;
        (is_new && !session.is_due(now(), RenewalPolicy::default().margin)).then_some(session)
    }
}

/// Returns why the cached session is of no use.
fn why(end: &NotUsable, seen: &Seen) -> String {
    if let Some(foreign) = &seen.foreign {
        return foreign.clone();
    }
    match (&end.error, &seen.abandoned_by) {
        _ if end.session.is_none() => "there is no cached session".to_owned(),
        (Some(RefreshError::Refused(fault)), Some(by)) if fault.code == FaultCode::InvalidGrant => {
            format!("the session is lost: process {} was killed during a refresh ({fault})", by.process)
        }
        (Some(RefreshError::Refused(fault)), _) => {
            format!("the session has ended, or was revoked: the service rejected its refresh ({fault})")
        }
        _ if end.outcome == RenewalOutcome::SessionLost => {
            "the session is lost: the response to its refresh did not arrive".to_owned()
        }
        _ => "the session has ended, and cannot be refreshed".to_owned(),
    }
}

/// Takes a lock for which another process may keep it waiting, without a blocked thread.
pub(crate) async fn locked(
    at_most: Duration,
    mut lock: impl FnMut() -> Result<Guard, CacheError>,
) -> Result<Guard, CacheError> {
    let mut waited = Duration::ZERO;
    loop {
        match lock() {
            Err(CacheError::Locked { .. }) if waited < at_most => {}
            ended => return ended,
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        waited += LOOK_AGAIN;
    }
}

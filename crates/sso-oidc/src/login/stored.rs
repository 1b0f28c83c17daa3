//! The stored session, for the commands that use it. It is refreshed if that is due, and no person is asked.

use std::time::Duration;

use clap::Args;
use device_flow::Session;
use device_flow::renewal::RenewalOutcome;
use oidc_proto::{Endpoint, StartUrl, Variant};
use sso_cache::Identity;

use super::client::LazyClient;
use super::ctrl_c::CtrlC;
use super::portal::{Named, Portal, Which};
use super::refresh::{Files, Renewer};
use super::store::Store;
use crate::duration;
use crate::exit::{Failure, warn};
use crate::settings::Settings;

/// The flags that name a stored token.
#[derive(Args, Debug, Default)]
pub(crate) struct StoredArgs {
    /// The start URL of the portal, as in `login` [profile: sso_start_url]
    #[arg(long, value_name = "URL")]
    start_url: Option<String>,

    /// The token of this [sso-session NAME] section of the config file
    #[arg(long, value_name = "NAME", conflicts_with = "start_url")]
    sso_session: Option<String>,

    /// The longest wait for another refresh or sign-in
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration::any)]
    lock_timeout: Duration,
}

/// A stored session with a token to use.
pub(crate) struct StoredSession {
    pub(crate) session: Session,
    pub(crate) region: String,
    /// The variant of the endpoints that the portal's URL asks for.
    pub(crate) variant: Variant,
    /// The endpoint of the sign-in, if it is not the region's own.
    pub(crate) custom_endpoint: Option<Endpoint>,
    /// The command line of a sign-in to this portal.
    pub(crate) sign_in_command: String,
}

impl StoredArgs {
    /// Returns the longest wait for another process.
    pub(crate) const fn lock_timeout(&self) -> Duration {
        self.lock_timeout
    }

    /// Returns the identity of the token in the cache. Nothing is sent.
    ///
    /// # Errors
    /// The flags or the configuration are wrong.
    pub(crate) fn identity(&self, settings: &Settings) -> Result<Identity, Failure> {
        Ok(self.identity_and_start_url(settings)?.0)
    }

    /// Returns the identity of the token in the cache, and the start URL of its portal. Nothing is sent.
    ///
    /// # Errors
    /// The flags or the configuration are wrong.
    pub(crate) fn identity_and_start_url(
        &self,
        settings: &Settings,
    ) -> Result<(Identity, StartUrl), Failure> {
        let named = self.named(settings)?;
        settings.warn_of_missing_profile();
        Ok((named.identity(), named.start_url))
    }

    /// Returns whether a flag names the portal, and not the profile.
    pub(crate) const fn is_named(&self) -> bool {
        self.start_url.is_some() || self.sso_session.is_some()
    }

    pub(super) fn named(&self, settings: &Settings) -> Result<Named, Failure> {
        let (start_url, sso_session) = (self.start_url.as_deref(), self.sso_session.as_deref());
        Named::of(&Which { start_url, sso_session, scopes: &[] }, settings)
    }

    /// Runs a command with the files of the portal.
    ///
    /// # Errors
    /// The flags or the configuration are wrong, or the command fails.
    pub(super) fn with_files<T>(
        &self,
        settings: &Settings,
        run: impl FnOnce(&Files<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.with_portal(settings, |files, _, _| run(files))
    }

    fn with_portal<T>(
        &self,
        settings: &Settings,
        run: impl FnOnce(&Files<'_>, Portal, &Store) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let named = self.named(settings)?;
        settings.warn_of_missing_profile();
        let portal = named.resolve(settings)?;
        let place = portal.place(settings)?;
        let mut store = Store::of(&portal, &place, settings)?;
        store.takes_unknown_scopes = true;
        let client = LazyClient::of(settings, place.endpoint);
        let ctrl_c = CtrlC::default();
        let renewer = Renewer { client: &client, settings, ctrl_c: &ctrl_c };
        store.warn_of_others();
        run(&Files::of(&store, &renewer, self.lock_timeout()), portal, &store)
    }

    /// Returns the stored session, refreshed if that is due or `forced`.
    ///
    /// # Errors
    /// There is no session, or it cannot be used.
    pub(crate) fn signed_in(&self, settings: &Settings, forced: bool) -> Result<StoredSession, Failure> {
        self.with_portal(settings, |files, portal, store| {
            // The caller's requests are to be ended as well.
            files.handle_ctrl_c();
            let (session, stored) = usable(files, forced)?;
            if let Err(failure) = stored {
                warn(failure.message());
            }
            Ok(StoredSession {
                session,
                variant: portal.variant(settings)?,
                region: portal.region,
                custom_endpoint: store.endpoint_url.is_some().then(|| store.endpoint.clone()),
                sign_in_command: files.sign_in_command(),
            })
        })
    }
}

/// Returns a session with a token to use, and whether it is stored. A token that is still valid is used with a warning
/// if it cannot be refreshed.
///
/// # Errors
/// There is no such session.
pub(super) fn usable(files: &Files<'_>, forced: bool) -> Result<(Session, Result<(), Failure>), Failure> {
    let mut end = match files.renew(files.policy().with_forced(forced))? {
        Ok(usable) => {
            files.warn_of(usable.warning, usable.cause);
            return Ok((usable.session, Ok(())));
        }
        Err(end) => end,
    };
    match end.session.take() {
        Some(session) if end.outcome == RenewalOutcome::NotStored => Ok((*session, Err(files.failure(*end)))),
        Some(session) if end.is_alive && !forced && end.needs_sign_in() => {
            let good_for = files.have(&session).good_for;
            end.session = Some(session.clone());
            let why = files.why_not(*end).unwrap_or_default();
            let command = files.sign_in_command();
            warn(format_args!("this token is valid for {good_for} only: {why}; sign in with `{command}`"));
            Ok((*session, Ok(())))
        }
        session => {
            end.session = session;
            Err(files.failure(*end))
        }
    }
}

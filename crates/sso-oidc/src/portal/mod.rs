//! The portal after a sign-in: accounts, roles, and the credentials of a role.
//!
//! Each command takes the stored session, refreshed if that is due, and asks no person to sign in.

mod advice;
mod choice;
mod compatible;
mod credentials;
mod exec;
mod format;
mod listing;
mod logout;
mod pages;
mod process;
mod role;

use device_flow::{CallError, Session};
use device_flow_ureq::HttpClient;
use oidc_proto::portal::PortalFault;
use oidc_proto::{Api, Endpoint, Operation, Secret};
use sso_cache::Identity;

pub(crate) use compatible::{
    GetRoleCredentialsArgs, ListAccountRolesArgs, ListAccountsArgs, get_role_credentials, list_account_roles,
    list_accounts,
};
pub(crate) use credentials::{CredentialsArgs, run as credentials};
pub(crate) use exec::{ExecArgs, run as exec};
pub(crate) use listing::{AccountsArgs, RolesArgs, accounts, roles};
pub(crate) use logout::{LogoutArgs, run as logout};
pub(crate) use process::{CredentialProcessArgs, run as credential_process};
pub(crate) use role::account_id;

use self::advice::{Origin, with_advice};
use crate::exit::Failure;
use crate::login::{StoredArgs, StoredSession};
use crate::service::{self, Caller};
use crate::settings::Settings;
use crate::stored;

/// The portal API with the access token of the stored session.
pub(crate) struct Portal<'a> {
    stored: &'a StoredArgs,
    settings: &'a Settings,
    session: StoredSession,
    caller: Caller,
    endpoint: Endpoint,
    is_custom: bool,
    has_renewed: bool,
}

impl<'a> Portal<'a> {
    /// Opens the portal of the stored session. Nothing is sent, unless the token is due for a refresh.
    ///
    /// # Errors
    /// There is no session to use, or the configuration is wrong.
    pub(crate) fn open(stored: &'a StoredArgs, settings: &'a Settings) -> Result<Self, Failure> {
        let session = stored.signed_in(settings, false)?;
        let (endpoint, is_custom) = settings.portal_endpoint(&session.region, session.variant)?;
        no_test_token_for_aws(session.custom_endpoint.as_ref(), is_custom)?;
        let caller = caller(endpoint.clone(), settings)?;
        Ok(Self { stored, settings, session, caller, endpoint, is_custom, has_renewed: false })
    }

    /// Calls an operation. If the portal rejects a token that is not due, the token is refreshed once: an administrator
    /// may have revoked it alone.
    ///
    /// # Errors
    /// The failure of the call.
    pub(crate) fn call<T>(
        &mut self,
        operation: Operation,
        mut send: impl FnMut(&HttpClient, &Secret) -> Result<T, CallError>,
    ) -> Result<T, Denied> {
        loop {
            let token = access_token(&self.session.session);
            let error = match self.caller.call_or_error(operation, |client| send(client, token)) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let kind = advice::kind(&error);
            let mut failure = self.caller.failure(operation, &error);
            if kind == PortalFault::Unauthorized && !self.has_renewed {
                self.has_renewed = true;
                match self.stored.signed_in(self.settings, true) {
                    Ok(renewed) => {
                        self.session = renewed;
                        continue;
                    }
                    Err(cause) => failure = failure.with_detail(cause.message()),
                }
            }
            let failure = self.explained(failure, &error);
            return Err(Denied { failure, lacks_role: kind == PortalFault::Forbidden });
        }
    }

    /// Returns whether the token of these calls is the stored one. After a sign-out or a new sign-in it is not; after
    /// another process's refresh it is not either.
    fn is_stored(&self, identity: &Identity) -> bool {
        let stored = stored::cache(self.settings).ok().and_then(|cache| cache.token(identity).ok().flatten());
        stored.is_some_and(|stored| stored.access_token == self.session.session.token.access_token)
    }

    /// Adds what the user can do.
    fn explained(&self, failure: Failure, error: &CallError) -> Failure {
        let failure = match &self.session.custom_endpoint {
            Some(own) if !self.is_custom => failure.with_detail(format_args!(
                "The token came from {own}, but the portal is {}; set AWS_ENDPOINT_URL_SSO.",
                self.endpoint
            )),
            _ => failure,
        };
        let origin = Origin::Stored { sign_in_command: &self.session.sign_in_command };
        with_advice(failure, error, origin)
    }
}

/// Keeps the token of a local test server away from AWS's portal.
///
/// # Errors
/// The token came from this machine, and the portal is the region's own.
fn no_test_token_for_aws(own: Option<&Endpoint>, is_custom: bool) -> Result<(), Failure> {
    match own.filter(|own| own.is_loopback() && !is_custom) {
        Some(own) => {
            Err(Failure::config(format_args!("The token came from {own}, and has no portal at AWS"))
                .with_hint("set AWS_ENDPOINT_URL_SSO to the same server"))
        }
        None => Ok(()),
    }
}

/// Returns a caller of the portal API at this endpoint.
fn caller(endpoint: Endpoint, settings: &Settings) -> Result<Caller, Failure> {
    let client = service::client_of(settings, endpoint)?;
    Ok(Caller::with_client(client, settings).with_named_by(settings.named_by(Api::Portal)))
}

/// Returns a caller of the portal API for a token that a flag gives: at the endpoint of the settings.
fn caller_without_session(settings: &Settings) -> Result<Caller, Failure> {
    settings.require_profile()?;
    let (region, variant) = (settings.region(), settings.variant()?);
    let (endpoint, is_custom) =
        settings.portal_endpoint(region.as_deref().unwrap_or("us-east-1"), variant)?;
    if region.is_none() && !is_custom {
        settings.required_region()?;
    }
    caller(endpoint, settings)
}

/// Calls an operation with a token that a flag or a variable gives.
///
/// # Errors
/// The failure of the call.
fn call_with_given<T>(
    caller: &Caller,
    operation: Operation,
    send: impl FnMut(&HttpClient) -> Result<T, CallError>,
) -> Result<T, Denied> {
    caller.call_or_error(operation, send).map_err(|error| Denied {
        failure: with_advice(caller.failure(operation, &error), &error, Origin::Given),
        lacks_role: advice::kind(&error) == PortalFault::Forbidden,
    })
}

/// A call of the portal that failed.
pub(crate) struct Denied {
    failure: Failure,
    /// Whether the person does not have the role or the account, or it does not exist.
    lacks_role: bool,
}

impl Denied {
    fn into_failure(self) -> Failure {
        self.failure
    }

    /// Returns the failure of a command that lists nothing for the user to choose from.
    fn explained(self, operation: Operation) -> Failure {
        match self.lacks_role {
            true => advice::with_lacking_role(self.failure, operation),
            false => self.failure,
        }
    }
}

const fn access_token(session: &Session) -> &Secret {
    &session.token.access_token
}

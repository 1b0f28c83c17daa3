//! `logout`: the end of a sign-in, at the portal and in the cache.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use device_flow::CallError;
use oidc_proto::portal::PortalFault;
use oidc_proto::{Endpoint, Operation};
use sso_cache::{Cache, CachedToken, Identity, RoleCredentialsCache};

use crate::exit::{Failure, chain, warn};
use crate::login::{StoredArgs, now, say};
use crate::service::Caller;
use crate::settings::Settings;

/// The flags of `logout`.
#[derive(Args, Debug)]
#[command(after_long_help = "\
It removes the token even if the portal cannot be reached. Registrations stay. Credentials of roles that were given out \
stay valid until they expire.")]
pub(crate) struct LogoutArgs {
    /// Sign out of all portals that have a token in the cache
    #[arg(long, conflicts_with_all = ["start_url", "sso_session"])]
    all: bool,

    /// Sign out with this access token only: the token itself, file://PATH, or - for standard input [env:
    /// SSO_OIDC_ACCESS_TOKEN]. No file is removed
    #[arg(long, value_name = "SECRET", allow_hyphen_values = true, conflicts_with_all = ["all", "start_url", "sso_session"])]
    access_token: Option<String>,

    #[command(flatten)]
    stored: StoredArgs,
}

/// Runs `logout`.
///
/// # Errors
/// The configuration is wrong, or a file cannot be removed.
pub(crate) fn run(args: &LogoutArgs, settings: &Settings) -> Result<(), Failure> {
    if let Some(token) = super::compatible::given_token(args.access_token.as_deref(), settings)? {
        let caller = super::caller_without_session(settings)?;
        return caller.call(Operation::Logout, |client| client.logout(&token));
    }
    let home = settings.environment().home().ok_or_else(|| {
        Failure::config("the home directory, where the token is stored, is unknown").with_hint("set HOME")
    })?;
    let cache = Cache::at(Cache::default_dir(&home));
    let roles = RoleCredentialsCache::at(RoleCredentialsCache::default_dir(&home));
    let signed_out = match args.all {
        true => all(&cache, args.stored.lock_timeout(), settings)?,
        false => {
            let identity = args.stored.identity(settings)?;
            let path = cache.token_path(&identity);
            // Before the file is read, so that a refresh in flight cannot store its token after it.
            let guard = cache.lock(&identity, args.stored.lock_timeout());
            let _guard = guard.map_err(|error| Failure::other(chain(&error)))?;
            let token = cache.token(&identity).unwrap_or_else(|error| {
                warn(chain(&error));
                None
            });
            let is_there = token.is_some() || path.exists();
            if let Some(token) = &token {
                at_portal(token, settings);
            }
            if is_there {
                remove(&path)?;
                say(format_args!("Signed out of {}.", identity.as_str()));
            } else {
                say(format_args!("There is no stored token for {}.", identity.as_str()));
            }
            forget_roles(&roles, &identity, settings);
            usize::from(is_there)
        }
    };
    if args.all {
        let removed = roles.remove_all().map_err(|error| Failure::other(chain(&error)))?;
        let portals = if signed_out == 1 { "portal" } else { "portals" };
        let sets = if removed == 1 { "set" } else { "sets" };
        say(match (signed_out, removed) {
            (0, 0) => "There is no stored token.".to_owned(),
            (_, 0) => format!("Signed out of {signed_out} {portals}."),
            _ => format!(
                "Signed out of {signed_out} {portals}, and removed {removed} cached {sets} of credentials."
            ),
        });
    }
    Ok(())
}

/// Signs out with each token of AWS's tools in the cache.
fn all(cache: &Cache, lock_timeout: Duration, settings: &Settings) -> Result<usize, Failure> {
    let failed = |error| Failure::other(chain(&error));
    let listed = cache.tokens().map_err(failed)?;
    for (path, token) in &listed {
        let _guard = cache.lock_token(path, lock_timeout).map_err(failed)?;
        // A refresh may have replaced it before the lock was free.
        let now = cache.tokens().map_err(failed)?.into_iter().find(|(other, _)| other == path);
        at_portal(now.as_ref().map_or(token, |(_, token)| token), settings);
        remove(path)?;
    }
    Ok(listed.len())
}

/// Ends the sign-in at the portal. A failure is a warning: the file is removed all the same.
fn at_portal(token: &CachedToken, settings: &Settings) {
    if !token.usable_at(now(), Duration::ZERO) && token.refresh_token.is_none() {
        return;
    }
    let Some(region) = token.region.as_deref() else { return };
    let called = portal(token, region, settings).and_then(|caller| {
        match caller.call_or_error(Operation::Logout, |client| client.logout(&token.access_token)) {
            Ok(()) => Ok(()),
            // The sign-in has ended already.
            Err(CallError::Fault(fault)) if PortalFault::of(&fault) == PortalFault::Unauthorized => Ok(()),
            Err(error) => Err(caller.failure(Operation::Logout, &error)),
        }
    });
    if let Err(failure) = called {
        warn(format_args!("the portal may still hold the session: {}", failure.message()));
    }
}

/// Returns a caller of the portal that gave the token.
fn portal(token: &CachedToken, region: &str, settings: &Settings) -> Result<Caller, Failure> {
    let (endpoint, is_custom) = settings.portal_endpoint(region, settings.variant()?)?;
    let own = token.endpoint_url.as_deref().and_then(|url| Endpoint::custom(url).ok());
    super::no_test_token_for_aws(own.as_ref(), is_custom)?;
    super::caller(endpoint, settings)
}

fn remove(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::other(format_args!("cannot remove {}: {error}", path.display())))
        }
        _ => Ok(()),
    }
}

/// Removes the cached credentials of this session: our own, and the AWS CLI's of the roles that profiles name.
fn forget_roles(roles: &RoleCredentialsCache, identity: &Identity, settings: &Settings) {
    if let Err(error) = roles.remove_of(identity) {
        warn(chain(&error));
    }
    let config = settings.config();
    for name in config.profile_names() {
        let Some(profile) = config.profile(name) else { continue };
        if !config.resolve_sso(name).is_ok_and(|sso| sso.identity == *identity) {
            continue;
        }
        if let (Some(account), Some(role)) = (profile.text("sso_account_id"), profile.text("sso_role_name"))
            && let Err(error) = roles.remove(&sso_cache::RoleKey::new(identity, account, role))
        {
            warn(chain(&error));
        }
    }
}

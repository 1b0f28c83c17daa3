//! `credentials`: the credentials of a role, for a shell, a file or another program.

use std::time::Duration;

use clap::Args;
use oidc_proto::portal::{GetRoleCredentialsRequest, RoleCredentials};
use oidc_proto::{Endpoint, Operation, StartUrl};
use sso_cache::{CacheError, Identity, RoleCredentialsCache, RoleKey};

use super::format::{CredentialsFormat, render, section};
use super::role::{Role, RoleArgs};
use super::{Denied, Portal};
use crate::exit::{Failure, chain, print_data, warn};
use crate::login::{StoredArgs, now};
use crate::role_cache;
use crate::settings::Settings;

/// The shortest remaining life of cached credentials, as in botocore, which renews them then.
const MARGIN: Duration = Duration::from_secs(15 * 60);

/// The flags of `credentials`.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Without --account and --role it takes those of the profile, or the only ones. The credentials are cached where the AWS \
CLI caches its own.

The section of --format ini has the profile's name if a profile is named, and neither --account nor --role. Otherwise \
it is [ACCOUNT_ROLE], as AWS's access portal shows it.")]
pub(crate) struct CredentialsArgs {
    #[command(flatten)]
    role: RoleArgs,

    /// The form of the output
    #[arg(
        long,
        value_name = "process|env|env-no-export|fish|powershell|windows-cmd|json|ini",
        default_value = "process",
        hide_possible_values = true
    )]
    format: CredentialsFormat,

    /// The section's name in the ini form [default: the named profile, or ACCOUNT_ROLE]
    #[arg(long, value_name = "NAME", value_parser = section)]
    section: Option<String>,

    /// Ask the portal even if the cached credentials are good for another 15 minutes
    #[arg(long)]
    no_cache: bool,

    #[command(flatten)]
    stored: StoredArgs,
}

/// Runs `credentials`.
///
/// # Errors
/// No role is meant, there is no session to use, or the portal refuses.
pub(crate) fn run(args: &CredentialsArgs, settings: &Settings) -> Result<(), Failure> {
    if args.section.is_some() && args.format != CredentialsFormat::Ini {
        return Err(Failure::usage("--section goes with --format ini only"));
    }
    let (role, credentials) = get(&args.role, &args.stored, args.no_cache, settings)?;
    print_data(&render(args.format, &credentials, &role, args.section(settings)?)?)
}

impl CredentialsArgs {
    /// Returns the name of the section, if flags or environment give one. A profile's name is for its own role: keys of
    /// another role below it would be taken for those of the profile.
    fn section<'a>(&'a self, settings: &'a Settings) -> Result<Option<&'a str>, Failure> {
        if self.section.is_some() || self.role.account.is_some() || self.role.role.is_some() {
            return Ok(self.section.as_deref());
        }
        let profile = self.role.profile(&self.stored, settings)?.filter(|profile| {
            let is_named = settings.profile_named_by().is_some();
            is_named && profile.text("sso_account_id").is_some() && profile.text("sso_role_name").is_some()
        });
        Ok(profile.map(|profile| profile.name()))
    }
}

/// Returns the credentials of the role that is meant: cached ones, or else the portal's.
///
/// # Errors
/// No role is meant, there is no session to use, or the portal refuses.
pub(super) fn get(
    args: &RoleArgs,
    stored: &StoredArgs,
    no_cache: bool,
    settings: &Settings,
) -> Result<(Role, RoleCredentials), Failure> {
    let wanted = args.wanted(stored, settings)?;
    let cache = role_cache::of(settings);
    let source = Source::of(stored, settings)?;
    let fresh = Fresh { no_cache, lock_timeout: stored.lock_timeout() };
    if let (Some(role), Some(cache)) = (wanted.exact(), &cache) {
        let key = source.key(&role);
        // Without a lock first: good credentials need none.
        if let Some(found) = good(cache, &key).filter(|_| !no_cache) {
            return Ok((role, found));
        }
        let guard = lock(cache, &key, stored.lock_timeout());
        if let Some(found) = good(cache, &key).filter(|_| !no_cache) {
            return Ok((role, found));
        }
        let mut portal = Portal::open(stored, settings)?;
        match ask(&mut portal, &role) {
            Ok(credentials) => {
                save(&portal, cache, (&source, &role), &credentials);
                return Ok((role, credentials));
            }
            // The names may be parts of names.
            Err(denied) if denied.lacks_role && args.role.is_some() => {
                drop(guard);
                let found = wanted.find(&mut portal)?;
                if found == role {
                    return Err(portal.without_role(denied.failure, &role));
                }
                return asked(&mut portal, found, Some(cache), &source, &fresh);
            }
            Err(denied) if denied.lacks_role => return Err(portal.without_role(denied.failure, &role)),
            Err(denied) => return Err(denied.failure),
        }
    }
    let mut portal = Portal::open(stored, settings)?;
    let role = wanted.find(&mut portal)?;
    asked(&mut portal, role, cache.as_ref(), &source, &fresh)
}

/// Where credentials come from: the portal, by its session and start URL, and the endpoint that the settings name.
struct Source {
    identity: Identity,
    start_url: StartUrl,
    endpoint: Option<Endpoint>,
}

impl Source {
    /// Returns the source that is meant. Nothing is sent.
    ///
    /// # Errors
    /// The flags or the configuration are wrong.
    fn of(stored: &StoredArgs, settings: &Settings) -> Result<Self, Failure> {
        let (identity, start_url) = stored.identity_and_start_url(settings)?;
        Ok(Self { identity, start_url, endpoint: settings.custom_portal_endpoint()? })
    }

    /// Returns the key of a role's credentials in the cache.
    fn key(&self, role: &Role) -> RoleKey {
        let key = RoleKey::new(&self.identity, &role.account_id, &role.role_name);
        let key = key.with_start_url(self.start_url.as_str());
        match &self.endpoint {
            Some(endpoint) => key.with_endpoint(endpoint),
            None => key,
        }
    }
}

/// How fresh the credentials must be.
struct Fresh {
    no_cache: bool,
    lock_timeout: Duration,
}

/// Returns the credentials of a role that the portal has listed: cached ones, or else the portal's.
fn asked(
    portal: &mut Portal<'_>,
    role: Role,
    cache: Option<&RoleCredentialsCache>,
    source: &Source,
    fresh: &Fresh,
) -> Result<(Role, RoleCredentials), Failure> {
    let key = source.key(&role);
    let cached = || cache.filter(|_| !fresh.no_cache).and_then(|cache| good(cache, &key));
    if let Some(found) = cached() {
        return Ok((role, found));
    }
    let _guard = cache.and_then(|cache| lock(cache, &key, fresh.lock_timeout));
    if let Some(found) = cached() {
        return Ok((role, found));
    }
    let credentials = ask(portal, &role).map_err(Denied::into_failure)?;
    if let Some(cache) = cache {
        save(portal, cache, (source, &role), &credentials);
    }
    Ok((role, credentials))
}

fn ask(portal: &mut Portal<'_>, role: &Role) -> Result<RoleCredentials, Denied> {
    let request = GetRoleCredentialsRequest::new(&role.account_id, &role.role_name);
    portal.call(Operation::GetRoleCredentials, |client, token| client.get_role_credentials(token, &request))
}

fn good(cache: &RoleCredentialsCache, key: &RoleKey) -> Option<RoleCredentials> {
    cache.load(key).filter(|found| found.expiration.remaining_at(now()) > MARGIN)
}

/// Takes the lock, so that one of many processes asks the portal. Without it each asks.
fn lock(cache: &RoleCredentialsCache, key: &RoleKey, at_most: Duration) -> Option<sso_cache::Guard> {
    match cache.lock(key, at_most) {
        Ok(guard) => Some(guard),
        Err(error @ CacheError::Locked { .. }) => {
            warn(format_args!("{}; asking the portal too", chain(&error)));
            None
        }
        Err(_) => None,
    }
}

/// Stores the credentials, unless the sign-in has ended meanwhile. Those of AWS are not replaced by another server's,
/// because the AWS CLI could not tell them apart. A failure costs a request the next time, and nothing else.
fn save(
    portal: &Portal<'_>,
    cache: &RoleCredentialsCache,
    (source, role): (&Source, &Role),
    credentials: &RoleCredentials,
) {
    if !portal.is_stored(&source.identity) {
        tracing::debug!("the stored token is another one now; the credentials are not cached");
        return;
    }
    let key = source.key(role);
    let at_aws = RoleKey::new(&source.identity, &role.account_id, &role.role_name);
    if source.endpoint.is_some() && good(cache, &at_aws).is_some() {
        tracing::debug!("there are credentials of AWS; those of a custom endpoint are not cached");
        return;
    }
    if let Err(error) = cache.save(&key, credentials) {
        tracing::debug!(error = chain(&error), "the credentials are not cached");
    }
}

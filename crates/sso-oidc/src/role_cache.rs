//! The cached credentials of roles, which the AWS CLI shares.

use sso_cache::{Entry, Identity, RoleCredentialsCache, RoleKey};

use crate::exit::{chain, warn};
use crate::settings::Settings;

/// Returns the cache in the home directory; `None` if that is unknown.
pub(crate) fn of(settings: &Settings) -> Option<RoleCredentialsCache> {
    let home = settings.environment().home()?;
    Some(RoleCredentialsCache::at(RoleCredentialsCache::default_dir(&home)))
}

/// Returns the files of the cache. A directory that cannot be read has none, and is warned of.
pub(crate) fn entries(cache: Option<&RoleCredentialsCache>) -> impl Iterator<Item = Entry> {
    let entries = cache.map(RoleCredentialsCache::entries).transpose().unwrap_or_else(|error| {
        warn(chain(&error));
        None
    });
    entries.into_iter().flatten()
}

/// Removes the cached credentials of a session: our own, and the AWS CLI's of the roles that profiles name. The AWS CLI
/// does not write whose its own are. A failure is a warning.
pub(crate) fn forget(identity: &Identity, settings: &Settings) {
    let Some(cache) = of(settings) else { return };
    let mut removed = vec![cache.remove_of(identity).map(|_| ())];
    let config = settings.config();
    for name in config.profile_names() {
        let Some(profile) = config.profile(name) else { continue };
        let roles = (profile.text("sso_account_id"), profile.text("sso_role_name"));
        if let (Some(account), Some(role)) = roles
            && config.resolve_sso(name).is_ok_and(|sso| sso.identity == *identity)
        {
            removed.push(cache.remove(&RoleKey::new(identity, account, role)).map(|_| ()));
        }
    }
    for error in removed.into_iter().filter_map(Result::err) {
        warn(chain(&error));
    }
}

//! `logout`: the end of a sign-in, at the portal and in the cache.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use device_flow::CallError;
use oidc_proto::portal::PortalFault;
use oidc_proto::{Endpoint, Operation};
use sso_cache::{Cache, CacheError, CachedToken, Content, Entry};

use super::Denied;
use crate::exit::{Failure, chain, warn};
use crate::login::{StoredArgs, now, say};
use crate::service::Caller;
use crate::settings::Settings;
use crate::{role_cache, stored};

/// The pause before a torn file is read again, and the number of times.
const TORN: Duration = Duration::from_millis(20);
const READS_OF_A_TORN_FILE: u32 = 5;

/// The flags of `logout`.
#[derive(Args, Debug)]
#[command(after_long_help = "\
It removes the token even if the portal cannot be reached. A corrupt token file is removed, too; its session at the \
portal, if there is one, lasts until it expires. With --all a file that cannot be read or removed does not stop the \
others, and the exit code is 255. It does not wait for a sign-in that is in progress. That one goes on, and stores its \
token once it is approved. Registrations stay. Credentials of roles that were given out stay valid until they expire.")]
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
        let called = super::call_with_given(&caller, Operation::Logout, |client| client.logout(&token));
        return called.map_err(Denied::into_failure);
    }
    let cache = stored::cache(settings)?;
    if args.all {
        return all(&cache, args.stored.lock_timeout(), settings);
    }
    let identity = args.stored.identity(settings)?;
    let path = cache.token_path(&identity);
    // Before the file is read, so that a refresh in flight cannot store its token after it.
    let guard = cache.lock(&identity, args.stored.lock_timeout());
    let _guard = guard.map_err(|error| Failure::other(chain(&error)))?;
    let (token, is_corrupt) = match cache.token(&identity) {
        Ok(token) => (token, false),
        Err(_) => {
            discard(&cache, &path)?;
            // It may have become whole meanwhile.
            (cache.token(&identity).unwrap_or_default(), true)
        }
    };
    match token {
        Some(token) => {
            at_portal(&token, settings);
            remove(&path)?;
            say(format_args!("Signed out of {}.", identity.as_str()));
        }
        // There is a warning of it.
        None if is_corrupt => {}
        None => say(format_args!("There is no stored token for {}.", identity.as_str())),
    }
    role_cache::forget(&identity, settings);
    say_of_sign_ins(&cache, |token_file| token_file == path);
    Ok(())
}

/// Signs out with each token of AWS's tools in the cache, and removes all cached credentials of roles. A file that
/// fails is told, and does not stop the others.
///
/// # Errors
/// The cache is unreadable, or a file failed.
fn all(cache: &Cache, lock_timeout: Duration, settings: &Settings) -> Result<(), Failure> {
    let failed = |error| Failure::other(chain(&error));
    let mut kept = 0_usize;
    let mut count = |ended: Result<(), Failure>| match ended {
        Ok(()) => 1,
        Err(failure) => {
            warn(failure.message());
            kept += 1;
            0_usize
        }
    };
    // First, because a file that is being written is a token a moment later.
    let unusable: Vec<Entry> = cache.entries().map_err(failed)?.filter(is_unusable).collect();
    let discard = |entry: &Entry| {
        let _guard = cache.lock_token(&entry.path, lock_timeout).map_err(failed)?;
        discard(cache, &entry.path)
    };
    let removed: usize = unusable.iter().map(|entry| count(discard(entry))).sum();
    let tokens = cache.tokens().map_err(failed)?;
    let sign_out = |(path, token): &(PathBuf, CachedToken)| {
        let _guard = cache.lock_token(path, lock_timeout).map_err(failed)?;
        // A refresh may have replaced it before the lock was free.
        let now = cache.tokens().map_err(failed)?.into_iter().find(|(other, _)| other == path);
        at_portal(now.as_ref().map_or(token, |(_, token)| token), settings);
        remove(path)
    };
    let signed_out: usize = tokens.iter().map(|token| count(sign_out(token))).sum();
    let mut sets = 0;
    let removed_sets = role_cache::of(settings).map_or(Ok(0), |roles| roles.remove_all());
    count(removed_sets.map(|number| sets = number).map_err(failed));
    say_all(signed_out, removed + kept, sets);
    say_of_sign_ins(cache, |_| true);
    match kept {
        0 => Ok(()),
        1 => Err(Failure::other("1 file of the cache stays")),
        _ => Err(Failure::other(format_args!("{kept} files of the cache stay"))),
    }
}

/// Says what was done. Each of the other files has had a line of its own.
fn say_all(signed_out: usize, others: usize, sets: usize) {
    let portals = if signed_out == 1 { "portal" } else { "portals" };
    let credentials = format!("{sets} cached {} of credentials", if sets == 1 { "set" } else { "sets" });
    say(match (signed_out, others, sets) {
        (0, 0, 0) => "There is no stored token.".to_owned(),
        (0, _, 0) => return,
        (0, _, _) => format!("Removed {credentials}."),
        (_, _, 0) => format!("Signed out of {signed_out} {portals}."),
        _ => format!("Signed out of {signed_out} {portals}, and removed {credentials}."),
    });
}

/// Says which other processes wait for an approval. Their sign-ins go on: their person has been asked, and approves or
/// not after this.
fn say_of_sign_ins(cache: &Cache, concerns: impl Fn(&Path) -> bool) {
    for (_, held) in cache.held_sign_ins().iter().filter(|(token_file, _)| concerns(token_file)) {
        let by = match held {
            CacheError::Locked { holder: Some(holder), .. } => format!(", by {holder},"),
            _ => String::new(),
        };
        say(format_args!(
            "A sign-in that is in progress{by} goes on. Its token is stored if it is approved; Ctrl-C there cancels it."
        ));
    }
}

/// Returns whether a file has the name of a token, and cannot be read as one.
fn is_unusable(entry: &Entry) -> bool {
    matches!(entry.content, Content::Unusable(_))
}

/// Removes a corrupt file, which may hold a token all the same. A file that becomes whole meanwhile stays. The caller
/// holds the lock.
///
/// # Errors
/// The file cannot be read or removed.
fn discard(cache: &Cache, path: &Path) -> Result<(), Failure> {
    let failed = |error: &CacheError| Failure::other(chain(error));
    for reads_left in (0..READS_OF_A_TORN_FILE).rev() {
        let mut entries = cache.entries().map_err(|error| failed(&error))?;
        let now = entries.find(|other| other.path == path);
        match now.as_ref().map(|now| &now.content) {
            Some(Content::Unusable(error)) if error.corrupt_file().is_none() => return Err(failed(error)),
            // AWS's tools write in place.
            Some(Content::Unusable(_)) if reads_left > 0 => std::thread::sleep(TORN),
            Some(Content::Unusable(error)) => {
                remove(path)?;
                warn(format_args!(
                    "{}; it is removed, and the portal may still hold its session",
                    chain(error)
                ));
            }
            _ => break,
        }
    }
    Ok(())
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
    match sso_cache::patiently(|| std::fs::remove_file(path)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::other(format_args!("cannot remove {}: {error}", path.display())))
        }
        _ => Ok(()),
    }
}

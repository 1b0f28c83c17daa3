//! The sessions: those of the config file, and the token files that no section of it explains.

use std::path::PathBuf;
use std::time::Duration;

use oidc_proto::{StartUrl, UnixSeconds};
use sso_cache::{Cache, CacheError, CachedToken, Content, Identity, SsoSettings};

use super::state::State;
use crate::exit::{Failure, chain, warn};
use crate::settings::Settings;
use crate::stored::configured;

/// The pause before a torn file is read again, and the number of times. AWS's tools write in place.
const TORN: Duration = Duration::from_millis(20);
const READS_OF_A_TORN_FILE: u32 = 5;

/// A session, and its stored token.
pub(super) struct Session {
    /// The name of its `[sso-session]`, if it has one.
    pub(super) name: Option<String>,
    pub(super) start_url: Option<String>,
    pub(super) region: Option<String>,
    /// The section that names the portal, and the section's file.
    pub(super) section: Option<(String, String)>,
    pub(super) token_file: PathBuf,
    pub(super) token: Result<Option<CachedToken>, CacheError>,
}

impl Session {
    /// Returns the session with this identity, whether or not the config file or the cache has it.
    pub(super) fn of(identity: &Identity, cache: &Cache, settings: &Settings) -> Self {
        let found = configured(settings).into_iter().find(|(known, _)| known == identity);
        let (_, found) = found.unwrap_or_else(|| (identity.clone(), None));
        Self::stored(identity, found, cache)
    }

    /// Returns all sessions. Those of the config file come first.
    ///
    /// # Errors
    /// The directory of the cache is unreadable.
    pub(super) fn all(cache: &Cache, settings: &Settings) -> Result<Vec<Self>, Failure> {
        let mut sessions: Vec<Self> = configured(settings)
            .into_iter()
            .map(|(identity, found)| Self::stored(&identity, found, cache))
            .collect();
        for entry in cache.entries().map_err(|error| Failure::other(chain(&error)))? {
            if sessions.iter().any(|known| known.token_file == entry.path) {
                continue;
            }
            match entry.content {
                Content::Token(token) => sessions.push(Self::unexplained(entry.path, *token)),
                // It may be a registration, so it is no session.
                Content::Unusable(error) => warn(chain(&error)),
                _ => {}
            }
        }
        Ok(sessions)
    }

    fn stored(identity: &Identity, found: Option<SsoSettings>, cache: &Cache) -> Self {
        let token = settled(cache, identity);
        let stored = token.as_ref().ok().and_then(Option::as_ref);
        let own = match identity {
            Identity::StartUrl(url) => Some(url.clone()),
            Identity::SessionName(_) => None,
        };
        let start_url = found
            .as_ref()
            .map(|found| found.start_url.clone())
            .or(own)
            .or_else(|| stored.and_then(|token| token.start_url.clone()));
        let region = found
            .as_ref()
            .and_then(|found| found.region.clone())
            .or_else(|| stored.and_then(|token| token.region.clone()))
            .or_else(|| region_in(start_url.as_deref()?));
        Self {
            name: identity.session_name().map(str::to_owned),
            start_url,
            region,
            section: found.map(|found| (found.section().to_owned(), found.file().to_owned())),
            token_file: cache.token_path(identity),
            token,
        }
    }

    fn unexplained(token_file: PathBuf, token: CachedToken) -> Self {
        Self {
            name: None,
            start_url: token.start_url.clone(),
            region: token.region.clone(),
            section: None,
            token_file,
            token: Ok(Some(token)),
        }
    }

    /// Returns the state at this time.
    pub(super) fn state(&self, now: UnixSeconds) -> State {
        State::of(&self.token, now)
    }

    /// Returns why the token file cannot be used.
    pub(super) fn problem(&self) -> Option<String> {
        self.token.as_ref().err().map(|error| chain(error))
    }
}

fn region_in(start_url: &str) -> Option<String> {
    StartUrl::parse(start_url).ok()?.region().map(str::to_owned)
}

/// Reads the token. A torn file is read again for a moment.
///
/// # Errors
/// The file is corrupt, or cannot be read.
fn settled(cache: &Cache, identity: &Identity) -> Result<Option<CachedToken>, CacheError> {
    for _ in 0..READS_OF_A_TORN_FILE {
        match cache.token(identity) {
            Err(CacheError::Corrupt { .. }) => std::thread::sleep(TORN),
            settled => return settled,
        }
    }
    cache.token(identity)
}

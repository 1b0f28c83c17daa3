//! The token and registration cache of AWS's tools, and the config file that they read.
//!
//! | file | type | filed under |
//! |---|---|---|
//! | `~/.aws/config`, and the profiles of `~/.aws/credentials` | [`Config`] | profile or SSO session |
//! | `~/.aws/config`, to edit | [`ConfigDocument`] | [`SectionName`] |
//! | `~/.aws/sso/cache/SHA1.json`, a token | [`CachedToken`] | [`Identity`]: session name or start URL |
//! | `~/.aws/sso/cache/SHA1.json`, a registration | [`CachedRegistration`] | [`RegistrationKey`] |
//! | `~/.aws/cli/cache/SHA1.json`, the credentials of a role | [`RoleCredentialsCache`] | [`RoleKey`] |
//! | `~/.aws/sso/sso-oidc/SHA1.json.lock`, of a refresh | [`Guard`] | [`Identity`] |
//! | `~/.aws/sso/sso-oidc/SHA1.json.sign-in.lock`, of a sign-in | [`Guard`] | [`Identity`] |
//! | `~/.aws/sso/sso-oidc/SHA1.json.corrupt`, set aside | – | |
//!
//! The files match those of the AWS command line and the AWS SDKs: they find a token that is saved here, and
//! vice versa. This crate also replaces files whole, makes them readable by the owner only, and keeps members
//! of other tools. It names corrupt files and can set them aside. A lock keeps two processes from refreshing
//! one token at once, another from asking a person twice. Other files are beside the cache
//! ([`Cache::private_dir`]), because some tools read every file in it. [`TokenTarget`] tells whether a token that
//! was found is for this portal and service.
//!
//! On Windows, a file has the access rights of its directory, and those of a home directory let in its user, the system
//! and administrators. A file that another program has open is waited for ([`patiently`]).
//!
//! ```
//! use core::time::Duration;
//! use oidc_proto::UnixSeconds;
//! use sso_cache::{Cache, Config};
//!
//! # let home = tempfile::tempdir()?;
//! # let home = home.path();
//! # std::fs::create_dir(home.join(".aws"))?;
//! # std::fs::write(home.join(".aws/config"),
//! #     "[profile work]\nsso_session = corp\n[sso-session corp]\nsso_region = eu-west-1\n\
//! #      sso_start_url = https://d-1.awsapps.com/start\n")?;
//! let config = Config::load(Config::default_path(Some(home), |_| None).ok_or("no home directory")?)?;
//! let sso = config.resolve_sso("work")?;
//! let cache = Cache::at(Cache::default_dir(home));
//! let now = UnixSeconds::new(1_640_467_800);
//! let is_usable = |token: &sso_cache::CachedToken| token.usable_at(now, Duration::from_secs(300));
//! if !cache.token(&sso.identity)?.is_some_and(|token| is_usable(&token)) {
//!     let _guard = cache.lock(&sso.identity, Duration::from_secs(10))?;
//!     // Look again: the last holder may have renewed the token. If not, sign in and `save_token`.
//!     assert!(cache.token(&sso.identity)?.is_none());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![warn(
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![cfg_attr(
    test,
    allow(clippy::indexing_slicing, reason = "a test that indexes past the end should fail loudly")
)]

mod aside;
mod cache;
mod config;
mod document;
mod entries;
mod error;
mod files;
mod identity;
mod lock;
mod patience;
mod platform;
mod python;
mod registration;
mod role_credentials;
mod target;
mod time;
mod token;
mod write;

pub use cache::Cache;
pub use config::{
    Config, ConfigDocument, EditError, LoadError, NearMiss, Problem, Profile, SaveError, SectionName,
    SettingsError, SsoSettings, SyntaxError,
};
pub use document::Corruption;
pub use entries::{Content, Entry, Garbage, RoleCredentialsEntry};
pub use error::{CacheError, Obstacle};
pub use identity::Identity;
pub use lock::{Guard, Holder};
pub use patience::patiently;
pub use registration::{CachedRegistration, RegistrationKey};
pub use role_credentials::{RoleCredentialsCache, RoleKey};
pub use target::{Mismatch, Registrations, TokenTarget};
pub use time::format_time;
pub use token::CachedToken;

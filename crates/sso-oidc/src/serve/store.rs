//! `--store`: where the server keeps its records.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use sso_oidc_server::{Config, FileStore, Secret};

use crate::environment::Environment;
use crate::exit::{Failure, chain};
use crate::registration_key;

/// The variable that names the store. Other users cannot read it, so it may have a password.
pub(super) const VARIABLE: &str = "SSO_OIDC_STORE";

/// The flags of the store.
#[derive(Args)]
pub(super) struct StoreArgs {
    /// Keep the records in this file, so that sign-ins survive a restart and a crash. One server at a time can use it.
    /// Or in a PostgreSQL database, which several servers may share: postgresql://USER@HOST/DATABASE. Its password is
    /// in PGPASSWORD or libpq's password file (PGPASSFILE, ~/.pgpass), or in the URL if that is in --store-url-file,
    /// --config or SSO_OIDC_STORE. The default is memory
    /// [env: SSO_OIDC_STORE]
    #[arg(long, value_name = "FILE|URL")]
    store: Option<OsString>,

    /// Whether `store` is that of a file or a variable.
    #[arg(skip)]
    pub(super) is_private: bool,

    /// Read the URL of the database, with its password, from this file
    #[arg(long, value_name = "FILE", conflicts_with = "store")]
    store_url_file: Option<PathBuf>,
}

/// Shows nothing, because a URL from a file may have a password.
impl fmt::Debug for StoreArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreArgs").finish_non_exhaustive()
    }
}

/// A place for the records, by the way that names it.
enum Place<'a> {
    /// On the command line, which every user of this machine can read.
    Argument(&'a OsStr),
    /// In a file or variable.
    Private(Secret),
}

impl StoreArgs {
    /// Returns whether the store is a database.
    pub(super) fn is_database(&self, environment: &Environment) -> bool {
        let place = self.store.as_deref().or_else(|| environment.path(VARIABLE));
        self.store_url_file.is_some() || place.and_then(OsStr::to_str).is_some_and(is_url)
    }

    /// Opens the store.
    pub(super) async fn apply(&self, config: Config, environment: &Environment) -> Result<Config, Failure> {
        let place = match (&self.store, &self.store_url_file, environment.path(VARIABLE)) {
            (Some(place), ..) => match place.to_str().filter(|_| self.is_private) {
                Some(text) => Place::Private(Secret::from(text)),
                None => Place::Argument(place),
            },
            (None, Some(file), _) => Place::Private(of_file(file)?),
            (None, None, Some(place)) => match place.to_str() {
                Some(text) => Place::Private(Secret::from(text)),
                None => Place::Argument(place),
            },
            (None, None, None) => return Ok(config),
        };
        match &place {
            Place::Argument(place) => match place.to_str().filter(|text| is_url(text)) {
                Some(url) => database::apply(config, url, true, environment).await,
                None => in_file(config, Path::new(place)),
            },
            Place::Private(text) if is_url(text.expose()) => {
                database::apply(config, text.expose(), false, environment).await
            }
            Place::Private(text) => in_file(config, Path::new(text.expose())),
        }
    }
}

/// Returns whether this is a URL. A file may have any other name.
fn is_url(text: &str) -> bool {
    text.contains("://")
}

fn of_file(file: &Path) -> Result<Secret, Failure> {
    let failed = |why: &dyn fmt::Display| {
        Failure::other(format_args!("cannot read the URL of the database in {}: {why}", file.display()))
    };
    let url = registration_key::read(file, "URL of the database").map_err(|error| failed(&error))?;
    let url = Secret::from(url.expose().trim());
    if is_url(url.expose()) { Ok(url) } else { Err(failed(&"it has no postgresql://")) }
}

fn in_file(config: Config, path: &Path) -> Result<Config, Failure> {
    let store = FileStore::open(path, config.capacity).map_err(|error| Failure::other(chain(&error)))?;
    Ok(config.with_store(store))
}

/// The store in PostgreSQL.
#[cfg(feature = "postgres")]
mod database {
    use sso_oidc_postgres::{ConnectError, PostgresConfig, PostgresStore};
    use sso_oidc_server::Config;

    use super::password_file;
    use crate::environment::Environment;
    use crate::exit::{Failure, chain, warn};

    pub(super) async fn apply(
        config: Config,
        url: &str,
        is_argument: bool,
        environment: &Environment,
    ) -> Result<Config, Failure> {
        let failed = |error: &ConnectError| match error {
            ConnectError::Url(_) => Failure::usage(chain(error)),
            _ => Failure::other(chain(error)),
        };
        let mut database = PostgresConfig::from_url(url).map_err(|error| failed(&error))?;
        if is_argument && database.has_password() {
            let why = "the URL of --store has a password, which every user of this machine can read";
            return Err(Failure::usage(why).with_hint(
                "change the password, and pass the new one in PGPASSWORD or ~/.pgpass, or the URL with --store-url-file FILE \
                 or in SSO_OIDC_STORE",
            ));
        }
        if let Some(password) = environment.get("PGPASSWORD") {
            database = database.with_password(password);
        }
        if let Some((file, is_named)) = password_file(environment) {
            match database.clone().with_password_file(file) {
                Ok(with_password) => database = with_password,
                Err(error) if is_named => return Err(failed(&error)),
                // The database may need no password.
                Err(error) => warn(chain(&error)),
            }
        }
        let store = PostgresStore::connect(database.with_capacity(config.capacity)).await;
        Ok(config.with_store(store.map_err(|error| failed(&error))?))
    }
}

/// Returns the password file of libpq, which may be missing, and whether a variable names it.
#[cfg(feature = "postgres")]
fn password_file(environment: &Environment) -> Option<(PathBuf, bool)> {
    if let Some(file) = environment.path("PGPASSFILE") {
        return Some((file.into(), true));
    }
    let file = match environment.path("APPDATA").filter(|_| cfg!(windows)) {
        Some(data) => Path::new(data).join("postgresql/pgpass.conf"),
        None => environment.home()?.join(".pgpass"),
    };
    Some((file, false))
}

/// The store in PostgreSQL is not in this program.
#[cfg(not(feature = "postgres"))]
mod database {
    use sso_oidc_server::Config;

    use crate::environment::Environment;
    use crate::exit::Failure;

    pub(super) async fn apply(
        _config: Config,
        _url: &str,
        _is_argument: bool,
        _environment: &Environment,
    ) -> Result<Config, Failure> {
        Err(Failure::usage("this program was built without the store in a database").with_hint(
            "in a checkout, `cargo install --path crates/sso-oidc --features postgres` builds one with it",
        ))
    }
}

//! Where the database is, and how it is used.

use core::fmt;
use core::time::Duration;
use std::path::PathBuf;

use device_authority::Capacity;
use percent_encoding::percent_decode_str;
use tokio_postgres::config::{Host, SslMode};

use crate::ConnectError;

/// The longest name of PostgreSQL, in bytes.
const LONGEST_NAME: usize = 63;

/// Where the database is, and how it is used.
///
/// ```
/// use core::time::Duration;
/// use device_authority::Capacity;
/// use sso_oidc_postgres::PostgresConfig;
///
/// let config = PostgresConfig::from_url("postgres://sso:hunter2@db.example/sso?schema=sign_in")?;
/// let config = config.with_capacity(Capacity::default()).with_connections(4).with_schema("other")?;
/// let config = config.with_patience(Duration::from_secs(5)).with_remembered_devices(100_000);
/// assert!(!format!("{config:?}").contains("hunter2"));
/// # Ok::<(), sso_oidc_postgres::ConnectError>(())
/// ```
#[derive(Clone)]
pub struct PostgresConfig {
    pub(crate) database: tokio_postgres::Config,
    pub(crate) schema: String,
    /// The file with the certificates to trust; `None` for those of the system.
    pub(crate) roots: Option<PathBuf>,
    pub(crate) capacity: Capacity,
    pub(crate) connections: usize,
    pub(crate) patience: Duration,
    pub(crate) remembered: usize,
}

impl PostgresConfig {
    /// Reads a URL such as `postgresql://USER@HOST:PORT/DATABASE?PARAMETER=VALUE`. Characters of a password that mean
    /// something in a URL are percent-encoded.
    ///
    /// These parameters are read here. All others are those of [`tokio_postgres::Config`], which are libpq's:
    /// `application_name`, `target_session_attrs`, `load_balance_hosts`, `keepalives` and more.
    ///
    /// * `schema` is the schema of the tables. Default: `sso_oidc`.
    /// * `sslmode=disable` means no TLS. This is the default for loopback addresses and Unix sockets.
    /// * `sslmode=verify-full` means TLS, and the certificate is verified with its name. This is the default for all
    ///   other addresses. `require` means the same here.
    /// * `sslrootcert` is a file with the certificates to trust, in PEM. Default: `system`, what the system trusts.
    ///
    /// Client certificates and channel binding are not supported.
    ///
    /// ```
    /// use sso_oidc_postgres::PostgresConfig;
    ///
    /// assert!(PostgresConfig::from_url("postgresql:///sso?host=/run/postgresql").is_ok());
    /// let unsafe_mode = PostgresConfig::from_url("postgres://db.example/sso?sslmode=prefer");
    /// assert!(unsafe_mode.is_err(), "anyone between the two machines could switch TLS off");
    /// ```
    ///
    /// # Errors
    /// [`ConnectError::Url`].
    pub fn from_url(url: &str) -> Result<Self, ConnectError> {
        let url = url.trim();
        if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
            return Err(ConnectError::Url("does not begin with postgres:// or postgresql://"));
        }
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let mut own = Own::default();
        let mut rest = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            if !own.takes(pair)? {
                rest.push(pair);
            }
        }
        // An error of the library may repeat a part of a password that is not encoded.
        let mut database: tokio_postgres::Config =
            format!("{place}?{}", rest.join("&")).parse().map_err(|_| {
                ConnectError::Url(
                    "cannot be read; a password with characters like @ / ? # % needs percent-encoding",
                )
            })?;
        database.ssl_mode(match own.mode {
            Some(mode) => mode,
            None if is_local(&database) => SslMode::Disable,
            None => SslMode::Require,
        });
        if database.get_application_name().is_none() {
            database.application_name("sso-oidc");
        }
        let config = Self {
            database,
            schema: String::new(),
            roots: own.roots,
            capacity: Capacity::default(),
            connections: 8,
            patience: Duration::from_secs(10),
            remembered: 8192,
        };
        config.with_schema(own.schema.as_deref().unwrap_or("sso_oidc"))
    }

    /// Returns whether there is a password, in the URL or set.
    ///
    /// ```
    /// use sso_oidc_postgres::PostgresConfig;
    /// assert!(PostgresConfig::from_url("postgres://sso:hunter2@127.0.0.1/sso")?.has_password());
    /// assert!(!PostgresConfig::from_url("postgres://sso@127.0.0.1/sso")?.has_password());
    /// # Ok::<(), sso_oidc_postgres::ConnectError>(())
    /// ```
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.database.get_password().is_some()
    }

    /// Sets the password, if the URL has none.
    ///
    /// ```
    /// use sso_oidc_postgres::PostgresConfig;
    /// let config = PostgresConfig::from_url("postgres://sso@127.0.0.1/sso")?.with_password("hunter2");
    /// assert!(!format!("{config:?}").contains("hunter2"));
    /// # Ok::<(), sso_oidc_postgres::ConnectError>(())
    /// ```
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        if self.database.get_password().is_none() {
            self.database.password(password);
        }
        self
    }

    /// Sets the name of the schema. It has lower-case letters, digits and underscores, and does not begin with a digit
    /// or with `pg_`.
    ///
    /// ```
    /// use sso_oidc_postgres::PostgresConfig;
    /// let config = PostgresConfig::from_url("postgres://sso@127.0.0.1/sso")?;
    /// assert!(config.clone().with_schema("sign_in").is_ok());
    /// assert!(config.with_schema("sign-in").is_err());
    /// # Ok::<(), sso_oidc_postgres::ConnectError>(())
    /// ```
    ///
    /// # Errors
    /// [`ConnectError::Url`] if the name is another one.
    pub fn with_schema(mut self, name: &str) -> Result<Self, ConnectError> {
        let begins = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
        let goes_on = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !begins || !goes_on || name.len() > LONGEST_NAME || name.starts_with("pg_") {
            return Err(ConnectError::Url(
                "has a `schema` that is not a name of lower-case letters, digits and underscores",
            ));
        }
        name.clone_into(&mut self.schema);
        Ok(self)
    }

    /// Sets the limits of the tables.
    #[must_use]
    pub const fn with_capacity(mut self, capacity: Capacity) -> Self {
        self.capacity = capacity;
        self
    }

    /// Sets the number of connections to the database, at least 1. Default: 8.
    #[must_use]
    pub const fn with_connections(mut self, count: usize) -> Self {
        self.connections = if count == 0 { 1 } else { count };
        self
    }

    /// Sets the time limit for each of these: to get a connection, a response of the database, and the outcome of a
    /// commit whose connection broke. Default: 10 seconds.
    #[must_use]
    pub const fn with_patience(mut self, limit: Duration) -> Self {
        self.patience = limit;
        self
    }

    /// Sets the number of devices that a server remembers since their latest poll, at 1 to 2 KB each. The next poll of
    /// such a device is one round trip instead of two. Default: 8192.
    #[must_use]
    pub const fn with_remembered_devices(mut self, count: usize) -> Self {
        self.remembered = count;
        self
    }
}

/// Shows no password.
impl fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresConfig")
            .field("hosts", &self.database.get_hosts())
            .field("database", &self.database.get_dbname())
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

/// The parameters that tokio-postgres does not have, or reads in another way.
#[derive(Default)]
struct Own {
    schema: Option<String>,
    mode: Option<SslMode>,
    roots: Option<PathBuf>,
}

impl Own {
    /// Takes a parameter, if it is one of these.
    fn takes(&mut self, pair: &str) -> Result<bool, ConnectError> {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let text = percent_decode_str(value).decode_utf8();
        let value = text.map_err(|_| ConnectError::Url("has a parameter that is not UTF-8"))?.into_owned();
        match (name, value.as_str()) {
            ("schema", _) => self.schema = Some(value),
            ("sslmode", "disable") => self.mode = Some(SslMode::Disable),
            ("sslmode", "require" | "verify-full") => self.mode = Some(SslMode::Require),
            ("sslmode", _) => {
                return Err(ConnectError::Url(
                    "has an unsupported `sslmode`: use verify-full, or disable if nothing between the machines can read",
                ));
            }
            ("sslrootcert", "system") => self.roots = None,
            ("sslrootcert", _) => self.roots = Some(value.into()),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Returns whether every host is this machine.
fn is_local(database: &tokio_postgres::Config) -> bool {
    // `hostaddr` wins over the names.
    let addresses = database.get_hostaddrs();
    if !addresses.is_empty() {
        return addresses.iter().all(core::net::IpAddr::is_loopback);
    }
    database.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            name == "localhost"
                || name.parse::<core::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> SslMode {
        PostgresConfig::from_url(url).unwrap().database.get_ssl_mode()
    }

    #[test]
    fn another_machine_is_reached_by_tls_unless_the_url_says_otherwise() {
        assert_eq!(mode("postgres://u@db.example/d"), SslMode::Require);
        assert_eq!(mode("postgres://u@192.0.2.1,127.0.0.1/d"), SslMode::Require);
        assert_eq!(mode("postgres://u@localhost/d?hostaddr=192.0.2.1"), SslMode::Require);
        assert_eq!(mode("postgres://u@db.example/d?sslmode=disable"), SslMode::Disable);
        for local in ["127.0.0.1", "localhost", "%2Frun%2Fpostgresql"] {
            assert_eq!(mode(&format!("postgres://u@{local}/d")), SslMode::Disable, "{local}");
        }
        assert_eq!(mode("postgres://u@[::1]:5433/d?sslmode=verify-full"), SslMode::Require);
    }

    #[test]
    fn a_mode_that_can_be_switched_off_on_the_way_is_refused() {
        for weak in ["prefer", "allow", "verify-ca", ""] {
            let refused = PostgresConfig::from_url(&format!("postgres://u@h/d?sslmode={weak}")).unwrap_err();
            assert!(refused.to_string().contains("unsupported `sslmode`"), "{weak}: {refused}");
        }
    }

    #[test]
    fn own_parameters_are_read_and_the_others_passed_on() {
        let url = "postgresql://u:p%40ss@h:7/d?schema=s_1&application_name=x&sslrootcert=%2Fa%2Bb.pem";
        let config = PostgresConfig::from_url(url).unwrap();
        assert_eq!((config.schema.as_str(), config.roots), ("s_1", Some("/a+b.pem".into())));
        assert_eq!(config.database.get_application_name(), Some("x"));
        assert_eq!(
            (config.database.get_password(), config.database.get_ports()),
            (Some(&b"p@ss"[..]), &[7][..])
        );
    }

    #[test]
    fn a_password_shows_in_no_error_and_no_debug_output() {
        for url in ["postgres://u:hun/ter2@h/d", "postgres://u:hun?ter2@h/d", "postgres://u:ter2@h:x/d"] {
            if let Err(error) = PostgresConfig::from_url(url) {
                assert!(!format!("{error} {error:?}").contains("ter2"), "{url}: {error:?}");
            }
        }
        let config = PostgresConfig::from_url("postgres://u:hunter2@h/d?password=hunter3").unwrap();
        assert!(!format!("{config:?}").contains("hunter"));
    }

    #[test]
    fn a_schema_that_would_need_quotes_is_refused() {
        for name in ["", "a b", "A", "1a", "pg_x", "x\"y", "é", &"x".repeat(64)] {
            let config = PostgresConfig::from_url("postgres://h/d").unwrap();
            assert!(config.with_schema(name).is_err(), "{name}");
        }
    }

    #[test]
    fn the_password_of_the_url_wins() {
        let with = |url: &str| PostgresConfig::from_url(url).unwrap().with_password("later");
        assert_eq!(with("postgres://u:first@h/d").database.get_password(), Some(&b"first"[..]));
        assert_eq!(with("postgres://u@h/d").database.get_password(), Some(&b"later"[..]));
    }
}

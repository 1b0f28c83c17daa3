//! The connections, and what an error says about a statement.

use core::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, PoolError, RecyclingMethod, Runtime, Timeouts};
use device_authority::StoreError;
use tokio::time::timeout;
use tokio_postgres::Row;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::types::{ToSql, Type};

use crate::tls::Tls;
use crate::{ConnectError, PostgresConfig};

/// The connections to the database.
#[derive(Clone)]
pub(crate) struct Pool {
    pool: deadpool_postgres::Pool,
    patience: Duration,
}

/// Why a statement returned nothing.
#[derive(Debug)]
pub(crate) enum Failed {
    /// A record has changed since it was loaded, or the transaction lost against another one. Nothing is committed.
    Changed,
    /// Another device has the user code. Nothing is committed.
    UserCodeTaken,
    /// Another transaction has kept a lock for too long. Nothing is committed.
    Busy,
    /// The database refused the statement. Nothing is committed.
    Refused(tokio_postgres::Error),
    /// The connection broke or no answer came. The statement may have been executed.
    Lost(Box<dyn std::error::Error + Send + Sync>),
}

impl From<Failed> for StoreError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Changed => Self::unavailable("the records change too often"),
            Failed::UserCodeTaken => Self::unavailable("the user code is taken"),
            Failed::Busy => {
                Self::unavailable("the store is busy: another transaction has kept a lock for too long")
            }
            Failed::Refused(error) => Self::unavailable(chain(&error)),
            Failed::Lost(error) => Self::unavailable(chain(&*error)),
        }
    }
}

/// Returns the message of an error with those of its sources, because the first one says `db error` at most. The
/// database's details are left out: they may have a part of a record.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let say = |error: &(dyn std::error::Error + 'static)| match error.downcast_ref::<DbError>() {
        Some(error) => error.message().to_owned(),
        None => error.to_string(),
    };
    let sources = core::iter::successors(Some(error), |error| error.source());
    // Some errors repeat their sources.
    sources.map(say).fold(String::new(), |text, said| match &*text {
        "" => said,
        _ if text.contains(&said) => text,
        _ => text + ": " + &said,
    })
}

impl From<tokio_postgres::Error> for Failed {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code().map(SqlState::code) {
            Some("SO001") => return Self::Changed,
            Some("SO002") => return Self::UserCodeTaken,
            _ => {}
        }
        match error.code() {
            // Another transaction has written the record first.
            Some(
                &SqlState::T_R_DEADLOCK_DETECTED
                | &SqlState::T_R_SERIALIZATION_FAILURE
                | &SqlState::UNIQUE_VIOLATION,
            ) => Self::Changed,
            // Whoever keeps the lock keeps it still, so a repetition would wait as long again.
            Some(&SqlState::LOCK_NOT_AVAILABLE) => Self::Busy,
            // The database is stopping or starting, so another connection may help.
            Some(&SqlState::ADMIN_SHUTDOWN | &SqlState::CRASH_SHUTDOWN | &SqlState::CANNOT_CONNECT_NOW)
            | None => Self::Lost(error.into()),
            // A pooler in between reports a broken connection by this class.
            Some(code) if code.code().starts_with("08") => Self::Lost(error.into()),
            Some(_) => Self::Refused(error),
        }
    }
}

impl Pool {
    pub(crate) fn new(config: &PostgresConfig) -> Result<Self, ConnectError> {
        let mut database = config.database.clone();
        if database.get_connect_timeout().is_none() {
            database.connect_timeout(config.patience);
        }
        let tls = match database.get_ssl_mode() {
            SslMode::Disable => Tls::OFF,
            _ => Tls::trusting(config.roots.as_deref()).map_err(ConnectError::Tls)?,
        };
        let manager =
            Manager::from_config(database, tls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let limit = Some(config.patience);
        let pool = deadpool_postgres::Pool::builder(manager)
            .max_size(config.connections)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts { wait: limit, create: limit, recycle: limit })
            .build()
            .map_err(ConnectError::database)?;
        Ok(Self { pool, patience: config.patience })
    }

    pub(crate) const fn patience(&self) -> Duration {
        self.patience
    }

    /// Takes a connection.
    pub(crate) async fn connection(&self) -> Result<Connection, Failed> {
        match self.pool.get().await {
            Ok(object) => Ok(Connection { object, patience: self.patience }),
            Err(PoolError::Backend(error)) => Err(Failed::Lost(error.into())),
            Err(error) => Err(Failed::Lost(error.into())),
        }
    }

    /// Executes a statement that changes nothing. A pooled connection may have broken since its last use, and others
    /// with it, so it is repeated once on a new connection.
    pub(crate) async fn read(
        &self,
        sql: &str,
        arguments: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<(Connection, Vec<Row>), Failed> {
        match self.connection().await?.query(sql, arguments).await {
            Err(Failed::Lost(_)) => {
                drop(self.pool.retain(|object, _| !object.is_closed()));
                self.connection().await?.query(sql, arguments).await
            }
            result => result,
        }
    }
}

/// A connection that is in use. A dropped one goes back to the others.
pub(crate) struct Connection {
    object: Object,
    patience: Duration,
}

impl Connection {
    /// Executes a statement in one round trip: no named statement, no transaction around it. So a pooler may give the
    /// next statement to another connection of its own.
    ///
    /// # Cancel safety
    /// A statement that was sent is executed although the future is dropped. The connection skips its response.
    pub(crate) async fn query(
        self,
        sql: &str,
        arguments: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<(Self, Vec<Row>), Failed> {
        match timeout(self.patience, self.object.query_typed(sql, arguments)).await {
            Ok(Ok(rows)) => Ok((self, rows)),
            Ok(Err(error)) => {
                let failed = Failed::from(error);
                if let Failed::Lost(_) = failed {
                    drop(Object::take(self.object));
                }
                Err(failed)
            }
            Err(elapsed) => {
                // Whatever it waits for, the next request must not wait behind it.
                drop(Object::take(self.object));
                Err(Failed::Lost(elapsed.into()))
            }
        }
    }

    /// Returns the client, for a transaction of several statements.
    pub(crate) fn client(&mut self) -> &mut tokio_postgres::Client {
        &mut self.object
    }
}

//! The store: its statements, and what needs no decision.

use core::fmt;
use std::sync::Arc;

use device_authority::{Counts, Decide, Keys, Moment, Source, Store, StoreError, UserCode, Waiting};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};

use crate::changes::micros;
use crate::loaded::key_of_source;
use crate::polls::Polls;
use crate::pool::Pool;
use crate::room::Room;
use crate::{ConnectError, PostgresConfig, schema};

/// The records of each kind that one sweep removes.
const BATCH: i64 = 500;
/// The most user codes that `pending` returns, as the contract says.
const MOST_PENDING: i64 = 10_000;

/// A store in a PostgreSQL database, which several servers may share.
///
/// A clone uses the same connections.
///
/// ```
/// use device_authority::{Moment, Store};
/// use sso_oidc_postgres::{PostgresConfig, PostgresStore};
///
/// # let Ok(url) = std::env::var("SSO_OIDC_TEST_POSTGRES") else { return Ok(()) };
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let config = PostgresConfig::from_url(&url)?.with_schema("of_an_example")?;
/// let store = PostgresStore::connect(config).await?;
/// store.check().await?;
/// assert_eq!(store.page_key([1; 32]).await?, store.page_key([2; 32]).await?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct PostgresStore(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) pool: Pool,
    pub(crate) room: Room,
    pub(crate) polls: Polls,
    pub(crate) sql: Sql,
}

/// The statements, with the name of the schema.
pub(crate) struct Sql {
    pub(crate) load: String,
    pub(crate) pace: String,
    pub(crate) apply: String,
    pub(crate) traces: [(&'static str, String); 3],
    sweep: String,
    counted: String,
    pending: String,
    setting: String,
}

impl Sql {
    fn of(schema: &str) -> Self {
        let named = |sql: &str| schema::named(sql, schema);
        let trace = |table: &str| {
            named(&format!(
                "SELECT EXISTS (SELECT FROM {{schema}}.{table} WHERE selector = $1 AND record::text = $2)"
            ))
        };
        Self {
            load: named("SELECT * FROM {schema}.load($1, $2, $3, $4, $5, $6, $7, $8)"),
            pace: named("SELECT * FROM {schema}.pace($1, $2, $3, $4, $5)"),
            apply: named("SELECT {schema}.apply($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"),
            sweep: named("SELECT * FROM {schema}.remove_forgotten($1, $2, $3, $4, $5, $6, $7)"),
            counted: named("SELECT * FROM {schema}.counted($1)"),
            pending: named(
                "SELECT user_code FROM {schema}.device WHERE pending AND expires_at > $1 LIMIT $2",
            ),
            // The update changes nothing, and lets the statement return a row that is already there.
            setting: named(
                "INSERT INTO {schema}.setting AS s VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = s.value \
                 RETURNING value",
            ),
            traces: [
                ("add device", trace("device")),
                ("add code", trace("code")),
                ("add access", trace("access")),
            ],
        }
    }
}

/// Shows no address and no record.
impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").finish_non_exhaustive()
    }
}

fn column<'a, T: FromSql<'a>>(row: &'a Row, at: usize) -> Result<T, StoreError> {
    row.try_get(at).map_err(StoreError::unavailable)
}

fn number(row: &Row, at: usize) -> Result<usize, StoreError> {
    column::<i64>(row, at).map(|count| usize::try_from(count).unwrap_or_default())
}

/// Returns the counts in the columns from this one on.
fn counts(row: &Row, first: usize) -> Result<Counts, StoreError> {
    let mut counts = Counts::default();
    counts.clients = number(row, first)?;
    counts.devices = number(row, first + 1)?;
    counts.codes = number(row, first + 2)?;
    counts.families = number(row, first + 3)?;
    counts.access = number(row, first + 4)?;
    counts.sources = number(row, first + 5)?;
    Ok(counts)
}

impl PostgresStore {
    /// Connects, and creates the schema or brings it up to date. It needs a tokio runtime with I/O and time.
    ///
    /// ```
    /// use sso_oidc_postgres::{ConnectError, PostgresConfig, PostgresStore};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// // No database listens on this port.
    /// let config = PostgresConfig::from_url("postgres://sso:hunter2@127.0.0.1:1/sso")?;
    /// let away = PostgresStore::connect(config).await.unwrap_err();
    /// assert!(matches!(away, ConnectError::Database(_)) && !format!("{away:?}").contains("hunter2"));
    /// # Ok::<(), ConnectError>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ConnectError`]. No message has the password.
    ///
    /// # Cancel safety
    /// A dropped future leaves the schema as it was, or finished.
    pub async fn connect(config: PostgresConfig) -> Result<Self, ConnectError> {
        let pool = Pool::new(&config)?;
        let mut connection = pool.connection().await.map_err(ConnectError::from)?;
        schema::prepare(connection.client(), &config.schema).await?;
        drop(connection);
        let store = Self(Arc::new(Inner {
            pool,
            room: Room::new(config.capacity),
            polls: Polls::new(config.remembered),
            sql: Sql::of(&config.schema),
        }));
        store.0.count().await.map_err(ConnectError::database)?;
        Ok(store)
    }
}

impl Inner {
    pub(crate) async fn sweep(&self, now: Moment) -> Result<usize, StoreError> {
        let [clients, families, access, sources] = self.room.limits();
        let everyone = key_of_source(Source::EVERYONE);
        let now = micros(now);
        let arguments = [
            (&now as _, Type::INT8),
            (&BATCH as _, Type::INT8),
            (&clients as _, Type::INT8),
            (&families as _, Type::INT8),
            (&access as _, Type::INT8),
            (&sources as _, Type::INT8),
            (&everyone as _, Type::BYTEA),
        ];
        // A removal may be repeated.
        let (_, rows) = self.pool.read(&self.sql.sweep, &arguments).await?;
        let row = rows
            .first()
            .ok_or_else(|| StoreError::unavailable("the function `remove_forgotten` returned no row"))?;
        self.room.put(counts(row, 1)?);
        number(row, 0)
    }

    async fn count(&self) -> Result<Counts, StoreError> {
        let everyone = key_of_source(Source::EVERYONE);
        let (_, rows) = self.pool.read(&self.sql.counted, &[(&everyone, Type::BYTEA)]).await?;
        let row =
            rows.first().ok_or_else(|| StoreError::unavailable("the function `counted` returned no row"))?;
        let counts = counts(row, 0)?;
        self.room.put(counts);
        Ok(counts)
    }

    async fn pending(&self, now: Moment) -> Result<Vec<UserCode>, StoreError> {
        let now = micros(now);
        let arguments = [(&now as _, Type::INT8), (&MOST_PENDING as _, Type::INT8)];
        let (_, rows) = self.pool.read(&self.sql.pending, &arguments).await?;
        let code = |row: &Row| {
            let code = UserCode::typed(column(row, 0)?);
            code.ok_or_else(|| StoreError::unavailable("a user code is unreadable"))
        };
        rows.iter().map(code).collect()
    }

    async fn page_key(&self, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        let arguments = [(&"page key" as _, Type::TEXT), (&fresh.as_slice() as _, Type::BYTEA)];
        // It returns the same key however often it is executed.
        let (_, rows) = self.pool.read(&self.sql.setting, &arguments).await?;
        let row = rows.first().ok_or_else(|| StoreError::unavailable("the key of the pages is not there"))?;
        let key = column::<&[u8]>(row, 0)?.try_into();
        key.map_err(|_| StoreError::unavailable("the key of the pages has another length"))
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.pool.read("SELECT 1", &[]).await?;
        Ok(())
    }
}

impl Store for PostgresStore {
    fn transact<'a>(
        &'a self,
        keys: Keys<'a>,
        now: Moment,
        decide: &'a mut Decide<'a>,
    ) -> Waiting<'a, Result<(), StoreError>> {
        Box::pin(self.0.transact(keys, now, decide))
    }

    fn pending(&self, now: Moment) -> Waiting<'_, Result<Vec<UserCode>, StoreError>> {
        Box::pin(self.0.pending(now))
    }

    fn counts(&self) -> Waiting<'_, Result<Counts, StoreError>> {
        Box::pin(self.0.count())
    }

    fn page_key(&self, fresh: [u8; 32]) -> Waiting<'_, Result<[u8; 32], StoreError>> {
        Box::pin(self.0.page_key(fresh))
    }

    fn sweep(&self, now: Moment) -> Waiting<'_, Result<usize, StoreError>> {
        Box::pin(self.0.sweep(now))
    }

    fn check(&self) -> Waiting<'_, Result<(), StoreError>> {
        Box::pin(self.0.check())
    }
}

//! The store: load, decide, commit.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use device_authority::{
    Change, CodeStatus, Counts, Decide, Keys, Moment, Source, Store, StoreError, UserCode, Waiting,
};
use tokio::time::{Instant, sleep};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};

use crate::changes::{Changes, micros};
use crate::loaded::{Loaded, Wanted, key_of_source};
use crate::pool::{Connection, Failed, Pool};
use crate::room::Room;
use crate::{ConnectError, PostgresConfig, schema};

/// The number of decisions about records that others change at the same time.
const TRIES: usize = 20;
/// The number of draws for an unused user code, as the contract says.
const DRAWS: usize = 5;
/// The records of each kind that one sweep removes.
const BATCH: i64 = 500;
/// The most user codes that `pending` returns, as the contract says.
const MOST_PENDING: i64 = 10_000;
/// The time between two looks for the outcome of a commit.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

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

struct Inner {
    pool: Pool,
    room: Room,
    sql: Sql,
}

/// The statements, with the name of the schema.
struct Sql {
    load: String,
    apply: String,
    sweep: String,
    counted: String,
    pending: String,
    setting: String,
    traces: [(&'static str, String); 3],
}

impl Sql {
    fn of(schema: &str) -> Self {
        let named = |sql: &str| schema::named(sql, schema);
        let trace = |table: &str| {
            named(&format!("SELECT EXISTS (SELECT FROM {{schema}}.{table} WHERE selector = $1)"))
        };
        Self {
            load: named("SELECT * FROM {schema}.load($1, $2, $3, $4, $5, $6, $7, $8)"),
            apply: named("SELECT {schema}.apply($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"),
            sweep: named("SELECT {schema}.sweep($1, $2, $3, $4, $5, $6, $7)"),
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
        let store =
            Self(Arc::new(Inner { pool, room: Room::new(config.capacity), sql: Sql::of(&config.schema) }));
        store.0.count().await.map_err(ConnectError::database)?;
        Ok(store)
    }
}

impl Inner {
    async fn transact(&self, keys: Keys<'_>, now: Moment, decide: &mut Decide<'_>) -> Result<(), StoreError> {
        let (mut tries, mut draws) = (0, 0);
        loop {
            let (connection, loaded) = self.load(&keys).await?;
            let mut changes = decide(loaded.records());
            if changes.is_empty() {
                return Ok(());
            }
            self.leave_out_what_has_no_room(&mut changes);
            let changes = Changes::of(&changes, &keys, &loaded, now)?;
            self.make_room(&changes, now).await?;
            let connection = match connection {
                Some(connection) => connection,
                None => self.pool.connection().await?,
            };
            match self.apply(connection, &changes).await {
                Ok(()) => {
                    self.room.add(&changes);
                    return Ok(());
                }
                Err(Failed::Changed) if tries < TRIES => tries += 1,
                Err(Failed::UserCodeTaken) if draws + 1 < DRAWS => draws += 1,
                Err(Failed::UserCodeTaken) => return Err(StoreError::full("user codes", Duration::ZERO)),
                Err(Failed::Lost(error)) if self.has_happened(&changes).await => {
                    tracing::warn!(%error, "the connection broke after a commit; it has happened");
                    return Ok(());
                }
                Err(failed) => return Err(failed.into()),
            }
        }
    }

    /// Loads the records, and returns the connection for the commit if there was one.
    async fn load(&self, keys: &Keys<'_>) -> Result<(Option<Connection>, Loaded), StoreError> {
        let Some(wanted) = Wanted::of(keys) else { return Ok((None, Loaded::default())) };
        let (connection, rows) = self.pool.read(&self.sql.load, &wanted.arguments()).await?;
        let row =
            rows.first().ok_or_else(|| StoreError::unavailable("the function `load` returned no row"))?;
        Ok((Some(connection), Loaded::of(row)?))
    }

    /// Commits all changes or none.
    ///
    /// The connection is the one of the load. If the database has crashed in between, the commit fails, because the
    /// connection has ended too.
    async fn apply(&self, connection: Connection, changes: &Changes) -> Result<(), Failed> {
        connection.query(&self.sql.apply, &changes.arguments()).await.map(drop)
    }

    /// Looks whether a commit has happened whose connection broke: its new record has a key that was drawn for it.
    /// Without a proof the answer is no.
    async fn has_happened(&self, changes: &Changes) -> bool {
        let Some((kind, key)) = &changes.trace else { return false };
        let Some((_, sql)) = self.sql.traces.iter().find(|(of, _)| of == kind) else { return false };
        let until = Instant::now() + self.pool.patience();
        while Instant::now() < until {
            // A commit whose connection broke may still be on its way, so a "no" is not the last word.
            if let Ok((_, rows)) = self.pool.read(sql, &[(key, Type::BYTEA)]).await
                && rows.first().is_some_and(|row| row.try_get(0).unwrap_or(false))
            {
                return true;
            }
            sleep(BETWEEN_LOOKS).await;
        }
        false
    }

    /// The record of a denial needs no room of its own. Without it the form could be pressed again.
    fn leave_out_what_has_no_room(&self, changes: &mut Vec<Change>) {
        if self.room.is_full_of_codes() {
            changes.retain(
                |change| !matches!(change, Change::AddCode(record) if record.status == CodeStatus::Denied),
            );
        }
    }

    /// Checks that the changes have room. A full table removes forgotten records first.
    async fn make_room(&self, changes: &Changes, now: Moment) -> Result<(), StoreError> {
        if self.room.check(changes).is_err() && self.room.may_count() {
            self.sweep(now).await?;
        }
        self.room.check(changes)
    }

    async fn sweep(&self, now: Moment) -> Result<usize, StoreError> {
        let [clients, families, access, sources] = self.room.above();
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
        let (connection, rows) = self.pool.read(&self.sql.sweep, &arguments).await?;
        drop(connection);
        self.count().await?;
        let gone = rows.first().map_or(Ok(0), |row| column::<i64>(row, 0))?;
        Ok(usize::try_from(gone).unwrap_or_default())
    }

    async fn count(&self) -> Result<Counts, StoreError> {
        let everyone = key_of_source(Source::EVERYONE);
        let (_, rows) = self.pool.read(&self.sql.counted, &[(&everyone, Type::BYTEA)]).await?;
        let row =
            rows.first().ok_or_else(|| StoreError::unavailable("the function `counted` returned no row"))?;
        let number = |at| column::<i64>(row, at).map(|count| usize::try_from(count).unwrap_or_default());
        let mut counts = Counts::default();
        counts.clients = number(0)?;
        counts.devices = number(1)?;
        counts.codes = number(2)?;
        counts.families = number(3)?;
        counts.access = number(4)?;
        counts.sources = number(5)?;
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

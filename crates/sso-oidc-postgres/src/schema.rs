//! The schema: its versions, and how one becomes the next.

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::ConnectError;

/// The script of each version, which makes it from the one before.
const VERSIONS: &[&str] = &[
    concat!(include_str!("schema/tables.sql"), "\n", include_str!("schema/functions.sql")),
    include_str!("schema/version_2.sql"),
];

/// The newest version.
fn known() -> i32 {
    i32::try_from(VERSIONS.len()).unwrap_or(i32::MAX)
}

/// A number for the advisory lock, the same for every server: "sso_oidc" in ASCII.
const LOCK: i64 = 0x7373_6f5f_6f69_6463;

/// Replaces the name of the schema, which needs no quotes.
pub(crate) fn named(sql: &str, schema: &str) -> String {
    sql.replace("{schema}", schema)
}

/// Creates the schema, or brings it up to date. Several servers may do so at once.
pub(crate) async fn prepare(client: &mut Client, schema: &str) -> Result<(), ConnectError> {
    // A role without the right to create needs none if nothing is to do.
    if version(client, schema).await? == known() {
        return Ok(());
    }
    let transaction = client.transaction().await.map_err(ConnectError::database)?;
    let lock = "SELECT pg_advisory_xact_lock($1)";
    let lock_key = [(&LOCK as _, Type::INT8)];
    transaction.query_typed(lock, &lock_key).await.map_err(ConnectError::database)?;
    let found = version(transaction.client(), schema).await?;
    for (number, script) in (1..).zip(VERSIONS) {
        if number <= found {
            continue;
        }
        let before = "CREATE SCHEMA IF NOT EXISTS {schema};
            CREATE TABLE IF NOT EXISTS {schema}.schema_version (version integer PRIMARY KEY, since timestamptz NOT NULL);";
        let after = format!("INSERT INTO {{schema}}.schema_version VALUES ({number}, now());");
        let step = named(&[before, script, &after].join("\n"), schema);
        transaction.batch_execute(&step).await.map_err(ConnectError::database)?;
        tracing::info!(schema, version = number, "the database's schema is of this version now");
    }
    transaction.commit().await.map_err(ConnectError::database)
}

/// Returns the version of the schema; 0 if there is none.
async fn version(client: &Client, schema: &str) -> Result<i32, ConnectError> {
    // Looked up first, because an error would end a transaction. `to_regclass` would not do: behind the lock it may
    // answer from a cache of before.
    let there = "SELECT EXISTS (SELECT FROM pg_catalog.pg_tables \
                 WHERE schemaname = $1 AND tablename = 'schema_version')";
    let named = [(&schema as _, Type::TEXT)];
    let row = client.query_typed_one(there, &named).await.map_err(ConnectError::database)?;
    if !row.try_get(0).map_err(ConnectError::database)? {
        return Ok(0);
    }
    let newest = format!("SELECT coalesce(max(version), 0) FROM {schema}.schema_version");
    let row = client.query_typed_one(&newest, &[]).await.map_err(ConnectError::database)?;
    let found = row.try_get(0).map_err(ConnectError::database)?;
    if found > known() {
        return Err(ConnectError::Newer { schema: schema.to_owned(), found, known: known() });
    }
    Ok(found)
}

//! The schema comes to be once, and one of a newer program is refused. No secret is in it.

mod common;

use common::{Database, Tool, at};
use device_authority::Store;
use sso_oidc_postgres::{ConnectError, PostgresConfig, PostgresStore};

#[tokio::test]
async fn servers_that_start_at_once_create_one_schema() {
    let Some(database) = Database::empty("test_at_once").await else { return };
    let starts = (0..8).map(|_| tokio::spawn(PostgresStore::connect(database.config())));
    for start in starts.collect::<Vec<_>>() {
        start.await.unwrap().unwrap();
    }
    let versions = database.sql("SELECT version FROM test_at_once.schema_version ORDER BY version").await;
    assert_eq!(versions, [["1"], ["2"]]);
}

#[tokio::test]
async fn a_schema_of_a_newer_version_is_refused_and_stays_as_it_is() {
    let Some(database) = Database::empty("test_newer").await else { return };
    database.store().await;
    database.sql("INSERT INTO test_newer.schema_version VALUES (1000, now())").await;
    let refused = PostgresStore::connect(database.config()).await.unwrap_err();
    assert!(matches!(refused, ConnectError::Newer { found: 1000, .. }), "{refused}");
    assert!(refused.to_string().contains("use a newer version of the program"), "{refused}");
    assert_eq!(database.sql("SELECT count(*) FROM test_newer.schema_version").await, [["3"]]);
}

#[tokio::test]
async fn a_schema_of_an_older_version_is_brought_up_to_date_with_its_records() {
    let Some(database) = Database::empty("test_older").await else { return };
    let tool = Tool::register(&database.store().await).await;
    // What version 1 had.
    database
        .sql(
            "DROP FUNCTION test_older.pace; DROP FUNCTION test_older.remove_forgotten;
             CREATE FUNCTION test_older.sweep(bigint, bigint, bigint, bigint, bigint, bigint, bytea) RETURNS bigint
                 LANGUAGE sql AS 'SELECT 0::bigint';
             DELETE FROM test_older.schema_version WHERE version = 2",
        )
        .await;
    let store: &dyn Store = &database.store().await;
    let device = tool.start(store, at(1)).await;
    for now in [2, 10] {
        assert!(tool.poll(store, &device, at(now)).await.reply.is_err());
    }
    assert_eq!(store.sweep(at(100_000_000)).await.unwrap(), 2);
    let versions = database.sql("SELECT version FROM test_older.schema_version ORDER BY version").await;
    assert_eq!(versions, [["1"], ["2"]]);
}

#[tokio::test]
async fn a_role_without_the_right_to_create_can_use_a_schema_that_is_there() {
    let Some(database) = Database::empty("test_role").await else { return };
    database.store().await;
    database
        .sql(
            "DROP ROLE IF EXISTS test_role; CREATE ROLE test_role LOGIN PASSWORD 'of-a-test';
             GRANT USAGE ON SCHEMA test_role TO test_role;
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA test_role TO test_role;",
        )
        .await;
    let place = database.url.split_once('@').unwrap().1;
    let config = PostgresConfig::from_url(&format!("postgres://test_role:of-a-test@{place}")).unwrap();
    let store = PostgresStore::connect(config.with_schema("test_role").unwrap()).await.unwrap();
    let tool = Tool::register(&store).await;
    tool.sign_in(&store, at(1)).await;
    assert_eq!((&store as &dyn Store).sweep(at(100_000_000)).await.unwrap(), 4);
}

#[tokio::test]
async fn a_wrong_password_shows_in_no_error() {
    let Some(database) = Database::empty("test_password").await else { return };
    let (scheme, place) =
        (database.url.split_once("://").unwrap().0, database.url.split_once('@').unwrap().1);
    let config = PostgresConfig::from_url(&format!("{scheme}://sso:hunter2@{place}")).unwrap();
    let refused = PostgresStore::connect(config).await.unwrap_err();
    let mut said = format!("{refused} {refused:?}");
    let mut source = std::error::Error::source(&refused);
    while let Some(error) = source {
        said += &format!(" {error}");
        source = error.source();
    }
    assert!(said.contains("password authentication failed") && !said.contains("hunter2"), "{said}");
}

#[tokio::test]
async fn no_secret_is_at_rest() {
    let Some(database) = Database::empty("test_secrets").await else { return };
    let store: &dyn Store = &database.store().await;
    let tool = Tool::register(store).await;
    let (device, token) = tool.sign_in(store, at(1)).await;
    let refresh_token = token.refresh_token.unwrap();
    let next = tool.refresh(store, &refresh_token, at(2)).await.reply.unwrap();
    let waiting = tool.start(store, at(3)).await;
    let secrets = [
        tool.0.secret.as_ref().unwrap(),
        &device.device_code,
        &waiting.device_code,
        &token.access_token,
        &refresh_token,
        &next.access_token,
        next.refresh_token.as_ref().unwrap(),
    ];
    let tables =
        "SELECT relname FROM pg_class WHERE relnamespace = 'test_secrets'::regnamespace AND relkind = 'r'";
    let mut dump = String::new();
    for table in database.sql(tables).await {
        // As text, and a `bytea` as the text in it.
        let rows = format!("SELECT t::text FROM test_secrets.{} t", table[0]);
        dump += &database.sql(&rows).await.concat().concat().replace("\"\"", "\"");
    }
    assert!(dump.contains("\"polls\"") && dump.contains("\"name\":\"tool\""), "{dump}");
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    for (at, secret) in secrets.iter().enumerate() {
        // A record has the first 22 characters of a code or token. One more is a part of the secret.
        let secret = secret.expose();
        for part in [&secret[..23], &secret[secret.len() - 20..]] {
            assert!(!dump.contains(part) && !dump.contains(&hex(part)), "secret {at}");
        }
    }
}

//! TLS to the database: its certificate and name are verified.
//!
//! The test gives the database a certificate, and takes it away at the end. So it needs a superuser.

mod common;

use core::error::Error;
use core::time::Duration;
use std::path::PathBuf;

use common::Database;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use sso_oidc_postgres::{PostgresConfig, PostgresStore};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// The time limit for the database to take over its settings.
const LIMIT: Duration = Duration::from_secs(30);

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Returns whether the database offers TLS.
async fn offers_tls(database: &Database) -> bool {
    database.sql("SHOW ssl").await == [["on"]]
}

/// Loads the settings of the database again, and waits until they hold.
async fn reload(database: &Database, is_on: bool) {
    database.sql("SELECT pg_reload_conf()").await;
    let began = Instant::now();
    while offers_tls(database).await != is_on {
        assert!(began.elapsed() < LIMIT, "the database does not take over its settings");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Writes a file of the database, for its account only. A line of PEM needs no quotes.
async fn write(database: &Database, name: &str, pem: &str) -> String {
    let directory = database.sql("SHOW data_directory").await.remove(0).remove(0);
    let lines: Vec<String> = pem.lines().map(|line| format!("'{line}'")).collect();
    let lines = lines.join(",");
    let command = format!("umask 077; cat >\"{directory}/{name}\"");
    database.sql(&format!("COPY (SELECT unnest(ARRAY[{lines}])) TO PROGRAM '{command}'")).await;
    format!("{directory}/{name}")
}

/// Gives the database a certificate for `localhost` of this authority.
async fn certify(database: &Database, authority: &Authority) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let certificate = write(database, "test_tls.crt", &certificate.pem()).await;
    let key = write(database, "test_tls.key", &key.serialize_pem()).await;
    for (name, value) in [("ssl_cert_file", &*certificate), ("ssl_key_file", &*key), ("ssl", "on")] {
        database.sql(&format!("ALTER SYSTEM SET {name} = '{value}'")).await;
    }
    reload(database, true).await;
}

async fn reset(database: &Database) {
    for name in ["ssl", "ssl_cert_file", "ssl_key_file"] {
        database.sql(&format!("ALTER SYSTEM RESET {name}")).await;
    }
    reload(database, false).await;
    let directory = database.sql("SHOW data_directory").await.remove(0).remove(0);
    // The command must read its input, or the database may meet a closed pipe.
    let command = format!("cat >/dev/null; cd \"{directory}\" && rm -f test_tls.crt test_tls.key");
    database.sql(&format!("COPY (SELECT 1) TO PROGRAM '{command}'")).await;
}

/// The roots that a store trusts.
struct Roots {
    folder: TempDir,
}

impl Roots {
    fn file(&self, name: &str, pem: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, pem).unwrap();
        path
    }
}

/// Connects by this host and these parameters, and returns what is wrong with that.
async fn connect(database: &Database, host: &str, parameters: &str) -> Result<PostgresStore, String> {
    let (account, place) = database.url.split_once('@').unwrap();
    let (address, name) = place.split_once('/').unwrap();
    let (_, port) = address.rsplit_once(':').unwrap();
    let url = format!("{account}@{host}:{port}/{name}?application_name=test_tls{parameters}");
    let config = PostgresConfig::from_url(&url).unwrap().with_schema(database.schema).unwrap();
    PostgresStore::connect(config.with_connections(1))
        .await
        .map_err(|error| error.source().map_or_else(|| error.to_string(), ToString::to_string))
}

#[tokio::test]
async fn the_certificate_and_the_name_of_a_database_are_verified() {
    let Some(database) = Database::empty("test_tls").await else { return };
    if database.sql("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").await != [["t"]] {
        println!("NOT CHECKED: only a superuser can give the database a certificate");
        return;
    }
    assert!(!offers_tls(&database).await, "a database with TLS of its own");
    let roots = Roots { folder: tempfile::tempdir().unwrap() };
    let (trusted, other) = (authority("one"), authority("other"));
    let own = format!("&sslrootcert={}", roots.file("own.pem", &trusted.pem()).display());
    let other = format!("&sslrootcert={}", roots.file("other.pem", &other.pem()).display());

    let plain = connect(&database, "localhost", &format!("&sslmode=verify-full{own}")).await.unwrap_err();
    assert!(plain.contains("server does not support TLS"), "{plain}");
    certify(&database, &trusted).await;

    let store = connect(&database, "localhost", &format!("&sslmode=verify-full{own}")).await;
    let encrypted = "SELECT s.ssl, s.version FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) \
                     WHERE a.application_name = 'test_tls'";
    let encrypted = database.sql(encrypted).await;

    // The certificate is for `localhost` alone.
    let name = connect(&database, "127.0.0.1", &format!("&sslmode=verify-full{own}")).await;
    // An authority that was not named, and those that the system trusts.
    let unknown = connect(&database, "localhost", &format!("&sslmode=verify-full{other}")).await;
    let system = connect(&database, "localhost", "&sslmode=verify-full").await;
    let missing = connect(&database, "localhost", "&sslmode=verify-full&sslrootcert=/nowhere.pem").await;
    let none = roots.file("none.pem", "no certificate");
    let none = format!("&sslmode=verify-full&sslrootcert={}", none.display());
    let none = connect(&database, "localhost", &none).await;
    // Without TLS it goes on as before, because loopback needs none.
    let loopback = connect(&database, "127.0.0.1", "").await;
    // Nothing before this line may panic, or the database keeps the certificate.
    reset(&database).await;

    store.unwrap();
    assert_eq!(encrypted, [["t", "TLSv1.3"]]);
    let [name, unknown, system, none] = [name, unknown, system, none].map(Result::unwrap_err);
    assert!(name.contains("not valid for name \"127.0.0.1\""), "{name}");
    assert_eq!(name.matches("error performing TLS handshake").count(), 1, "{name}");
    for unknown in [unknown, system] {
        assert!(unknown.contains("UnknownIssuer") && unknown.contains("sslrootcert"), "{unknown}");
    }
    let missing = missing.unwrap_err();
    assert!(missing.contains("/nowhere.pem") && missing.contains("No such file"), "{missing}");
    assert!(none.contains("none.pem: has no certificate"), "{none}");
    loopback.unwrap();
}

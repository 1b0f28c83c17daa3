//! A database for tests, and sign-ins over stores in it.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub(crate) mod network;

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use device_authority::{
    Capacity, Exchanged, Moment, NoEntropy, ServerPolicy, Store, StoreError, UserDecision,
};
use oidc_proto::{
    Client, CreateTokenRequest, DeviceAuthorization, Grant, RegisterClientRequest, Secret,
    StartDeviceAuthorizationRequest, Token,
};
use sso_oidc_postgres::{PostgresConfig, PostgresStore};
use tokio_postgres::NoTls;

/// The variable with the URL of a database. `cargo xtask test --only postgres` sets it.
pub(crate) const URL: &str = "SSO_OIDC_TEST_POSTGRES";

/// A schema of its own in the database.
pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) schema: &'static str,
}

impl Database {
    /// Returns an empty schema of this name; `None`, and a message, without a database.
    pub(crate) async fn empty(schema: &'static str) -> Option<Self> {
        let Ok(url) = std::env::var(URL) else {
            println!("NOT CHECKED: {URL} names no database");
            return None;
        };
        let database = Self { url, schema };
        database.sql(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE")).await;
        Some(database)
    }

    pub(crate) fn config(&self) -> PostgresConfig {
        PostgresConfig::from_url(&self.url).unwrap().with_schema(self.schema).unwrap()
    }

    pub(crate) async fn store(&self) -> PostgresStore {
        PostgresStore::connect(self.config()).await.unwrap()
    }

    pub(crate) async fn store_of(&self, capacity: Capacity) -> PostgresStore {
        PostgresStore::connect(self.config().with_capacity(capacity)).await.unwrap()
    }

    /// Begins a transaction with this statement, which lasts as long as the returned value.
    pub(crate) async fn transaction(&self, statement: &str) -> Transaction {
        let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        client.batch_execute(&format!("BEGIN; {statement}")).await.unwrap();
        Transaction { client, connection }
    }

    /// Executes statements, and returns the rows as texts.
    pub(crate) async fn sql(&self, statements: &str) -> Vec<Vec<String>> {
        let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        let messages = client.simple_query(statements).await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
        let rows = messages.into_iter().filter_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|at| row.get(at).unwrap_or_default().to_owned()).collect())
            }
            _ => None,
        });
        rows.collect()
    }
}

/// An open transaction, with the locks that it took.
pub(crate) struct Transaction {
    client: tokio_postgres::Client,
    connection: tokio::task::JoinHandle<Result<(), tokio_postgres::Error>>,
}

impl Transaction {
    pub(crate) async fn end(self) {
        self.client.batch_execute("ROLLBACK").await.unwrap();
        drop(self.client);
        self.connection.await.unwrap().unwrap();
    }
}

/// Returns a source of entropy. Each call draws other bytes.
pub(crate) fn entropy() -> impl FnMut(&mut [u8]) -> Result<(), NoEntropy> + Send {
    static SEED: AtomicU64 = AtomicU64::new(0);
    let mut rng = fastrand::Rng::with_seed(SEED.fetch_add(1, Ordering::Relaxed));
    move |bytes| {
        rng.fill(bytes);
        Ok(())
    }
}

/// Returns the start of the test's time, and later moments.
pub(crate) fn at(seconds: u64) -> Moment {
    Moment::new(Duration::from_secs(1_700_000_000 + seconds))
}

pub(crate) fn policy() -> ServerPolicy {
    ServerPolicy::default()
        .with_verification_uri("https://sso.example/device")
        .with_interval(Duration::from_secs(5))
}

/// A client of the AWS dialect, at any of the stores.
#[derive(Clone)]
pub(crate) struct Tool(pub(crate) Client);

impl Tool {
    pub(crate) async fn register(store: &dyn Store) -> Self {
        let request = RegisterClientRequest::new("tool").with_scopes(["sso:account:access"]);
        let made = store.register_client(&policy(), &request, at(0), &mut entropy()).await;
        Self(made.unwrap().unwrap().client)
    }

    pub(crate) async fn start(&self, store: &dyn Store, now: Moment) -> DeviceAuthorization {
        self.try_start(store, now).await.unwrap()
    }

    pub(crate) async fn try_start(
        &self,
        store: &dyn Store,
        now: Moment,
    ) -> Result<DeviceAuthorization, StoreError> {
        let url = "https://d-1234567890.awsapps.com/start";
        let request = StartDeviceAuthorizationRequest::new(self.0.clone(), url);
        let made = store.start_device_authorization(&policy(), &request, now, &mut entropy()).await?;
        Ok(made.unwrap())
    }

    pub(crate) fn poll_of(&self, device: &DeviceAuthorization) -> CreateTokenRequest {
        CreateTokenRequest::new(self.0.clone(), Grant::device_code(device.device_code.clone()))
    }

    pub(crate) async fn poll(
        &self,
        store: &dyn Store,
        device: &DeviceAuthorization,
        now: Moment,
    ) -> Exchanged {
        self.try_poll(store, device, now).await.unwrap()
    }

    pub(crate) async fn try_poll(
        &self,
        store: &dyn Store,
        device: &DeviceAuthorization,
        now: Moment,
    ) -> Result<Exchanged, StoreError> {
        store.create_token(&policy(), &self.poll_of(device), now, &mut entropy()).await
    }

    pub(crate) async fn refresh(&self, store: &dyn Store, refresh_token: &Secret, now: Moment) -> Exchanged {
        let grant = Grant::RefreshToken { refresh_token: refresh_token.clone() };
        let request = CreateTokenRequest::new(self.0.clone(), grant);
        store.create_token(&policy(), &request, now, &mut entropy()).await.unwrap()
    }

    pub(crate) async fn sign_in(&self, store: &dyn Store, now: Moment) -> (DeviceAuthorization, Token) {
        let device = self.start(store, now).await;
        approve(store, &device, now).await;
        let token = self.poll(store, &device, now).await.reply.unwrap();
        (device, token)
    }
}

pub(crate) async fn approve(store: &dyn Store, device: &DeviceAuthorization, now: Moment) {
    let decided = store.decide(&policy(), None, &device.user_code, UserDecision::APPROVE, now).await;
    decided.unwrap().unwrap();
}

/// Runs an operation of another server in the middle of a decision.
pub(crate) fn meanwhile(operation: impl AsyncFnOnce() + Send) {
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(operation());
        });
        other.join().unwrap();
    });
}

//! Several servers at one PostgreSQL database. The protocol keeps virtual time; the database takes real time.
//!
//! A seed gives the same clients, people and faults each time. The order of requests that servers handle at once is up
//! to the database, so two runs of one seed may differ a little.

use std::time::Duration;

use device_authority::{Capacity, Store};
use sso_oidc_postgres::{PostgresConfig, PostgresStore};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::NoTls;

use crate::args::{Config, Shared};
use crate::cuts::Cuts;
use crate::sabotage::Sabotage;

/// The schema of the simulated servers. Each simulation begins with an empty one.
const SCHEMA: &str = "simulation";
/// The connections of a server.
const CONNECTIONS: usize = 2;
/// The real time that a server waits for the database. A commit whose connection broke is looked for as long.
const PATIENCE: Duration = Duration::from_secs(1);
/// What a commit compares, in the function `apply`. The sabotage removes it.
const COMPARISON: &str = "AND (expected[i] IS NULL OR state::text = expected[i])";

pub(crate) struct Database {
    stores: Vec<PostgresStore>,
    cuts: Cuts,
    shared: Shared,
    capacity: Capacity,
    sabotage: Option<Sabotage>,
    /// The last one, because what is above may need it when it is dropped.
    runtime: Runtime,
}

impl Database {
    /// Connects the servers to an empty schema.
    pub(crate) fn new(config: &Config, capacity: Capacity) -> Self {
        let shared = config.shared.clone().expect("a simulation with a database");
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let cuts = runtime.block_on(Cuts::to(shared.url.expose(), config.seed));
        let mut database =
            Self { stores: Vec::new(), cuts, shared, capacity, sabotage: config.sabotage, runtime };
        database.restart(true);
        database
    }

    pub(crate) const fn servers(&self) -> usize {
        self.stores.len()
    }

    pub(crate) fn store(&self, number: usize) -> &dyn Store {
        &self.stores[number]
    }

    pub(crate) fn cuts(&self) -> u64 {
        self.cuts.count()
    }

    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Ends all servers, and starts them again. A new server remembers no device.
    pub(crate) fn restart(&mut self, forgets: bool) {
        self.stores.clear();
        self.cuts.set_chance(0);
        if forgets {
            self.execute(&format!("DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"));
        }
        let config = PostgresConfig::from_url(self.cuts.url().expose()).expect("the URL of a database");
        let config = config.with_schema(SCHEMA).expect("a name").with_capacity(self.capacity);
        let config = config.with_connections(CONNECTIONS).with_patience(PATIENCE);
        for _ in 0..self.shared.servers {
            let store = self.runtime.block_on(PostgresStore::connect(config.clone()));
            self.stores.push(store.expect("a database that answers"));
        }
        if forgets && self.sabotage == Some(Sabotage::Uncompared) {
            self.sabotage();
        }
        self.cuts.set_chance(self.shared.cuts);
    }

    /// Makes a commit ignore that a device has changed since it was loaded.
    fn sabotage(&self) {
        let apply = format!("SELECT pg_get_functiondef('{SCHEMA}.apply'::regproc)");
        let definition = self.execute(&apply).expect("the function");
        let changed = definition.replace(COMPARISON, "");
        assert_ne!(changed, definition, "the function compares in another way");
        self.execute(&changed);
    }

    /// Executes statements on a connection that is never cut, and returns the first value.
    fn execute(&self, statements: &str) -> Option<String> {
        self.runtime.block_on(async {
            let (client, connection) =
                tokio_postgres::connect(self.shared.url.expose(), NoTls).await.expect("a database");
            let connection = tokio::spawn(connection);
            let messages = client.simple_query(statements).await.expect("statements of PostgreSQL");
            drop(client);
            connection.await.expect("no panic").expect("a connection that ends well");
            messages.iter().find_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                _ => None,
            })
        })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.stores.clear();
        self.execute(&format!("DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"));
    }
}

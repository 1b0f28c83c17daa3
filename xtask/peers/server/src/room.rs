//! Our server, as `serve` runs it but for its capacity and its log, at any store.

use std::time::Duration;

use sso_oidc_postgres::{PostgresConfig, PostgresStore};
use sso_oidc_server::{Capacity, Config, FileStore, Server, SlowDown};

/// The store of a server.
pub enum Store<'a> {
    Memory,
    File(&'a str),
    /// Its URL is in the variable `STORE_URL`, because it has a password.
    Postgres,
}

pub fn serve(devices: usize, store: &Store<'_>) {
    let capacity = Capacity::default().with_devices(devices);
    let config = Config::default()
        .with_capacity(capacity)
        .with_device_ttl(Duration::from_secs(24 * 60 * 60))
        .with_slow_down(SlowDown::Off);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let config = match store {
            Store::Memory => config,
            Store::File(path) => config.with_store(FileStore::open(path, capacity).expect("a file")),
            Store::Postgres => {
                let url = std::env::var("STORE_URL").expect("STORE_URL");
                let database = PostgresConfig::from_url(&url).expect("a URL").with_capacity(capacity);
                config.with_store(PostgresStore::connect(database).await.expect("a database"))
            }
        };
        let server = Server::bind(config).await.expect("a port");
        println!("listening on {}", server.endpoint());
        server.serve(std::future::pending()).await;
    });
}

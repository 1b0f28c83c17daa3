//! The store keeps the contract of [`device_authority::Store`].

mod common;

use common::Database;
use device_authority::conformance;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_passes_every_check_of_the_contract() {
    let Some(database) = Database::empty("test_conformance").await else { return };
    let store = database.store().await;
    let mut broken = Vec::new();
    for check in conformance::CHECKS {
        if let Err(why) = check.run(&store, 1).await {
            broken.push(format!("{}: {why}", check.name()));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

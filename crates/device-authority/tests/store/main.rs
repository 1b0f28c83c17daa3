//! The checks of a store, at the stores of this crate, and at stores that break the contract.

mod broken;

use std::sync::Mutex;

use device_authority::{Capacity, Memory, conformance};

#[test]
fn the_memory_store_keeps_the_contract() {
    let store = Mutex::new(Memory::new(Capacity::default()));
    for seed in 0..2 {
        for check in conformance::CHECKS {
            pollster::block_on(check.run(&store, seed))
                .unwrap_or_else(|why| panic!("{}: {why}", check.name()));
        }
    }
}

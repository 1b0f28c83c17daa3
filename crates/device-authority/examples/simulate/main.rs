//! A simulation: many client machines and one authority at virtual time, through a network that delays, drops,
//! duplicates and reorders, with people who approve late, deny or forget, clocks that drift and jump, and a server that
//! restarts. `cargo xtask simulate` runs it.
//!
//! It is deterministic: a seed gives the same events and the same summary every time. Invariants are checked at every
//! step; one that does not hold ends the run with the device, the time, the device's last events and the command that
//! plays them again.

mod args;
mod clock;
mod device;
mod faults;
mod judge;
mod ledger;
mod machine;
mod measure;
mod network;
mod observer;
mod people;
mod plan;
mod queue;
mod rng;
mod server;
mod summary;
mod world;

use std::process::ExitCode;

use args::{Config, USAGE};
use world::World;

/// How much of a device's story is shown when something went wrong.
const LAST: usize = 30;

fn main() -> ExitCode {
    let config = match Config::read(measure::arguments()) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if config.machine {
        machine::run(config.devices);
        return ExitCode::SUCCESS;
    }
    for seed in config.seed..config.seed + config.seeds {
        if !simulate(&Config { seed, ..config.clone() }) {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn simulate(config: &Config) -> bool {
    let start = measure::now();
    let mut world = World::new(config);
    let outcome = world.run();
    for line in &world.story {
        println!("{line}");
    }
    let Err(violation) = outcome else {
        let took = (measure::now() - start).as_secs_f64();
        let hours = world.summary.ended_at as f64 / 3.6e9;
        println!("{}", world.summary.text(config));
        // Apart from the summary, which is the same every time.
        eprintln!(
            "  {took:.1} s: {:.0} sign-ins and {:.1} virtual hours a second; at most {} of memory",
            f64::from(config.devices) / took,
            hours / took,
            measure::mebibytes(measure::peak_memory())
        );
        return true;
    };
    let device = violation.device;
    println!("VIOLATION: {}", violation.law);
    println!("  seed {}, device {device}, {:.6} s of virtual time", config.seed, violation.at as f64 / 1e6);
    // Once more, with an eye on that device: nothing is written down otherwise.
    let watching = Config { watch: Some(device), ..config.clone() };
    let mut again = World::new(&watching);
    let _ = again.run();
    for line in again.story.iter().skip(again.story.len().saturating_sub(LAST)) {
        println!("{line}");
    }
    println!("To play it again: {} --watch {device}", config.command());
    false
}

//! A simulation of many client machines and one authority at virtual time. The network delays, drops,
//! duplicates and reorders messages. People approve late, deny or forget. Clocks drift and jump, and the
//! server restarts. `cargo xtask simulate` runs it.
//!
//! With `--postgres` several servers share a database, and connections to it break. `database.rs` has its limits.
//!
//! Without it, it is deterministic: a seed always gives the same events and the same summary. Every step checks the
//! invariants. A violation ends the run and prints the device, the time and the command that repeats it. Then
//! follows the smallest simulation with the same violation, and all events of its device.

mod args;
mod clock;
mod cuts;
mod database;
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
mod records;
mod rng;
mod sabotage;
mod server;
mod shrink;
mod summary;
mod world;

use std::process::ExitCode;

use args::{Config, USAGE};
use device_flow::DeviceFlow;
use shrink::{Shrunk, shrink};
use world::{BrokenRule, World};

/// The highest number of devices whose histories fit side by side.
const FEW: usize = 4;

fn main() -> ExitCode {
    let config = match Config::read(measure::arguments(), measure::database()) {
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
    let before = measure::memory();
    for seed in config.seed..config.seed + config.seeds {
        if !simulate(&Config { seed, ..config.clone() }, before) {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Runs one simulation. `before` is the memory in use before the first one.
fn simulate(config: &Config, before: u64) -> bool {
    let start = measure::now();
    let mut world = World::new(config);
    let outcome = world.run();
    for line in &world.story {
        println!("{line}");
    }
    if let Err(invalid) = outcome {
        fail(config, invalid);
        return false;
    }
    let took = (measure::now() - start).as_secs_f64();
    let hours = world.summary.ended_at as f64 / 3.6e9;
    println!("{}", world.summary.text(config));
    // Kept apart from the summary, which is always the same.
    let peak = measure::peak_memory();
    let (grown, devices) = (peak.saturating_sub(before), config.ids().len() as u64);
    eprintln!(
        "  {took:.1} s: {:.0} sign-ins and {:.3} virtual hours a second; at most {} of memory: {} bytes for each \
         device, {} for each of those at once, server and network included (a client machine has {}, its strings \
         apart)",
        devices as f64 / took,
        hours / took,
        measure::mebibytes(peak),
        grown / devices,
        grown / world.summary.most_alive.max(1),
        size_of::<DeviceFlow>()
    );
    true
}

fn fail(config: &Config, invalid: BrokenRule) {
    tell(config, &invalid);
    println!("To play it again: {}", watching(config, &invalid).command());
    if config.shared.as_ref().is_some_and(|shared| shared.cuts > 0) {
        // Each statement draws whether it is cut, and their number differs from run to run.
        println!("It is not made small, because connections break at other places the next time.");
        return;
    }
    eprintln!("Making it small …");
    let Shrunk { config: small, invalid, replays } = shrink(config, invalid);
    let small = watching(&small, &invalid);
    println!("The smallest of {replays} simulations that breaks this law:");
    tell(&small, &invalid);
    println!(
        "  {} of {} devices, {} of {} hours, without {}",
        small.ids().len(),
        config.ids().len(),
        small.hours,
        config.hours,
        if small.left_out.is_empty() { "nothing".to_owned() } else { small.left_out.join(", ") }
    );
    let mut again = World::new(&small);
    let _ = again.run();
    for line in &again.story {
        println!("{line}");
    }
    println!("To play it again: {}", small.command());
}

fn tell(config: &Config, BrokenRule { device, at, law }: &BrokenRule) {
    println!("VIOLATION: {law}");
    println!("  seed {}, device {device}, {:.6} s of virtual time", config.seed, *at as f64 / 1e6);
}

/// Records the events of the remaining devices if they are few, or else of the failed one.
fn watching(config: &Config, BrokenRule { device, .. }: &BrokenRule) -> Config {
    let few = config.ids().len() <= FEW;
    let watch = if few { config.ids() } else { *device..device.saturating_add(1) };
    Config { watch: Some(watch), ..config.clone() }
}

//! `cargo xtask bench --stores`: the cost of a poll, of a waiting device and of a start, at each store.
//!
//! The server runs on one processor; its load, and PostgreSQL, run on another. The measure is the processor time of the
//! server for a response, so the rate is that of one core. The servers take turns, and the ratio is that of one round.

mod round_trips;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use self::round_trips::Relay;
use crate::postgres::Cluster;
use crate::server::Server;
use crate::serving::{built, median, pinned, polls, resident, run};
use crate::workspace;

/// The devices that wait, without `--devices`.
const DEVICES: u64 = 100_000;
/// The devices of the measure of time, and of that of round trips.
const FEW: u64 = 1_000;
const STORES: [&str; 3] = ["memory", "file", "postgres"];

/// `cargo xtask bench --stores [--devices N]`
pub(crate) fn task(args: &[String]) -> Result<()> {
    let devices = match args {
        [] => DEVICES,
        [flag, count] if flag == "--devices" => count.parse().context("--devices wants a number")?,
        _ => bail!("`bench --stores` takes `--devices N` and nothing else"),
    };
    let bench = Bench { peers: built()?, cluster: Cluster::start()?, dir: directory()? };
    let measured = bench.measure(devices);
    fs::remove_dir_all(&bench.dir)?;
    measured
}

struct Bench {
    peers: PathBuf,
    cluster: Cluster,
    dir: PathBuf,
}

impl Bench {
    fn measure(&self, devices: u64) -> Result<()> {
        self.polls()?;
        self.round_trips()?;
        self.devices(devices)
    }

    fn polls(&self) -> Result<()> {
        let servers = STORES.map(|store| self.serve(store, "few", 4 * FEW, self.cluster.url()));
        let servers: Vec<_> = servers.into_iter().collect::<Result<_>>()?;
        let targets: Vec<_> = servers.iter().map(|server| (server, FEW)).collect();
        let rounds = polls(&self.peers, &targets)?;
        println!("\n  a pending poll    processor time    polls/s on one core    beside memory");
        for (at, store) in STORES.into_iter().enumerate() {
            let took = median(rounds.iter().map(|round| round[at]));
            let rate = median(rounds.iter().map(|round| round[0] / round[at]));
            println!("  {store:<14}{took:>15.2} us{:>23.0}{rate:>17.2}", 1e6 / took);
        }
        Ok(())
    }

    fn round_trips(&self) -> Result<()> {
        let relay = Relay::to(self.cluster.url())?;
        let server = self.serve("postgres", "few", 4 * FEW, relay.url())?;
        let mut counted = Vec::new();
        // The difference of two runs leaves out the start and the codes.
        for answers in [20_000_u64, 60_000] {
            let before = relay.round_trips();
            let load = ["load", "16", &answers.to_string(), "1", server.endpoint(), &server.id().to_string()];
            run(&self.peers, &[&load[..], &[&FEW.to_string()]].concat())?;
            counted.push(relay.round_trips() - before);
        }
        let each = (counted[1] - counted[0]) as f64 / 40_000.0;
        println!("\n  round trips to PostgreSQL for a poll: {each:.2} (target: 1)");
        Ok(())
    }

    fn devices(&self, count: u64) -> Result<()> {
        println!("\n  {count} devices wait    bytes of memory each    bytes on disk each    start again");
        for store in STORES {
            let before = self.bytes_on_disk(store)?;
            let server = self.serve(store, "many", count + 8 * FEW, self.cluster.url())?;
            run(&self.peers, &["answer", server.endpoint()])?;
            let idle = resident(server.id())?;
            let load =
                ["load", "16", "16", "1", server.endpoint(), &server.id().to_string(), &count.to_string()];
            run(&self.peers, &load)?;
            let memory = resident(server.id())?.saturating_sub(idle) / count;
            let disk = self.bytes_on_disk(store)?.saturating_sub(before) / count;
            drop(server);
            let began = Instant::now();
            let again = self.serve(store, "many", count + 8 * FEW, self.cluster.url())?;
            run(&self.peers, &["answer", again.endpoint()])?;
            println!("  {store:<16}{memory:>26}{disk:>22}{:>13.2} s", began.elapsed().as_secs_f64());
        }
        Ok(())
    }

    fn bytes_on_disk(&self, store: &str) -> Result<u64> {
        match store {
            "file" => Ok(fs::metadata(self.file("many")).map_or(0, |file| file.len())),
            "postgres" => self.cluster.bytes_on_disk(),
            _ => Ok(0),
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.redb"))
    }

    fn serve(&self, store: &str, file: &str, devices: u64, url: &str) -> Result<Server> {
        let (room, file) = (devices.to_string(), self.file(file));
        let mut arguments = vec!["room", &room];
        match store {
            "file" => arguments.extend(["file", file.to_str().context("a path in UTF-8")?]),
            "postgres" => arguments.push("postgres"),
            _ => {}
        }
        let mut command: Command = pinned(Path::new(&self.peers), &arguments);
        command.env("STORE_URL", url);
        Server::of(command)
    }
}

fn directory() -> Result<PathBuf> {
    let dir = workspace::target_dir()?.join("bench-stores");
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    fs::create_dir_all(&dir)?;
    Ok(dir)
}

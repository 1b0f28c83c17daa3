//! `cargo xtask bench --server`: the cost of polls and of waiting devices at the server.
//!
//! It measures a pending poll of `serve`, and of a bare hyper handler with the same response. It also
//! measures the memory and time of a million waiting devices, the time to the first response, and idle
//! memory.
//!
//! Servers run on one processor, the load on another. The measure is the processor time of a response, which only
//! Linux provides. The servers take turns, and the times of one round are compared, so that other load affects both.
//! The table shows the median of the ratios.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::server::{Profile, Server, program};
use crate::shell::Run;
use crate::workspace;

const ROUNDS: &str = "25";
/// The number of responses per server and round.
const ANSWERS: &str = "20000";
const CONNECTIONS: &str = "16";
/// The server's capacity: the devices, and those that a round adds.
const ROOM: &str = "1200000";
const SIZES: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];
const STARTS: u32 = 20;

/// `cargo xtask bench --server`
pub(crate) fn task() -> Result<()> {
    Run::cargo().args(["build", "--quiet", "--release", "--package", "sso-oidc"]).go()?;
    let peers = built()?;
    start_and_idle(&peers)?;
    beside_bare_hyper(&peers)?;
    devices(&peers)
}

/// Builds the programs that our server is measured with, and returns the path of their binary.
pub(crate) fn built() -> Result<PathBuf> {
    let manifest = workspace::root().join("xtask/peers/server/Cargo.toml");
    let target = workspace::target_dir()?.join("peers");
    let build =
        Run::cargo().args(["build", "--quiet", "--release", "--locked", "--manifest-path"]).arg(manifest);
    build.env("CARGO_TARGET_DIR", &target).go()?;
    Ok(target.join("release/peers-server"))
}

fn start_and_idle(peers: &Path) -> Result<()> {
    let mut least = Duration::MAX;
    for _ in 0..STARTS {
        let begun = Instant::now();
        let served = serve(&["--slow-down", "off"])?;
        ask_health(served.endpoint())?;
        least = least.min(begun.elapsed());
    }
    println!(
        "start to first answer: {:.1} ms, the least of {STARTS} (target: 10)",
        least.as_secs_f64() * 1e3
    );
    let served = serve(&["--slow-down", "off"])?;
    run(peers, &["answer", served.endpoint()])?;
    println!(
        "idle after a sign-in began: {:.1} MiB (target: 8)",
        resident(served.id())? as f64 / 1024.0 / 1024.0
    );
    Ok(())
}

fn beside_bare_hyper(peers: &Path) -> Result<()> {
    let served = serve(&["--slow-down", "off"])?;
    let room = Server::of(pinned(peers, &["room", ROOM]))?;
    let answer = workspace::target_dir()?.join("pending-answer");
    fs::write(&answer, run(peers, &["answer", served.endpoint()])?)?;
    let answer = answer.to_str().context("a path in UTF-8")?;
    let bare = Server::of(pinned(peers, &["bare", answer]))?;
    let names = ["bare hyper", "our server, no log", "serve, its log to nowhere"];
    let rounds = polls(peers, &[(&bare, 0), (&room, 1_000), (&served, 1_000)])?;
    println!(
        "\nprocessor time of a pending poll, {CONNECTIONS} connections, {ROUNDS} rounds of {ANSWERS} answers"
    );
    for (at, name) in names.into_iter().enumerate() {
        let took = median(rounds.iter().map(|round| round[at]));
        let rate = median(rounds.iter().map(|round| round[0] / round[at]));
        println!("  {name:<28}{took:>7.2} us{rate:>8.2} of bare hyper's rate (target: 0.80)");
    }
    Ok(())
}

fn devices(peers: &Path) -> Result<()> {
    let mut servers = Vec::new();
    for size in SIZES {
        let server = Server::of(pinned(peers, &["room", ROOM]))?;
        run(peers, &["answer", server.endpoint()])?;
        let before = resident(server.id())?;
        servers.push((size, server, before));
    }
    let targets: Vec<_> = servers.iter().map(|(size, server, _)| (server, *size)).collect();
    let rounds = polls(peers, &targets)?;
    println!("\n  devices held    bytes each    a poll, us    beside {} devices", SIZES[0]);
    for (at, (size, server, before)) in servers.iter().enumerate() {
        // The memory includes the buffers of the connections, which are negligible only beside a million devices.
        let each = resident(server.id())?.saturating_sub(*before) / size;
        let took = median(rounds.iter().map(|round| round[at]));
        let ratio = median(rounds.iter().map(|round| round[at] / round[0]));
        println!("{size:>14}{each:>14}{took:>14.2}{ratio:>14.2}");
    }
    println!("  (target: 1000 bytes each at a million, and a flat cost)");
    Ok(())
}

/// Returns, for each round, the processor time of a response at each server, in microseconds, with this many waiting
/// devices.
pub(crate) fn polls(peers: &Path, targets: &[(&Server, u64)]) -> Result<Vec<Vec<f64>>> {
    let mut arguments: Vec<String> = ["load", CONNECTIONS, ANSWERS, ROUNDS].map(str::to_owned).to_vec();
    for (server, devices) in targets {
        arguments.extend([server.endpoint().to_owned(), server.id().to_string(), devices.to_string()]);
    }
    let printed = run(peers, &arguments.iter().map(String::as_str).collect::<Vec<_>>())?;
    let round = |line: &str| line.split(' ').map(|took| took.parse().context("microseconds")).collect();
    String::from_utf8(printed)?.lines().map(round).collect()
}

/// Returns the median.
pub(crate) fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// Sends `GET /health`, and requires a response.
fn ask_health(endpoint: &str) -> Result<()> {
    let mut stream = TcpStream::connect(endpoint.trim_start_matches("http://"))?;
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    Ok(())
}

/// Returns the resident memory of the process, in bytes.
pub(crate) fn resident(id: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    Ok(kilobytes.context("VmRSS")?.parse::<u64>()? * 1024)
}

fn serve(flags: &[&str]) -> Result<Server> {
    let program = program(Profile::Release, "sso-oidc")?;
    let mut command = pinned(&program, &["serve", "--listen", "127.0.0.1:0"]);
    command.args(flags);
    Server::of(command)
}

/// Returns a command pinned to the servers' processor.
pub(crate) fn pinned(program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(program).args(arguments);
    command
}

/// Runs a program of the peers, and returns its output.
pub(crate) fn run(peers: &Path, arguments: &[&str]) -> Result<Vec<u8>> {
    let output = Run::new("taskset").args(["-c", "1"]).arg(peers).args(arguments).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

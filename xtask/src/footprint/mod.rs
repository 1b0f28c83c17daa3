//! `cargo xtask bench --footprint`: what a sign-in costs through our adapters, by hand, in the `oauth2` crate and in the AWS
//! SDK, all in one run: processor time, instructions, bytes on the wire, connections, binary, crates, and with `--build` the
//! processor time of a cold build.
//!
//! Each program is a crate outside the workspace (`xtask/peers/footprint/`) and does the same: a registration, a device
//! authorization, and polls until the server says yes. The server is ours, over plain HTTP on loopback.

mod programs;
mod relay;
mod table;

pub(crate) use table::FILE as TABLE;

use anyhow::{Result, bail};

use crate::server::{Profile, Server};
use crate::shell::Run;

/// Sign-ins of each program, in turn, of which the least processor time counts.
const ROUNDS: u32 = 40;
/// Pending answers in the two sign-ins whose difference makes the cost of one poll.
const FEW: u32 = 2;
const MANY: u32 = 10;
/// As long as the real service's.
const SECRET_CHARS: usize = 850;

/// What was measured of one program.
pub(crate) struct Measured {
    shown: &'static str,
    /// Microseconds of processor time of a sign-in without a pending answer: the least, and the median.
    cpu: [u64; 2],
    instructions_a_poll: u64,
    bytes_a_poll: u64,
    connections: u64,
    binary_bytes: u64,
    crates: usize,
    build_seconds: Option<u64>,
}

/// `cargo xtask bench --footprint [--build]`
pub(crate) fn task(args: &[String]) -> Result<()> {
    let build = match args {
        [] => false,
        [flag] if flag == "--build" => true,
        _ => bail!("`bench --footprint` takes `--build` and nothing else"),
    };
    let rows = measure(build)?;
    print!("{}", table::markdown(&rows));
    table::targets(&rows);
    table::write(&rows)
}

fn measure(build: bool) -> Result<Vec<Measured>> {
    programs::build()?;
    Run::cargo().args(["build", "--quiet", "--release", "--package", "sso-oidc"]).go()?;
    let cpu = {
        let server = Server::start(Profile::Release, &["--approve", "auto"])?;
        programs::cpu(ROUNDS, server.endpoint())?
    };
    let polls = |pending: u32| {
        Server::start(
            Profile::Release,
            &["--approve", &format!("after-polls={pending}"), "--slow-down", "off"],
        )
    };
    let (few, many) = (polls(FEW)?, polls(MANY)?);
    let secret = "s".repeat(SECRET_CHARS);
    let known = polls_of_a_known_client(&secret)?;
    let mut rows = Vec::new();
    for (program, cpu) in programs::ALL.iter().zip(cpu) {
        println!("   {}", program.shown);
        let instructions = program.instructions(many.endpoint())? - program.instructions(few.endpoint())?;
        let client = ["known", secret.as_str()];
        let few_bytes = relay::run(known[0].endpoint(), |address| program.run(address, &client))?.bytes;
        let many_bytes = relay::run(known[1].endpoint(), |address| program.run(address, &client))?.bytes;
        rows.push(Measured {
            shown: program.shown,
            cpu,
            instructions_a_poll: instructions / u64::from(MANY - FEW),
            bytes_a_poll: (many_bytes - few_bytes) / u64::from(MANY - FEW),
            connections: relay::run(few.endpoint(), |address| program.run(address, &[]))?.connections,
            binary_bytes: program.binary_bytes()?,
            crates: program.crates()?,
            build_seconds: if build { Some(program.cold_build_seconds()?) } else { None },
        });
    }
    Ok(rows)
}

/// Two servers that know a client with a long secret, since ours hands out short ones.
fn polls_of_a_known_client(secret: &str) -> Result<[Server; 2]> {
    let client = format!("known:{secret}");
    let start = |pending: u32| {
        let approve = format!("after-polls={pending}");
        Server::start(
            Profile::Release,
            &["--approve", &approve, "--slow-down", "off", "--oauth-client", &client],
        )
    };
    Ok([start(FEW)?, start(MANY)?])
}

//! `cargo xtask bench --footprint`: the cost of a sign-in with our adapters, by hand, with the `oauth2` crate and
//! with the AWS SDK.
//!
//! It measures processor time, instructions, bytes sent, connections, binary size and crates. With `--build` it also
//! measures the processor time of a cold build.
//!
//! Each program is a crate outside the workspace (`xtask/peers/footprint/`). Each registers, requests a code, and
//! polls until the approval. The server is ours, over plain HTTP on loopback.

mod programs;
mod relay;
mod table;

pub(crate) use table::FILE as TABLE;

use anyhow::{Result, bail};

use crate::server::{Profile, Server};
use crate::shell::Run;

/// The number of sign-ins of each program, in turn. The least processor time counts.
const ROUNDS: u32 = 40;
/// The numbers of pending responses in the two sign-ins whose difference is the cost of one poll.
const FEW: u32 = 2;
const MANY: u32 = 10;
/// The length of the client secret, as at the real service.
const SECRET_CHARS: usize = 850;

/// The measurements of one program.
pub(crate) struct Measured {
    shown: &'static str,
    /// The processor time of a sign-in without a pending response, in microseconds: least and median.
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

/// Starts two servers that know a client with a long secret, because our server issues short ones.
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

//! `cargo xtask bench --footprint`: the cost of a sign-in with our adapters, by hand, with the `oauth2` crate and
//! with the AWS SDK.
//!
//! It measures processor time, instructions, bytes sent, connections, binary size and crates. With `--build` it also
//! measures the processor time of a cold build.
//!
//! Each program but ours is a crate outside the workspace (`xtask/peers/footprint/`). Each registers, requests a code,
//! and polls until the approval. Ours sign in with an authorization code, too; the meter is their browser. The server
//! is ours, over plain HTTP on loopback.

mod programs;
mod relay;
mod table;

pub(crate) use table::FILE as TABLE;

use anyhow::{Result, bail, ensure};

use self::programs::Program;
use crate::server::{Profile, Server};
use crate::shell::Run;

/// The number of sign-ins of each program, in turn. The least processor time counts.
const ROUNDS: u32 = 40;
/// The numbers of pending responses in the two sign-ins whose difference is the cost of one poll.
const FEW: u32 = 2;
const MANY: u32 = 10;
/// The length of the client secret, as at the real service.
const SECRET_CHARS: usize = 850;

/// The most processor time of a sign-in by one of our adapters, in microseconds: the median of all rounds.
const MOST_CPU: u64 = 5_000;

/// The measurements of one program.
pub(crate) struct Measured {
    shown: &'static str,
    is_adapter: bool,
    /// The processor time of a sign-in without a pending response, in microseconds: least and median.
    cpu: [u64; 2],
    /// What a program with a device code is measured for besides.
    device: Option<Device>,
    binary_bytes: u64,
    crates: usize,
    build_seconds: Option<u64>,
}

/// The cost of a sign-in with a device code.
pub(crate) struct Device {
    /// The instructions of the whole process, for a sign-in without a pending response.
    instructions: u64,
    instructions_a_poll: u64,
    bytes_a_poll: u64,
    /// The connections of a whole sign-in.
    connections: u64,
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
    table::write(&rows)?;
    bound(&rows)
}

/// Fails if one of our adapters took too long, with either flow.
fn bound(rows: &[Measured]) -> Result<()> {
    let slow = rows.iter().filter(|row| row.is_adapter && row.cpu[1] > MOST_CPU);
    let slow: Vec<String> = slow.map(|row| format!("{}: {} µs", row.shown, row.cpu[1])).collect();
    ensure!(slow.is_empty(), "a sign-in took more than {MOST_CPU} µs of processor time: {}", slow.join(", "));
    Ok(())
}

fn measure(build: bool) -> Result<Vec<Measured>> {
    programs::build()?;
    Run::cargo().args(["build", "--quiet", "--release", "--package", "sso-oidc"]).go()?;
    let at_once = Server::start(Profile::Release, &["--approve", "auto"])?;
    let cpu = programs::cpu(ROUNDS, at_once.endpoint())?;
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
        let device = match program.polls() {
            true => Some(device(program, &at_once, [&few, &many], &known, &secret)?),
            false => None,
        };
        rows.push(Measured {
            shown: program.shown,
            is_adapter: program.is_adapter(),
            cpu,
            device,
            binary_bytes: program.binary_bytes()?,
            crates: program.crates()?,
            build_seconds: if build { Some(program.cold_build_seconds()?) } else { None },
        });
    }
    Ok(rows)
}

/// Measures a sign-in, and one more poll by the difference of two sign-ins.
fn device(
    program: &Program,
    at_once: &Server,
    [few, many]: [&Server; 2],
    known: &[Server; 2],
    secret: &str,
) -> Result<Device> {
    let polls = u64::from(MANY - FEW);
    let instructions = program.instructions(many.endpoint())? - program.instructions(few.endpoint())?;
    let client = ["known", secret];
    let few_bytes = relay::run(known[0].endpoint(), |address| program.run(address, &client))?.bytes;
    let many_bytes = relay::run(known[1].endpoint(), |address| program.run(address, &client))?.bytes;
    Ok(Device {
        instructions: program.instructions(at_once.endpoint())?,
        instructions_a_poll: instructions / polls,
        bytes_a_poll: (many_bytes - few_bytes) / polls,
        connections: relay::run(few.endpoint(), |address| program.run(address, &[]))?.connections,
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_adapters_have_a_bound_and_it_names_those_that_exceed_it() {
        let row = |shown, is_adapter, median| Measured {
            shown,
            is_adapter,
            cpu: [1_000, median],
            device: None,
            binary_bytes: 0,
            crates: 0,
            build_seconds: None,
        };
        bound(&[row("ours", true, MOST_CPU), row("theirs", false, 9_000)]).unwrap();
        let error =
            bound(&[row("fast", true, 1_000), row("slow", true, MOST_CPU + 1)]).unwrap_err().to_string();
        assert!(error.ends_with(": slow: 5001 µs"), "{error}");
    }
}

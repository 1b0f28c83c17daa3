//! `cargo xtask bench --many`: thousands of concurrent sign-ins against our server in a separate process, with an
//! optional outage.

use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::server::{Profile, Server, program};
use crate::shell::Run;

/// The start of the outage, when all sign-ins poll.
const BEFORE: Duration = Duration::from_secs(12);
/// The server's interval in seconds.
const INTERVAL: &str = "5";
/// The number of polls before the approval. With an outage it is larger, so that the outage comes first.
const APPROVE: &str = "after-polls=3";
/// The time limit of the whole run.
const LIMIT: Duration = Duration::from_secs(300);

/// `cargo xtask bench --many [N] [--connections N] [--outage SECONDS]`
pub(crate) fn task(args: &[String]) -> Result<()> {
    let (mut count, mut connections, mut outage) = ("10000", "100", None);
    let mut rest = args.iter().map(String::as_str);
    while let Some(arg) = rest.next() {
        match arg {
            "--connections" => connections = rest.next().context("--connections takes a number")?,
            "--outage" => outage = Some(rest.next().context("--outage takes seconds")?.parse()?),
            number if number.parse::<usize>().is_ok() => count = number,
            other => bail!(
                "`bench --many` takes a number, `--connections N` and `--outage SECONDS`, not `{other}`"
            ),
        }
    }
    Run::cargo().args(["build", "--release", "--package", "sso-oidc"]).go()?;
    Run::cargo()
        .args(["build", "--release", "--package", "device-flow-reqwest", "--example", "many"])
        .go()?;
    let server = Server::start(Profile::Release, &["--approve", APPROVE, "--interval", INTERVAL])?;
    let many = Run::new(program(Profile::Release, "examples/many")?)
        .env("ENDPOINT", server.endpoint())
        .env("COUNT", count)
        .env("CONNECTIONS", connections)
        // A short timeout, so that requests during the outage fail before it ends.
        .env("TIMEOUT", if outage.is_some() { "5" } else { "40" })
        .limit(LIMIT);
    let away = outage.map(|seconds: u64| {
        let process = server.id().to_string();
        thread::spawn(move || {
            thread::sleep(BEFORE);
            signal("STOP", &process)?;
            thread::sleep(Duration::from_secs(seconds));
            signal("CONT", &process)
        })
    });
    let result = many.go();
    if let Some(away) = away {
        away.join().map_err(|_| anyhow::anyhow!("the outage panicked"))??;
    }
    result
}

/// Sends a signal. `std` can only kill.
fn signal(name: &str, process: &str) -> Result<()> {
    println!("   $ kill -{name} (the server)");
    let status = Command::new("kill").arg(format!("-{name}")).arg(process).status().context("kill")?;
    if !status.success() {
        bail!("kill -{name}: {status}");
    }
    Ok(())
}

//! The sign-in examples, each run against the server.

use std::process::Output;

use anyhow::{Result, ensure};

use crate::server::{Profile, Server, program};
use crate::shell::Run;

/// The examples that show a code on stderr and print a token on stdout.
const SIGN_INS: [&str; 3] = ["login", "async_login", "any_client"];

/// The examples that handle Ctrl-C.
#[cfg(unix)]
const INTERRUPTIBLE: [&str; 2] = ["login", "async_login"];

/// The number of sign-ins for `one_task` and `many`.
const MANY: &str = "20";

/// Runs every example, each against its own server.
pub(crate) fn step() -> Result<()> {
    Run::cargo().args(["build", "--package", "sso-oidc"]).go()?;
    // With the features of the whole workspace, as the tests before, so that nothing is built twice.
    Run::cargo().args(["build", "--workspace", "--examples"]).go()?;
    for example in SIGN_INS {
        sign_in(example)?;
        #[cfg(unix)]
        if INTERRUPTIBLE.contains(&example) {
            interrupt::step(example)?;
        }
    }
    for (example, said) in [
        ("one_task", format!("{MANY} of {MANY} signed in")),
        ("many", format!("{MANY} of {MANY} signed in after ")),
    ] {
        let server = Server::start(Profile::Debug, &["--approve", "after-polls=1"])?;
        let output = run(&server, example)?.env("COUNT", MANY).output()?;
        let out = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success() && out.starts_with(&said), "{example} said `{out}`");
        println!("   {example} signed in {MANY} times");
    }
    Ok(())
}

/// Returns a run of this example against the server.
fn run(server: &Server, example: &str) -> Result<Run> {
    Ok(Run::new(program(Profile::Debug, &format!("examples/{example}"))?)
        .env("ENDPOINT", server.endpoint())
        .env("START_URL", "https://d-1234567890.awsapps.com/start"))
}

fn sign_in(example: &str) -> Result<()> {
    let server = Server::start(Profile::Debug, &["--approve", "after-polls=1"])?;
    let Output { status, stdout, stderr } = run(&server, example)?.output()?;
    let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    ensure!(status.success(), "{example} failed: {err}");
    ensure!(err.contains("/device?user_code="), "{example} showed no code: {err}");
    let token = out.trim_end();
    ensure!(token.len() >= 40 && !token.contains(char::is_whitespace), "{example}: no token but `{out}`");
    ensure!(!err.contains(token), "{example} talks about its token: {err}");
    println!("   {example}: the code on stderr, a token of {} characters on stdout", token.len());
    Ok(())
}

/// Sends Ctrl-C while the example waits for the approval.
#[cfg(unix)]
mod interrupt {
    use std::io::{BufRead as _, BufReader, Read as _};
    use std::process::{Child, Command, Stdio};
    use std::thread;
    use std::time::{Duration, Instant};

    use anyhow::{Context as _, Result, bail, ensure};

    use crate::server::{Profile, Server, program};

    /// The time limit after Ctrl-C, shorter than an interval.
    const LIMIT: Duration = Duration::from_secs(30);

    pub(super) fn step(example: &str) -> Result<()> {
        let server = Server::start(Profile::Debug, &["--approve", "manual", "--interval", "60"])?;
        let mut child = Command::new(program(Profile::Debug, &format!("examples/{example}"))?)
            .env("ENDPOINT", server.endpoint())
            .env("START_URL", "https://d-1234567890.awsapps.com/start")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start the example")?;
        let result = interrupted(&mut child);
        // An ended process is not affected.
        let _ = child.kill();
        let _ = child.wait();
        let (said, took) = result.with_context(|| example.to_owned())?;
        ensure!(said.to_lowercase().contains("cancelled"), "{example} was interrupted and said `{said}`");
        println!("   {example}: Ctrl-C ended it after {took:.0?}");
        Ok(())
    }

    /// Returns the output after Ctrl-C, and the time until the end.
    fn interrupted(child: &mut Child) -> Result<(String, Duration)> {
        let mut stderr = BufReader::new(child.stderr.take().context("no stderr")?);
        let mut line = String::new();
        // The prompt ends with this line.
        while !line.starts_with("Approve only") {
            line.clear();
            ensure!(stderr.read_line(&mut line)? > 0, "it ended before it showed its code");
        }
        let started = Instant::now();
        ensure!(Command::new("kill").arg("-INT").arg(child.id().to_string()).status()?.success(), "kill");
        while child.try_wait()?.is_none() {
            if started.elapsed() > LIMIT {
                bail!("it was still running {LIMIT:?} after Ctrl-C");
            }
            thread::sleep(Duration::from_millis(5));
        }
        let took = started.elapsed();
        let mut said = String::new();
        stderr.read_to_string(&mut said)?;
        ensure!(child.wait()?.code().is_some_and(|code| code != 0), "it should have failed by itself");
        Ok((said, took))
    }
}

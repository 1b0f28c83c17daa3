//! The sign-in examples, each run against the server.

use std::process::Output;

use anyhow::{Result, ensure};

use crate::server::{Profile, Server, program};
use crate::shell::Run;

/// The examples that show a code on stderr and print a token on stdout, with their crates. Two of them have one name,
/// so their programs have one path, and the examples are built one by one.
const SIGN_INS: [(&str, &str); 3] =
    [("device-flow-ureq", "login"), ("device-flow-reqwest", "login"), ("device-flow", "any_client")];

/// The crates whose `login` example handles Ctrl-C.
#[cfg(unix)]
const INTERRUPTIBLE: [&str; 2] = ["device-flow-ureq", "device-flow-reqwest"];

/// The number of sign-ins for `one_task` and `many`.
const MANY: &str = "20";

/// Runs every example, each against its own server.
pub(crate) fn step() -> Result<()> {
    Run::cargo().args(["build", "--package", "sso-oidc"]).go()?;
    for (package, example) in SIGN_INS {
        build(package, example)?;
        sign_in(package, example)?;
        #[cfg(unix)]
        if INTERRUPTIBLE.contains(&package) {
            interrupt::step(package, example)?;
        }
    }
    for (package, example, said) in [
        ("device-flow", "one_task", format!("{MANY} of {MANY} signed in")),
        ("device-flow-reqwest", "many", format!("{MANY} of {MANY} signed in after ")),
    ] {
        build(package, example)?;
        let server = Server::start(Profile::Debug, &["--approve", "after-polls=1"])?;
        let output = run(&server, example)?.env("COUNT", MANY).output()?;
        let out = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success() && out.starts_with(&said), "{example} of {package} said `{out}`");
        println!("   {package}: {example} signed in {MANY} times");
    }
    Ok(())
}

fn build(package: &str, example: &str) -> Result<()> {
    Run::cargo().args(["build", "--package", package, "--example", example]).go()
}

/// Returns a run of this example against the server.
fn run(server: &Server, example: &str) -> Result<Run> {
    Ok(Run::new(program(Profile::Debug, &format!("examples/{example}"))?)
        .env("ENDPOINT", server.endpoint())
        .env("START_URL", "https://d-1234567890.awsapps.com/start"))
}

fn sign_in(package: &str, example: &str) -> Result<()> {
    let server = Server::start(Profile::Debug, &["--approve", "after-polls=1"])?;
    let Output { status, stdout, stderr } = run(&server, example)?.output()?;
    let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    ensure!(status.success(), "{example} of {package} failed: {err}");
    ensure!(err.contains("/device?user_code="), "{example} of {package} showed no code: {err}");
    let token = out.trim_end();
    ensure!(token.len() >= 40 && !token.contains(char::is_whitespace), "{package}: no token but `{out}`");
    ensure!(!err.contains(token), "{example} of {package} talks about its token: {err}");
    println!("   {package}: the code on stderr, a token of {} characters on stdout", token.len());
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
    const LIMIT: Duration = Duration::from_secs(3);

    pub(super) fn step(package: &str, example: &str) -> Result<()> {
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
        let (said, took) = result.with_context(|| format!("{example} of {package}"))?;
        ensure!(
            said.to_lowercase().contains("cancelled"),
            "{example} of {package} was interrupted and said `{said}`"
        );
        println!("   {package}: Ctrl-C ended it after {took:.0?}");
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

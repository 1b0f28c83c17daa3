//! The adapters' `login` examples, each run as a person would against the server.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use crate::shell::Run;
use crate::workspace;

/// The crates whose example is run. Both examples have the name that the documentation gives, so they are built one
/// after the other, never in one go: their programs land at the same place.
const ADAPTERS: [&str; 2] = ["device-flow-ureq", "device-flow-reqwest"];

/// Every example, against a server of its own.
pub(crate) fn step() -> Result<()> {
    Run::cargo().args(["build", "--package", "sso-oidc"]).go()?;
    for adapter in ADAPTERS {
        Run::cargo().args(["build", "--package", adapter, "--example", "login"]).go()?;
        sign_in(adapter)?;
    }
    Ok(())
}

fn sign_in(adapter: &str) -> Result<()> {
    let bin = workspace::target_dir()?.join("debug");
    let suffix = std::env::consts::EXE_SUFFIX;
    let mut serve = Command::new(bin.join(format!("sso-oidc{suffix}")));
    serve.args(["serve", "--approve", "after-polls=1"]);
    serve.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = Server(serve.spawn().context("cannot start the server")?);
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().context("the server's output")?).read_line(&mut line)?;
    let Some(endpoint) = line.trim_end().strip_prefix("listening on ") else {
        bail!("the server said `{}`", line.trim_end())
    };
    let example = Run::new(bin.join("examples").join(format!("login{suffix}")))
        .env("ENDPOINT", endpoint)
        .env("START_URL", "https://d-1234567890.awsapps.com/start");
    let output = example.output()?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "the example of {adapter} failed: {err}");
    ensure!(err.contains("/device?user_code="), "the example of {adapter} showed no code: {err}");
    let token = out.trim_end();
    ensure!(token.len() >= 40 && !token.contains(char::is_whitespace), "{adapter}: no token but `{out}`");
    ensure!(!err.contains(token), "the example of {adapter} talks about its token: {err}");
    println!("   {adapter}: the code on stderr, a token of {} characters on stdout", token.len());
    Ok(())
}

/// Ends with its owner, whatever happens.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

//! The examples that sign in, each run as a person would against the server.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use crate::shell::Run;
use crate::workspace;

/// The examples that show a code on stderr and print a token on stdout, with their crates. Two have the name that the
/// documentation gives, so all are built one after the other, never in one go: their programs land at the same place.
const SIGN_INS: [(&str, &str); 3] =
    [("device-flow-ureq", "login"), ("device-flow-reqwest", "login"), ("device-flow", "any_client")];

/// How many sign-ins `one_task` gets.
const MANY: &str = "20";

/// Every example, against a server of its own.
pub(crate) fn step() -> Result<()> {
    Run::cargo().args(["build", "--package", "sso-oidc"]).go()?;
    for (package, example) in SIGN_INS {
        build(package, example)?;
        sign_in(package, example)?;
    }
    build("device-flow", "one_task")?;
    let server = Server::start("after-polls=1")?;
    let output = server.example("one_task")?.env("COUNT", MANY).output()?;
    let out = String::from_utf8_lossy(&output.stdout);
    ensure!(out.trim_end() == format!("{MANY} of {MANY} signed in"), "one_task of device-flow said `{out}`");
    println!("   device-flow: one task signed in {MANY} times");
    Ok(())
}

fn build(package: &str, example: &str) -> Result<()> {
    Run::cargo().args(["build", "--package", package, "--example", example]).go()
}

fn sign_in(package: &str, example: &str) -> Result<()> {
    let server = Server::start("after-polls=1")?;
    let Output { status, stdout, stderr } = server.example(example)?.output()?;
    let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    ensure!(status.success(), "{example} of {package} failed: {err}");
    ensure!(err.contains("/device?user_code="), "{example} of {package} showed no code: {err}");
    let token = out.trim_end();
    ensure!(token.len() >= 40 && !token.contains(char::is_whitespace), "{package}: no token but `{out}`");
    ensure!(!err.contains(token), "{example} of {package} talks about its token: {err}");
    println!("   {package}: the code on stderr, a token of {} characters on stdout", token.len());
    Ok(())
}

/// A built program of the workspace: `NAME` or `examples/NAME`.
fn program(name: &str) -> Result<PathBuf> {
    Ok(workspace::target_dir()?.join("debug").join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
}

/// A server of the project's, which ends with its owner, whatever happens.
struct Server {
    child: Child,
    endpoint: String,
}

impl Server {
    /// A server that decides like this on those who ask.
    fn start(approve: &str) -> Result<Self> {
        let mut serve = Command::new(program("sso-oidc")?);
        serve.args(["serve", "--approve", approve]);
        serve.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut server =
            Self { child: serve.spawn().context("cannot start the server")?, endpoint: String::new() };
        let mut line = String::new();
        BufReader::new(server.child.stdout.take().context("the server's output")?).read_line(&mut line)?;
        let Some(endpoint) = line.trim_end().strip_prefix("listening on ") else {
            bail!("the server said `{}`", line.trim_end())
        };
        server.endpoint = endpoint.to_owned();
        Ok(server)
    }

    /// This example, to be run against the server.
    fn example(&self, name: &str) -> Result<Run> {
        Ok(Run::new(program(&format!("examples/{name}"))?)
            .env("ENDPOINT", &self.endpoint)
            .env("START_URL", "https://d-1234567890.awsapps.com/start"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

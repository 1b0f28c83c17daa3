//! The project's server in a process of its own, for as long as a task needs it.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::workspace;

/// How a program was built.
#[derive(Clone, Copy)]
pub(crate) enum Profile {
    Debug,
    Release,
}

/// A program of the workspace that has been built: `NAME` or `examples/NAME`.
pub(crate) fn program(profile: Profile, name: &str) -> Result<PathBuf> {
    let profile = match profile {
        Profile::Debug => "debug",
        Profile::Release => "release",
    };
    Ok(workspace::target_dir()?.join(profile).join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
}

/// A server on a free port of this machine, which ends with its owner, whatever happens.
pub(crate) struct Server {
    child: Child,
    endpoint: String,
}

impl Server {
    /// `sso-oidc serve`, which has been built, with these arguments.
    pub(crate) fn start(profile: Profile, args: &[&str]) -> Result<Self> {
        let mut serve = Command::new(program(profile, "sso-oidc")?);
        serve.arg("serve").args(args);
        Self::of(serve)
    }

    /// Any server that says `listening on URL` when it does.
    pub(crate) fn of(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn().context("cannot start the server")?;
        let mut server = Self { child, endpoint: String::new() };
        let mut line = String::new();
        BufReader::new(server.child.stdout.take().context("the server's output")?).read_line(&mut line)?;
        let Some(endpoint) = line.trim_end().strip_prefix("listening on ") else {
            bail!("the server said `{}`", line.trim_end())
        };
        server.endpoint = endpoint.to_owned();
        Ok(server)
    }

    /// Its URL.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! The project's server in a separate process, during a task.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::workspace;

/// The build profile of a program.
#[derive(Clone, Copy)]
pub(crate) enum Profile {
    Debug,
    Release,
    /// What people install.
    Dist,
}

impl Profile {
    /// Returns its directory below the target directory.
    pub(crate) const fn directory(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Release => "release",
            Self::Dist => "dist",
        }
    }
}

/// Returns the path of a built program of the workspace: `NAME` or `examples/NAME`.
pub(crate) fn program(profile: Profile, name: &str) -> Result<PathBuf> {
    let directory = workspace::target_dir()?.join(profile.directory());
    Ok(directory.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
}

/// A server on a free port of this machine, which is killed on drop.
pub(crate) struct Server {
    child: Child,
    endpoint: String,
}

impl Server {
    /// Starts the built `sso-oidc serve` with these arguments.
    pub(crate) fn start(profile: Profile, args: &[&str]) -> Result<Self> {
        let mut serve = Command::new(program(profile, "sso-oidc")?);
        serve.arg("serve").args(args);
        Self::of(serve)
    }

    /// Starts any server that prints `listening on URL`.
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

    /// Returns its URL.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns its process id.
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

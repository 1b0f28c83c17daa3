//! `serve -- COMMAND`: the command's environment, and its run beside the server.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use sso_oidc_server::Secret;
use tempfile::TempDir;
use tokio::process::Command;

use super::layers::PREFIX;
use super::signals::Signals;
use crate::child;
use crate::environment::Environment;
use crate::exit::Failure;

/// The variables of the sign-in's and of the portal's endpoint.
const ENDPOINTS: [&str; 2] = ["AWS_ENDPOINT_URL_SSO_OIDC", "AWS_ENDPOINT_URL_SSO"];
/// The variables of a file with trusted certificates: for AWS's tools, and for OpenSSL and rustls.
const CA_BUNDLES: [&str; 2] = ["AWS_CA_BUNDLE", "SSL_CERT_FILE"];
/// The variables of the control API: its URL and its token.
const CONTROL: [&str; 2] = ["SSO_OIDC_CONTROL_URL", "SSO_OIDC_CONTROL_TOKEN"];
/// The variables of a region. botocore reads only the second one.
const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];
/// The region of the server's own clients.
const REGION: &str = "us-east-1";
/// The variables of a home directory, on Unix and on Windows.
const HOMES: [&str; 2] = ["HOME", "USERPROFILE"];
/// The variables that lead out of a private home: AWS's files, profiles that it does not have, and the folders of
/// other tools.
const OUTSIDE: [&str; 10] = [
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "APPDATA",
    "LOCALAPPDATA",
];
/// The variable that is for the server alone, beside those of its settings: the URL of its store, which may have a
/// password.
const SERVERS: [&str; 1] = ["SSO_OIDC_STORE"];

/// A command that is about to run. Its private home is removed on drop.
pub(crate) struct Guest {
    command: Command,
    program: OsString,
    _home: Option<TempDir>,
}

/// The server that a command uses.
#[derive(Clone, Copy)]
pub(crate) struct Host<'a> {
    pub(crate) endpoint: &'a str,
    /// The certificate of the server's CA, if it made one.
    pub(crate) ca_file: Option<&'a Path>,
    /// The URL of the control API, and its token.
    pub(crate) control: Option<(&'a str, &'a Secret)>,
}

impl Guest {
    /// Prepares a command that uses this server. It gets a home of its own unless it is to keep that of the caller.
    ///
    /// # Errors
    /// There is no command, or no directory for its home.
    pub(crate) fn new(
        words: &[OsString],
        host: Host<'_>,
        keeps_home: bool,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        let Some((program, arguments)) = words.split_first() else {
            return Err(Failure::usage("there is no command after --"));
        };
        let mut command = Command::new(program);
        command.args(arguments).kill_on_drop(true);
        for name in ENDPOINTS {
            command.env(name, host.endpoint);
        }
        command.env_remove("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
        // Settings may have secrets, such as those of clients.
        let settings = environment.starting_with(PREFIX).map(|(name, _)| name);
        for name in SERVERS.into_iter().chain(settings) {
            command.env_remove(name);
        }
        if let Some(file) = host.ca_file {
            for name in CA_BUNDLES {
                command.env(name, file);
            }
        }
        for name in CONTROL {
            command.env_remove(name);
        }
        if let Some((url, token)) = host.control {
            let [url_name, token_name] = CONTROL;
            command.env(url_name, url).env(token_name, token.expose());
        }
        let region = environment.first(&REGIONS).unwrap_or(REGION);
        for name in REGIONS.iter().filter(|name| environment.get(name).is_none()) {
            command.env(name, region);
        }
        let home = if keeps_home { None } else { Some(private_home()?) };
        if let Some(home) = &home {
            for name in HOMES {
                command.env(name, home.path());
            }
            for name in OUTSIDE {
                command.env_remove(name);
            }
        }
        Ok(Self { command, program: program.clone(), _home: home })
    }

    /// Gives the command an empty input, and shows its output on standard error or not at all.
    pub(crate) fn with_output(mut self, shown: bool) -> Self {
        let output = || if shown { Stdio::from(std::io::stderr()) } else { Stdio::null() };
        self.command.stdin(Stdio::null()).stdout(output()).stderr(output());
        self
    }

    /// Runs the command as [`Self::run`] does, and kills it after this time. Then there is no status.
    ///
    /// # Errors
    /// The same as for [`Self::run`].
    pub(crate) async fn run_for(
        self,
        limit: Duration,
        signals: &mut Signals,
    ) -> Result<Option<ExitStatus>, Failure> {
        tokio::time::timeout(limit, self.run(signals)).await.map_or(Ok(None), |ended| ended.map(Some))
    }

    /// Runs the command to its end. Signals are passed on to it.
    ///
    /// # Errors
    /// The command cannot be started, or the system cannot tell how it ended.
    pub(crate) async fn run(mut self, signals: &mut Signals) -> Result<ExitStatus, Failure> {
        let started = self.command.spawn();
        let mut running = started.map_err(|error| child::not_started(&self.program, &error))?;
        loop {
            tokio::select! {
                biased;
                ended = running.wait() => return ended.map_err(|error| lost(&self.program, &error)),
                signal = signals.next() => {
                    if let Some(id) = running.id() {
                        signal.pass_on(id);
                    }
                }
            }
        }
    }
}

fn lost(program: &OsStr, error: &std::io::Error) -> Failure {
    Failure::other(format_args!("cannot wait for {}: {error}", program.to_string_lossy()))
}

fn private_home() -> Result<TempDir, Failure> {
    tempfile::Builder::new()
        .prefix("sso-oidc-home-")
        .tempdir()
        .map_err(|error| Failure::other(format_args!("cannot make a home for the command: {error}")))
}

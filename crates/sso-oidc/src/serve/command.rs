//! `serve -- COMMAND`: the command's environment, and its run beside the server.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use sso_oidc_server::Secret;
use tempfile::TempDir;
use tokio::process::{Child, Command};

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
/// The beginning of this program's own variables: settings of the server, and secrets of another service.
const OURS: &str = "SSO_OIDC_";
/// The variable with the password of a database.
const PASSWORD: &str = "PGPASSWORD";
/// The variables of the hosts that need no proxy.
const NO_PROXIES: [&str; 2] = ["NO_PROXY", "no_proxy"];
/// The names of this machine there.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A command that is about to run. Its private home is removed on drop.
pub(crate) struct Guest {
    command: Command,
    program: OsString,
    /// Whether the command and its children are a process group of their own. A command before a terminal is none:
    /// only the group in the foreground may read there.
    has_own_group: bool,
    _home: Option<TempDir>,
}

/// A command that runs.
struct Running {
    child: Child,
    /// The leader of the process group that is killed on drop.
    leader: Option<u32>,
}

/// The server that a command uses.
#[derive(Clone, Copy)]
pub(crate) struct Host<'a> {
    pub(crate) endpoint: &'a str,
    /// The certificate of the server's CA, if it made one.
    pub(crate) ca_file: Option<&'a Path>,
    /// The URL of the control API, and its token.
    pub(crate) control: Option<(&'a str, &'a Secret)>,
    /// Whether the store is a database, whose password is the server's.
    pub(crate) has_database: bool,
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
        let mut command = Command::new(child::program(program));
        command.args(arguments).kill_on_drop(true);
        for name in ENDPOINTS {
            command.env(name, host.endpoint);
        }
        command.env_remove("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
        // Settings may have secrets, such as those of clients.
        for (name, _) in environment.starting_with(OURS) {
            command.env_remove(name);
        }
        if host.has_database {
            command.env_remove(PASSWORD);
        }
        // The command may need its proxy for another host.
        let direct = without_proxy(environment, host.endpoint);
        for name in NO_PROXIES {
            command.env(name, &direct);
        }
        if let Some(file) = host.ca_file {
            for name in CA_BUNDLES {
                command.env(name, file);
            }
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
        Ok(Self { command, program: program.clone(), has_own_group: !child::has_terminal(), _home: home })
    }

    /// Gives the command an empty input, and shows its output on standard error or not at all.
    pub(crate) fn with_output(mut self, shown: bool) -> Self {
        let output = || if shown { Stdio::from(std::io::stderr()) } else { Stdio::null() };
        self.command.stdin(Stdio::null()).stdout(output()).stderr(output());
        self.has_own_group = true;
        self
    }

    /// Runs the command as [`Self::run`] does, and kills it after this time. Then there is no status. Its children are
    /// killed at the end in any case, except on Windows.
    ///
    /// # Errors
    /// The same as for [`Self::run`].
    pub(crate) async fn run_for(
        mut self,
        limit: Duration,
        signals: &mut Signals,
    ) -> Result<Option<ExitStatus>, Failure> {
        let mut running = self.spawn()?;
        tokio::time::timeout(limit, self.end_of(&mut running, signals))
            .await
            .map_or(Ok(None), |ended| ended.map(Some))
    }

    /// Runs the command to its end. Signals are passed on to it.
    ///
    /// # Errors
    /// The command cannot be started, or the system cannot tell how it ended.
    pub(crate) async fn run(mut self, signals: &mut Signals) -> Result<ExitStatus, Failure> {
        let mut running = self.spawn()?;
        let ended = self.end_of(&mut running, signals).await;
        // As in a shell, what it has left in the background goes on.
        running.leader = None;
        ended
    }

    fn spawn(&mut self) -> Result<Running, Failure> {
        if self.has_own_group {
            child::lead_group(self.command.as_std_mut());
        }
        let started = self.command.spawn();
        let child = started.map_err(|error| child::not_started(&self.program, &error))?;
        Ok(Running { leader: child.id().filter(|_| self.has_own_group), child })
    }

    async fn end_of(&self, running: &mut Running, signals: &mut Signals) -> Result<ExitStatus, Failure> {
        loop {
            tokio::select! {
                biased;
                ended = running.child.wait() => return ended.map_err(|error| lost(&self.program, &error)),
                signal = signals.next() => {
                    if let Some(id) = running.child.id() {
                        signal.pass_on(id, self.has_own_group);
                    }
                }
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(leader) = self.leader {
            child::kill_group(leader);
        }
    }
}

/// Returns the hosts that need no proxy: those of the caller, this machine, and the server.
fn without_proxy(environment: &Environment, endpoint: &str) -> String {
    let callers = environment.first(&NO_PROXIES);
    let server = endpoint.parse::<http::Uri>().ok();
    let server = server.as_ref().and_then(|uri| uri.host()).map(|host| host.trim_matches(['[', ']']));
    let mut hosts: Vec<&str> = callers.iter().flat_map(|text| text.split(',')).map(str::trim).collect();
    for host in LOOPBACK.into_iter().chain(server) {
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts.join(",")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_stands_between_a_command_and_its_server_and_the_callers_hosts_stay() {
        let hosts = |environment: Environment, endpoint| without_proxy(&environment, endpoint);
        let empty = || Environment::from([("NO_PROXY", "")]);
        assert_eq!(hosts(empty(), "http://127.0.0.1:80"), "localhost,127.0.0.1,::1");
        assert_eq!(hosts(empty(), "https://[::1]:80"), "localhost,127.0.0.1,::1");
        assert_eq!(hosts(empty(), "http://10.0.0.7:80"), "localhost,127.0.0.1,::1,10.0.0.7");
        let callers = Environment::from([("no_proxy", "corp.example, localhost")]);
        assert_eq!(hosts(callers, "http://127.0.0.1:80"), "corp.example,localhost,127.0.0.1,::1");
    }

    #[test]
    fn the_password_of_the_servers_database_is_not_the_commands() {
        let environment = Environment::from([("PGPASSWORD", "sentinel")]);
        for has_database in [true, false] {
            let host = Host { endpoint: "http://127.0.0.1:80", ca_file: None, control: None, has_database };
            let guest = Guest::new(&["true".into()], host, true, &environment).unwrap();
            let is_removed =
                guest.command.as_std().get_envs().any(|pair| pair == (OsStr::new(PASSWORD), None));
            assert_eq!(is_removed, has_database);
        }
    }
}

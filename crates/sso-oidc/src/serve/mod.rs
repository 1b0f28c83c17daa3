//! `serve`: the local test server. It prints the line with its URL on standard output, and those of the control
//! API. Or it runs a command, which has standard output.

pub(crate) mod command;
mod control;
pub(crate) mod layers;
mod limits;
pub(crate) mod ready_file;
pub(crate) mod report;
mod rules;
mod script;
pub(crate) mod signals;
mod store;

use std::ffi::OsString;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use sso_oidc_server::{Client, Config, CorsOrigin, Secret, Server, TrustedProxy};
use tokio::sync::oneshot;
use tracing::level_filters::LevelFilter;

use self::command::{Guest, Host};
use self::control::{ControlArgs, Token};
use self::limits::LimitsArgs;
use self::ready_file::ReadyFile;
use self::report::ReportArgs;
use self::rules::RulesArgs;
use self::signals::Signals;
use self::store::StoreArgs;
use crate::accounts_file;
use crate::child;
use crate::console;
use crate::exit::{Exit, Failure, chain, print_data};
use crate::faults::{self, FaultArgs};
use crate::logging::{self, Form, LogEnd};
use crate::people_file;
use crate::registration_key;
use crate::settings::Settings;
use crate::tls::{CaFile, TlsArgs};

/// The end of the help.
const HELP: &str = "\
A DURATION is a number of seconds, or a number with a unit: 500ms, 10s, 15m, 8h, 90d.

With -- COMMAND, the server runs as long as the command does. The command gets AWS_ENDPOINT_URL_SSO_OIDC and \
AWS_ENDPOINT_URL_SSO, AWS_REGION and AWS_DEFAULT_REGION if they are unset, and with --tls AWS_CA_BUNDLE and SSL_CERT_FILE. \
Its home directory is empty and temporary, so no token gets into your own; AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE and \
AWS_PROFILE are unset. --keep-home is for a tool that needs files of the real one. NO_PROXY has this machine, so that no proxy stands \
before the server. Variables of this program (SSO_OIDC_…) are unset, and PGPASSWORD if the store is a database.

The exit code is that of the command, or 128 and the number of the signal that ended it. It is 127 if the command is not \
found, and 126 if it cannot be run. Ctrl-C, SIGTERM and SIGHUP go to the command, and without a terminal to its children as well. If the server cannot start, the command does not \
run, and the exit code is 255.

--control lets another process play the person, move the clock and read the requests, with a token. Its address and the token \
follow the URL on standard output; a command has them in SSO_OIDC_CONTROL_URL and SSO_OIDC_CONTROL_TOKEN.

--metrics counts requests by operation and outcome, and measures them; the documentation of sso-oidc-server has all names. The \
URL follows on standard output, or is in the log if there is a command.

Each flag is a key of --config FILE, without the dashes before it, and a variable: SSO_OIDC_SERVE_ and its name in capitals, \
with underscores. A flag without a value is true or false there. One that may be repeated is an array in the file, and has \
commas in the variable. Paths are relative to the working directory.

At SIGTERM, SIGHUP or Ctrl-C the server accepts no more connections, answers the requests that have arrived, and writes what the store \
has left. That takes the time of --stop-timeout at most, and a second signal ends it at once.

A line of --log-format json has time (RFC 3339, in UTC), level and message. That of a request also has method, path, operation, \
status (0 if an injected fault left no response), error, injected, duration (in seconds), request_id, connection and client (its \
address). A member without a value is absent. Text of a client that is no name of ours stays out of it.

--report counts what a correct client does not do: polls before the interval, without the five seconds of each slow_down, or \
after the end; spent secrets sent again, redirects followed, and secrets in a query.";

/// The flags of `serve`.
#[derive(Args, Debug)]
#[command(after_long_help = HELP)]
pub(crate) struct ServeArgs {
    /// Read settings from this file, in TOML: the names are those of the flags, such as `listen = "8765"`. A variable
    /// SSO_OIDC_SERVE_LISTEN comes before the file, and a flag before both [env: SSO_OIDC_SERVE_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Print the settings in force as such a file, without secrets, and start nothing
    #[arg(long)]
    print_config: bool,

    /// The settings in force, if they are to be printed.
    #[arg(skip)]
    pub(crate) in_force: Option<String>,

    /// The address to listen on; a port alone is one of 127.0.0.1, and port 0 means a free port that the system
    /// chooses
    #[arg(long, value_name = "[ADDRESS:]PORT", default_value = "127.0.0.1:0", value_parser = address)]
    listen: SocketAddr,

    #[command(flatten)]
    rules: RulesArgs,

    /// The URL that browsers reach the server at, if it differs from --listen. Without it, a server on
    /// 0.0.0.0 gives a loopback URL with its codes
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,

    /// Accept requests for this host name, besides loopback names and --public-url; all other names then get HTTP
    /// 421. May be repeated
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,

    /// Believe this reverse proxy about the addresses of its clients. The limits on wrong user codes are those of the
    /// client then. The proxy must write `Forwarded` or `X-Forwarded-For` itself. May be repeated
    #[arg(long, value_name = "ADDRESS[/PREFIX]")]
    trusted_proxy: Vec<TrustedProxy>,

    /// Let web pages of this origin call the endpoints of programs, and read the answers (CORS); * means all origins.
    /// The approval pages stay closed to them. May be repeated
    #[arg(long, value_name = "ORIGIN")]
    cors: Vec<CorsOrigin>,

    /// Accept this client without registration, for tools with a fixed client id, and allow it any scope. Without a
    /// secret it is a public client. May be repeated
    #[arg(long, value_name = "ID[:SECRET]", value_parser = oauth_client)]
    oauth_client: Vec<Client>,

    /// A file with a key that signs registrations, so that the server accepts them after a restart. The file is
    /// created if it is missing. Servers with the same key accept each other's registrations
    #[arg(long, value_name = "FILE")]
    registration_key: Option<PathBuf>,

    /// A file with the accounts and roles at the portal, in TOML, or in JSON if its name ends with .json. The default
    /// is two accounts as examples
    #[arg(long, value_name = "FILE")]
    accounts: Option<PathBuf>,

    /// A file with the people who may approve, in TOML, or in JSON if its name ends with .json. The page asks which of
    /// them it is; --approve takes the first one. The default is one person, who is not asked
    #[arg(long, value_name = "FILE")]
    people: Option<PathBuf>,

    /// Accept unknown clients of AWS's API as if they had registered for the scope sso:account:access
    #[arg(long)]
    accept_unknown_clients: bool,

    /// Write the server's URL and a line end to this file once the server accepts connections; the file is removed at
    /// the end. A script waits for it
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,

    /// Write the log to this file instead of standard error. An existing file is replaced
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,

    /// The form of the log: text for people, or json for programs, one object a line
    #[arg(long, value_name = "text|json", default_value = "text", hide_possible_values = true)]
    log_format: LogFormat,

    /// Leave the command the caller's home directory and AWS files
    #[arg(long, requires = "command")]
    keep_home: bool,

    #[command(flatten)]
    store: StoreArgs,

    #[command(flatten)]
    tls: TlsArgs,

    #[command(flatten)]
    faults: FaultArgs,

    #[command(flatten)]
    report: ReportArgs,

    #[command(flatten)]
    control: ControlArgs,

    /// Serve metrics for Prometheus at /metrics of this address. It is plain HTTP and needs no token. A port alone is
    /// one of 127.0.0.1, and port 0 means a free one
    #[arg(long, value_name = "[ADDRESS:]PORT", value_parser = address)]
    metrics: Option<SocketAddr>,

    /// A file that lays down the course of sign-ins, in TOML: codes, tokens, lifetimes, and the answer to each poll
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,

    #[command(flatten)]
    limits: LimitsArgs,

    /// Run this command with the server, and stop the server at its end
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// Lines for people.
    Text,
    /// JSON lines.
    Json,
}

/// Parses an address. This machine is meant if there is only a port.
fn address(text: &str) -> Result<SocketAddr, &'static str> {
    let port = text.strip_prefix(':').unwrap_or(text);
    match port.parse::<u16>() {
        Ok(port) => Ok((Ipv4Addr::LOCALHOST, port).into()),
        Err(_) => text.parse().map_err(
            |_| "expected a port, or an IP address with a port, such as 8080, :8080, 0.0.0.0:8080 or [::1]:0",
        ),
    }
}

fn oauth_client(text: &str) -> Result<Client, &'static str> {
    let (id, secret) = match text.split_once(':') {
        Some((id, secret)) => (id, Some(secret)),
        None => (text, None),
    };
    match secret {
        _ if id.is_empty() => Err("the id is empty"),
        Some("") => Err("the secret after the colon is empty"),
        Some(secret) => Ok(Client::new(id, Secret::from(secret))),
        None => Ok(Client::public(id)),
    }
}

impl ServeArgs {
    /// Returns whether to print the settings in force.
    pub(crate) const fn prints_config(&self) -> bool {
        self.print_config
    }

    /// Says whether the store is named in a file or a variable.
    pub(crate) const fn has_private_store(&mut self, is_private: bool) {
        self.store.is_private = is_private;
    }

    /// Returns the configuration of the server, and the token of the control API.
    fn configured(&self) -> Result<(Config, Option<Token>), Failure> {
        let mut config = self.limits.apply(self.rules.config()).with_listen(self.listen);
        if let Some(url) = &self.public_url {
            config = config.with_public_url(url);
        }
        for name in &self.allow_host {
            config = config.with_allowed_host(name);
        }
        config = config.with_trusted_proxies(self.trusted_proxy.iter().copied());
        config = config.with_cors_origins(self.cors.iter().cloned());
        for client in &self.oauth_client {
            config = config.with_client(client.clone());
        }
        if let Some(file) = &self.registration_key {
            config = config.with_registration_key(registration_key::of(file)?);
        }
        if let Some(file) = &self.accounts {
            config = config.with_accounts(accounts_file::of(file)?);
        }
        if let Some(file) = &self.people {
            config = config.with_people(people_file::of(file)?);
        }
        let config =
            if self.accept_unknown_clients { config.with_unknown_clients_accepted() } else { config };
        let config = match &self.script {
            Some(file) => config.with_script(script::of(file)?),
            None => config,
        };
        let config = match self.metrics {
            Some(address) => config.with_metrics(address),
            None => config,
        };
        let config = self.faults.apply(self.report.apply(self.tls.apply(config)?), self.tls.makes_ca())?;
        self.control.apply(config)
    }

    /// Starts the log. The standard error of a command is the command's own, unless `--debug` asks for the log.
    fn start_log(&self, settings: &Settings) -> Result<Option<LogEnd>, Failure> {
        let is_debug = settings.globals().debug;
        let level = if is_debug { LevelFilter::DEBUG } else { LevelFilter::INFO };
        if let Some(path) = &self.log_file {
            let file = File::create(path).map_err(|error| {
                Failure::other(format_args!("cannot write the log file {}: {error}", path.display()))
            })?;
            return Ok(Some(logging::start_queued(file, level, self.log_form(false))));
        }
        if !self.command.is_empty() && !is_debug {
            return Ok(None);
        }
        let colored = settings.colored(console::takes_escapes(&std::io::stderr()));
        Ok(Some(logging::start_queued(std::io::stderr(), level, self.log_form(colored))))
    }

    const fn log_form(&self, colored: bool) -> Form {
        match self.log_format {
            LogFormat::Text => Form::Text { colored },
            LogFormat::Json => Form::Json,
        }
    }
}

/// Serves until SIGINT, SIGTERM or SIGHUP, or until the command ends. Returns the exit code.
///
/// # Errors
/// The port is in use, a file cannot be used, or the command cannot be started. Or the system does not allow a thread
/// or a signal handler.
pub(crate) fn run(args: &ServeArgs, settings: &Settings) -> Result<ExitCode, Failure> {
    if args.faults.want_help() {
        return print_data(&faults::list()).map(|()| Exit::Success.into());
    }
    if args.print_config {
        return print_data(args.in_force.as_deref().unwrap_or_default()).map(|()| Exit::Success.into());
    }
    let _log = args.start_log(settings)?;
    let (config, token) = args.configured()?;
    args.ready_file.as_deref().map_or(Ok(()), ReadyFile::clear)?;
    // One thread serves all connections: a response takes microseconds, and decisions are made one at a time anyway.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::other(format_args!("cannot start the server: {error}")))?;
    runtime.block_on(async {
        // Before the signals are listened for, so that Ctrl-C ends a wait for a database.
        let has_database = args.store.is_database(settings.environment());
        let config = args.store.apply(config, settings.environment()).await?;
        let mut signals = Signals::listen()?;
        let server = Server::bind(config).await.map_err(|error| Failure::other(chain(&error)))?;
        let handle = server.handle();
        let ca_file =
            handle.ca_certificate().map(|pem| CaFile::write(pem, args.tls.ca_file())).transpose()?;
        // Clients can connect from here on: the system queues connections until `serve` accepts them.
        let ready_file = args.ready_file.as_deref().map(|path| ReadyFile::write(path, &server.endpoint()));
        let _ready_file = ready_file.transpose()?;
        let endpoint = server.endpoint();
        let control = token.as_ref().zip(handle.control_endpoint());
        if args.command.is_empty() {
            let control = control.map(|(token, url)| token.lines(url)).unwrap_or_default();
            let metrics = handle.metrics_endpoint().map(|url| format!("metrics at {url}/metrics\n"));
            print_data(&format!("listening on {endpoint}\n{control}{}", metrics.unwrap_or_default()))?;
            args.advise(&server, ca_file.as_ref());
            until_stopped(server, &mut signals).await;
            let fails = args.report.finish(&handle.report(), false)?;
            return Ok(if fails { Exit::Findings } else { Exit::Success }.into());
        }
        let control = control.map(|(token, url)| (url, &token.secret));
        let host =
            Host { endpoint: &endpoint, ca_file: ca_file.as_ref().map(CaFile::path), control, has_database };
        let guest = Guest::new(&args.command, host, args.keep_home, settings.environment())?;
        args.advise(&server, ca_file.as_ref());
        let status = beside(server, guest.run(&mut signals)).await?;
        let fails = args.report.finish(&handle.report(), true)?;
        Ok(if fails && status.success() { Exit::Findings.into() } else { child::exit_code(status) })
    })
}

impl ServeArgs {
    /// Logs what clients and people need to know.
    fn advise(&self, server: &Server, ca_file: Option<&CaFile>) {
        if self.listen.ip().is_unspecified() && self.public_url.is_none() {
            tracing::warn!(
                "the verification URL of each code is a loopback address, which other machines cannot open; \
                 pass --public-url http://HOST:PORT or https://HOST:PORT"
            );
        }
        if let Some(url) = server.handle().metrics_endpoint() {
            tracing::info!("metrics at {url}/metrics");
        }
        if let Some(file) = ca_file {
            tracing::info!(
                "to trust this server, run its clients with AWS_CA_BUNDLE={}",
                file.path().display()
            );
        }
        tracing::info!(page = %format_args!("{}/device", server.public_url()), approve = %self.rules.approve, "serving");
    }
}

/// Serves until the first signal. The second one ends connections in progress.
async fn until_stopped(server: Server, signals: &mut Signals) {
    let (stop, stopping) = oneshot::channel::<()>();
    let serving = server.serve(async { drop(stopping.await) });
    let twice = async {
        signals.next().await;
        drop(stop);
        signals.next().await;
    };
    tokio::select! {
        () = serving => tracing::info!("stopped"),
        () = twice => tracing::info!("stopped at the second signal; connections in progress are closed"),
    }
}

/// Serves until this work is done, and returns its result.
pub(crate) async fn beside<T>(server: Server, work: impl Future<Output = T>) -> T {
    let (stop, stopping) = oneshot::channel::<()>();
    let work = async {
        let done = work.await;
        drop(stop);
        done
    };
    let serving = server.serve(async { drop(stopping.await) });
    let (done, ()) = tokio::join!(work, serving);
    tracing::info!("stopped");
    done
}

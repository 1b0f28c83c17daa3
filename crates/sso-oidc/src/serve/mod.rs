//! `serve`: the local test server. It prints exactly one line on standard output.

mod ready_file;
mod rules;
mod signals;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;
use sso_oidc_server::{Client, Secret, Server};
use tracing::level_filters::LevelFilter;

use self::ready_file::ReadyFile;
use self::rules::RulesArgs;
use self::signals::Signals;
use crate::accounts_file;
use crate::duration;
use crate::exit::{Failure, chain, print_data};
use crate::faults::{self, FaultArgs};
use crate::logging;
use crate::registration_key;
use crate::settings::Settings;
use crate::tls::{CaFile, TlsArgs};

/// The flags of `serve`.
#[derive(Args, Debug)]
#[command(after_long_help = duration::HELP)]
pub(crate) struct ServeArgs {
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

    /// Accept unknown clients of AWS's API as if they had registered for the scope sso:account:access
    #[arg(long)]
    accept_unknown_clients: bool,

    /// Write the server's URL and a line end to this file once the server accepts connections; the file is removed at
    /// the end. A script waits for it
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,

    #[command(flatten)]
    tls: TlsArgs,

    #[command(flatten)]
    faults: FaultArgs,
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

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// The port is in use, a file cannot be used, or the system does not allow a thread or a signal handler.
pub(crate) fn run(args: &ServeArgs, settings: &Settings) -> Result<(), Failure> {
    if args.faults.want_help() {
        return print_data(&faults::list());
    }
    let level = if settings.globals().debug { LevelFilter::DEBUG } else { LevelFilter::INFO };
    let colored = settings.colored(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    let _log = logging::start_queued(level, colored);
    let mut config = args.rules.config().with_listen(args.listen);
    if let Some(url) = &args.public_url {
        config = config.with_public_url(url);
    }
    for name in &args.allow_host {
        config = config.with_allowed_host(name);
    }
    for client in &args.oauth_client {
        config = config.with_client(client.clone());
    }
    if let Some(file) = &args.registration_key {
        config = config.with_registration_key(registration_key::of(file)?);
    }
    if let Some(file) = &args.accounts {
        config = config.with_accounts(accounts_file::of(file)?);
    }
    let config = if args.accept_unknown_clients { config.with_unknown_clients_accepted() } else { config };
    let config = args.faults.apply(args.tls.apply(config)?, args.tls.makes_ca())?;
    args.ready_file.as_deref().map_or(Ok(()), ReadyFile::clear)?;
    // One thread serves all connections: a response takes microseconds, and decisions are made one at a time anyway.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::other(format_args!("cannot start the server: {error}")))?;
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let server = Server::bind(config).await.map_err(|error| Failure::other(chain(&error)))?;
        let handle = server.handle();
        let ca_file = handle.ca_certificate().map(|pem| CaFile::write(pem, args.tls.ca_file())).transpose()?;
        // Clients can connect from here on: the system queues connections until `serve` accepts them.
        let ready_file = args.ready_file.as_deref().map(|path| ReadyFile::write(path, &server.endpoint()));
        let _ready_file = ready_file.transpose()?;
        print_data(&format!("listening on {}\n", server.endpoint()))?;
        if args.listen.ip().is_unspecified() && args.public_url.is_none() {
            tracing::warn!(
                "the verification URL of each code is a loopback address, which other machines cannot open; \
                 pass --public-url http://HOST:PORT or https://HOST:PORT"
            );
        }
        if let Some(file) = &ca_file {
            tracing::info!("to trust this server, run its clients with AWS_CA_BUNDLE={}", file.path().display());
        }
        tracing::info!(page = %format_args!("{}/device", server.public_url()), approve = %args.rules.approve, "serving");
        let (stop, stopping) = tokio::sync::oneshot::channel::<()>();
        let serving = server.serve(async { drop(stopping.await) });
        // The second signal ends connections in progress.
        let twice = async {
            signals.next().await;
            drop(stop);
            signals.next().await;
        };
        tokio::select! {
            () = serving => tracing::info!("stopped"),
            () = twice => tracing::info!("stopped at the second signal; connections in progress are closed"),
        }
        Ok(())
    })
}

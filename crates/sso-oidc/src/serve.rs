//! `serve`: the local server, with exactly one line on standard output.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use sso_oidc_server::{Approval, Client, Config, Rotation, Secret, Server, SlowDown};
use tracing::level_filters::LevelFilter;

use crate::exit::{Failure, chain, print_data};
use crate::faults::{self, FaultArgs};
use crate::logging;
use crate::registration_key;
use crate::settings::Settings;
use crate::tls::{CaFile, TlsArgs};

/// The flags of `serve`.
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// The address to listen on; with port 0 the system chooses a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    #[command(flatten)]
    rules: RulesArgs,

    /// The URL under which people reach the server, if it is not the address it listens on. One that listens on all
    /// addresses knows none but loopback by itself
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,

    /// Another name that requests may give as their host; may be repeated
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,

    /// A client of this id that need not register, for tools with a fixed one; public unless a secret follows. It may
    /// ask for any scope. May be repeated
    #[arg(long, value_name = "ID[:SECRET]", value_parser = oauth_client)]
    oauth_client: Vec<Client>,

    /// A key under which registrations prove themselves, so that tools which keep theirs for 90 days are known after a
    /// restart; made if the file is missing. Servers of one key know each other's clients
    #[arg(long, value_name = "FILE")]
    registration_key: Option<PathBuf>,

    /// Take a client of AWS's dialect that this server does not know for one that registered elsewhere, for the scope
    /// sso:account:access
    #[arg(long)]
    accept_unknown_clients: bool,

    #[command(flatten)]
    tls: TlsArgs,

    #[command(flatten)]
    faults: FaultArgs,
}

fn oauth_client(text: &str) -> Result<Client, &'static str> {
    let (id, secret) = match text.split_once(':') {
        Some((id, secret)) => (id, Some(secret)),
        None => (text, None),
    };
    match secret {
        _ if id.is_empty() => Err("there is no id"),
        Some("") => Err("there is no secret after the colon"),
        Some(secret) => Ok(Client::new(id, Secret::from(secret))),
        None => Ok(Client::public(id)),
    }
}

/// Who approves, and how the server paces its clients.
#[derive(Args, Debug)]
pub(crate) struct RulesArgs {
    /// Who decides: a person on the page (manual), or the server itself
    #[arg(long, value_name = "manual|auto|after-polls=N|deny|expire", default_value = "manual")]
    approve: Approval,

    /// Seconds between two polls of one device; the real service says 1
    #[arg(long, value_name = "SECONDS", default_value_t = 1)]
    interval: u32,

    /// Seconds that a device code lives; the real service says 600
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..))]
    device_ttl: u32,

    /// Seconds that an access token lives; the real service says 28800, and 3600 where a refresh token comes with it
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    token_ttl: Option<u32>,

    /// When an early poll gets slow_down. always: also when a person has decided, and it names the new interval. strict:
    /// while none has. grace: the same, from the second early poll on, because the AWS CLI polls twice at the start.
    /// off: never
    #[arg(
        long,
        value_name = "always|strict|grace|off",
        default_value = "grace",
        hide_possible_values = true
    )]
    slow_down: SlowDownChoice,

    /// What becomes of a used refresh token. strict: it is good once, and ends the sign-in if it comes back. grace: it is
    /// good for a minute more, because AWS's tools refresh side by side. reuse: it is good until the sign-in ends
    /// [default: grace for AWS's tools, strict at the OAuth endpoints]
    #[arg(long, value_name = "grace|strict|reuse", hide_possible_values = true)]
    refresh: Option<RefreshChoice>,
}

/// What an early poll gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SlowDownChoice {
    /// `slow_down` before anything else is looked at.
    Always,
    /// `slow_down` at once.
    Strict,
    /// One early poll is let pass.
    Grace,
    /// Early polls are let pass.
    Off,
}

/// What becomes of a used refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RefreshChoice {
    /// It passes for a minute.
    Grace,
    /// It ends the chain.
    Strict,
    /// It stays good.
    Reuse,
}

impl RulesArgs {
    fn config(&self) -> Config {
        let mut config = Config::default()
            .with_approval(self.approve)
            .with_interval(Duration::from_secs(self.interval.into()))
            .with_device_ttl(Duration::from_secs(self.device_ttl.into()))
            .with_slow_down(match self.slow_down {
                SlowDownChoice::Always => SlowDown::Always,
                SlowDownChoice::Strict => SlowDown::Strict,
                SlowDownChoice::Grace => SlowDown::Grace,
                SlowDownChoice::Off => SlowDown::Off,
            });
        if let Some(seconds) = self.token_ttl {
            config = config.with_access_ttl(Duration::from_secs(seconds.into()));
        }
        match self.refresh {
            Some(RefreshChoice::Grace) => config.with_rotation(Rotation::Grace),
            Some(RefreshChoice::Strict) => config.with_rotation(Rotation::Strict),
            Some(RefreshChoice::Reuse) => config.with_rotation(Rotation::Reuse),
            None => config,
        }
    }
}

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// The port is in use, or the system refuses otherwise.
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
    let config = if args.accept_unknown_clients { config.with_unknown_clients_accepted() } else { config };
    let config = args.faults.apply(args.tls.apply(config)?, args.tls.makes_ca())?;
    // One thread for all connections: an answer takes microseconds, most of them the system's, and decisions are made one
    // at a time anyway. More threads would only hand requests to each other.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::other(format_args!("cannot start the server: {error}")))?;
    runtime.block_on(async {
        let signals = Signals::listen()?;
        let server = Server::bind(config).await.map_err(|error| Failure::other(chain(&error)))?;
        let handle = server.handle();
        let ca_file = handle.ca_certificate().map(|pem| CaFile::write(pem, args.tls.ca_file())).transpose()?;
        // From here on connections are accepted: the system queues them until `serve` takes them.
        print_data(&format!("listening on {}\n", server.endpoint()))?;
        if args.listen.ip().is_unspecified() && args.public_url.is_none() {
            tracing::warn!(
                "other machines reach this server, but the address that goes with a code is for this one alone; \
                 --public-url names one for all, as http://HOST:PORT or https://HOST:PORT"
            );
        }
        if let Some(file) = &ca_file {
            tracing::info!("clients trust this server with AWS_CA_BUNDLE={}", file.path().display());
        }
        tracing::info!(page = %format_args!("{}/device", server.public_url()), approve = %args.rules.approve, "serving");
        server.serve(signals.first()).await;
        tracing::info!("stopped");
        Ok(())
    })
}

/// The signals that stop the server.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    /// Listens for them from here on, before anything is promised.
    fn listen() -> Result<Self, Failure> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let listen = |kind| {
                signal(kind)
                    .map_err(|error| Failure::other(format_args!("cannot listen for signals: {error}")))
            };
            Ok(Self {
                terminate: listen(SignalKind::terminate())?,
                interrupt: listen(SignalKind::interrupt())?,
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Ready when the first of them arrives.
    async fn first(self) {
        #[cfg(unix)]
        {
            let Self { mut terminate, mut interrupt } = self;
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        #[cfg(not(unix))]
        drop(tokio::signal::ctrl_c().await);
    }
}

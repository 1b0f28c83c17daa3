//! `demo`: a complete sign-in against a server in this process.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use device_flow::{DeviceFlow, NotSignedIn, Observer, Policy, SignedIn, Status, Stop, UserPrompt};
use oidc_proto::Endpoint;
use sso_oidc_server::{Config, Handle, TestServer, Tls};

use crate::exit::{Failure, chain, print_data};
use crate::faults::{self, FaultArgs};
use crate::interrupt;
use crate::settings::Settings;
use crate::signin::{Presenter, PromptArgs, Screen, failure_of};
use crate::tls::CaFile;

/// The flags of `demo`.
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Approve automatically after 1.5 seconds, instead of waiting for you
    #[arg(long)]
    approve: bool,

    /// Use the async adapter (device-flow-reqwest) instead of the blocking one
    #[arg(long = "async")]
    by_async: bool,

    /// Sign in over HTTPS, with a CA created for this run
    #[arg(long)]
    tls: bool,

    #[command(flatten)]
    faults: FaultArgs,

    #[command(flatten)]
    prompt: PromptArgs,
}

/// A start URL in AWS's form. The local server accepts any.
const START_URL: &str = "https://d-1234567890.awsapps.com/start";
/// The delay of the automatic approval.
const PERSON: Duration = Duration::from_millis(1_500);
/// The interval between two checks whether the code is decided.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Runs one sign-in and prints a summary.
///
/// # Errors
/// The server or the client cannot be set up, or the sign-in ends without a token.
pub(crate) fn run(args: &DemoArgs, settings: &Settings) -> Result<(), Failure> {
    if args.faults.want_help() {
        return print_data(&faults::list());
    }
    let screen = Screen::of(settings);
    let mut config = args.faults.apply(Config::default().with_interval(Duration::from_secs(1)), args.tls)?;
    if args.tls {
        config = config.with_tls(Tls::new_ca());
    }
    let server = TestServer::with(config).map_err(|error| Failure::other(chain(&error)))?;
    let endpoint = Endpoint::custom(server.endpoint()).map_err(Failure::other)?;
    let ca_file = server.ca_certificate().map(|pem| CaFile::write(pem, None)).transpose()?;
    let decided = Arc::new(Mutex::new(None));
    let witness = Witness {
        presenter: Presenter::new(&args.prompt, settings.environment(), screen, &endpoint),
        server: server.handle(),
        approve: args.approve,
        decided: Arc::clone(&decided),
    };
    let adapter = if args.by_async { "async (device-flow-reqwest)" } else { "blocking (device-flow-ureq)" };
    let result = if args.by_async {
        signed_in_async(&endpoint, ca_file, witness)?
    } else {
        signed_in_blocking(&endpoint, ca_file, witness)?
    };
    let done = Instant::now();
    let decided = decided.lock().unwrap_or_else(PoisonError::into_inner).take();
    print_data(&summary(&result, adapter, &endpoint, decided.map(|at: Instant| done.duration_since(at))))
}

fn signed_in_blocking(
    endpoint: &Endpoint,
    ca_file: Option<CaFile>,
    witness: Witness,
) -> Result<SignedIn, Failure> {
    use device_flow_ureq::{Cancel, HttpClient, Policy};
    let builder = HttpClient::builder(endpoint.clone());
    let builder = match &ca_file {
        Some(file) => builder.ca_bundle(file.path()),
        None => builder,
    };
    let client = builder.build().map_err(|error| Failure::other(chain(&error)))?;
    // The client has read the file. Deleting it now leaves nothing behind, however the program ends.
    drop(ca_file);
    let cancel = Cancel::new();
    let by_ctrl_c = cancel.clone();
    interrupt::on_ctrl_c(move || by_ctrl_c.cancel());
    let policy = Policy::aws(START_URL).with_client_name("sso-oidc demo");
    ended(client.login(policy).cancelled_by(&cancel).run_with(witness), endpoint)
}

/// As [`signed_in_blocking`]: the builders are of two types, so no function serves both.
fn signed_in_async(
    endpoint: &Endpoint,
    ca_file: Option<CaFile>,
    witness: Witness,
) -> Result<SignedIn, Failure> {
    use device_flow_reqwest::HttpClient;
    let builder = HttpClient::builder(endpoint.clone());
    let builder = match &ca_file {
        Some(file) => builder.ca_bundle(file.path()),
        None => builder,
    };
    let client = builder.build().map_err(|error| Failure::other(chain(&error)))?;
    // The client has read the file. Deleting it now leaves nothing behind, however the program ends.
    drop(ca_file);
    interrupt::exit_on_ctrl_c();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::other(format_args!("cannot start the async runtime: {error}")))?;
    let policy = Policy::aws(START_URL).with_client_name("sso-oidc demo");
    ended(runtime.block_on(client.login(policy).run_with(witness)), endpoint)
}

fn ended(result: Result<SignedIn, Box<NotSignedIn>>, endpoint: &Endpoint) -> Result<SignedIn, Failure> {
    result.map_err(|end| failure_of(&end, endpoint))
}

/// Shows the prompt, approves automatically if asked to, and records the time of the decision.
struct Witness {
    presenter: Presenter,
    server: Handle,
    approve: bool,
    decided: Arc<Mutex<Option<Instant>>>,
}

impl Observer for Witness {
    fn prompt(&mut self, prompt: &UserPrompt) -> Result<(), Stop> {
        Observer::<DeviceFlow>::prompt(&mut self.presenter, prompt)?;
        let (server, approve, decided) = (self.server.clone(), self.approve, Arc::clone(&self.decided));
        let (code, life) = (prompt.user_code.clone(), prompt.expires_in);
        // The thread ends when the code is decided or expired.
        let watching = thread::Builder::new().name("witness".to_owned()).spawn(move || {
            if approve {
                thread::sleep(PERSON);
                // This fails only if the code has been decided on the page first.
                let _ = server.approve(&code);
            }
            let started = Instant::now();
            while server.pending().contains(&code) && started.elapsed() < life {
                thread::sleep(LOOK_AGAIN);
            }
            *decided.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        });
        drop(watching);
        Ok(())
    }

    fn waiting(&mut self, status: &Status<'_>) {
        self.presenter.waiting(status);
    }
}

fn summary(
    signed_in: &SignedIn,
    adapter: &str,
    endpoint: &Endpoint,
    since_decision: Option<Duration>,
) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: &dyn std::fmt::Display| {
        let _ = writeln!(text, "{name:<24}{value}");
    };
    row("Outcome", &"signed in");
    row("Adapter", &adapter);
    row("Server", endpoint);
    row("Polls", &signed_in.polls);
    if let Some(wait) = since_decision {
        row("Approval to token", &format_args!("{} ms (the interval is 1 s)", wait.as_millis()));
    }
    row("Whole sign-in", &format_args!("{:.1} s", signed_in.elapsed.as_secs_f64()));
    let token = &signed_in.token;
    let length = token.access_token.expose().len();
    row("Access token", &format_args!("{:?}, {length} characters", token.access_token));
    row("Good for", &format_args!("{} s", token.expires_in.unwrap_or_default().as_secs()));
    row(
        "Refresh token",
        &if token.refresh_token.is_some() { "yes" } else { "no (no scopes were asked for)" },
    );
    text
}

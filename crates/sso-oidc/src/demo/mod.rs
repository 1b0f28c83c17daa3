//! `demo`: a complete sign-in against a server in this process.

mod code;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use device_flow::{DeviceFlow, NotSignedIn, Observer, Policy, SignedIn, Status, Stop, UserPrompt};
use device_flow_reqwest::HttpClient as AsyncClient;
use device_flow_ureq::{Cancel, HttpClient, Listener};
use oidc_proto::Endpoint;
use sso_oidc_server::{Approval, Config, Handle, TestServer, Tls};

use self::code::CodeWitness;
use crate::exit::{Failure, chain, print_data};
use crate::faults::{self, FaultArgs};
use crate::interrupt;
use crate::settings::Settings;
use crate::signin::{Presenter, PromptArgs, Screen, failure_of};
use crate::tls::CaFile;

/// The flags of `demo`.
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Sign in with a device code (device) or in a browser on this machine (code)
    #[arg(long, value_name = "device|code", default_value = "device", hide_possible_values = true)]
    flow: DemoFlow,

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

/// The values of `--flow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DemoFlow {
    /// The device flow.
    Device,
    /// The authorization code flow.
    Code,
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
    // Without a person, the server's own decision stands for the click on its page.
    let by_browser = args.flow == DemoFlow::Code;
    if by_browser && args.approve {
        config = config.with_approval(Approval::Auto);
    }
    let server = TestServer::with(config).map_err(|error| Failure::other(chain(&error)))?;
    let endpoint = Endpoint::custom(server.endpoint()).map_err(Failure::other)?;
    let ca_file = server.ca_certificate().map(|pem| CaFile::write(pem, None)).transpose()?;
    let decided = Arc::new(Mutex::new(None));
    let prompt =
        PromptArgs { no_browser: args.prompt.no_browser || (by_browser && args.approve), ..args.prompt };
    let presenter = Presenter::new(&prompt, settings.environment(), screen, &endpoint);
    let client = blocking_client(&endpoint, ca_file.as_ref())?;
    let adapter = if args.by_async { "async (device-flow-reqwest)" } else { "blocking (device-flow-ureq)" };
    let demo = Demo { endpoint: &endpoint, by_async: args.by_async, client, ca_file };
    let result = match args.flow {
        DemoFlow::Device => {
            let (server, decided) = (server.handle(), Arc::clone(&decided));
            demo.device(Witness { presenter, server, approve: args.approve, decided })?
        }
        DemoFlow::Code => {
            let browser = args.approve.then(|| demo.client.clone());
            demo.code(CodeWitness { presenter, browser, decided: Arc::clone(&decided) })?
        }
    };
    let done = Instant::now();
    let decided = decided.lock().unwrap_or_else(PoisonError::into_inner).take();
    let since_decision = decided.map(|at: Instant| done.duration_since(at));
    print_data(&summary(&result, args.flow, adapter, &endpoint, since_decision))
}

fn blocking_client(endpoint: &Endpoint, ca_file: Option<&CaFile>) -> Result<HttpClient, Failure> {
    let builder = HttpClient::builder(endpoint.clone());
    let builder = match ca_file {
        Some(file) => builder.ca_bundle(file.path()),
        None => builder,
    };
    builder.build().map_err(|error| Failure::other(chain(&error)))
}

/// A sign-in by the chosen adapter.
struct Demo<'a> {
    endpoint: &'a Endpoint,
    by_async: bool,
    client: HttpClient,
    ca_file: Option<CaFile>,
}

impl Demo<'_> {
    fn device(mut self, witness: Witness) -> Result<SignedIn, Failure> {
        let endpoint = self.endpoint;
        let result = if self.by_async {
            self.block_on(async |client: AsyncClient| client.login(policy()).run_with(witness).await)?
        } else {
            let cancel = self.cancelled_by_ctrl_c();
            self.client.login(policy()).cancelled_by(&cancel).run_with(witness)
        };
        ended(result, endpoint)
    }

    fn code(mut self, witness: CodeWitness) -> Result<SignedIn, Failure> {
        let endpoint = self.endpoint;
        let result = if self.by_async {
            self.block_on(async |client: AsyncClient| {
                let listener = device_flow_reqwest::Listener::bind().await;
                let listener = listener.map_err(|error| Failure::other(chain(&error)))?;
                Ok(client.code_login(policy(), listener).run_with(witness).await)
            })??
        } else {
            let cancel = self.cancelled_by_ctrl_c();
            let listener = Listener::bind().map_err(|error| Failure::other(chain(&error)))?;
            self.client.code_login(policy(), listener).cancelled_by(&cancel).run_with(witness)
        };
        ended(result, endpoint)
    }

    /// Returns the handle of Ctrl-C. The client has read the file of its CA, so deleting it now leaves nothing behind,
    /// however the program ends.
    fn cancelled_by_ctrl_c(&mut self) -> Cancel {
        self.ca_file = None;
        let cancel = Cancel::new();
        let by_ctrl_c = cancel.clone();
        interrupt::on_ctrl_c(move || by_ctrl_c.cancel());
        cancel
    }

    /// Runs the async adapter.
    ///
    /// # Errors
    /// The client or the runtime cannot be made.
    fn block_on<T>(self, signing_in: impl AsyncFnOnce(AsyncClient) -> T) -> Result<T, Failure> {
        let builder = AsyncClient::builder(self.endpoint.clone());
        let builder = match &self.ca_file {
            Some(file) => builder.ca_bundle(file.path()),
            None => builder,
        };
        let client = builder.build().map_err(|error| Failure::other(chain(&error)))?;
        drop(self.ca_file);
        interrupt::exit_on_ctrl_c();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime
            .map_err(|error| Failure::other(format_args!("cannot start the async runtime: {error}")))?;
        Ok(runtime.block_on(signing_in(client)))
    }
}

fn policy() -> Policy {
    Policy::aws(START_URL).with_client_name("sso-oidc demo")
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
    flow: DemoFlow,
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
    let by_device_code = flow == DemoFlow::Device;
    if by_device_code {
        row("Polls", &signed_in.polls);
    }
    if let Some(wait) = since_decision {
        let interval = if by_device_code { " (the interval is 1 s)" } else { "" };
        row("Approval to token", &format_args!("{} ms{interval}", wait.as_millis()));
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

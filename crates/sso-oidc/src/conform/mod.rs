//! `conform`: a check of another server with the device grant, and its report.

mod document;
mod junit;
mod person;

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use clap::{ArgGroup, Args, ValueEnum};
use device_conform::{Body, Client, HttpTransport, NoResponse, Plan, Report, Step, SystemClock, Transport};
use http::{Request, Response};

use self::person::Person;
pub(crate) use self::person::end_command;
use crate::duration;
use crate::exit::{Exit, Failure, chain, print_data};
use crate::idn::in_ascii;
use crate::service;
use crate::settings::Settings;
use crate::signin::{Screen, StatusLine};
use crate::sources::Sources;

/// The flags of `conform`.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("server").args(["issuer", "token_endpoint"]).required(true)), after_long_help = "\
It sends a limited number of requests, which it says first, and keeps the interval of the server. It asks for three \
approvals and one denial, and a server that refuses an unknown scope late costs a fourth. Without --output it prints a report of 80 columns; no report has a secret.

The exit code is 0 if no rule is broken, and 1 if a MUST is. A broken SHOULD is a warning. It is 255 if the run ended \
early, such as without metadata or a client.")]
pub(crate) struct ConformArgs {
    /// The issuer of the server, or the URL of its metadata
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,

    /// The URL that gives codes, if the metadata does not name it or there is none
    #[arg(long, value_name = "URL")]
    device_authorization_endpoint: Option<String>,

    /// The URL that gives tokens, for a server without metadata
    #[arg(long, value_name = "URL", requires = "device_authorization_endpoint")]
    token_endpoint: Option<String>,

    /// The id of a client that is registered at the server; without it two clients are registered, if the server allows
    /// that
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    client_id: Option<String>,

    /// A file with the client's secret, if it has one; - for standard input
    #[arg(long, value_name = "FILE", requires = "client_id")]
    client_secret_file: Option<PathBuf>,

    /// Send the secret in the Authorization header (basic) or in the body (post) [default: basic]
    #[arg(long, value_name = "basic|post", hide_possible_values = true, requires = "client_secret_file")]
    client_auth: Option<ClientAuth>,

    /// The id of a second client without a secret, which must not use the codes of the first
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    other_client_id: Option<String>,

    /// Request these scopes; some servers give a refresh token only with one such as offline_access
    #[arg(long, visible_alias = "scope", value_name = "SCOPE", num_args = 1.., value_delimiter = ',')]
    scopes: Vec<String>,

    /// A command that approves a device. {code} and {uri} become the user code and the address with the code. No shell
    /// is started. It has ten minutes. Without it a person before the terminal is asked
    #[arg(long, value_name = "COMMAND")]
    approve_with: Option<String>,

    /// A command that denies a device, in the same form
    #[arg(long, value_name = "COMMAND")]
    deny_with: Option<String>,

    /// Wait for the expiry of the codes if they live no longer than this
    #[arg(long, value_name = "SECONDS", default_value_t = 0, hide_default_value = true)]
    wait_expiry: u32,

    /// Try so many wrong user codes at the page [default without a number: 11]. The server may block this machine for a
    /// time
    #[arg(long, value_name = "COUNT", num_args = 0..=1, default_missing_value = "11")]
    try_guesses: Option<u32>,

    /// Use PKCE even if the server's metadata does not list it
    #[arg(long)]
    pkce: bool,

    /// Send no more requests than this
    #[arg(long, value_name = "COUNT")]
    max_requests: Option<usize>,

    /// End the run after this time; the checks that are left are not made. The person's time and that of --wait-expiry
    /// do not count
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = duration::lifetime)]
    max_time: Duration,

    /// Write a report in JUnit's XML format, too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// The place of the client's secret in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ClientAuth {
    /// In the `Authorization` header.
    Basic,
    /// In the body.
    Post,
}

impl ConformArgs {
    /// # Errors
    /// The issuer is no URL, or a secret cannot be read.
    fn plan(&self, settings: &Settings) -> Result<Plan, Failure> {
        let plan = match (&self.issuer, &self.device_authorization_endpoint, &self.token_endpoint) {
            (None, Some(device), Some(token)) => Plan::for_endpoints(&in_ascii(device), &in_ascii(token)),
            (issuer, device, _) => {
                let plan = Plan::new(&in_ascii(issuer.as_deref().unwrap_or_default()));
                device.iter().fold(plan, |plan, url| plan?.with_device_authorization_endpoint(&in_ascii(url)))
            }
        };
        let mut plan = plan.map_err(Failure::usage)?.with_scope(&self.scopes);
        if let Some(id) = &self.client_id {
            plan = plan.with_client(self.client(id, settings)?);
        }
        if let Some(id) = &self.other_client_id {
            plan = plan.with_other_client(Client::public(id));
        }
        if self.pkce {
            plan = plan.with_pkce();
        }
        if let Some(most) = self.max_requests {
            plan = plan.with_max_requests(most);
        }
        let wait = Duration::from_secs(self.wait_expiry.into());
        let plan = plan.with_max_time(self.max_time);
        Ok(plan.with_expiry_wait(wait).with_guesses(self.try_guesses.unwrap_or(0)))
    }

    fn client(&self, id: &str, settings: &Settings) -> Result<Client, Failure> {
        let Some(path) = &self.client_secret_file else { return Ok(Client::public(id)) };
        let secret = Sources::new(settings.environment()).secret_file("--client-secret-file", path)?;
        let client = Client::new(id, secret);
        Ok(match self.client_auth {
            Some(ClientAuth::Post) => client,
            // Every server supports it (RFC 6749 §2.3.1).
            Some(ClientAuth::Basic) | None => client.with_basic_authentication(),
        })
    }
}

/// Runs `conform`.
///
/// # Errors
/// The flags are wrong, the report cannot be written, or the run ended early and found nothing.
pub(crate) fn run(args: &ConformArgs, settings: &Settings) -> Result<Exit, Failure> {
    let globals = settings.globals();
    let printer = match globals.output.is_some() || globals.query.is_some() {
        true => Some(settings.printer()?),
        false => None,
    };
    let plan = args.plan(settings)?;
    let mut person = Person::of(args, settings)?;
    if let Some(printer) = &printer {
        printer.rehearse(&document::rehearsal())?;
    }
    let junit = args.junit.as_ref().map(|path| File::create(path).map_err(|error| unwritten(path, &error)));
    let junit = junit.transpose()?;
    service::warn_of_unverified_certificates(settings);
    say(format_args!("Checking {} with at most {} requests.", plan.issuer(), plan.max_requests()));

    let line = Rc::new(StatusLine::new(Screen::of(settings)));
    person.line = Some(Rc::clone(&line));
    let report = check(&plan, &line, &mut person, settings);
    line.clear();
    drop((line, person));

    if let (Some(mut file), Some(path)) = (junit, &args.junit) {
        junit::write(&report, &mut file).map_err(|error| unwritten(path, &error))?;
    }
    match printer {
        Some(printer) => printer.print("Conform", &document::of(&report))?,
        None => print_data(&report.to_string())?,
    }
    match (&report.stopped, report.tally().failed) {
        (None, 0) => Ok(Exit::Success),
        (Some(why), 0) => Err(Failure::other(format_args!("the run ended early: {why}"))),
        _ => Ok(Exit::Findings),
    }
}

fn check(plan: &Plan, line: &Rc<StatusLine>, person: &mut Person, settings: &Settings) -> Report {
    let http = HttpTransport::new(|origin| service::builder_of(settings, origin).build());
    let mut transport = Shown { http, line: Rc::clone(line) };
    plan.run(&mut transport, &mut SystemClock::default(), person)
}

/// Shows each step on the status line.
struct Shown<'a> {
    http: HttpTransport<'a>,
    line: Rc<StatusLine>,
}

impl Transport for Shown<'_> {
    fn send(&mut self, request: &Request<Body>) -> Result<Response<Body>, NoResponse> {
        if let Some(step) = request.extensions().get::<Step>() {
            tracing::debug!(%step, method = %request.method(), host = request.uri().host(), "sent");
            self.line.doing(format_args!("Checking: {step}"));
        }
        self.http.send(request)
    }

    fn send_together(&mut self, requests: &[Request<Body>]) -> Vec<Result<Response<Body>, NoResponse>> {
        self.http.send_together(requests)
    }
}

/// Prints a message on standard error. A write error is ignored.
fn say(message: impl std::fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{}", oidc_proto::printable(&message.to_string()));
}

fn unwritten(path: &std::path::Path, error: &io::Error) -> Failure {
    Failure::other(format_args!("cannot write {}: {}", path.display(), chain(error)))
}

//! `try-faults`: one command under each injected fault, and how it ended.

mod expected;
mod outcome;

use std::ffi::OsString;
use std::io::Write as _;
use std::time::{Duration, Instant};

use clap::Args;
use sso_oidc_server::{Approval, Config, FaultRule, Handle, InjectedFault, Operation, Server, Tls};

use self::expected::Expected;
use self::outcome::{HEADERS, Outcome};
use crate::duration;
use crate::exit::{Exit, Failure, chain, print_data};
use crate::faults;
use crate::output::{Rehearsal, columns, terminal_width};
use crate::serve::beside;
use crate::serve::command::{Guest, Host};
use crate::serve::signals::Signals;
use crate::settings::Settings;
use crate::tls::CaFile;

/// The polling interval, so that a run takes a few seconds.
const INTERVAL: Duration = Duration::from_secs(1);
/// The lifetime of a code: longer than the usual time-out of a response, and shorter than that of a run.
const DEVICE_TTL: Duration = Duration::from_secs(90);
/// The `Retry-After` of the faults that send one.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// The time for which `refuse` keeps the port closed. Refused requests cannot be counted.
const CLOSED: Duration = Duration::from_secs(2);
/// The time between two looks whether the port should open again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The flags of `try-faults`.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Each run has a server of its own, as `serve -- COMMAND` has, with a home of its own. The server approves at once. The first run has \
no fault. The command must sign in without a person's help at its terminal: its input is empty. Its output is shown with \
--debug only, on standard error.

A fault without @OPERATION and :REQUESTS strikes the first poll. `signs in` is expected if the server did nothing, or if \
its response is unusual but whole. `ends` is expected if the token may be lost, or if the service's answer is final. In both \
cases the exit code must be 0 if and only if the command got a token, and the command must end in time.

The exit code is 0 if all runs ended as expected, and 1 if one did not.")]
pub(crate) struct TryFaultsArgs {
    /// Only these faults, in the form of `serve --fault`, with commas between them [default: all]
    #[arg(long, value_name = "FAULT,…", value_delimiter = ',', value_parser = faults::rule)]
    faults: Vec<FaultRule>,

    /// How the server decides; see `serve --approve`. A fault of the second poll needs after-polls=1
    #[arg(long, value_name = "auto|after-polls=N", default_value = "auto")]
    approve: Approval,

    /// The longest time of one run. The command is killed then, and its children too, except on Windows
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = duration::lifetime)]
    timeout: Duration,

    /// Leave the command the caller's home directory and AWS files
    #[arg(long)]
    keep_home: bool,

    /// Exit with 1 also if a report has findings; see `serve --report`
    #[arg(long)]
    report_fail: bool,

    /// The command and its arguments
    #[arg(required = true, last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs the command under each fault, and prints a table.
///
/// # Errors
/// A server or the command cannot be started, the command does not sign in without a fault, or a signal came.
pub(crate) fn run(args: &TryFaultsArgs, settings: &Settings) -> Result<Exit, Failure> {
    let globals = settings.globals();
    let printer = match globals.output.is_some() || globals.query.is_some() {
        true => Some(settings.printer()?),
        false => None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::other(format_args!("cannot start the server: {error}")))?;
    let rules = args.rules();
    let outcomes = runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let mut outcomes = Vec::new();
        for (number, rule) in std::iter::once(None).chain(rules.iter().map(Some)).enumerate() {
            let shown = rule.map_or_else(|| "no fault".to_owned(), ToString::to_string);
            // A closed standard error is no reason to fail.
            let _ = writeln!(std::io::stderr().lock(), "{number}/{}: {shown}", rules.len());
            let outcome = args.try_one(rule, &mut signals, settings).await?;
            if signals.came() {
                return Err(Failure::new(Exit::Interrupted, "stopped by a signal"));
            }
            if rule.is_none() && !outcome.is_as_expected() {
                return Err(Failure::other(format_args!(
                    "without a fault, the command {}",
                    outcome.verdict()
                ))
                .with_hint("--debug shows its output; --keep-home leaves it your home directory"));
            }
            outcomes.push(outcome);
        }
        Ok(outcomes)
    })?;
    match printer {
        Some(printer) => {
            let document = outcome::document(&outcomes);
            printer.rehearse(&Rehearsal::new(document.clone(), |_| false))?;
            printer.print("TryFaults", &document)?;
        }
        None => {
            let rows: Vec<_> = outcomes.iter().map(Outcome::row).collect();
            print_data(&columns(HEADERS, &rows, terminal_width()))?;
        }
    }
    let is_good =
        |outcome: &Outcome| outcome.is_as_expected() && !(args.report_fail && outcome.has_findings());
    Ok(if outcomes.iter().all(is_good) { Exit::Success } else { Exit::Findings })
}

impl TryFaultsArgs {
    /// Returns the rules to try. A bare fault applies to the first poll.
    fn rules(&self) -> Vec<FaultRule> {
        if self.faults.is_empty() {
            return InjectedFault::ALL.iter().map(|fault| at_first_poll(FaultRule::new(*fault))).collect();
        }
        let is_bare = |rule: &FaultRule| !rule.to_string().contains(['@', ':']);
        self.faults.iter().map(|rule| if is_bare(rule) { at_first_poll(*rule) } else { *rule }).collect()
    }

    /// Returns the person's decision. The first poll is pending where only an error shows the fault.
    fn approval(&self, rule: Option<&FaultRule>) -> Approval {
        match rule.map(FaultRule::fault) {
            Some(InjectedFault::CodeElsewhere | InjectedFault::CodeInCapitals)
                if self.approve == Approval::Auto =>
            {
                Approval::AfterPolls(1)
            }
            _ => self.approve,
        }
    }

    async fn try_one(
        &self,
        rule: Option<&FaultRule>,
        signals: &mut Signals,
        settings: &Settings,
    ) -> Result<Outcome, Failure> {
        let config = Config::default()
            .with_approval(self.approval(rule))
            .with_interval(INTERVAL)
            .with_device_ttl(DEVICE_TTL)
            .with_retry_after(RETRY_AFTER)
            .with_remembered_requests(10_000)
            .with_report();
        let config = rule.iter().fold(config, |config, rule| config.with_fault(**rule));
        let needs_tls = rule.is_some_and(|rule| rule.fault().needs_tls());
        let config = if needs_tls { config.with_tls(Tls::new_ca()) } else { config };
        let server = Server::bind(config).await.map_err(|error| Failure::other(chain(&error)))?;
        let (handle, endpoint) = (server.handle(), server.endpoint());
        let ca_file = handle.ca_certificate().map(|pem| CaFile::write(pem, None)).transpose()?;
        let ca_file = ca_file.as_ref().map(CaFile::path);
        let host = Host { endpoint: &endpoint, ca_file, control: None, has_database: false };
        let guest = Guest::new(&self.command, host, self.keep_home, settings.environment())?;
        let guest = guest.with_output(settings.globals().debug);
        let began = Instant::now();
        let running = async {
            tokio::select! {
                ended = guest.run_for(self.timeout, signals) => ended,
                never = reopen(&handle, rule) => match never {},
            }
        };
        let status = beside(server, running).await?;
        let expected = rule.map_or(Expected::SignsIn, Expected::of);
        let outcome = Outcome::new(rule, status, began.elapsed(), handle.report(), expected);
        Ok(if has_acted(&handle, rule) { outcome } else { outcome.without_fault() })
    }
}

fn at_first_poll(rule: FaultRule) -> FaultRule {
    let rule = rule.at(Operation::CreateToken);
    if rule.fault() == InjectedFault::Refuse { rule } else { rule.once() }
}

/// Returns whether the fault acted on a request. Refused connections and handshakes are no requests.
fn has_acted(handle: &Handle, rule: Option<&FaultRule>) -> bool {
    let leaves_a_record =
        |rule: &FaultRule| rule.fault() != InjectedFault::Refuse && !rule.fault().needs_tls();
    !rule.is_some_and(leaves_a_record) || handle.requests().iter().any(|request| request.injected.is_some())
}

/// Opens the port that `refuse` has closed, after a while. It never ends.
async fn reopen(handle: &Handle, rule: Option<&FaultRule>) -> std::convert::Infallible {
    if rule.is_some_and(|rule| rule.fault() == InjectedFault::Refuse) {
        // It closes after the codes of a device, or after the page of a browser.
        let has_codes = |handle: &Handle| {
            handle.requests().iter().any(|request| {
                request.operation == Some(Operation::StartDeviceAuthorization) || request.path == "/authorize"
            })
        };
        while !has_codes(handle) {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        tokio::time::sleep(CLOSED).await;
        handle.stop_faults();
    }
    std::future::pending().await
}

//! The machine's log events, with the feature `tracing`: see the [crate documentation](crate).

use core::error::Error;
use core::fmt;
use core::time::Duration;

use oidc_proto::{FaultCode, Request};
use tracing::debug;

use crate::renewal::{RefreshError, RenewalOutcome};
use crate::{
    Callback, Exchange, Failure, Flow, Granted, Outcome, PendingRequest, Phase, ResponseBody, Status,
    TransientError, TransportError,
};

/// The target of all events.
const TARGET: &str = "device_flow";

/// Logs that a request of a flow is about to be sent.
pub(crate) fn sending(pending: &PendingRequest) {
    send(&pending.request, pending.phase, pending.attempt);
}

/// Logs that a plain call is about to be sent.
pub(crate) fn calling(request: &Request) {
    send(request, None, 1);
}

fn send(request: &Request, phase: Option<Phase>, attempt: u32) {
    let (operation, phase) = (request.operation(), phase.map(Phase::name));
    debug!(name: "device_flow.sending", target: TARGET, %operation, phase, attempt, uri = %request.uri(), "sending");
}

/// Logs the result of a plain call.
pub(crate) fn called(exchange: &Exchange<'_>, error: Option<&TransportError>) {
    exchanged(exchange, None, error);
}

/// Logs the result of a request, and the transport's error if there is one.
pub(crate) fn exchanged(exchange: &Exchange<'_>, phase: Option<Phase>, error: Option<&TransportError>) {
    let Exchange { operation, attempt, status, request_id, broken, .. } = exchange;
    let (phase, took_ms) = (phase.map(Phase::name), millis(exchange.took));
    match exchange.failure {
        None => debug!(
            name: "device_flow.received", target: TARGET,
            %operation, phase, attempt, status, request_id, broken, took_ms, "received"
        ),
        Some(failure) => {
            let failure = failure_name(failure);
            let cause =
                error.filter(|error| error.is_telling()).map(|error| tracing::field::display(root_of(error)));
            debug!(
                name: "device_flow.failed", target: TARGET,
                %operation, phase, attempt, failure, cause, took_ms, "failed"
            );
        }
    }
}

/// Logs that the prompt is about to be shown.
pub(crate) fn prompting(phase: Phase, expires_in: Duration, replaces_earlier: bool) {
    let (phase, expires_in_ms) = (phase.name(), millis(expires_in));
    debug!(name: "device_flow.prompt", target: TARGET, phase, expires_in_ms, replaces_earlier, "prompt");
}

/// Logs a request at the redirect URI. Its target is not logged, because it may contain the code.
pub(crate) fn called_back(callback: Callback) {
    let result = callback.name();
    debug!(name: "device_flow.callback", target: TARGET, result, "callback");
}

/// Logs that the driver is about to wait.
pub(crate) fn waiting<F: Flow>(status: &Status<'_, F>) {
    let (phase, polls, wait_ms) = (status.phase.name(), status.polls, millis(status.until.since(status.now)));
    let error = status.error.map(|error| tracing::field::display(WithoutBody(error)));
    debug!(name: "device_flow.waiting", target: TARGET, phase, polls, wait_ms, error, "waiting");
}

/// Logs the end of a flow after this many CreateToken requests, if it has ended.
pub(crate) fn ended(outcome: Option<Result<&Granted, &Outcome>>, polls: u32, elapsed: Duration) {
    let Some(outcome) = outcome else { return };
    let elapsed_ms = millis(elapsed);
    let (outcome, request_id) = match outcome {
        Ok(_) => ("granted", None),
        Err(outcome) => (outcome.name(), outcome.request_id()),
    };
    debug!(name: "device_flow.ended", target: TARGET, outcome, polls, elapsed_ms, request_id, "ended");
}

/// Logs the end of a renewal after this many requests.
pub(crate) fn renewed(
    outcome: RenewalOutcome,
    is_refreshed: bool,
    requests: u32,
    error: Option<&RefreshError>,
) {
    let (outcome, error) = (outcome.name(), error.map(RefreshError::name));
    debug!(
        name: "device_flow.renewed", target: TARGET,
        outcome, refreshed = is_refreshed, requests, error, "renewed"
    );
}

/// Logs that a public document is requested.
pub(crate) fn fetching(uri: &http::Uri) {
    debug!(name: "device_flow.fetching", target: TARGET, %uri, "fetching");
}

/// Logs the result of that request.
pub(crate) fn fetched(uri: &http::Uri, result: &Result<http::Response<ResponseBody>, TransportError>) {
    match result {
        Ok(response) => {
            let status = response.status().as_u16();
            debug!(name: "device_flow.fetched", target: TARGET, %uri, status, "fetched");
        }
        Err(error) => {
            let failure = failure_name(error.failure());
            let cause = error.is_telling().then(|| tracing::field::display(root_of(error)));
            debug!(name: "device_flow.fetched", target: TARGET, %uri, failure, cause, "not fetched");
        }
    }
}

const fn failure_name(failure: Failure) -> &'static str {
    match failure {
        Failure::NotSent => "not_sent",
        Failure::ProxyRefused => "proxy_refused",
        Failure::Unknown => "unknown",
    }
}

/// An error without the service's text, because a broken server may quote a secret in it.
struct WithoutBody<'a>(&'a TransientError);

impl fmt::Display for WithoutBody<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            error @ TransientError::Failed(_) => error.fmt(f),
            TransientError::Indeterminate(answer) => {
                let mut bare = answer.clone();
                (bare.said, bare.location) = (None, None);
                TransientError::Indeterminate(bare).fmt(f)
            }
            TransientError::Fault(fault) if matches!(fault.code, FaultCode::Other(_)) => {
                write!(f, "HTTP {} with an unknown error code", fault.status)
            }
            TransientError::Fault(fault) => write!(f, "HTTP {} {}", fault.status, fault.code),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Returns the last error in the chain of sources, which has the cause. The first often has little more than
/// the URL.
fn root_of<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

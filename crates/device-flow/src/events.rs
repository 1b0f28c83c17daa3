//! What drivers log with `tracing`: the same events in every adapter.
//!
//! All have the target `device_flow` and the level `DEBUG`. Names and fields are stable; times are whole milliseconds.
//!
//! | name | when | fields |
//! |---|---|---|
//! | `device_flow.sending` | a request is about to be sent | `operation`, `phase`, `attempt`, `uri` |
//! | `device_flow.received` | a response came | `operation`, `phase`, `attempt`, `status`, `request_id`, `broken`, `took_ms` |
//! | `device_flow.failed` | no response came | `operation`, `phase`, `attempt`, `failure`, `cause`, `took_ms` |
//! | `device_flow.prompt` | the person is about to be asked | `phase`, `expires_in_ms`, `replaces_earlier` |
//! | `device_flow.waiting` | the driver is about to wait | `phase`, `polls`, `wait_ms`, `trouble` |
//! | `device_flow.ended` | the flow is over | `outcome`, `polls`, `elapsed_ms`, `request_id` |
//! | `device_flow.fetching` | a document that anybody may have is asked for | `uri` |
//!
//! `phase` and `outcome` are the names of [`Phase::name`] and [`Outcome::name`](crate::Outcome::name); `attempt` counts the
//! requests of one operation from 1; `failure` is `not_sent` or `unknown`; `broken` is whether the body broke off. A field
//! without a value is left out: `request_id` where the service gave none, `phase` where a plain call is no part of a flow,
//! `trouble` where all is well. No event has a secret, a user code or a body in it.

use core::error::Error;
use core::fmt;
use core::time::Duration;

use oidc_proto::{FaultCode, Request};
use tracing::debug;

use crate::{DeviceFlow, Exchange, Failure, Phase, Status, Tick, Trouble, UserPrompt};

/// The target of every event.
const TARGET: &str = "device_flow";

/// A request is about to be sent.
pub fn sending(request: &Request, phase: Option<Phase>, attempt: u32) {
    let (operation, phase) = (request.operation(), phase.map(Phase::name));
    debug!(name: "device_flow.sending", target: TARGET, %operation, phase, attempt, uri = %request.uri(), "sending");
}

/// What came of a request, and the transport's error if there was one.
pub fn exchanged(exchange: &Exchange<'_>, phase: Option<Phase>, cause: Option<&(dyn Error + 'static)>) {
    let Exchange { operation, attempt, status, request_id, broken, .. } = exchange;
    let (phase, took_ms) = (phase.map(Phase::name), millis(exchange.took));
    match exchange.failure {
        None => debug!(
            name: "device_flow.received", target: TARGET,
            %operation, phase, attempt, status, request_id, broken, took_ms, "received"
        ),
        Some(failure) => {
            let failure = match failure {
                Failure::NotSent => "not_sent",
                Failure::Unknown => "unknown",
            };
            let cause = cause.map(root_of).map(tracing::field::display);
            debug!(
                name: "device_flow.failed", target: TARGET,
                %operation, phase, attempt, failure, cause, took_ms, "failed"
            );
        }
    }
}

/// The person is about to be asked.
pub fn prompting(prompt: &UserPrompt, phase: Phase) {
    let (expires_in_ms, replaces_earlier) = (millis(prompt.expires_in), prompt.replaces_earlier);
    let phase = phase.name();
    debug!(name: "device_flow.prompt", target: TARGET, phase, expires_in_ms, replaces_earlier, "prompt");
}

/// The driver is about to wait.
pub fn waiting(status: &Status<'_>) {
    let (phase, polls, wait_ms) = (status.phase.name(), status.polls, millis(status.until.since(status.now)));
    let trouble = status.trouble.map(|trouble| tracing::field::display(WithoutBody(trouble)));
    debug!(name: "device_flow.waiting", target: TARGET, phase, polls, wait_ms, trouble, "waiting");
}

/// The flow is over, if it is.
pub fn ended(flow: &DeviceFlow, now: Tick) {
    let Some(outcome) = flow.outcome() else { return };
    let (polls, elapsed_ms) = (flow.polls(), millis(flow.running_for(now)));
    let (outcome, request_id) = (outcome.name(), outcome.request_id());
    debug!(name: "device_flow.ended", target: TARGET, outcome, polls, elapsed_ms, request_id, "ended");
}

/// A document that anybody may have is asked for.
pub fn fetching(uri: &http::Uri) {
    debug!(name: "device_flow.fetching", target: TARGET, %uri, "fetching");
}

/// A trouble without the service's own words: they are a body's, and who knows what a broken server quotes.
struct WithoutBody<'a>(&'a Trouble);

impl fmt::Display for WithoutBody<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            trouble @ (Trouble::Failed(_) | Trouble::NoVerdict(_)) => trouble.fmt(f),
            Trouble::Fault(fault) => match &fault.code {
                FaultCode::Other(_) => write!(f, "HTTP {} with a fault of another name", fault.status),
                code => write!(f, "HTTP {} {code}", fault.status),
            },
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The end of the chain of causes, which says what happened; the beginning often says little more than the URL.
fn root_of<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

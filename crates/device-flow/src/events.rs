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
//!
//! A [`Driver`](crate::driver::Driver) logs all of this by itself; a driver of another kind calls the functions:
//!
//! ```
//! use core::time::Duration;
//! use device_flow::{Action, DeviceFlow, Exchange, Failure, Policy, Status, Tick, events};
//! # use oidc_proto::{Client, Endpoint, Secret};
//! # use std::sync::{Arc, Mutex};
//! # use tracing::span::{Attributes, Id, Record};
//! # #[derive(Default)]
//! # struct Names(Mutex<Vec<&'static str>>);
//! # impl tracing::Subscriber for Names {
//! #     fn enabled(&self, _: &tracing::Metadata<'_>) -> bool { true }
//! #     fn new_span(&self, _: &Attributes<'_>) -> Id { Id::from_u64(1) }
//! #     fn record(&self, _: &Id, _: &Record<'_>) {}
//! #     fn record_follows_from(&self, _: &Id, _: &Id) {}
//! #     fn event(&self, event: &tracing::Event<'_>) { self.0.lock().unwrap().push(event.metadata().name()) }
//! #     fn enter(&self, _: &Id) {}
//! #     fn exit(&self, _: &Id) {}
//! # }
//! # let names = Arc::new(Names::default());
//! # let _guard = tracing::subscriber::set_default(names.clone());
//! # let service = Endpoint::for_region("eu-west-1")?;
//! # let policy = Policy::aws("https://d-1234567890.awsapps.com/start")
//! #     .with_client(Client::new("id", Secret::from("secret")));
//! # let mut now = Tick::ZERO;
//! # let mut flow = DeviceFlow::new(service, policy, None, now);
//! # let codes = r#"{"deviceCode":"d","userCode":"C","verificationUri":"https://d.example/","expiresIn":5}"#;
//! # let mut answers = [Ok(codes), Err(std::io::Error::other("reset"))].into_iter();
//! loop {
//!     match flow.poll(now) {
//!         Action::Send(request, ticket) => {
//!             let (operation, phase, attempt) = (request.operation(), Some(flow.phase()), 1);
//!             events::sending(&request, phase, attempt);
//!             let took = Duration::from_millis(80);
//!             match answers.next() { // a real driver sends the request
//!                 Some(Ok(body)) => {
//!                     let response = http::Response::new(body);
//!                     events::exchanged(&Exchange::answered(operation, attempt, took, &response, false), phase, None);
//!                     flow.on_response(ticket, now, &response)?;
//!                 }
//!                 Some(Err(error)) => {
//!                     events::exchanged(&Exchange::failed(operation, attempt, took, Failure::Unknown), phase, Some(&error));
//!                     drop(ticket);
//!                     flow.abandon(now);
//!                 }
//! #               None => break,
//!             }
//!         }
//!         Action::Prompt(prompt) => events::prompting(&prompt, flow.phase()),
//!         Action::Wait(until) => {
//!             events::waiting(&Status::of(&flow, now, until));
//!             now = until; // a real driver sleeps
//!         }
//!         Action::AwaitReply | Action::Done => break,
//!     }
//! }
//! events::ended(&flow, now);
//! events::fetching(&http::Uri::from_static("https://id.example/.well-known/openid-configuration"));
//! # let names = names.0.lock().unwrap().clone();
//! # assert_eq!(names.iter().filter(|name| **name == "device_flow.sending").count(), 1, "{names:?}");
//! # for name in ["received", "prompt", "waiting", "ended", "fetching"] {
//! #     assert!(names.contains(&format!("device_flow.{name}").as_str()), "{name} not in {names:?}");
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
    let (outcome, request_id) = match outcome {
        Ok(_) => ("granted", None),
        Err(outcome) => (outcome.name(), outcome.request_id()),
    };
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

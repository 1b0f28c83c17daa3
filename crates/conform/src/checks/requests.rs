//! Requests at the device authorization endpoint that differ from the usual one (RFC 8628 §3.1).

use std::rc::Rc;

use super::{gets_error, keeps, pass};
use crate::Step;
use crate::check::{Check, Finding, Judged};
use crate::transcript::Transcript;

pub(super) const CHECKS: &[Check] = &[
    Check::must("8628-3.1-client-id", "A request without a client is refused.", client_id),
    Check::must("8628-3.1-unknown-client", "An unknown client gets invalid_client.", unknown_client),
    Check::should("8628-3.1-post", "A GET brings no codes.", post),
    Check::should("8628-3.1-form", "A request in another format than a form brings no codes.", form),
    Check::must("8628-3.1-unknown-parameter", "An unknown parameter is ignored.", unknown_parameter),
    Check::must("8628-3.1-empty-parameter", "A parameter without a value counts as absent.", empty_parameter),
    Check::should(
        "8628-3.1-repeated-parameter",
        "A request for codes with a repeated parameter is refused.",
        repeated_parameter,
    ),
];

fn client_id(transcript: &Transcript) -> Judged {
    gets_error(transcript, Step::NoClient, &["invalid_request", "invalid_client"])
}

fn unknown_client(transcript: &Transcript) -> Judged {
    gets_error(transcript, Step::UnknownClient, &["invalid_client"])
}

fn post(transcript: &Transcript) -> Judged {
    brings_no_codes(transcript, Step::GetCodes)
}

fn form(transcript: &Transcript) -> Judged {
    brings_no_codes(transcript, Step::JsonCodes)
}

fn repeated_parameter(transcript: &Transcript) -> Judged {
    brings_no_codes(transcript, Step::RepeatedParameter)
}

fn brings_no_codes(transcript: &Transcript, step: Step) -> Judged {
    let (exchange, answer) = transcript.last(step)?;
    keeps(exchange, answer.text("device_code").is_none(), || format!("{step} brought codes"))
}

fn unknown_parameter(transcript: &Transcript) -> Judged {
    is_as(transcript, Step::Codes, Step::UnknownParameter)
}

fn empty_parameter(transcript: &Transcript) -> Judged {
    // The usual request has no scope, if the caller named none.
    let without = if transcript.scope.is_empty() { Step::Codes } else { Step::NoScope };
    is_as(transcript, without, Step::EmptyParameter)
}

/// A pass if this request is accepted or refused like another one.
fn is_as(transcript: &Transcript, other: Step, step: Step) -> Judged {
    let (like, expected) = transcript.last(other)?;
    let (exchange, answer) = transcript.last(step)?;
    if answer.is_refusal() == expected.is_refusal() {
        return pass(exchange);
    }
    let why = format!("{step} got {}, and {other} got {}", answer.summary(), expected.summary());
    Err(Finding::Broken(why, vec![Rc::clone(like), Rc::clone(exchange)]))
}

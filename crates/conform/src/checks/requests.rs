//! Requests at the device authorization endpoint that differ from the usual one (RFC 8628 §3.1, RFC 6749 §3).

use super::{gets_error, keeps};
use crate::Step;
use crate::check::{Check, Judged};
use crate::transcript::Transcript;

pub(super) const CHECKS: &[Check] = &[
    Check::must("8628-3.1-client-id", "A request without a client is refused.", client_id),
    Check::must("8628-3.1-unknown-client", "An unknown client gets invalid_client.", unknown_client),
    Check::should("8628-3.1-post", "A GET brings no codes.", post),
    Check::should("8628-3.1-form", "A request in another format than a form brings no codes.", form),
    Check::must("6749-3.1-unknown-parameter", "An unknown parameter is ignored.", unknown_parameter),
    Check::must("6749-3.1-empty-parameter", "A parameter without a value counts as absent.", empty_parameter),
    Check::should(
        "6749-3.1-repeated-parameter",
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
    is_as_usual(transcript, Step::UnknownParameter)
}

fn empty_parameter(transcript: &Transcript) -> Judged {
    is_as_usual(transcript, Step::EmptyParameter)
}

/// A pass if the usual request and this one are accepted alike.
fn is_as_usual(transcript: &Transcript, step: Step) -> Judged {
    let (_, usual) = transcript.last(Step::Codes)?;
    let (exchange, answer) = transcript.last(step)?;
    keeps(exchange, answer.is_refusal() == usual.is_refusal(), || format!("{step} got {}", answer.summary()))
}

//! The form of every error (RFC 6749 §5.2), at both endpoints.

use std::rc::Rc;

use super::each;
use crate::check::{Check, Judged};
use crate::exchange::{Answer, Exchange};
use crate::transcript::Transcript;

pub(super) const CHECKS: &[Check] = &[
    Check::must("6749-5.2-json", "An error is an object in application/json, with the member error.", json),
    Check::must("6749-5.2-status", "An error has the status 400, or 401 if it is about the client.", status),
    Check::must(
        "6749-5.2-characters",
        "error, error_description and error_uri have only the characters that the RFC allows.",
        characters,
    ),
    Check::should(
        "6749-5.2-no-store",
        "Cache-Control of an error at the token endpoint is no-store.",
        no_store,
    ),
];

const NONE: &str = "there was no error";

/// Returns the refusals of well-formed POST requests, without those of a busy server.
fn refusals(transcript: &Transcript) -> impl Iterator<Item = (&Rc<Exchange>, &Answer)> {
    transcript.answered().filter(|(exchange, answer)| {
        let is_of_the_grant = exchange.step.is_token_request() || exchange.step.is_code_request();
        is_of_the_grant && answer.is_refusal() && !matches!(answer.status(), 429 | 503)
    })
}

fn json(transcript: &Transcript) -> Judged {
    each(refusals(transcript), NONE, |answer| {
        if answer.error().is_none() {
            return Some(format!("it got {} without the member error", answer.summary()));
        }
        (!answer.says_json()).then(|| answer.says_else())
    })
}

fn status(transcript: &Transcript) -> Judged {
    // The polls have a check of their own, and so has the client with the header.
    let others = refusals(transcript).filter(|(exchange, answer)| {
        !matches!(answer.error(), Some("authorization_pending" | "slow_down"))
            && exchange.step != crate::Step::UnknownBasicClient
    });
    each(others, NONE, |answer| {
        let is_expected = match answer.error() {
            Some("invalid_client") => matches!(answer.status(), 400 | 401),
            _ => answer.status() == 400,
        };
        (!is_expected).then(|| format!("it got {}", answer.summary()))
    })
}

fn characters(transcript: &Transcript) -> Judged {
    each(refusals(transcript), NONE, |answer| {
        let is_text = |c: char| matches!(c, '\x20'..='\x21' | '\x23'..='\x5b' | '\x5d'..='\x7e');
        let is_uri = |c: char| is_text(c) && c != ' ';
        let rules: [(&str, &dyn Fn(char) -> bool); 3] =
            [("error", &is_text), ("error_description", &is_text), ("error_uri", &is_uri)];
        let wrong = |(name, is_allowed): &(&str, &dyn Fn(char) -> bool)| {
            answer.text(name).is_some_and(|text| !text.chars().all(is_allowed))
        };
        let (name, _) = rules.iter().find(|rule| wrong(rule))?;
        Some(format!("{name} has a character that is not allowed"))
    })
}

fn no_store(transcript: &Transcript) -> Judged {
    let at_token = refusals(transcript).filter(|(exchange, _)| exchange.step.is_token_request());
    each(at_token, NONE, |answer| {
        let is_kept = answer.header_has("cache-control", "no-store");
        (!is_kept).then(|| "Cache-Control lacks no-store".to_owned())
    })
}

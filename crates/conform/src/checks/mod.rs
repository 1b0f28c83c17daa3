//! The checks: a table of pure functions over the exchanges of a run.

mod codes;
mod credentials;
mod errors;
mod metadata;
mod polls;
mod refresh;
mod registration;
mod requests;
mod response;
mod tokens;

use std::rc::Rc;

use crate::Step;
use crate::check::{Check, Finding, Judged};
use crate::exchange::{Answer, Exchange};
use crate::transcript::Transcript;

/// All checks, in the order of the reports.
///
/// ```
/// let must = device_conform::CHECKS.iter().filter(|check| check.strength == device_conform::Strength::Must);
/// assert!(must.count() > 30);
/// ```
pub static CHECKS: &[Check] = &ALL;

const GROUPS: [&[Check]; 10] = [
    metadata::CHECKS,
    registration::CHECKS,
    requests::CHECKS,
    response::CHECKS,
    codes::CHECKS,
    polls::CHECKS,
    credentials::CHECKS,
    errors::CHECKS,
    tokens::CHECKS,
    refresh::CHECKS,
];

const COUNT: usize = {
    let (mut count, mut group) = (0, 0);
    while group < GROUPS.len() {
        count += GROUPS[group].len();
        group += 1;
    }
    count
};

const ALL: [Check; COUNT] = {
    let mut all = [GROUPS[0][0]; COUNT];
    let (mut at, mut group) = (0, 0);
    while group < GROUPS.len() {
        let mut check = 0;
        while check < GROUPS[group].len() {
            all[at] = GROUPS[group][check];
            at += 1;
            check += 1;
        }
        group += 1;
    }
    all
};

fn pass(exchange: &Rc<Exchange>) -> Judged {
    Ok(vec![Rc::clone(exchange)])
}

fn broken(exchange: &Rc<Exchange>, why: impl Into<String>) -> Judged {
    Err(Finding::Broken(why.into(), vec![Rc::clone(exchange)]))
}

fn not_made(why: impl Into<String>) -> Judged {
    Err(Finding::NotMade(why.into()))
}

/// A pass if this holds.
fn keeps(exchange: &Rc<Exchange>, is_kept: bool, otherwise: impl FnOnce() -> String) -> Judged {
    if is_kept { pass(exchange) } else { broken(exchange, otherwise()) }
}

/// A pass if a step got one of these errors.
fn gets_error(transcript: &Transcript, step: Step, errors: &[&str]) -> Judged {
    let (exchange, answer) = transcript.last(step)?;
    let is_expected = answer.error().is_some_and(|error| errors.contains(&error));
    keeps(exchange, is_expected, || {
        format!("{step} got {}; the error must be {}", answer.summary(), errors.join(" or "))
    })
}

/// A pass if a step by the second client got `invalid_grant`.
fn of_another_client(transcript: &Transcript, step: Step) -> Judged {
    let (_, answer) = transcript.last(step)?;
    match answer.error() {
        // Then the grant was not looked at.
        Some("invalid_client") => not_made("the server does not accept the second client"),
        _ => gets_verdict(transcript, step, &["invalid_grant"]),
    }
}

/// As [`gets_error`], for a poll whose verdict `slow_down` may hide.
fn gets_verdict(transcript: &Transcript, step: Step, errors: &[&str]) -> Judged {
    let (_, answer) = transcript.last(step)?;
    match answer.error() {
        Some("slow_down") => not_made(format!("{step} got slow_down, which hides the verdict")),
        _ => gets_error(transcript, step, errors),
    }
}

/// A pass if this holds for each exchange; not made without any.
fn each<'a>(
    exchanges: impl Iterator<Item = (&'a Rc<Exchange>, &'a Answer)>,
    none: &str,
    problem: impl Fn(&Answer) -> Option<String>,
) -> Judged {
    let mut kept = Vec::new();
    for (exchange, answer) in exchanges {
        if let Some(problem) = problem(answer) {
            return broken(exchange, format!("{}: {problem}", exchange.step));
        }
        kept.push(Rc::clone(exchange));
    }
    if kept.is_empty() { not_made(none) } else { Ok(kept) }
}

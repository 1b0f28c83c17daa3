//! Polls without a decision (RFC 8628 §3.4, §3.5), and by the wrong client (RFC 6749 §5.2).

use super::{broken, each, gets_error, keeps, not_made, of_another_client, pass};
use crate::Step;
use crate::check::{Check, Judged};
use crate::run::Codes;
use crate::transcript::Transcript;

pub(super) const CHECKS: &[Check] = &[
    Check::must("8628-3.5-pending", "A poll before the decision gets authorization_pending.", pending),
    Check::must("8628-3.5-status", "authorization_pending and slow_down have the status 400.", status),
    Check::should("8628-3.5-patient", "A client that keeps the interval gets no slow_down.", patient),
    Check::should("8628-3.5-slow-down", "One of three early polls gets slow_down.", slow_down),
    Check::should(
        "8628-3.5-slower",
        "After slow_down the interval is five seconds longer, for all later polls.",
        slower,
    ),
    Check::must("8628-3.5-denied", "After a denial a poll gets access_denied.", denied),
    Check::must("8628-3.5-expired", "After the expiry a poll gets expired_token.", expired),
    Check::must("8628-3.4-device-code", "A poll without a device code gets invalid_request.", no_code),
    Check::must("6749-5.2-unknown-code", "An unknown device code gets invalid_grant.", unknown_code),
    Check::must(
        "6749-5.2-other-client",
        "The device code of another client gets invalid_grant.",
        other_client,
    ),
    Check::should(
        "6749-5.2-owner",
        "A poll by another client does not spoil the code for its own client.",
        owner,
    ),
    Check::must(
        "6749-5.2-no-grant-type",
        "A request without a grant type gets invalid_request.",
        no_grant_type,
    ),
    Check::must(
        "6749-5.2-unknown-grant-type",
        "An unknown grant type gets unsupported_grant_type.",
        unknown_grant_type,
    ),
    Check::should("6749-3.2-repeated-parameter", "A poll with a repeated parameter is refused.", repeated),
    Check::should("6749-3.2-post", "A GET at the token endpoint is no poll.", post),
];

/// The polls of a client that keeps the interval.
const PATIENT: [Step; 4] = [Step::FirstPoll, Step::SlowerPoll, Step::SlowestPoll, Step::OwnersPoll];

fn pending(transcript: &Transcript) -> Judged {
    let (exchange, answer) = transcript.last(Step::FirstPoll)?;
    // The check of the pace tells of `slow_down`.
    let is_expected = matches!(answer.error(), Some("authorization_pending" | "slow_down"));
    keeps(exchange, is_expected, || format!("the poll got {}", answer.summary()))
}

fn status(transcript: &Transcript) -> Judged {
    let waiting = transcript.answered().filter(|(exchange, answer)| {
        exchange.step.is_token_request()
            && matches!(answer.error(), Some("authorization_pending" | "slow_down"))
    });
    each(waiting, "no poll got such an error", |answer| (answer.status() != 400).then(|| answer.summary()))
}

fn patient(transcript: &Transcript) -> Judged {
    let polls = PATIENT.into_iter().filter_map(|step| transcript.last(step).ok());
    each(polls, "no poll got a response", |answer| {
        (answer.error() == Some("slow_down")).then(|| "it got slow_down".to_owned())
    })
}

fn slow_down(transcript: &Transcript) -> Judged {
    let (last, answer) = transcript.last(Step::EarlyPoll)?;
    if answer.error() != Some("slow_down") && !has_early_poll(transcript) {
        return not_made("each response took longer than the interval, so no poll was early");
    }
    keeps(last, answer.error() == Some("slow_down"), || {
        let count = transcript.all(Step::EarlyPoll).count();
        format!("{count} polls at once got none, the last one {}", answer.summary())
    })
}

/// Whether a poll was early: its response arrived less than an interval after the one before.
fn has_early_poll(transcript: &Transcript) -> bool {
    let codes = transcript.all(Step::Codes).last().and_then(|exchange| Codes::of(exchange));
    let Some(interval) = codes.map(|codes| codes.interval) else { return false };
    let is_poll = |step| matches!(step, Step::FirstPoll | Step::EarlyPoll);
    let polls = transcript.exchanges.iter().filter(|exchange| is_poll(exchange.step));
    let times: Vec<_> = polls.map(|exchange| exchange.received).collect();
    times.windows(2).any(|pair| matches!(pair, [before, after] if after.saturating_sub(*before) < interval))
}

fn slower(transcript: &Transcript) -> Judged {
    let (exchange, answer) = transcript.last(Step::OldPacePoll)?;
    keeps(exchange, answer.error() == Some("slow_down"), || {
        format!("a poll at the old interval got {}", answer.summary())
    })
}

fn denied(transcript: &Transcript) -> Judged {
    gets_error(transcript, Step::DeniedPoll, &["access_denied"])
}

fn expired(transcript: &Transcript) -> Judged {
    gets_error(transcript, Step::ExpiredPoll, &["expired_token"])
}

fn no_code(transcript: &Transcript) -> Judged {
    gets_error(transcript, Step::NoCode, &["invalid_request"])
}

fn unknown_code(transcript: &Transcript) -> Judged {
    // A server that forgets codes cannot tell an expired one from an unknown one.
    gets_error(transcript, Step::UnknownCode, &["invalid_grant", "expired_token"])
}

fn other_client(transcript: &Transcript) -> Judged {
    of_another_client(transcript, Step::OtherClientsPoll)
}

fn owner(transcript: &Transcript) -> Judged {
    transcript.last(Step::OtherClientsPoll)?;
    let (exchange, answer) = transcript.last(Step::OwnersPoll)?;
    match answer.error() {
        Some("authorization_pending" | "slow_down") => pass(exchange),
        _ => broken(exchange, format!("its next poll got {}", answer.summary())),
    }
}

fn no_grant_type(transcript: &Transcript) -> Judged {
    gets_error(transcript, Step::NoGrantType, &["invalid_request"])
}

fn unknown_grant_type(transcript: &Transcript) -> Judged {
    gets_error(transcript, Step::UnknownGrantType, &["unsupported_grant_type"])
}

fn repeated(transcript: &Transcript) -> Judged {
    is_no_poll(transcript, Step::RepeatedCode)
}

fn post(transcript: &Transcript) -> Judged {
    is_no_poll(transcript, Step::GetToken)
}

/// A pass if the server did not treat a request as a poll.
fn is_no_poll(transcript: &Transcript, step: Step) -> Judged {
    let (exchange, answer) = transcript.last(step)?;
    match answer.error() {
        Some("authorization_pending" | "slow_down") => {
            broken(exchange, format!("{step} got {}", answer.summary()))
        }
        None if answer.has_token() => broken(exchange, format!("{step} got a token")),
        _ => pass(exchange),
    }
}

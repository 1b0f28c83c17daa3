//! The token (RFC 6749 §5.1), once for each device code.

use std::rc::Rc;

use super::{broken, each, gets_verdict, keeps, not_made, pass};
use crate::Step;
use crate::check::{Check, Finding, Judged};
use crate::exchange::{Answer, Exchange};
use crate::transcript::Transcript;

pub(super) const CHECKS: &[Check] = &[
    Check::must("6749-5.1-approved", "After the approval a poll gets a token with status 200.", approved),
    Check::must("6749-5.1-json", "The token comes in application/json.", json),
    Check::must("6749-5.1-token-type", "There is a token_type.", token_type),
    Check::should("6749-5.1-expires-in", "There is expires_in, as a number of seconds.", expires_in),
    Check::must("6749-5.1-no-store", "Cache-Control of a token is no-store.", no_store),
    Check::should("6749-5.1-pragma", "Pragma of a token is no-cache. RFC 9111 has no use for it.", pragma),
    Check::should(
        "6749-3.3-scope",
        "A scope that no server knows gets invalid_scope, or the token says its scope.",
        scope,
    ),
    Check::must(
        "6749-10.5-single-use",
        "A device code that has brought its token gets invalid_grant.",
        single_use,
    ),
    Check::must("6749-10.5-at-once", "Twelve polls at once get one token.", at_once),
    Check::should("7636-4.6-verifier", "A wrong or missing code verifier gets invalid_grant.", verifier),
];

type Found<'a> = (&'a Rc<Exchange>, &'a Answer);

/// Returns the response with the token of the first approval.
fn token(transcript: &Transcript) -> Result<Found<'_>, Finding> {
    let found = transcript.last(Step::Redemption)?;
    if !found.1.has_token() {
        return Err(Finding::NotMade(format!("the poll after the approval got {}", found.1.summary())));
    }
    Ok(found)
}

/// Returns all responses of the token endpoint that have a token.
fn tokens(transcript: &Transcript) -> impl Iterator<Item = (&Rc<Exchange>, &Answer)> {
    transcript.answered().filter(|(exchange, answer)| exchange.step.is_token_request() && answer.has_token())
}

fn approved(transcript: &Transcript) -> Judged {
    let (exchange, answer) = transcript.last(Step::Redemption)?;
    keeps(exchange, answer.has_token() && answer.status() == 200, || format!("it got {}", answer.summary()))
}

fn json(transcript: &Transcript) -> Judged {
    let (exchange, answer) = token(transcript)?;
    keeps(exchange, answer.says_json(), || answer.says_else())
}

fn token_type(transcript: &Transcript) -> Judged {
    let (exchange, answer) = token(transcript)?;
    keeps(exchange, answer.text("token_type").is_some(), || "there is none".to_owned())
}

fn expires_in(transcript: &Transcript) -> Judged {
    let (exchange, answer) = token(transcript)?;
    let is_number = answer.member("expires_in").is_some_and(serde_json::Value::is_number);
    keeps(exchange, is_number, || "it is missing, or is no number".to_owned())
}

fn no_store(transcript: &Transcript) -> Judged {
    each(tokens(transcript), "there was no token", |answer| {
        let is_kept = answer.header_has("cache-control", "no-store");
        (!is_kept).then(|| "Cache-Control lacks no-store".to_owned())
    })
}

fn pragma(transcript: &Transcript) -> Judged {
    each(tokens(transcript), "there was no token", |answer| {
        let is_kept = answer.header_has("pragma", "no-cache");
        (!is_kept).then(|| "Pragma lacks no-cache".to_owned())
    })
}

fn scope(transcript: &Transcript) -> Judged {
    let (exchange, answer) = transcript.last(Step::UnknownScope)?;
    if answer.error() == Some("invalid_scope") {
        return pass(exchange);
    }
    if answer.is_refusal() {
        return broken(exchange, format!("it got {}", answer.summary()));
    }
    let code = answer.text("device_code").map(str::to_owned);
    let is_of_code = |poll: &Rc<Exchange>| poll.parameter("device_code") == code;
    let refusals = transcript.answered().filter(|(_, answer)| answer.error() == Some("invalid_scope"));
    if let Some((poll, _)) = refusals.into_iter().find(|(poll, _)| is_of_code(poll)) {
        return pass(poll);
    }
    // The token of these codes must say what it is for, because that differs from what was asked.
    let found = tokens(transcript).find(|(poll, _)| is_of_code(poll));
    match found {
        None => not_made("the server gave codes, and there was no token for them"),
        Some((poll, token)) => keeps(poll, token.member("scope").is_some(), || {
            "the token does not say its scope, as if the unknown one was granted".to_owned()
        }),
    }
}

fn single_use(transcript: &Transcript) -> Judged {
    gets_verdict(transcript, Step::Replay, &["invalid_grant", "expired_token"])
}

fn at_once(transcript: &Transcript) -> Judged {
    // Polls with earlier codes were refused for their scope.
    let Some(one) = transcript.all(Step::CrowdPoll).last() else {
        return not_made(transcript.reason(Step::CrowdPoll));
    };
    let code = one.parameter("device_code");
    let polls = transcript.answered().filter(|(exchange, _)| {
        matches!(exchange.step, Step::CrowdPoll | Step::LaterPoll)
            && exchange.parameter("device_code") == code
    });
    let polls: Vec<Found<'_>> = polls.collect();
    let winners = polls.iter().filter(|(_, answer)| answer.has_token());
    let winners: Vec<_> = winners.map(|(exchange, _)| Rc::clone(exchange)).collect();
    match winners.len() {
        1 => Ok(winners),
        0 if polls.iter().any(|(_, answer)| answer.error() == Some("invalid_scope")) => {
            not_made("the server refused the scope of the codes")
        }
        0 => broken(one, "none of them got the token"),
        // Two show it.
        count => Err(Finding::Broken(
            format!("{count} of them got a token"),
            winners.into_iter().take(2).collect(),
        )),
    }
}

fn verifier(transcript: &Transcript) -> Judged {
    for step in [Step::WrongVerifier, Step::NoVerifier] {
        let (exchange, answer) = transcript.last(step)?;
        if answer.has_token() {
            return broken(exchange, format!("{step} got a token: the server ignores PKCE"));
        }
    }
    let (exchange, answer) = transcript.last(Step::WrongVerifier)?;
    keeps(exchange, answer.error() == Some("invalid_grant"), || format!("it got {}", answer.summary()))
}

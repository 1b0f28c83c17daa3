//! The registration of a client (RFC 7591), where the run needs one.

use super::keeps;
use crate::Step;
use crate::check::{Check, Finding, Judged};
use crate::transcript::Transcript;

pub(super) const CHECKS: &[Check] = &[
    Check::must("7591-3.2.1-created", "A registration has the status 201.", created),
    Check::must("7591-3.2.1-client-id", "A registration has a client_id, in application/json.", client_id),
];

/// Returns the last registration that the server made.
fn created(transcript: &Transcript) -> Judged {
    let (exchange, answer) = registered(transcript)?;
    keeps(exchange, answer.status() == 201, || format!("the status is {}", answer.status()))
}

fn client_id(transcript: &Transcript) -> Judged {
    let (exchange, answer) = registered(transcript)?;
    let is_there = answer.text("client_id").is_some() && answer.says_json();
    keeps(exchange, is_there, || match answer.says_json() {
        true => "there is no client_id".to_owned(),
        false => answer.says_else(),
    })
}

type Found<'a> = (&'a std::rc::Rc<crate::exchange::Exchange>, &'a crate::exchange::Answer);

fn registered(transcript: &Transcript) -> Result<Found<'_>, Finding> {
    let found = transcript.last(Step::Registration).or_else(|_| transcript.last(Step::OtherRegistration))?;
    // A server need not register every client.
    if found.1.is_refusal() {
        return Err(Finding::NotMade(format!("the server refused the registration: {}", found.1.summary())));
    }
    Ok(found)
}

//! What can come of each act, by where the code or the chain of refresh tokens stands that it is about: the whole table.
//!
//! Written from RFC 8628 §3.5, RFC 6749 §5.2, RFC 7009 §2.2 and the crate's documentation. The histories of the model
//! must reach every row, and nothing else.

use std::collections::BTreeSet;

use super::op::{Answer, By, Decision, Op, Which};
use super::reference::Reference;

/// Where it stood, what was done, what was answered.
pub type Transition = (&'static str, &'static str, &'static str);

type Names = &'static [&'static str];

const CODES: Names = &["pending", "approved", "denied", "lapsed", "dead", "collected", "forgotten"];
const CHAINS: Names = &["alive", "ended", "over"];
/// What is checked before anything is looked up, or what needs nothing to be there.
const ANY: Names = &["any"];

/// Rows with the same answers are written as one.
const TABLE: &[(Names, Names, Names)] = &[
    (&["pending"], &["poll"], &["authorization_pending", "slow_down"]),
    // Too early for a server that looks at the pace first.
    (&["approved"], &["poll"], &["Token", "slow_down"]),
    (&["denied"], &["poll"], &["access_denied", "slow_down"]),
    (&["lapsed", "dead"], &["poll"], &["expired_token"]),
    (&["collected", "forgotten"], &["poll"], &["invalid_grant"]),
    (CODES, &["poll of a stranger"], &["invalid_grant"]),
    (&["pending"], &["approve", "deny", "lapse"], &["Decided"]),
    (&["approved", "denied", "collected"], &["approve", "deny", "lapse"], &["AlreadyDecided"]),
    (&["lapsed"], &["approve", "deny", "lapse"], &["ExpiredCode"]),
    // Whoever decided in time reads so, also when the code has died since.
    (&["dead"], &["approve", "deny", "lapse"], &["ExpiredCode", "AlreadyDecided"]),
    (&["forgotten"], &["approve", "deny", "lapse"], &["UnknownCode"]),
    // There is nobody to show if the registration has lapsed in the meantime.
    (&["pending"], &["peek"], &["Reviewed", "ExpiredCode"]),
    (&["approved", "denied", "collected"], &["peek"], &["AlreadyDecided"]),
    (&["lapsed"], &["peek"], &["ExpiredCode"]),
    (&["dead"], &["peek"], &["ExpiredCode", "AlreadyDecided"]),
    (&["forgotten"], &["peek"], &["UnknownCode"]),
    (&["alive"], &["refresh"], &["Token"]),
    (&["ended", "over"], &["refresh"], &["invalid_grant"]),
    // Either it has come back too late, or it may pass for a moment.
    (&["alive"], &["refresh with a rotated token"], &["invalid_grant", "Token"]),
    (&["ended", "over"], &["refresh with a rotated token"], &["invalid_grant"]),
    (CHAINS, &["refresh of a stranger", "refresh of a stranger with a rotated token"], &["invalid_grant"]),
    (CHAINS, &["revoke"], &["Revoked"]),
    // Of what is not there nobody can tell whose it was.
    (&["alive", "ended"], &["revoke of a stranger"], &["invalid_grant"]),
    (&["over"], &["revoke of a stranger"], &["Revoked"]),
    (ANY, &["poll", "poll of a stranger", "refresh", "refresh of a stranger"], &["invalid_client"]),
    (ANY, &["refresh with a rotated token"], &["invalid_client"]),
    (ANY, &["refresh of a stranger with a rotated token"], &["invalid_client"]),
    (ANY, &["revoke", "revoke of a stranger"], &["invalid_client"]),
    (ANY, &["poll of a forger", "refresh of a forger", "revoke of a forger"], &["invalid_client"]),
    (ANY, &["approve", "deny", "peek"], &["TooManyGuesses"]),
    (ANY, &["guess"], &["UnknownCode", "TooManyGuesses"]),
    (ANY, &["start"], &["Started", "invalid_client"]),
    (ANY, &["register"], &["Registered"]),
    (ANY, &["odd"], &["invalid_request", "invalid_client_metadata", "unsupported_grant_type"]),
    (ANY, &["odd"], &["invalid_redirect_uri", "invalid_scope", "unauthorized_client", "server_error"]),
    (ANY, &["odd"], &["invalid_client"]),
];

/// Every row.
pub fn table() -> BTreeSet<Transition> {
    let rows = TABLE.iter().flat_map(|(from, acts, answers)| {
        let pairs = from.iter().flat_map(move |from| acts.iter().map(move |act| (*from, *act)));
        pairs.flat_map(move |(from, act)| answers.iter().map(move |answer| (from, act, *answer)))
    });
    rows.collect()
}

/// Where that stands which this is about, before it happens.
pub fn standing(told: &Reference, op: Op) -> &'static str {
    match op {
        Op::Poll { device, .. } | Op::Decide { device, .. } | Op::Peek { device, .. } => {
            of_code(told, told.code(device, 0))
        }
        Op::Replay { device } => of_code(told, told.code(device, 1)),
        Op::Refresh { device, .. } | Op::Revoke { device, .. } => of_chain(told, told.chain_of(device)),
        _ => "any",
    }
}

fn of_code(told: &Reference, code: Option<usize>) -> &'static str {
    let Some(code) = code.map(|code| &told.codes[code]) else { return "none" };
    match (code.spent, code.decision) {
        _ if !code.known => "forgotten",
        (Some(_), _) => "collected",
        _ if told.now >= code.dies => "dead",
        (_, None) => "pending",
        (_, Some(Decision::Approve)) => "approved",
        (_, Some(Decision::Deny)) => "denied",
        (_, Some(Decision::Lapse)) => "lapsed",
    }
}

fn of_chain(told: &Reference, chain: Option<usize>) -> &'static str {
    match chain.map(|chain| &told.chains[chain]) {
        None => "none",
        Some(chain) if !chain.alive => "over",
        Some(chain) if told.now >= chain.ends => "ended",
        Some(_) => "alive",
    }
}

/// The row, from the standing before. Time that passes has none.
pub fn transition(from: &'static str, op: Op, answer: &Answer) -> Option<Transition> {
    let act = act(op)?;
    let answer = word(answer)?;
    // The client is checked first, and so are guesses: before anything is looked up.
    let is_early = answer == "invalid_client" || answer == "TooManyGuesses";
    Some((if is_early { "any" } else { from }, act, answer))
}

fn act(op: Op) -> Option<&'static str> {
    Some(match op {
        Op::Register { .. } => "register",
        Op::Start { .. } => "start",
        // An old code is polled like any other.
        Op::Replay { .. } | Op::Poll { by: By::Owner, .. } => "poll",
        Op::Poll { by: By::Stranger, .. } => "poll of a stranger",
        Op::Poll { by: By::Forger, .. } => "poll of a forger",
        Op::Decide { decision: Decision::Approve, .. } => "approve",
        Op::Decide { decision: Decision::Deny, .. } => "deny",
        Op::Decide { decision: Decision::Lapse, .. } => "lapse",
        Op::Guess { .. } => "guess",
        Op::Peek { .. } => "peek",
        Op::Refresh { by: By::Forger, .. } => "refresh of a forger",
        Op::Refresh { token: Which::Current, by: By::Owner, .. } => "refresh",
        Op::Refresh { token: Which::Current, by: By::Stranger, .. } => "refresh of a stranger",
        Op::Refresh { token: Which::Rotated, by: By::Owner, .. } => "refresh with a rotated token",
        Op::Refresh { token: Which::Rotated, by: By::Stranger, .. } => {
            "refresh of a stranger with a rotated token"
        }
        Op::Revoke { by: By::Owner, .. } => "revoke",
        Op::Revoke { by: By::Stranger, .. } => "revoke of a stranger",
        Op::Revoke { by: By::Forger, .. } => "revoke of a forger",
        Op::Odd(_) => "odd",
        Op::Wait(_) | Op::Back(_) => return None,
    })
}

fn word(answer: &Answer) -> Option<&'static str> {
    Some(match answer {
        Answer::Nothing => return None,
        Answer::Registered => "Registered",
        Answer::Started => "Started",
        Answer::Token => "Token",
        Answer::Revoked => "Revoked",
        Answer::Refused(fault) => fault,
        Answer::Reviewed => "Reviewed",
        Answer::Decided => "Decided",
        Answer::UnknownCode => "UnknownCode",
        Answer::ExpiredCode => "ExpiredCode",
        Answer::AlreadyDecided => "AlreadyDecided",
        Answer::TooManyGuesses(_) => "TooManyGuesses",
    })
}

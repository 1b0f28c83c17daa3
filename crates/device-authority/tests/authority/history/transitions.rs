//! The complete table of transitions: the possible responses to each operation, by the state of its code or
//! token family.
//!
//! It is written from RFC 8628 §3.5, RFC 6749 §5.2, RFC 7009 §2.2 and the crate's documentation. The model's
//! histories must reach every row, and nothing else.

use std::collections::BTreeSet;

use super::op::{Answer, By, Decision, Op, Which};
use super::reference::Reference;

/// The state before, the operation, and the response.
pub(crate) type Transition = (&'static str, &'static str, &'static str);

type Names = &'static [&'static str];

const CODES: Names = &["pending", "approved", "denied", "lapsed", "dead", "collected", "forgotten"];
const CHAINS: Names = &["alive", "ended", "over"];
/// Operations that are checked before any look-up, or that need no record.
const ANY: Names = &["any"];

/// Rows with the same responses share an entry.
const TABLE: &[(Names, Names, Names)] = &[
    (&["pending"], &["poll"], &["authorization_pending", "slow_down"]),
    // Too early for a server that checks the pace first.
    (&["approved"], &["poll"], &["Token", "slow_down"]),
    (&["denied"], &["poll"], &["access_denied", "slow_down"]),
    (&["lapsed", "dead"], &["poll"], &["expired_token"]),
    (&["collected", "forgotten"], &["poll"], &["invalid_grant"]),
    (CODES, &["poll of a stranger"], &["invalid_grant"]),
    (&["pending"], &["approve", "deny", "lapse"], &["Decided"]),
    (&["approved", "denied", "collected"], &["approve", "deny", "lapse"], &["AlreadyDecided"]),
    (&["lapsed"], &["approve", "deny", "lapse"], &["ExpiredCode"]),
    // A decision made in time is reported, even if the code has expired since.
    (&["dead"], &["approve", "deny", "lapse"], &["ExpiredCode", "AlreadyDecided"]),
    (&["forgotten"], &["approve", "deny", "lapse"], &["UnknownCode"]),
    // No client to show if the registration has expired meanwhile.
    (&["pending"], &["peek"], &["Reviewed", "ExpiredCode"]),
    (&["approved", "denied", "collected"], &["peek"], &["AlreadyDecided"]),
    (&["lapsed"], &["peek"], &["ExpiredCode"]),
    (&["dead"], &["peek"], &["ExpiredCode", "AlreadyDecided"]),
    (&["forgotten"], &["peek"], &["UnknownCode"]),
    (&["alive"], &["refresh"], &["Token"]),
    (&["ended", "over"], &["refresh"], &["invalid_grant"]),
    // Either too late, or in its grace period.
    (&["alive"], &["refresh with a rotated token"], &["invalid_grant", "Token"]),
    (&["ended", "over"], &["refresh with a rotated token"], &["invalid_grant"]),
    (CHAINS, &["refresh of a stranger", "refresh of a stranger with a rotated token"], &["invalid_grant"]),
    (CHAINS, &["revoke"], &["Revoked"]),
    // Without a record the owner is unknown.
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

/// Returns every row.
pub(crate) fn table() -> BTreeSet<Transition> {
    let rows = TABLE.iter().flat_map(|(from, acts, answers)| {
        let pairs = from.iter().flat_map(move |from| acts.iter().map(move |act| (*from, *act)));
        pairs.flat_map(move |(from, act)| answers.iter().map(move |answer| (from, act, *answer)))
    });
    rows.collect()
}

/// Returns the state before an operation, of its code or token family.
pub(crate) fn status(told: &Reference, op: Op) -> &'static str {
    match op {
        Op::Poll { device, .. } | Op::Decide { device, .. } | Op::Peek { device, .. } => {
            of_code(told, told.code(device, 0))
        }
        Op::Replay { device } => of_code(told, told.code(device, 1)),
        Op::Refresh { device, .. } | Op::Revoke { device, .. } => of_family(told, told.chain_of(device)),
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
        (_, Some(Decision::Expire)) => "lapsed",
    }
}

fn of_family(told: &Reference, family: Option<usize>) -> &'static str {
    match family.map(|family| &told.families[family]) {
        None => "none",
        Some(family) if !family.alive => "over",
        Some(family) if told.now >= family.ends => "ended",
        Some(_) => "alive",
    }
}

/// Returns the row, from the state before. Passing time has none.
pub(crate) fn transition(from: &'static str, op: Op, answer: &Answer) -> Option<Transition> {
    let act = act(op)?;
    let answer = word(answer)?;
    // The client and the guesses are checked before any look-up.
    let is_early = answer == "invalid_client" || answer == "TooManyGuesses";
    Some((if is_early { "any" } else { from }, act, answer))
}

fn act(op: Op) -> Option<&'static str> {
    Some(match op {
        Op::Register { .. } => "register",
        Op::Start { .. } => "start",
        // A poll with an old code is an ordinary poll.
        Op::Replay { .. } | Op::Poll { by: By::Owner, .. } => "poll",
        Op::Poll { by: By::Stranger, .. } => "poll of a stranger",
        Op::Poll { by: By::Forger, .. } => "poll of a forger",
        Op::Decide { decision: Decision::Approve, .. } => "approve",
        Op::Decide { decision: Decision::Deny, .. } => "deny",
        Op::Decide { decision: Decision::Expire, .. } => "lapse",
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

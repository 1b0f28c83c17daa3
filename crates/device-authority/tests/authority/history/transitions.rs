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

const CODES: Names =
    &["pending", "approved", "denied", "expired by decision", "expired", "redeemed", "forgotten"];
const FAMILIES: Names = &["valid", "expired", "revoked"];
/// Operations that are checked before any look-up, or that need no record.
const ANY: Names = &["any"];

/// Rows with the same responses share an entry.
const TABLE: &[(Names, Names, Names)] = &[
    (&["pending"], &["poll"], &["authorization_pending", "slow_down"]),
    // Too early for a server that checks the pace first.
    (&["approved"], &["poll"], &["Token", "slow_down"]),
    (&["denied"], &["poll"], &["access_denied", "slow_down"]),
    (&["expired by decision", "expired"], &["poll"], &["expired_token"]),
    // Either too late, or in its grace period.
    (&["redeemed"], &["poll"], &["invalid_grant", "SameTokens"]),
    (&["forgotten"], &["poll"], &["invalid_grant"]),
    (CODES, &["poll of another client"], &["invalid_grant"]),
    (&["pending"], &["approve", "deny", "expire"], &["Decided"]),
    (&["approved", "denied", "redeemed"], &["approve", "deny", "expire"], &["AlreadyDecided"]),
    (&["expired by decision"], &["approve", "deny", "expire"], &["ExpiredCode"]),
    // A decision made in time is reported, even if the code has expired since.
    (&["expired"], &["approve", "deny", "expire"], &["ExpiredCode", "AlreadyDecided"]),
    (&["forgotten"], &["approve", "deny", "expire"], &["UnknownCode"]),
    // No client to show if the registration has expired meanwhile.
    (&["pending"], &["peek"], &["Reviewed", "ExpiredCode"]),
    (&["approved", "denied", "redeemed"], &["peek"], &["AlreadyDecided"]),
    (&["expired by decision"], &["peek"], &["ExpiredCode"]),
    (&["expired"], &["peek"], &["ExpiredCode", "AlreadyDecided"]),
    (&["forgotten"], &["peek"], &["UnknownCode"]),
    (&["valid"], &["refresh"], &["Token"]),
    (&["expired", "revoked"], &["refresh"], &["invalid_grant"]),
    // Either too late, or in its grace period.
    (&["valid"], &["refresh with a rotated token"], &["invalid_grant", "Token"]),
    (&["expired", "revoked"], &["refresh with a rotated token"], &["invalid_grant"]),
    (
        FAMILIES,
        &["refresh of another client", "refresh of another client with a rotated token"],
        &["invalid_grant"],
    ),
    (FAMILIES, &["revoke"], &["Revoked"]),
    // Without a record the owner is unknown.
    (&["valid", "expired"], &["revoke of another client"], &["invalid_grant"]),
    (&["revoked"], &["revoke of another client"], &["Revoked"]),
    (ANY, &["poll", "poll of another client", "refresh", "refresh of another client"], &["invalid_client"]),
    (ANY, &["refresh with a rotated token"], &["invalid_client"]),
    (ANY, &["refresh of another client with a rotated token"], &["invalid_client"]),
    (ANY, &["revoke", "revoke of another client"], &["invalid_client"]),
    (
        ANY,
        &["poll with a wrong secret", "refresh with a wrong secret", "revoke with a wrong secret"],
        &["invalid_client"],
    ),
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
        Op::Refresh { device, .. } | Op::Revoke { device, .. } => of_family(told, told.family_of(device)),
        _ => "any",
    }
}

fn of_code(told: &Reference, code: Option<usize>) -> &'static str {
    let Some(code) = code.map(|code| &told.codes[code]) else { return "none" };
    match (code.spent, code.decision) {
        _ if !code.known => "forgotten",
        (Some(_), _) => "redeemed",
        _ if told.now >= code.expires_at => "expired",
        (_, None) => "pending",
        (_, Some(Decision::Approve)) => "approved",
        (_, Some(Decision::Deny)) => "denied",
        (_, Some(Decision::Expire)) => "expired by decision",
    }
}

fn of_family(told: &Reference, family: Option<usize>) -> &'static str {
    match family.map(|family| &told.families[family]) {
        None => "none",
        Some(family) if !family.alive => "revoked",
        Some(family) if told.now >= family.ends => "expired",
        Some(_) => "valid",
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
        Op::Poll { by: By::AnotherClient, .. } => "poll of another client",
        Op::Poll { by: By::WrongSecret, .. } => "poll with a wrong secret",
        Op::Decide { decision: Decision::Approve, .. } => "approve",
        Op::Decide { decision: Decision::Deny, .. } => "deny",
        Op::Decide { decision: Decision::Expire, .. } => "expire",
        Op::Guess { .. } => "guess",
        Op::Peek { .. } => "peek",
        Op::Refresh { by: By::WrongSecret, .. } => "refresh with a wrong secret",
        Op::Refresh { token: Which::Current, by: By::Owner, .. } => "refresh",
        Op::Refresh { token: Which::Current, by: By::AnotherClient, .. } => "refresh of another client",
        Op::Refresh { token: Which::Rotated, by: By::Owner, .. } => "refresh with a rotated token",
        Op::Refresh { token: Which::Rotated, by: By::AnotherClient, .. } => {
            "refresh of another client with a rotated token"
        }
        Op::Revoke { by: By::Owner, .. } => "revoke",
        Op::Revoke { by: By::AnotherClient, .. } => "revoke of another client",
        Op::Revoke { by: By::WrongSecret, .. } => "revoke with a wrong secret",
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
        Answer::SameTokens => "SameTokens",
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

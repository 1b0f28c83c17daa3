//! Checks a client's outcome against the person's decision, the server's responses and the network's faults.

use device_flow::{Expiry, Granted, Outcome};
use oidc_proto::FaultCode;

use crate::device::Device;
use crate::faults::SECOND;
use crate::ledger::{Code, Fate};

/// The end of a sign-in, for the summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    Granted,
    Denied,
    ExpiredByClock,
    ExpiredByService,
    Rejected,
    Cancelled,
    /// A token for the code did not arrive, and the client reports it.
    GrantLost(Fate),
    /// The client reports a possible loss, but the server gave no token.
    FalseAlarm(&'static str),
    /// A token for the code did not arrive, and the client reports another outcome.
    LossUnnoticed(Fate),
    Unreachable,
}

/// The facts about the world that a judgement needs.
pub(crate) struct Circumstances {
    pub(crate) now: u64,
    pub(crate) generation: u32,
    pub(crate) interval: u64,
    pub(crate) is_faultless: bool,
}

/// The time for which the server remembers an expired code.
const REMEMBERED: u64 = 600 * SECOND;

/// Returns the outcome of a sign-in in words.
pub(crate) fn told(outcome: Result<&Granted, &Outcome>) -> String {
    outcome.map_or_else(ToString::to_string, |_| "signed in".to_owned())
}

/// Returns the end of a sign-in, or the error in its outcome.
pub(crate) fn judge(
    device: &Device,
    outcome: Result<&Granted, &Outcome>,
    at: &Circumstances,
) -> Result<Ending, String> {
    let code = device.current.and_then(|current| device.codes.get(current));
    let grant = code.and_then(|code| code.grant);
    let forgot = at.generation != device.generation;
    let wrong = |what: &str| Err(format!("the outcome is `{}`, and {what}", told(outcome)));

    if at.is_faultless
        && let Some(code) = code
        && code.approved.is_some_and(|when| when + at.interval + SECOND < code.dies)
        && outcome.is_err()
    {
        return wrong("the person had approved in good time");
    }
    let ending = match outcome {
        Ok(Granted { token, .. }) => {
            let fingerprint = crate::ledger::fingerprint(&token.access_token);
            if grant.is_none_or(|grant| grant.fingerprint != fingerprint) {
                return wrong("the server gave no such token for this code");
            }
            return Ok(Ending::Granted);
        }
        Err(Outcome::Denied(_)) if code.is_some_and(Code::may_be_denied) => return Ok(Ending::Denied),
        Err(Outcome::Denied(_)) => return wrong("no person has denied it"),
        Err(Outcome::Cancelled) if device.cancelled => Ending::Cancelled,
        Err(Outcome::Cancelled) => return wrong("no program has cancelled it"),
        Err(Outcome::GrantLost(_)) if device.observer.doubtful == 0 => return wrong("no answer was lost"),
        // The service's word is the last one on a code that lives: the approval would be lost.
        Err(Outcome::GrantLost(Expiry::Service(_)))
            if grant.is_none() && !forgot && code.is_some_and(|code| at.now < code.dies) =>
        {
            return wrong("the server gave no token for this code, which lives");
        }
        Err(Outcome::GrantLost(_)) => {
            return Ok(match grant {
                Some(grant) => Ending::GrantLost(grant.fate),
                None => Ending::FalseAlarm(match code {
                    _ if forgot => "the server had forgotten the code",
                    Some(code) if code.approved.is_some() => "approved, and expired before the next poll",
                    Some(code) if code.denied => "denied, and expired before the next poll",
                    _ => "the code expired undecided",
                }),
            });
        }
        Err(Outcome::Expired(Expiry::Clock(_))) if !device.observer.is_past_deadline() => {
            return wrong("the code lives by the client's clock");
        }
        Err(Outcome::Expired(Expiry::Clock(_))) => Ending::ExpiredByClock,
        Err(Outcome::Expired(_)) if code.is_none_or(|code| at.now < code.dies) => {
            return wrong("the code lives by the server's clock");
        }
        Err(Outcome::Expired(_)) => Ending::ExpiredByService,
        Err(Outcome::Rejected { fault, .. }) => {
            let gone = code.is_some_and(|code| at.now >= code.dies + REMEMBERED);
            let no_good = fault.code == FaultCode::InvalidGrant && (grant.is_some() || gone);
            if !forgot && !no_good {
                return wrong("the server knows the client and the code");
            }
            Ending::Rejected
        }
        Err(Outcome::Unreachable { .. }) if !at.is_faultless => Ending::Unreachable,
        _ => return wrong("that cannot be"),
    };
    // A token went out and did not arrive, so the client should report it. There are three exceptions: it
    // cannot know, the server has lost its records, or it reports that no response ever came.
    match grant {
        None => Ok(ending),
        Some(grant)
            if grant.fate == Fate::AnsweredACopy
                || device.cancelled
                || forgot
                || ending == Ending::Unreachable =>
        {
            Ok(Ending::LossUnnoticed(grant.fate))
        }
        Some(grant) => wrong(&format!("a token had gone out for it: {}", grant.fate.text())),
    }
}

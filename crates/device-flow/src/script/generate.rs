//! Scripts and histories from bytes. Important kinds are more frequent, and the first of a list is the
//! simplest.

use core::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use oidc_proto::{Fault, FaultCode, Indeterminate, IndeterminateReason, Operation};

use crate::script::{Event, History, Script, ScriptedAnswer};
use crate::{Failure, Reply};

/// The longest script and history. Longer ones cost more and find nothing new.
const MOST: usize = 128;

/// Returns one of these, by weight.
fn one_of<T: Copy>(u: &mut Unstructured<'_>, of: &[(u32, T)]) -> Result<T> {
    let all = of.iter().map(|(weight, _)| weight).sum();
    let mut at = u.int_in_range(1..=all)?;
    for (weight, value) in of {
        match at.checked_sub(*weight) {
            None | Some(0) => return Ok(*value),
            Some(rest) => at = rest,
        }
    }
    Err(arbitrary::Error::EmptyChoose)
}

fn seconds(u: &mut Unstructured<'_>, most: u64) -> Result<Duration> {
    u.int_in_range(0..=most).map(Duration::from_secs)
}

fn millis(u: &mut Unstructured<'_>, most: u64) -> Result<Duration> {
    u.int_in_range(0..=most).map(Duration::from_millis)
}

/// Returns a `Retry-After`, rarely.
fn retry_after(u: &mut Unstructured<'_>) -> Result<Option<Duration>> {
    if one_of(u, &[(4, false), (1, true)])? { seconds(u, 100).map(Some) } else { Ok(None) }
}

fn fault(u: &mut Unstructured<'_>) -> Result<Fault> {
    // `None` is a service that refuses without a standard code.
    let code = one_of(
        u,
        &[
            (10, Some(&FaultCode::AuthorizationPending)),
            (6, Some(&FaultCode::SlowDown)),
            (1, Some(&FaultCode::AccessDenied)),
            (1, Some(&FaultCode::ExpiredToken)),
            (2, Some(&FaultCode::InvalidGrant)),
            (1, Some(&FaultCode::InvalidClient)),
            (1, Some(&FaultCode::UnauthorizedClient)),
            (2, Some(&FaultCode::InternalServer)),
            (1, Some(&FaultCode::InvalidRequest)),
            (1, None),
        ],
    )?;
    let mut fault = match code {
        Some(code) => Fault::new(code.clone()),
        None => Fault::new(FaultCode::Other("TooManyRequestsException".to_owned())).with_status(429),
    };
    fault.retry_after = retry_after(u)?;
    Ok(fault)
}

fn indeterminate(u: &mut Unstructured<'_>) -> Result<Indeterminate> {
    let status = one_of(u, &[(2, 502), (1, 200), (1, 404), (1, 429), (1, 500), (1, 501)])?;
    let mut none = Indeterminate::new(IndeterminateReason::Html, status);
    none.retry_after = retry_after(u)?;
    Ok(none)
}

/// Returns a success with no interval, a usual one, or one beyond the retry window.
fn success(u: &mut Unstructured<'_>) -> Result<ScriptedAnswer> {
    let interval = match one_of(u, &[(2, 0_u8), (6, 1), (1, 2)])? {
        0 => None,
        1 => Some(seconds(u, 20)?),
        _ => Some(Duration::from_secs(u64::MAX)),
    };
    Ok(ScriptedAnswer::Success { interval, expires_in: Duration::from_secs(u.int_in_range(1..=900)?) })
}

/// Returns a result. Besides `successes` successes it weighs 18 others.
fn answer(u: &mut Unstructured<'_>, successes: u32) -> Result<ScriptedAnswer> {
    Ok(match one_of(u, &[(successes, 0_u8), (11, 1), (2, 2), (1, 3), (4, 4)])? {
        0 => success(u)?,
        1 => ScriptedAnswer::Fault(fault(u)?),
        2 => ScriptedAnswer::Indeterminate(indeterminate(u)?),
        3 => ScriptedAnswer::InvalidResponse,
        _ => {
            let kinds = [(3, Failure::Unknown), (2, Failure::NotSent), (1, Failure::ProxyRefused)];
            ScriptedAnswer::Failed(one_of(u, &kinds)?)
        }
    })
}

/// Returns a result for what is most likely a poll. A success would end the sign-in, so it is rare.
fn later(u: &mut Unstructured<'_>) -> Result<ScriptedAnswer> {
    answer(u, 1)
}

/// Returns the number of repetitions. Some rules concern several equal results in a row.
fn again(u: &mut Unstructured<'_>) -> Result<u8> {
    one_of(u, &[(12, 0), (1, 1), (2, 2)])
}

impl<'a> Arbitrary<'a> for ScriptedAnswer {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        answer(u, 11)
    }
}

impl<'a> Arbitrary<'a> for Reply {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let operation = *u.choose(Operation::SIGN_IN)?;
        Ok(ScriptedAnswer::arbitrary(u)?.reply(operation))
    }
}

impl<'a> Arbitrary<'a> for Event {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match one_of(u, &[(12, 0_u8), (8, 1), (4, 2), (1, 3), (1, 4), (1, 5)])? {
            0 => Self::Answer(later(u)?),
            1 => Self::Wake,
            2 => Self::Pass(millis(u, 20_000)?),
            3 => Self::GoBack(millis(u, 20_000)?),
            4 => Self::Abandon,
            // Rare, because most histories would end early otherwise.
            _ if one_of(u, &[(9, false), (1, true)])? => Self::Cancel,
            _ => Self::Wake,
        })
    }
}

/// Returns the beginning of most sign-ins: a client and codes. Without it half of them would end before there
/// are codes.
fn beginning(u: &mut Unstructured<'_>) -> Result<Vec<ScriptedAnswer>> {
    if one_of(u, &[(3, true), (1, false)])? { Ok(vec![success(u)?, success(u)?]) } else { Ok(Vec::new()) }
}

impl<'a> Arbitrary<'a> for Script {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut script = Self::new(beginning(u)?);
        while !u.is_empty() && script.steps.len() < MOST {
            let took = one_of(u, &[(3, 100), (1, 40_000)])?;
            let (took, answer) = (millis(u, took)?, later(u)?);
            for _ in 0..=again(u)? {
                script = script.then(took, answer.clone());
            }
        }
        Ok(script)
    }
}

impl<'a> Arbitrary<'a> for History {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut events: Vec<_> = beginning(u)?.into_iter().map(Event::Answer).collect();
        while !u.is_empty() && events.len() < MOST {
            let event = Event::arbitrary(u)?;
            if let Event::Answer(answer) = &event {
                for _ in 0..again(u)? {
                    events.extend([Event::Answer(answer.clone()), Event::Wake]);
                }
            }
            events.push(event);
        }
        Ok(Self::new(events))
    }
}

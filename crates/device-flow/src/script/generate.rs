//! Scripts and histories from bytes. The kinds that matter come more often, and the first of a list is the simplest.

use core::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use oidc_proto::{Fault, FaultCode, NoVerdict, NoVerdictReason, Operation};

use crate::script::{Event, History, Script, ScriptedAnswer};
use crate::{Failure, Reply};

/// The longest script and history. A longer one says no more, and costs more.
const MOST: usize = 128;

/// One of these, each as often as its weight.
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

/// A `Retry-After`, seldom.
fn retry_after(u: &mut Unstructured<'_>) -> Result<Option<Duration>> {
    if one_of(u, &[(4, false), (1, true)])? { seconds(u, 100).map(Some) } else { Ok(None) }
}

fn fault(u: &mut Unstructured<'_>) -> Result<Fault> {
    // `None` is a service that turns requests away, and has no code of the standard for it.
    let code = one_of(
        u,
        &[
            (8, Some(&FaultCode::AuthorizationPending)),
            (4, Some(&FaultCode::SlowDown)),
            (2, Some(&FaultCode::AccessDenied)),
            (3, Some(&FaultCode::ExpiredToken)),
            (3, Some(&FaultCode::InvalidGrant)),
            (2, Some(&FaultCode::InvalidClient)),
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

fn no_verdict(u: &mut Unstructured<'_>) -> Result<NoVerdict> {
    let status = one_of(u, &[(2, 502), (1, 200), (1, 404), (1, 429), (1, 500), (1, 501)])?;
    let mut none = NoVerdict::new(NoVerdictReason::Html, status);
    none.retry_after = retry_after(u)?;
    Ok(none)
}

/// No interval, a usual one, or one that is beyond all patience.
fn success(u: &mut Unstructured<'_>) -> Result<ScriptedAnswer> {
    let interval = match one_of(u, &[(2, 0_u8), (6, 1), (1, 2)])? {
        0 => None,
        1 => Some(seconds(u, 20)?),
        _ => Some(Duration::from_secs(u64::MAX)),
    };
    Ok(ScriptedAnswer::Success { interval, expires_in: Duration::from_secs(u.int_in_range(1..=900)?) })
}

impl<'a> Arbitrary<'a> for ScriptedAnswer {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match one_of(u, &[(9, 0_u8), (9, 1), (2, 2), (1, 3), (4, 4)])? {
            0 => success(u)?,
            1 => Self::Fault(fault(u)?),
            2 => Self::NoVerdict(no_verdict(u)?),
            3 => Self::Violation,
            _ => {
                let kinds = [(3, Failure::Unknown), (2, Failure::NotSent), (1, Failure::ProxyRefused)];
                Self::Failed(one_of(u, &kinds)?)
            }
        })
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
            0 => Self::Answer(u.arbitrary()?),
            1 => Self::Wake,
            2 => Self::Pass(millis(u, 20_000)?),
            3 => Self::GoBack(millis(u, 20_000)?),
            4 => Self::Abandon,
            // Most histories would end early otherwise.
            _ if one_of(u, &[(9, false), (1, true)])? => Self::Cancel,
            _ => Self::Wake,
        })
    }
}

/// As many as the bytes are enough for, after these.
fn some<'a, T>(
    u: &mut Unstructured<'a>,
    mut some: Vec<T>,
    one: impl Fn(&mut Unstructured<'a>) -> Result<T>,
) -> Result<Vec<T>> {
    while !u.is_empty() && some.len() < MOST {
        some.push(one(u)?);
    }
    Ok(some)
}

/// What most sign-ins begin with: a client and codes. Half of them would end before there are codes otherwise.
fn beginning(u: &mut Unstructured<'_>) -> Result<Vec<ScriptedAnswer>> {
    if one_of(u, &[(3, true), (1, false)])? { Ok(vec![success(u)?, success(u)?]) } else { Ok(Vec::new()) }
}

impl<'a> Arbitrary<'a> for Script {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let beginning = beginning(u)?.into_iter().map(|answer| (Duration::ZERO, answer)).collect();
        let steps = some(u, beginning, |u| {
            let took = one_of(u, &[(3, 100), (1, 40_000)])?;
            Ok((millis(u, took)?, u.arbitrary()?))
        })?;
        Ok(Self { steps })
    }
}

impl<'a> Arbitrary<'a> for History {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let beginning = beginning(u)?.into_iter().map(Event::Answer).collect();
        some(u, beginning, Event::arbitrary).map(Self::new)
    }
}

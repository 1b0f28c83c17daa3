//! The documented rules, as properties of arbitrary histories.

use std::time::Duration;

use device_flow::script::{Event, ScriptedAnswer, strategies};
use device_flow::{Action, DeviceFlow, FirstPoll, Operation, Outcome, PendingRequest, Reply, Tick};
use oidc_proto::FaultCode;
use proptest::prelude::*;

use crate::scenario::{policy, registration, service};

/// An observer that computes the allowed times from requests and replies.
#[derive(Default)]
struct Watch {
    /// Whether the first poll may be sent at once.
    eager: bool,
    floor: Duration,
    /// The earliest time of the next CreateToken.
    earliest: Tick,
    deadline: Option<Tick>,
    /// The interval that came with the codes, and their life.
    announced: Duration,
    life: Duration,
    /// The time of the latest reply to a poll; none before the first.
    answered: Option<Tick>,
    slow_downs: u32,
    granted: bool,
    registrations: u32,
}

impl Watch {
    /// Returns whether this is the last poll of a code, which may precede the floor, but not the announced
    /// interval.
    fn is_last(&self, now: Tick, deadline: Tick) -> bool {
        let lead = Duration::from_secs(2).min(self.life / 4);
        now + lead >= deadline && self.answered.is_none_or(|answered| now >= answered + self.announced)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn no_history_breaks_a_rule(cached in any::<bool>(), eager in any::<bool>(), history in strategies::history()) {
        let cached = cached.then(|| registration("cached"));
        let mut now = Tick::since_origin(Duration::from_secs(50));
        let mut latest = now;
        let policy = if eager { policy().with_first_poll(FirstPoll::Immediately) } else { policy() };
        let mut flow = DeviceFlow::new(service(), policy, cached, now);
        let mut under_way = None;
        let mut wake = None;
        let mut watch = Watch { eager, ..Watch::default() };
        let mut ended = None;

        for event in history.events() {
            match event {
                Event::Pass(time) => now = now + *time,
                Event::GoBack(time) => now = Tick::since_origin(now.elapsed().saturating_sub(*time)),
                Event::Wake => now = wake.take().unwrap_or(now),
                Event::Answer(met) => {
                    if let Some(out) = under_way.take() {
                        latest = latest.max(now);
                        answer(&mut flow, out, now, latest, met, &mut watch)?;
                    }
                }
                Event::Abandon => {
                    drop(under_way.take());
                    flow.abandon(now);
                    latest = latest.max(now);
                }
                Event::Cancel => {
                    drop(under_way.take());
                    flow.cancel();
                }
            }
            latest = latest.max(now);

            // The flow settles: a prompt, then another action.
            let mut action = flow.poll(now);
            if matches!(action, Action::Prompt(_)) {
                prop_assert!(ended.is_none());
                action = flow.poll(now);
            }
            match action {
                Action::Send(out) => {
                    prop_assert!(under_way.is_none(), "one request at a time");
                    prop_assert!(ended.is_none(), "an ended flow sends nothing");
                    prop_assert!(!watch.granted, "nothing is sent after success");
                    if out.operation() == Operation::CreateToken {
                        let deadline = watch.deadline.expect("no poll without a code");
                        prop_assert!(latest < deadline, "sent at {latest:?}, deadline {deadline:?}");
                        let is_allowed = latest >= watch.earliest || watch.is_last(latest, deadline);
                        prop_assert!(is_allowed, "sent at {latest:?}, before {:?}", watch.earliest);
                    }
                    under_way = Some(out);
                }
                Action::Wait(until) => {
                    prop_assert!(until > latest, "a wait lies in the future");
                    if let Some(deadline) = flow.deadline() {
                        prop_assert!(until <= deadline, "no wait ends after the deadline");
                    }
                    prop_assert!(flow.outcome().is_none());
                    wake = Some(until);
                }
                Action::AwaitReply => prop_assert!(under_way.is_some() || flow.outcome().is_none()),
                Action::Done => {
                    let outcome = flow.outcome().map(|end| end.cloned().map_err(Outcome::clone));
                    prop_assert!(outcome.is_some());
                    if let Some(before) = &ended {
                        prop_assert_eq!(Some(before), outcome.as_ref(), "terminal is sticky");
                    }
                    ended = outcome;
                }
                Action::Prompt(_) => prop_assert!(false, "a prompt comes once"),
            }
            prop_assert!(watch.registrations <= 1, "registered {} times", watch.registrations);
        }
    }
}

/// Replies to the request in flight, and updates the allowed times.
fn answer(
    flow: &mut DeviceFlow,
    asked: PendingRequest,
    now: Tick,
    latest: Tick,
    met: &ScriptedAnswer,
    watch: &mut Watch,
) -> Result<(), TestCaseError> {
    let operation = asked.operation();
    let reply = met.reply(operation);
    match &reply {
        Reply::Registered(_) => watch.registrations += 1,
        Reply::Authorized(codes) => {
            watch.floor = codes.interval.unwrap_or(Duration::from_secs(5)).max(Duration::from_secs(1));
            watch.deadline = Some(latest + codes.expires_in);
            (watch.announced, watch.life) = (watch.floor, codes.expires_in);
            (watch.answered, watch.slow_downs) = (None, 0);
            // The floor of an earlier code still applies.
            let first = if watch.eager { latest } else { latest + watch.floor };
            watch.earliest = watch.earliest.max(first);
        }
        Reply::Granted(_) => watch.granted = true,
        Reply::Fault(fault) if operation == Operation::CreateToken => {
            if fault.code == FaultCode::SlowDown {
                watch.floor = watch.floor.saturating_add(Duration::from_secs(5));
                let share = if watch.slow_downs == 0 { 0 } else { watch.floor.as_secs().div_ceil(10) };
                watch.floor = watch.floor.saturating_add(Duration::from_secs(share));
                watch.slow_downs += 1;
            } else if fault.code == FaultCode::AuthorizationPending {
                watch.slow_downs = 0;
            }
            watch.earliest = latest + watch.floor.max(fault.retry_after.unwrap_or_default());
        }
        Reply::Fault(_) | Reply::Indeterminate(_) | Reply::InvalidResponse(_) | Reply::Failed(_) => {}
    }
    prop_assert_eq!(flow.on_reply(asked, now, reply), Ok(()));
    // The floor counts from the reply, which is stricter than from the request.
    if operation == Operation::CreateToken {
        watch.earliest = watch.earliest.max(latest + watch.floor);
        watch.answered = Some(latest);
    }
    Ok(())
}

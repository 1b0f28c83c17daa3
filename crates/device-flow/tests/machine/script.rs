//! The generated scripts and histories reach every case.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use device_flow::script::{Event, History, Script, ScriptedAnswer, strategies};
use device_flow::{Action, AnsweredBy, DeviceFlow, Failure, Operation, Outcome, Reply, Tick, VirtualTime};
use oidc_proto::{Dialect, Fault, FaultCode, Indeterminate, IndeterminateReason};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::scenario::{policy, registration, secs, service};

/// Returns this many values of a strategy, the same in every run.
fn some<T: std::fmt::Debug>(count: usize, of: impl Strategy<Value = T>) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| of.new_tree(&mut runner).unwrap().current()).collect()
}

fn new_flow() -> DeviceFlow {
    DeviceFlow::new(service(), policy(), None, Tick::ZERO)
}

fn name(flow: &DeviceFlow) -> &'static str {
    match flow.outcome() {
        Some(Ok(_)) => "granted",
        Some(Err(outcome)) => outcome.name(),
        None => "not ended",
    }
}

#[test]
fn histories_and_scripts_reach_every_end_that_a_service_can_bring_about() {
    for (kind, histories) in [
        ("histories", some(2_000, strategies::history())),
        ("scripts", some(2_000, strategies::script().prop_map(History::from))),
    ] {
        let mut ends = BTreeMap::<_, u32>::new();
        for history in histories {
            let mut flow = new_flow();
            history.play(&mut flow, Tick::ZERO);
            *ends.entry(name(&flow)).or_default() += 1;
        }
        println!("{kind}: {ends:?}");
        for end in [
            "granted",
            "denied",
            "expired",
            "rejected",
            "grant_lost",
            "refused",
            "unreachable",
            "invalid_response",
        ] {
            assert!(ends.get(end).is_some_and(|count| *count >= 10), "{kind}: {end} in {ends:?}");
        }
        assert_eq!(ends.contains_key("cancelled"), kind == "histories");
        assert_eq!(ends.get("not ended"), None);
    }
}

#[test]
fn every_kind_of_answer_is_made_for_every_operation() {
    let mut kinds = BTreeSet::new();
    for reply in some(3_000, strategies::reply()) {
        kinds.insert(match reply {
            Reply::Registered(_) => "registered",
            Reply::Authorized(_) => "authorized",
            Reply::Granted(_) => "granted",
            Reply::Fault(fault) if fault.status == 429 => "throttled",
            Reply::Fault(fault) if fault.retry_after.is_some() => "later",
            Reply::Fault(_) => "fault",
            Reply::Indeterminate(_) => "indeterminate",
            Reply::InvalidResponse(_) => "invalid",
            Reply::Failed(Failure::NotSent) => "not sent",
            Reply::Failed(Failure::ProxyRefused) => "proxy",
            Reply::Failed(Failure::Unknown) => "lost",
        });
    }
    assert_eq!(kinds.len(), 11, "{kinds:?}");
}

proptest! {
    /// A reply on the wire decodes to the same reply. The wire has whole seconds.
    #[test]
    fn an_answer_on_the_wire_is_the_same_answer(answer in strategies::answer(), is_aws in any::<bool>()) {
        let mut flow = new_flow();
        let Action::Send(pending) = flow.poll(Tick::ZERO) else { panic!("it registers") };
        let dialect = if is_aws { Dialect::Aws } else { Dialect::OAuth };
        let direct = answer.reply(Operation::RegisterClient);
        let read = match answer.response(Operation::RegisterClient, dialect) {
            Ok(response) if is_aws => Reply::decode(&pending, &response),
            Ok(response) => {
                prop_assert!(response.status().as_u16() >= 200);
                return Ok(());
            }
            Err(failure) => Reply::Failed(failure),
        };
        let kind = |reply: &Reply| match reply {
            Reply::Fault(fault) => format!("{} {} {:?}", fault.code, fault.status, fault.retry_after),
            Reply::Indeterminate(none) => format!("{} {:?}", none.status, none.retry_after),
            other => format!("{other:?}"),
        };
        prop_assert_eq!(kind(&read), kind(&direct));
    }

    #[test]
    fn a_history_asks_for_nothing_after_the_end_and_never_waits_for_the_past(history in strategies::history(), cached in any::<bool>()) {
        let mut flow = DeviceFlow::new(service(), policy(), cached.then(|| registration("cached")), Tick::ZERO);
        let played = history.play(&mut flow, Tick::ZERO);
        prop_assert!(played.waits.iter().all(|(from, until)| until > from));
        prop_assert!(played.prompts.len() <= 2);
        let ended = flow.into_result(played.now);
        let polls = ended.as_ref().map_or_else(|end| end.polls, |signed_in| signed_in.polls);
        let sent = played.requests.iter().filter(|(operation, _)| *operation == Operation::CreateToken).count();
        prop_assert_eq!(usize::try_from(polls).unwrap(), sent);
    }
}

#[test]
fn an_event_that_does_not_fit_is_left_out() {
    let history = History::new([
        Event::Answer(ScriptedAnswer::SUCCESS),
        Event::Answer(ScriptedAnswer::InvalidResponse),
        Event::GoBack(secs(900)),
        Event::Abandon,
        Event::Cancel,
        Event::Answer(ScriptedAnswer::SUCCESS),
    ]);
    let mut flow = new_flow();
    let played = history.play(&mut flow, Tick::since_origin(secs(50)));
    assert_eq!((name(&flow), played.requests.len()), ("invalid_response", 2));
}

#[test]
fn a_script_answers_each_request_and_takes_its_time() {
    let mut none = Indeterminate::new(IndeterminateReason::Html, 503);
    none.retry_after = Some(secs(7));
    let mut slow_down = Fault::new(FaultCode::SlowDown);
    slow_down.retry_after = Some(secs(9));
    let script = Script::default()
        .then(secs(1), ScriptedAnswer::Indeterminate(none))
        .then(secs(2), ScriptedAnswer::Fault(slow_down));
    let time = VirtualTime::default();
    let client = AnsweredBy::new(script.answers(service(), time.clone()));
    let mut seen = Vec::new();
    for path in ["client/register", "token", "device_authorization"] {
        let request = http::Request::post(format!("https://oidc.eu-west-1.amazonaws.com/{path}"));
        let answer = client.answer(&request.body(&[][..]).unwrap()).unwrap();
        let after = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        seen.push((answer.status().as_u16(), after, time.now().elapsed().as_secs()));
    }
    assert_eq!(seen, [(503, Some("7".to_owned()), 1), (400, Some("9".to_owned()), 3), (200, None, 3)]);
    assert_eq!(time.now().elapsed(), Duration::from_secs(3));
}

#[test]
fn a_failing_case_is_short_to_read() {
    let mut fault = Fault::new(FaultCode::SlowDown);
    fault.retry_after = Some(secs(3));
    let script = Script::new([ScriptedAnswer::SUCCESS, ScriptedAnswer::Fault(fault)]);
    assert_eq!(
        format!("{:?}", script.steps()),
        "[(0ns, Success(interval Some(5s), expires in 600s)), (0ns, Fault(400 slow_down, retry after 3s))]"
    );
}

#[test]
fn a_script_is_a_history_without_surprises() {
    let denied = Script::new([
        ScriptedAnswer::SUCCESS,
        ScriptedAnswer::SUCCESS,
        ScriptedAnswer::fault(FaultCode::AuthorizationPending),
        ScriptedAnswer::fault(FaultCode::AccessDenied),
    ]);
    let mut flow = new_flow();
    let played = History::from(denied).play(&mut flow, Tick::ZERO);
    let got = flow.outcome();
    assert!(matches!(got, Some(Err(Outcome::Denied(_)))), "{got:?}");
    assert_eq!(played.now.elapsed(), secs(10));
    let last = (
        Operation::CreateToken,
        Tick::since_origin(secs(10)),
        ScriptedAnswer::fault(FaultCode::AccessDenied),
    );
    assert_eq!(played.answers.last(), Some(&last));
}

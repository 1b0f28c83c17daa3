//! The public calls: repeated, early, late, with another flow's request, with time that goes backwards.

use device_flow::{Action, ApiMisuse, Operation, Outcome, Reply, Tick};
use oidc_proto::FaultCode;

use crate::scenario::{Scenario, authorization, fault, pending, policy, registration, secs, token};

#[test]
fn while_a_reply_is_due_the_flow_says_so_however_often_it_is_asked() {
    let mut scenario = Scenario::new(policy());
    let asked = scenario.next_send();
    for _ in 0..5 {
        scenario.now = scenario.now + secs(100);
        let got = scenario.flow.poll(scenario.now);
        assert!(matches!(got, Action::AwaitReply), "{got:?}");
    }
    scenario.flow.on_reply(asked, scenario.now, Reply::Registered(registration("late"))).unwrap();
    assert_eq!(scenario.flow.registration(), Some(registration("late")));
}

#[test]
fn polling_early_is_harmless_and_changes_nothing() {
    let mut scenario = Scenario::polling(policy(), authorization());
    let due = scenario.now + secs(5);
    for early in 0..5 {
        let action = scenario.flow.poll(scenario.now + secs(early));
        assert!(matches!(action, Action::Wait(until) if until == due), "{action:?}");
    }
    assert!(
        matches!(scenario.flow.poll(due), Action::Send(_)),
        "a wait that has ended is not handed out again"
    );
}

#[test]
fn time_that_goes_backwards_is_read_as_the_latest_seen() {
    let mut scenario = Scenario::polling(policy(), authorization());
    let asked = scenario.next_send();
    let late = scenario.now;
    scenario.flow.on_reply(asked, Tick::ZERO, pending()).unwrap();
    let action = scenario.flow.poll(Tick::ZERO);
    assert!(matches!(action, Action::Wait(until) if until == late + secs(5)), "{action:?}");
}

#[test]
fn an_abandoned_request_counts_as_one_whose_answer_was_lost() {
    let mut scenario = Scenario::polling(policy(), authorization());
    let asked = scenario.next_send();
    drop(asked);
    let got = scenario.flow.poll(scenario.now);
    assert!(matches!(got, Action::AwaitReply), "{got:?}");
    scenario.flow.abandon(scenario.now);
    assert_eq!(scenario.poll(fault(FaultCode::InvalidGrant)), secs(10));
    let got = scenario.outcome();
    assert!(matches!(got, Outcome::GrantLost(_)), "{got:?}");
}

#[test]
fn abandoning_makes_the_request_stale() {
    let mut scenario = Scenario::polling(policy(), authorization());
    let asked = scenario.next_send();
    scenario.flow.abandon(scenario.now);
    assert_eq!(
        scenario.flow.on_reply(asked, scenario.now, Reply::Granted(token())),
        Err(ApiMisuse::StaleRequest)
    );
    // It does not match the next request either.
    let next = scenario.next_send();
    assert_eq!(next.operation(), Operation::CreateToken);
    assert!(scenario.flow.outcome().is_none());
}

#[test]
fn abandoning_nothing_changes_nothing() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.flow.abandon(scenario.now);
    assert_eq!(scenario.poll(pending()), secs(5));
}

#[test]
fn a_request_of_another_flow_is_refused_and_changes_nothing() {
    let mut mine = Scenario::polling(policy(), authorization());
    let mut other = Scenario::polling(policy(), authorization());
    let mine_asked = mine.next_send();
    let foreign = other.next_send();
    assert_eq!(mine.flow.on_reply(foreign, mine.now, Reply::Granted(token())), Err(ApiMisuse::StaleRequest));
    assert!(mine.flow.outcome().is_none());
    mine.flow.on_reply(mine_asked, mine.now, pending()).unwrap();
}

#[test]
fn a_success_of_another_operation_is_refused_and_changes_nothing() {
    let mut scenario = Scenario::new(policy());
    let asked = scenario.next_send();
    assert_eq!(
        scenario.flow.on_reply(asked, scenario.now, Reply::Granted(token())),
        Err(ApiMisuse::WrongOperation { request: Operation::RegisterClient, reply: Operation::CreateToken })
    );
    let got = scenario.flow.poll(scenario.now);
    assert!(matches!(got, Action::AwaitReply), "{got:?}");
    scenario.flow.abandon(scenario.now);
    scenario.answer(Operation::RegisterClient, Reply::Registered(registration("client")));
}

#[test]
fn the_flow_its_actions_and_its_replies_can_cross_threads() {
    fn check<T: Send + Sync + 'static>() {}
    check::<device_flow::DeviceFlow>();
    check::<Action>();
    check::<Reply>();
    check::<Outcome>();
}

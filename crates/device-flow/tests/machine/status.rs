//! The getters of a running flow (phase, polls, deadline, error), and the driver's calls.

use device_flow::{
    Action, Failure, Observer, OnPrompt, OnWait, Operation, Phase, Status, TransientError, UserPrompt,
};
use oidc_proto::FaultCode;

use crate::scenario::{Scenario, authorization, fault, not_sent, pending, policy, secs};

#[test]
fn only_polls_count_as_polls() {
    let mut scenario = Scenario::polling(policy(), authorization());
    assert_eq!(scenario.flow.polls(), 0);
    scenario.poll(pending());
    let _asked = scenario.next_send();
    assert_eq!(scenario.flow.polls(), 2, "one that is under way was sent");
}

#[test]
fn a_status_tells_what_the_flow_waits_for() {
    let mut scenario = Scenario::polling(policy(), authorization());
    let started = scenario.flow.started();
    scenario.poll(not_sent());
    let Action::Wait(until) = scenario.flow.poll(scenario.now) else { panic!("no wait") };
    let status = Status::of(&scenario.flow, scenario.now, until);
    assert_eq!((status.phase, status.now, status.until), (Phase::Polling, scenario.now, until));
    assert_eq!((status.deadline, status.polls), (Some(started + secs(600)), 1));
    assert_eq!(status.error, Some(&TransientError::Failed(Failure::NotSent)));
    assert_eq!(scenario.flow.running_for(until), secs(15));
}

#[test]
fn a_closure_over_the_prompt_is_an_observer() {
    let mut scenario = Scenario::polling(policy(), authorization());
    let prompt = scenario.flow.prompt().expect("there are codes");
    let mut seen = Vec::new();
    let mut waits = Vec::new();
    let mut observer = (
        OnPrompt(|prompt: &UserPrompt| seen.push(prompt.clone())),
        OnWait(|status: &Status<'_>| waits.push((status.wait(), status.code_left()))),
    );
    assert!(observer.prompt(&prompt).is_ok());
    observer.sending(Operation::CreateToken);
    observer.waiting(&Status::of(&scenario.flow, scenario.now, scenario.now + secs(5)));
    assert_eq!((seen, waits), (vec![prompt], vec![(secs(5), Some(secs(600)))]));
    scenario.flow.cancel();
    assert_eq!(scenario.flow.prompt(), None, "a code that is over is not to be shown");
}

#[test]
fn a_response_is_read_for_the_operation_of_its_request() {
    let mut scenario = Scenario::new(policy());
    let bodies = [
        (200, r#"{"clientId":"c","clientSecret":"s","clientSecretExpiresAt":1800000000}"#),
        (200, r#"{"deviceCode":"d","userCode":"U","verificationUri":"https://u.example/","expiresIn":600}"#),
        (400, r#"{"error":"authorization_pending"}"#),
        (200, r#"{"accessToken":"t","expiresIn":28800}"#),
    ];
    for (status, body) in bodies {
        let asked = scenario.next_send();
        let response = http::Response::builder().status(status).body(body).unwrap();
        scenario.flow.on_response(asked, scenario.now, &response).unwrap();
    }
    scenario.granted();
}

#[test]
fn an_ended_flow_has_no_error_and_no_interval() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(not_sent());
    scenario.poll(fault(FaultCode::AccessDenied));
    assert_eq!((scenario.flow.error(), scenario.flow.interval()), (None, None));
}

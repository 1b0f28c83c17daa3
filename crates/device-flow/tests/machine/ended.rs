//! The state Ended is final.

use std::error::Error;
use std::io;

use device_flow::{Action, ApiMisuse, Failure, Operation, Outcome, Phase, Reply, Stop, TransportError};
use oidc_proto::FaultCode;

use crate::scenario::{Scenario, authorization, fault, not_sent, pending, policy, registration, secs, token};

#[test]
fn nothing_is_sent_after_success() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(Reply::Granted(token()));
    let sent = scenario.sent.len();
    for _ in 0..20 {
        scenario.granted();
        scenario.now = scenario.now + secs(100);
        scenario.flow.abandon(scenario.now);
    }
    assert_eq!(scenario.sent.len(), sent);
    assert_eq!(scenario.flow.phase(), Phase::Ended);
    assert_eq!(scenario.flow.deadline(), None);
}

#[test]
fn a_cancelled_flow_sends_nothing_more() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(pending());
    scenario.flow.cancel();
    assert_eq!(scenario.outcome(), Outcome::Cancelled);
}

#[test]
fn a_flow_is_cancelled_in_any_state() {
    let mut scenario = Scenario::new(policy());
    scenario.flow.cancel();
    assert_eq!(scenario.outcome(), Outcome::Cancelled);

    let mut scenario = Scenario::new(policy());
    scenario.answer(Operation::RegisterClient, Reply::Registered(registration("client")));
    scenario.flow.cancel();
    assert_eq!(scenario.outcome(), Outcome::Cancelled);

    let mut scenario = Scenario::with_registration(policy(), Some(registration("cached")));
    scenario.answer(Operation::StartDeviceAuthorization, Reply::Authorized(authorization()));
    scenario.flow.cancel();
    assert_eq!(scenario.outcome(), Outcome::Cancelled);
    assert!(scenario.prompts.is_empty());

    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.flow.cancel();
    assert_eq!(scenario.outcome(), Outcome::Cancelled);
}

#[test]
fn cancelling_an_ended_flow_keeps_its_outcome() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(fault(FaultCode::AccessDenied));
    scenario.flow.cancel();
    let got = scenario.outcome();
    assert!(matches!(got, Outcome::Denied(_)), "{got:?}");
}

#[test]
fn cancel_wins_over_a_reply_that_is_still_out() {
    let mut scenario = Scenario::polling(policy(), authorization());
    let asked = scenario.next_send();
    scenario.flow.cancel();
    let refused = scenario.flow.on_reply(asked, scenario.now, Reply::Granted(token()));
    assert_eq!(refused, Err(ApiMisuse::StaleRequest));
    assert_eq!(scenario.outcome(), Outcome::Cancelled);
}

#[test]
fn a_signed_in_flow_becomes_a_result_with_token_registration_and_figures() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(pending());
    let asked = scenario.next_send();
    scenario.now = scenario.now + secs(3);
    scenario.flow.on_reply(asked, scenario.now, Reply::Granted(token())).unwrap();
    let signed_in = scenario.flow.into_result(scenario.now).unwrap();
    assert_eq!((signed_in.polls, signed_in.token_age, signed_in.elapsed), (2, secs(3), secs(13)));
    assert_eq!(signed_in.expires_in(), Some(secs(28_797)));
    assert!(signed_in.newly_registered);
}

#[test]
fn an_unreachable_service_becomes_an_error_whose_source_is_the_transports() {
    let mut scenario = Scenario::new(policy().with_setup_retry_window(secs(0)));
    let asked = scenario.next_send();
    let cause = TransportError::new(Failure::Unknown, io::Error::other("no route"));
    scenario.flow.on_result(asked, scenario.now, Err(cause)).unwrap();
    let error = scenario.flow.into_result(scenario.now).unwrap_err();
    let source = Error::source(&*error).expect("the cause must not get lost");
    assert_eq!(source.to_string(), "no route");
    assert!(matches!(error.outcome, Outcome::Unreachable { .. }), "{:?}", error.outcome);
}

#[test]
fn a_flow_that_is_not_driven_to_its_end_counts_as_cancelled() {
    let scenario = Scenario::polling(policy(), authorization());
    let error = scenario.flow.into_result(scenario.now).unwrap_err();
    assert_eq!(error.outcome, Outcome::Cancelled);
}

#[test]
fn an_ended_flow_still_says_whether_it_registered() {
    for reply in [Reply::Granted(token()), fault(FaultCode::AccessDenied)] {
        let mut new = Scenario::polling(policy(), authorization());
        new.poll(reply.clone());
        assert!(new.flow.is_newly_registered() && new.flow.registration().is_some());
        let mut cached = Scenario::with_registration(policy(), Some(registration("cached")));
        cached.answer(Operation::StartDeviceAuthorization, Reply::Authorized(authorization()));
        cached.poll(reply);
        assert!(!cached.flow.is_newly_registered() && cached.flow.registration().is_some());
    }
    let mut cancelled = Scenario::polling(policy(), authorization());
    cancelled.flow.cancel();
    assert!(cancelled.flow.is_newly_registered() && cancelled.flow.registration().is_some());
}

#[test]
fn an_end_says_whether_the_person_was_shown_a_code() {
    let end = |scenario: Scenario| scenario.flow.into_result(scenario.now).unwrap_err();
    assert!(!end(Scenario::new(policy())).prompted);
    let mut scenario = Scenario::with_registration(policy(), Some(registration("cached")));
    scenario.answer(Operation::StartDeviceAuthorization, Reply::Authorized(authorization()));
    assert!(!end(scenario).prompted, "the codes have come, and no person has seen them");
    let mut scenario = Scenario::polling(policy(), authorization());
    let got = scenario.flow.poll(scenario.now);
    assert!(matches!(got, Action::Wait(_)), "{got:?}");
    assert!(end(scenario).prompted);
}

#[test]
fn what_main_returns_is_shown_as_the_report_and_its_fields_on_demand() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(fault(FaultCode::AccessDenied));
    let end = scenario.flow.into_result(scenario.now).unwrap_err();
    assert_eq!(format!("{end:?}"), end.report().to_string());
    assert!(
        format!("{:?}", Box::<dyn Error>::from(end))
            .starts_with("the sign-in was denied on the approval page (")
    );
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.flow.cancel();
    let end = scenario.flow.into_result(scenario.now).unwrap_err();
    assert!(format!("{end:#?}").starts_with("NotSignedIn {\n    outcome: Cancelled,"), "{end:#?}");
}

#[test]
fn an_observer_that_stops_a_flow_is_the_reason_and_one_that_comes_too_late_is_not() {
    let stopped = || Stop::from(io::Error::other("no screen"));
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.flow.stop(stopped());
    let end = scenario.flow.into_result(scenario.now).unwrap_err();
    assert_eq!(
        (&end.outcome, end.to_string().as_str()),
        (&Outcome::Cancelled, "the sign-in was stopped: no screen")
    );
    assert!(end.stop.as_ref().and_then(Stop::reason).is_some_and(|reason| reason.is::<io::Error>()));

    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(fault(FaultCode::AccessDenied));
    scenario.flow.stop(stopped());
    let end = scenario.flow.into_result(scenario.now).unwrap_err();
    assert!(matches!(end.outcome, Outcome::Denied(_)) && end.stop.is_none());

    // Without a reason it is an ordinary cancellation.
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.flow.stop(Stop::default());
    assert_eq!(
        scenario.flow.into_result(scenario.now).unwrap_err().to_string(),
        Outcome::Cancelled.to_string()
    );
}

#[test]
fn a_sign_in_is_offline_if_the_last_that_was_seen_is_silence() {
    let ended = |replies: &[fn() -> Reply]| {
        let mut scenario = Scenario::polling(policy(), authorization());
        for reply in replies {
            scenario.poll(reply());
        }
        let deadline = scenario.flow.deadline().unwrap_or(scenario.now);
        let got = scenario.flow.poll(deadline);
        assert!(matches!(got, Action::Done), "{got:?}");
        scenario.flow.into_result(deadline).unwrap_err().is_offline()
    };
    assert!(ended(&[not_sent, not_sent]) && ended(&[pending, not_sent]));
    assert!(!ended(&[pending]) && !ended(&[not_sent, pending]));
    assert!(!ended(&[|| Reply::Failed(Failure::ProxyRefused)]), "a proxy answered");
    assert!(!ended(&[|| fault(FaultCode::AccessDenied)]));
}

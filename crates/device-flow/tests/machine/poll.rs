//! The state Poll: CreateToken when due, until a verdict ends it or the code expires.

use device_flow::{Action, Expiry, FirstPoll, Operation, Outcome, Reply, Tick, TransientError};
use oidc_proto::{Fault, FaultCode, IndeterminateReason};

use crate::scenario::{
    Scenario, authorization, fault, not_sent, pending, policy, registration, response, secs, token, unknown,
};

#[test]
fn the_first_poll_waits_one_interval_from_when_the_codes_arrived() {
    let mut scenario = Scenario::polling(policy(), authorization());
    assert_eq!(scenario.poll(pending()), secs(5));
}

#[test]
fn the_first_poll_may_be_immediate_for_clients_approved_beforehand() {
    let mut scenario = Scenario::polling(policy().with_first_poll(FirstPoll::Immediately), authorization());
    assert_eq!(scenario.poll(pending()), secs(0));
    assert_eq!(scenario.poll(pending()), secs(5));
}

#[test]
fn an_interval_that_is_absent_is_five_seconds_and_one_of_zero_is_one() {
    let mut without = authorization();
    without.interval = None;
    assert_eq!(Scenario::polling(policy(), without).poll(pending()), secs(5));
    assert_eq!(Scenario::polling(policy(), authorization().with_interval(secs(0))).poll(pending()), secs(1));
}

#[test]
fn slow_down_adds_five_seconds_to_every_later_wait() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(fault(FaultCode::SlowDown));
    assert_eq!(scenario.poll(pending()), secs(10));
    assert_eq!(scenario.poll(fault(FaultCode::SlowDown)), secs(10));
    assert_eq!(scenario.poll(pending()), secs(15));
    assert_eq!(scenario.poll(pending()), secs(15));
    assert_eq!(scenario.flow.interval(), Some(secs(15)));
}

#[test]
fn a_time_out_after_slow_down_never_polls_faster_than_the_raised_interval() {
    let mut scenario = Scenario::polling(policy(), authorization().with_interval(secs(10)));
    scenario.poll(fault(FaultCode::SlowDown));
    assert_eq!(scenario.poll(unknown()), secs(15));
    // RFC 8628 §3.5: a client slows down after a time-out; doubling is recommended.
    assert_eq!(scenario.poll(pending()), secs(30));
    // Any verdict resets the backoff; the interval stays 15 s.
    assert_eq!(scenario.poll(pending()), secs(15));
}

#[test]
fn one_blip_does_not_end_a_sign_in() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(not_sent());
    for (status, body) in [
        (502, "<html><body>Bad Gateway</body></html>"),
        (503, ""),
        (500, r#"{"error":"server_error"}"#),
        (200, ""),
        (200, r#"{"accessToken":"cut"#),
        (200, "[]"),
        (302, r#"{"error":"authorization_pending"}"#),
        (429, "slow"),
        (404, r#"{"message":null}"#),
    ] {
        let asked = scenario.next_send();
        let reply = response(&asked, status, &[("location", "https://evil.example/")], body);
        scenario.flow.on_reply(asked, scenario.now, reply).unwrap();
        assert!(scenario.flow.error().is_some(), "{status} {body}");
    }
    scenario.poll(pending());
    assert!(scenario.flow.error().is_none());
    scenario.poll(Reply::Granted(token()));
    scenario.granted();
}

#[test]
fn a_service_that_throttles_under_another_faults_name_has_not_decided() {
    for (status, body) in [
        // Auth0, and AWS's sign-in service for the AWS CLI's `aws login`.
        (500, r#"{"error":"access_denied","error_description":"Global limit has been reached"}"#),
        (429, r#"{"error":"invalid_request"}"#),
        (503, r#"{"error":"invalid_client"}"#),
        (500, r#"{"error":"expired_token"}"#),
    ] {
        let mut scenario = Scenario::with_registration(policy(), Some(registration("cached")));
        for operation in [Operation::StartDeviceAuthorization, Operation::CreateToken] {
            let asked = scenario.next_send();
            assert_eq!(asked.operation(), operation, "{status} {body}");
            let reply = response(&asked, status, &[], body);
            scenario.flow.on_reply(asked, scenario.now, reply).unwrap();
            assert!(scenario.flow.error().is_some(), "{operation} {status} {body}");
            if operation == Operation::StartDeviceAuthorization {
                scenario.answer(operation, Reply::Authorized(authorization()));
            }
        }
        scenario.poll(Reply::Granted(token()));
        scenario.granted();
    }
}

#[test]
fn network_backoff_doubles_and_is_reset_by_any_verdict() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(not_sent());
    let waits: Vec<_> = (0..3).map(|_| scenario.poll(not_sent()).as_secs()).collect();
    assert_eq!(waits, [10, 20, 30]);
    scenario.poll(pending());
    assert_eq!(scenario.poll(not_sent()), secs(5));
}

#[test]
fn retry_after_lengthens_the_gap_that_follows_it() {
    let mut scenario = Scenario::polling(policy(), authorization());
    let asked = scenario.next_send();
    let reply = response(&asked, 503, &[("retry-after", "42")], "busy");
    scenario.flow.on_reply(asked, scenario.now, reply).unwrap();
    assert_eq!(scenario.poll(pending()), secs(42));
    assert_eq!(scenario.poll(pending()), secs(5));
}

#[test]
fn an_error_inside_a_200_is_the_error() {
    let mut scenario = Scenario::polling(policy(), authorization());
    for body in [r#"{"error":"authorization_pending"}"#, r#"{"error":"slow_down","interval":10}"#] {
        let asked = scenario.next_send();
        let reply = response(&asked, 200, &[], body);
        scenario.flow.on_reply(asked, scenario.now, reply).unwrap();
    }
    let asked = scenario.next_send();
    let reply = response(&asked, 200, &[], r#"{"error":"access_denied"}"#);
    scenario.flow.on_reply(asked, scenario.now, reply).unwrap();
    let got = scenario.outcome();
    assert!(matches!(got, Outcome::Denied(_)), "{got:?}");
}

#[test]
fn a_token_is_granted_whatever_stands_beside_it() {
    for body in [
        r#"{"error":"access_denied","accessToken":"t","expiresIn":1}"#,
        r#"{"accessToken":"t"}"#,
        r#"{"accessToken":"t","expiresIn":"never","tokenType":["Bearer"],"refreshToken":{}}"#,
    ] {
        let mut scenario = Scenario::polling(policy(), authorization());
        let asked = scenario.next_send();
        let reply = response(&asked, 200, &[], body);
        scenario.flow.on_reply(asked, scenario.now, reply).unwrap();
        let token = scenario.granted().token;
        assert_eq!((token.access_token.expose(), token.token_type.as_str()), ("t", "Bearer"), "{body}");
        assert!(!token.warnings.is_empty(), "{body}");
    }
}

#[test]
fn the_schedule_counts_from_the_reply_so_a_suspended_machine_causes_no_burst() {
    let mut scenario = Scenario::polling(policy(), authorization());
    let asked = scenario.next_send();
    scenario.now = scenario.now + secs(200); // the machine slept
    scenario.flow.on_reply(asked, scenario.now, pending()).unwrap();
    assert_eq!(scenario.poll(pending()), secs(5));
    scenario.now = scenario.now + secs(100); // slept again, while waiting
    assert_eq!(scenario.poll(pending()), secs(0));
    assert_eq!(scenario.poll(pending()), secs(5));
}

#[test]
fn a_grant_tells_when_its_request_was_sent() {
    let mut scenario = Scenario::polling(policy(), authorization());
    let asked = scenario.next_send();
    let sent = scenario.now;
    scenario.now = scenario.now + secs(9);
    scenario.flow.on_reply(asked, scenario.now, Reply::Granted(token())).unwrap();
    let granted = scenario.granted();
    assert_eq!((granted.token, granted.requested_at), (token(), sent));
}

#[test]
fn access_denied_is_denied() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(fault(FaultCode::AccessDenied));
    let got = scenario.outcome();
    assert!(matches!(got, Outcome::Denied(_)), "{got:?}");
}

#[test]
fn expired_token_is_expired_by_the_service() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(fault(FaultCode::ExpiredToken));
    let got = scenario.outcome();
    assert!(matches!(got, Outcome::Expired(Expiry::Service(_))), "{got:?}");
}

#[test]
fn any_other_fault_stops_the_polling_and_keeps_its_code() {
    for code in
        [FaultCode::InvalidGrant, FaultCode::InvalidRequest, FaultCode::Other("device_not_found".to_owned())]
    {
        let mut scenario = Scenario::polling(policy(), authorization());
        scenario.poll(fault(code.clone()));
        let Outcome::Rejected { operation, fault, .. } = scenario.outcome() else { panic!("not rejected") };
        assert_eq!((operation, fault.code), (Operation::CreateToken, code));
    }
}

#[test]
fn a_late_prompt_of_a_dead_code_is_not_shown() {
    let mut scenario = Scenario::new(policy());
    scenario.answer(Operation::RegisterClient, Reply::Registered(registration("client")));
    scenario.answer(Operation::StartDeviceAuthorization, Reply::Authorized(authorization()));
    scenario.now = scenario.now + secs(600);
    let got = scenario.outcome();
    assert!(matches!(got, Outcome::Expired(Expiry::Clock(None))), "{got:?}");
}

#[test]
fn the_services_word_counts_even_when_it_arrives_after_the_deadline() {
    let mut scenario = Scenario::polling(policy(), authorization());
    let asked = scenario.next_send();
    scenario.now = scenario.now + secs(700);
    let got = scenario.flow.poll(scenario.now);
    assert!(matches!(got, Action::AwaitReply), "{got:?}");
    scenario.flow.on_reply(asked, scenario.now, Reply::Granted(token())).unwrap();
    scenario.granted();
}

#[test]
fn a_service_that_never_answers_is_unreachable_and_not_expired() {
    let mut scenario = Scenario::polling(policy(), authorization());
    let deadline = scenario.flow.deadline().unwrap();
    while scenario.now + secs(30) < deadline {
        scenario.poll(not_sent());
    }
    scenario.poll(not_sent());
    let outcome = scenario.outcome_without_sending();
    assert!(
        matches!(
            &outcome,
            Outcome::Unreachable { operation: Operation::CreateToken, error: TransientError::Failed(_), .. }
        ),
        "{outcome:?}"
    );
}

#[test]
fn an_expiry_behind_a_broken_gateway_may_hide_a_grant_and_says_what_the_error_was() {
    let mut scenario = Scenario::polling(policy(), authorization());
    let deadline = scenario.flow.deadline().unwrap();
    scenario.poll(pending());
    while scenario.now + secs(30) < deadline {
        let asked = scenario.next_send();
        let reply = response(&asked, 502, &[], "<html>");
        scenario.flow.on_reply(asked, scenario.now, reply).unwrap();
    }
    let asked = scenario.next_send();
    let reply = response(&asked, 502, &[], "<html>");
    scenario.flow.on_reply(asked, scenario.now, reply).unwrap();
    let Outcome::GrantLost(Expiry::Clock(Some(TransientError::Indeterminate(error)))) =
        scenario.outcome_without_sending()
    else {
        panic!("the error is lost")
    };
    assert_eq!((error.status, error.reason), (502, IndeterminateReason::Html));
}

#[test]
fn a_lost_reply_and_then_a_spent_code_is_a_lost_grant_and_not_a_denial() {
    for spent in [FaultCode::InvalidGrant, FaultCode::ExpiredToken] {
        let mut scenario = Scenario::polling(policy(), authorization());
        scenario.poll(pending());
        scenario.poll(unknown());
        scenario.poll(fault(FaultCode::SlowDown)); // says nothing about the code
        scenario.poll(fault(spent.clone()));
        assert_eq!(scenario.outcome(), Outcome::GrantLost(Expiry::Service(Fault::new(spent))));
    }
}

#[test]
fn a_gateways_error_page_may_hide_a_grant_as_well() {
    for (status, body, lost) in
        [(502, "<html>", true), (200, r#"{"accessToken":"aoa"#, true), (429, "slow", false), (302, "", false)]
    {
        let mut scenario = Scenario::polling(policy(), authorization());
        let asked = scenario.next_send();
        let reply = response(&asked, status, &[], body);
        scenario.flow.on_reply(asked, scenario.now, reply).unwrap();
        scenario.poll(fault(FaultCode::InvalidGrant));
        let outcome = scenario.outcome();
        assert_eq!(matches!(outcome, Outcome::GrantLost(_)), lost, "{status} {body}: {outcome:?}");
    }
}

#[test]
fn a_service_that_fails_may_have_spent_the_code_and_one_that_throttles_has_not() {
    let throttled = Fault::new(FaultCode::Other("TooManyRequestsException".to_owned())).with_status(429);
    for (answer, lost) in [(Fault::new(FaultCode::InternalServer), true), (throttled, false)] {
        let mut scenario = Scenario::polling(policy(), authorization());
        scenario.poll(Reply::Fault(answer.clone()));
        scenario.poll(fault(FaultCode::InvalidGrant));
        assert_eq!(matches!(scenario.outcome(), Outcome::GrantLost(_)), lost, "{answer}");
    }
}

#[test]
fn a_request_that_was_never_sent_cannot_have_lost_the_grant() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(not_sent());
    scenario.poll(fault(FaultCode::InvalidGrant));
    let got = scenario.outcome();
    assert!(matches!(got, Outcome::Rejected { .. }), "{got:?}");
}

#[test]
fn a_code_that_is_still_pending_after_a_lost_reply_was_not_spent() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(unknown());
    scenario.poll(pending());
    scenario.poll(fault(FaultCode::InvalidGrant));
    let got = scenario.outcome();
    assert!(matches!(got, Outcome::Rejected { .. }), "{got:?}");
}

#[test]
fn a_denial_after_a_lost_reply_is_a_denial() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(unknown());
    scenario.poll(fault(FaultCode::AccessDenied));
    let got = scenario.outcome();
    assert!(matches!(got, Outcome::Denied(_)), "{got:?}");
}

#[test]
fn a_token_answer_without_a_token_is_an_invalid_response_that_names_the_member() {
    for (body, member) in [
        (r#"{"expiresIn":28800}"#, "accessToken"),
        (r#"{"accessToken":"","expiresIn":1}"#, "accessToken"),
        (r#"{"accessToken":["t"],"expiresIn":1}"#, "accessToken"),
        ("{}", "accessToken"),
    ] {
        let mut scenario = Scenario::polling(policy(), authorization());
        let asked = scenario.next_send();
        let reply = response(&asked, 200, &[], body);
        scenario.flow.on_reply(asked, scenario.now, reply).unwrap();
        let Outcome::InvalidResponse(invalid) = scenario.outcome() else { panic!("{body}") };
        assert_eq!(invalid.member, member);
    }
}

#[test]
fn the_create_token_request_is_encoded_once_and_lent_for_every_poll() {
    let mut scenario = Scenario::polling(policy(), authorization());
    let asked = scenario.next_send();
    let first = asked.request().clone();
    scenario.flow.on_reply(asked, scenario.now, pending()).unwrap();
    let second = scenario.next_send();
    assert_eq!(first.body().bytes().as_ptr(), second.request().body().bytes().as_ptr());
}

#[test]
fn huge_lifetimes_saturate() {
    let mut endless = authorization();
    endless.expires_in = std::time::Duration::MAX;
    let mut scenario = Scenario::polling(policy(), endless);
    assert_eq!(scenario.flow.deadline(), Some(Tick::since_origin(std::time::Duration::MAX)));
    assert_eq!(scenario.poll(pending()), secs(5));
}

#[test]
fn a_lost_reply_is_not_forgotten_when_the_code_dies_by_our_own_clock() {
    let mut scenario = Scenario::polling(policy(), authorization().with_interval(secs(100)));
    scenario.poll(pending());
    scenario.poll(unknown());
    // Says nothing about the code, and moves the next poll beyond the deadline.
    for _ in 0..3 {
        scenario.poll(fault(FaultCode::SlowDown));
    }
    let outcome = scenario.outcome_without_sending();
    assert!(
        matches!(outcome, Outcome::GrantLost(Expiry::Clock(Some(TransientError::Fault(_))))),
        "{outcome:?}"
    );
}

#[test]
fn an_expiry_after_an_error_before_any_work_says_what_the_error_was() {
    let mut scenario = Scenario::polling(policy(), authorization());
    let deadline = scenario.flow.deadline().unwrap();
    scenario.poll(pending());
    while scenario.now + secs(30) < deadline {
        scenario.poll(not_sent());
    }
    scenario.poll(not_sent());
    let outcome = scenario.outcome_without_sending();
    assert!(
        matches!(outcome, Outcome::Expired(Expiry::Clock(Some(TransientError::Failed(_))))),
        "{outcome:?}"
    );
}

#[test]
fn an_access_denied_that_a_key_is_the_reason_of_is_no_persons_denial() {
    let mut fault = Fault::new(FaultCode::AccessDenied);
    fault.reason = Some("KMS_AccessDeniedException".to_owned());
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(Reply::Fault(fault));
    let outcome = scenario.outcome();
    assert!(matches!(&outcome, Outcome::Rejected { operation: Operation::CreateToken, .. }), "{outcome:?}");
    assert!(outcome.hint().is_some_and(|hint| hint.contains("KMS key")), "{outcome}");
}

//! The state Register: RegisterClient until there is a registration.

use device_flow::{Failure, Operation, Outcome, Phase, Reply, TransientError};
use oidc_proto::{Fault, FaultCode};

use crate::scenario::{
    Scenario, authorization, fault, not_sent, policy, registration, response, secs, token, unknown,
};

#[test]
fn without_a_registration_the_first_request_is_register_client_at_once() {
    let mut scenario =
        Scenario::new(policy().with_client_name("my tool").with_scopes(["sso:account:access"]));
    let start = scenario.now;
    let asked = scenario.next_send();
    let request = asked.request();
    assert_eq!(scenario.now, start);
    assert_eq!(request.uri(), "https://oidc.eu-west-1.amazonaws.com/client/register");
    let body: &[u8] = request.body().as_ref();
    assert_eq!(body, br#"{"clientName":"my tool","clientType":"public","scopes":["sso:account:access"]}"#);
    assert_eq!(scenario.flow.phase(), Phase::Registering);
}

#[test]
fn a_new_registration_is_offered_to_the_cache() {
    let mut scenario = Scenario::new(policy());
    assert!(!scenario.flow.is_newly_registered());
    scenario.answer(Operation::RegisterClient, Reply::Registered(registration("new")));
    assert!(scenario.flow.is_newly_registered());
    assert_eq!(scenario.flow.registration(), Some(registration("new")));
    assert_eq!(scenario.flow.phase(), Phase::Authorizing);
}

#[test]
fn an_error_is_retried_with_doubling_waits_until_the_retry_window_is_over() {
    let mut scenario = Scenario::new(policy().with_setup_retry_window(secs(20)));
    let start = scenario.now;
    for reply in [not_sent(), unknown(), not_sent(), fault(FaultCode::InternalServer)] {
        scenario.answer(Operation::RegisterClient, reply);
        assert!(scenario.flow.error().is_some());
    }
    scenario.answer(Operation::RegisterClient, unknown());
    let times: Vec<u64> = scenario.sent.iter().map(|(_, at)| at.since(start).as_secs()).collect();
    assert_eq!(times, [0, 1, 3, 7, 15]);
    let outcome = scenario.outcome();
    assert!(
        matches!(
            &outcome,
            Outcome::Unreachable {
                operation: Operation::RegisterClient,
                error: TransientError::Failed(_),
                ..
            }
        ),
        "{outcome:?}"
    );
}

#[test]
fn a_proxy_that_refuses_ends_what_has_no_code_yet_and_lets_a_person_log_in_to_it_meanwhile() {
    let refused = || Reply::Failed(Failure::ProxyRefused);
    let setup = [(None, Operation::RegisterClient), (Some("cached"), Operation::StartDeviceAuthorization)];
    for (cached, operation) in setup {
        let mut scenario = Scenario::with_registration(policy(), cached.map(registration));
        scenario.answer(operation, refused());
        let outcome = scenario.outcome_without_sending();
        let Outcome::Unreachable { operation: of, error, .. } = &outcome else { panic!("{outcome:?}") };
        assert_eq!((*of, error), (operation, &TransientError::Failed(Failure::ProxyRefused)));
        assert!(outcome.to_string().contains("a proxy refused to forward the request"), "{outcome}");
    }
    let mut scenario = Scenario::polling(policy(), authorization());
    for _ in 0..4 {
        scenario.poll(refused());
    }
    scenario.poll(Reply::Granted(token()));
    scenario.granted();
}

#[test]
fn a_proxys_refusal_spends_no_code() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(Reply::Failed(Failure::ProxyRefused));
    scenario.poll(fault(FaultCode::ExpiredToken));
    let got = scenario.outcome();
    assert!(matches!(got, Outcome::Expired(_)), "{got:?}");
}

#[test]
fn a_refused_registration_ends_the_flow_with_the_services_word() {
    for code in
        [FaultCode::InvalidClientMetadata, FaultCode::InvalidScope, FaultCode::Other("new_one".to_owned())]
    {
        let mut scenario = Scenario::new(policy());
        scenario.answer(Operation::RegisterClient, fault(code.clone()));
        let Outcome::Rejected { operation, fault, .. } = scenario.outcome() else { panic!("not rejected") };
        assert_eq!((operation, fault.code), (Operation::RegisterClient, code));
    }
}

#[test]
fn slow_down_while_registering_waits_five_seconds() {
    let mut scenario = Scenario::new(policy());
    let start = scenario.now;
    scenario.answer(Operation::RegisterClient, fault(FaultCode::SlowDown));
    scenario.answer(Operation::RegisterClient, Reply::Registered(registration("client")));
    assert_eq!(scenario.now.since(start), secs(5));
}

#[test]
fn retry_after_is_respected_while_registering() {
    let mut scenario = Scenario::new(policy());
    let start = scenario.now;
    let mut busy = Fault::new(FaultCode::Other("TooManyRequestsException".to_owned())).with_status(429);
    busy.retry_after = Some(secs(9));
    scenario.answer(Operation::RegisterClient, Reply::Fault(busy));
    scenario.answer(Operation::RegisterClient, Reply::Registered(registration("client")));
    assert_eq!(scenario.now.since(start), secs(9));
}

#[test]
fn a_retry_after_beyond_the_retry_window_ends_the_flow_instead_of_making_the_person_wait() {
    let mut scenario = Scenario::new(policy().with_setup_retry_window(secs(20)));
    let mut busy = Fault::new(FaultCode::InternalServer);
    busy.retry_after = Some(secs(3600));
    scenario.answer(Operation::RegisterClient, Reply::Fault(busy));
    let got = scenario.outcome();
    assert!(matches!(got, Outcome::Unreachable { error: TransientError::Fault(_), .. }), "{got:?}");
}

#[test]
fn a_registration_without_an_id_is_an_invalid_response_that_names_it() {
    let mut scenario = Scenario::new(policy());
    let asked = scenario.next_send();
    let reply = response(&asked, 200, &[], r#"{"clientSecret":"s"}"#);
    scenario.flow.on_reply(asked, scenario.now, reply).unwrap();
    let Outcome::InvalidResponse(invalid) = scenario.outcome() else { panic!("no invalid") };
    assert_eq!((invalid.operation, invalid.member), (Operation::RegisterClient, "clientId"));
}

#[test]
fn a_try_that_falls_on_the_last_moment_of_the_retry_window_is_made() {
    let mut scenario = Scenario::new(policy().with_setup_retry_window(secs(1)));
    scenario.answer(Operation::RegisterClient, unknown());
    scenario.answer(Operation::RegisterClient, Reply::Registered(registration("client")));
    assert_eq!(scenario.flow.phase(), Phase::Authorizing);
}

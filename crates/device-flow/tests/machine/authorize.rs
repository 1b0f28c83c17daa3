//! The state Authorize: StartDeviceAuthorization until there are codes. A cached registration is replaced
//! once.

use device_flow::{Action, DeviceFlow, Operation, Outcome, Phase, Pkce, Policy, Reply, Tick};
use oidc_proto::oauth::Provider;
use oidc_proto::{Client, Endpoint, FaultCode, Secret};

use crate::scenario::{
    Scenario, authorization, fault, pending, policy, registration, response, secs, token, unknown,
};

#[test]
fn a_cached_registration_saves_register_client() {
    let mut scenario = Scenario::with_registration(policy(), Some(registration("cached")));
    let asked = scenario.next_send();
    let body: &[u8] = asked.request().body().as_ref();
    assert_eq!(
        body,
        br#"{"clientId":"cached","clientSecret":"client-secret","startUrl":"https://d-1234567890.awsapps.com/start"}"#
    );
    scenario.flow.on_reply(asked, scenario.now, Reply::Authorized(authorization())).unwrap();
    assert!(!scenario.flow.is_newly_registered());
    assert_eq!(scenario.flow.phase(), Phase::Polling);
}

#[test]
fn a_cached_registration_that_the_service_rejects_is_replaced_once() {
    for code in [FaultCode::InvalidClient, FaultCode::UnauthorizedClient] {
        let mut scenario = Scenario::with_registration(policy(), Some(registration("cached")));
        scenario.answer(Operation::StartDeviceAuthorization, fault(code.clone()));
        assert_eq!(scenario.flow.registration(), None, "the rejected one must not be used again");
        scenario.answer(Operation::RegisterClient, Reply::Registered(registration("new")));
        assert!(scenario.flow.is_newly_registered());
        // The new one is rejected too, and there is no third attempt.
        scenario.answer(Operation::StartDeviceAuthorization, fault(code.clone()));
        let Outcome::Rejected { operation, fault, .. } = scenario.outcome() else { panic!("not rejected") };
        assert_eq!((operation, fault.code), (Operation::StartDeviceAuthorization, code));
    }
}

#[test]
fn a_cached_registration_that_is_rejected_only_at_the_poll_is_replaced_with_new_codes() {
    // The service has accepted an expired registration at StartDeviceAuthorization.
    let mut scenario = Scenario::with_registration(policy(), Some(registration("cached")));
    scenario.answer(Operation::StartDeviceAuthorization, Reply::Authorized(authorization()));
    scenario.poll(fault(FaultCode::InvalidClient));
    scenario.answer(Operation::RegisterClient, Reply::Registered(registration("new")));
    let mut second = authorization();
    second.user_code = "BCDF-GHJK".to_owned();
    scenario.answer(Operation::StartDeviceAuthorization, Reply::Authorized(second));
    scenario.poll(pending());
    let codes: Vec<_> = scenario.prompts.iter().map(|p| (p.user_code.as_str(), p.replaces_earlier)).collect();
    assert_eq!(codes, [("WDJB-MJHT", false), ("BCDF-GHJK", true)]);
    assert_eq!(scenario.flow.prompt().as_ref(), scenario.prompts.last(), "to be shown again, it is the same");
    scenario.poll(fault(FaultCode::InvalidClient));
    let got = scenario.outcome();
    assert!(matches!(got, Outcome::Rejected { operation: Operation::CreateToken, .. }), "{got:?}");
}

#[test]
fn a_registration_made_by_this_flow_is_not_replaced() {
    let mut scenario = Scenario::new(policy());
    scenario.answer(Operation::RegisterClient, Reply::Registered(registration("new")));
    scenario.answer(Operation::StartDeviceAuthorization, fault(FaultCode::InvalidClient));
    let got = scenario.outcome();
    assert!(matches!(got, Outcome::Rejected { .. }), "{got:?}");
}

#[test]
fn a_wrong_start_url_ends_the_flow_with_the_services_word() {
    let mut scenario = Scenario::with_registration(policy(), Some(registration("cached")));
    let asked = scenario.next_send();
    let reply = response(
        &asked,
        400,
        &[("x-amzn-ErrorType", "InvalidRequestException:http://internal.amazon.com/coral/")],
        r#"{"error":"invalid_request","error_description":"Invalid request"}"#,
    );
    scenario.flow.on_reply(asked, scenario.now, reply).unwrap();
    let outcome = scenario.outcome();
    assert_eq!(
        outcome.to_string(),
        "the service refused StartDeviceAuthorization: invalid_request: Invalid request"
    );
}

#[test]
fn an_answer_without_a_user_code_is_an_invalid_response_that_names_it() {
    let mut scenario = Scenario::with_registration(policy(), Some(registration("cached")));
    let asked = scenario.next_send();
    let reply = response(
        &asked,
        200,
        &[],
        r#"{"deviceCode":"d","verificationUri":"https://device.example/","expiresIn":600}"#,
    );
    scenario.flow.on_reply(asked, scenario.now, reply).unwrap();
    let Outcome::InvalidResponse(invalid) = scenario.outcome() else { panic!("no invalid") };
    assert_eq!(invalid.member, "userCode");
}

#[test]
fn the_prompt_comes_once_and_shows_no_device_code() {
    let mut scenario = Scenario::new(policy());
    scenario.answer(Operation::RegisterClient, Reply::Registered(registration("client")));
    let complete = authorization().with_complete_uri("https://device.example/?user_code=WDJB-MJHT");
    scenario.answer(Operation::StartDeviceAuthorization, Reply::Authorized(complete));
    let Action::Prompt(prompt) = scenario.flow.poll(scenario.now) else { panic!("no prompt") };
    let got = scenario.flow.poll(scenario.now);
    assert!(matches!(got, Action::Wait(_)), "{got:?}");
    let shown = format!("{prompt} {prompt:?}");
    assert!(!shown.contains("device-code"), "{shown}");
    // RFC 8628 §3.3.1: the prompt shows the code and the plain URI beside the complete one.
    for part in ["WDJB-MJHT\n", "https://device.example/\n", "https://device.example/?user_code=WDJB-MJHT"] {
        assert!(prompt.to_string().contains(part), "{part}");
    }
}

#[test]
fn a_prompt_with_escape_sequences_prints_without_them() {
    let mut scenario = Scenario::new(policy());
    scenario.answer(Operation::RegisterClient, Reply::Registered(registration("client")));
    let mut hostile =
        authorization().with_complete_uri("https://x.example/\u{1b}]8;;https://evil.example\u{7}");
    hostile.user_code = "AB\u{1b}[8mCD".to_owned();
    hostile.verification_uri = "https://device.example/\u{9b}2J\u{202e}".to_owned();
    scenario.answer(Operation::StartDeviceAuthorization, Reply::Authorized(hostile));
    let Action::Prompt(prompt) = scenario.flow.poll(scenario.now) else { panic!("no prompt") };
    let shown = prompt.to_string();
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
    assert!(!shown.contains('\u{202e}'));
}

#[test]
fn only_a_web_pages_address_is_for_a_browser() {
    let url = |plain: &str, complete: Option<&str>| {
        let mut codes = authorization();
        codes.verification_uri = plain.to_owned();
        codes.verification_uri_complete = complete.map(str::to_owned);
        let scenario = Scenario::polling(policy(), codes);
        scenario.flow.prompt().unwrap().browser_url().map(str::to_owned)
    };
    let plain = "https://device.example/";
    assert_eq!(url(plain, None).as_deref(), Some(plain));
    assert_eq!(url(plain, Some("HTTP://127.0.0.1/?code=A-B")).as_deref(), Some("HTTP://127.0.0.1/?code=A-B"));
    for hostile in [
        "file:///etc/passwd",
        "javascript:alert(1)",
        "--version",
        "https://",
        "https://a.example/ --flag",
        "https://a.example/\u{1b}]8;;",
        "https://a.example/é",
        "https://login.example@evil.example/",
        "https://user:pass@a.example/",
        "https://@a.example/",
        "https:///a",
        "",
    ] {
        assert_eq!(url(plain, Some(hostile)).as_deref(), Some(plain), "{hostile:?}");
        assert_eq!(url(hostile, None), None, "{hostile:?}");
    }
}

#[test]
fn an_address_below_the_services_own_host_is_completed() {
    let provider = Provider::new("https://id.example:8443/o/device", "https://other.example/token").unwrap();
    let own = policy().with_client(Client::public("own"));
    let mut scenario = Scenario::at(provider, own, None);
    let mut codes = authorization().with_complete_uri("/device?user_code=A");
    "/device".clone_into(&mut codes.verification_uri);
    scenario.answer(Operation::StartDeviceAuthorization, Reply::Authorized(codes));
    let prompt = scenario.flow.prompt().unwrap();
    assert_eq!(prompt.plain_url(), Some("https://id.example:8443/device"));
    assert_eq!(prompt.complete_url(), Some("https://id.example:8443/device?user_code=A"));
}

#[test]
fn a_lost_answer_here_is_just_asked_again() {
    let mut scenario = Scenario::new(policy());
    scenario.answer(Operation::RegisterClient, unknown());
    scenario.answer(Operation::RegisterClient, Reply::Registered(registration("client")));
    scenario.answer(Operation::StartDeviceAuthorization, unknown());
    scenario.answer(Operation::StartDeviceAuthorization, Reply::Authorized(authorization()));
    // A response lost before there was a code cannot have spent the code.
    scenario.poll(fault(FaultCode::InvalidGrant));
    let got = scenario.outcome();
    assert!(matches!(got, Outcome::Rejected { .. }), "{got:?}");
}

#[test]
fn the_retry_window_starts_anew_for_each_step() {
    let mut scenario = Scenario::new(policy().with_setup_retry_window(secs(10)));
    for _ in 0..3 {
        scenario.answer(Operation::RegisterClient, unknown());
    }
    scenario.answer(Operation::RegisterClient, Reply::Registered(registration("client")));
    for _ in 0..3 {
        scenario.answer(Operation::StartDeviceAuthorization, unknown());
    }
    scenario.answer(Operation::StartDeviceAuthorization, Reply::Authorized(authorization()));
    scenario.poll(Reply::Granted(token()));
    scenario.granted();
}

#[test]
fn a_client_of_the_programs_own_is_neither_registered_nor_replaced() {
    let own = Client::new("own", "own-secret".into());
    let mut scenario = Scenario::with_registration(policy().with_client(own), Some(registration("cached")));
    let asked = scenario.next_send();
    assert_eq!(asked.operation(), Operation::StartDeviceAuthorization);
    let body: &[u8] = asked.request().body().as_ref();
    assert!(body.starts_with(br#"{"clientId":"own","clientSecret":"own-secret""#));
    scenario.flow.on_reply(asked, scenario.now, fault(FaultCode::InvalidClient)).unwrap();
    let got = scenario.outcome();
    assert!(matches!(got, Outcome::Rejected { .. }), "{got:?}");
    assert!(!scenario.flow.is_newly_registered());
}

#[test]
fn the_floor_outlives_a_device_code_that_was_replaced_together_with_its_registration() {
    let eager = policy().with_first_poll(device_flow::FirstPoll::Immediately);
    let mut scenario = Scenario::with_registration(eager, Some(registration("cached")));
    scenario.answer(Operation::StartDeviceAuthorization, Reply::Authorized(authorization()));
    scenario.poll(fault(FaultCode::SlowDown));
    scenario.poll(fault(FaultCode::InvalidClient));
    let rejected_at = scenario.now;
    scenario.answer(Operation::RegisterClient, Reply::Registered(registration("new")));
    scenario.answer(Operation::StartDeviceAuthorization, Reply::Authorized(authorization()));
    scenario.poll(pending());
    assert_eq!(scenario.now.since(rejected_at), secs(10));
}

#[test]
fn a_registration_that_the_service_rejected_is_not_handed_back() {
    let mut scenario = Scenario::new(policy());
    scenario.answer(Operation::RegisterClient, Reply::Registered(registration("new")));
    scenario.answer(Operation::StartDeviceAuthorization, fault(FaultCode::InvalidClient));
    assert!(!scenario.flow.is_newly_registered());
    let end = scenario.flow.into_result(scenario.now).unwrap_err();
    assert_eq!((end.registration.clone(), end.newly_registered), (None, false));
}

#[test]
fn a_registration_survives_a_denial_and_says_that_it_is_new() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(fault(FaultCode::AccessDenied));
    let end = scenario.flow.into_result(scenario.now).unwrap_err();
    assert!(end.registration.is_some() && end.newly_registered);
}

fn without_registration() -> Provider {
    Provider::new("https://id.example/d", "https://id.example/t").unwrap()
}

#[test]
fn an_operation_without_an_endpoint_ends_the_flow_at_once_and_sends_nothing() {
    let mut scenario = Scenario::at(without_registration(), Policy::oauth(), None);
    let started = scenario.now;
    assert_eq!(scenario.outcome(), Outcome::UnsupportedOperation(Operation::RegisterClient));
    assert_eq!(scenario.now, started);

    // Without device authorization, a client would be registered for nothing.
    let code_only = Provider::for_code("https://id.example/a", "https://id.example/t").unwrap();
    let code_only = code_only.with_registration("https://id.example/r").unwrap();
    for cached in [None, Some(registration("cached"))] {
        let mut scenario = Scenario::at(code_only.clone(), Policy::oauth(), cached);
        assert_eq!(scenario.outcome(), Outcome::UnsupportedOperation(Operation::StartDeviceAuthorization));
        assert_eq!(scenario.now, started);
    }
}

#[test]
fn pkce_that_is_always_wanted_is_not_left_out_for_want_of_a_verifier() {
    let provider = || Provider::new("https://id.example/d", "https://id.example/t").unwrap();
    let registers = provider().with_registration("https://id.example/r").unwrap();
    let own = Policy::oauth().with_client(Client::public("id"));
    for (service, policy) in [(provider(), own.clone()), (registers, Policy::oauth())] {
        let always = policy.with_pkce(Pkce::Always);
        let begin = || DeviceFlow::new(service.clone(), always.clone(), None, Tick::ZERO);
        let mut flow = begin();
        assert!(flow.wants_pkce() && matches!(flow.poll(Tick::ZERO), Action::Done));
        assert_eq!(flow.outcome(), Some(Err(&Outcome::NoVerifier)));
        let mut flow = begin().with_pkce(Secret::from("v".repeat(43)), "c".repeat(43));
        let got = flow.poll(Tick::ZERO);
        assert!(matches!(got, Action::Send(_)), "{got:?}");
    }
    // Optional PKCE may be omitted, and AWS's device grant has none.
    let mut flow = DeviceFlow::new(provider().with_pkce(), own, None, Tick::ZERO);
    let got = flow.poll(Tick::ZERO);
    assert!(matches!(got, Action::Send(_)), "{got:?}");
    let aws = Policy::aws("https://d-1234567890.awsapps.com/start").with_pkce(Pkce::Always);
    let mut flow = DeviceFlow::new(Endpoint::for_region("eu-west-1").unwrap(), aws, None, Tick::ZERO);
    let got = flow.poll(Tick::ZERO);
    assert!(matches!(got, Action::Send(_)), "{got:?}");
}

#[test]
fn a_policy_for_providers_sends_nothing_to_a_service_of_aws_and_keeps_its_client() {
    let aws = || Endpoint::custom("https://id.example").unwrap();
    let own = Client::new("id", Secret::from("secret"));
    for client in [None, Some(own)] {
        let mut policy = Policy::oauth();
        policy.client.clone_from(&client);
        let mut flow = DeviceFlow::new(aws(), policy, None, Tick::ZERO);
        let got = flow.poll(Tick::ZERO);
        assert!(matches!(got, Action::Done), "{got:?}");
        assert_eq!(flow.outcome(), Some(Err(&Outcome::NoStartUrl)));
        assert_eq!(flow.registration().map(|registration| registration.client), client);
    }
    // A provider ignores a start URL.
    let policy = Policy::aws("https://d-1234567890.awsapps.com/start").with_client(Client::public("id"));
    let mut flow = DeviceFlow::new(without_registration(), policy, None, Tick::ZERO);
    let got = flow.poll(Tick::ZERO);
    assert!(matches!(got, Action::Send(_)), "{got:?}");
}

#[test]
fn where_registration_is_impossible_a_rejected_client_ends_the_flow_with_the_services_word() {
    let cached = || Scenario::at(without_registration(), Policy::oauth(), Some(registration("cached")));
    let mut scenario = cached();
    scenario.answer(Operation::StartDeviceAuthorization, fault(FaultCode::InvalidClient));
    let rejected = |outcome: Outcome, by: Operation| {
        let is_so = matches!(&outcome, Outcome::Rejected { operation, fault, .. }
            if *operation == by && fault.code == FaultCode::InvalidClient);
        assert!(is_so, "{outcome:?}");
    };
    rejected(scenario.outcome(), Operation::StartDeviceAuthorization);

    let mut scenario = cached();
    scenario.answer(Operation::StartDeviceAuthorization, Reply::Authorized(authorization()));
    let got = scenario.flow.poll(scenario.now);
    assert!(matches!(got, Action::Prompt(_)), "{got:?}");
    scenario.poll(fault(FaultCode::InvalidClient));
    rejected(scenario.outcome(), Operation::CreateToken);
}

#[test]
fn a_service_that_gives_no_codes_within_the_retry_window_is_unreachable() {
    let cached = Some(registration("cached"));
    let mut scenario = Scenario::with_registration(policy().with_setup_retry_window(secs(2)), cached);
    scenario.answer(Operation::StartDeviceAuthorization, unknown());
    // 1 s more would make 3 s, beyond the retry window of 2 s.
    scenario.answer(Operation::StartDeviceAuthorization, unknown());
    let outcome = scenario.outcome();
    assert!(
        matches!(outcome, Outcome::Unreachable { operation: Operation::StartDeviceAuthorization, .. }),
        "{outcome:?}"
    );
}

#[test]
fn a_plain_refusal_before_there_is_a_code_ends_the_flow_at_once_and_keeps_its_words() {
    for status in [300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 407, 410, 415, 422, 501] {
        for registered in [false, true] {
            let cached = registered.then(|| registration("cached"));
            let mut scenario = Scenario::with_registration(policy(), cached);
            let asked = scenario.next_send();
            let reply = response(&asked, status, &[], "<title>No such flow</title>");
            scenario.flow.on_reply(asked, scenario.now, reply).unwrap();
            let Outcome::Refused { operation, answer, .. } = scenario.outcome() else { panic!("{status}") };
            let expected =
                if registered { Operation::StartDeviceAuthorization } else { Operation::RegisterClient };
            assert_eq!((operation, answer.status), (expected, status));
            let words = (status >= 400).then_some("No such flow");
            assert_eq!(answer.said.as_deref(), words, "{status}");
        }
    }
}

#[test]
fn an_answer_that_asks_to_come_again_is_no_plain_refusal() {
    let retry: &[(&str, &str)] = &[("retry-after", "1")];
    let none: &[(&str, &str)] = &[];
    for (status, headers) in
        [(403, retry), (404, retry), (408, none), (421, none), (425, none), (429, none), (500, none)]
    {
        let mut scenario = Scenario::with_registration(policy(), Some(registration("cached")));
        let asked = scenario.next_send();
        let reply = response(&asked, status, headers, "<html>");
        scenario.flow.on_reply(asked, scenario.now, reply).unwrap();
        assert_eq!(scenario.flow.phase(), Phase::Authorizing, "{status}");
        scenario.answer(Operation::StartDeviceAuthorization, Reply::Authorized(authorization()));
    }
}

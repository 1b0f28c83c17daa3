//! A flow saved in one process and resumed in another keeps time, floor, doubts and registration.

use std::time::{Duration, UNIX_EPOCH};

use device_flow::{
    Action, ApiMisuse, DeviceFlow, Expiry, Failure, Operation, Outcome, Policy, Reply, ResumeError,
    SavedFlow, Tick, TransientError,
};
use oidc_proto::oauth::Provider;
use oidc_proto::{Client, Endpoint, Fault, FaultCode, Service};
use serde_json::{Value, json};

use crate::scenario::{
    Scenario, authorization, fault, not_sent, pending, policy, registration, response, secs, service, token,
    unknown,
};

/// A time in 2027.
const WALL: Duration = Duration::from_secs(1_800_000_000);

fn saved(scenario: &Scenario) -> Value {
    serde_json::to_value(scenario.flow.save(scenario.now, UNIX_EPOCH + WALL).expect("not ended")).unwrap()
}

fn resumed(saved: Value, policy: Policy, now: Tick, wall: Duration) -> Result<DeviceFlow, ResumeError> {
    resumed_at(service(), saved, policy, now, wall)
}

fn resumed_at(
    service: Service,
    saved: Value,
    policy: Policy,
    now: Tick,
    wall: Duration,
) -> Result<DeviceFlow, ResumeError> {
    serde_json::from_value::<SavedFlow>(saved).unwrap().resume(service, policy, now, UNIX_EPOCH + wall)
}

/// Resumes the flow in another process after this time.
fn restart(scenario: &Scenario, away: Duration) -> Scenario {
    let now = Tick::since_origin(secs(3));
    let flow = resumed_at(
        scenario.flow.service().clone(),
        saved(scenario),
        scenario.flow.policy().clone(),
        now,
        WALL + away,
    )
    .unwrap();
    Scenario { flow, now, sent: Vec::new(), prompts: Vec::new() }
}

#[test]
fn the_time_between_two_processes_counts_for_the_wait_and_no_more() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(fault(FaultCode::SlowDown));
    scenario.now = scenario.now + secs(2);
    let mut scenario = restart(&scenario, secs(5));
    assert_eq!(scenario.poll(pending()), secs(3), "of ten seconds, two and five are over");
    assert_eq!(scenario.poll(pending()), secs(10), "what slow_down added is not forgotten");
}

#[test]
fn a_wall_clock_that_went_backwards_is_read_as_no_time() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(pending());
    let now = Tick::ZERO;
    let mut flow = resumed(saved(&scenario), policy(), now, WALL - secs(3_600)).unwrap();
    let got = flow.poll(now);
    assert!(matches!(got, Action::Wait(until) if until == now + secs(5)), "{got:?}");
    assert_eq!(flow.deadline(), Some(now + secs(595)));
}

#[test]
fn the_code_dies_when_it_would_have_died() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(pending());
    let mut short = restart(&scenario, secs(590));
    assert_eq!(short.flow.deadline(), Some(short.now + secs(5)));
    short.poll(pending());
    assert_eq!(short.outcome_without_sending(), Outcome::Expired(Expiry::Clock(None)));
    for away in [secs(595), secs(u64::from(u32::MAX))] {
        let mut long = restart(&scenario, away);
        assert_eq!(long.outcome(), Outcome::Expired(Expiry::Clock(None)));
    }
}

#[test]
fn a_poll_that_was_under_way_counts_as_lost() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(pending());
    drop(scenario.next_send());
    let mut scenario = restart(&scenario, secs(0));
    assert_eq!(scenario.flow.error(), Some(&TransientError::Failed(Failure::Unknown)));
    let lost_at = scenario.now;
    scenario.answer(Operation::CreateToken, fault(FaultCode::InvalidGrant));
    assert_eq!(scenario.now.since(lost_at), secs(10), "it backs off as after any lost reply");
    let got = scenario.outcome();
    assert!(matches!(got, Outcome::GrantLost(_)), "{got:?}");
}

#[test]
fn a_doubt_about_the_code_is_not_forgotten() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(unknown());
    scenario.poll(fault(FaultCode::SlowDown));
    let mut scenario = restart(&scenario, secs(0));
    scenario.poll(fault(FaultCode::ExpiredToken));
    let got = scenario.outcome();
    assert!(matches!(got, Outcome::GrantLost(_)), "{got:?}");
}

#[test]
fn the_latest_error_is_remembered() {
    let refused = || Reply::Failed(Failure::ProxyRefused);
    for reply in [not_sent, unknown, refused] {
        let mut scenario = Scenario::polling(policy(), authorization());
        scenario.poll(reply());
        let error = scenario.flow.error().cloned();
        let got = (&error, reply());
        assert!(
            matches!(got, (Some(TransientError::Failed(is)), Reply::Failed(was)) if *is == was),
            "{got:?}"
        );
        assert_eq!(restart(&scenario, secs(0)).flow.error().cloned(), error);
    }
}

#[test]
fn backoff_goes_on_where_it_was() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(not_sent());
    let mut scenario = restart(&scenario, secs(0));
    assert_eq!(scenario.poll(not_sent()), secs(10));
    assert_eq!(scenario.poll(pending()), secs(20));
    let deadline = scenario.flow.deadline().unwrap();
    let mut scenario = restart(&scenario, secs(0));
    assert!(scenario.flow.deadline().unwrap() < deadline);
    assert!(matches!(scenario.outcome_at_the_deadline(), Outcome::Expired(_)), "a verdict was heard before");
}

#[test]
fn a_registration_under_way_is_asked_for_again_within_what_is_left_of_the_retry_window() {
    let mut scenario = Scenario::new(policy().with_setup_retry_window(secs(10)));
    drop(scenario.next_send());
    let mut again = restart(&scenario, secs(9));
    let resumed_at = again.now;
    again.answer(Operation::RegisterClient, Reply::Registered(registration("new")));
    assert_eq!(again.now.since(resumed_at), secs(1));
    let mut late = restart(&scenario, secs(10));
    let got = late.outcome();
    assert!(matches!(got, Outcome::Unreachable { operation: Operation::RegisterClient, .. }), "{got:?}");
}

#[test]
fn a_request_of_the_earlier_process_is_stale() {
    let mut scenario = Scenario::polling(policy(), authorization());
    let mut later = restart(&scenario, secs(0));
    let old = scenario.next_send();
    let new = later.next_send();
    assert_eq!(later.flow.on_reply(old, later.now, Reply::Granted(token())), Err(ApiMisuse::StaleRequest));
    later.flow.on_reply(new, later.now, Reply::Granted(token())).unwrap();
    later.granted();
}

#[test]
fn the_same_request_is_sent_in_the_next_process() {
    let basic = Client::new("own", "own-secret".into()).with_basic_authentication();
    let provider = Provider::new("https://id.example/d", "https://id.example/t").unwrap();
    for mut scenario in
        [Scenario::new(policy()), Scenario::at(provider, Policy::oauth().with_client(basic), None)]
    {
        if scenario.flow.registration().is_none() {
            scenario.answer(Operation::RegisterClient, Reply::Registered(registration("client")));
        }
        let mut twin = restart(&scenario, secs(0));
        for _ in 0..2 {
            let (asked, twins) = (scenario.next_send(), twin.next_send());
            let (ours, theirs) = (asked.request(), twins.request());
            assert_eq!((ours.uri(), ours.headers()), (theirs.uri(), theirs.headers()));
            assert_eq!(ours.body(), theirs.body());
            scenario.flow.on_reply(asked, scenario.now, Reply::Authorized(authorization())).ok();
            twin.flow.on_reply(twins, twin.now, Reply::Authorized(authorization())).ok();
        }
    }
}

#[test]
fn a_rejected_registration_is_replaced_once_in_all_processes_together() {
    let mut scenario = Scenario::with_registration(policy(), Some(registration("cached")));
    let mut scenario = {
        scenario.answer(Operation::StartDeviceAuthorization, Reply::Authorized(authorization()));
        scenario.poll(fault(FaultCode::SlowDown));
        restart(&scenario, secs(0))
    };
    assert_eq!(scenario.flow.registration(), Some(registration("cached")));
    assert!(!scenario.flow.is_newly_registered());
    scenario.poll(fault(FaultCode::InvalidClient));
    let rejected_at = scenario.now;
    let mut scenario = restart(&scenario, secs(1));
    let resumed_at = scenario.now;
    scenario.answer(Operation::RegisterClient, Reply::Registered(registration("new")));
    let mut scenario = restart(&scenario, secs(0));
    assert!(scenario.flow.is_newly_registered());
    scenario.answer(
        Operation::StartDeviceAuthorization,
        Reply::Authorized(authorization().with_interval(secs(1))),
    );
    scenario.poll(fault(FaultCode::InvalidClient));
    assert_eq!(
        scenario.now.since(resumed_at),
        secs(9),
        "the floor of the first code holds from {rejected_at:?}"
    );
    assert!(scenario.prompts.iter().all(|prompt| prompt.replaces_earlier));
    let got = scenario.outcome();
    assert!(matches!(got, Outcome::Rejected { .. }), "{got:?}");
}

#[test]
fn a_prompt_that_was_not_shown_yet_is_still_to_come_and_one_that_was_can_be_shown_again() {
    let mut scenario = Scenario::with_registration(policy(), Some(registration("cached")));
    assert_eq!(scenario.flow.prompt(), None);
    scenario.answer(Operation::StartDeviceAuthorization, Reply::Authorized(authorization()));
    let mut scenario = restart(&scenario, secs(1));
    let to_come = scenario.flow.prompt();
    let Action::Prompt(prompt) = scenario.flow.poll(scenario.now) else { panic!("no prompt") };
    assert_eq!(to_come.as_ref(), Some(&prompt));
    let mut scenario = restart(&scenario, secs(1));
    let got = scenario.flow.poll(scenario.now);
    assert!(matches!(got, Action::Wait(_)), "{got:?}");
    let again = scenario.flow.prompt().unwrap();
    assert_eq!((again.user_code, again.replaces_earlier), (prompt.user_code, false));
}

#[test]
fn figures_count_all_processes() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(pending());
    let mut scenario = restart(&scenario, secs(5));
    scenario.poll(Reply::Granted(token()));
    let signed_in = scenario.flow.into_result(scenario.now).unwrap();
    assert_eq!((signed_in.polls, signed_in.elapsed), (2, secs(10)));
}

#[test]
fn every_error_is_kept_as_it_was() {
    let mut replies = vec![unknown(), not_sent()];
    let page = |status, body| {
        let asked = Scenario::polling(policy(), authorization()).next_send();
        response(&asked, status, &[("retry-after", "7"), ("x-amzn-RequestId", "r")], body)
    };
    for (status, body) in
        [(302, ""), (200, ""), (502, "<html>"), (200, "{\"a"), (200, "odd"), (404, "[1]"), (404, "{}")]
    {
        let reply = page(status, body);
        assert!(matches!(reply, Reply::Indeterminate(_)), "{reply:?}");
        replies.push(reply);
    }
    let mut odd = Fault::new(FaultCode::Other("SlowDownException".to_owned())).with_status(503);
    odd.description = Some("d".to_owned());
    odd.reason = Some("why".to_owned());
    odd.endpoint = Some("e".to_owned());
    odd.region = Some("r".to_owned());
    odd.request_id = Some("i".to_owned());
    odd.retry_after = Some(secs(3));
    replies.extend([Reply::Fault(odd), fault(FaultCode::InternalServer)]);
    for reply in replies {
        let mut scenario = Scenario::polling(policy(), authorization());
        scenario.poll(reply.clone());
        assert!(scenario.flow.error().is_some());
        assert_eq!(restart(&scenario, secs(0)).flow.error(), scenario.flow.error(), "{reply:?}");
    }
}

#[test]
fn an_ended_flow_is_not_saved() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.flow.cancel();
    assert!(scenario.flow.save(scenario.now, UNIX_EPOCH + WALL).is_none());
    assert_eq!(scenario.outcome(), Outcome::Cancelled);
}

#[test]
fn a_form_of_another_version_is_refused_and_not_misread() {
    let mut value = saved(&Scenario::new(policy()));
    value["version"] = json!("2");
    value["state"] = json!("of another shape");
    let error = resumed(value.clone(), policy(), Tick::ZERO, WALL).unwrap_err();
    assert_eq!(error, ResumeError::UnknownVersion);
    assert_eq!(error.to_string(), "the saved sign-in was written by another version of this program");
    value.as_object_mut().unwrap().remove("version");
    assert!(serde_json::from_value::<SavedFlow>(value).is_err());
}

#[test]
fn a_device_code_is_not_sent_to_another_service() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(pending());
    let elsewhere = Endpoint::for_region("us-east-1").unwrap().into();
    let error = resumed_at(elsewhere, saved(&scenario), policy(), Tick::ZERO, WALL).unwrap_err();
    assert!(matches!(&error, ResumeError::OtherService { .. }), "{error:?}");
    let mut hostile = saved(&scenario);
    hostile["service"] = json!("https://evil.example/\u{1b}[2J");
    let text = resumed(hostile, policy(), Tick::ZERO, WALL).unwrap_err().to_string();
    assert!(text.contains("evil.example") && !text.contains('\u{1b}'), "{text:?}");
    assert_eq!(
        error.to_string(),
        "the saved sign-in is for another service: AWS https://oidc.eu-west-1.amazonaws.com:443"
    );
}

#[test]
fn a_saved_flow_goes_on_at_the_same_service_alone_however_its_url_is_spelled() {
    let scenario = Scenario::new(policy());
    let resumed = |service: Service| resumed_at(service, saved(&scenario), policy(), Tick::ZERO, WALL);
    let aws = |url: &str| Service::from(Endpoint::custom(url).unwrap());
    let spelled = aws("https://OIDC.eu-west-1.amazonaws.com:443/");
    assert!(resumed(spelled).is_ok());
    // The same token URL in the other dialect.
    let host = "https://oidc.eu-west-1.amazonaws.com";
    let provider = |codes: &str| Provider::new(codes, &format!("{host}/token")).unwrap();
    let oauth = |codes: &str| Service::from(provider(codes));
    let codes = format!("{host}/device_authorization");
    assert!(resumed(oauth(&codes)).is_err());

    // The same token URL with another URL for the codes, which must not see the client's secret.
    let client = Client::new("id", oidc_proto::Secret::from("secret"));
    let policy = Policy::oauth().with_client(client);
    let flow = DeviceFlow::new(oauth(&codes), policy.clone(), None, Tick::ZERO);
    let saved = flow.save(Tick::ZERO, UNIX_EPOCH + WALL).unwrap();
    let elsewhere = oauth("https://evil.example/device_authorization");
    let resumed = |service| saved.clone().resume(service, policy.clone(), Tick::ZERO, UNIX_EPOCH + WALL);
    let got = resumed(elsewhere);
    assert!(matches!(got, Err(ResumeError::OtherService { .. })), "{got:?}");
    assert!(resumed(oauth(&codes)).is_ok());
}

#[test]
fn debug_of_a_saved_flow_shows_neither_secrets_nor_the_user_code() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(pending());
    let saved = scenario.flow.save(scenario.now, UNIX_EPOCH + WALL).unwrap();
    assert_eq!(
        format!("{saved:?}"),
        "SavedFlow { service: \"AWS https://oidc.eu-west-1.amazonaws.com:443\", phase: Polling, .. }"
    );
    // The serialized form contains secrets, as documented.
    let text = serde_json::to_string(&saved).unwrap();
    assert!(text.contains("device-code") && text.contains("client-secret"));
}

#[test]
fn saving_what_was_just_resumed_gives_the_same() {
    let mut scenario = Scenario::with_registration(policy(), Some(registration("cached")));
    for reply in [unknown(), Reply::Authorized(authorization()), not_sent(), pending(), unknown()] {
        let now = Tick::since_origin(secs(9));
        let once = saved(&scenario);
        let flow = resumed(once.clone(), policy(), now, WALL).unwrap();
        assert_eq!(serde_json::to_value(flow.save(now, UNIX_EPOCH + WALL)).unwrap(), once);
        let asked = scenario.next_send();
        scenario.flow.on_reply(asked, scenario.now, reply).unwrap();
    }
}

#[test]
fn values_that_cannot_be_do_not_make_a_flow_that_breaks_the_rules() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(pending());
    let mut value = saved(&scenario);
    let zero = json!({"secs": 0, "nanos": 0});
    let huge = json!({"secs": u64::MAX, "nanos": 999_999_999});
    value["state"]["poll"][1]["pace"] = json!({
        "interval": zero, "announced": zero, "slow_downs": u8::MAX, "errors": u32::MAX, "due_in": zero,
    });
    value["state"]["poll"][1]["deadline_in"] = huge.clone();
    value["not_before_in"] = huge.clone();
    value["figures"] = json!({"polls": u32::MAX, "slow_downs": u32::MAX, "ran_for": huge});
    value["prompts"] = json!(u32::MAX);
    let now = Tick::ZERO;
    let flow = resumed(value, policy(), now, secs(u64::from(u32::MAX))).unwrap();
    assert_eq!((flow.interval(), flow.deadline()), (Some(secs(5)), Some(now + secs(600))));
    let mut scenario = Scenario { flow, now, sent: Vec::new(), prompts: Vec::new() };
    assert_eq!(scenario.poll(pending()), secs(0));
    assert_eq!(scenario.poll(unknown()), secs(5));
    assert_eq!(scenario.poll(pending()), secs(10));

    let mut value = saved(&Scenario::new(policy()));
    value["state"]["register"]["give_up_in"] = huge.clone();
    value["state"]["register"]["pace"]["due_in"] = huge;
    let mut flow = resumed(value, policy(), now, WALL).unwrap();
    let got = flow.poll(now);
    assert!(matches!(got, Action::Wait(until) if until == now + policy().setup_retry_window), "{got:?}");
}

#[test]
fn jitter_goes_on_where_it_was_and_none_comes_of_a_restart() {
    let wait = |seed: Option<u64>, restarts: bool| {
        let mut scenario = Scenario::new(policy());
        if let Some(seed) = seed {
            scenario.flow = scenario.flow.with_jitter(seed);
        }
        scenario.answer(Operation::RegisterClient, not_sent());
        let mut scenario = if restarts { restart(&scenario, secs(0)) } else { scenario };
        let start = scenario.now;
        scenario.answer(Operation::RegisterClient, not_sent());
        scenario.answer(Operation::RegisterClient, not_sent());
        scenario.now.since(start)
    };
    assert_eq!(wait(Some(7), true), wait(Some(7), false));
    assert_ne!(wait(Some(7), true), wait(Some(8), true));
    assert_eq!(wait(None, true), wait(None, false));
}

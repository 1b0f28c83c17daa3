//! The contract beyond the response: attempts, time limits, broken bodies, transport errors.

use std::error::Error;
use std::io;
use std::time::Duration;

use device_flow::{
    Action, ApiMisuse, DeviceFlow, Exchange, Failure, NotSignedIn, Outcome, PendingRequest, ResponseBody,
    Tick, TransportError,
};
use http::Response;
use oidc_proto::oauth::Provider;
use oidc_proto::{Endpoint, Service};

use crate::scenario::{policy, secs, service};

type Result<T = Response<ResponseBody>, E = TransportError> = core::result::Result<T, E>;

fn response(status: u16, text: &str) -> Response<ResponseBody> {
    Response::builder().status(status).body(text.into()).unwrap()
}

fn answer(status: u16, text: &str) -> Result {
    Ok(response(status, text))
}

fn cut(status: u16, text: &str) -> Result {
    let mut response = response(status, text);
    response.body_mut().break_off(io::Error::other("cut"));
    Ok(response)
}

fn failed(failure: Failure, why: &'static str) -> Result {
    Err(TransportError::new(failure, io::Error::other(why)))
}

fn redirected() -> Result {
    Err(TransportError::redirected(Some("evil.example")))
}

fn registered() -> Result {
    answer(200, r#"{"clientId":"c","clientSecret":"s","clientSecretExpiresAt":1800000000}"#)
}

fn authorized() -> Result {
    let codes =
        r#"{"deviceCode":"d","userCode":"WDJB-MJHT","verificationUri":"https://d.example/","expiresIn":60}"#;
    answer(200, codes)
}

const PENDING: &str = r#"{"error":"authorization_pending"}"#;
const TOKEN: &str = r#"{"accessToken":"t","expiresIn":28800,"tokenType":"Bearer"}"#;

fn new_flow() -> DeviceFlow {
    DeviceFlow::new(service(), policy(), None, Tick::ZERO)
}

/// Drives the flow until it sends a request.
fn next(flow: &mut DeviceFlow, now: &mut Tick) -> PendingRequest {
    for _ in 0..10 {
        match flow.poll(*now) {
            Action::Send(pending) => return pending,
            Action::Prompt(_) => {}
            Action::Wait(until) => *now = until,
            Action::AwaitReply => flow.abandon(*now),
            Action::Done => break,
        }
    }
    panic!("nothing was to be sent");
}

/// Formats an exchange as an observer sees it.
fn seen(exchange: &Exchange<'_>) -> String {
    let Exchange { operation, attempt, status, failure, broken, took, .. } = exchange;
    format!("{operation} {attempt}: {status:?} {failure:?} {broken} {took:?}")
}

/// Drives a flow with these results, each 80 ms after its request, and returns the observed exchanges.
fn driven(script: Vec<Result>) -> (Vec<String>, DeviceFlow, Tick) {
    let (mut flow, mut now, mut exchanges) = (new_flow(), Tick::ZERO, Vec::new());
    for result in script {
        let pending = next(&mut flow, &mut now);
        now = now + Duration::from_millis(80);
        exchanges.push(seen(&pending.exchange(now, &result)));
        flow.on_result(pending, now, result).unwrap();
    }
    (exchanges, flow, now)
}

/// As [`driven`], for a flow that ends without a token.
fn ended(script: Vec<Result>) -> Box<NotSignedIn> {
    let (_, flow, now) = driven(script);
    assert!(flow.outcome().is_some(), "the script is too short");
    flow.into_result(now).unwrap_err()
}

#[test]
fn attempts_are_counted_by_operation_and_a_body_that_broke_off_may_be_whole() {
    let script = vec![
        failed(Failure::NotSent, "refused"),
        registered(),
        authorized(),
        answer(400, PENDING),
        cut(200, TOKEN),
    ];
    let (exchanges, flow, now) = driven(script);
    let expected = [
        "RegisterClient 1: None Some(NotSent) false 80ms",
        "RegisterClient 2: Some(200) None false 80ms",
        "StartDeviceAuthorization 1: Some(200) None false 80ms",
        "CreateToken 1: Some(400) None false 80ms",
        "CreateToken 2: Some(200) None true 80ms",
    ];
    assert_eq!(exchanges, expected);
    assert_eq!(flow.into_result(now).unwrap().polls, 2);
}

#[test]
fn the_latest_transport_error_is_kept_beyond_an_answer_that_has_none() {
    let end = ended(vec![
        failed(Failure::NotSent, "first"),
        registered(),
        authorized(),
        cut(200, r#"{"accessToken":"#),
        answer(400, r#"{"error":"expired_token"}"#),
    ]);
    assert!(matches!(end.outcome, Outcome::GrantLost(_)), "{end:?}");
    assert_eq!(end.transport.unwrap().to_string(), "cut");
}

#[test]
fn an_end_that_has_nothing_to_do_with_the_transport_does_not_drag_an_old_error_along() {
    let denied = answer(400, r#"{"error":"access_denied"}"#);
    let end = ended(vec![failed(Failure::NotSent, "first"), registered(), authorized(), denied]);
    assert!(matches!(end.outcome, Outcome::Denied(_)), "{:?}", end.outcome);
    assert!(end.transport.is_none() && end.source().is_none());
}

#[test]
fn a_driver_that_knows_no_cause_leaves_none() {
    let mut flow =
        DeviceFlow::new(service(), policy().with_setup_retry_window(Duration::ZERO), None, Tick::ZERO);
    let pending = next(&mut flow, &mut { Tick::ZERO });
    flow.on_result(pending, Tick::ZERO, Err(Failure::NotSent.into())).unwrap();
    let end = flow.into_result(Tick::ZERO).unwrap_err();
    assert!(matches!(end.outcome, Outcome::Unreachable { .. }) && end.transport.is_none(), "{end:?}");
}

#[test]
fn a_request_takes_no_longer_than_it_may_and_no_longer_than_the_code_lives() {
    let (mut flow, mut now, mut timeouts) = (new_flow(), Tick::ZERO, Vec::new());
    // A code with a life of 60 s and an interval of 5 s.
    let polls = (0..6).map(|_| answer(400, PENDING));
    for result in [registered(), authorized()].into_iter().chain(polls) {
        let pending = next(&mut flow, &mut now);
        timeouts.push(pending.timeout(secs(40)));
        flow.on_result(pending, now, result).unwrap();
    }
    assert_eq!(timeouts, [40, 40, 40, 40, 40, 40, 35, 30].map(secs));
}

#[test]
fn an_http_client_that_went_elsewhere_ends_the_flow_and_is_the_reason() {
    let end = ended(vec![redirected()]);
    assert_eq!(end.outcome, Outcome::Cancelled);
    assert!(end.given_up().is_some_and(TransportError::is_final));
    assert!(end.to_string().contains("evil.example"));
}

#[test]
fn a_cancellation_leaves_no_transport_error_and_undoes_no_end() {
    let (mut flow, mut now) = (new_flow(), Tick::ZERO);
    let pending = next(&mut flow, &mut now);
    flow.on_result(pending, now, failed(Failure::Unknown, "reset")).unwrap();
    let pending = next(&mut flow, &mut now);
    flow.cancel();
    let got = flow.poll(now);
    assert!(matches!(got, Action::Done), "{got:?}");
    assert_eq!(flow.on_result(pending, now, registered()), Err(ApiMisuse::StaleRequest));
    let end = flow.into_result(now).unwrap_err();
    assert!(end.outcome == Outcome::Cancelled && end.transport.is_none());

    let (_, mut flow, now) = driven(vec![redirected()]);
    flow.cancel();
    let end = flow.into_result(now).unwrap_err();
    assert!(end.given_up().is_some(), "why the driver gave up is not forgotten");
}

#[test]
fn a_flow_that_is_left_in_the_middle_counts_as_cancelled_and_not_as_given_up() {
    let (_, flow, now) = driven(vec![failed(Failure::Unknown, "reset")]);
    let end = flow.into_result(now).unwrap_err();
    assert!(end.outcome == Outcome::Cancelled && end.given_up().is_none(), "{end:?}");
    let (_, flow, now) = driven(vec![registered(), authorized()]);
    assert!(flow.into_result(now).unwrap_err().newly_registered, "its registration can be kept");
}

#[test]
fn what_came_of_another_flows_request_changes_nothing() {
    let (mut other, mut flow, mut now) = (new_flow(), new_flow(), Tick::ZERO);
    let foreign = next(&mut other, &mut now);
    let pending = next(&mut flow, &mut now);
    assert_eq!(flow.on_result(foreign, now, redirected()), Err(ApiMisuse::StaleRequest));
    assert!(flow.outcome().is_none(), "it was another flow's client that went elsewhere");
    flow.on_result(pending, now, registered()).unwrap();

    let pending = next(&mut flow, &mut now);
    flow.cancel();
    assert_eq!(flow.on_result(pending, now, failed(Failure::Unknown, "reset")), Err(ApiMisuse::StaleRequest));
    assert!(flow.into_result(now).unwrap_err().transport.is_none(), "it has nothing to do with the end");
}

#[test]
fn a_flow_goes_on_whose_request_was_dropped_with_its_driver() {
    let (mut flow, mut now) = (new_flow(), Tick::ZERO);
    drop(next(&mut flow, &mut now));
    let pending = next(&mut flow, &mut now);
    assert_eq!((now.elapsed(), pending.attempt()), (secs(1), 2), "asked again after a pause");
    flow.on_result(pending, now, registered()).unwrap();
}

#[test]
fn an_error_from_before_the_service_answered_explains_no_later_loss() {
    let mut flow = new_flow();
    let mut now = Tick::ZERO;
    for result in [failed(Failure::NotSent, "no route"), registered(), authorized()] {
        let pending = next(&mut flow, &mut now);
        flow.on_result(pending, now, result).unwrap();
    }
    let lost = next(&mut flow, &mut now);
    drop(lost);
    flow.abandon(now);
    let pending = next(&mut flow, &mut now);
    flow.on_result(pending, now, answer(400, r#"{"error":"expired_token"}"#)).unwrap();
    let end = flow.into_result(now).unwrap_err();
    assert!(matches!(end.outcome, Outcome::GrantLost(_)), "{:?}", end.outcome);
    assert!(end.transport.is_none(), "{:?}", end.transport);

    // `authorization_pending` proves the code unspent, so an earlier error cannot have lost the token.
    let reset = || failed(Failure::Unknown, "reset");
    let expired = || answer(400, r#"{"error":"expired_token"}"#);
    let end = ended(vec![registered(), authorized(), reset(), answer(400, PENDING), reset(), expired()]);
    assert!(matches!(end.outcome, Outcome::GrantLost(_)) && end.transport.is_some());
    let (_, mut flow, mut now) = driven(vec![registered(), authorized(), reset(), answer(400, PENDING)]);
    let _lost = next(&mut flow, &mut now);
    flow.abandon(now);
    let pending = next(&mut flow, &mut now);
    flow.on_result(pending, now, expired()).unwrap();
    let end = flow.into_result(now).unwrap_err();
    assert!(matches!(end.outcome, Outcome::GrantLost(_)) && end.transport.is_none());
}

#[test]
fn a_driver_whose_client_is_for_another_service_is_told_which() {
    let aws = |url: &str| Service::from(Endpoint::custom(url).unwrap());
    let provider = |codes: &str| Provider::new(codes, "https://id.example/token").unwrap();
    let oauth = |codes: &str| Service::from(provider(codes));
    let of = |service: &Service| DeviceFlow::new(service.clone(), policy(), None, Tick::ZERO);
    let same = (aws("https://ID.example:443/"), aws("https://id.example"));
    assert!(of(&same.0).check_service(&same.1).is_ok());

    // The same token URL in another dialect, with another URL for the codes, and with one more URL.
    let codes = "https://id.example/device_authorization";
    let revoking = Service::from(provider(codes).with_revocation("https://id.example/revoke").unwrap());
    let others = [
        (aws("https://id.example"), oauth(codes)),
        (oauth(codes), oauth("https://evil.example/device_authorization")),
        (oauth(codes), revoking),
    ];
    for (one, other) in &others {
        for (flow, client) in [(one, other), (other, one)] {
            let error = of(flow).check_service(client).unwrap_err();
            let ApiMisuse::OtherService { flow, client } = &error else { panic!("{error}") };
            assert_ne!(flow, client, "the text tells them apart");
        }
    }
}

#[test]
fn an_end_by_the_driver_takes_as_long_as_the_request_did() {
    let mut flow = new_flow();
    let mut now = Tick::ZERO;
    let pending = next(&mut flow, &mut now);
    flow.on_result(pending, now + secs(7), redirected()).unwrap();
    assert_eq!(flow.running_for(now), secs(7));
}

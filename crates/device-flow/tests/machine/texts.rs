//! The texts for people and logs.

use std::error::Error;
use std::io;
use std::time::Duration;

use device_flow::{
    ApiMisuse, DiscoveryError, Failure, MetadataSearch, Operation, Outcome, SearchError, Tick,
    TransientError, TransportError, refresh_is_due, refresh_request,
};
use oidc_proto::oauth::{Metadata, MetadataError};
use oidc_proto::{Client, Fault, FaultCode, Grant, Secret, UnixSeconds};

use crate::scenario::{Scenario, authorization, fault, not_sent, pending, policy, response, secs, unknown};

/// Returns the outcome of a sign-in whose polls got these replies.
fn end(replies: &[device_flow::Reply]) -> Outcome {
    let mut scenario = Scenario::polling(policy(), authorization());
    for reply in replies {
        scenario.poll(reply.clone());
    }
    match scenario.flow.outcome() {
        Some(outcome) => outcome.unwrap_err().clone(),
        None => scenario.outcome_at_the_deadline(),
    }
}

#[test]
fn every_outcome_says_what_happened_and_what_to_do() {
    let cases = [
        (
            end(&[fault(FaultCode::AccessDenied)]),
            "the sign-in was denied on the approval page (access_denied). If that was a mistake, start again and approve the request",
        ),
        (
            end(&[fault(FaultCode::ExpiredToken)]),
            "the code has expired (expired_token). Start again for a new code",
        ),
        (end(&[pending()]), "the code expired, and no approval was received. Start again for a new code"),
        (
            end(&[pending(), not_sent()]),
            "the code expired, and no approval was received; last error: failed to connect to the service. \
             Start again for a new code",
        ),
        (end(&[fault(FaultCode::InvalidGrant)]), "the service refused CreateToken: invalid_grant"),
        (
            end(&[unknown(), fault(FaultCode::InvalidGrant)]),
            "the response to CreateToken was lost, and the code is no longer valid (invalid_grant). \
             If you approved, the token was lost with that response. Start again for a new code",
        ),
        (
            end(&[pending(), unknown(), fault(FaultCode::SlowDown)]),
            "the response to CreateToken was lost, and the code is no longer valid (it has expired; last error: \
             the service asked to slow down (slow_down)). \
             If you approved, the token was lost with that response. Start again for a new code",
        ),
        (
            end(&[pending(), unknown()]),
            "the response to CreateToken was lost, and the code is no longer valid (it has expired; last error: \
             the connection failed or timed out before a response arrived). If you approved, the token was lost with that response. \
             Start again for a new code",
        ),
        (
            end(&[unknown()]),
            "CreateToken got no usable response: the connection failed or timed out before a response arrived. \
             Check the endpoint, the region and the network",
        ),
        (
            Outcome::UnsupportedOperation(Operation::RegisterClient),
            "the service has no endpoint for RegisterClient. Configure that endpoint, or use a client that is already registered",
        ),
        (
            Outcome::NoStartUrl,
            "the policy has no start URL, which this service requires. Create the policy with `Policy::aws`, or build \
             the client for a provider",
        ),
        (
            Outcome::NoVerifier,
            "the policy requires PKCE, but the flow has no verifier. Pass a verifier to the flow with \
             `DeviceFlow::with_pkce`",
        ),
        (Outcome::Cancelled, "the sign-in was cancelled"),
    ];
    for (outcome, text) in cases {
        assert_eq!(outcome.to_string(), text);
    }
}

#[test]
fn a_broken_promise_names_the_member() {
    let mut scenario = Scenario::polling(policy(), authorization());
    let asked = scenario.next_send();
    let reply = response(&asked, 200, &[], "{}");
    scenario.flow.on_reply(asked, scenario.now, reply).unwrap();
    let error = scenario.flow.into_result(scenario.now).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the response to CreateToken is invalid: `accessToken` is missing; the code cannot be used \
         again. Start again for a new code"
    );
}

#[test]
fn an_error_says_who_failed() {
    assert_eq!(TransientError::Failed(Failure::NotSent).to_string(), "failed to connect to the service");
    let failed = Fault::new(FaultCode::InternalServer);
    assert_eq!(TransientError::Fault(failed).to_string(), "the service returned an error: server_error");
    let mut scenario = Scenario::polling(policy(), authorization());
    let asked = scenario.next_send();
    let reply = response(&asked, 502, &[], "<html>");
    scenario.flow.on_reply(asked, scenario.now, reply).unwrap();
    assert_eq!(
        scenario.flow.error().unwrap().to_string(),
        "unexpected response: HTTP 502 with an HTML page instead of JSON"
    );
}

#[test]
fn a_mistake_says_whose_it_was() {
    assert_eq!(
        ApiMisuse::StaleRequest.to_string(),
        "the request is stale: it was abandoned, its flow has ended, or it belongs to another flow"
    );
    let wrong =
        ApiMisuse::WrongOperation { request: Operation::RegisterClient, reply: Operation::CreateToken };
    assert_eq!(wrong.to_string(), "the reply is for CreateToken, but the request was for RegisterClient");
}

#[test]
fn a_request_and_a_tick_are_short_in_a_log() {
    let mut scenario = Scenario::polling(policy(), authorization());
    scenario.poll(pending());
    let asked = scenario.next_send();
    assert_eq!(format!("{asked:?}"), "PendingRequest(CreateToken #4)");
    assert_eq!(asked.operation(), Operation::CreateToken);
    assert_eq!(format!("{:?}", Tick::since_origin(secs(7))), "Tick(7s)");
}

#[test]
fn a_prompt_in_a_log_shows_where_to_go_and_not_the_code() {
    let scenario = Scenario::polling(policy(), authorization());
    let prompt = scenario.flow.prompt().unwrap();
    assert_eq!(
        format!("{prompt:?}"),
        "UserPrompt { verification_uri: \"https://device.example/\", expires_in: 600s, deadline: Tick(1600s), \
         replaces_earlier: false, .. }"
    );
}

#[test]
fn a_refresh_is_due_when_less_than_the_margin_is_left() {
    let (end, margin) = (UnixSeconds::new(10_000), secs(300));
    assert!(!refresh_is_due(end, UnixSeconds::new(9_699), margin));
    assert!(refresh_is_due(end, UnixSeconds::new(9_700), margin));
    assert!(refresh_is_due(end, UnixSeconds::new(20_000), margin));
}

#[test]
fn a_refresh_offers_the_refresh_token_and_nothing_else() {
    let request = refresh_request(Client::public("c"), Secret::from("r"));
    assert_eq!(request.grant, Grant::RefreshToken { refresh_token: Secret::from("r") });
    assert_eq!((request.client.id.as_str(), request.scope), ("c", Vec::new()));
}

#[test]
fn a_client_that_went_elsewhere_by_itself_is_not_used_again_and_one_that_failed_may_be() {
    let elsewhere = TransportError::redirected(Some("evil.example\u{1b}[2J"));
    assert!(elsewhere.is_final());
    let text = elsewhere.to_string();
    assert!(text.contains("evil.example") && !text.contains('\u{1b}'), "{text}");
    assert!(TransportError::redirected(None).to_string().contains("another place"));
    assert!(!TransportError::new(Failure::Unknown, io::Error::other("reset")).is_final());
}

/// Returns the texts of an error and of its sources, as a program prints them.
fn chain(error: &dyn Error) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    texts
}

#[test]
fn no_error_says_again_what_its_own_text_has_said() {
    type Discovery = DiscoveryError<io::Error>;
    assert_eq!(chain(&Discovery::Build(io::Error::other("no such file"))), ["no such file"]);
    let missing = Discovery::Metadata(MetadataError::Missing("token_endpoint"));
    assert_eq!(chain(&missing).len(), 1, "{:?}", chain(&missing));
    let mut metadata = Metadata::default();
    metadata.device_authorization_endpoint = Some("http://id.example/d".to_owned());
    metadata.token_endpoint = Some("https://id.example/t".to_owned());
    let insecure = Discovery::Metadata(metadata.provider().unwrap_err());
    assert_eq!(chain(&insecure).len(), 2, "{:?}", chain(&insecure));
    let unfinished = Discovery::Search(SearchError::Unfinished);
    assert_eq!(chain(&unfinished).len(), 1, "{:?}", chain(&unfinished));
    let mut search =
        MetadataSearch::of("https://id.example", Tick::ZERO).unwrap().with_retry_window(Duration::ZERO);
    let _ = search.poll(Tick::ZERO);
    search.on_result(Tick::ZERO, Err(TransportError::new(Failure::NotSent, io::Error::other("refused"))));
    let lost = Discovery::Search(search.finish().unwrap_err());
    let address = "https://id.example/.well-known/openid-configuration";
    assert_eq!(chain(&lost), [format!("failed to get a response from {address}"), "refused".to_owned()]);

    let mut scenario = Scenario::polling(policy(), authorization());
    let asked = scenario.next_send();
    let reason = TransportError::redirected(Some("evil.example"));
    scenario.flow.on_result(asked, scenario.now, Err(reason)).unwrap();
    let end = scenario.flow.into_result(scenario.now).unwrap_err();
    assert_eq!(chain(&end).len(), 1, "{:?}", chain(&end));
    assert!(end.given_up().is_some() && chain(&end)[0].contains("evil.example"));
}

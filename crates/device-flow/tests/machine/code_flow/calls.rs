//! The rules of the code flow, one by one.

use device_flow::{
    Action, ApiMisuse, Callback, Failure, Operation, Outcome, Policy, Reply, Stop, TransientError,
    TransportError,
};
use oidc_proto::oauth::Provider;
use oidc_proto::{Client, FaultCode, Service};
use serde_json::{Value, json};

use super::rig::{
    CHALLENGE, CODE, Rig, SPARE, STATE, VERIFIER, aws, body, fault, flow, page, policy, registration, secs,
    token,
};

fn provider() -> Provider {
    Provider::for_code("https://id.example/authorize", "https://id.example/token").unwrap()
}

#[test]
fn aws_registers_for_this_grant_alone_with_a_redirect_uri_without_its_port() {
    let mut rig = Rig::new(aws(), policy().with_client_name("my program"), None);
    let pending = rig.send();
    assert_eq!(pending.operation(), Operation::RegisterClient);
    assert_eq!(
        serde_json::from_str::<Value>(&body(&pending)).unwrap(),
        json!({
            "clientName": "my program",
            "clientType": "public",
            "scopes": ["sso:account:access"],
            "grantTypes": ["authorization_code", "refresh_token"],
            "redirectUris": ["http://127.0.0.1/oauth/callback"],
            "issuerUrl": "https://d-1234567890.awsapps.com/start",
        })
    );
}

#[test]
fn a_provider_registers_the_redirect_uri_with_its_port() {
    let provider = provider().with_registration("https://id.example/register").unwrap();
    let pending = Rig::new(provider, Policy::oauth(), None).send();
    let registered: Value = serde_json::from_str(&body(&pending)).unwrap();
    assert_eq!(registered["redirect_uris"], json!(["http://127.0.0.1:8400/oauth/callback"]));
    assert_eq!(registered["response_types"], json!(["code"]));
}

#[test]
fn the_address_has_the_client_the_challenge_and_the_state_and_no_verifier() {
    let mut rig = Rig::new(aws(), policy(), None);
    rig.answer(Reply::Registered(registration("new")));
    let prompt = rig.prompt();
    for part in [
        "https://oidc.eu-west-1.amazonaws.com/authorize?response_type=code&client_id=new&",
        "redirect_uri=http%3A%2F%2F127.0.0.1%3A8400%2Foauth%2Fcallback&",
        &format!("code_challenge={CHALLENGE}"),
        &format!("state={STATE}&"),
    ] {
        assert!(prompt.url.contains(part), "{part} in {}", prompt.url);
    }
    assert!(!prompt.url.contains(VERIFIER) && !prompt.replaces_earlier);
    assert_eq!(prompt.deadline, rig.now + secs(600));
}

#[test]
fn a_flow_has_prompted_from_its_first_prompt_to_its_end_and_says_so_without_a_token() {
    let mut rig = Rig::new(aws(), policy(), None);
    assert!(!rig.flow.has_prompted());
    let pending = rig.send();
    assert!(!rig.flow.has_prompted(), "it registers first");
    rig.flow.on_reply(pending, rig.now, Reply::Registered(registration("new"))).unwrap();
    assert!(!rig.flow.has_prompted(), "the prompt is due, and the driver does not have it");
    rig.prompt();
    assert!(rig.flow.has_prompted());
    assert_eq!(rig.callback(CODE), Callback::Accepted);
    rig.answer(fault(FaultCode::InvalidClient));
    assert!(rig.flow.has_prompted(), "a second registration does not undo it");
    rig.flow.cancel();
    assert!(rig.flow.has_prompted() && rig.flow.into_result(rig.now).unwrap_err().prompted);

    let mut unseen = Rig::new(aws(), policy(), Some(registration("cached")));
    unseen.flow.cancel();
    assert!(!unseen.flow.has_prompted() && !unseen.flow.into_result(unseen.now).unwrap_err().prompted);
}

#[test]
fn the_code_is_exchanged_with_the_verifier_and_the_redirect_uri_with_its_port() {
    let mut rig = Rig::redeeming();
    let pending = rig.send();
    assert_eq!(
        serde_json::from_str::<Value>(&body(&pending)).unwrap(),
        json!({
            "clientId": "cached",
            "clientSecret": "client-secret",
            "grantType": "authorization_code",
            "code": "the-code",
            "codeVerifier": VERIFIER,
            "redirectUri": "http://127.0.0.1:8400/oauth/callback",
        })
    );
    rig.flow.on_reply(pending, rig.now, Reply::Granted(token())).unwrap();
    let signed_in = rig.flow.into_result(rig.now).unwrap();
    assert_eq!((signed_in.token, signed_in.newly_registered, signed_in.polls), (token(), false, 1));
    assert_eq!(signed_in.start_url.as_deref(), Some("https://d-1234567890.awsapps.com/start"));
}

#[test]
fn a_request_that_is_no_response_to_this_flow_changes_nothing() {
    let mut rig = Rig::listening();
    for (target, expected) in [
        ("/favicon.ico", Callback::NotFound),
        ("/", Callback::NotFound),
        ("/oauth/callback", Callback::Unrelated),
        ("/oauth/callback?code=c", Callback::Unrelated),
        ("/oauth/callback?code=c&state=another", Callback::Unrelated),
        ("/oauth/callback?code=c&state=the-state&state=the-state", Callback::Unrelated),
        ("/oauth/callback?code=c&code=d&state=the-state", Callback::Unrelated),
        ("/oauth/callback?error=access_denied", Callback::Unrelated),
        ("/oauth/callback?error=access_denied&state=the-stat", Callback::Unrelated),
    ] {
        assert_eq!(rig.callback(target), expected, "{target}");
        assert!(rig.flow.is_listening());
    }
    assert_eq!(rig.callback(CODE), Callback::Accepted);
}

#[test]
fn only_the_first_response_counts() {
    let mut rig = Rig::redeeming();
    assert_eq!(rig.callback("/oauth/callback?code=second&state=the-state"), Callback::Late);
    let pending = rig.send();
    assert!(body(&pending).contains("the-code"));
    assert_eq!(rig.callback(CODE), Callback::Late);
    rig.flow.on_reply(pending, rig.now, Reply::Granted(token())).unwrap();
    assert_eq!(rig.callback(CODE), Callback::Late);
    let mut early = Rig::new(aws(), policy(), None);
    assert_eq!(early.callback(CODE), Callback::Late, "the flow has not asked yet");
}

#[test]
fn a_pasted_address_counts_as_the_browsers_request() {
    let mut rig = Rig::listening();
    assert_eq!(rig.callback(&format!("http://127.0.0.1:9999{CODE}")), Callback::NotFound, "another port");
    assert_eq!(rig.callback(&format!("http://127.0.0.1:8400{CODE}#_=_")), Callback::Accepted);
}

#[test]
fn a_denial_and_another_error_end_the_flow_with_the_services_text() {
    let mut rig = Rig::listening();
    let denied = "/oauth/callback?error=access_denied&error_description=no%20thanks&state=the-state";
    assert_eq!(rig.callback(denied), Callback::Accepted);
    let outcome = rig.outcome();
    assert!(matches!(&outcome, Outcome::Denied(_)) && outcome.to_string().contains("no thanks"), "{outcome}");

    let mut rig = Rig::listening();
    let failed =
        "/oauth/callback?error=temporarily_unavailable&error_description=later%1b[2J&state=the-state";
    assert_eq!(rig.callback(failed), Callback::Accepted);
    let outcome = rig.outcome();
    assert!(matches!(&outcome, Outcome::AuthorizationFailed(_)), "{outcome}");
    assert!(outcome.to_string().contains("later[2J") && !outcome.to_string().contains('\u{1b}'), "{outcome}");
}

#[test]
fn a_response_of_another_issuer_ends_the_flow_and_its_code_goes_nowhere() {
    let own = |is_always_named| {
        let client = Policy::oauth().with_client(Client::public("my-tool"));
        let mut rig = Rig::new(provider().with_issuer("https://id.example", is_always_named), client, None);
        rig.prompt();
        rig
    };
    for (always, more, is_fine) in [
        (true, "&iss=https%3A%2F%2Fid.example", true),
        (false, "&iss=https%3A%2F%2Fid.example", true),
        (false, "", true),
        (true, "", false),
        (true, "&iss=https%3A%2F%2Fevil.example", false),
        (false, "&iss=https%3A%2F%2Fevil.example", false),
    ] {
        let mut rig = own(always);
        assert_eq!(rig.callback(&format!("{CODE}{more}")), Callback::Accepted);
        if is_fine {
            assert_eq!(rig.send().operation(), Operation::CreateToken, "{more}");
        } else {
            assert!(matches!(rig.outcome(), Outcome::WrongIssuer(_)), "{more}");
        }
    }
}

#[test]
fn a_browser_that_does_not_come_back_ends_the_flow_in_time() {
    let mut rig = Rig::new(aws(), policy().with_redirect_timeout(secs(60)), Some(registration("cached")));
    let prompt = rig.prompt();
    let Action::Wait(until) = rig.flow.poll(rig.now) else { panic!("it listens") };
    assert_eq!((until, rig.flow.deadline()), (prompt.deadline, Some(until)));
    rig.now = until;
    assert_eq!(rig.outcome(), Outcome::NoRedirect);
    assert_eq!(rig.callback(CODE), Callback::Late);
}

#[test]
fn a_lost_exchange_is_repeated_and_a_spent_code_is_then_told_from_a_refusal() {
    let mut rig = Rig::redeeming();
    rig.answer(Reply::Failed(Failure::Unknown));
    rig.answer(Reply::Granted(token()));
    assert!(rig.flow.outcome().unwrap().is_ok());

    for lost in [Reply::Failed(Failure::Unknown), page(502)] {
        let mut rig = Rig::redeeming();
        rig.answer(lost);
        rig.answer(fault(FaultCode::InvalidGrant));
        assert!(matches!(rig.outcome(), Outcome::GrantLost(_)));
    }
    // Nothing was lost with these.
    for harmless in [Reply::Failed(Failure::NotSent), page(429)] {
        let mut rig = Rig::redeeming();
        rig.answer(harmless);
        rig.answer(fault(FaultCode::InvalidGrant));
        assert!(matches!(rig.outcome(), Outcome::Rejected { operation: Operation::CreateToken, .. }));
    }
}

#[test]
fn a_plain_refusal_ends_an_exchange_unless_an_earlier_one_was_lost() {
    let mut rig = Rig::redeeming();
    rig.answer(page(404));
    assert!(matches!(rig.outcome(), Outcome::Refused { operation: Operation::CreateToken, .. }));

    // It may be the words on the spent code, cut off.
    let mut rig = Rig::redeeming();
    rig.answer(Reply::Failed(Failure::Unknown));
    rig.answer(page(400));
    rig.answer(fault(FaultCode::InvalidGrant));
    assert!(matches!(rig.outcome(), Outcome::GrantLost(_)));

    let mut rig = Rig::redeeming();
    rig.answer(Reply::Failed(Failure::Unknown));
    while rig.flow.outcome().is_none() {
        rig.answer(page(400));
    }
    assert!(matches!(rig.outcome(), Outcome::Unreachable { operation: Operation::CreateToken, .. }));
}

#[test]
fn an_exchange_without_a_verdict_is_given_up_after_the_retry_window() {
    let mut rig = Rig::redeeming();
    let began = rig.now;
    while rig.flow.outcome().is_none() {
        rig.answer(Reply::Failed(Failure::NotSent));
    }
    let expected = TransientError::Failed(Failure::NotSent);
    assert!(
        matches!(rig.outcome(), Outcome::Unreachable { operation: Operation::CreateToken, error, .. } if error == expected)
    );
    assert!(rig.now.since(began) <= policy().setup_retry_window);
}

#[test]
fn a_rejected_cached_client_is_replaced_once_with_another_address() {
    let mut rig = Rig::redeeming();
    rig.answer(fault(FaultCode::InvalidClient));
    assert_eq!(rig.callback(CODE), Callback::Late);
    rig.answer(Reply::Registered(registration("new")));
    let prompt = rig.prompt();
    assert!(prompt.replaces_earlier && prompt.url.contains("client_id=new&"), "{}", prompt.url);
    // The first verifier was sent, and its page must not answer for the second (RFC 7636 §4.1).
    assert!(prompt.url.contains(SPARE) && !prompt.url.contains(STATE) && !prompt.url.contains(CHALLENGE));
    assert_eq!(rig.callback(CODE), Callback::Unrelated);
    assert_eq!(rig.callback(&CODE.replace(STATE, SPARE)), Callback::Accepted);
    let pending = rig.send();
    assert!(body(&pending).contains(SPARE) && !body(&pending).contains(VERIFIER));
    rig.flow.abandon(rig.now);
    rig.answer(fault(FaultCode::InvalidClient));
    let end = rig.flow.into_result(rig.now).unwrap_err();
    assert!(matches!(end.outcome, Outcome::Rejected { .. }) && end.registration.is_none() && end.prompted);
}

#[test]
fn what_a_service_lacks_ends_the_flow_before_anything_is_sent() {
    let device_only = Provider::new("https://id.example/device", "https://id.example/token").unwrap();
    let own = Policy::oauth().with_client(Client::public("my-tool"));
    let cases: [(Service, Policy, Outcome); 4] = [
        (device_only.clone().into(), Policy::oauth(), Outcome::NoAuthorizationEndpoint),
        (device_only.into(), own, Outcome::NoAuthorizationEndpoint),
        (provider().into(), Policy::oauth(), Outcome::UnsupportedOperation(Operation::RegisterClient)),
        (aws(), Policy::oauth(), Outcome::NoStartUrl),
    ];
    for (service, policy, expected) in cases {
        assert_eq!(Rig::new(service, policy, None).outcome(), expected);
    }
}

#[test]
fn a_cancelled_flow_sends_nothing_more_and_keeps_its_registration() {
    let mut rig = Rig::redeeming();
    let pending = rig.send();
    rig.flow.cancel();
    let late = rig.flow.on_reply(pending, rig.now, Reply::Granted(token()));
    assert_eq!(late, Err(ApiMisuse::StaleRequest));
    let end = rig.flow.into_result(rig.now).unwrap_err();
    assert_eq!(end.outcome, Outcome::Cancelled);

    let mut rig = Rig::listening();
    rig.flow.stop(Stop::because("the browser cannot be started"));
    assert_eq!(rig.callback(CODE), Callback::Late);
    let end = rig.flow.into_result(rig.now).unwrap_err();
    assert!(end.to_string().contains("the browser cannot be started") && end.registration.is_some(), "{end}");
}

#[test]
fn a_transports_error_is_an_input_unless_it_is_final() {
    let mut rig = Rig::redeeming();
    let pending = rig.send();
    let reset = TransportError::new(Failure::Unknown, std::io::Error::other("reset"));
    rig.flow.on_result(pending, rig.now, Err(reset)).unwrap();
    assert!(rig.flow.error().is_some() && rig.flow.outcome().is_none());
    let pending = rig.send();
    let elsewhere = TransportError::redirected(Some("evil.example"));
    rig.flow.on_result(pending, rig.now, Err(elsewhere)).unwrap();
    let end = rig.flow.into_result(rig.now).unwrap_err();
    assert!(end.outcome == Outcome::Cancelled && end.given_up().is_some(), "{end}");
}

#[test]
fn a_request_of_another_flow_or_with_another_operations_reply_is_refused() {
    let mut rig = Rig::redeeming();
    let mut other = Rig::redeeming();
    let foreign = other.send();
    assert_eq!(rig.flow.on_reply(foreign, rig.now, Reply::Granted(token())), Err(ApiMisuse::StaleRequest));
    let pending = rig.send();
    let wrong = rig.flow.on_reply(pending, rig.now, Reply::Registered(registration("x")));
    assert!(matches!(wrong, Err(ApiMisuse::WrongOperation { .. })));
    assert!(matches!(rig.flow.poll(rig.now), Action::AwaitReply));
    rig.flow.abandon(rig.now);
    rig.answer(Reply::Granted(token()));
    assert!(rig.flow.outcome().unwrap().is_ok());
}

#[test]
fn time_that_goes_backwards_is_read_as_the_latest() {
    let mut rig = Rig::listening();
    rig.now = rig.now + secs(30);
    _ = rig.flow.poll(rig.now);
    rig.now = device_flow::Tick::ZERO;
    assert!(matches!(rig.flow.poll(rig.now), Action::Wait(_)));
    assert_eq!(rig.callback(CODE), Callback::Accepted);
    assert!(matches!(rig.flow.poll(rig.now), Action::Send(_)), "an exchange is due at once");
}

#[test]
fn nothing_that_is_printed_has_a_secret() {
    let mut rig = Rig::listening();
    let prompt = flow(aws(), policy(), Some(registration("cached"))).poll(rig.now);
    let mut printed = format!("{:?} {prompt:?}", rig.flow);
    assert_eq!(rig.callback(CODE), Callback::Accepted);
    let pending = rig.send();
    printed += &format!("{:?} {pending:?} {:?}", rig.flow, pending.request());
    rig.flow.on_reply(pending, rig.now, Reply::Granted(token())).unwrap();
    printed += &format!("{:?} {:?}", rig.flow, rig.flow.page(Callback::Accepted));
    for secret in ["the-code", VERIFIER, CHALLENGE, STATE, "client-secret", "access-token"] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
}

#[test]
fn the_page_tells_the_result_without_script_and_without_the_services_text() {
    let mut rig = Rig::redeeming();
    assert!(rig.flow.page(Callback::Accepted).contains("The sign-in continues"));
    rig.answer(Reply::Granted(token()));
    let mut denied = Rig::listening();
    denied.callback("/oauth/callback?error=access_denied&error_description=evil%3Cscript%3E&state=the-state");
    for (page, title) in [
        (rig.flow.page(Callback::Accepted), "You are signed in"),
        (denied.flow.page(Callback::Accepted), "You are not signed in"),
        (rig.flow.page(Callback::Late), "There is nothing to do here"),
        (rig.flow.page(Callback::Unrelated), "This is not the response to the current sign-in"),
        (rig.flow.page(Callback::NotFound), "Not found"),
    ] {
        let (head, body) = page.split_once("\r\n\r\n").unwrap();
        assert!(body.contains(&format!("<h1>{title}</h1>")), "{page}");
        assert!(!page.contains("<script") && !page.contains("evil") && !page.contains("the-code"), "{page}");
        assert!(head.contains("content-security-policy: default-src 'none'") && head.contains("no-store"));
        assert!(head.ends_with(&format!("content-length: {}", body.len())), "{head}");
    }
}

#[test]
fn each_request_knows_its_attempt_of_its_operation() {
    let mut rig = Rig::new(aws(), policy(), None);
    for attempt in 1..=3 {
        let pending = rig.send();
        assert_eq!((pending.operation(), pending.attempt()), (Operation::RegisterClient, attempt));
        rig.flow.on_reply(pending, rig.now, fault(FaultCode::SlowDown)).unwrap();
    }
    let mut rig = Rig::redeeming();
    for attempt in 1..=3 {
        let pending = rig.send();
        assert_eq!((pending.operation(), pending.attempt()), (Operation::CreateToken, attempt));
        rig.flow.on_reply(pending, rig.now, Reply::Failed(Failure::NotSent)).unwrap();
    }
    assert_eq!(rig.flow.attempts(), 3);
}

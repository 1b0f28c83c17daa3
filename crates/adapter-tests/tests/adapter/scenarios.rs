//! The behaviour that both adapters share.

use std::collections::HashSet;
use std::error::Error;
use std::time::{Duration, Instant};

use adapter_tests::stub::{ClosedPort, Step, Stub};
use adapter_tests::{Adapter, for_both_adapters};
use device_flow::{CallError, Expiry, Failure, Outcome, SignInError, SignedIn, TransientError, UserPrompt};
use oidc_proto::{
    Client, CreateTokenRequest, FaultCode, Grant, Operation, RegisterClientRequest, Registration, Secret,
    StartDeviceAuthorizationRequest, UnixSeconds,
};
use sso_oidc_server::{Config, FaultRule, InjectedFault, Rotation, TestServer};

const GENEROUS: Duration = Duration::from_secs(20);

fn sign_in<A: Adapter>(
    endpoint: &str,
    on_prompt: impl FnMut(&UserPrompt) + Send,
) -> Result<SignedIn, SignInError> {
    A::sign_in_within(GENEROUS, endpoint, None, on_prompt)
}

/// Returns the outcome of a sign-in at a stub.
fn outcome<A: Adapter>(stub: &Stub) -> Outcome {
    match sign_in::<A>(&stub.endpoint(), |_| {}) {
        Ok(signed_in) => panic!("signed in after {} polls", signed_in.polls),
        Err(end) => end.outcome,
    }
}

fn polls_seen(stub: &Stub) -> usize {
    stub.seen().iter().filter(|request| request.head.starts_with("POST /token ")).count()
}

/// Returns a server that accepts polls at any speed, for virtual time.
fn server() -> TestServer {
    TestServer::with(Config::default().with_slow_down(sso_oidc_server::SlowDown::Off)).unwrap()
}

fn an_approved_sign_in_yields_a_token_over_one_connection<A: Adapter>() {
    let server = server();
    let signed_in =
        sign_in::<A>(server.endpoint(), |prompt| server.approve(&prompt.user_code).expect("a live code"))
            .unwrap();
    assert!(!signed_in.token.access_token.is_empty());
    assert!(signed_in.token.refresh_token.is_some(), "a registration with scopes gets a refresh token");
    assert!(signed_in.newly_registered);
    assert_eq!(signed_in.polls, 1);
    let operations: Vec<_> = server.requests().iter().filter_map(|request| request.operation).collect();
    assert_eq!(operations, Operation::SIGN_IN);
    assert_eq!(server.connections(), 1);
}

fn a_denied_sign_in_is_denied<A: Adapter>() {
    let server = server();
    let end = sign_in::<A>(server.endpoint(), |prompt| server.deny(&prompt.user_code).unwrap()).unwrap_err();
    assert!(matches!(&end.outcome, Outcome::Denied(fault) if fault.request_id.is_some()), "{end:?}");
}

fn a_sign_in_that_is_never_approved_expires_by_the_clients_clock<A: Adapter>() {
    let server = server();
    let end = sign_in::<A>(server.endpoint(), |_| {}).unwrap_err();
    assert!(matches!(end.outcome, Outcome::Expired(Expiry::Clock(None))), "{end:?}");
    assert!(end.polls > 100, "{} polls", end.polls);
    assert_eq!(server.connections(), 1);
}

fn a_code_that_the_service_lets_expire_is_expired_by_the_service<A: Adapter>() {
    let server = server();
    let end =
        sign_in::<A>(server.endpoint(), |prompt| server.expire(&prompt.user_code).unwrap()).unwrap_err();
    assert!(matches!(end.outcome, Outcome::Expired(Expiry::Service(_))), "{end:?}");
}

fn a_cached_registration_is_used_and_one_that_the_service_forgot_is_replaced<A: Adapter>() {
    let first = server();
    let registration = sign_in::<A>(first.endpoint(), |prompt| first.approve(&prompt.user_code).unwrap())
        .unwrap()
        .registration;
    let again = A::sign_in_within(GENEROUS, first.endpoint(), Some(registration.clone()), |prompt| {
        first.approve(&prompt.user_code).unwrap();
    })
    .unwrap();
    assert!(!again.newly_registered);

    let second = server();
    let replaced = A::sign_in_within(GENEROUS, second.endpoint(), Some(registration.clone()), |prompt| {
        second.approve(&prompt.user_code).unwrap();
    })
    .unwrap();
    assert!(replaced.newly_registered);
    assert_ne!(replaced.registration.client.id, registration.client.id);
}

fn the_body_of_a_400_reaches_the_machine_as_a_fault<A: Adapter>() {
    let stub = Stub::polls([Step::fault("authorization_pending"), Step::fault("access_denied")]);
    let got = outcome::<A>(&stub);
    assert!(matches!(got, Outcome::Denied(_)), "{got:?}");
    assert_eq!(polls_seen(&stub), 2);
    assert_eq!(stub.connections(), 1);
}

fn an_error_inside_a_200_is_the_error<A: Adapter>() {
    let stub = Stub::polls([
        Step::ok(r#"{"error":"authorization_pending"}"#),
        Step::ok(r#"{"error":"access_denied"}"#),
    ]);
    let got = outcome::<A>(&stub);
    assert!(matches!(got, Outcome::Denied(_)), "{got:?}");
}

fn answers_that_are_no_verdict_are_retried_within_the_deadline<A: Adapter>() {
    let html = "<html><body>Sign in to the hotel network</body></html>".to_owned();
    let stub = Stub::start([
        Step::Answer(502, "", html.clone()),
        Step::Close,
        Step::registration(),
        Step::Answer(503, "retry-after: 1\r\n", String::new()),
        Step::authorization(),
        Step::Answer(200, "", html.clone()),
        Step::Answer(429, "", html),
        Step::ok(""),
        Step::ok(r#"{"accessToken":"cut"#),
        Step::Close,
        Step::fault("authorization_pending"),
        Step::token(),
    ]);
    let signed_in = sign_in::<A>(&stub.endpoint(), |_| {}).unwrap();
    assert_eq!(signed_in.polls, 7);
    assert_eq!(signed_in.token.access_token.expose(), "stub-access-token");
}

fn a_redirect_is_not_followed_and_no_secret_goes_to_its_target<A: Adapter>() {
    let target = Stub::start([Step::token()]);
    for status in [301, 302, 303, 307, 308] {
        let location: &'static str =
            Box::leak(format!("location: {}/token\r\n", target.endpoint()).into_boxed_str());
        let stub = Stub::polls(vec![Step::Answer(status, location, Step::TOKEN.to_owned()); 40]);
        let outcome = outcome::<A>(&stub);
        assert!(
            matches!(&outcome, Outcome::Unreachable { error: TransientError::Indeterminate(answer), .. } if answer.status == status),
            "{outcome:?}"
        );
    }
    assert_eq!(target.connections(), 0);
}

fn a_reply_that_is_lost_after_the_grant_is_a_lost_grant_and_not_a_denial<A: Adapter>() {
    let cut = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 200\r\n\r\n{\"accessToken\":\"aoa";
    for lost in [Step::Raw(cut.to_vec()), Step::Close] {
        let stub = Stub::polls([Step::fault("authorization_pending"), lost, Step::fault("invalid_grant")]);
        let end = sign_in::<A>(&stub.endpoint(), |_| {}).unwrap_err();
        assert!(matches!(end.outcome, Outcome::GrantLost(_)), "{end:?}");
        assert!(end.source().is_some(), "what broke the connection is part of the story: {end:?}");
    }
}

fn a_token_that_arrived_whole_is_kept_although_the_connection_broke_after_it<A: Adapter>() {
    let mut answer =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 4000\r\n\r\n".to_vec();
    answer.extend_from_slice(Step::TOKEN.as_bytes());
    let stub = Stub::polls([Step::Raw(answer)]);
    let signed_in = sign_in::<A>(&stub.endpoint(), |_| {}).unwrap();
    assert_eq!(signed_in.token.access_token.expose(), "stub-access-token");
}

fn an_endless_body_is_cut_off_and_counts_as_no_verdict<A: Adapter>() {
    let stub = Stub::polls([Step::Endless, Step::fault("authorization_pending"), Step::token()]);
    assert_eq!(sign_in::<A>(&stub.endpoint(), |_| {}).unwrap().polls, 3);
}

fn a_request_that_hangs_times_out_and_the_sign_in_goes_on<A: Adapter>() {
    let stub = Stub::polls([Step::Hang(Duration::from_secs(15)), Step::token()]);
    let signed_in = A::sign_in_within(Duration::from_millis(600), &stub.endpoint(), None, |_| {}).unwrap();
    assert_eq!(signed_in.polls, 2);
}

fn a_peer_that_falls_silent_is_given_up_after_the_read_timeout_and_never_later_than_the_requests<
    A: Adapter,
>() {
    const LONG: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_secs(1);
    // The faults act before the head of the response, and in the middle of its body.
    for fault in [InjectedFault::NeverAnswers, InjectedFault::Stall] {
        let config = Config::default().with_fault(FaultRule::new(fault));
        let server = TestServer::with(config).unwrap();
        for (read_timeout, request_timeout) in [(SHORT, LONG), (LONG, SHORT)] {
            let began = Instant::now();
            let end =
                A::register_reading_within(read_timeout, request_timeout, server.endpoint()).unwrap_err();
            let took = began.elapsed();
            assert!(took >= SHORT && took < LONG / 4, "{fault}: {took:?}, {end}");
            match fault {
                InjectedFault::Stall => assert!(matches!(end, CallError::Indeterminate(_)), "{end:?}"),
                _ => {
                    assert!(
                        matches!(&end, CallError::Transport(error) if error.failure() == Failure::Unknown),
                        "{end:?}"
                    );
                }
            }
        }
    }
}

fn a_token_answer_without_a_lifetime_is_a_token_with_a_warning<A: Adapter>() {
    let stub = Stub::polls([Step::ok(r#"{"accessToken":"t","tokenType":"Bearer"}"#)]);
    let token = sign_in::<A>(&stub.endpoint(), |_| {}).unwrap().token;
    assert_eq!((token.access_token.expose(), token.expires_in), ("t", None));
    let warnings: Vec<_> = token.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings, ["`expiresIn` is missing, so the token's lifetime is unknown"]);
}

fn a_token_answer_without_a_token_is_an_invalid_response_that_names_it<A: Adapter>() {
    let stub = Stub::polls([Step::ok(r#"{"accessToken":"","expiresIn":5}"#)]);
    let Outcome::InvalidResponse(invalid) = outcome::<A>(&stub) else { panic!("no invalid") };
    assert_eq!(invalid.member, "accessToken");
}

fn a_service_that_is_not_there_is_unreachable_and_the_cause_is_kept<A: Adapter>() {
    let closed = ClosedPort::bind();
    let end = sign_in::<A>(&closed.endpoint(), |_| {}).unwrap_err();
    assert!(
        matches!(&end.outcome, Outcome::Unreachable { error: TransientError::Failed(Failure::NotSent), .. }),
        "{end:?}"
    );
    let root = root_cause(&*end);
    assert!(root.to_lowercase().contains("refused"), "{root}");
}

/// Returns the last error of the chain.
fn root_cause(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn requests_say_what_they_are_and_carry_nothing_else<A: Adapter>() {
    let stub = Stub::polls([Step::token()]);
    sign_in::<A>(&stub.endpoint(), |_| {}).unwrap();
    for request in stub.seen() {
        let head = request.head.to_lowercase();
        assert!(head.contains("\r\ncontent-type: application/json\r\n"), "{head}");
        assert!(head.contains("\r\naccept: application/json\r\n"), "{head}");
        assert!(head.contains("\r\nuser-agent: device-flow-"), "{head}");
        assert!(
            !head.contains("authorization:") && !head.contains("cookie:") && !head.contains("referer:"),
            "{head}"
        );
        assert!(!head.contains("accept-encoding: gzip"), "{head}");
        assert!(request.body.starts_with('{'), "{}", request.body);
    }
}

fn plain_calls_answer_once_and_give_the_services_word<A: Adapter>() {
    let server = server();
    let endpoint = server.endpoint();
    let registration =
        A::register(endpoint, &RegisterClientRequest::new("plain").with_scopes(["sso:account:access"]))
            .unwrap();
    let client = registration.client;
    let codes = A::start(
        endpoint,
        &StartDeviceAuthorizationRequest::new(client.clone(), "https://d-1.awsapps.com/start"),
    )
    .unwrap();
    let ask = CreateTokenRequest::new(client, Grant::device_code(codes.device_code));
    let pending = A::create_token(endpoint, &ask).unwrap_err();
    assert!(
        matches!(&pending, CallError::Fault(fault) if fault.code == FaultCode::AuthorizationPending),
        "{pending:?}"
    );
    server.approve(&codes.user_code).unwrap();
    let token = A::create_token(endpoint, &ask).unwrap();
    let spent = A::create_token(endpoint, &ask).unwrap_err();
    assert!(matches!(&spent, CallError::Fault(fault) if fault.code == FaultCode::InvalidGrant), "{spent:?}");
    assert!(token.refresh_token.is_some());
}

fn a_refresh_rotates_and_the_old_refresh_token_is_invalid<A: Adapter>() {
    let server = TestServer::with(Config::default().with_rotation(Rotation::Strict)).unwrap();
    let signed_in =
        sign_in::<A>(server.endpoint(), |prompt| server.approve(&prompt.user_code).unwrap()).unwrap();
    let (client, old) = (signed_in.registration.client, signed_in.token.refresh_token.unwrap());
    let fresh = A::refresh(server.endpoint(), &client, &old).unwrap();
    assert_ne!(fresh.access_token, signed_in.token.access_token);
    assert_ne!(fresh.refresh_token.as_ref(), Some(&old));
    let reused = A::refresh(server.endpoint(), &client, &old).unwrap_err();
    assert!(
        matches!(&reused, CallError::Fault(fault) if fault.code == FaultCode::InvalidGrant),
        "{reused:?}"
    );
}

fn a_refresh_answer_without_a_refresh_token_keeps_the_old_one<A: Adapter>() {
    let stub = Stub::start([Step::ok(r#"{"accessToken":"new","expiresIn":3600}"#)]);
    let client = Client::new("c", Secret::from("s"));
    let token = A::refresh(&stub.endpoint(), &client, &Secret::from("old")).unwrap();
    assert_eq!(token.refresh_token, Some(Secret::from("old")));
}

fn a_plain_call_that_gets_no_answer_says_whether_it_may_have_been_seen<A: Adapter>() {
    let stub = Stub::start([Step::Close]);
    let lost = A::register(&stub.endpoint(), &RegisterClientRequest::new("x")).unwrap_err();
    assert!(matches!(&lost, CallError::Transport(error) if error.failure() == Failure::Unknown), "{lost:?}");
    assert!(lost.source().is_some());
    let closed = ClosedPort::bind();
    let refused = A::register(&closed.endpoint(), &RegisterClientRequest::new("x")).unwrap_err();
    assert!(
        matches!(&refused, CallError::Transport(error) if error.failure() == Failure::NotSent),
        "{refused:?}"
    );
}

fn a_registration_says_until_when_it_is_good<A: Adapter>() {
    let server = server();
    let registration = A::register(server.endpoint(), &RegisterClientRequest::new("plain")).unwrap();
    let (issued, expires) = (registration.issued_at.unwrap(), registration.expires_at.unwrap());
    assert_eq!(expires.remaining_at(issued), Duration::from_secs(90 * 24 * 3600));
    assert!(registration.usable_at(issued, Duration::from_secs(900)));
    assert!(!registration.usable_at(UnixSeconds::new(expires.get() - 900), Duration::from_secs(900)));
    let _: Registration = registration;
}

fn a_broken_body_does_not_hide_retry_after_and_a_429_cannot_have_lost_the_grant<A: Adapter>() {
    let cut = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 60\r\ncontent-length: 100\r\n\r\n<html>";
    let stub = Stub::polls([Step::Raw(cut.to_vec()), Step::fault("expired_token")]);
    let end = sign_in::<A>(&stub.endpoint(), |_| {}).unwrap_err();
    assert!(matches!(end.outcome, Outcome::Expired(Expiry::Service(_))), "{end:?}");
    // The wait has the service's delay, and jitter on top.
    let least = Duration::from_secs(5 + 60);
    assert!(end.elapsed >= least && end.elapsed <= least + Duration::from_secs(30), "{:?}", end.elapsed);
}

fn sign_ins_that_get_no_answer_do_not_try_again_in_step<A: Adapter>() {
    let closed = ClosedPort::bind();
    let took: HashSet<_> =
        (0..8).map(|_| sign_in::<A>(&closed.endpoint(), |_| {}).unwrap_err().elapsed).collect();
    assert!(took.len() > 4, "{took:?}");
    // The time is the retry window, and jitter on top.
    assert!(
        took.iter().all(|took| *took <= Duration::from_secs(20 + 10)),
        "longer than the retry window: {took:?}"
    );
}

fn a_gateway_that_adds_many_headers_is_still_understood<A: Adapter>() {
    let many: String = (0..90).map(|n| format!("x-gateway-{n}: {n}\r\n")).collect();
    let long = format!("x-long: {}\r\n", "a".repeat(60_000));
    for headers in [many, long] {
        let headers: &'static str = Box::leak(headers.into_boxed_str());
        let stub = Stub::polls([Step::Answer(400, headers, r#"{"error":"access_denied"}"#.to_owned())]);
        let got = outcome::<A>(&stub);
        assert!(matches!(got, Outcome::Denied(_)), "{got:?}");
    }
}

for_both_adapters! {
    an_approved_sign_in_yields_a_token_over_one_connection,
    a_denied_sign_in_is_denied,
    a_sign_in_that_is_never_approved_expires_by_the_clients_clock,
    a_code_that_the_service_lets_expire_is_expired_by_the_service,
    a_cached_registration_is_used_and_one_that_the_service_forgot_is_replaced,
    the_body_of_a_400_reaches_the_machine_as_a_fault,
    an_error_inside_a_200_is_the_error,
    answers_that_are_no_verdict_are_retried_within_the_deadline,
    a_redirect_is_not_followed_and_no_secret_goes_to_its_target,
    a_reply_that_is_lost_after_the_grant_is_a_lost_grant_and_not_a_denial,
    a_token_that_arrived_whole_is_kept_although_the_connection_broke_after_it,
    an_endless_body_is_cut_off_and_counts_as_no_verdict,
    a_request_that_hangs_times_out_and_the_sign_in_goes_on,
    a_peer_that_falls_silent_is_given_up_after_the_read_timeout_and_never_later_than_the_requests,
    a_token_answer_without_a_lifetime_is_a_token_with_a_warning,
    a_token_answer_without_a_token_is_an_invalid_response_that_names_it,
    a_service_that_is_not_there_is_unreachable_and_the_cause_is_kept,
    requests_say_what_they_are_and_carry_nothing_else,
    plain_calls_answer_once_and_give_the_services_word,
    a_refresh_rotates_and_the_old_refresh_token_is_invalid,
    a_refresh_answer_without_a_refresh_token_keeps_the_old_one,
    a_plain_call_that_gets_no_answer_says_whether_it_may_have_been_seen,
    a_registration_says_until_when_it_is_good,
    a_broken_body_does_not_hide_retry_after_and_a_429_cannot_have_lost_the_grant,
    sign_ins_that_get_no_answer_do_not_try_again_in_step,
    a_gateway_that_adds_many_headers_is_still_understood,
}

//! Supplied agents whose settings would leak secrets.

use std::error::Error;
use std::time::Duration;

use adapter_tests::over_ureq::{brought, sign_in_through};
use adapter_tests::stub::{Step, Stub};
use adapter_tests::{Adapter as _, Ureq};
use device_flow_ureq::{Endpoint, HttpClient, Outcome, TransientError, TransportError, ureq};
use oidc_proto::RegisterClientRequest;
use ureq::http::{Request, Response};
use ureq::middleware::MiddlewareNext;
use ureq::{Body, SendBody};

const GENEROUS: Duration = Duration::from_secs(20);

#[test]
fn an_agent_that_follows_redirects_follows_none() {
    for (kind, status) in
        Ureq::BROUGHT.iter().flat_map(|kind| [302, 303, 307, 308].map(|status| (kind, status)))
    {
        let target = Stub::start([Step::token()]);
        let location: &'static str =
            Box::leak(format!("location: {}/token\r\n", target.endpoint()).into_boxed_str());
        let stub = Stub::polls(vec![Step::Answer(status, location, Step::TOKEN.to_owned()); 40]);
        let end = sign_in_through(brought(kind), GENEROUS, &stub.endpoint()).unwrap_err();
        assert!(
            matches!(&end.outcome, Outcome::Unreachable { error: TransientError::Indeterminate(answer), .. }
                if answer.status == status),
            "{kind}, {status}: {end:?}"
        );
        assert_eq!(target.connections(), 0, "{kind}, {status}");
    }
}

#[test]
fn an_agent_whose_middleware_answers_by_itself_is_believed_and_does_not_panic() {
    let by_itself = |_: Request<SendBody<'_>>, _: MiddlewareNext<'_>| {
        let body = Body::builder().data(r#"{"error":"invalid_client_metadata"}"#);
        Ok(Response::builder().status(400).body(body).unwrap())
    };
    let agent: ureq::Agent = ureq::Agent::config_builder().middleware(by_itself).build().into();
    let end = sign_in_through(agent, GENEROUS, "http://127.0.0.1:9").unwrap_err();
    assert!(matches!(end.outcome, Outcome::Rejected { .. }), "{end:?}");
}

#[test]
fn an_agent_whose_middleware_sends_requests_elsewhere_ends_the_sign_in_at_once() {
    let target = Stub::start([Step::registration(), Step::authorization(), Step::token()]);
    let elsewhere = target.endpoint();
    let astray = move |mut request: Request<SendBody<'_>>,
                       next: MiddlewareNext<'_>|
          -> Result<Response<Body>, ureq::Error> {
        let path = request.uri().path().to_owned();
        *request.uri_mut() = format!("{elsewhere}{path}").parse().unwrap();
        next.handle(request)
    };
    let agent: ureq::Agent = ureq::Agent::config_builder().middleware(astray).build().into();
    let stub = Stub::polls([Step::token()]);
    let end = sign_in_through(agent.clone(), GENEROUS, &stub.endpoint()).unwrap_err();
    assert_eq!(end.outcome, Outcome::Cancelled);
    assert!(end.transport.as_ref().and_then(TransportError::redirected_to) == Some("127.0.0.1"));
    assert!(end.to_string().contains("follows no redirects") && end.given_up().is_some());
    assert_eq!(target.seen().len(), 1, "nothing more was sent");

    let client =
        HttpClient::builder(Endpoint::custom(&stub.endpoint()).unwrap()).agent(agent).build().unwrap();
    let refused = client.register_client(&RegisterClientRequest::new("x")).unwrap_err();
    assert!(refused.source().is_some_and(|cause| cause.to_string().contains("127.0.0.1")), "{refused:?}");
}

#[test]
fn an_agent_with_a_proxy_reaches_loopback_without_it() {
    let proxy = Stub::start([]);
    let through = ureq::Proxy::new(&proxy.endpoint()).unwrap();
    let agent: ureq::Agent = ureq::Agent::config_builder().proxy(Some(through)).build().into();
    let stub = Stub::polls([Step::token()]);
    sign_in_through(agent, GENEROUS, &stub.endpoint()).unwrap();
    assert_eq!(proxy.connections(), 0);
}

#[test]
fn an_agents_user_agent_is_kept_unless_another_was_asked_for() {
    let stub = Stub::start([Step::registration(), Step::registration()]);
    let agent = || -> ureq::Agent { ureq::Agent::config_builder().user_agent("theirs/1").build().into() };
    let builder = || HttpClient::builder(Endpoint::custom(&stub.endpoint()).unwrap()).agent(agent());
    builder().build().unwrap().register_client(&RegisterClientRequest::new("x")).unwrap();
    let client = builder().user_agent("asked-for/2").build().unwrap();
    client.register_client(&RegisterClientRequest::new("x")).unwrap();
    let heads: Vec<_> = stub.seen().into_iter().map(|request| request.head.to_lowercase()).collect();
    assert!(heads[0].contains("user-agent: theirs/1\r\n"), "{}", heads[0]);
    assert!(heads[1].contains("user-agent: asked-for/2\r\n"), "{}", heads[1]);
}

#[test]
fn headers_that_are_too_long_are_named_as_the_cause() {
    let padding = |bytes: usize| -> &'static str {
        Box::leak(format!("x-padding: {}\r\n", "a".repeat(bytes)).into_boxed_str())
    };
    let register = |bytes: usize| {
        let stub =
            Stub::start([Step::Answer(400, padding(bytes), r#"{"error":"invalid_request"}"#.to_owned())]);
        let client = HttpClient::new(Endpoint::custom(&stub.endpoint()).unwrap()).unwrap();
        let error = client.register_client(&RegisterClientRequest::new("my tool")).unwrap_err();
        let mut cause: &dyn Error = &error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        cause.to_string()
    };
    let answered = register(63 * 1024);
    assert!(answered.contains("invalid_request"), "{answered}");
    for bytes in [64 * 1024, 200 * 1024] {
        let cause = register(bytes);
        assert!(cause.contains("header is too big"), "{bytes}: {cause}");
    }
}

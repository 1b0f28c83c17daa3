//! Supplied clients that follow redirects.

use std::time::Duration;

use adapter_tests::over_reqwest::{block_on, without_tls};
use adapter_tests::stub::{ClosedPort, Step, Stub};
use adapter_tests::{Adapter as _, Reqwest};
use device_flow_reqwest::{Endpoint, Failure, HttpClient, Outcome, TransientError, TransportError};
use oidc_proto::RegisterClientRequest;

const GENEROUS: Duration = Duration::from_secs(20);

fn redirecting(status: u16, target: &str) -> Stub {
    let location: &'static str = Box::leak(format!("location: {target}/token\r\n").into_boxed_str());
    Stub::polls(vec![Step::Answer(status, location, Step::TOKEN.to_owned()); 40])
}

#[test]
fn a_client_that_followed_a_redirect_is_found_out_its_answer_refused_and_nothing_more_is_sent() {
    for (kind, status) in ["follows redirects", "no time-out"]
        .into_iter()
        .flat_map(|kind| [301, 302, 303, 307, 308].map(|status| (kind, status)))
    {
        let target = Stub::start(vec![Step::token(); 40]);
        let stub = redirecting(status, &target.endpoint());
        let end = Reqwest::sign_in_brought(kind, GENEROUS, &stub.endpoint()).unwrap_err();
        assert_eq!((&end.outcome, end.polls), (&Outcome::Cancelled, 1), "{kind}, {status}");
        assert!(end.transport.as_ref().and_then(TransportError::redirected_to) == Some("127.0.0.1"));
        assert!(
            end.to_string().starts_with("the sign-in was aborted: the HTTP client followed a redirect to"),
            "{end}"
        );
        assert!(end.to_string().contains("follows no redirects") && end.given_up().is_some());
        assert_eq!((stub.seen().len(), target.seen().len()), (3, 1), "{kind}, {status}");
    }
}

#[test]
fn a_request_that_a_client_could_not_repeat_at_a_redirects_target_counts_as_seen_all_the_same() {
    let closed = ClosedPort::bind();
    let stub = redirecting(307, &closed.endpoint());
    let end = Reqwest::sign_in_brought("follows redirects", GENEROUS, &stub.endpoint()).unwrap_err();
    assert!(
        matches!(&end.outcome, Outcome::Unreachable { error: TransientError::Failed(Failure::Unknown), .. }),
        "{end:?}"
    );
}

#[test]
fn a_hardened_client_follows_no_redirect() {
    let target = Stub::start([]);
    for status in [301, 302, 303, 307, 308] {
        let stub = redirecting(status, &target.endpoint());
        let end = Reqwest::sign_in_brought("hardened", GENEROUS, &stub.endpoint()).unwrap_err();
        assert!(
            matches!(&end.outcome, Outcome::Unreachable { error: TransientError::Indeterminate(answer), .. }
                if answer.status == status),
            "{status}: {end:?}"
        );
    }
    assert_eq!(target.connections(), 0);
}

#[test]
fn a_clients_user_agent_is_kept_unless_another_was_asked_for() {
    let stub = Stub::start([Step::registration(), Step::registration()]);
    let theirs = without_tls().user_agent("theirs/1").build().unwrap();
    let builder = || HttpClient::builder(Endpoint::custom(&stub.endpoint()).unwrap()).client(theirs.clone());
    let request = RegisterClientRequest::new("x");
    block_on(builder().build().unwrap().register_client(&request)).unwrap();
    block_on(builder().user_agent("asked-for/2").build().unwrap().register_client(&request)).unwrap();
    let heads: Vec<_> = stub.seen().into_iter().map(|request| request.head.to_lowercase()).collect();
    assert!(heads[0].contains("user-agent: theirs/1\r\n"), "{}", heads[0]);
    assert!(heads[1].contains("user-agent: asked-for/2\r\n"), "{}", heads[1]);
}

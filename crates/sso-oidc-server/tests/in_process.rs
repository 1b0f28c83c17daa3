//! The in-process service responds like the server, except for the effects of connections.

use std::time::Duration;

use http::{Method, Request};
use sso_oidc_server::{Config, InProcess, InjectedFault, Limits, ServeError, TestServer};

fn in_process(config: Config) -> Result<InProcess, ServeError> {
    InProcess::new(config, || Duration::ZERO)
}

fn ask(service: &InProcess, method: Method, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let request = Request::builder().method(method).uri(format!("{}{path}", service.endpoint()));
    let answer = service.answer(&request.body(body).unwrap());
    (answer.status().as_u16(), answer.into_body())
}

#[test]
fn a_body_that_is_too_long_is_refused() {
    let limits = Limits::default().with_body_bytes(100);
    let service = in_process(Config::default().with_limits(limits)).unwrap();
    let (status, said) = ask(&service, Method::POST, "/client/register", &[b' '; 101]);
    assert_eq!(status, 413, "{}", String::from_utf8_lossy(&said));
    assert_eq!(ask(&service, Method::POST, "/client/register", &[b' '; 100]).0, 400);
}

#[test]
fn an_answer_to_head_has_no_body() {
    let service = in_process(Config::default()).unwrap();
    let (page, head) =
        (ask(&service, Method::GET, "/device", b""), ask(&service, Method::HEAD, "/device", b""));
    assert_eq!((page.0, head.0, page.1.is_empty(), head.1.is_empty()), (200, 200, false, true));
}

#[test]
fn a_fault_of_a_connection_is_refused_and_not_forgotten() {
    let config = Config::default().with_fault(InjectedFault::Drip);
    assert!(TestServer::with(config.clone()).is_ok());
    let error = in_process(config).unwrap_err();
    assert!(
        matches!(error, ServeError::FaultNeedsConnection { .. }) && error.to_string().contains("drip"),
        "{error}"
    );
}

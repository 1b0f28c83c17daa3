//! Injected faults of the authorization page, which only a browser sees.

mod common;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

use common::code::{Browser, code, query, refreshed, registration};
use common::{DEVICE_GRANT, Http};
use sso_oidc_server::{Approval, Client, Config, FaultRule, InjectedFault, Operation, TestServer};

fn server(approval: Approval, rule: impl Into<FaultRule>) -> TestServer {
    let config = Config::default().with_approval(approval).with_client(Client::public("public"));
    TestServer::with(config.with_fault(rule)).unwrap()
}

fn at_page(fault: InjectedFault) -> FaultRule {
    FaultRule::new(fault).at_authorization_page()
}

/// Returns the bytes of the response to a look at the page, up to the end of the connection.
fn bytes(server: &TestServer) -> String {
    let mut stream = TcpStream::connect(server.endpoint().strip_prefix("http://").unwrap()).unwrap();
    write!(stream, "GET /authorize?{} HTTP/1.1\r\nHost: localhost\r\n\r\n", query(&[])).unwrap();
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_fault_of_the_page_applies_to_a_browser_and_to_no_operation() {
    let server = server(Approval::Auto, at_page(InjectedFault::Html502));
    let mut http = Http::to(&server);
    let client = http.register(&registration());
    assert_eq!(http.form("/oauth/token", &[], &[("grant_type", DEVICE_GRANT)]).status, 400);
    let page = http.get(&format!("/authorize?{}", query(&[])));
    assert_eq!((page.status, page.header("Location")), (502, None), "{} {page:?}", client.id);
    assert_eq!(http.get("/device").status, 200, "another page");
    let injected: Vec<_> = server.requests().iter().map(|request| request.injected).collect();
    assert_eq!(injected, [None, None, Some(InjectedFault::Html502), None]);
    assert_eq!(server.handle().stats().held.codes, 1, "the request was processed");
}

#[test]
fn a_fault_without_an_operation_leaves_the_page_alone() {
    let server = server(Approval::Auto, InjectedFault::Html502);
    code(&Http::to(&server).get(&format!("/authorize?{}", query(&[]))));
}

#[test]
fn the_look_and_the_decision_are_counted_together() {
    let server = server(Approval::Manual, at_page(InjectedFault::TooManyRequests).requests(2, Some(2)));
    let mut browser = Browser::at(&server);
    let query = query(&[]);
    let (page, csrf) = browser.look(&query);
    let busy = browser.press(&query, &csrf, "approve", &[]);
    assert_eq!((page.status, busy.status, busy.header("Retry-After")), (200, 429, Some("11")));
    assert_eq!(server.handle().stats().held.codes, 0, "nothing was decided");
    let done = browser.press(&query, &csrf, "approve", &[]);
    assert!(refreshed(&done).contains("?code="), "the same form decides once the fault is over");
}

#[test]
fn a_page_is_cut_off_or_not_sent_as_its_fault_says() {
    let cut = bytes(&server(Approval::Auto, at_page(InjectedFault::ResetAnswer).after_bytes(20)));
    assert_eq!(cut.len(), 20, "{cut}");
    for fault in [InjectedFault::DropRequest, InjectedFault::ResetRequest, InjectedFault::DropAfterCommit] {
        let server = server(Approval::Auto, at_page(fault));
        assert_eq!(bytes(&server), "", "{fault}");
        assert_eq!(server.handle().stats().held.codes, usize::from(fault.commits()), "{fault}");
    }
}

#[test]
fn a_decision_whose_answer_was_lost_is_pressed_again_for_the_same_code() {
    let server = server(Approval::Manual, at_page(InjectedFault::Html502).requests(2, Some(2)));
    let mut browser = Browser::at(&server);
    let query = query(&[]);
    let (_, csrf) = browser.look(&query);
    assert_eq!(browser.press(&query, &csrf, "approve", &[]).status, 502);
    assert_eq!(server.handle().stats().held.codes, 1);
    let done = browser.press(&query, &csrf, "approve", &[]);
    assert!(refreshed(&done).contains("?code="));
    assert_eq!(server.handle().stats().held.codes, 1);
}

#[test]
fn a_made_up_redirect_brings_no_code_so_the_exchange_is_not_due() {
    let config = Config::default()
        .with_approval(Approval::Auto)
        .with_client(Client::public("public"))
        .with_fault(at_page(InjectedFault::Redirect302).once())
        .with_fault(FaultRule::new(InjectedFault::Refuse).at(Operation::CreateToken));
    let server = TestServer::with(config).unwrap();
    let path = format!("/authorize?{}", query(&[]));
    let moved = Http::to(&server).get(&path);
    assert_eq!(moved.status, 302);
    assert!(!moved.header("Location").unwrap().contains("code="), "{moved:?}");
    code(&Http::to(&server).get(&path));
    assert!(is_refused(&server));
}

#[test]
fn a_port_that_is_refused_for_the_page_closes_after_the_registration() {
    let server = server(Approval::Auto, at_page(InjectedFault::Refuse));
    Http::to(&server).register(&registration());
    assert!(is_refused(&server));
    server.stop_faults();
    code(&Http::to(&server).get(&format!("/authorize?{}", query(&[]))));
}

fn is_refused(server: &TestServer) -> bool {
    let address = server.endpoint().strip_prefix("http://").unwrap();
    TcpStream::connect(address).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

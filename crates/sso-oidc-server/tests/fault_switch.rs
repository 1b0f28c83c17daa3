//! Faults that are switched and reset while the server runs.

mod common;

use std::net::TcpStream;
use std::time::Duration;

use common::Http;
use sso_oidc_server::{Approval, Config, FaultRule, InProcess, InjectedFault, ServeError, TestServer};

fn server() -> TestServer {
    TestServer::with(Config::default().with_approval(Approval::Auto)).unwrap()
}

fn rules(texts: &[&str]) -> Vec<FaultRule> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// Returns the status of a registration on a new connection.
fn register(server: &TestServer) -> u16 {
    let body = serde_json::json!({ "clientName": "test", "clientType": "public" });
    Http::to(server).post("/client/register", &body).status
}

#[test]
fn one_server_serves_a_whole_suite_and_counts_start_anew() {
    let server = server();
    assert_eq!(register(&server), 200);
    for _ in 0..3 {
        server.set_faults(rules(&["gateway-503@register:1"])).unwrap();
        assert_eq!([503, 200], [0; 2].map(|_| register(&server)));
    }
    server.set_faults(rules(&["server-error@register:2"])).unwrap();
    assert_eq!([200, 500, 200], [0; 3].map(|_| register(&server)));
    server.set_faults(rules(&["server-error@register"])).unwrap();
    server.set_faults(Vec::new()).unwrap();
    assert_eq!(register(&server), 200);
    server.set_faults(rules(&["server-error@register"])).unwrap();
    server.stop_faults();
    assert_eq!(register(&server), 200);
    server.set_faults(rules(&["server-error@register"])).unwrap();
    assert_eq!(register(&server), 500, "faults that were stopped begin again");
}

#[test]
fn an_idle_connection_from_before_the_first_fault_ends() {
    let server = server();
    let mut http = Http::to(&server);
    let client = http.client();
    server.set_faults(rules(&["gateway-503"])).unwrap();
    assert!(http.is_closed(), "its next request would have no fault");
    let mut http = Http::to(&server);
    let body = serde_json::json!({ "clientId": client.id, "clientSecret": client.secret });
    assert_eq!(http.post("/device_authorization", &body).status, 503);
}

#[test]
fn a_code_that_a_fault_has_ended_is_good_again_under_new_faults() {
    let server = server();
    let mut http = Http::to(&server);
    let client = http.client();
    let device = http.start(&client);
    server.set_faults(rules(&["expired@poll:1"])).unwrap();
    let mut http = Http::to(&server);
    assert_eq!([400, 400], [0; 2].map(|_| http.poll(&client, &device).status));
    server.set_faults(rules(&["slow-down@poll:1"])).unwrap();
    assert_eq!([400, 200], [0; 2].map(|_| http.poll(&client, &device).status));
}

#[test]
fn the_port_closes_and_opens_and_redirects_have_their_target() {
    let server = server();
    let connect = || TcpStream::connect(server.endpoint().strip_prefix("http://").unwrap());
    server.set_faults(rules(&["refuse"])).unwrap();
    assert!(connect().is_err());
    server.set_faults(rules(&["redirect-307@register:1"])).unwrap();
    let body = serde_json::json!({ "clientName": "test", "clientType": "public" });
    let response = Http::to(&server).post("/client/register", &body);
    let location = response.header("location").unwrap().to_owned();
    let target = location.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    assert_eq!(response.status, 307);
    assert_ne!(Some(target.as_str()), server.endpoint().strip_prefix("http://"));
    drop(TcpStream::connect(target).unwrap());
    for _ in 0..1_000 {
        if server.handle().stats().redirects_followed == 1 {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the follower is not counted");
}

#[test]
fn faults_that_are_impossible_are_refused_and_the_earlier_ones_stay() {
    let server = server();
    server.set_faults(rules(&["server-error@register"])).unwrap();
    let refused = server.set_faults(vec![InjectedFault::TlsExpired.into()]);
    assert!(matches!(refused, Err(ServeError::FaultNeedsTls { .. })), "{refused:?}");
    assert_eq!(register(&server), 500);
    let service = InProcess::new(Config::default(), || Duration::ZERO).unwrap();
    let refused = service.handle().set_faults(rules(&["drip"]));
    assert!(matches!(refused, Err(ServeError::FaultNeedsConnection { .. })), "{refused:?}");
    service.handle().set_faults(Vec::new()).unwrap();
}

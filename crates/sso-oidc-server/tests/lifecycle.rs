//! Start, stop, parallel requests, and limits.

mod common;

use std::net::TcpStream;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use common::Http;
use serde_json::json;
use sso_oidc_server::{Capacity, Config, Limits, ServeError, Server, SlowDown, TestServer};

fn can_connect(endpoint: &str) -> bool {
    TcpStream::connect(endpoint.strip_prefix("http://").unwrap()).is_ok()
}

#[test]
fn a_dropped_test_server_has_closed_its_port_and_its_connections() {
    let server = TestServer::start();
    let endpoint = server.endpoint().to_owned();
    let mut idle = Http::to(&server);
    assert_eq!(idle.get("/health").status, 200);
    let mut stalled = Http::to(&server);
    stalled
        .raw(b"POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(stalled.read().unwrap().status, 100, "the server waits for the body");
    let began = Instant::now();
    drop(server);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert!(!can_connect(&endpoint));
    assert!(idle.is_closed());
    assert!(stalled.is_closed());
}

#[tokio::test]
async fn a_test_server_starts_and_drops_inside_an_async_test() {
    let server = TestServer::start();
    let endpoint = server.endpoint().to_owned();
    let body = tokio::task::spawn_blocking({
        let endpoint = endpoint.clone();
        move || Http::to_endpoint(&endpoint).get("/health").body
    })
    .await
    .unwrap();
    assert_eq!(body, "ok\n");
    drop(server);
    assert!(!can_connect(&endpoint));
}

#[test]
fn test_servers_do_not_share_anything() {
    let (one, two) = (TestServer::start(), TestServer::start());
    assert_ne!(one.endpoint(), two.endpoint());
    let client = Http::to(&one).client();
    let body =
        json!({"clientId": client.id, "clientSecret": client.secret, "startUrl": "https://x.example/start"});
    assert_eq!(Http::to(&two).post("/device_authorization", &body).status, 401);
}

#[test]
fn a_port_in_use_is_said_so_with_the_port() {
    let server = TestServer::start();
    let address = server.endpoint().strip_prefix("http://").unwrap().parse().unwrap();
    let error = TestServer::with(Config::default().with_listen(address)).unwrap_err();
    assert!(matches!(error, ServeError::PortInUse { .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("port {} is already in use on 127.0.0.1", address.port()));
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn an_address_of_another_machine_cannot_be_listened_on() {
    let error = TestServer::with(Config::default().with_listen(([192, 0, 2, 1], 0).into())).unwrap_err();
    assert!(matches!(error, ServeError::Listen { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_answers_from_serve_on_and_returns_when_it_is_told_to() {
    let server = Server::bind(Config::default()).await.unwrap();
    let (endpoint, handle) = (server.endpoint(), server.handle());
    assert_eq!(endpoint, format!("http://{}", server.local_addr()));
    let (stop, stopping) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve(async {
        let _ = stopping.await;
    }));
    let answer = tokio::task::spawn_blocking({
        let endpoint = endpoint.clone();
        move || {
            let mut http = Http::to_endpoint(&endpoint);
            let client = http.client();
            http.start(&client)
        }
    })
    .await
    .unwrap();
    handle.approve(&answer.user_code).unwrap();
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(5), serving).await.unwrap().unwrap();
    assert!(!can_connect(&endpoint));
    assert_eq!(handle.stats().connections, 1, "the handle outlives the server");
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_a_server_that_is_to_stop() {
    let limits = Limits::default().with_drain(Duration::from_secs(60));
    let server = Server::bind(Config::default().with_limits(limits)).await.unwrap();
    let endpoint = server.endpoint();
    let (stop, stopping) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve(async {
        let _ = stopping.await;
    }));
    let mut idle = tokio::task::spawn_blocking(move || {
        let mut http = Http::to_endpoint(&endpoint);
        assert_eq!(http.get("/health").status, 200);
        http
    })
    .await
    .unwrap();
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(5), serving).await.unwrap().unwrap();
    assert!(idle.is_closed());
}

#[tokio::test]
async fn a_request_that_is_being_sent_is_still_answered_when_the_server_is_to_stop() {
    let limits = Limits::default().with_drain(Duration::from_secs(60));
    let server = Server::bind(Config::default().with_limits(limits)).await.unwrap();
    let endpoint = server.endpoint();
    let (stop, stopping) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve(async {
        let _ = stopping.await;
    }));
    let answer = tokio::task::spawn_blocking(move || {
        let mut http = Http::to_endpoint(&endpoint);
        http.raw(
            b"POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n",
        );
        assert_eq!(http.read().unwrap().status, 100);
        stop.send(()).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        http.raw(b"{}").read().unwrap().status
    });
    assert_eq!(answer.await.unwrap(), 400);
    tokio::time::timeout(Duration::from_secs(30), serving).await.unwrap().unwrap();
}

#[tokio::test]
async fn requests_that_have_arrived_before_the_stop_are_answered() {
    const PEERS: usize = 40;
    let server = Server::bind(Config::default()).await.unwrap();
    let address = server.local_addr().to_string();
    let mut peers: Vec<Http> = (0..PEERS).map(|_| Http::over(common::connect(&address), &address)).collect();
    let silent = Http::over(common::connect(&address), &address);
    for http in &mut peers {
        http.raw(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    // The server has not accepted any of them yet.
    server.serve(async {}).await;
    let answered = tokio::task::spawn_blocking(move || {
        for http in &mut peers {
            assert_eq!(http.read().unwrap().status, 200);
            assert!(http.is_closed());
        }
        let mut silent = silent;
        assert!(silent.is_closed());
    });
    answered.await.unwrap();
}

#[tokio::test]
async fn a_request_that_never_ends_holds_the_stop_up_no_longer_than_the_limit() {
    let drain = Duration::from_millis(200);
    let server =
        Server::bind(Config::default().with_limits(Limits::default().with_drain(drain))).await.unwrap();
    let address = server.local_addr().to_string();
    let mut stalled = Http::over(common::connect(&address), &address);
    stalled.raw(b"POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{");
    let began = Instant::now();
    server.serve(async {}).await;
    let took = began.elapsed();
    assert!(took >= drain && took < drain + Duration::from_secs(3), "{took:?}");
    assert!(tokio::task::spawn_blocking(move || stalled.is_closed()).await.unwrap());
}

#[test]
fn of_many_simultaneous_polls_of_an_approved_code_exactly_one_gets_the_token() {
    const POLLS: usize = 8;
    let server = TestServer::with(Config::default().with_slow_down(SlowDown::Off)).unwrap();
    let mut http = Http::to(&server);
    let client = http.client();
    for _ in 0..10 {
        let device = http.start(&client);
        server.approve(&device.user_code).unwrap();
        let barrier = Arc::new(Barrier::new(POLLS));
        let polls: Vec<_> = (0..POLLS)
            .map(|_| {
                let (client, device, barrier) = (client.clone(), device.clone(), Arc::clone(&barrier));
                let mut http = Http::to(&server);
                std::thread::spawn(move || {
                    barrier.wait();
                    http.poll(&client, &device).status
                })
            })
            .collect();
        let mut statuses: Vec<u16> = polls.into_iter().map(|poll| poll.join().unwrap()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400, 400, 400, 400, 400, 400, 400]);
    }
}

#[test]
fn registrations_stay_at_their_cap_however_many_come() {
    let capacity = Capacity::default().with_clients(1000);
    let server = TestServer::with(Config::default().with_capacity(capacity)).unwrap();
    let mut http = Http::to(&server);
    // A client with a sign-in in progress keeps its registration.
    let first = http.client();
    let _ = http.start(&first);
    let body = json!({"clientName": "t", "clientType": "public"}).to_string();
    let one = format!(
        "POST /client/register HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let many = one.repeat(50);
    for _ in 0..400 {
        http.raw(many.as_bytes());
        for _ in 0..50 {
            assert_eq!(http.read().unwrap().status, 200);
        }
    }
    assert_eq!(server.handle().stats().held.clients, 1000);
    let _ = http.start(&first);
}

#[test]
fn a_peer_that_has_sent_everything_and_closed_its_side_gets_every_response() {
    let server = TestServer::start();
    let requests = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(5);
    let address = server.endpoint().strip_prefix("http://").unwrap();
    for _ in 0..20 {
        let stream = common::connect(address);
        let mut http = Http::over(stream.try_clone().unwrap(), address);
        http.raw(requests.as_bytes());
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!([0; 5].map(|_| http.read().unwrap().status), [200; 5]);
        assert!(http.is_closed());
    }
}

/// Opens a connection, and then tells the server to stop. Returns how long that took.
fn time_to_stop(config: Config, begin: impl FnOnce(&str) -> Box<dyn Send>) -> Duration {
    let limits = Limits::default().with_drain(Duration::from_secs(60));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(Server::bind(config.with_limits(limits))).unwrap();
    let endpoint = server.endpoint();
    let (stop, stopping) = tokio::sync::oneshot::channel::<()>();
    let serving = std::thread::spawn(move || {
        runtime.block_on(server.serve(async {
            let _ = stopping.await;
        }));
    });
    let connection = begin(endpoint.split_once("://").unwrap().1);
    std::thread::sleep(Duration::from_millis(100));
    let began = Instant::now();
    stop.send(()).unwrap();
    serving.join().unwrap();
    drop(connection);
    began.elapsed()
}

/// No time to stop is near the time that requests in progress have.
const AT_ONCE: Duration = Duration::from_secs(10);

fn silent(address: &str) -> Box<dyn Send> {
    Box::new(common::connect(address))
}

#[test]
fn a_connection_without_a_complete_request_does_not_hold_up_a_server_that_is_to_stop() {
    assert!(time_to_stop(Config::default(), silent) < AT_ONCE);
    let partial_head = time_to_stop(Config::default(), |address| {
        let mut stream = common::connect(address);
        std::io::Write::write_all(&mut stream, b"GET /hea").unwrap();
        Box::new(stream)
    });
    assert!(partial_head < AT_ONCE, "{partial_head:?}");
}

#[cfg(feature = "tls")]
#[test]
fn a_connection_without_a_handshake_does_not_hold_up_a_server_that_is_to_stop() {
    let time = time_to_stop(Config::default().with_tls(sso_oidc_server::Tls::new_ca()), silent);
    assert!(time < AT_ONCE, "{time:?}");
}

#[cfg(feature = "faults")]
#[test]
fn an_idle_connection_with_injected_faults_does_not_hold_up_a_server_that_is_to_stop() {
    let config = Config::default().with_fault(sso_oidc_server::InjectedFault::Drip);
    let time = time_to_stop(config, |address| {
        let mut http = Http::over(common::connect(address), address);
        assert_eq!(http.get("/health").status, 200);
        Box::new(http)
    });
    assert!(time < AT_ONCE, "{time:?}");
}

#[test]
fn one_connection_more_than_the_limit_closes_the_oldest_with_an_incomplete_request() {
    let limits = Limits::default().with_connections(2);
    let server = TestServer::with(Config::default().with_limits(limits)).unwrap();
    let (mut idle, mut stalled) = (Http::to(&server), Http::to(&server));
    assert_eq!(idle.get("/health").status, 200);
    stalled
        .raw(b"POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(stalled.read().unwrap().status, 100, "the server waits for the body");
    let used = idle.get("/health").status;
    assert_eq!((used, Http::to(&server).get("/health").status), (200, 200));
    assert!(stalled.is_closed());
    assert_eq!(idle.get("/health").status, 200, "it owes nothing");
}

#[test]
fn connections_that_ask_for_nothing_keep_no_other_out() {
    let limits = Limits::default().with_connections(8);
    let server = TestServer::with(Config::default().with_limits(limits)).unwrap();
    let mut idle: Vec<Http> = (0..8).map(|_| Http::to(&server)).collect();
    assert_eq!(idle[0].get("/health").status, 200);
    idle[1].raw(b"GET /hea");
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(Http::to(&server).get("/health").status, 200);
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

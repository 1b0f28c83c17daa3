//! The HTTP client against a faulty service: partial responses count, and errors say whether the service may have
//! seen the request.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use device_flow::{Action, DeviceFlow, Failure, Policy, ResponseBody, Tick};
use example_runtime::{Client, Http as _, HttpResult, sign_in};
use oidc_proto::Endpoint;

/// The time limit of a request that is answered.
const LIMIT: Duration = Duration::from_secs(30);
/// The time limit of one whose service falls silent.
const SHORT: Duration = Duration::from_secs(2);

/// Sends a request to a service that writes this response, and closes the connection.
fn ask(answer: String) -> (HttpResult, String) {
    ask_within(LIMIT, answer, false)
}

/// The same with a time limit. A service that stays keeps the connection open until the client closes it.
fn ask_within(limit: Duration, answer: String, stays: bool) -> (HttpResult, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let service = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut request = vec![0; 4096];
        let length = socket.read(&mut request).unwrap();
        // The client may have closed the connection.
        _ = socket.write_all(answer.as_bytes());
        if stays {
            _ = socket.read_to_end(&mut Vec::new());
        }
        String::from_utf8(request[..length].to_vec()).unwrap()
    });
    let result = send(&format!("http://{address}"), limit);
    (result, service.join().unwrap())
}

fn send(endpoint: &str, limit: Duration) -> HttpResult {
    let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    let mut flow = DeviceFlow::new(Endpoint::custom(endpoint).unwrap(), policy, None, Tick::ZERO);
    let Action::Send(pending) = flow.poll(Tick::ZERO) else { panic!("it registers") };
    smol::block_on(Client::default().send(pending.request(), limit))
}

#[test]
fn a_request_names_its_host_and_an_answer_arrives_whole() {
    let (result, request) = ask("HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}".to_owned());
    let response = result.unwrap();
    assert_eq!((response.status().as_u16(), response.body().as_ref()), (400, &b"{}"[..]));
    assert!(!response.body().is_broken());
    assert!(request.starts_with("POST /client/register HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("\r\nhost: 127.0.0.1:"), "{request}");
}

#[test]
fn a_request_without_a_connection_is_not_sent() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(send(&format!("http://{closed}"), LIMIT).unwrap_err().failure(), Failure::NotSent);
}

#[test]
fn a_failed_tls_handshake_sends_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let service =
        thread::spawn(move || listener.accept().unwrap().0.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    assert_eq!(send(&endpoint, LIMIT).unwrap_err().failure(), Failure::NotSent);
    service.join().unwrap().unwrap();
}

#[test]
fn a_connection_that_dies_before_an_answer_may_have_carried_the_request() {
    let (result, _) = ask(String::new());
    assert_eq!(result.unwrap_err().failure(), Failure::Unknown);
}

#[test]
fn a_silent_service_is_given_up_in_time() {
    let began = Instant::now();
    let (result, _) = ask_within(SHORT, String::new(), true);
    assert_eq!(result.unwrap_err().failure(), Failure::Unknown);
    assert!(began.elapsed() < LIMIT);
}

#[test]
fn what_arrived_of_a_body_counts() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{\"a\":1}";
    for (limit, stays) in [(LIMIT, false), (SHORT, true)] {
        let response = ask_within(limit, cut.to_owned(), stays).0.unwrap();
        assert_eq!(response.body().as_ref(), b"{\"a\":1}");
        assert!(response.body().is_broken());
    }
}

#[test]
fn an_endless_body_is_cut() {
    let body = "x".repeat(ResponseBody::MAX_BYTES * 2);
    let (result, _) = ask(format!("HTTP/1.1 200 OK\r\n\r\n{body}"));
    assert_eq!(result.unwrap().body().as_ref().len(), ResponseBody::MAX_BYTES);
}

#[test]
fn a_sign_in_may_move_to_another_thread() {
    fn is_send(_: impl Send) {}
    let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    let flow = DeviceFlow::new(Endpoint::for_region("eu-west-1").unwrap(), policy, None, Tick::ZERO);
    is_send(sign_in(&Client::default(), &Instant::now(), flow, |_| {}));
}

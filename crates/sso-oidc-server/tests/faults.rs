//! The injected faults, byte by byte.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use common::Http;
use common::code::{self, Browser};
use serde_json::json;
use sso_oidc_server::{Approval, Config, FaultRule, InjectedFault, Operation, Server, TestServer};

/// The end of a conversation.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Closed,
    Reset,
    /// No more bytes came for a while.
    Silent,
    /// The bytes exceeded the test's limit.
    Endless,
}

fn server(rule: impl Into<FaultRule>) -> TestServer {
    TestServer::with(Config::default().with_fault(rule)).unwrap()
}

/// The longest delay of an expected event on a busy machine.
const DUE: Duration = Duration::from_secs(10);
/// The time without bytes that counts as silence.
const SILENCE: Duration = Duration::from_millis(250);

fn connect(server: &TestServer) -> TcpStream {
    TcpStream::connect(server.endpoint().strip_prefix("http://").unwrap()).unwrap()
}

/// Sends these bytes on a new connection, and returns the response, which has at least one byte.
fn say(server: &TestServer, request: &[u8]) -> (String, End) {
    let mut stream = connect(server);
    stream.write_all(request).unwrap();
    listen(&mut stream)
}

/// Reads the response. Bytes or an end must come.
fn listen(stream: &mut TcpStream) -> (String, End) {
    hear(stream, DUE)
}

/// Returns whether no bytes come at all.
fn is_silent(stream: &mut TcpStream) -> bool {
    hear(stream, SILENCE) == (String::new(), End::Silent)
}

fn hear(stream: &mut TcpStream, at_most: Duration) -> (String, End) {
    stream.set_read_timeout(Some(at_most)).unwrap();
    let mut bytes = Vec::new();
    let mut chunk = [0; 64 * 1024];
    let end = loop {
        match stream.read(&mut chunk) {
            Ok(0) => break End::Closed,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break End::Reset,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                break End::Silent;
            }
            Err(error) => panic!("{error}"),
        }
        if bytes.len() > 4 * 1024 * 1024 {
            break End::Endless;
        }
        stream.set_read_timeout(Some(SILENCE)).unwrap();
    };
    (String::from_utf8_lossy(&bytes).into_owned(), end)
}

fn registration() -> String {
    let body = r#"{"clientName":"my tool","clientType":"public"}"#;
    format!(
        "POST /client/register HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Returns the response to a registration at a server with this fault.
fn register(rule: impl Into<FaultRule>) -> (String, End) {
    say(&server(rule), registration().as_bytes())
}

fn header<'a>(answer: &'a str, name: &str) -> Vec<&'a str> {
    let head = answer.split("\r\n\r\n").next().unwrap();
    let named = head.lines().filter_map(|line| line.split_once(": "));
    named.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

fn is_registration(text: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(text).is_ok_and(|json| json["clientId"].is_string())
}

#[test]
fn a_fault_says_truly_whether_what_was_asked_for_has_been_done() {
    let check = |fault: InjectedFault| {
        let server = server(fault);
        let mut stream = connect(&server);
        stream.write_all(registration().as_bytes()).unwrap();
        let at_most = if fault == InjectedFault::NeverAnswers { SILENCE } else { DUE };
        let (answer, end) = hear(&mut stream, at_most);
        let clients = server.handle().stats().held.clients;
        assert_eq!(clients, usize::from(fault.commits()), "{fault}: {answer:.200} {end:?}");
        let requests = server.requests();
        assert_eq!(requests.len(), 1, "{fault}");
        assert_eq!(requests[0].injected, Some(fault));
        assert_eq!(requests[0].operation, Some(Operation::RegisterClient));
        let has_status = !answer.is_empty() && fault != InjectedFault::NotHttp;
        assert_eq!(requests[0].status != 0, has_status, "{fault}: {answer:.200}");
    };
    // The cases run in parallel, because most of them end in silence, which takes time.
    std::thread::scope(|scope| {
        let is_heard = |fault: &InjectedFault| {
            let occurs = fault.occurs_at(Operation::RegisterClient);
            *fault != InjectedFault::Refuse && !fault.needs_tls() && occurs
        };
        for fault in InjectedFault::ALL.iter().copied().filter(is_heard) {
            scope.spawn(move || check(fault));
        }
    });
}

#[test]
fn connections_are_refused_until_faults_are_stopped() {
    let server = server(InjectedFault::Refuse);
    let address = server.endpoint().strip_prefix("http://").unwrap();
    let refused = TcpStream::connect(address).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    server.stop_faults();
    Http::to(&server).client();
}

#[tokio::test]
async fn a_server_whose_faults_are_stopped_before_it_serves_opens_its_port() {
    let server = Server::bind(Config::default().with_fault(InjectedFault::Refuse)).await.unwrap();
    let address = server.local_addr();
    server.handle().stop_faults();
    let serving = tokio::spawn(server.serve(core::future::pending()));
    let opened = async {
        while tokio::net::TcpStream::connect(address).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(DUE, opened).await.is_ok(), "refused for ever");
    serving.abort();
}

#[test]
fn a_port_that_is_refused_for_one_operation_closes_when_the_one_before_it_is_answered() {
    let server = server(FaultRule::new(InjectedFault::Refuse).at(Operation::CreateToken));
    let mut http = Http::to(&server);
    let client = http.client();
    assert!(http.is_closed(), "an earlier connection would be a way around the port");
    let mut http = Http::to(&server);
    let device = http.start(&client);
    assert!(http.is_closed() && is_refused(&server));
    server.stop_faults();
    server.approve(&device.user_code).unwrap();
    assert_eq!(Http::to(&server).poll(&client, &device).status, 200);
}

#[test]
fn a_port_that_is_refused_for_the_exchange_closes_once_the_browser_has_the_code() {
    for approval in [Approval::Auto, Approval::Manual] {
        let rule = FaultRule::new(InjectedFault::Refuse).at(Operation::CreateToken);
        let server = TestServer::with(Config::default().with_approval(approval).with_fault(rule)).unwrap();
        let client = Http::to(&server).register(&code::registration());
        let query = code::aws_query(&client);
        let refused = Http::to(&server).get(&format!("/authorize?{query}&state=twice"));
        assert!(refused.status == 302 && !is_refused(&server), "there is no code yet");
        if approval == Approval::Auto {
            Http::to(&server).get(&format!("/authorize?{query}"));
        } else {
            let mut browser = Browser::at(&server);
            let (_, csrf) = browser.look(&query);
            assert!(!is_refused(&server), "there is no code yet");
            browser.http = Http::to(&server);
            browser.press(&query, &csrf, "approve", &[]);
        }
        assert!(is_refused(&server));
    }
}

fn is_refused(server: &TestServer) -> bool {
    let address = server.endpoint().strip_prefix("http://").unwrap();
    TcpStream::connect(address).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

#[test]
fn answers_that_never_come_end_as_their_faults_say() {
    let nothing = |end| (String::new(), end);
    assert_eq!(register(InjectedFault::DropRequest), nothing(End::Closed));
    assert_eq!(register(InjectedFault::DropAfterCommit), nothing(End::Closed));
    assert_eq!(register(InjectedFault::ResetRequest), nothing(End::Reset));
    let server = server(InjectedFault::NeverAnswers);
    let mut waiting = connect(&server);
    waiting.write_all(registration().as_bytes()).unwrap();
    assert!(is_silent(&mut waiting));
}

#[test]
fn a_request_is_reset_after_as_many_bytes_as_were_asked_for() {
    let request = registration();
    let server = server(FaultRule::new(InjectedFault::ResetRequest).after_bytes(request.len()));
    let (most, last) = request.as_bytes().split_at(request.len() - 1);
    let mut stream = connect(&server);
    stream.write_all(most).unwrap();
    assert!(is_silent(&mut stream));
    stream.write_all(last).unwrap();
    assert_eq!(listen(&mut stream).1, End::Reset);
}

#[test]
fn an_answer_stops_after_as_many_bytes_as_were_asked_for_or_in_the_middle_of_its_body() {
    for (fault, end) in [(InjectedFault::ResetAnswer, End::Reset), (InjectedFault::Stall, End::Silent)] {
        for bytes in [0, 1, 20] {
            let server = server(FaultRule::new(fault).after_bytes(bytes));
            let mut stream = connect(&server);
            stream.write_all(registration().as_bytes()).unwrap();
            let is_mute = fault == InjectedFault::Stall && bytes == 0;
            let (answer, ended) = hear(&mut stream, if is_mute { SILENCE } else { DUE });
            assert_eq!((answer.len(), &ended), (bytes, &end), "{fault} {answer}");
        }
        let (answer, ended) = register(fault);
        let announced: usize = header(&answer, "content-length")[0].parse().unwrap();
        assert_eq!((body(&answer).len(), ended), (announced / 2, end), "{fault}");
    }
}

#[test]
fn an_answer_drips_at_a_byte_a_second() {
    let (answer, end) = register(InjectedFault::Drip);
    assert_eq!((answer.as_str(), end), ("H", End::Silent));
}

#[test]
fn an_endless_body_has_no_length_and_no_end() {
    let (answer, end) = register(InjectedFault::EndlessBody);
    assert_eq!(end, End::Endless);
    assert_eq!(header(&answer, "content-length"), [""; 0]);
    assert!(body(&answer).starts_with(r#"{"padding":"aaaa"#));
}

#[test]
fn lengths_lie_as_their_faults_say() {
    let length = |answer: &str| header(answer, "content-length")[0].parse::<usize>().unwrap();
    let (long, end) = register(InjectedFault::LengthTooLong);
    assert!(is_registration(body(&long)) && length(&long) == body(&long).len() + 1000 && end == End::Closed);
    let (short, end) = register(InjectedFault::LengthTooShort);
    assert!(is_registration(body(&short)) && length(&short) == body(&short).len() / 2 && end == End::Closed);
    let (two, _) = register(InjectedFault::TwoLengths);
    assert_eq!(header(&two, "content-length").len(), 2);
    let (none, end) = register(InjectedFault::UntilClose);
    assert!(is_registration(body(&none)) && end == End::Closed);
    assert_eq!(header(&none, "content-length"), [""; 0]);
    let (chunked, end) = register(InjectedFault::NoLastChunk);
    assert_eq!((header(&chunked, "transfer-encoding"), end), (vec!["chunked"], End::Closed));
    let (size, chunk) = body(&chunked).split_once("\r\n").unwrap();
    assert_eq!(usize::from_str_radix(size, 16).unwrap() + 2, chunk.len());
    assert!(is_registration(chunk));
}

#[test]
fn bodies_are_spoiled_as_their_faults_say_and_the_connection_stays() {
    for fault in
        [InjectedFault::CutJson, InjectedFault::EmptyBody, InjectedFault::Gzip, InjectedFault::Html200]
    {
        let (answer, end) = register(fault);
        assert!(!is_registration(body(&answer)), "{fault} {answer}");
        assert_eq!(end, End::Silent, "{fault}");
        assert_eq!(header(&answer, "content-length").len(), 1, "{fault}");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{fault} {answer}");
    }
    assert_eq!(header(&register(InjectedFault::Gzip).0, "content-encoding"), ["gzip"]);
    assert!(body(&register(InjectedFault::Html200).0).starts_with("<!DOCTYPE html>"));
    assert!(register(InjectedFault::Html502).0.starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
    assert!(register(InjectedFault::NotHttp).0.starts_with("220 "));
}

#[test]
fn a_service_that_throttles_says_for_how_long() {
    for (fault, status) in [(InjectedFault::TooManyRequests, 429), (InjectedFault::Unavailable, 503)] {
        let (answer, _) = register(fault);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert_eq!(header(&answer, "retry-after"), ["11"]);
    }
    for (fault, status) in [(InjectedFault::TooManyRequestsDate, 429), (InjectedFault::UnavailableDate, 503)]
    {
        let (answer, _) = register(fault);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        let seconds = |name| httpdate::parse_http_date(header(&answer, name)[0]).unwrap();
        assert_eq!(seconds("retry-after").duration_since(seconds("date")).unwrap(), Duration::from_secs(11));
    }
}

#[test]
fn headers_are_spoiled_as_their_faults_say_and_the_body_is_the_real_one() {
    let real = |fault| {
        let (answer, end) = register(fault);
        assert!(is_registration(body(&answer)), "{fault} {answer}");
        (answer, end)
    };
    let (twice, _) = real(InjectedFault::DuplicateHeaders);
    for name in ["content-length", "date", "content-type", "x-amzn-requestid"] {
        assert_eq!(header(&twice, name).len(), 2, "{name}");
    }
    assert_eq!(header(&real(InjectedFault::HugeHeaders).0, "x-padding")[0].len(), 1024 * 1024);
    assert_eq!(header(&real(InjectedFault::WrongContentType).0, "content-type"), ["text/html"]);
    assert_eq!(header(&real(InjectedFault::WrongDate).0, "date"), ["Thu, 01 Jan 1970 00:00:00 GMT"]);
    let (hints, end) = register(InjectedFault::EarlyHints);
    assert!(hints.starts_with("HTTP/1.1 103 "), "{hints}");
    assert!(is_registration(body(body(&hints))) && end == End::Silent);
    let (old, end) = real(InjectedFault::Http10);
    assert!(old.starts_with("HTTP/1.0 200 OK\r\n") && end == End::Closed);
    let (close, end) = real(InjectedFault::Close);
    assert_eq!((header(&close, "connection"), end), (vec!["close"], End::Closed));
    let (silent, end) = real(InjectedFault::CloseUnannounced);
    assert_eq!((header(&silent, "connection"), end), (vec![], End::Closed));
}

#[test]
fn a_redirect_leads_to_another_host_where_whoever_comes_is_counted() {
    for (fault, status) in [
        (InjectedFault::Redirect301, 301),
        (InjectedFault::Redirect302, 302),
        (InjectedFault::Redirect303, 303),
        (InjectedFault::Redirect307, 307),
        (InjectedFault::Redirect308, 308),
    ] {
        let server = server(fault);
        let (answer, _) = say(&server, registration().as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        let elsewhere = header(&answer, "location")[0].strip_suffix("/client/register").unwrap();
        assert_ne!(elsewhere, server.endpoint());
        assert_eq!(server.handle().stats().redirects_followed, 0);
        let mut stray = TcpStream::connect(elsewhere.strip_prefix("http://").unwrap()).unwrap();
        stray.write_all(b"POST /client/register HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!(listen(&mut stray).1, End::Closed);
        assert_eq!(server.handle().stats().redirects_followed, 1);
    }
}

#[test]
fn a_rule_applies_to_the_requests_that_it_names_and_no_others() {
    let server =
        server(FaultRule::new(InjectedFault::Html502).at(Operation::CreateToken).requests(2, Some(3)));
    let mut http = Http::to(&server);
    let client = http.client();
    let device = http.start(&client);
    let statuses: Vec<_> = (0..4).map(|_| http.poll(&client, &device).status).collect();
    assert_eq!(statuses, [400, 502, 502, 400]);
    assert_eq!(http.get("/health").status, 200);
    let injected: Vec<_> = server.requests().iter().map(|request| request.injected.is_some()).collect();
    assert_eq!(injected, [false, false, false, true, true, false, false]);
    assert_eq!(server.connections(), 1, "a polite fault leaves the connection as it was");
}

#[test]
fn of_two_rules_the_first_one_counts_and_both_see_every_request() {
    let config = Config::default()
        .with_fault(FaultRule::new(InjectedFault::EmptyBody).once())
        .with_fault(FaultRule::new(InjectedFault::CutJson).requests(1, Some(2)));
    let server = TestServer::with(config).unwrap();
    let mut http = Http::to(&server);
    let body = json!({"clientName": "x", "clientType": "public"});
    let lengths: Vec<_> = (0..3).map(|_| http.post("/client/register", &body).body.len()).collect();
    assert!(lengths[0] == 0 && 0 < lengths[1] && lengths[1] < lengths[2], "{lengths:?}");
}

#[test]
fn a_rule_applies_to_both_dialects() {
    let server = server(FaultRule::new(InjectedFault::Html502).at(Operation::RegisterClient));
    let mut http = Http::to(&server);
    let request = json!({"client_name": "x"});
    assert_eq!(http.post("/oauth/register", &request).status, 502);
}

#[test]
fn a_request_that_comes_while_another_waits_is_seen_unless_that_one_has_given_up() {
    let server = server(FaultRule::new(InjectedFault::NeverAnswers).requests(1, Some(2)));
    let address = server.endpoint().strip_prefix("http://").unwrap();
    let mut first = TcpStream::connect(address).unwrap();
    first.write_all(registration().as_bytes()).unwrap();
    assert!(is_silent(&mut first));
    // The second request gets no response either.
    let mut second = connect(&server);
    second.write_all(registration().as_bytes()).unwrap();
    assert!(is_silent(&mut second));
    drop((first, second));
    say(&server, registration().as_bytes());
    let seen: Vec<_> = server.requests().iter().map(|request| request.others_in_flight).collect();
    assert_eq!(seen, [0, 1, 0]);
}

#[test]
fn pages_and_requests_that_are_none_are_answered_as_by_any_server() {
    let server = server(InjectedFault::DropRequest);
    let mut http = Http::to(&server);
    assert_eq!(http.get("/health").status, 200);
    assert_eq!(http.send("HEAD", "/health", &[], "").body, "");
    assert_eq!(http.get("/nowhere").status, 404);
    assert_eq!(http.get("/health").status, 200, "the connection stays");
    let close = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(say(&server, close).1, End::Closed);
    let pipelined = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let (answers, _) = say(&server, pipelined);
    assert!(answers.contains("421 ") && answers.contains("200 OK"), "{answers}");
    assert_eq!(say(&server, b"nonsense\r\n\r\n").1, End::Closed);
    assert_eq!(say(&server, b"\x16\x03\x01\n").1, End::Closed);
}

#[test]
fn a_server_stops_while_its_faults_go_on() {
    let server = server(InjectedFault::Stall);
    let mut stalled = connect(&server);
    stalled.write_all(registration().as_bytes()).unwrap();
    assert_eq!(listen(&mut stalled).1, End::Silent);
    let began = std::time::Instant::now();
    drop(server);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_ne!(listen(&mut stalled).1, End::Silent);
}

#[test]
fn a_body_that_no_handler_takes_is_not_the_next_request() {
    let rule = FaultRule::new(InjectedFault::Html502).at(Operation::CreateToken);
    let server = TestServer::with(Config::default().with_fault(rule)).unwrap();
    let mut http = Http::to(&server);
    let hidden = "GET /style.css HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let response = http.send("POST", "/nowhere", &[], hidden);
    assert_eq!((response.status, response.header("Connection")), (404, Some("close")));
    assert!(http.is_closed());
    assert!(server.requests().iter().all(|request| request.path == "/nowhere"), "{:?}", server.requests());
}

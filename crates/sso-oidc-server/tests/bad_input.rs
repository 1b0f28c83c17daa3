//! Malformed, too large or too slow requests. Each gets a specific error, never a 500 or a hang.

mod common;

use std::time::{Duration, Instant};

use common::{Http, START_URL};
use serde_json::json;
use sso_oidc_server::{Config, Limits, TestServer};

#[test]
fn a_malformed_request_gets_400_and_the_connection_stays_usable() {
    let server = TestServer::start();
    let mut http = Http::to(&server);
    let deep = "[".repeat(5000);
    let nested = format!("{{\"clientName\":{deep}");
    let bodies = [
        "",
        " ",
        "{",
        "[]",
        "null",
        "42",
        "\"text\"",
        "not json",
        "<html>",
        "{\"clientName\":",
        "{\"clientName\":\"x\"",
        "{\"clientName\":\"x\"} trailing",
        "{}",
        "{\"clientName\":null,\"clientType\":null}",
        "{\"clientName\":1,\"clientType\":\"public\"}",
        "{\"clientName\":{},\"clientType\":[]}",
        "{\"clientName\":\"x\",\"clientType\":\"public\",\"scopes\":\"a\"}",
        "{\"clientName\":\"x\",\"clientType\":\"public\",\"scopes\":[1]}",
        "{\"clientName\":\"\\ud800\",\"clientType\":\"public\"}",
        "clientName=x&clientType=public",
        "\u{0}\u{1}\u{2}",
        &nested,
    ];
    for path in ["/client/register", "/device_authorization", "/token"] {
        for body in bodies {
            let response = http.send("POST", path, &[], body);
            assert_eq!(
                (response.status, response.fault()),
                (400, "InvalidRequestException"),
                "{path} {body:.60}"
            );
        }
    }
    assert_eq!(server.connections(), 1, "one connection served them all");
    let _ = http.client();
}

#[test]
fn what_is_missing_is_named() {
    let server = TestServer::start();
    let mut http = Http::to(&server);
    let cases = [
        ("/client/register", json!({"clientType": "public"}), "clientName"),
        ("/client/register", json!({"clientName": "x"}), "clientType"),
        ("/device_authorization", json!({"clientSecret": "s", "startUrl": START_URL}), "clientId"),
        ("/device_authorization", json!({"clientId": "i", "startUrl": START_URL}), "clientSecret"),
        ("/device_authorization", json!({"clientId": "i", "clientSecret": "s"}), "startUrl"),
        ("/token", json!({"clientId": "i", "clientSecret": "s"}), "grantType"),
        (
            "/token",
            json!({"clientId": "i", "clientSecret": "s", "grantType": common::DEVICE_GRANT}),
            "deviceCode",
        ),
    ];
    for (path, body, member) in cases {
        let response = http.post(path, &body);
        assert_eq!((response.status, response.fault()), (400, "InvalidRequestException"));
        assert!(response.body.contains(member), "{response:?}");
    }
}

#[test]
fn a_start_url_that_is_none_is_an_invalid_request() {
    let server = TestServer::start();
    let mut http = Http::to(&server);
    let client = http.client();
    let body = json!({"clientId": client.id, "clientSecret": client.secret, "startUrl": "not a url"});
    let response = http.post("/device_authorization", &body);
    assert_eq!((response.status, response.fault()), (400, "InvalidRequestException"));
}

#[test]
fn an_unknown_path_is_404_and_a_wrong_method_405_with_the_right_ones() {
    let server = TestServer::start();
    let mut http = Http::to(&server);
    for path in ["/nowhere", "/token/", "//token", "/TOKEN", "/client", "/%2e%2e/etc/passwd", "/device/x"] {
        let response = http.post(path, &json!({}));
        assert_eq!((response.status, response.fault()), (404, "UnknownOperationException"), "{path}");
    }
    for path in ["/client/register", "/device_authorization", "/token"] {
        for method in ["GET", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"] {
            let response = http.send(method, path, &[], "");
            assert_eq!(response.status, 405, "{method} {path}");
            assert_eq!(response.header("Allow"), Some("POST"));
        }
    }
    let response = http.send("DELETE", "/device", &[], "");
    assert_eq!((response.status, response.header("Allow")), (405, Some("GET, HEAD, POST")));
    let response = http.send("POST", "/health", &[], "");
    assert_eq!((response.status, response.header("Allow")), (405, Some("GET, HEAD")));
}

#[test]
fn a_body_over_64_kib_is_413_whether_it_is_announced_or_comes_in_chunks() {
    let server = TestServer::start();
    let mut announced = Http::to(&server);
    let host = server.endpoint().strip_prefix("http://").unwrap();
    announced
        .raw(format!("POST /token HTTP/1.1\r\nHost: {host}\r\nContent-Length: 65537\r\n\r\n").as_bytes());
    let response = announced.read().unwrap();
    assert_eq!((response.status, response.fault()), (413, "InvalidRequestException"));
    assert_eq!(response.header("Connection"), Some("close"), "the rest of the body is not waited for");

    let mut chunked = Http::to(&server);
    chunked.raw(
        format!("POST /token HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n").as_bytes(),
    );
    let chunk = format!("8000\r\n{}\r\n", " ".repeat(0x8000));
    chunked.raw(chunk.as_bytes()).raw(chunk.as_bytes()).raw(b"1\r\n \r\n");
    let response = chunked.read().unwrap();
    assert_eq!((response.status, response.fault()), (413, "InvalidRequestException"));
    assert_eq!(response.header("Connection"), Some("close"), "the rest of the body is not waited for");

    let padded = format!("{{\"clientName\":\"x\",\"clientType\":\"public\"{}}}", " ".repeat(60_000));
    assert_eq!(Http::to(&server).send("POST", "/client/register", &[], &padded).status, 200);
}

#[test]
fn a_client_that_sends_its_whole_request_before_it_reads_sees_the_413() {
    let server = TestServer::start();
    for _ in 0..20 {
        // More than the buffers of both ends hold, so the client is still writing when the response is out.
        let body = " ".repeat(7_000_000);
        let response = Http::to(&server).send("POST", "/token", &[], &body);
        assert_eq!((response.status, response.fault()), (413, "InvalidRequestException"));
        // A path that reads no body gets the same.
        assert_eq!(Http::to(&server).send("POST", "/nowhere", &[], &body).status, 404);
    }
}

#[test]
fn too_many_or_too_long_headers_are_431() {
    let server = TestServer::start();
    let long = "x".repeat(20_000);
    assert_eq!(Http::to(&server).send("GET", "/health", &[("X-Long", &long)], "").status, 431);
    let many = vec![("X-Many", "1"); 100];
    assert_eq!(Http::to(&server).send("GET", "/health", &many, "").status, 431);
}

#[test]
fn a_head_that_stalls_or_dribbles_is_cut_off() {
    let limits = Limits::default().with_idle_timeout(Duration::from_millis(300));
    let server = TestServer::with(Config::default().with_limits(limits)).unwrap();
    let began = Instant::now();
    let mut stalled = Http::to(&server);
    stalled.raw(b"POST /token HTTP/1.1\r\nHo");
    assert!(stalled.is_closed());

    // Each byte comes within the timeout, but the head as a whole is too slow.
    let mut dribbling = Http::to(&server);
    for byte in b"POST /token HTTP/1.1\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy" {
        std::thread::sleep(Duration::from_millis(50));
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            dribbling.raw(&[*byte]);
        }))
        .is_err()
        {
            break;
        }
    }
    assert!(dribbling.is_closed());
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[test]
fn a_peer_that_connects_and_says_nothing_is_cut_off_as_soon_as_one_that_stalls() {
    let limits = Limits::default().with_idle_timeout(Duration::from_millis(300));
    let server = TestServer::with(Config::default().with_limits(limits)).unwrap();
    assert!(Http::to(&server).is_closed());
}

#[test]
fn a_connection_that_idles_for_too_long_is_closed() {
    let limits = Limits::default().with_idle_timeout(Duration::from_millis(300));
    let server = TestServer::with(Config::default().with_limits(limits)).unwrap();
    let mut http = Http::to(&server);
    assert_eq!(http.get("/health").status, 200);
    assert!(http.is_closed());
}

#[test]
fn a_body_that_stalls_is_408_and_the_connection_is_closed() {
    let limits = Limits::default().with_body_timeout(Duration::from_millis(300));
    let server = TestServer::with(Config::default().with_limits(limits)).unwrap();
    let mut http = Http::to(&server);
    let host = server.endpoint().strip_prefix("http://").unwrap();
    http.raw(format!("POST /token HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100\r\n\r\n{{").as_bytes());
    let response = http.read().unwrap();
    assert_eq!((response.status, response.fault()), (408, "InvalidRequestException"));
    assert_eq!(response.header("Connection"), Some("close"));
    assert!(http.is_closed());
}

#[test]
fn a_peer_that_does_not_take_its_answers_is_cut_off() {
    use std::io::Write as _;
    let limits = Limits::default().with_write_timeout(Duration::from_millis(300));
    let server = TestServer::with(Config::default().with_limits(limits)).unwrap();
    let mut stream =
        std::net::TcpStream::connect(server.endpoint().strip_prefix("http://").unwrap()).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(8))).unwrap();
    let requests = "GET /device HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1000);
    // Both directions fill up. Then this end blocks until the server hangs up with a reset, before the
    // timeout.
    let error = (0..10_000).find_map(|_| stream.write_all(requests.as_bytes()).err()).unwrap();
    assert!(
        matches!(error.kind(), std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe),
        "{error:?}"
    );
}

#[test]
fn bytes_that_are_no_http_are_not_answered_with_500() {
    let server = TestServer::start();
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..],
        b"hello\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ] {
        let mut http = Http::to(&server);
        http.raw(bytes);
        if let Ok(response) = http.read() {
            assert_eq!(response.status, 400, "{response:?}");
        }
        assert!(http.is_closed());
    }
    assert_eq!(Http::to(&server).get("/health").status, 200);
}

#[test]
fn a_name_that_was_rebound_to_this_machine_is_misdirected() {
    let server = TestServer::start();
    let mut http = Http::to(&server);
    for host in ["evil.example", "127.0.0.1.evil.example", "192.0.2.1:80"] {
        let response = http.send("POST", "/client/register", &[("Host", host)], "{}");
        assert_eq!((response.status, response.fault()), (421, "InvalidRequestException"), "{host}");
        assert!(response.json()["error_description"].as_str().unwrap().contains("--allow-host"));
        let page = http.send("GET", "/device", &[("Host", host)], "");
        assert_eq!(page.status, 421, "{host}");
        assert!(page.body.contains("--allow-host"));
    }
    for host in ["localhost", "localhost:1", "127.0.0.1", "[::1]:80"] {
        assert_eq!(http.send("GET", "/device", &[("Host", host)], "").status, 200, "{host}");
    }
    let response = http.send("GET", "http://evil.example/device", &[], "");
    assert_eq!(response.status, 421, "the absolute form names a host too");
}

#[test]
fn a_request_that_names_no_host_or_two_is_400() {
    let server = TestServer::start();
    let ask = |head: &str| {
        let mut http = Http::to(&server);
        let response = http.raw(head.as_bytes()).read().unwrap();
        if response.status == 400 {
            assert_eq!(response.fault(), "InvalidRequestException");
            assert!(http.is_closed(), "the next request on it may be of another peer");
        }
        response.status
    };
    assert_eq!(ask("GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"), 400);
    assert_eq!(ask("GET /health HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"), 400);
    assert_eq!(ask("GET /health HTTP/1.1\r\n\r\n"), 400);
    assert_eq!(ask("GET /health HTTP/1.0\r\n\r\n"), 200);
    assert_eq!(ask("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"), 200);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = TestServer::start();
    let mut http = Http::to(&server);
    let one = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let two = "GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n";
    http.raw(format!("{one}{two}{one}").as_bytes());
    let statuses = [0, 1, 2].map(|_| http.read().unwrap().status);
    assert_eq!(statuses, [200, 404, 200]);
}

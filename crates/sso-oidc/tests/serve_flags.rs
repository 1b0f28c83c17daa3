//! The flags of `serve`: addresses, durations, lifetimes, and names of the host.

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use base64::Engine as _;
use common::{Program, Serving};

/// Returns a port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_port_alone_is_one_of_this_machine() {
    for prefix in ["", ":"] {
        let port = free_port();
        let serving = Serving::start(&["--listen", &format!("{prefix}{port}")]);
        assert_eq!(serving.endpoint, format!("http://127.0.0.1:{port}"));
    }
}

#[test]
fn a_wrong_value_is_refused_with_an_example_of_a_right_one() {
    for (arguments, example) in [
        (["serve", "--listen", "localhost"], "0.0.0.0:8080"),
        (["serve", "--listen", "70000"], "such as 8080"),
        (["serve", "--interval", "1sec"], "500ms"),
        (["serve", "--trusted-proxy", "proxy.example"], "10.0.0.0/8"),
        (["serve", "--cors", "https://app.example/"], "such as https://app.example"),
        (["serve", "--device-ttl", "0"], "15m"),
        (["serve", "--device-grace", "11m"], "10m"),
        (["serve", "--access-ttl", "500ms"], "at least one second"),
        (["serve", "--refresh-ttl", "never"], "90d"),
        (["serve", "--id-token-ttl", "0"], "15m"),
        (["serve", "--retry-after", "soon"], "at least one second"),
        (["token", "--lock-timeout", "1 s"], "500ms"),
    ] {
        let stderr = Program::new().run(&arguments).fails(252);
        assert!(stderr.contains(example), "{arguments:?}: {stderr}");
    }
}

/// Sends a POST of JSON to a path, and returns the whole response.
fn post(serving: &Serving, path: &str, host: &str, json: &serde_json::Value) -> String {
    let body = json.to_string();
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n");
    let mut stream = TcpStream::connect(serving.address()).unwrap();
    stream.write_all((head + "Content-Type: application/json\r\n\r\n" + &body).as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

fn body(response: &str) -> serde_json::Value {
    serde_json::from_str(response.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// Registers a client and signs in, with or without a scope. Returns the registration and the token.
fn sign_in(serving: &Serving, scopes: &[&str]) -> [serde_json::Value; 2] {
    let ask = |path: &str, json| body(&post(serving, path, "localhost", &json));
    let name = serde_json::json!({ "clientName": "test", "clientType": "public", "scopes": scopes });
    let client = ask("/client/register", name);
    let mut request = serde_json::json!({
        "clientId": client["clientId"], "clientSecret": client["clientSecret"],
        "startUrl": common::START_URL, "grantType": common::DEVICE_CODE,
    });
    request["deviceCode"] = ask("/device_authorization", request.clone())["deviceCode"].clone();
    [client, ask("/token", request)]
}

#[test]
fn lifetimes_are_those_of_the_flags() {
    let serving = Serving::start(&[
        "--approve",
        "auto",
        "--interval",
        "500ms",
        "--access-ttl",
        "15m",
        "--registration-ttl",
        "1h",
        "--refresh-ttl",
        "1s",
        "--id-token-ttl",
        "5m",
    ]);
    let [client, token] = sign_in(&serving, &[]);
    let seconds = |name: &str| client[name].as_u64().unwrap();
    assert_eq!(seconds("clientSecretExpiresAt") - seconds("clientIdIssuedAt"), 3600);
    assert_eq!(token["expiresIn"], 900);
    let [_, token] = sign_in(&serving, &["openid"]);
    let payload = token["idToken"].as_str().unwrap().split('.').nth(1).unwrap();
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 300);
    let [client, token] = sign_in(&serving, &["sso:account:access"]);
    let refresh = serde_json::json!({
        "clientId": client["clientId"], "clientSecret": client["clientSecret"],
        "grantType": "refresh_token", "refreshToken": token["refreshToken"],
    });
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    assert_eq!(body(&post(&serving, "/token", "localhost", &refresh))["error"], "invalid_grant");
}

#[test]
fn retry_after_is_the_flags() {
    for (fault, header) in
        [("unavailable", "retry-after: 2\r\n"), ("too-many-requests", "retry-after: 2\r\n")]
    {
        let serving = Serving::start(&["--fault", fault, "--retry-after", "1500ms"]);
        let response = post(&serving, "/client/register", "localhost", &serde_json::json!({}));
        assert!(response.contains(header), "{response}");
    }
}

#[test]
fn limits_are_those_of_the_flags() {
    let serving = Serving::start(&["--max-body-bytes", "100"]);
    let json = |length: usize| serde_json::json!({ "clientName": "x".repeat(length) });
    let status = |length| post(&serving, "/client/register", "localhost", &json(length))[..12].to_owned();
    assert_eq!([status(83), status(84)], ["HTTP/1.1 400", "HTTP/1.1 413"], "the rest is 17 bytes long");
    for (flag, example) in [("--max-connections=0", "zero"), ("--idle-timeout=0s", "above zero")] {
        let stderr = Program::new().run(&["serve", flag]).fails(252);
        assert!(stderr.contains(example), "{stderr}");
    }
}

#[test]
fn the_log_says_how_a_refused_host_name_is_accepted() {
    let mut serving = Serving::start(&[]);
    let response = post(&serving, "/token", "sso:8080", &serde_json::json!({}));
    assert!(response.starts_with("HTTP/1.1 421"), "{response}");
    let mut log = BufReader::new(serving.child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("sent=421") {
        assert!(log.read_line(&mut said).unwrap() > 0, "{said}");
    }
    assert!(said.contains("host=\"sso:8080\"") && said.contains("--allow-host"), "{said}");
}

#[test]
fn the_log_says_how_a_page_of_another_origin_is_accepted() {
    let mut serving = Serving::start(&["--cors", "http://localhost:3000", "--cors", "https://app.example"]);
    let mut stream = TcpStream::connect(serving.address()).unwrap();
    for (origin, status) in [("https://app.example", 204), ("https://other.example", 403)] {
        let head = format!(
            "OPTIONS /token HTTP/1.1\r\nhost: localhost\r\norigin: {origin}\r\n\
             access-control-request-method: POST\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut response = [0; 1024];
        let length = stream.read(&mut response).unwrap();
        let response = String::from_utf8_lossy(&response[..length]);
        assert!(response.starts_with(&format!("HTTP/1.1 {status}")), "{response}");
    }
    let mut log = BufReader::new(serving.child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("sent=403") {
        assert!(log.read_line(&mut said).unwrap() > 0, "{said}");
    }
    assert!(said.contains("origin=https://other.example") && said.contains("--cors ORIGIN"), "{said}");
}

#[test]
fn the_log_has_the_address_that_a_trusted_proxy_names() {
    let mut serving = Serving::start(&["--trusted-proxy", "127.0.0.1"]);
    let mut stream = TcpStream::connect(serving.endpoint.trim_start_matches("http://")).unwrap();
    let head =
        "GET /health HTTP/1.1\r\nhost: localhost\r\nforwarded: for=198.51.100.1\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    let mut log = BufReader::new(serving.child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("route=\"/health\"") {
        assert!(log.read_line(&mut said).unwrap() > 0, "{said}");
    }
    assert!(said.contains("client=198.51.100.1"), "{said}");
}

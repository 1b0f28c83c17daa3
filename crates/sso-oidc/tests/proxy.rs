//! Proxies from the environment.

mod common;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use common::{LOGIN, Program};
use sso_oidc_server::TestServer;

const REGISTER: [&str; 5] = ["register-client", "--client-name", "n", "--client-type", "public"];

/// Starts a proxy that opens no tunnel, and records the requested hosts and the credentials.
fn proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    proxy_that_says("403 Forbidden")
}

fn proxy_that_says(status: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    thread::spawn(move || {
        for stream in listener.incoming().take(16) {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let mut head = lines.next().unwrap_or_default();
            for line in lines.take_while(|line| !line.is_empty()) {
                if line.to_lowercase().starts_with("proxy-authorization") {
                    head.push_str(&line);
                }
            }
            noted.lock().unwrap().push(head.clone());
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (address, seen)
}

fn register(program: &Program, endpoint: &str) -> common::Run {
    program.run(&[&REGISTER[..], &["--allow-insecure-http", "--endpoint-url", endpoint]].concat())
}

#[test]
fn requests_go_through_the_proxy_of_their_scheme_with_its_credentials() {
    let (address, seen) = proxy();
    let program =
        Program::new().var("HTTP_PROXY", &format!("http://user:pass@{address}")).var("AWS_MAX_ATTEMPTS", "1");
    let stderr = register(&program, "http://oidc.example.invalid").fails(255);
    let first = seen.lock().unwrap().join("\n");
    assert!(first.starts_with("CONNECT oidc.example.invalid:80 "), "{first}");
    assert!(first.contains("dXNlcjpwYXNz"), "user:pass in base64: {first}");
    assert!(!stderr.contains("pass"), "{stderr}");
    // HTTP_PROXY does not apply to https: the name does not resolve, and the proxy gets no request.
    register(&program, "https://oidc.example.invalid").fails(255);
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[test]
fn https_asks_the_proxy_for_a_tunnel_and_a_refusal_is_said_so() {
    let (address, seen) = proxy();
    let program = Program::new().var("HTTPS_PROXY", &format!("http://{address}"));
    let stderr = register(&program, "https://oidc.example.invalid").fails(255);
    assert_eq!(seen.lock().unwrap().len(), 1, "a refusal is not asked for again");
    assert!(stderr.contains("the proxy does not allow this host"), "{stderr}");
    assert!(seen.lock().unwrap()[0].starts_with("CONNECT oidc.example.invalid:443"), "{seen:?}");
    assert!(stderr.contains("Could not connect"), "{stderr}");
}

#[test]
fn loopback_is_reached_directly_whatever_the_environment_says() {
    let server = TestServer::start();
    let (address, seen) = proxy();
    let mut program = Program::new();
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        program = program.var(name, &format!("http://{address}"));
    }
    register(&program, server.endpoint()).ok();
    // The same with the async adapter.
    program.run(&["demo", "--async", "--approve", "--no-browser"]).ok();
    assert_eq!(seen.lock().unwrap().len(), 0);
}

#[test]
fn no_proxy_is_obeyed() {
    let (address, seen) = proxy();
    let program = Program::new()
        .var("HTTP_PROXY", &format!("http://{address}"))
        .var("NO_PROXY", "other.example, example.invalid")
        .var("AWS_MAX_ATTEMPTS", "1");
    register(&program, "http://oidc.sub.example.invalid").fails(255);
    assert_eq!(seen.lock().unwrap().len(), 0);
}

#[test]
fn a_proxy_that_is_none_is_named_before_anything_is_sent() {
    let program = Program::new().var("HTTP_PROXY", "gopher://x");
    let stderr = register(&program, "http://oidc.example.invalid").fails(253);
    assert!(stderr.contains("cannot use the proxy in HTTP_PROXY"), "{stderr}");
}

#[test]
fn an_empty_variable_does_not_hide_its_twin_in_lower_case() {
    let (address, seen) = proxy();
    let program = Program::new()
        .var("HTTPS_PROXY", "")
        .var("https_proxy", &format!("http://{address}"))
        .var("AWS_MAX_ATTEMPTS", "1");
    register(&program, "https://oidc.example.invalid").fails(255);
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[test]
fn a_proxy_that_wants_credentials_is_named_with_its_variable() {
    let (address, _) = proxy_that_says("407 Proxy Authentication Required");
    for (user, expected) in
        [("", "requires a user name and a password"), ("u:hunter2@", "rejected the user name")]
    {
        let program = Program::new()
            .var("HTTPS_PROXY", &format!("http://{user}{address}"))
            .var("AWS_MAX_ATTEMPTS", "1");
        let stderr = register(&program, "https://oidc.example.invalid").fails(255);
        let named = format!("the proxy {address} from HTTPS_PROXY {expected}");
        assert!(stderr.contains(&named) && !stderr.contains("hunter2"), "{stderr}");
    }
}

#[test]
fn a_sign_in_that_a_proxy_refuses_ends_at_once_and_does_not_blame_the_network() {
    let login = "the proxy requires a login; check the user and password in its URL";
    for (status, user, hint) in [
        ("407 Proxy Authentication Required", "", login),
        ("407 Proxy Authentication Required", "u:hunter2@", login),
        ("403 Forbidden", "", "the proxy does not allow this host"),
    ] {
        let (address, seen) = proxy_that_says(status);
        let program = Program::new().var("https_proxy", &format!("http://{user}{address}"));
        // A portal, a provider with endpoints from flags, and a provider with metadata.
        let issuer = ["login", "--show-token", "--issuer", "https://id.example.invalid", "--client-id", "c"];
        let endpoints = [
            "login",
            "--show-token",
            "--device-authorization-endpoint",
            "https://id.example.invalid/device",
            "--token-endpoint",
            "https://id.example.invalid/token",
            "--client-id",
            "c",
        ];
        for (asked, arguments) in [&LOGIN[..], &endpoints, &issuer].into_iter().enumerate() {
            let stderr = program.run(arguments).fails(255);
            assert!(stderr.contains(hint), "{status}: {stderr}");
            let lies = ["check the network", "CONNECT proxy failed", "hunter2"];
            assert!(!lies.into_iter().any(|lie| stderr.contains(lie)), "{status}: {stderr}");
            // On Windows, the letters of a variable's name have no case.
            let name = if cfg!(windows) { "HTTPS_PROXY" } else { "https_proxy" };
            assert!(stderr.contains(&format!("the proxy {address} from {name}")), "{stderr}");
            assert_eq!(seen.lock().unwrap().len(), asked + 1, "{status}: {stderr}");
        }
    }
}

#[test]
fn a_start_url_that_the_proxy_does_not_find_is_a_matter_of_spelling() {
    let (address, _) = proxy_that_says("503 Service Unavailable");
    let program = Program::new().var("https_proxy", &format!("http://{address}"));
    let login = ["login", "--start-url", "https://ssoo.example.invalid/start", "--region", "eu-west-1"];
    let stderr = program.run(&login).fails(253);
    assert!(stderr.contains("could not reach the host; check the spelling of the start URL"), "{stderr}");
}

#[test]
fn a_proxy_that_cannot_be_reached_is_said_to_be_it() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for (proxy, expected) in [
        (closed.as_str(), format!("the proxy {closed} from HTTPS_PROXY failed to open a connection")),
        (
            "proxy.invalid:3128",
            "the proxy proxy.invalid:3128 from HTTPS_PROXY was not found: its host name does not resolve"
                .to_owned(),
        ),
    ] {
        let program =
            Program::new().var("HTTPS_PROXY", &format!("http://{proxy}")).var("AWS_MAX_ATTEMPTS", "1");
        let stderr = register(&program, "https://oidc.example.invalid").fails(255);
        assert!(stderr.contains(&expected), "{stderr}");
    }
}

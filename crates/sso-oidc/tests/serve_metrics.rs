//! `serve --metrics`: where the metrics are.

mod common;

use std::io::{BufRead as _, Read as _, Write as _};
use std::net::TcpStream;

use common::{Program, Serving};

/// Returns the response to a GET.
fn get(url: &str) -> String {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_url_of_the_metrics_follows_that_of_the_server() {
    let mut serving = Serving::start(&["--metrics", "0"]);
    let mut line = String::new();
    serving.out.read_line(&mut line).unwrap();
    let url = line.trim_end().strip_prefix("metrics at ").unwrap();
    assert!(url.starts_with("http://127.0.0.1:"), "a port alone is one of loopback: {url}");
    assert!(get(&format!("{}/health", serving.endpoint)).starts_with("HTTP/1.1 200"));
    let metrics = get(url);
    let counted = "sso_oidc_requests_total{operation=\"-\",route=\"/health\",outcome=\"success\"} 1\n";
    assert!(metrics.contains(counted), "{metrics}");
}

#[test]
fn a_port_in_use_ends_serve_and_is_named() {
    let serving = Serving::start(&[]);
    let stderr = Program::new().run(&["serve", "--metrics", serving.address()]).fails(255);
    assert!(stderr.contains("is already in use"), "{stderr}");
}

#[cfg(unix)]
#[test]
fn the_standard_output_of_a_command_is_its_own() {
    let program = Program::new().var("PATH", "/usr/bin:/bin");
    assert_eq!(program.run(&["serve", "--metrics", "0", "--", "echo", "hello"]).ok(), "hello\n");
}

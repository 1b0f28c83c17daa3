//! `serve --control`: where the control API is, who may use it, and what a command gets.

mod common;

use std::io::{BufRead as _, Read as _, Write as _};
use std::net::TcpStream;

use common::{Program, Serving};

/// Returns the status line and the body of a request to the control API.
fn ask(url: &str, token: &str) -> String {
    let host = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "GET /_control/devices HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn line(serving: &mut Serving, start: &str) -> String {
    let mut line = String::new();
    serving.out.read_line(&mut line).unwrap();
    line.trim_end().strip_prefix(start).unwrap_or_else(|| panic!("{line}")).to_owned()
}

#[test]
fn the_address_and_a_random_token_follow_the_url_and_the_log_has_no_token() {
    let program = Program::new();
    let log = program.home.path().join("log");
    let flags = ["--control", "0", "--log-file", log.to_str().unwrap()];
    let (mut one, mut two) = (Serving::start_as(&program, &flags), Serving::start(&["--control", "0"]));
    let (url, other) = (line(&mut one, "control at "), line(&mut two, "control at "));
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let (token, others) = (line(&mut one, "control token "), line(&mut two, "control token "));
    assert!(token.len() >= 32 && token != others);
    assert!(ask(&url, &token).starts_with("HTTP/1.1 200"));
    assert!(ask(&url, &others).starts_with("HTTP/1.1 401"));
    assert!(ask(&other, &others).ends_with("{\"devices\":[]}\n"));
    drop(one);
    assert!(!std::fs::read_to_string(log).unwrap().contains(&token));
}

#[test]
fn the_token_of_a_file_is_not_printed() {
    let program = Program::new();
    let file = program.file("token", "from-a-file\n");
    let mut serving = Serving::start_as(&program, &["--control", "0", "--control-token-file", &file]);
    let url = line(&mut serving, "control at ");
    assert!(ask(&url, "from-a-file").starts_with("HTTP/1.1 200"));
    serving.child.kill().unwrap();
    let mut rest = String::new();
    serving.out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}

#[test]
fn a_token_that_fits_no_header_or_that_is_missing_starts_no_server() {
    let program = Program::new();
    for text in ["", "two words"] {
        let file = program.file("token", text);
        let run = program.run(&["serve", "--control", "0", "--control-token-file", &file]);
        assert!(run.fails(255).contains("control token"), "{text}");
    }
    let run = program.run(&["serve", "--control", "0", "--control-token-file", "/none"]);
    assert!(run.fails(255).contains("/none"));
    program.run(&["serve", "--control-token-file", "/none"]).fails(252);
}

#[cfg(unix)]
#[test]
fn a_command_has_the_address_and_the_token_and_no_others() {
    let program = Program::new()
        .var("PATH", "/usr/bin:/bin")
        .var("SSO_OIDC_CONTROL_URL", "http://elsewhere")
        .var("SSO_OIDC_CONTROL_TOKEN", "of-another");
    let show = ["--", "sh", "-c", "echo $SSO_OIDC_CONTROL_URL $SSO_OIDC_CONTROL_TOKEN"];
    let out = program.run(&[&["serve", "--control", "0"], &show[..]].concat()).ok();
    let (url, token) = out.trim_end().split_once(' ').unwrap();
    assert!(url.starts_with("http://127.0.0.1:") && token.len() >= 32, "{out}");
    assert_eq!(program.run(&[&["serve"], &show[..]].concat()).ok(), "\n");
}

//! The end of `serve`: what was under way is finished, and the store has everything.

#![cfg(unix)]

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

use common::{DEVICE_CODE, Program, Serving};

/// Sends a form, and returns the body of the response.
fn form(serving: &Serving, path: &str, body: &str) -> serde_json::Value {
    let mut stream = TcpStream::connect(serving.address()).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

fn signal(serving: &Serving, name: &str) {
    let pid = serving.child.id().to_string();
    assert!(std::process::Command::new("kill").args([name, &pid]).status().unwrap().success());
}

#[test]
fn what_the_store_would_write_later_is_written_at_the_end() {
    let program = Program::new();
    let store = program.home.path().join("store.redb");
    let flags = ["--store", store.to_str().unwrap(), "--oauth-client", "tool", "--interval", "60s"];
    let flags = [&flags[..], &["--slow-down", "strict"]].concat();
    let mut serving = Serving::start_as(&program, &flags);
    let code = form(&serving, "/oauth/device_authorization", "client_id=tool")["device_code"].clone();
    let poll = format!("client_id=tool&grant_type={DEVICE_CODE}&device_code={}", code.as_str().unwrap());
    // The pace of a poll is the one change that no response waits for.
    assert_eq!(form(&serving, "/oauth/token", &poll)["error"], "authorization_pending");
    signal(&serving, "-TERM");
    assert_eq!(serving.child.wait().unwrap().code(), Some(0));
    let next = Serving::start_as(&program, &flags);
    assert_eq!(form(&next, "/oauth/token", &poll)["error"], "slow_down", "the first poll is remembered");
}

#[test]
fn a_request_in_progress_is_answered_and_its_connection_closed() {
    for name in ["-TERM", "-INT"] {
        let mut serving = Serving::start(&["--stop-timeout", "60s"]);
        let address = serving.address().to_owned();
        let mut stream = TcpStream::connect(&address).unwrap();
        let head =
            "POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert!(line.contains("100 Continue"), "{line}");
        signal(&serving, name);
        // The port is closed from here on. Each attempt bounds the loop, because the server ends in a minute.
        while TcpStream::connect(&address).is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        stream.write_all(b"{}").unwrap();
        let mut answer = String::new();
        reader.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("HTTP/1.1 400") && answer.contains("connection: close"), "{name}: {answer}");
        assert_eq!(serving.child.wait().unwrap().code(), Some(0), "{name}");
    }
}

#[test]
fn a_hang_up_that_is_ignored_stays_ignored() {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\" serve", env!("CARGO_BIN_EXE_sso-oidc")]);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let kill = |signal: &str| {
        let pid = child.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
    };
    kill("-HUP");
    // The signal has been delivered before the connection is accepted.
    std::thread::sleep(std::time::Duration::from_millis(100));
    let address = line.trim_end().strip_prefix("listening on http://").unwrap();
    assert!(TcpStream::connect(address).is_ok());
    kill("-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

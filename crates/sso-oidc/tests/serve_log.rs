//! `serve --log-format json`: one object a line, with the facts of the text.

#![cfg(unix)]

mod common;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use common::Serving;
use serde_json::Value;

/// Sends a request, and returns the response.
fn send(serving: &Serving, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(serving.address()).unwrap();
    let head = if head.contains("Host:") { head.to_owned() } else { format!("{head}\r\nHost: localhost") };
    let length = body.len();
    write!(stream, "{head}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
    let mut response = String::new();
    // An injected fault may end the connection.
    let _ = stream.read_to_string(&mut response);
    response
}

/// Runs a server with these flags, sends it the same requests each time, and returns its log and the responses.
fn log(flags: &[&str]) -> (String, Vec<String>) {
    let fault = ["--fault", "drop-after-commit@register:2"];
    let mut serving = Serving::start(&[&fault, flags].concat());
    let registration = r#"{"clientName":"sentinel","clientType":"public"}"#;
    let responses = [
        ("POST /client/register HTTP/1.1", registration),
        ("POST /client/register HTTP/1.1", registration),
        ("POST /token?sentinel HTTP/1.1", "{}"),
        ("GET /health HTTP/1.1", ""),
        ("GET /sentinel HTTP/1.1", ""),
        ("SENTINEL /health HTTP/1.1", ""),
        ("POST /oauth/token HTTP/1.1\r\nHost: el\"se\\where", ""),
    ];
    let responses = responses.map(|(head, body)| send(&serving, head, body));
    let pid = serving.child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let mut log = String::new();
    serving.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert_eq!(serving.child.wait().unwrap().code(), Some(0));
    (log, responses.into())
}

/// Returns the members of a line of the text, but its message.
fn facts(line: &str) -> BTreeMap<String, String> {
    let pairs = line.split(' ').filter_map(|word| word.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect()
}

/// Returns the same of an object, with the names of the text.
fn facts_of(object: &Value) -> BTreeMap<String, String> {
    let renamed = |name: &str| match name {
        "path" => "route".to_owned(),
        "status" => "sent".to_owned(),
        name => name.to_owned(),
    };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let members = object.as_object().unwrap().iter();
    let members = members.filter(|(name, _)| !["time", "level", "message"].contains(&name.as_str()));
    members.map(|(name, value)| (renamed(name), text(value))).collect()
}

#[test]
fn each_line_is_an_object_with_the_facts_of_the_text() {
    let ((text, _), (json, responses)) = (log(&[]), log(&["--log-format", "json"]));
    let objects: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), text.lines().count(), "{text}\n{json}");
    let mut answered = 0;
    for (line, object) in text.lines().zip(&objects) {
        let message = object["message"].as_str().unwrap();
        assert!(line.contains(object["level"].as_str().unwrap()), "{line}\n{object}");
        let time = object["time"].as_str().unwrap();
        assert!(time.starts_with("20") && time.contains('T') && time.ends_with('Z'), "{time}");
        if message != "answered" {
            continue;
        }
        answered += 1;
        let (text, mut json) = (facts(line), facts_of(object));
        assert_eq!(text.keys().collect::<Vec<_>>(), json.keys().collect::<Vec<_>>(), "{line}\n{object}");
        for (name, value) in text {
            let other = json.remove(&name).unwrap();
            match name.as_str() {
                // These differ from run to run.
                "request_id" => assert_eq!(value.len(), other.len()),
                "client" => assert!(value.starts_with("127.0.0.1:") && other.starts_with("127.0.0.1:")),
                "duration" => {
                    let [one, two] = [&value, &other].map(|seconds| seconds.parse::<f64>().unwrap());
                    assert!(one > 0.0 && one < 5.0 && two > 0.0 && two < 5.0, "{one} {two}");
                }
                _ => assert_eq!(value, other, "{name}"),
            }
        }
    }
    assert_eq!(answered, responses.len());
    // Numbers are numbers, and what there is not is absent.
    let lost = objects.iter().find(|object| object["injected"] == "drop-after-commit").unwrap();
    assert_eq!((&lost["status"], &lost["operation"]), (&0.into(), &"RegisterClient".into()));
    assert!(
        lost["duration"].is_f64() && lost["connection"].is_u64() && lost.get("error").is_none(),
        "{lost}"
    );
    let health = objects.iter().find(|object| object["path"] == "/health").unwrap();
    assert_eq!((&health["method"], health.get("operation")), (&"GET".into(), None));
    // The id of a response finds its line.
    let (_, id) = responses[2].split_once("x-amzn-requestid: ").unwrap();
    let id = id.split("\r\n").next().unwrap();
    let refused = objects.iter().find(|object| object["request_id"] == id).unwrap();
    assert_eq!((&refused["path"], &refused["error"]), (&"/token".into(), &"InvalidRequestException".into()));
    // Text of a client is in the log only where a warning is about it, and escaped there.
    let warned = objects.iter().find(|object| object["level"] == "WARN").unwrap();
    assert_eq!(warned["host"], "el\"se\\where");
    assert!(!json.to_lowercase().contains("sentinel"), "{json}");
}

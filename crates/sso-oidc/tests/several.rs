//! `login` to several sessions: one after the other, with a summary.

mod common;

use common::session::server_with as server;
use common::{Program, Run};
use serde_json::Value;
use sso_oidc_server::TestServer;

const CONFIG: &str = "\
[sso-session a]
sso_start_url = https://d-1234567890.awsapps.com/start
sso_region = eu-west-1
[sso-session b]
sso_start_url = https://d-2234567890.awsapps.com/start
sso_region = eu-west-1
[sso-session c]
sso_start_url = https://d-3234567890.awsapps.com/start
sso_region = us-east-1
";

fn program(server: &TestServer) -> Program {
    Program::new().config(CONFIG).var("AWS_ENDPOINT_URL_SSO_OIDC", server.endpoint())
}

/// Returns the lines of the summary: those after the last line of the last session.
fn summary(run: &Run, lines: usize) -> Vec<&str> {
    let all: Vec<&str> = run.stderr.lines().collect();
    all[all.len() - lines..].to_vec()
}

#[test]
fn each_session_is_signed_in_to_once_and_has_a_line_in_the_summary() {
    let server = server(None);
    let program = program(&server);
    let two = ["login", "--sso-session", "b", "--sso-session", "a", "--sso-session", "b", "--no-browser"];
    let run = program.run(&two);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{run:?}");
    assert_eq!(
        summary(&run, 3),
        ["b: signed in", "a: signed in", "All 2 sessions are signed in."],
        "{run:?}"
    );
    let place = |text: &str| run.stderr.find(text).unwrap_or_else(|| panic!("{text}: {run:?}"));
    assert!(place("Session b (1 of 2):\n") < place("d-2234567890"), "{run:?}");
    assert!(place("d-2234567890") < place("Session a (2 of 2):\n"), "{run:?}");
    // All of the file; what is good is not signed in to again.
    let run = program.run(&["login", "--all", "--if-needed", "--no-browser"]);
    let expected =
        ["a: already signed in", "b: already signed in", "c: signed in", "All 3 sessions are signed in."];
    assert_eq!((run.code, summary(&run, 4)), (Some(0), expected.to_vec()), "{run:?}");
    for name in ["a", "b", "c"] {
        program.run(&["token", "--sso-session", name]).ok();
    }
}

#[test]
fn a_session_that_fails_does_not_stop_the_rest_and_the_first_failure_is_the_exit_code() {
    // The second sign-in finds no endpoint, and the third is not in the file.
    let server = server(Some("not-found@authorize:2"));
    let program = program(&server);
    let sessions: Vec<&str> =
        ["a", "b", "nope", "c"].iter().flat_map(|name| ["--sso-session", name]).collect();
    let run = program.run(&[&["login", "--no-browser"], &sessions[..]].concat());
    assert_eq!((run.code, run.stdout.as_str()), (Some(255), ""), "{run:?}");
    let expected = [
        "a: signed in",
        "b: failed, with exit code 255",
        "nope: failed, with exit code 253",
        "c: signed in",
        "sso-oidc: [ERROR]: 2 of 4 sessions are signed in",
    ];
    assert_eq!(summary(&run, 5), expected, "{run:?}");
    assert!(run.stderr.contains("404") && run.stderr.contains("nope"), "{run:?}");
    program.run(&["token", "--sso-session", "c"]).ok();
}

#[test]
fn each_event_names_its_session() {
    let server = server(None);
    let program = program(&server);
    let all = ["login", "--all", "--no-browser", "--output", "ndjson", "--show-token"];
    let run = program.run(&all);
    assert_eq!(run.code, Some(0), "{run:?}");
    let events: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let tokens: Vec<(&Value, bool)> = events
        .iter()
        .filter(|event| event["event"] == "token")
        .map(|event| (&event["sessionName"], event["accessToken"].is_string()))
        .collect();
    assert_eq!(tokens, [(&"a".into(), true), (&"b".into(), true), (&"c".into(), true)], "{run:?}");
    assert!(events.iter().all(|event| event["sessionName"].is_string()), "{run:?}");
    let run = program.run(&["login", "--sso-session", "a", "--sso-session", "nope", "--output", "ndjson"]);
    let last: Value = serde_json::from_str(run.stdout.lines().last().unwrap()).unwrap();
    let named = (&last["event"], &last["sessionName"], &last["exitCode"]);
    assert_eq!(named, (&"error".into(), &"nope".into(), &253.into()), "{run:?}");
}

#[test]
fn flags_of_one_sign_in_do_not_go_with_several() {
    let program = Program::new().config(CONFIG);
    let url = "https://d-1234567890.awsapps.com/start";
    program.run(&["login", "--all", "--start-url", url]).fails(252);
    program.run(&["login", "--all", "--sso-session", "a"]).fails(252);
    program.run(&["login", "--all", "--issuer", "https://id.example"]).fails(252);
    let said = program.run(&["login", "--all", "--show-token"]).fails(252);
    assert!(said.contains("--show-token goes with one session, or with --output ndjson"), "{said}");
    let said = Program::new().run(&["login", "--all"]).fails(253);
    assert!(
        said.contains("The config file has no [sso-session]") && said.contains("configure session"),
        "{said}"
    );
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_all_sign_ins_and_decides_the_exit_code() {
    use std::io::{BufRead as _, BufReader, Read as _};

    use sso_oidc_server::{Approval, Config};

    let config = Config::default().with_approval(Approval::Manual);
    let server = TestServer::with(config).unwrap();
    // The first session fails by itself.
    let config = format!("[sso-session 0]\nsso_start_url = nonsense\nsso_region = eu-west-1\n{CONFIG}");
    let program = program(&server).config(&config);
    let mut child =
        program.command(&["login", "--all", "--no-browser", "--output", "ndjson"]).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("\"prompt\"") {
        line.clear();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "no prompt");
    }
    assert!(line.contains("\"a\""), "{line}");
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    out.read_to_string(&mut line).unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    let lines = "0: failed, with exit code 253\na: failed, with exit code 130\nb: not tried\nc: not tried\n";
    assert!(stderr.contains(lines), "{stderr}");
}

#[test]
fn the_region_of_one_session_is_not_taken_for_all() {
    let server = server(None);
    let said = program(&server).run(&["login", "--all", "--region", "ap-south-1", "--no-browser"]).fails(252);
    assert!(said.contains("--region goes with one session"), "{said}");
    assert!(server.requests().is_empty());
}

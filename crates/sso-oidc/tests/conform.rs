//! `conform`: the check of a server, with a real one over the network.

mod common;

#[cfg(target_os = "linux")]
use std::fs::File;
#[cfg(target_os = "linux")]
use std::io::{BufRead as _, BufReader};
use std::path::Path;
#[cfg(target_os = "linux")]
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use common::{Program, Stub, response};
use serde_json::Value;
use sso_oidc_server::{Client, Config, Secret, SlowDown, TestServer};

/// A server without waits for early polls, whose checks take longest.
fn server() -> TestServer {
    let config = Config::default()
        .with_slow_down(SlowDown::Off)
        .with_client(Client::public("tool"))
        .with_client(Client::new("service", Secret::from("hunter2 hunter2")));
    TestServer::with(config).unwrap()
}

/// Returns the command line of a check of this issuer, with more flags.
fn conform<'a>(issuer: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["conform", "--issuer", issuer], more].concat()
}

/// A person who decides what a command has put down: `WORD CODE` in a file of the directory.
fn decide(server: &TestServer, directory: &Path, until: impl Fn() -> bool) {
    let (asked, done) = (directory.join("asked"), directory.join("done"));
    let started = Instant::now();
    while !until() && started.elapsed() < Duration::from_secs(120) {
        let text = std::fs::read_to_string(&asked).unwrap_or_default();
        if let Some((word, code)) =
            text.trim_end_matches('\n').split_once(' ').filter(|_| text.ends_with('\n'))
        {
            match word {
                "approve" => server.approve(code).unwrap(),
                _ => server.deny(code).unwrap(),
            }
            std::fs::remove_file(&asked).unwrap();
            std::fs::write(&done, "").unwrap();
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// The command in place of a person. It returns when the decision is made.
const DECIDE: &str = "echo \"$1 $2\" > \"$3/asked.new\" && mv \"$3/asked.new\" \"$3/asked\"\n\
                      while [ ! -e \"$3/done\" ]; do sleep 0.05; done\nrm \"$3/done\"\necho decided\n";

#[test]
fn a_server_is_checked_with_its_decisions_made_by_commands() {
    // The commands need a shell.
    if !cfg!(unix) {
        return;
    }
    let server = server();
    let program = Program::new().var("PATH", &std::env::var("PATH").unwrap());
    let (script, directory) = (program.file("decide.sh", DECIDE), program.home.path().to_owned());
    let command = |word| format!("sh '{script}' {word} {{code}} '{}'", directory.display());
    let (approve, deny) = (command("approve"), command("deny"));
    let junit = directory.join("report.xml");
    let more = ["--scope", "openid", "--approve-with", &approve, "--deny-with", &deny];
    let more = [&more[..], &["--junit", junit.to_str().unwrap(), "--output", "json"]].concat();
    let run = thread::scope(|scope| {
        let run = scope.spawn(|| program.run(&conform(server.endpoint(), &more)));
        decide(&server, &directory, || run.is_finished());
        run.join().unwrap()
    });
    assert!(run.stderr.contains("with at most 112 requests.\n"), "{run:?}");
    assert!(run.stderr.contains("decided\n"), "the command speaks on standard error: {run:?}");
    let report = run.json();
    let outcomes = |word: &str| {
        let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["outcome"] == word);
        checks.map(|check| check["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // The rule that this server was told to break.
    assert_eq!(outcomes("warn"), ["8628-3.5-slow-down"], "{report}");
    assert_eq!(outcomes("fail"), [""; 0], "{report}");
    let left_out = ["8628-3.5-slower", "8628-3.5-expired", "8628-5.1-guesses", "6749-2.3-two-methods"];
    let left_out = [&left_out[..], &["6749-3.2.1-no-secret", "6749-5.2-wrong-secret"]].concat();
    let mut not_made = outcomes("not made");
    not_made.sort();
    let mut expected: Vec<_> = left_out.iter().map(|id| (*id).to_owned()).collect();
    expected.sort();
    assert_eq!(not_made, expected, "{report}");
    assert_eq!(report["requests"], server.requests().len());
    assert_eq!((&report["tokensRevoked"], &report["tokensLeft"]), (&3.into(), &0.into()), "{report}");
    let xml = std::fs::read_to_string(junit).unwrap();
    assert!(xml.contains(r#"tests="78" failures="0" skipped="6""#), "{xml}");
    assert!(xml.contains("<system-out>warning: 3 polls at once got none, the last one"), "{xml}");
    assert!(xml.contains("&lt; 400 content-type: application/json"), "{xml}");
}

#[test]
fn a_broken_must_is_exit_code_1_and_its_evidence_is_in_every_report() {
    let stub = Stub::naming_itself(|endpoint| {
        let metadata = format!(
            r#"{{"issuer":"https://else.example","token_endpoint":"{endpoint}/t","device_authorization_endpoint":"{endpoint}/d"}}"#
        );
        let json = [("content-type", "application/json")];
        let refusal = "{\"error\":\"invalid_client\",\"error_description\":\"\\u001b[2J<é>\"}";
        vec![response(200, &json, &metadata), response(401, &json, refusal)]
    });
    let program = Program::new();
    let junit = program.file("report.xml", "");
    let more = ["--client-id", "tool", "--no-input", "--max-requests", "12", "--junit", &junit];
    let run = program.run(&conform(&stub.endpoint, &more));
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stdout.contains("\n  fail      issuer: The issuer in the metadata"), "{run:?}");
    assert!(run.stdout.contains("\n            > POST ") && run.stdout.contains("[2J<é>"), "{run:?}");
    assert!(!run.stdout.contains('\u{1b}'), "{run:?}");
    assert!(run.stdout.contains("\nEnded early the limit of requests is reached\n"), "{run:?}");
    let xml = std::fs::read_to_string(junit).unwrap();
    assert!(xml.contains("<failure message=") && xml.contains("[2J&lt;é&gt;"), "{xml}");
}

#[test]
fn a_run_that_finds_nothing_to_check_is_no_success() {
    let stub = Stub::always(response(404, &[("content-type", "text/html")], "<p>no</p>"));
    let run = Program::new().run(&conform(&stub.endpoint, &["--client-id", "tool"]));
    assert_eq!(run.code, Some(255), "{run:?}");
    assert!(run.stderr.contains("the run ended early: there is no metadata"), "{run:?}");
    assert!(run.stdout.contains("78 checks: 0 passed, 0 failed, 0 with a warning, 78 not made."), "{run:?}");
}

#[test]
fn what_is_wrong_with_the_command_line_is_found_before_anything_is_sent() {
    let server = server();
    for (more, code) in [
        (&["--approve-with", "'sh"][..], 252),
        (&["--approve-with", ""], 252),
        (&["--output", "json", "--query", "abs(issuer)"], 252),
        (&["--client-id", "service", "--client-secret-file", "/no/such/file"], 255),
        (&["--junit", "/no/such/directory/x.xml"], 255),
    ] {
        Program::new().run(&conform(server.endpoint(), more)).fails(code);
    }
    Program::new().run(&conform("http://id.example", &[])).fails(252);
    let said = Program::new().run(&["conform"]).fails(252);
    assert!(said.contains("--issuer") && said.contains("--token-endpoint"), "{said}");
    Program::new().run(&["conform", "--token-endpoint", server.endpoint()]).fails(252);
    Program::new().run(&["conform", "--device-authorization-endpoint", server.endpoint()]).fails(252);
    Program::new().run(&conform(server.endpoint(), &["--device-authorization-endpoint", "/d"])).fails(252);
    Program::new().run(&conform(server.endpoint(), &["--token-endpoint", server.endpoint()])).fails(252);
    Program::new().run(&conform(server.endpoint(), &["--max-time", "soon"])).fails(252);
    assert_eq!(server.requests().len(), 0);
}

/// `setsid` starts a program without a terminal, where a command has a group of its own.
#[cfg(target_os = "linux")]
#[test]
fn a_check_that_is_told_to_end_ends_its_command_and_the_children_of_that() {
    use std::process::{Command, Stdio};

    let server = server();
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let approve = format!("sh -c '(echo started; exec sleep 60) >\"$0\" & wait' '{}'", pipe.display());
    let mut command = Command::new("setsid");
    command
        .arg(env!("CARGO_BIN_EXE_sso-oidc"))
        .args(conform(server.endpoint(), &["--approve-with", &approve]));
    command.env("HOME", folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut check = command.spawn().unwrap();
    // The pipe ends as soon as no process holds it. Only the child of the command does.
    let mut held = BufReader::new(File::open(&pipe).unwrap());
    let mut line = String::new();
    held.read_line(&mut line).unwrap();
    assert_eq!(line, "started\n");
    let (ended, end) = mpsc::channel();
    thread::spawn(move || ended.send(held.read_line(&mut line)));
    let id = check.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(
        end.recv_timeout(Duration::from_secs(20)).expect("the child of the command lives").unwrap(),
        0
    );
    assert_eq!(check.wait().unwrap().code(), Some(130));
}

#[test]
fn a_server_without_metadata_is_named_by_its_endpoints() {
    let server = server();
    let [device, token] =
        ["device_authorization", "token"].map(|path| format!("{}/oauth/{path}", server.endpoint()));
    let flags = ["conform", "--device-authorization-endpoint", &device, "--token-endpoint", &token];
    let more = ["--client-id", "tool", "--max-requests", "2", "--query", "checks[?outcome=='fail'].id"];
    let run = Program::new().run(&[&flags[..], &more].concat());
    assert_eq!((run.code, run.stdout.as_str()), (Some(255), "[]\n"), "{run:?}");
    let paths: Vec<String> = server.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/oauth/device_authorization"; 2]);
}

#[test]
fn a_secret_from_a_file_is_used_and_told_to_no_one() {
    let server = server();
    let program = Program::new();
    let file = program.file("secret", "hunter2 hunter2\n");
    for auth in ["basic", "post"] {
        let client = ["--client-id", "service", "--client-secret-file", &file, "--client-auth", auth];
        let more =
            [&client[..], &["--max-requests", "3", "--output", "json", "--debug", "--no-input"]].concat();
        let run = program.run(&conform(server.endpoint(), &more));
        let report: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run:?}"));
        let status =
            report["checks"].as_array().unwrap().iter().find(|check| check["id"] == "8628-3.2-status");
        assert_eq!(status.unwrap()["outcome"], "pass", "{report}");
        assert!(run.stderr.contains("DEBUG") && !run.stderr.contains("hunter2"), "{run:?}");
        assert!(!run.stdout.contains("hunter2"), "{run:?}");
    }
}

#[test]
fn a_metadata_without_the_endpoint_of_codes_is_completed_by_a_flag() {
    let stub = Stub::naming_itself(|endpoint| {
        let metadata = format!(r#"{{"issuer":"{endpoint}","token_endpoint":"{endpoint}/t"}}"#);
        let json = [("content-type", "application/json")];
        vec![response(200, &json, &metadata), response(200, &json, r#"{"device_code":"a"}"#)]
    });
    let device = format!("{}/o/device-authorization/", stub.endpoint);
    let more = ["--device-authorization-endpoint", &device, "--client-id", "tool", "--max-requests", "2"];
    let run = Program::new().run(&conform(&stub.endpoint, &[&more[..], &["--output", "json"]].concat()));
    let report: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run:?}"));
    let outcome = |id: &str| {
        let checks = report["checks"].as_array().unwrap().iter();
        checks.filter(|check| check["id"] == id).map(|check| check["outcome"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        (outcome("8628-4-endpoint"), outcome("8628-3.2-status")),
        (vec!["warn".into()], vec!["pass".into()])
    );
    assert_eq!(stub.bodies().len(), 2);
}

/// Checks the server at these endpoints, without a person. Returns what the report says of the first request.
fn first_outcome(endpoint: &str, more: &[&str]) -> (Option<i32>, String) {
    let flags =
        ["--device-authorization-endpoint", endpoint, "--token-endpoint", endpoint, "--client-id", "tool"];
    let run =
        Program::new().run(&[&["conform"], &flags[..], more, &["--no-input", "--output", "json"]].concat());
    let code = run.code;
    let report: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run:?}"));
    let checks = report["checks"].as_array().unwrap();
    let status = checks.iter().find(|check| check["id"] == "8628-3.2-status").unwrap();
    (code, status["reason"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_response_that_breaks_off_or_never_ends_is_no_response_and_the_run_is_no_success() {
    let json = [("content-type", "application/json")];
    let broken =
        response(200, &json, r#"{"device_code":"a"}"#).replace("content-length: ", "content-length: 9");
    let endless = response(200, &json, &"x".repeat(300 * 1024));
    for (answer, why) in
        [(broken, "the response broke off"), (endless, "262144 bytes or more, which is too long")]
    {
        let stub = Stub::always(answer);
        let (code, reason) = first_outcome(&stub.endpoint, &[]);
        assert_eq!(code, Some(255), "{reason}");
        assert!(reason.contains(why), "{reason}");
    }
}

#[test]
fn a_server_that_is_not_there_is_no_success() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (code, reason) = first_outcome(&endpoint, &[]);
    assert_eq!(code, Some(255), "{reason}");
    assert!(reason.contains("got no response"), "{reason}");
}

#[test]
fn the_limit_of_time_ends_a_run_against_a_slow_server() {
    let json = [("content-type", "application/json")];
    let answer = response(200, &json, r#"{"device_code":"a","user_code":"b","interval":200}"#);
    let stub = Stub::meanwhile(answer, || thread::sleep(Duration::from_millis(300)));
    let began = Instant::now();
    let (code, _) = first_outcome(&stub.endpoint, &["--max-time", "1s"]);
    assert!(code.is_some_and(|code| code != 0) && began.elapsed() < Duration::from_secs(20), "{code:?}");
    assert!(stub.bodies().len() < 8, "{}", stub.bodies().len());
}

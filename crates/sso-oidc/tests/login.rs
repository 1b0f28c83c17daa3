//! `login`: its requests, the stored token, and the message of each outcome.

mod common;

use common::{LOGIN, Program, START_URL, Stub, fault, success, token_file, with};
use sso_oidc_server::{Approval, Config, TestServer};

fn server(approval: Approval) -> TestServer {
    TestServer::with(Config::default().with_approval(approval)).unwrap()
}

fn program(endpoint: &str) -> Program {
    Program::new().var("AWS_ENDPOINT_URL_SSO_OIDC", endpoint)
}

fn registration() -> String {
    success(
        r#"{"clientId":"stub-id","clientSecret":"stub-client-secret","clientSecretExpiresAt":4000000000}"#,
    )
}

fn codes() -> String {
    success(
        r#"{"deviceCode":"stub-device-code","userCode":"WDJB-MJHT","verificationUri":"https://device.example/","verificationUriComplete":"https://device.example/?user_code=WDJB-MJHT","expiresIn":600,"interval":1}"#,
    )
}

#[test]
fn a_token_is_stored_where_aws_tools_look_and_not_printed() {
    let server = server(Approval::Auto);
    let program = program(server.endpoint());
    let run = program.run(&LOGIN);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{run:?}");
    assert!(run.stderr.contains("/device?user_code="), "{run:?}");
    let file = token_file(&program);
    let stored: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(
        (stored["startUrl"].as_str(), stored["region"].as_str()),
        (Some(START_URL), Some("eu-west-1"))
    );
    let token = stored["accessToken"].as_str().unwrap();
    assert!(!run.stderr.contains(token));
    assert!(
        run.stderr
            .contains("Signed in to https://d-1234567890.awsapps.com/start; the token is valid for 8 h")
    );
    assert!(run.stderr.contains(&file.display().to_string()), "{run:?}");
}

#[test]
fn the_token_is_printed_on_request_as_output_and_query_say() {
    let server = server(Approval::Auto);
    let json = program(server.endpoint()).run(&with(&["--show-token", "--no-cache"])).json();
    assert_eq!((json["tokenType"].as_str(), json["expiresIn"].as_u64()), (Some("Bearer"), Some(28_800)));
    let program = program(server.endpoint());
    let text = program.run(&with(&["--show-token", "--query", "accessToken", "--output", "text"])).ok();
    let stored: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(token_file(&program)).unwrap()).unwrap();
    assert_eq!(text.trim_end(), stored["accessToken"].as_str().unwrap());
}

#[test]
fn a_query_that_cannot_be_applied_is_found_before_anything_is_sent() {
    let server = server(Approval::Auto);
    for query in ["abs(accessToken)", "length(refreshToken)"] {
        program(server.endpoint()).run(&with(&["--show-token", "--query", query])).fails(252);
    }
    assert!(server.requests().is_empty());
}

#[test]
fn if_needed_does_nothing_while_the_token_is_good_and_the_registration_is_used_again() {
    let server =
        TestServer::with(Config::default().with_approval(Approval::Auto).with_remembered_requests(100))
            .unwrap();
    let program = program(server.endpoint());
    program.run(&LOGIN).ok();
    let before = server.requests().len();
    let run = program.run(&with(&["--if-needed"]));
    assert!(run.stderr.starts_with("Already signed in"), "{run:?}");
    assert_eq!(server.requests().len(), before);
    // Without `--if-needed` it signs in again, with the first registration.
    program.run(&LOGIN).ok();
    let registered = server
        .requests()
        .iter()
        .filter(|request| request.operation == Some(oidc_proto::Operation::RegisterClient))
        .count();
    assert_eq!(registered, 1);
}

#[test]
fn a_denied_sign_in_ends_with_254_and_says_what_to_do() {
    let server = server(Approval::Deny);
    let stderr = program(server.endpoint()).run(&LOGIN).fails(254);
    assert!(stderr.contains("[ERROR]: The sign-in was denied on the approval page"), "{stderr}");
    assert!(
        stderr.contains("Hint: if that was a mistake, run the same command again and approve"),
        "{stderr}"
    );
}

#[test]
fn an_expired_code_ends_with_255_and_says_what_to_do() {
    let server = server(Approval::Expire);
    let stderr = program(server.endpoint()).run(&LOGIN).fails(255);
    assert!(stderr.contains("[ERROR]: The code has expired"), "{stderr}");
    assert!(stderr.contains("Hint: run the same command again for a new code"), "{stderr}");
}

#[test]
fn a_lost_grant_says_that_the_token_may_be_lost_and_does_not_speak_of_denial() {
    let stub = Stub::new(&[
        registration(),
        codes(),
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{\"accessToken\":\"stub".to_owned(),
        fault(400, "InvalidGrantException", "invalid_grant", "Invalid grant provided"),
    ]);
    let stderr = program(&stub.endpoint).run(&LOGIN).fails(255);
    assert!(stderr.contains("[ERROR]: The response to CreateToken was lost"), "{stderr}");
    assert!(stderr.contains("If you approved, the token was lost with that response"), "{stderr}");
    assert!(!stderr.contains("denied"), "{stderr}");
}

#[test]
fn a_success_without_a_token_names_the_member() {
    let stub = Stub::new(&[registration(), codes(), success(r#"{"expiresIn":28800}"#)]);
    let stderr = program(&stub.endpoint).run(&LOGIN).fails(255);
    assert!(stderr.contains("the response to CreateToken is invalid: `accessToken` is missing"), "{stderr}");
}

#[test]
fn a_captive_portal_is_retried_and_then_named() {
    let page = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 15\r\n\r\n<html>hi</html>";
    let stub = Stub::always(page.to_owned());
    let stderr = program(&stub.endpoint).run(&LOGIN).fails(255);
    assert!(stderr.contains("HTTP 200 with an HTML page instead of JSON"), "{stderr}");
    assert!(stderr.contains("trying again"), "{stderr}");
    assert!(stub.bodies().len() >= 4, "{} requests", stub.bodies().len());
}

#[test]
fn what_the_server_says_is_shown_without_escape_sequences() {
    let hostile = r#"{"deviceCode":"d","userCode":"WD\u001b[2JJB","verificationUri":"https://device.example/\u009b31m","expiresIn":600,"interval":1}"#;
    let denied = fault(400, "AccessDeniedException", "access_denied", "no\u{1b}]0;owned\u{7} way");
    let stub = Stub::new(&[registration(), success(hostile), denied]);
    let stderr = program(&stub.endpoint).run(&LOGIN).fails(254);
    assert!(stderr.chars().all(|c| c == '\n' || !c.is_control()), "{stderr:?}");
    assert!(stderr.contains("WD[2JJB") && stderr.contains("no]0;owned way"), "{stderr}");
}

#[test]
fn missing_settings_end_with_253_and_their_names() {
    let stderr = Program::new().run(&["login", "--region", "eu-west-1"]).fails(253);
    assert!(stderr.contains("You must specify a start URL") && stderr.contains("--start-url"), "{stderr}");
    assert!(stderr.contains("`sso-oidc configure session NAME"), "{stderr}");
    let stderr = Program::new().run(&["login", "--start-url", START_URL]).fails(253);
    assert!(stderr.contains("You must specify a region") && stderr.contains("AWS_REGION"), "{stderr}");
    let stderr =
        Program::new().run(&["login", "--start-url", "d-1.awsapps.com", "--region", "eu-west-1"]).fails(253);
    assert!(stderr.contains("the start URL `d-1.awsapps.com` is not"), "{stderr}");
    let stderr = Program::new().run(&with(&["--endpoint-url", "http://oidc.example"])).fails(253);
    assert!(
        stderr.contains("plain http to `oidc.example`") && stderr.contains("--allow-insecure-http"),
        "{stderr}"
    );
    let stderr = Program::new().run(&["login", "--sso-session", "nowhere"]).fails(253);
    assert!(stderr.contains("nowhere"), "{stderr}");
}

#[test]
fn a_session_of_the_config_file_gives_start_url_region_and_scopes() {
    let server = server(Approval::Auto);
    let program = program(server.endpoint()).config(
        "[profile work]\nsso_session = corp\n[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://d-1.awsapps.com/start\n",
    );
    program.run(&["login", "--no-browser", "--profile", "work"]).ok();
    // AWS's tools name the file after the SHA-1 of the session's name. With scopes there is a refresh token.
    let stored = std::fs::read_to_string(token_file(&program)).unwrap();
    assert!(stored.contains("refreshToken") && stored.contains("https://d-1.awsapps.com/start"), "{stored}");
    program.run(&["login", "--no-browser", "--sso-session", "corp"]).ok();
    token_file(&program); // still one file: the identity is the session, however it was named
}

#[test]
fn debug_logs_the_sign_in_and_no_secret() {
    let server = server(Approval::Auto);
    let program = program(server.endpoint());
    let run = program.run(&with(&["--debug"]));
    assert!(run.stderr.contains("CreateToken"), "{run:?}");
    let stored: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(token_file(&program)).unwrap()).unwrap();
    for member in ["accessToken", "clientSecret"] {
        assert!(!run.stderr.contains(stored[member].as_str().unwrap()), "{member} in {}", run.stderr);
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_cancels_with_130_and_stores_no_token() {
    use std::io::{BufRead as _, BufReader};
    use std::process::Command;

    let server = server(Approval::Manual);
    let program = program(server.endpoint());
    let mut child = program.command(&LOGIN).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let waiting =
        lines.by_ref().map(Result::unwrap).find(|line| line.starts_with("Waiting for your approval"));
    assert!(waiting.is_some());
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("cancelled; no token was stored")), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("what the browser shows is void now")), "{rest:?}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_before_a_code_was_shown_says_nothing_of_a_page() {
    use std::process::Command;
    use std::time::{Duration, Instant};

    use sso_oidc_server::{FaultRule, InjectedFault};

    let rule = FaultRule::new(InjectedFault::NeverAnswers).at(oidc_proto::Operation::RegisterClient);
    let server = TestServer::with(Config::default().with_fault(rule)).unwrap();
    let program = program(server.endpoint());
    let child = program.command(&LOGIN).spawn().unwrap();
    let began = Instant::now();
    while server.requests().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(20), "nothing was asked");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(130), "{said}");
    assert!(said.contains("cancelled; no token was stored") && !said.contains("page"), "{said}");
}

//! `login`: what is asked for, what is stored, and how each end is told.

mod common;

use std::path::PathBuf;

use common::{Program, Stub, fault, success};
use sso_oidc_server::{Approval, Config, Fault, Strike, TestServer};

const START_URL: &str = "https://d-1234567890.awsapps.com/start";

const LOGIN: [&str; 6] = ["login", "--start-url", START_URL, "--region", "eu-west-1", "--no-browser"];

fn server(approval: Approval) -> TestServer {
    TestServer::with(Config::default().with_approval(approval)).unwrap()
}

fn program(endpoint: &str) -> Program {
    Program::new().var("AWS_ENDPOINT_URL_SSO_OIDC", endpoint)
}

fn with(extra: &[&'static str]) -> Vec<&'static str> {
    LOGIN.iter().chain(extra).copied().collect()
}

/// The one token file in the cache: the one that is not the registration's.
fn token_file(program: &Program) -> PathBuf {
    let directory = program.home.path().join(".aws/sso/cache");
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .filter(|path| std::fs::read_to_string(path).unwrap().contains("accessToken"))
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
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
        run.stderr.contains(
            "Signed in to https://d-1234567890.awsapps.com/start; the token is good for 7 h 59 min"
        )
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
    // Without it a sign-in is a sign-in, with the registration of the first one.
    program.run(&LOGIN).ok();
    let registered = server
        .requests()
        .iter()
        .filter(|request| request.operation == Some(oidc_proto::Operation::RegisterClient))
        .count();
    assert_eq!(registered, 1);
}

#[test]
fn a_test_server_does_not_replace_the_real_services_token_unasked() {
    let server = server(Approval::Auto);
    let program = program(server.endpoint());
    program.run(&LOGIN).ok();
    // As AWS's tools would have written it, after a sign-in to AWS.
    let file = token_file(&program);
    let mut real: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(real.as_object_mut().unwrap().remove("endpointUrl").unwrap(), server.endpoint());
    std::fs::write(&file, real.to_string()).unwrap();
    let sent = server.requests().len();
    for more in [&[][..], &["--if-needed"]] {
        let stderr = program.run(&with(more)).fails(253);
        assert!(stderr.contains("does not say where it came from") && stderr.contains("--force"), "{stderr}");
    }
    assert_eq!(server.requests().len(), sent);
    program.run(&with(&["--no-cache", "--show-token"])).ok();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), real.to_string());

    // One that is of no use any more is in nobody's way.
    real["expiresAt"] = "2020-01-01T00:00:00Z".into();
    std::fs::write(&file, real.to_string()).unwrap();
    program.run(&LOGIN).ok();
    real["expiresAt"] = "2999-01-01T00:00:00Z".into();
    std::fs::write(&file, real.to_string()).unwrap();
    program.run(&with(&["--force"])).ok();
    assert!(std::fs::read_to_string(&file).unwrap().contains(server.endpoint()));
}

#[test]
fn an_endpoint_is_the_same_however_it_is_spelled_and_the_regions_own_is_not_custom_when_it_is_named() {
    let server = server(Approval::Auto);
    let program = program(server.endpoint());
    program.run(&LOGIN).ok();
    let file = token_file(&program);
    let mut token: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let sent = server.requests().len();
    for (written, named, is_same) in [
        (None, "https://oidc.eu-west-1.amazonaws.com", true),
        (None, "https://OIDC.eu-west-1.amazonaws.com:443/", true),
        (None, "https://oidc-fips.eu-west-1.amazonaws.com", true),
        (None, "https://oidc.eu-west-1.api.aws", true),
        (None, "https://oidc.eu-west-2.amazonaws.com", false),
        (None, "https://oidc.eu-west-1.amazonaws.com/aws", false),
        (Some("https://proxy.example"), "https://PROXY.example:443/", true),
        (Some("https://proxy.example"), "https://proxy.example:8443", false),
    ] {
        token.as_object_mut().unwrap().remove("endpointUrl");
        if let Some(url) = written {
            token["endpointUrl"] = url.into();
        }
        std::fs::write(&file, token.to_string()).unwrap();
        // None of these sends anything: the token is good, or not to be replaced.
        let run = program.run(&[&LOGIN[..], &["--if-needed", "--endpoint-url", named]].concat());
        let (code, said) = if is_same { (0, "Already signed in") } else { (253, "--force") };
        assert!(run.code == Some(code) && run.stderr.contains(said), "{named}: {run:?}");
    }
    assert_eq!(server.requests().len(), sent);
}

#[test]
fn a_registration_is_shown_to_the_endpoint_alone_that_made_it() {
    let (one, other) = (server(Approval::Auto), server(Approval::Auto));
    let home = Program::new();
    for endpoint in [one.endpoint(), other.endpoint(), one.endpoint()] {
        home.run(&[&LOGIN[..], &["--endpoint-url", endpoint]].concat()).ok();
    }
    for (server, sign_ins) in [(one, 2), (other, 1)] {
        let requests = server.requests();
        let asked =
            |operation| requests.iter().filter(|request| request.operation == Some(operation)).count();
        assert_eq!(asked(oidc_proto::Operation::RegisterClient), 1);
        assert_eq!(asked(oidc_proto::Operation::StartDeviceAuthorization), sign_ins);
        assert_eq!(requests.iter().filter_map(|request| request.fault.as_deref()).next(), None);
    }
}

/// A sign-in that waits for another one, and what comes of it when that other one has done this.
fn after_waiting(program: &Program, meanwhile: impl FnOnce(&PathBuf)) -> String {
    use std::io::{BufRead as _, Read as _};
    let file = token_file(program);
    let cache = sso_cache::Cache::at(file.parent().unwrap());
    let identity = sso_cache::Identity::StartUrl(START_URL.to_owned());
    let other = cache.lock(&identity, std::time::Duration::ZERO).unwrap();
    let mut child = program.command(&LOGIN).spawn().unwrap();
    let mut stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    stderr.read_line(&mut said).unwrap();
    assert!(said.contains("Another sign-in to") && said.contains("waiting for it"), "{said}");
    meanwhile(&file);
    drop(other);
    stderr.read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success(), "{said}");
    said
}

#[test]
fn a_sign_in_that_has_waited_takes_a_token_that_is_new_and_no_old_one() {
    let server = server(Approval::Auto);
    let program = program(server.endpoint());
    program.run(&LOGIN).ok();
    let said = after_waiting(&program, |_| {});
    assert!(said.contains("Signed in to") && !said.contains("Already"), "the other one gave up: {said}");
    let said = after_waiting(&program, |file| {
        let mut stored: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        stored["accessToken"] = "another".into();
        std::fs::write(file, stored.to_string()).unwrap();
    });
    assert!(said.contains("Already signed in"), "{said}");
}

#[test]
fn a_token_with_fewer_scopes_than_are_asked_for_is_not_enough() {
    let server = server(Approval::Auto);
    let program = program(server.endpoint());
    let sign_in = |scopes: &[&'static str]| {
        let stderr = program.run(&with(&[&["--if-needed"], scopes].concat()));
        assert_eq!(stderr.code, Some(0), "{stderr:?}");
        stderr.stderr.contains("Already signed in")
    };
    assert!(!sign_in(&[]));
    assert!(!sign_in(&["--scopes", "sso:account:access"]), "the first has none");
    assert!(sign_in(&["--scopes", "sso:account:access"]));
    assert!(sign_in(&[]), "more than was asked for is enough");
    assert!(!sign_in(&["--scopes", "sso:account:access,codewhisperer:completions"]));
    assert!(sign_in(&["--scopes", "codewhisperer:completions"]));
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
    assert!(stderr.contains("[ERROR]: The answer to a poll was lost on the way"), "{stderr}");
    assert!(stderr.contains("If you approved, the token was lost with that answer"), "{stderr}");
    assert!(!stderr.contains("denied"), "{stderr}");
}

#[test]
fn a_success_without_a_token_names_the_member() {
    let stub = Stub::new(&[registration(), codes(), success(r#"{"expiresIn":28800}"#)]);
    let stderr = program(&stub.endpoint).run(&LOGIN).fails(255);
    assert!(
        stderr.contains("answered CreateToken with success, but its member `accessToken` is missing"),
        "{stderr}"
    );
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
    // sha1 of the session's name, as AWS's tools file it; with scopes there is a refresh token.
    let stored = std::fs::read_to_string(token_file(&program)).unwrap();
    assert!(stored.contains("refreshToken") && stored.contains("https://d-1.awsapps.com/start"), "{stored}");
    program.run(&["login", "--no-browser", "--sso-session", "corp"]).ok();
    token_file(&program); // still one file: the identity is the session, however it was named
}

#[test]
fn a_corrupt_cache_file_is_moved_aside_and_keeps_nobody_from_signing_in() {
    let server = server(Approval::Auto);
    let program = program(server.endpoint());
    program.run(&LOGIN).ok();
    let file = token_file(&program);
    std::fs::write(&file, "{\"accessToken\":").unwrap();
    let run = program.run(&with(&["--if-needed"]));
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stderr.contains("[WARNING]") && run.stderr.contains(&file.display().to_string()), "{run:?}");
    token_file(&program);
}

#[test]
fn programs_that_start_together_sign_in_once() {
    let server = TestServer::with(
        Config::default().with_approval(Approval::AfterPolls(1)).with_remembered_requests(1000),
    )
    .unwrap();
    let program = program(server.endpoint());
    let children: Vec<_> = (0..6).map(|_| program.command(&LOGIN).spawn().unwrap()).collect();
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    let started = server
        .requests()
        .iter()
        .filter(|request| request.operation == Some(oidc_proto::Operation::StartDeviceAuthorization))
        .count();
    assert_eq!(started, 1, "six programs, one page to approve");
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
    assert!(rest.iter().any(|line| line.contains("the code on the page is of no use any more")), "{rest:?}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_before_a_code_was_shown_says_nothing_of_a_page() {
    use std::process::Command;
    use std::time::{Duration, Instant};

    let strike = Strike::new(Fault::NeverAnswers).at(oidc_proto::Operation::RegisterClient);
    let server = TestServer::with(Config::default().with_fault(strike)).unwrap();
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

#[test]
fn a_token_that_cannot_be_stored_is_printed_all_the_same() {
    let server = server(Approval::Auto);
    let program = program(server.endpoint());
    // A directory stands where the token's file would be.
    program.run(&LOGIN).ok();
    let file = token_file(&program);
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    let run = program.run(&with(&["--show-token"]));
    assert_eq!(run.code, Some(255), "{run:?}");
    assert!(run.stderr.contains("Signed in, but the token could not be stored"), "{run:?}");
    assert!(run.stdout.contains("accessToken"), "{run:?}");
}

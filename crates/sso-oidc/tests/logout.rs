//! `logout --all` with files that it cannot use, and `logout` during a sign-in.

mod common;

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use common::session::{cache, identity, server, signed_in};
use common::{Program, START_URL, holder, with};
use sso_oidc_server::{Approval, Config, Rotation, TestServer};

/// A name of a token file that no portal of these tests has.
const OTHER: &str = "d033e22ae348aeb5660fc2140aec35850c4da997.json";

fn in_cache(program: &Program, name: &str) -> PathBuf {
    std::fs::create_dir_all(cache(program).dir()).unwrap();
    cache(program).dir().join(name)
}

#[test]
fn logout_of_all_names_a_corrupt_token_file_and_removes_it() {
    let program = Program::new();
    let (corrupt, theirs) = (in_cache(&program, OTHER), in_cache(&program, "kiro-auth-token.json"));
    std::fs::write(&corrupt, r#"{"accessToken":"secret"#).unwrap();
    std::fs::write(&theirs, "{").unwrap();
    let run = program.run(&["logout", "--all"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{run:?}");
    let (line, more) = run.stderr.split_once('\n').unwrap();
    assert_eq!(more, "", "one line: {run:?}");
    assert!(line.contains(&format!("the cache file {} is invalid: ", corrupt.display())), "{line}");
    assert!(line.ends_with("it is removed, and the portal may still hold its session"), "{line}");
    assert!(!run.stderr.contains("secret"), "{run:?}");
    assert!(!corrupt.exists() && theirs.exists(), "another tool's file stays");
    assert_eq!(program.run(&["logout", "--all"]).stderr, "There is no stored token.\n");
}

#[test]
fn a_file_that_cannot_be_read_does_not_keep_the_others_from_logout_of_all() {
    let server = server(Rotation::Strict);
    let program = signed_in(&server).var("AWS_ENDPOINT_URL_SSO", server.endpoint());
    let unreadable = in_cache(&program, OTHER);
    std::fs::create_dir(&unreadable).unwrap();
    let said = program.run(&["logout", "--all"]).fails(255);
    assert!(said.contains(&format!("[WARNING]: cannot read {}", unreadable.display())), "{said}");
    assert!(said.contains("Signed out of 1 portal.\n"), "{said}");
    assert!(said.ends_with("sso-oidc: [ERROR]: 1 file of the cache stays\n"), "{said}");
    assert!(unreadable.exists() && !cache(&program).token_path(&identity()).exists());
}

#[test]
fn a_token_file_that_is_being_written_is_waited_for_by_logout_of_all() {
    let server = server(Rotation::Strict);
    let program = signed_in(&server).var("AWS_ENDPOINT_URL_SSO", server.endpoint());
    let path = cache(&program).token_path(&identity());
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, "{").unwrap();
    let guard = cache(&program).lock(&identity(), Duration::ZERO).unwrap();
    let child = program.command(&["logout", "--all"]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    std::fs::write(&path, whole).unwrap();
    drop(guard);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!path.exists());
}

#[test]
fn a_sign_in_that_is_approved_after_a_logout_stands() {
    let server =
        TestServer::with(Config::default().with_approval(Approval::Manual).with_remembered_requests(100_000));
    let server = server.unwrap();
    let program = Program::new()
        .var("AWS_ENDPOINT_URL_SSO_OIDC", server.endpoint())
        .var("AWS_ENDPOINT_URL_SSO", server.endpoint());
    let mut login = program.command(&with(&["--output", "ndjson"])).spawn().unwrap();
    let code = BufReader::new(login.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(&line).ok())
        .find_map(|event| event["userCode"].as_str().map(str::to_owned))
        .expect("the prompt");
    let began = Instant::now();
    let of_portal = ["logout", "--start-url", START_URL, "--region", "eu-west-1"];
    for (line, done) in [
        (&of_portal[..], format!("There is no stored token for {START_URL}.")),
        (&["logout", "--all"], "There is no stored token.".to_owned()),
    ] {
        let run = program.run(line);
        assert_eq!(run.code, Some(0), "{run:?}");
        let said: Vec<&str> = run.stderr.lines().collect();
        let by = if cfg!(windows) { String::new() } else { format!(", by {}", holder(login.id())) };
        let by = format!("A sign-in that is in progress{by}");
        assert!(said.len() == 2 && said[0] == done && said[1].starts_with(&by), "{run:?}");
    }
    // Another portal's sign-in is none of its business.
    let other = ["logout", "--start-url", "https://d-2.awsapps.com/start", "--region", "eu-west-1"];
    assert!(!program.run(&other).stderr.contains("in progress"));
    assert!(began.elapsed() < Duration::from_secs(30), "it waits for no sign-in");
    server.approve(&code).unwrap();
    assert!(login.wait().unwrap().success());
    assert!(cache(&program).token(&identity()).unwrap().is_some());
}

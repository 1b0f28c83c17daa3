//! `token` and `refresh`: one session for many processes, without a person.

mod common;

use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::{LOGIN, Program, START_URL, Stub, edit, fault, response, stored, success, token_file, with};
use oidc_proto::Operation;
use sso_cache::{Cache, Identity};
use sso_oidc_server::{Approval, Config, Rotation, TestServer};

const TOKEN: [&str; 5] = ["token", "--start-url", START_URL, "--region", "eu-west-1"];
const REFRESH: [&str; 5] = ["refresh", "--start-url", START_URL, "--region", "eu-west-1"];

const SIGN_IN: &str = "Hint: sign in with `sso-oidc login --start-url https://d-1234567890.awsapps.com/start --region eu-west-1`";

fn server(rotation: Rotation) -> TestServer {
    let config = Config::default().with_approval(Approval::Auto).with_remembered_requests(100_000);
    TestServer::with(config.with_rotation(rotation)).unwrap()
}

/// Returns the number of requests for a token.
fn asked(server: &TestServer) -> usize {
    server.requests().iter().filter(|request| request.operation == Some(Operation::CreateToken)).count()
}

/// Returns a program that is signed in.
fn signed_in(server: &TestServer) -> Program {
    let program = Program::new().var("AWS_ENDPOINT_URL_SSO_OIDC", server.endpoint());
    program.run(&with(&["--scopes", "sso:account:access"])).ok();
    program
}

/// Sets the expiry of the stored token to this many seconds from now.
fn expire_in(program: &Program, seconds: i64) {
    let cache = cache(program);
    let mut token = cache.token(&identity()).unwrap().unwrap();
    let now = oidc_proto::UnixSeconds::from(std::time::SystemTime::now());
    token.expires_at = oidc_proto::UnixSeconds::new(now.get() + seconds);
    cache.save_token(&identity(), &token).unwrap();
}

fn cache(program: &Program) -> Cache {
    Cache::at(Cache::default_dir(program.home.path()))
}

fn identity() -> Identity {
    Identity::StartUrl(START_URL.to_owned())
}

/// Returns a program with an expired token of this server of prepared responses.
fn expired_at(stub: &Stub) -> Program {
    let program =
        Program::new().var("AWS_ENDPOINT_URL_SSO_OIDC", &stub.endpoint).var("AWS_MAX_ATTEMPTS", "1");
    let directory = program.home.path().join(".aws/sso/cache");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(
        cache(&program).token_path(&identity()),
        token("old", "2020-01-01T00:00:00Z", &stub.endpoint),
    )
    .unwrap();
    program
}

/// Returns the text of a token file, with a member that another tool has added.
fn token(name: &str, expires_at: &str, endpoint: &str) -> String {
    serde_json::json!({
        "startUrl": START_URL, "region": "eu-west-1", "accessToken": format!("access-{name}"),
        "expiresAt": expires_at, "clientId": "id", "clientSecret": "secret",
        "registrationExpiresAt": "2999-01-01T00:00:00Z", "refreshToken": format!("refresh-{name}"),
        "endpointUrl": endpoint, "theirs": "kept",
    })
    .to_string()
}

const NEW: &str =
    r#"{"accessToken":"access-new","expiresIn":3600,"refreshToken":"refresh-new","tokenType":"Bearer"}"#;

fn invalid_grant() -> String {
    fault(400, "InvalidGrantException", "invalid_grant", "Invalid refresh token provided")
}

#[test]
fn token_prints_the_bare_token_or_a_document_without_the_refresh_token_and_sends_nothing() {
    let server = server(Rotation::Strict);
    let program = signed_in(&server);
    let sent = server.requests().len();
    let access = stored(&program)["accessToken"].as_str().unwrap().to_owned();
    let run = program.run(&TOKEN);
    assert_eq!((run.code, run.stdout, run.stderr), (Some(0), format!("{access}\n"), String::new()));
    let document = program.run(&[&TOKEN[..], &["--output", "json"]].concat()).json();
    assert_eq!(document["accessToken"], access.as_str());
    assert!((3_500..=3_600).contains(&document["expiresIn"].as_u64().unwrap()), "{document}");
    assert!(document.get("refreshToken").is_none(), "{document}");
    let queried = program.run(&[&TOKEN[..], &["--query", "accessToken", "--output", "text"]].concat()).ok();
    assert_eq!(queried, format!("{access}\n"));
    program.run(&[&TOKEN[..], &["--query", "accessToken["]].concat()).fails(252);
    assert_eq!(server.requests().len(), sent);
}

#[test]
fn thirty_two_processes_with_one_expired_session_send_one_request() {
    let server = server(Rotation::Strict);
    let program = signed_in(&server);
    for round in 0..2 {
        expire_in(&program, if round == 0 { -60 } else { 600 });
        let before = asked(&server);
        let children: Vec<Child> = (0..32).map(|_| program.command(&TOKEN).spawn().unwrap()).collect();
        let printed: Vec<String> = children
            .into_iter()
            .map(|child| {
                let output = child.wait_with_output().unwrap();
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                String::from_utf8(output.stdout).unwrap()
            })
            .collect();
        let access = stored(&program)["accessToken"].as_str().unwrap().to_owned();
        assert!(printed.iter().all(|token| *token == format!("{access}\n")));
        assert_eq!(asked(&server), before + 1);
    }
}

#[test]
fn refresh_says_where_and_how_long_and_refreshes_a_good_token_only_by_force() {
    let server = server(Rotation::Strict);
    let program = signed_in(&server);
    let (sent, before) = (asked(&server), stored(&program));
    let run = program.run(&REFRESH);
    let path = token_file(&program).display().to_string();
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{run:?}");
    assert_eq!(
        run.stderr,
        format!(
            "The token for {START_URL} is valid for 1 h and is stored in {path}; --force refreshes it now.\n"
        )
    );
    assert_eq!((asked(&server), stored(&program)), (sent, before.clone()));

    let run = program.run(&[&REFRESH[..], &["--force"]].concat());
    let said = format!("Refreshed the token for {START_URL}; it is valid for 1 h and is stored in {path}.\n");
    assert_eq!((run.code, run.stderr, asked(&server)), (Some(0), said, sent + 1));
    assert_ne!(stored(&program)["refreshToken"], before["refreshToken"]);
    expire_in(&program, 600);
    assert!(program.run(&REFRESH).stderr.starts_with("Refreshed the token for"));
}

#[test]
fn without_a_session_both_commands_say_how_to_sign_in() {
    let server = server(Rotation::Strict);
    let program = Program::new().var("AWS_ENDPOINT_URL_SSO_OIDC", server.endpoint());
    for command in [&TOKEN, &REFRESH] {
        let stderr = program.run(command).fails(255);
        assert!(stderr.contains(&format!("There is no stored token for {START_URL}")), "{stderr}");
        assert!(stderr.contains(SIGN_IN), "{stderr}");
        program.run(&command[..1]).fails(253);
    }
    // A token that cannot be refreshed.
    program.run(&LOGIN).ok();
    let stderr = program.run(&[&REFRESH[..], &["--force"]].concat()).fails(255);
    assert!(stderr.contains("cannot be refreshed: there is no refresh token"), "{stderr}");
    expire_in(&program, -1);
    let stderr = program.run(&TOKEN).fails(255);
    assert!(stderr.contains("cannot be used: it has expired, and there is no refresh token"), "{stderr}");
    expire_in(&program, 600);
    let run = program.run(&TOKEN);
    assert!(run.code == Some(0) && run.stdout.len() > 10, "{run:?}");
    assert!(
        run.stderr.contains("this token is valid for 10 min only") && run.stderr.contains("sso-oidc login"),
        "{run:?}"
    );
    assert_eq!(server.requests().iter().filter(|request| request.error.is_some()).count(), 0);
}

#[test]
fn a_revoked_session_ends_with_254_and_says_what_to_do() {
    let server = server(Rotation::Strict);
    let program = signed_in(&server);
    edit(&program, |token| drop(token.insert("refreshToken".to_owned(), "revoked".into())));
    for (command, left, code) in
        [(&TOKEN, -60, 254), (&REFRESH, -60, 254), (&REFRESH, 600, 254), (&TOKEN, 600, 0)]
    {
        expire_in(&program, left);
        let run = program.run(command);
        assert_eq!(run.code, Some(code), "{run:?}");
        let said =
            if code == 0 { "the service rejected the refresh (" } else { "has ended, or was revoked: " };
        assert!(run.stderr.contains(said) && run.stderr.contains("sso-oidc login --start-url"), "{run:?}");
        assert_eq!(run.stdout.is_empty(), code != 0, "{run:?}");
    }
    assert_eq!(stored(&program)["refreshToken"], "revoked", "the file is as it was");
}

#[test]
fn a_token_that_another_tool_has_refreshed_between_our_read_and_our_request_is_used() {
    let path = Arc::new(std::sync::Mutex::new(None::<std::path::PathBuf>));
    let theirs = Arc::clone(&path);
    let rotate = move |expires_at: &'static str| {
        let path = Arc::clone(&theirs);
        move || {
            let path = path.lock().unwrap().clone().unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.replace("-old", "-theirs").replace("2020-01-01T00:00:00Z", expires_at);
            std::fs::write(&path, text).unwrap();
        }
    };
    // Their token is good.
    let stub = Stub::meanwhile(invalid_grant(), rotate("2999-01-01T00:00:00Z"));
    let program = expired_at(&stub);
    *path.lock().unwrap() = Some(token_file(&program));
    assert_eq!(program.run(&TOKEN).ok(), "access-theirs\n");
    assert_eq!(stub.bodies().len(), 1);

    // Their token is due too, so their refresh token is tried.
    let answers = vec![invalid_grant(), success(NEW)];
    let stub = Stub::serving(move |_| answers, rotate("2020-01-01T00:00:01Z"));
    let program = expired_at(&stub).var("AWS_MAX_ATTEMPTS", "2");
    *path.lock().unwrap() = Some(token_file(&program));
    assert_eq!(program.run(&TOKEN).ok(), "access-new\n");
    let bodies = stub.bodies();
    assert!(bodies.len() == 2 && bodies[0].contains("refresh-old") && bodies[1].contains("refresh-theirs"));
    assert_eq!(stored(&program)["refreshToken"], "refresh-new");
}

/// Refreshes with this answer, while this happens to the token file. Returns the run and the program.
fn while_refreshing(
    answer: String,
    happens: impl Fn(&std::path::Path) + Send + 'static,
) -> (common::Run, Program) {
    let path = Arc::new(std::sync::Mutex::new(None::<std::path::PathBuf>));
    let of_file = Arc::clone(&path);
    let stub = Stub::meanwhile(answer, move || happens(of_file.lock().unwrap().as_ref().unwrap()));
    let program = expired_at(&stub);
    *path.lock().unwrap() = Some(token_file(&program));
    (program.run(&TOKEN), program)
}

#[test]
fn a_token_file_that_is_removed_replaced_or_torn_during_a_refresh_ends_whole() {
    let (run, program) = while_refreshing(success(NEW), |path| std::fs::remove_file(path).unwrap());
    let stderr = run.fails(255);
    assert!(stderr.contains("There is no stored token"), "{stderr}");
    assert!(
        !cache(&program).token_path(&identity()).exists(),
        "a session that was signed out does not come back"
    );

    let (run, program) = while_refreshing(success(NEW), |path| {
        let text = std::fs::read_to_string(path).unwrap();
        std::fs::write(path, text.replace("-old", "-signed-in").replace("2020", "2999")).unwrap();
    });
    assert_eq!(run.ok(), "access-signed-in\n");
    assert_eq!(stored(&program)["refreshToken"], "refresh-signed-in");

    for torn in ["", "{\"accessToken\":\"acc", "\0\0\0\0"] {
        let (run, program) = while_refreshing(success(NEW), move |path| std::fs::write(path, torn).unwrap());
        assert_eq!(run.ok(), "access-new\n");
        assert_eq!(
            (&stored(&program)["accessToken"], &stored(&program)["refreshToken"]),
            (&"access-new".into(), &"refresh-new".into())
        );
    }
    // Torn, and no answer.
    let (run, _) = while_refreshing(invalid_grant(), |path| std::fs::write(path, "").unwrap());
    let stderr = run.fails(255);
    assert!(stderr.contains("The token cannot be read again"), "{stderr}");
}

#[test]
fn a_file_that_a_tool_is_writing_is_waited_for_and_not_moved_away() {
    let server = server(Rotation::Strict);
    let program = signed_in(&server);
    let (file, text) = (token_file(&program), std::fs::read_to_string(token_file(&program)).unwrap());
    std::fs::write(&file, &text[..text.len() / 2]).unwrap();
    let child = program.command(&TOKEN).spawn().unwrap();
    // The tool ends its write. If the program has read the half, it reads again for half a second.
    std::thread::sleep(Duration::from_millis(30));
    std::fs::write(&file, &text).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn a_response_without_refresh_token_keeps_the_old_one_and_the_members_of_other_tools() {
    let answer = r#"{"accessToken":"access-new","expiresIn":3600}"#;
    let (run, program) = while_refreshing(success(answer), |_| {});
    assert_eq!(run.ok(), "access-new\n");
    let kept = stored(&program);
    assert_eq!((&kept["refreshToken"], &kept["theirs"]), (&"refresh-old".into(), &"kept".into()));
    assert_eq!((&kept["clientId"], &kept["startUrl"]), (&"id".into(), &START_URL.into()));
}

#[test]
fn a_rejected_registration_is_told_with_the_fault() {
    let answer = fault(401, "InvalidClientException", "invalid_client", "Invalid client provided");
    let (run, _) = while_refreshing(answer, |_| {});
    let stderr = run.fails(254);
    assert!(stderr.contains("Invalid client provided") && stderr.contains("sso-oidc login"), "{stderr}");
}

#[test]
fn an_outage_is_a_warning_for_token_and_an_error_for_refresh_while_the_token_is_good() {
    let stub = Stub::always(response(503, &[], "busy"));
    let program = expired_at(&stub);
    for (command, left, code) in
        [(&TOKEN, 600, 0), (&REFRESH, 600, 255), (&TOKEN, -1, 255), (&REFRESH, -1, 255)]
    {
        expire_in(&program, left);
        let run = program.run(command);
        assert_eq!(run.code, Some(code), "{run:?}");
        match (command[0], left) {
            ("token", 600) => {
                assert_eq!(run.stdout, "access-old\n");
                assert!(run.stderr.contains("[WARNING]: the token could not be refreshed: "), "{run:?}");
            }
            (_, 600) => assert!(run.stderr.contains("The stored token is valid for 10 min."), "{run:?}"),
            _ => assert!(run.stderr.contains("gave no usable response"), "{run:?}"),
        }
    }
}

#[test]
fn a_lock_that_is_held_for_too_long_is_told_with_its_holder() {
    let stub = Stub::always(success(NEW));
    let program = expired_at(&stub);
    let guard = cache(&program).lock(&identity(), Duration::ZERO).unwrap();
    let in_haste = [&TOKEN[..], &["--lock-timeout", "0"]].concat();
    let stderr = program.run(&in_haste).fails(255);
    assert!(stderr.contains("did not end within") && stderr.contains("--lock-timeout"), "{stderr}");
    assert!(stderr.contains(&format!("process {}", std::process::id())), "{stderr}");
    expire_in(&program, 600);
    let run = program.run(&in_haste);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "access-old\n"), "{run:?}");
    assert_eq!(stub.bodies().len(), 0);
    drop(guard);
    assert_eq!(program.run(&in_haste).ok(), "access-new\n");
}

#[test]
fn login_if_needed_during_an_outage_opens_no_sign_in_page() {
    let stub = Stub::always(response(503, &[], "<html>down</html>"));
    let program = expired_at(&stub);
    let run = program.run(&with(&["--if-needed"]));
    assert!(run.code == Some(255) && run.stderr.contains("503"), "{run:?}");
    assert!(stub.bodies().iter().all(|body| body.contains("refresh_token")), "{:?}", stub.bodies());
    assert_eq!(stored(&program)["refreshToken"], "refresh-old");
}

#[cfg(unix)]
#[test]
fn ctrl_c_between_two_tries_of_a_refresh_ends_it() {
    let stub = Stub::always(response(503, &[("retry-after", "20")], "<html>down</html>"));
    let program = expired_at(&stub).var("AWS_MAX_ATTEMPTS", "3");
    let mut child = program.command(&TOKEN).spawn().unwrap();
    while stub.bodies().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(200));
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(stub.bodies().len(), 1, "the second try, after 20 s, does not come");
}

#[cfg(unix)]
#[test]
fn a_signal_during_a_refresh_waits_for_its_response_and_stores_it() {
    for signal in ["-INT", "-TERM"] {
        stores_the_response_that_comes_after(signal);
    }
}

#[cfg(unix)]
fn stores_the_response_that_comes_after(signal: &'static str) {
    let pid = Arc::new(AtomicU32::new(0));
    let of_child = Arc::clone(&pid);
    let stub = Stub::meanwhile(success(NEW), move || {
        // The child has been started, so its number is here soon.
        for _ in 0..1_000 {
            if of_child.load(Ordering::SeqCst) != 0 {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let pid = of_child.load(Ordering::SeqCst).to_string();
        assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
        std::thread::sleep(Duration::from_millis(100));
    });
    let program = expired_at(&stub);
    let child = program.command(&TOKEN).spawn().unwrap();
    pid.store(child.id(), Ordering::SeqCst);
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(130), &b""[..]), "{stderr}");
    assert!(stderr.contains("Finishing the refresh"), "{stderr}");
    assert_eq!(stored(&program)["accessToken"], "access-new");
}

/// The number of processes to kill: `STAY_KILLS`, or a hundred.
fn kills() -> u32 {
    std::env::var("STAY_KILLS").map_or(100, |text| text.parse().expect("a whole number"))
}

/// Kills processes that refresh, at any moment.
fn kill_many(rotation: Rotation) {
    let server = server(rotation);
    let program = signed_in(&server);
    let (mut lost, mut refreshed) = (0_u32, 0_u32);
    for round in 0..kills() / 2 {
        // A moment in the life of a process, which lasts some 10 ms here.
        let moment = Duration::from_micros(u64::from(round.wrapping_mul(2_654_435_761) % 30_000));
        expire_in(&program, -60);
        let before = stored(&program);
        let mut child = program.command(&TOKEN).spawn().unwrap();
        std::thread::sleep(moment);
        child.kill().unwrap();
        child.wait().unwrap();
        let after = stored(&program);
        assert!(after["refreshToken"].is_string() && after["accessToken"].is_string(), "{after}");
        refreshed += u32::from(after["accessToken"] != before["accessToken"]);
        let run = program.run(&TOKEN);
        if run.code == Some(0) {
            continue;
        }
        // The service has answered the killed process, which had not stored the answer.
        assert_eq!((run.code, rotation), (Some(254), Rotation::Strict), "{run:?}");
        assert_eq!(after, before, "what was stored is not lost");
        lost += 1;
        program.run(&with(&["--scopes", "sso:account:access", "--force"])).ok();
    }
    println!("{rotation:?}: {refreshed} of {} refreshed before the kill, {lost} lost", kills() / 2);
    let cache = cache(&program);
    let files = std::fs::read_dir(cache.dir()).unwrap().count();
    assert!(files <= 4, "{files} files: the token, the registration, and what a killed process was writing");
}

#[test]
fn processes_that_are_killed_at_any_moment_leave_a_whole_file_and_lose_only_an_answer_on_its_way() {
    kill_many(Rotation::Strict);
}

#[test]
fn at_a_service_with_a_grace_a_killed_process_loses_nothing() {
    kill_many(Rotation::Grace);
}

//! `token` and `refresh`: one session for many processes, without a person.

mod common;

use std::process::Child;
use std::sync::Arc;
use std::time::Duration;

use common::session::{
    NEW, REFRESH, TOKEN, asked, cache, expire_in, expired_at, identity, invalid_grant, server, signed_in,
};
use common::{LOGIN, Program, START_URL, Stub, edit, fault, response, stored, success, token_file, with};
use sso_oidc_server::Rotation;

const SIGN_IN: &str = "Hint: sign in with `sso-oidc login --start-url https://d-1234567890.awsapps.com/start --region eu-west-1`";

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
    let stderr = program.run(&["token", "--start-url", START_URL, "--region", "narnia"]).fails(255);
    assert!(!stderr.contains("no known AWS region"), "the endpoint is a custom one: {stderr}");
    let stderr = Program::new().run(&["token", "--start-url", START_URL, "--region", "narnia"]).fails(255);
    assert!(stderr.contains("[WARNING]: no known AWS region has a name like narnia"), "{stderr}");
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
fn a_registration_file_that_is_removed_during_a_refresh_is_not_missed() {
    let (run, program) = while_refreshing(success(NEW), |path| {
        for entry in std::fs::read_dir(path.parent().unwrap()).unwrap() {
            let file = entry.unwrap().path();
            if file != path {
                std::fs::remove_file(file).unwrap();
            }
        }
    });
    assert_eq!(run.ok(), "access-new\n", "the token file has the client too");
    assert_eq!(stored(&program)["refreshToken"], "refresh-new");
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
fn login_if_needed_during_an_outage_opens_no_sign_in_page() {
    let stub = Stub::always(response(503, &[], "<html>down</html>"));
    let program = expired_at(&stub);
    let run = program.run(&with(&["--if-needed"]));
    assert!(run.code == Some(255) && run.stderr.contains("503"), "{run:?}");
    assert!(stub.bodies().iter().all(|body| body.contains("refresh_token")), "{:?}", stub.bodies());
    assert_eq!(stored(&program)["refreshToken"], "refresh-old");
}

#[test]
fn a_good_token_needs_no_certificates_and_a_refresh_does() {
    let server = server(Rotation::Strict);
    let program = signed_in(&server).var("AWS_CA_BUNDLE", "/nowhere/ca.pem");
    let if_needed = with(&["--if-needed", "--scopes", "sso:account:access"]);
    for command in [&TOKEN[..], &REFRESH, &if_needed] {
        assert_eq!(program.run(command).code, Some(0), "{command:?}");
    }
    expire_in(&program, 60);
    for command in [&TOKEN[..], &REFRESH, &if_needed] {
        assert!(program.run(command).fails(253).contains("/nowhere/ca.pem"), "{command:?}");
    }
    // A sign-in that will take place says so before it waits for another one.
    let _signing_in = cache(&program).lock_sign_in(&identity(), Duration::ZERO).unwrap();
    let said = program.run(&with(&["--lock-timeout", "600"])).fails(253);
    assert!(said.contains("/nowhere/ca.pem"), "{said}");
}

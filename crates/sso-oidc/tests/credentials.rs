//! `credentials`, `credential-process` and `exec`: the credentials of a role, once for many processes.

mod common;

use std::process::Child;
use std::time::Duration;

use common::session::{asked, cache, identity, server, signed_in};
use common::{Program, START_URL, Stub, response, success};
use oidc_proto::portal::RoleCredentials;
use oidc_proto::{Endpoint, Operation, Secret, UnixSeconds};
use sso_cache::{Identity, RoleCredentialsCache, RoleKey};
use sso_oidc_server::{Rotation, TestServer};

/// The flags of a role that the server has by default.
const READER: [&str; 8] = [
    "--start-url",
    START_URL,
    "--region",
    "eu-west-1",
    "--account",
    "012345678901",
    "--role",
    "ReadOnlyAccess",
];

fn with(command: &'static str, more: &[&'static str]) -> Vec<&'static str> {
    [&[command], &READER[..], more].concat()
}

/// Returns a program that is signed in at this server, which is its portal too.
fn at_portal(server: &TestServer) -> Program {
    signed_in(server).var("AWS_ENDPOINT_URL_SSO", server.endpoint())
}

/// Returns the number of calls of GetRoleCredentials.
fn calls(server: &TestServer) -> usize {
    let is_one = |operation| operation == Some(Operation::GetRoleCredentials);
    server.requests().iter().filter(|request| is_one(request.operation)).count()
}

fn roles(program: &Program) -> RoleCredentialsCache {
    RoleCredentialsCache::at(RoleCredentialsCache::default_dir(program.home.path()))
}

fn key() -> RoleKey {
    RoleKey::new(&identity(), "012345678901", "ReadOnlyAccess")
}

/// Stores credentials that are valid for this time.
fn store(program: &Program, key: &RoleKey, seconds: i64) {
    let now = UnixSeconds::from(std::time::SystemTime::now()).get();
    let end = UnixSeconds::new(now + seconds);
    let credentials = RoleCredentials::new("ASIACACHED", Secret::from("key"), Secret::from("token"), end);
    roles(program).save(key, &credentials).unwrap();
}

#[test]
fn sixty_four_processes_get_credentials_by_one_call_of_the_portal() {
    let server = server(Rotation::Strict);
    let program = at_portal(&server);
    let children: Vec<Child> =
        (0..64).map(|_| program.command(&with("credential-process", &[])).spawn().unwrap()).collect();
    let mut answers: Vec<String> = children
        .into_iter()
        .map(|child| {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(String::from_utf8_lossy(&output.stderr), "");
            String::from_utf8(output.stdout).unwrap()
        })
        .collect();
    answers.dedup();
    assert_eq!((answers.len(), calls(&server)), (1, 1));
    let answer: serde_json::Value = serde_json::from_str(&answers[0]).unwrap();
    assert_eq!((&answer["Version"], &answer["AccountId"]), (&1.into(), &"012345678901".into()));
    assert!(answer["Expiration"].as_str().is_some_and(|end| end.ends_with('Z')), "{answer}");
}

#[test]
fn cached_credentials_need_no_server_and_no_session_until_their_last_quarter_of_an_hour() {
    let server = server(Rotation::Strict);
    let program = at_portal(&server);
    let nowhere = Program::new();
    for (seconds, is_used) in [(16 * 60, true), (14 * 60, false), (-1, false)] {
        store(&nowhere, &key(), seconds);
        let run = nowhere.run(&with("credential-process", &[]));
        assert_eq!(run.code, Some(if is_used { 0 } else { 255 }), "{run:?}");
        assert_eq!(run.stdout.contains("ASIACACHED"), is_used, "{run:?}");
    }
    store(&program, &key().with_endpoint(&Endpoint::custom(server.endpoint()).unwrap()), 3_600);
    assert!(program.run(&with("credentials", &[])).ok().contains("ASIACACHED"));
    assert_eq!(calls(&server), 0);
    assert!(!program.run(&with("credentials", &["--no-cache"])).ok().contains("ASIACACHED"));
    assert_eq!(calls(&server), 1);
    std::fs::write(roles(&program).dir().join(key().file_name()), "{").unwrap();
    program.run(&with("credential-process", &[])).ok();
    assert_eq!(calls(&server), 2, "a torn file counts as absent");
}

#[test]
fn credentials_of_a_test_server_are_not_used_at_aws_nor_the_other_way_round() {
    let [one, other] = [server(Rotation::Strict), server(Rotation::Strict)];
    let program = at_portal(&one);
    let run = |portal: &str| {
        let mut command = program.command(&with("credential-process", &[]));
        let output = command.env("AWS_ENDPOINT_URL_SSO", portal).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(run(one.endpoint()), run(one.endpoint()));
    assert_eq!((calls(&one), calls(&other)), (1, 0));
    // The other server does not know the token. An empty variable means AWS's own endpoint, to which the token of a
    // test server is never sent.
    assert_eq!(run(other.endpoint()), (Some(254), String::new()));
    assert_eq!(run(""), (Some(253), String::new()));
    store(&program, &key(), 3_600);
    assert!(run("").1.contains("ASIACACHED"));
    assert!(!run(one.endpoint()).1.contains("ASIACACHED"));
}

#[test]
fn a_new_sign_in_drops_the_credentials_of_its_session_and_a_refresh_keeps_them() {
    let server = server(Rotation::Strict);
    let program = at_portal(&server);
    program.run(&with("credential-process", &[])).ok();
    let file = roles(&program).dir().join(key().file_name());
    program.run(&["refresh", "--start-url", START_URL, "--region", "eu-west-1", "--force"]).ok();
    assert!(file.exists());
    // Whoever signs in now may have other rights.
    program.run(&common::with(&["--force"])).ok();
    assert!(!file.exists());
}

#[test]
fn credentials_that_come_after_the_end_of_their_sign_in_are_not_cached() {
    let server = server(Rotation::Strict);
    let program = signed_in(&server);
    let token = cache(&program).token_path(&identity());
    let answer = r#"{"roleCredentials":{"accessKeyId":"ASIALATE","secretAccessKey":"key","sessionToken":"token",
        "expiration":4000000000000}}"#;
    for ends in [false, true] {
        let token = token.clone();
        let stub = Stub::meanwhile(success(answer), move || {
            if ends {
                std::fs::remove_file(&token).unwrap();
            }
        });
        let mut command = program.command(&with("credential-process", &[]));
        let output = command.env("AWS_ENDPOINT_URL_SSO", &stub.endpoint).output().unwrap();
        assert!(String::from_utf8_lossy(&output.stdout).contains("ASIALATE"), "{output:?}");
        let file = roles(&program).dir().join(key().file_name());
        assert_eq!(file.exists(), !ends);
        let _ = std::fs::remove_file(file);
    }
}

#[test]
fn credentials_of_a_test_server_do_not_replace_those_of_aws() {
    let server = server(Rotation::Strict);
    let program = at_portal(&server);
    store(&program, &key(), 3_600);
    assert!(!program.run(&with("credential-process", &[])).ok().contains("ASIACACHED"));
    assert_eq!(roles(&program).load(&key()).unwrap().access_key_id, "ASIACACHED");
}

#[test]
fn a_role_is_found_by_a_part_of_its_names_and_one_that_is_lacking_lists_the_others() {
    let server = server(Rotation::Strict);
    let program = at_portal(&server);
    let run = |flags: &[&str]| {
        program.run(&[&["credentials", "--start-url", START_URL, "--region", "eu-west-1"], flags].concat())
    };
    // The account's number has lost its leading zero, as in a spreadsheet.
    for flags in [
        ["--account", "sand", "--role", "read"],
        ["--account", "12345678901", "--role", "ReadOnlyAccess"],
        ["--account-id", "012345678901", "--role-name", "adm"],
    ] {
        assert!(run(&flags).ok().contains("\"AccountId\": \"012345678901\""));
    }
    // One for each role, and one for `adm`, which no role is called. The second line named a cached role.
    assert_eq!(calls(&server), 3);
    run(&["--account", "sandbox", "--role", "read"]).ok();
    assert_eq!(calls(&server), 3);
    // The only role of an account needs no name.
    assert!(run(&["--account", "prod"]).ok().contains("\"AccountId\": \"123456789012\""));

    let said = run(&["--account", "012345678901", "--role", "Owner"]).fails(255);
    assert!(said.contains("You have no role Owner") && said.contains("  AdministratorAccess\n"), "{said}");
    let said = run(&["--account", "sandbox"]).fails(252);
    assert!(said.contains("Choose one with --role\n  AdministratorAccess\n  ReadOnlyAccess\n"), "{said}");
    let said = run(&["--account", "o"]).fails(252);
    assert!(said.contains("--account o means several of them\n") && said.contains("Production"), "{said}");
    let said = run(&["--account", "999999999999", "--role", "x"]).fails(254);
    assert!(said.contains("(ForbiddenException)") && said.contains("Your accounts:\n"), "{said}");
    assert!(said.contains("012345678901  Sandbox"), "{said}");
}

#[test]
fn a_profile_names_its_role_and_the_aws_cli_finds_the_cached_credentials() {
    let server = server(Rotation::Strict);
    let config = "[profile work]\nsso_session = corp\nsso_account_id = 12345678901\nsso_role_name = ReadOnlyAccess\n\
        [profile other]\nsso_session = corp\nsso_account_id = 012345678901\nsso_role_name = Owner\n\
        [sso-session corp]\nsso_start_url = https://d-1234567890.awsapps.com/start\nsso_region = eu-west-1\n\
        sso_registration_scopes = sso:account:access\n";
    let program = Program::new()
        .config(config)
        .var("AWS_ENDPOINT_URL_SSO_OIDC", server.endpoint())
        .var("AWS_ENDPOINT_URL_SSO", server.endpoint());
    program.run(&["login", "--profile", "work", "--flow", "device", "--no-browser"]).ok();
    let answer: serde_json::Value =
        serde_json::from_str(&program.run(&["credential-process", "--profile", "work"]).ok()).unwrap();
    // The name is the AWS CLI's: the SHA-1 of account, role and session as JSON.
    let file = roles(&program).dir().join("ad7f49bb89cc1181093aec270acde9ac5787cdf1.json");
    let cached: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(cached["ProviderType"], "sso");
    for member in ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration", "AccountId"] {
        assert_eq!(cached["Credentials"][member], answer[member], "{member}");
    }
    let said = program.run(&["credential-process", "--profile", "other"]).fails(254);
    assert!(said.contains("You do not have the role Owner in the account 012345678901"), "{said}");
    assert!(said.contains("Your roles there:\n  AdministratorAccess\n  ReadOnlyAccess\n"), "{said}");
    // A flag for another account does not take the profile's role.
    let said = program.run(&["credentials", "--profile", "work", "--account", "sandbox"]).fails(252);
    assert!(said.contains("Choose one with --role"), "{said}");
}

#[test]
fn the_section_of_a_credentials_file_is_the_default_one_only_if_it_is_asked_for() {
    let config = "[default]\nsso_session = corp\nsso_account_id = 012345678901\nsso_role_name = ReadOnlyAccess\n\
        [profile work]\nsso_session = corp\nsso_account_id = 012345678901\nsso_role_name = ReadOnlyAccess\n\
        [sso-session corp]\nsso_start_url = https://d-1234567890.awsapps.com/start\nsso_region = eu-west-1\n";
    let program = Program::new().config(config);
    let session = Identity::SessionName("corp".to_owned());
    store(&program, &RoleKey::new(&session, "012345678901", "ReadOnlyAccess"), 3_600);
    let made = "[012345678901_ReadOnlyAccess]";
    let role = ["--account", "012345678901", "--role", "ReadOnlyAccess"];
    let with_role = |more: [&'static str; 2]| [&more[..], &role].concat();
    for (flags, header) in [
        (vec![], made),
        (vec!["--profile", "work"], "[work]"),
        (vec!["--profile", "default"], "[default]"),
        (with_role(["--profile", "work"]), made),
        (vec!["--section", "default"], "[default]"),
        (with_role(["--section", "my keys"]), "[my keys]"),
    ] {
        let text = program.run(&[&["credentials", "--format", "ini"], &flags[..]].concat()).ok();
        assert_eq!(text.lines().next(), Some(header), "{flags:?}");
    }
    let program = program.var("AWS_PROFILE", "work");
    assert!(program.run(&["credentials", "--format", "ini"]).ok().starts_with("[work]\n"));
    let said = program.run(&["credentials", "--section", "x"]).fails(252);
    assert!(said.contains("--section goes with --format ini only"), "{said}");
    let said = program.run(&["credentials", "--format", "ini", "--section", "a]"]).fails(252);
    assert!(said.contains("a section's name has no brackets"), "{said}");
}

#[test]
fn a_profile_gives_its_role_only_for_its_own_portal_and_only_if_it_assumes_none() {
    let config = "[sso-session corp]\nsso_start_url = https://d-1234567890.awsapps.com/start\n\
        sso_region = eu-west-1\n\
        [sso-session other]\nsso_start_url = https://d-2234567890.awsapps.com/start\nsso_region = eu-west-1\n\
        [profile base]\nsso_session = corp\nsso_account_id = 012345678901\nsso_role_name = ReadOnlyAccess\n\
        [profile assume]\nrole_arn = arn:aws:iam::012345678901:role/Prod\nsource_profile = base\n";
    let program = Program::new().config(config);
    for session in ["corp", "other"] {
        let session = Identity::SessionName(session.to_owned());
        store(&program, &RoleKey::new(&session, "012345678901", "ReadOnlyAccess"), 3_600);
    }
    program.run(&["credential-process", "--profile", "base"]).ok();
    program.run(&["credential-process", "--profile", "base", "--sso-session", "corp"]).ok();
    let said = program.run(&["credential-process", "--profile", "assume"]).fails(253);
    assert!(said.contains("The profile assume assumes a role (role_arn)"), "{said}");
    assert!(said.contains("pass --profile base"), "{said}");
    // There is no token of the other session, whose accounts would have to be listed.
    let said = program.run(&["credential-process", "--profile", "base", "--sso-session", "other"]).fails(255);
    assert!(said.contains("login --sso-session other"), "{said}");
}

#[cfg(unix)]
#[test]
fn exec_gives_the_credentials_to_the_command_and_takes_its_exit_code() {
    let server = server(Rotation::Strict);
    let program = at_portal(&server).var("AWS_SESSION_TOKEN", "old").var("AWS_REGION", "eu-north-1");
    let script =
        "echo $AWS_ACCESS_KEY_ID $AWS_REGION $AWS_DEFAULT_REGION; test $AWS_SESSION_TOKEN != old; exit 7";
    let run = program.run(&with("exec", &["--", "/bin/sh", "-c", script]));
    assert_eq!((run.code, run.stderr.as_str()), (Some(7), ""), "{run:?}");
    assert!(run.stdout.starts_with("ASIA") && run.stdout.ends_with(" eu-north-1 eu-north-1\n"), "{run:?}");
    program.run(&with("exec", &[])).fails(252);
}

#[cfg(windows)]
#[test]
fn exec_gives_the_credentials_to_the_command_of_windows_and_takes_its_exit_code() {
    let server = server(Rotation::Strict);
    let program = at_portal(&server);
    let run = program.run(&with("exec", &["--", "cmd", "/c", "echo %AWS_ACCESS_KEY_ID%& exit 7"]));
    assert_eq!((run.code, run.stderr.as_str()), (Some(7), ""), "{run:?}");
    assert!(run.stdout.starts_with("ASIA"), "{run:?}");
}

#[cfg(unix)]
#[test]
fn exec_of_a_command_that_is_not_found_is_127_and_of_one_that_cannot_be_run_126() {
    let program = Program::new().var("PATH", "/bin:/usr/bin");
    store(&program, &key(), 3_600);
    let plain = program.file("plain", "#!/bin/sh\n");
    let below_a_file = format!("{plain}/command");
    let directory = program.home.path().to_str().unwrap();
    for (command, code) in [
        ("no-such-command-anywhere", 127),
        ("/nowhere/at/all", 127),
        (&below_a_file, 127),
        (&plain, 126),
        (directory, 126),
    ] {
        let line: Vec<&str> = with("exec", &["--"]).into_iter().chain([command]).collect();
        let said = program.run(&line).fails(code);
        assert!(said.starts_with(&format!("sso-oidc: [ERROR]: cannot start {command}: ")), "{said}");
    }
    let help = program.run(&["exec", "--help"]).ok();
    assert!(help.contains("127") && help.contains("126"), "{help}");
}

#[cfg(unix)]
#[test]
fn a_signal_that_ends_the_command_of_exec_is_128_and_its_number_in_the_shell() {
    use std::os::unix::process::ExitStatusExt as _;
    let program = Program::new();
    store(&program, &key(), 3_600);
    let line = with("exec", &["--", "/bin/sh", "-c", "kill -TERM $$"]);
    let ended = program.command(&line).status().unwrap();
    assert_eq!((ended.code(), ended.signal()), (None, Some(15)), "the caller sees the signal itself");
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", "\"$@\"; echo $?", "sh", env!("CARGO_BIN_EXE_sso-oidc")]).args(&line);
    shell.env_clear().env("HOME", program.home.path());
    assert_eq!(String::from_utf8(shell.output().unwrap().stdout).unwrap(), "143\n");
}

#[test]
fn output_and_query_are_refused_where_they_could_do_nothing() {
    for command in ["credentials", "credential-process", "exec"] {
        for flag in [["--output", "json"], ["--query", "a"]] {
            let line = with(command, if command == "exec" { &["--", "true"] } else { &[] });
            let line = [&line[..1], &flag, &line[1..]].concat();
            let said = Program::new().run(&line).fails(252);
            assert!(said.contains(&format!("{} has no effect on `{command}`", flag[0])), "{said}");
        }
    }
}

#[test]
fn a_token_that_the_portal_rejects_is_refreshed_once() {
    let server = server(Rotation::Strict);
    let unauthorized = response(
        401,
        &[("content-type", "application/json")],
        r#"{"message":"Session token not found or invalid","__type":"com.amazonaws.switchboard.portal#UnauthorizedException"}"#,
    );
    let granted = success(
        r#"{"roleCredentials":{"accessKeyId":"ASIA1","secretAccessKey":"s","sessionToken":"t","expiration":4000000000000}}"#,
    );
    let stub = Stub::new(&[unauthorized.clone(), granted]);
    let program = signed_in(&server).var("AWS_ENDPOINT_URL_SSO", &stub.endpoint);
    let before = asked(&server);
    assert!(program.run(&with("credential-process", &[])).ok().contains("ASIA1"));
    assert_eq!(asked(&server), before + 1);

    let stub = Stub::always(unauthorized);
    let program = signed_in(&server).var("AWS_ENDPOINT_URL_SSO", &stub.endpoint);
    let said = program.run(&with("credential-process", &[])).fails(254);
    assert_eq!(stub.bodies().len(), 2, "{said}");
    assert!(
        said.contains("(UnauthorizedException)") && said.contains("sign in with `sso-oidc login"),
        "{said}"
    );
}

#[test]
fn without_a_session_credential_process_asks_no_person() {
    let server = server(Rotation::Strict);
    let program = Program::new()
        .var("AWS_ENDPOINT_URL_SSO_OIDC", server.endpoint())
        .var("AWS_ENDPOINT_URL_SSO", server.endpoint());
    let said = program.run(&with("credential-process", &[])).fails(255);
    assert!(said.contains("There is no stored token") && said.contains("sso-oidc login"), "{said}");
    assert!(server.requests().is_empty());
}

#[test]
fn a_token_of_a_server_on_this_machine_is_not_sent_to_aws() {
    let server = server(Rotation::Strict);
    let program = signed_in(&server);
    let said = program.run(&with("credentials", &[])).fails(253);
    assert!(said.contains("set AWS_ENDPOINT_URL_SSO to the same server"), "{said}");
    let _held = cache(&program).lock(&identity(), Duration::ZERO).unwrap();
}

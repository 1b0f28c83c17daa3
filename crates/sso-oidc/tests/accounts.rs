//! `accounts`, `roles`, `logout`, and the commands of `aws sso`.

mod common;

use common::session::{REFRESH, cache, identity, server, signed_in};
use common::{Program, START_URL, Serving, Stub, native, response, success, token_file};
use oidc_proto::Operation;
use sso_oidc_server::{Rotation, TestServer};

fn at_portal(server: &TestServer) -> Program {
    signed_in(server).var("AWS_ENDPOINT_URL_SSO", server.endpoint())
}

/// Returns a command line for the portal.
fn of<'a>(command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&[command, "--start-url", START_URL, "--region", "eu-west-1"], more].concat()
}

#[test]
fn accounts_and_roles_are_sorted_columns_or_a_document() {
    let server = server(Rotation::Strict);
    let program = at_portal(&server);
    let listed = program.run(&of("accounts", &[])).ok();
    assert_eq!(
        listed,
        "123456789012\tProduction\tproduction@example.com\n012345678901\tSandbox\tsandbox@example.com\n"
    );
    assert_eq!(program.run(&of("accounts", &["SAND", "0123"])).ok().lines().count(), 1);
    let ids = ["--query", "accountList[].accountId", "--output", "text"];
    assert_eq!(program.run(&of("accounts", &ids)).ok(), "123456789012\t012345678901\n");
    let roles = program.run(&of("roles", &[])).ok();
    assert_eq!(
        roles,
        "123456789012\tProduction\tReadOnlyAccess\n012345678901\tSandbox\tAdministratorAccess\n\
         012345678901\tSandbox\tReadOnlyAccess\n"
    );
    assert_eq!(program.run(&of("roles", &["--account", "prod"])).ok().lines().count(), 1);
    assert_eq!(program.run(&of("roles", &["admin"])).ok().lines().count(), 1);
    let document = program.run(&of("roles", &["--output", "json"])).json();
    assert_eq!(document["roleList"][0]["accountName"], "Production");
    let said = program.run(&of("roles", &["--account", "nope"])).fails(255);
    assert!(said.contains("You have no account nope\n  123456789012  Production"), "{said}");
    let sent = server.requests().len();
    program.run(&of("accounts", &["--query", "accountList["])).fails(252);
    assert_eq!(server.requests().len(), sent, "nothing is sent");
}

#[test]
fn the_commands_of_aws_sso_have_its_flags_and_output() {
    let server = server(Rotation::Strict);
    let program = at_portal(&server);
    let page = program.run(&of("list-accounts", &["--max-results", "1"])).json();
    assert_eq!(page["accountList"].as_array().map(Vec::len), Some(1));
    let next = page["nextToken"].as_str().unwrap();
    let last = program.run(&of("list-accounts", &["--max-results", "1", "--next-token", next])).json();
    assert!(last.get("nextToken").is_none(), "{last}");
    assert_ne!(last["accountList"], page["accountList"]);

    let token = program.run(&of("token", &[])).ok();
    // With a token of its own it needs no file.
    let bare = Program::new().var("AWS_ENDPOINT_URL_SSO", server.endpoint()).stdin(&token);
    let roles = ["list-account-roles", "--account-id", "012345678901", "--access-token", "-"];
    assert_eq!(bare.run(&roles).json()["roleList"][0]["roleName"], "AdministratorAccess");
    let by_variable = Program::new()
        .var("AWS_ENDPOINT_URL_SSO", server.endpoint())
        .var("SSO_OIDC_ACCESS_TOKEN", token.trim_end());
    let credentials = by_variable
        .run(&["get-role-credentials", "--account-id", "012345678901", "--role-name", "ReadOnlyAccess"])
        .json();
    let members = credentials["roleCredentials"].as_object().unwrap();
    assert!(members["accessKeyId"].is_string() && members["expiration"].as_i64() > Some(1_700_000_000_000));
    let said = by_variable
        .run(&["get-role-credentials", "--account-id", "012345678901", "--role-name", "Owner"])
        .fails(254);
    assert!(
        said.contains("An error occurred (ForbiddenException) when calling the GetRoleCredentials operation"),
        "{said}"
    );
    by_variable.run(&["logout"]).ok();
    let said = by_variable.run(&["list-accounts"]).fails(254);
    assert!(said.contains("(UnauthorizedException)"), "{said}");
    bare.run(&["list-accounts", "--access-token", "-", "--max-results", "101"]).fails(252);
}

#[test]
fn a_list_whose_second_page_fails_prints_nothing() {
    let server = server(Rotation::Strict);
    let first =
        success(r#"{"accountList":[{"accountId":"012345678901","accountName":"a"}],"nextToken":"2"}"#);
    let stub = Stub::new(&[first, response(500, &[], "down")]);
    let program = signed_in(&server).var("AWS_ENDPOINT_URL_SSO", &stub.endpoint).var("AWS_MAX_ATTEMPTS", "1");
    let run = program.run(&of("accounts", &[]));
    assert_eq!((run.code, run.stdout.as_str()), (Some(255), ""), "{run:?}");
    assert!(run.stderr.contains("AWS_ENDPOINT_URL_SSO."), "{run:?}");
}

#[test]
fn names_from_the_portal_bring_no_control_characters_to_a_terminal() {
    let home = Program::new();
    let accounts = r#"{"accounts":[{"id":"012345678901","name":"a\u001b[31mb\tc","roles":["R"]}]}"#;
    let file = home.file("accounts.json", accounts);
    let serving = Serving::start(&["--approve", "auto", "--accounts", &file]);
    let program = Program::new()
        .var("AWS_ENDPOINT_URL_SSO_OIDC", &serving.endpoint)
        .var("AWS_ENDPOINT_URL_SSO", &serving.endpoint);
    program.run(&common::with(&["--scopes", "sso:account:access"])).ok();
    for command in ["accounts", "roles"] {
        let listed = program.run(&of(command, &[])).ok();
        assert!(!listed.contains('\u{1b}') && listed.starts_with("012345678901\ta"), "{listed:?}");
        assert_eq!(listed.matches('\t').count(), 2, "{listed:?}");
    }
}

/// Returns the number of calls of Logout.
fn logouts(server: &TestServer) -> usize {
    server.requests().iter().filter(|request| request.operation == Some(Operation::Logout)).count()
}

#[test]
fn logout_ends_the_sign_in_at_the_portal_and_removes_the_token_and_its_credentials() {
    let server = server(Rotation::Strict);
    let program = at_portal(&server);
    program.run(&of("credentials", &["--account", "prod"])).ok();
    let files = || {
        let count = |dir: &str| {
            let entries = std::fs::read_dir(program.home.path().join(dir));
            entries.map_or(0, |entries| entries.filter(|e| e.as_ref().unwrap().path().is_file()).count())
        };
        (count(".aws/sso/cache"), count(".aws/cli/cache"))
    };
    assert_eq!(files(), (2, 1));
    let run = program.run(&of("logout", &[]));
    assert_eq!((run.code, run.stderr), (Some(0), format!("Signed out of {START_URL}.\n")));
    assert_eq!((files(), logouts(&server)), ((1, 0), 1), "the registration stays");
    let again = program.run(&of("logout", &[]));
    assert_eq!((again.code, again.stderr), (Some(0), format!("There is no stored token for {START_URL}.\n")));
    assert_eq!(logouts(&server), 1);
    program.run(&REFRESH).fails(255);
}

#[test]
fn logout_removes_the_token_although_the_portal_is_down_or_has_no_such_session() {
    let server = server(Rotation::Strict);
    for (answer, warns) in [
        (response(500, &[], "down"), true),
        (
            response(
                401,
                &[("content-type", "application/json")],
                r#"{"message":"Session token not found or invalid"}"#,
            ),
            false,
        ),
    ] {
        let stub = Stub::always(answer);
        let program =
            signed_in(&server).var("AWS_ENDPOINT_URL_SSO", &stub.endpoint).var("AWS_MAX_ATTEMPTS", "1");
        let run = program.run(&of("logout", &[]));
        assert_eq!(run.code, Some(0), "{run:?}");
        assert_eq!(run.stderr.contains("[WARNING]: the portal may still hold the session"), warns, "{run:?}");
        assert!(run.stderr.contains("Signed out of "), "{run:?}");
        assert!(!cache(&program).token_path(&identity()).exists());
    }
    // A corrupt file is removed too.
    let program = at_portal(&server);
    std::fs::write(token_file(&program), "{").unwrap();
    let run = program.run(&of("logout", &[]));
    assert!(run.code == Some(0) && run.stderr.contains("it is not JSON"), "{run:?}");
    assert!(!cache(&program).token_path(&identity()).exists());
}

#[test]
fn logout_waits_for_a_refresh_and_ends_the_session_that_it_has_stored() {
    let server = server(Rotation::Strict);
    for line in [of("logout", &[]), vec!["logout", "--all"]] {
        let program = at_portal(&server);
        let guard = cache(&program).lock(&identity(), std::time::Duration::ZERO).unwrap();
        let child = program.command(&line).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(300));
        let mut token = cache(&program).token(&identity()).unwrap().expect("it waits");
        token.region = Some("eu-west-1".to_owned());
        cache(&program).save_token(&identity(), &token).unwrap();
        drop(guard);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(!cache(&program).token_path(&identity()).exists(), "{line:?}");
    }
}

#[test]
fn logout_of_all_spares_the_files_of_other_tools() {
    let server = server(Rotation::Strict);
    let program = at_portal(&server);
    let directory = program.home.path().join(".aws/sso/cache");
    let theirs = r#"{"accessToken":"theirs","expiresAt":"2999-01-01T00:00:00Z","region":"us-east-1"}"#;
    std::fs::write(directory.join("kiro-auth-token.json"), theirs).unwrap();
    let cli = program.home.path().join(".aws/cli/cache");
    std::fs::create_dir_all(&cli).unwrap();
    std::fs::write(cli.join("a.json"), r#"{"ProviderType":"sso","Credentials":{}}"#).unwrap();
    std::fs::write(cli.join("b.json"), r#"{"ProviderType":"assume-role","Credentials":{}}"#).unwrap();
    let run = program.run(&["logout", "--all"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(run.stderr, "Signed out of 1 portal, and removed 1 cached set of credentials.\n");
    assert!(directory.join("kiro-auth-token.json").exists() && cli.join("b.json").exists());
    assert!(!cli.join("a.json").exists() && !cache(&program).token_path(&identity()).exists());
    assert_eq!(logouts(&server), 1);
    assert_eq!(program.run(&["logout", "--all"]).stderr, "There is no stored token.\n");
}

#[test]
fn logout_says_what_becomes_of_a_token_file_that_it_cannot_use() {
    let server = server(Rotation::Strict);
    let program = at_portal(&server);
    let file = cache(&program).token_path(&identity());
    std::fs::write(&file, "{\"accessTok").unwrap();
    let run = program.run(&of("logout", &[]));
    assert_eq!((run.code, file.exists()), (Some(0), false), "{run:?}");
    assert!(run.stderr.contains("it is removed, and the portal may still hold its session"), "{run:?}");
    assert!(!run.stderr.contains("Signed out"), "{run:?}");
    // A directory in place of the file, as container tools make it, is not for a sign-out to delete.
    std::fs::create_dir(&file).unwrap();
    program.run(&of("logout", &[])).fails(255);
    assert!(file.exists());
}

#[test]
fn a_cache_of_role_credentials_that_cannot_be_read_does_not_hide_that_of_tokens() {
    let server = server(Rotation::Strict);
    let program = at_portal(&server);
    std::fs::create_dir_all(program.home.path().join(".aws/cli")).unwrap();
    program.file(".aws/cli/cache", "not a directory");
    for command in ["list", "gc"] {
        let run = program.run(&["cache", command]);
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(run.stderr.contains(&native(".aws/cli/cache")), "{run:?}");
    }
    let run = program.run(&["logout", "--all"]);
    assert_eq!(run.code, Some(255), "{run:?}");
    assert!(
        run.stderr.contains("Signed out of 1 portal.") && run.stderr.contains(&native(".aws/cli/cache")),
        "{run:?}"
    );
    assert!(!cache(&program).token_path(&identity()).exists());
}

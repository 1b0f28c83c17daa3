//! What Windows does differently: the home directory, variables' names, paths, and commands that the program starts.
#![cfg(windows)]

mod common;

use common::session::server;
use common::{LOGIN, Program, Run, START_URL, token_file};
use sso_oidc_server::Rotation;

/// Runs a command of Windows' shell with the server.
fn shell(program: &Program, command: &str) -> Run {
    program.run(&["serve", "--", "cmd", "/c", command])
}

#[test]
fn the_home_directory_is_userprofile_whatever_home_says() {
    let server = server(Rotation::Strict);
    let profile = Program::new();
    let path = profile.home.path().join("Ada Lovelace");
    std::fs::create_dir(&path).unwrap();
    // As git's shell sets it.
    let program = Program::new().var("HOME", "/c/Users/ada").var("USERPROFILE", path.to_str().unwrap());
    let run = program.var("AWS_ENDPOINT_URL_SSO_OIDC", server.endpoint()).run(&LOGIN);
    assert_eq!(run.code, Some(0), "{run:?}");
    let cache = path.join(r".aws\sso\cache");
    assert_eq!(std::fs::read_dir(&cache).unwrap().count(), 2, "a registration and a token");
    assert!(run.stderr.contains(&cache.display().to_string()), "{run:?}");
}

#[test]
fn the_letters_of_a_variables_name_have_no_case() {
    let server = server(Rotation::Strict);
    let program = Program::new().var("aws_endpoint_url_sso_oidc", server.endpoint());
    program.run(&LOGIN).ok();
    assert!(token_file(&program).exists());
}

#[test]
fn a_config_file_may_have_the_line_ends_of_windows_and_its_path_a_drive_and_blanks() {
    let server = server(Rotation::Strict);
    let program = Program::new();
    let config = format!("[sso-session corp]\r\nsso_start_url = {START_URL}\r\nsso_region = eu-west-1\r\n");
    let path = program.file("my config", &config);
    assert!(path.contains(':'), "{path}");
    let program = program.var("AWS_CONFIG_FILE", &path);
    let program = program.var("AWS_ENDPOINT_URL_SSO_OIDC", server.endpoint());
    program.run(&["login", "--sso-session", "corp", "--no-browser"]).ok();
    let line = ["configure", "session", "corp", "--start-url", START_URL, "--region", "eu-west-2"];
    program.run(&line).ok();
    let after = std::fs::read_to_string(&path).unwrap();
    assert!(after.contains("sso_region = eu-west-2\r\n"), "{after:?}");
    assert!(!after.replace("\r\n", "").contains('\n'), "{after:?}");
}

#[test]
fn a_command_is_found_by_each_ending_that_the_shells_know() {
    let program = Program::new();
    let tool = program.file("tool.cmd", "@exit /b %1\r\n");
    let path = std::path::Path::new(&tool).parent().unwrap().display().to_string();
    let program = program.var("PATH", &path).var("PATHEXT", ".EXE;.CMD");
    assert_eq!(program.run(&["serve", "--", "tool", "7"]).code, Some(7));
    assert_eq!(program.run(&["serve", "--", "no-such-tool"]).code, Some(127));
}

#[test]
fn a_command_gets_the_endpoints_and_its_exit_code_is_passed_on() {
    let program = Program::new();
    let run = shell(&program, "if defined AWS_ENDPOINT_URL_SSO_OIDC (exit 9) else (exit 1)");
    assert_eq!(run.code, Some(9), "{run:?}");
    assert_eq!(shell(&program, "exit 0").code, Some(0));
    // A code that is more than a byte is a failure.
    assert_eq!(shell(&program, "exit 300").code, Some(1));
    let run = program.run(&["serve", "--", "no-such-command"]);
    assert_eq!(run.code, Some(127), "{run:?}");
}

#[test]
fn what_is_written_to_a_pipe_is_utf_8_without_escape_sequences() {
    let run = Program::new().run(&["login", "--sso-session", "bücher→東京"]);
    assert_ne!(run.code, Some(0), "{run:?}");
    assert!(run.stderr.contains("bücher→東京") && !run.stderr.contains('\u{1b}'), "{run:?}");
}

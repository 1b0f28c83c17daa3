//! `examples/deploy`: each flag, key and variable is one of the program.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Program, native};
use sso_oidc_server::{Approval, Config, TestServer};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/deploy").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap()
}

/// Returns the values of a key, such as `ExecStart`.
fn values(text: &str, key: &str) -> Vec<String> {
    let prefix = format!("{key}=");
    text.lines().filter_map(|line| line.strip_prefix(&prefix)).map(str::to_owned).collect()
}

/// Returns the words after the program.
fn arguments(command: &str) -> Vec<String> {
    command.split(' ').skip(1).map(str::to_owned).collect()
}

fn strs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

#[test]
fn the_settings_of_the_unit_are_in_force_as_they_are_written() {
    let file = path("serve.toml");
    let printed = Program::new().run(&["serve", "--config", file.to_str().unwrap(), "--print-config"]).ok();
    let written = text("serve.toml");
    let keys: Vec<&str> =
        written.lines().filter(|line| line.contains(" = ") && !line.starts_with('#')).collect();
    assert!(keys.len() > 4, "{written}");
    for line in keys {
        assert!(printed.lines().any(|printed| printed == line), "{line}: {printed}");
    }
    // What is commented out is valid, too.
    let all = written.replace("# public-url", "public-url").replace("# trusted-proxy", "trusted-proxy");
    let program = Program::new();
    let file = program.file("all.toml", &all);
    let printed = program.run(&["serve", "--config", &file, "--print-config"]).ok();
    assert!(printed.contains("public-url = ") && printed.contains("trusted-proxy = "), "{printed}");
}

#[test]
fn the_unit_starts_the_program_with_flags_that_it_has() {
    let unit = text("sso-oidc.service");
    let settings = text("serve.toml");
    let start = arguments(&values(&unit, "ExecStart")[0]).join(" ");
    let config = path("serve.toml");
    let start = start.replace("/etc/sso-oidc/serve.toml", config.to_str().unwrap());
    let start: Vec<String> = start.split(' ').map(str::to_owned).collect();
    Program::new().run(&[&strs(&start)[..], &["--print-config"]].concat()).ok();
    let ready = arguments(&values(&unit, "ExecStartPost")[0]);
    let at = ready.iter().position(|word| word == "--ready-file").unwrap() + 1;
    assert!(settings.contains(&format!("ready-file = \"{}\"", ready[at])), "both name one file");
    let ready = ready.join(" ").replace("--wait 30s", "--wait 0s");
    let ready: Vec<&str> = ready.split(' ').collect();
    assert!(Program::new().run(&ready).fails(1).contains(ready[at]));
    // The server writes below these folders only.
    for (key, folder) in [("StateDirectory", "/var/lib/sso-oidc/"), ("RuntimeDirectory", "/run/sso-oidc/")] {
        assert_eq!(values(&unit, key), ["sso-oidc"]);
        assert!(settings.contains(folder), "{folder}");
    }
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    let Ok(found) = Command::new("systemd-analyze").arg("--version").output() else { return };
    assert!(found.status.success());
    let directory = tempfile::tempdir().unwrap();
    let unit = directory.path().join("sso-oidc.service");
    // It looks for the program.
    let program = env!("CARGO_BIN_EXE_sso-oidc");
    std::fs::write(&unit, text("sso-oidc.service").replace("/usr/local/bin/sso-oidc", program)).unwrap();
    let mut verify = Command::new("systemd-analyze");
    let checked = verify.args(["verify", "--man=no"]).arg(&unit).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stderr);
    // Units of the machine itself may have faults of their own.
    let ours: Vec<_> = said.lines().filter(|line| line.contains("sso-oidc.service")).collect();
    assert!(ours.is_empty(), "{said}");
}

#[test]
fn the_image_starts_and_checks_the_program_with_settings_that_it_has() {
    let image = text("Dockerfile");
    let environment: Vec<(&str, &str)> =
        image.lines().filter_map(|line| line.strip_prefix("ENV ")?.split_once('=')).collect();
    assert_eq!(environment.len(), 4);
    let program = environment.iter().fold(Program::new(), |program, (name, value)| program.var(name, value));
    let run = program.run(&["serve", "--print-config"]);
    assert_eq!(run.stderr, "", "no variable is unknown");
    let printed = run.ok();
    for (name, value) in environment {
        let key = name.strip_prefix("SSO_OIDC_SERVE_").unwrap().to_ascii_lowercase().replace('_', "-");
        assert!(printed.contains(&format!("{key} = \"{value}\"\n")), "{key}: {printed}");
    }
    let listed = |line: &str| -> Vec<String> { serde_json::from_str(line).unwrap() };
    let after = |start: &str| {
        let lines = image.lines().filter(|line| line.starts_with(start));
        lines.map(|line| line.split_once(start).unwrap().1.to_owned()).next().unwrap()
    };
    assert_eq!(listed(&after("CMD ")), ["serve"]);
    let check = after("HEALTHCHECK ");
    let (_, check) = check.split_once(" CMD ").unwrap();
    let check = listed(check);
    assert_eq!(check[0], listed(&after("ENTRYPOINT "))[0]);
    // Nothing listens on a port of the test's own, which is no error of the command line.
    let closed = check.iter().map(|word| word.replace(":8765", ":1")).collect::<Vec<_>>();
    assert!(Program::new().run(&strs(&closed)[1..]).fails(1).contains("not ready"));
}

#[test]
fn the_variables_of_compose_are_settings_of_the_server() {
    let compose = text("compose.yaml");
    let lines = compose.lines().map(str::trim).filter(|line| line.starts_with("SSO_OIDC_SERVE_"));
    let pairs: Vec<_> = lines.filter_map(|line| line.split_once(": ")).collect();
    assert_eq!(pairs.len(), 2);
    let program = pairs.iter().fold(Program::new(), |program, (name, value)| program.var(name, value));
    let run = program.run(&["serve", "--print-config"]);
    assert_eq!(run.stderr, "");
    let printed = run.ok();
    assert!(printed.contains("public-url = \"http://localhost:8765\"\n"), "{printed}");
    assert!(printed.contains("allow-host = [\"sso\"]\n"), "{printed}");
}

#[test]
fn the_tests_of_compose_sign_in_with_the_config_that_they_mount() {
    let compose = text("compose.yaml");
    let (_, tests) = compose.split_once("\n  tests:\n").expect("a service with tests");
    let after = |start: &str| tests.lines().find_map(|line| line.trim().strip_prefix(start)).expect(start);
    let mounted: Vec<&str> = after("- ./").split(':').collect();
    let [file, place, "ro"] = mounted[..] else { panic!("{mounted:?}") };
    assert_eq!(after("AWS_CONFIG_FILE: "), place);
    let command: Vec<String> = serde_json::from_str(after("command: ")).unwrap();
    assert_eq!(command[..2], ["sso", "login"]);
    // Our program reads the file as the AWS CLI does, and has these flags.
    let server = TestServer::with(Config::default().with_approval(Approval::Auto)).unwrap();
    let file = path(file);
    let mut program = Program::new().var("AWS_CONFIG_FILE", file.to_str().unwrap());
    let endpoints = tests.lines().filter_map(|line| line.trim().strip_suffix(": http://sso:8765"));
    for name in endpoints {
        program = program.var(name, server.endpoint());
    }
    program.run(&strs(&command)[1..]).ok();
    let state =
        program.run(&["status", "--query", "sessions[].[sessionName,state]", "--output", "text"]).ok();
    assert_eq!(state.trim_end(), "test\tvalid");
    assert!(program.home.path().join(native(".aws/sso/cache")).is_dir());
}

#[test]
fn the_build_of_the_image_leaves_out_what_git_ignores() {
    let ignored = std::fs::read_to_string(path("../../.gitignore")).unwrap();
    let left_out = text("Dockerfile.dockerignore");
    for name in ignored.lines().filter(|name| !name.contains('*')).chain([".git"]) {
        let is_left_out = |line: &str| line.strip_prefix("**/").unwrap_or(line) == name;
        assert!(left_out.lines().any(is_left_out), "{name}");
    }
}

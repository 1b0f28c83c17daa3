//! Tests of the README: its Rust blocks equal the crates' doc tests, and its command lines run. The program's own
//! README shows some of them.

mod common;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use common::{DEVICE_CODE, LOGIN, Program};
use sso_oidc_server::{Approval, Client, Config, TestServer};

const README: &str = include_str!("../../../README.md");
/// What the registry shows of the program.
const OF_THE_PROGRAM: &str = include_str!("../README.md");

/// Returns the code blocks of this language.
fn blocks(language: &str) -> Vec<String> {
    blocks_of(README, language)
}

fn blocks_of(readme: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = readme.lines();
    while let Some(line) = lines.next() {
        if line == format!("```{language}") {
            blocks.push(
                lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect(),
            );
        }
    }
    blocks
}

/// Returns the command lines with this beginning, without the `$`.
fn commands(program: &str) -> Vec<String> {
    let lines = blocks("console").concat();
    let prefix = format!("$ {program} ");
    lines.lines().filter_map(|line| line.strip_prefix(&prefix)).map(str::to_owned).collect()
}

/// Returns a crate's documentation without `//!` and hidden lines.
fn shown(source: &str) -> String {
    let lines = source.lines().filter_map(|line| line.strip_prefix("//!"));
    let lines = lines.map(|line| line.strip_prefix(' ').unwrap_or(line));
    lines
        .filter(|line| !line.starts_with("# ") || line.starts_with("# What"))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn every_rust_block_is_a_doc_test_of_its_crate() {
    let documents = [
        include_str!("../../device-flow-ureq/src/lib.rs"),
        include_str!("../../device-flow-reqwest/src/lib.rs"),
        include_str!("../../sso-oidc-credentials/src/lib.rs"),
    ]
    .map(shown);
    let blocks = blocks("rust");
    assert_eq!(blocks.len(), 5);
    for block in blocks {
        assert!(
            documents.iter().any(|document| document.contains(&block)),
            "in no crate's documentation:\n{block}"
        );
    }
}

#[test]
fn every_command_line_that_the_registry_shows_is_one_that_runs() {
    let run = blocks("console").concat();
    let shown = blocks_of(OF_THE_PROGRAM, "console").concat();
    assert!(shown.lines().count() > 4, "{shown}");
    for line in shown.lines() {
        assert!(run.lines().any(|ran| ran == line), "the README of the repository does not have `{line}`");
    }
    let [install] = blocks_of(OF_THE_PROGRAM, "sh").try_into().expect("one block installs it");
    assert!(README.contains(&format!("`{}`", install.trim_end())), "{install}");
}

#[test]
fn every_command_and_feature_that_the_registry_names_is_there() {
    let help = Program::new().run(&["--help"]).ok();
    let paragraphs = OF_THE_PROGRAM.lines().filter(|line| line.starts_with("- "));
    let spans: Vec<&str> = paragraphs.flat_map(|line| line.split('`').skip(1).step_by(2)).collect();
    assert!(spans.len() > 8, "{spans:?}");
    for span in spans {
        let command = span.strip_prefix("sso-oidc ").unwrap_or(span);
        let command = command.strip_prefix("COMMAND ").unwrap_or(command);
        let is_listed = help.lines().any(|line| line.split_whitespace().next() == Some(command));
        assert!(is_listed || help.contains(command) && command.starts_with("--"), "{span}: {help}");
    }
    assert!(include_str!("../Cargo.toml").contains("\npostgres = ["));
}

#[test]
fn the_blocking_example_has_twelve_lines() {
    let block = &blocks("rust")[0];
    assert!(block.lines().filter(|line| !line.is_empty()).count() <= 12, "{block}");
}

#[test]
fn two_commands_set_everything_up() {
    assert_eq!(commands("cargo"), ["run -- demo", "xtask test"]);
}

/// Removes numbers and codes, which differ from run to run.
fn without_numbers(text: &str) -> String {
    let mut shape = String::new();
    for word in text.split_whitespace() {
        let is_code = word.len() == 9 && word.as_bytes()[4] == b'-' && word.to_uppercase() == word;
        let word = if is_code { "CODE".to_owned() } else { word.replace(|c: char| c.is_ascii_digit(), "") };
        shape.push_str(word.split("user_code=").next().unwrap());
        shape.push(' ');
    }
    shape
}

#[test]
fn the_transcript_is_what_the_demo_prints() {
    let ended = Program::new().run(&["demo", "--approve"]);
    let stderr = ended.stderr.clone();
    let printed = format!("{stderr}\n{}", ended.ok());
    let mut printed = printed.lines().map(without_numbers);
    let transcript = &blocks("text")[0];
    assert!(transcript.lines().count() > 8, "{transcript}");
    for line in transcript.lines().map(without_numbers) {
        assert!(printed.any(|printed| printed == line), "the demo does not print `{line}` there");
    }
}

#[test]
fn every_command_line_of_the_program_runs() {
    let config = Config::default().with_approval(Approval::Auto).with_client(Client::public("my-tool"));
    let server = TestServer::with(config).unwrap();
    let program = Program::new()
        .config(
            "[profile work]\nsso_start_url = https://d-1234567890.awsapps.com/start\nsso_region = eu-west-1\n\
             [sso-session corp]\nsso_start_url = https://d-1234567890.awsapps.com/start\nsso_region = eu-west-1\n",
        )
        .var("AWS_ENDPOINT_URL_SSO_OIDC", server.endpoint())
        .var("AWS_ENDPOINT_URL_SSO", server.endpoint())
        .var("CI", "true");
    let script = program.file("script.toml", &blocks("toml")[0]);
    let (mut id, mut code, mut secret) = (String::new(), String::new(), String::new());
    let mut ran = 0;
    // Those without an end have tests of their own. `conform` would find this server too quick, because it needs no
    // person.
    let is_run = |line: &&String| {
        let ends = !line.starts_with("serve") || line.contains(" -- ");
        ends && !line.starts_with("conform")
    };
    for line in commands("sso-oidc").iter().filter(is_run) {
        let arguments: Vec<String> = line
            .split_whitespace()
            .map(|word| match word {
                "ID" => id.clone(),
                "CODE" => code.clone(),
                // Any program will do.
                "aws" | "pytest" => env!("CARGO_BIN_EXE_sso-oidc").to_owned(),
                "s3" => "demo".to_owned(),
                "ls" | "tests" => "--help".to_owned(),
                "https://id.example" => server.endpoint().to_owned(),
                "script.toml" => script.clone(),
                "file://secret" => format!("file://{secret}"),
                word => word.to_owned(),
            })
            .collect();
        let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        if arguments[0] == "try-faults" {
            // Our own client is as good as any.
            let end = arguments.iter().position(|word| *word == "--").unwrap();
            arguments.truncate(end + 1);
            arguments.push(env!("CARGO_BIN_EXE_sso-oidc"));
            arguments.extend(LOGIN);
        }
        let out = program.run(&arguments).ok();
        ran += 1;
        let Ok(json) = serde_json::from_str::<serde_json::Value>(&out) else { continue };
        let text = |name: &str| json[name].as_str().unwrap().to_owned();
        match arguments[0] {
            "register-client" => {
                id = text("clientId");
                secret = program.file("secret", &text("clientSecret"));
            }
            "start-device-authorization" => code = text("deviceCode"),
            "create-token" => assert!(arguments.contains(&DEVICE_CODE) && !text("accessToken").is_empty()),
            "login" if arguments.contains(&"--issuer") => assert!(!text("access_token").is_empty()),
            _ => assert_eq!(json, 28_800, "--query expiresIn"),
        }
    }
    assert_eq!(ran, 24);
}

#[test]
fn the_command_line_that_checks_a_server_is_one() {
    let lines = commands("sso-oidc");
    let conform = lines.iter().find(|line| line.starts_with("conform")).expect("the README shows `conform`");
    let mut arguments: Vec<&str> = conform.split_whitespace().collect();
    arguments.extend(["--max-requests", "0"]);
    let run = Program::new().run(&arguments);
    assert_eq!(run.code, Some(255), "{run:?}");
    assert!(run.stderr.contains("the limit of requests is reached"), "{run:?}");
}

#[test]
fn the_server_prints_the_line_that_the_readme_shows() {
    let lines = commands("sso-oidc");
    let serve = lines.iter().find(|line| line.starts_with("serve")).expect("the README shows `serve`");
    let mut child = Command::new(env!("CARGO_BIN_EXE_sso-oidc"))
        .args(serve.split_whitespace())
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let port =
        line.trim_end().strip_prefix("listening on http://127.0.0.1:").expect("the line of the README");
    assert!(port.parse::<u16>().is_ok(), "{line}");
    assert!(README.contains("listening on http://127.0.0.1:PORT"));
}

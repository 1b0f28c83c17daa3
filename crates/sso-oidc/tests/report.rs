//! `serve --report`.
#![cfg(unix)]

mod common;

use common::{LOGIN, Program, Run};

/// Runs our own client under `serve` with these flags.
fn sign_in(program: &Program, flags: &[&str]) -> Run {
    program.run(&[&["serve"], flags, &["--", env!("CARGO_BIN_EXE_sso-oidc")], &LOGIN].concat())
}

/// A shell client that registers, asks for codes, and polls three times without a pause. Its program is `$0`.
const RUDE: &str = r#"
    set -- $("$0" register-client --client-name x --client-type public --query '[clientId,clientSecret]' --output text)
    as="--client-id $1 --client-secret $2"
    code=$("$0" start-device-authorization $as --start-url https://d-1.awsapps.com/start --query deviceCode --output text)
    for _ in 1 2 3; do
        "$0" create-token $as --grant-type urn:ietf:params:oauth:grant-type:device_code --device-code "$code"
    done > /dev/null 2>&1
    exit 0
"#;

fn rude(program: &Program, flags: &[&str]) -> Run {
    let shell = ["--", "sh", "-c", RUDE, env!("CARGO_BIN_EXE_sso-oidc")];
    program.run(&[&["serve", "--approve", "after-polls=1"], flags, &shell].concat())
}

#[test]
fn our_own_client_has_no_findings_even_if_it_loses_a_response() {
    let program = Program::new();
    let flags = ["--approve", "after-polls=1", "--report-fail", "--fault", "drop-after-commit@poll:1"];
    let run = sign_in(&program, &flags);
    assert!(run.stderr.contains("No findings.") && run.stderr.contains("     1  sign-ins"), "{}", run.stderr);
    assert_eq!(run.code, Some(0));
}

#[test]
fn a_rude_client_fails_the_job_although_it_succeeded() {
    let program = Program::new().var("PATH", "/usr/bin:/bin");
    let run = rude(&program, &["--report-fail"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{}", run.stderr);
    assert!(run.stderr.contains("     1  Polls earlier than the interval"), "{}", run.stderr);
    assert!(run.stderr.contains("     1  Spent secrets sent again"), "{}", run.stderr);
    assert_eq!(rude(&program, &["--report"]).code, Some(0), "a report alone changes no exit code");
    let failed = program.run(&["serve", "--report-fail", "--", "sh", "-c", "exit 3"]);
    assert_eq!(failed.code, Some(3));
}

#[test]
fn the_report_is_json_on_request_and_in_a_file() {
    let program = Program::new().var("PATH", "/usr/bin:/bin");
    let file = program.file("report", "of an earlier run");
    let run = rude(&program, &["--report", "json", "--report-file", &file]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let report: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!((&report["polls"], &report["signIns"]), (&3.into(), &1.into()), "{report}");
    assert_eq!(report["findings"]["pollsAfterEnd"], 1, "{report}");
    let missing = program.run(&["serve", "--report-file", "/none/report", "--", "true"]);
    assert!(missing.fails(255).contains("cannot write the report"));
}

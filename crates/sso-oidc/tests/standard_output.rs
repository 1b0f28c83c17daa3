//! Standard output that takes no more: a reader that has left, and a full disk.

mod common;

use std::process::{Child, Stdio};

use common::{DEVICE_CODE, Program, Stub, success};

/// Commands that print, from each way to print: a result, a skeleton, a list, a page, a script.
const COMMANDS: [&[&str]; 6] = [
    &[
        "create-token",
        "--client-id",
        "i",
        "--client-secret",
        "s",
        "--grant-type",
        DEVICE_CODE,
        "--device-code",
        "d",
    ],
    &["register-client", "--generate-cli-skeleton"],
    &["cache", "path"],
    &["man"],
    &["completions", "bash"],
    &["--help"],
];

/// Runs each command with this standard output, and returns its exit code and standard error.
fn ends(stdout: impl Fn() -> Stdio, started: impl Fn(&mut Child)) -> Vec<(Option<i32>, String)> {
    let stub = Stub::always(success(r#"{"accessToken":"at","expiresIn":3600,"tokenType":"Bearer"}"#));
    let program =
        Program::new().var("AWS_ENDPOINT_URL_SSO_OIDC", &stub.endpoint).var("AWS_REGION", "eu-west-1");
    let run = |arguments: &&[&str]| {
        let mut child = program.command(arguments).stdout(stdout()).spawn().unwrap();
        started(&mut child);
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    COMMANDS.iter().map(run).collect()
}

#[test]
fn a_reader_that_has_read_enough_makes_no_error() {
    for (command, end) in COMMANDS.iter().zip(ends(Stdio::piped, |child| drop(child.stdout.take()))) {
        assert_eq!(end, (Some(0), String::new()), "{command:?}");
    }
}

/// A result that is lost on a full disk must not look like success: a script would go on with half a file.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_that_names_standard_output() {
    let full = || std::fs::File::create("/dev/full").unwrap().into();
    for (command, (code, stderr)) in COMMANDS.iter().zip(ends(full, |_| ())) {
        assert_eq!(code, Some(255), "{command:?}: {stderr}");
        assert!(stderr.contains("cannot write to standard output: No space left"), "{command:?}: {stderr}");
    }
}

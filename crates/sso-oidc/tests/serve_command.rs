//! `serve -- COMMAND`: the command's environment, its end, and that of the server.
#![cfg(unix)]

mod common;

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Stdio;

use common::{LOGIN, Program, Run};

/// Runs a shell script with the server, with these flags before it.
fn script(program: &Program, flags: &[&str], script: &str) -> Run {
    program.run(&[&["serve"], flags, &["--", "sh", "-c", script]].concat())
}

#[test]
fn a_whole_sign_in_takes_one_line_and_leaves_no_token() {
    for flags in [&["--approve", "auto"][..], &["--approve", "auto", "--tls"]] {
        let program = Program::new();
        let login = [&["serve"], flags, &["--", env!("CARGO_BIN_EXE_sso-oidc")], &LOGIN].concat();
        let run = program.run(&[&login[..], &["--show-token", "--query", "expiresIn"]].concat());
        assert!(!run.stderr.contains("answered"), "the log is not on standard error: {}", run.stderr);
        assert_eq!(run.ok(), "28800\n", "{flags:?}");
        assert!(!program.home.path().join(".aws").exists(), "the token was in another home");
    }
}

#[test]
fn the_command_has_the_endpoints_a_region_and_a_home_of_its_own() {
    let program = Program::new()
        .var("PATH", "/usr/bin:/bin")
        .var("AWS_PROFILE", "work")
        .var("AWS_CONFIG_FILE", "/elsewhere")
        .var("AWS_SHARED_CREDENTIALS_FILE", "/elsewhere");
    let show = "echo $AWS_ENDPOINT_URL_SSO_OIDC $AWS_ENDPOINT_URL_SSO $AWS_REGION $AWS_DEFAULT_REGION; \
                echo $AWS_PROFILE$AWS_CONFIG_FILE$AWS_SHARED_CREDENTIALS_FILE$AWS_CA_BUNDLE; \
                ls -A \"$HOME\"; test \"$HOME\" = \"$USERPROFILE\" && echo \"$HOME\"; echo x > \"$HOME/x\"";
    let out = script(&program, &[], show).ok();
    let lines: Vec<&str> = out.lines().collect();
    let words: Vec<&str> = lines[0].split(' ').collect();
    assert!(words[0].starts_with("http://127.0.0.1:") && words[0] == words[1], "{out}");
    assert_eq!(words[2..], ["us-east-1", "us-east-1"]);
    assert_eq!(lines[1], "", "nothing leads out of the home");
    let home = Path::new(lines[2]);
    assert_ne!(home, program.home.path());
    assert!(!home.exists(), "it is removed, with what is in it");
    let address = words[0].strip_prefix("http://").unwrap();
    assert!(TcpStream::connect(address).is_err(), "the server has stopped");

    let program = program.var("AWS_DEFAULT_REGION", "eu-west-1");
    let out =
        script(&program, &["--keep-home"], "echo $AWS_REGION $AWS_PROFILE $AWS_CONFIG_FILE; echo $HOME");
    assert_eq!(out.ok(), format!("eu-west-1 work /elsewhere\n{}\n", program.home.path().display()));
}

#[test]
fn tls_comes_with_the_certificate_of_its_ca() {
    let show = "cmp \"$AWS_CA_BUNDLE\" \"$SSL_CERT_FILE\" && grep BEGIN \"$AWS_CA_BUNDLE\"; \
                echo $AWS_CA_BUNDLE $AWS_ENDPOINT_URL_SSO_OIDC";
    let out = script(&Program::new().var("PATH", "/usr/bin:/bin"), &["--tls"], show).ok();
    let (pem, rest) = out.split_once('\n').unwrap();
    assert!(pem.contains("BEGIN CERTIFICATE"), "{out}");
    let (file, endpoint) = rest.trim_end().split_once(' ').unwrap();
    assert!(endpoint.starts_with("https://127.0.0.1:"), "{out}");
    assert!(!Path::new(file).exists());
}

#[test]
fn the_streams_are_the_commands_and_the_exit_code_too() {
    let program = Program::new().var("PATH", "/usr/bin:/bin").stdin("typed\n");
    let run = script(&program, &[], "cat; echo said >&2; exit 3");
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (Some(3), "typed\n", "said\n"));
    let run = script(&program, &[], "kill -9 $$");
    assert_eq!(run.code, Some(137));
    let run = program.run(&["serve", "--", "no-such-program"]);
    assert!(run.fails(127).contains("cannot start no-such-program"));
    program.run(&["serve", "--", "/"]).fails(126);
}

#[test]
fn a_server_that_cannot_start_runs_no_command() {
    let program = Program::new().var("PATH", "/usr/bin:/bin");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let witness = program.home.path().join("ran");
    let touch = format!("touch {}", witness.display());
    script(&program, &["--listen", &address], &touch).fails(255);
    script(&program, &["--tls-certificate", "/none", "--tls-key", "/none"], &touch).fails(255);
    assert!(!witness.exists());
}

#[test]
fn the_log_is_in_its_file_or_with_debug_on_standard_error() {
    let program = Program::new().var("PATH", "/usr/bin:/bin");
    let file = program.home.path().join("log");
    let log = ["--approve", "auto", "--log-file", file.to_str().unwrap()];
    let line = [&["serve"], &log[..], &["--", env!("CARGO_BIN_EXE_sso-oidc")], &LOGIN].concat();
    let run = program.run(&line);
    assert!(!run.stderr.contains("RegisterClient"), "{}", run.stderr);
    run.ok();
    let log = std::fs::read_to_string(&file).unwrap();
    assert!(log.contains("operation=\"CreateToken\"") && log.ends_with("stopped\n"), "{log}");
    assert!(!log.contains('\u{1b}'), "{log}");
    let run = script(&program, &["--debug"], "true");
    assert!(run.stderr.contains("serving"), "{}", run.stderr);
    run.ok();
}

/// Only Linux tells whether SIGHUP is ignored, and elsewhere it keeps its usual effect.
const HANG_UP: (&str, &str, i32) = match cfg!(target_os = "linux") {
    true => ("-HUP", "trap 'exit 11' HUP; ", 11),
    false => ("-TERM", "", 143),
};

#[test]
fn a_signal_reaches_the_command_and_ends_both() {
    for (signal, trap, code) in [
        ("-TERM", "", 143),
        ("-INT", "trap 'exit 7' INT; ", 7),
        ("-TERM", "trap 'exit 9' TERM; ", 9),
        HANG_UP,
    ] {
        let program = Program::new().var("PATH", "/usr/bin:/bin");
        // The shell waits in a built-in, which a trapped signal ends.
        let loop_ = format!("{trap}echo $AWS_ENDPOINT_URL_SSO_OIDC $HOME; while :; do sleep 0.01; done");
        let mut command = program.command(&["serve", "--", "sh", "-c", &loop_]);
        // A group of its own is in the background of any terminal.
        let mut child = command.process_group(0).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let pid = child.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(code), "{signal} {trap}");
        let (url, home) = line.trim_end().split_once(' ').unwrap();
        assert!(TcpStream::connect(url.strip_prefix("http://").unwrap()).is_err(), "the server has stopped");
        assert!(!Path::new(home).exists(), "the home is removed");
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
    }
}

#[test]
fn without_a_terminal_a_signal_reaches_the_children_of_the_command_too() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let program = Program::new().var("PATH", "/usr/bin:/bin");
    // The child of the shell ends at the signal, which the shell alone would not pass on.
    let shell = "(trap 'echo ended; exit' TERM; echo ready; i=0; while [ $i -lt 500 ]; do i=$((i + 1)); sleep 0.01; done) & wait; wait";
    let serve = program.command(&["serve", "--", "sh", "-c", shell]);
    // A session of its own has no terminal.
    let mut command = std::process::Command::new("setsid");
    command.arg(serve.get_program()).args(serve.get_args());
    command.env_clear().env("HOME", program.home.path()).env("PATH", "/usr/bin:/bin");
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(143));
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "ended\n");
}

#[test]
fn secrets_of_the_server_and_of_other_services_are_not_the_commands() {
    let secrets = [
        ("SSO_OIDC_CLIENT_SECRET", "sentinel"),
        ("SSO_OIDC_ACCESS_TOKEN", "sentinel"),
        ("SSO_OIDC_SERVE_OAUTH_CLIENT", "tool:sentinel"),
        ("SSO_OIDC_CONTROL_TOKEN", "sentinel"),
        ("SSO_OIDC_CONTROL_URL", "http://sentinel"),
    ];
    let program = Program::new().var("PATH", "/usr/bin:/bin").var("PGPASSWORD", "of a test's database");
    let program = secrets.into_iter().fold(program, |program, (name, value)| program.var(name, value));
    for flags in [&[][..], &["--keep-home"]] {
        let out = script(&program, flags, "env").ok();
        assert!(!out.contains("sentinel") && !out.contains("SSO_OIDC_"), "{out}");
        assert!(out.contains("PGPASSWORD=of a test's database\n"), "the server does not use it: {out}");
    }
    // The control API of this server is there.
    let out = script(&program, &["--control", "0"], "echo $SSO_OIDC_CONTROL_URL").ok();
    assert!(out.starts_with("http://127.0.0.1:"), "{out}");
}

#[test]
fn the_server_is_reached_although_the_environment_has_a_proxy() {
    let program = Program::new()
        .var("PATH", "/usr/bin:/bin")
        .var("http_proxy", "http://127.0.0.1:9")
        .var("ALL_PROXY", "http://127.0.0.1:9")
        .var("no_proxy", "corp.example");
    let out = script(&program, &[], "echo $NO_PROXY; echo $no_proxy; echo $ALL_PROXY").ok();
    let hosts = "corp.example,localhost,127.0.0.1,::1";
    assert_eq!(out, format!("{hosts}\n{hosts}\nhttp://127.0.0.1:9\n"), "other hosts keep the proxy");
    let get = "import os, urllib.request; url = os.environ['AWS_ENDPOINT_URL_SSO_OIDC']; \
               print(urllib.request.urlopen(url + '/health', timeout=10).status)";
    if std::process::Command::new("/usr/bin/python3").arg("-V").output().is_ok() {
        assert_eq!(script(&program, &[], &format!("/usr/bin/python3 -c \"{get}\"")).ok(), "200\n");
    }
}

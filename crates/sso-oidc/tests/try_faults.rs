//! `try-faults` with our own client, which is correct, and with commands that are not.
#![cfg(unix)]

mod common;

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::{LOGIN, Program, Run};

fn try_ours(flags: &[&str]) -> Run {
    let command = ["--", env!("CARGO_BIN_EXE_sso-oidc")];
    Program::new().run(&[&["try-faults"], flags, &command, &LOGIN].concat())
}

#[test]
fn our_own_client_ends_as_expected_under_faults_of_each_class() {
    let faults = "gateway-503,refuse,http-1.0,drop-after-commit,expired,redirect-307@register:1,tls-expired";
    let run = try_ours(&["--faults", faults, "--report-fail", "--output", "json"]);
    assert!(run.stderr.contains("3/7: http-1.0@poll:1\n"), "{}", run.stderr);
    let runs = run.json()["runs"].as_array().unwrap().clone();
    let row = |run: &serde_json::Value| {
        let name = run["fault"].as_str().unwrap_or("none").to_owned();
        assert_eq!((&run["verdict"], &run["asExpected"]), (&"ok".into(), &true.into()), "{run}");
        assert_eq!(run["exitCode"] == 0, run["signedIn"] == true, "{run}");
        (name, run["expected"].as_str().unwrap().to_owned(), run["signedIn"] == true)
    };
    let rows: Vec<_> = runs.iter().map(row).collect();
    let expected = [
        ("none", "signs in", true),
        ("gateway-503@poll:1", "signs in", true),
        ("refuse@poll", "signs in", true),
        ("http-1.0@poll:1", "signs in", true),
        ("drop-after-commit@poll:1", "ends", false),
        ("expired@poll:1", "ends", false),
        ("redirect-307@register:1", "ends", false),
        ("tls-expired@poll:1", "ends", true),
    ];
    assert_eq!(rows, expected.map(|(name, end, signed_in)| (name.to_owned(), end.to_owned(), signed_in)));
}

#[test]
fn a_command_that_gives_up_or_hangs_is_named() {
    // It signs in like our client, unless the first poll failed.
    let command = "\"$0\" login --start-url https://d-1.awsapps.com/start --region eu-west-1 --no-browser && exit; \
                   exec sleep 60";
    let shell = ["--", "sh", "-c", command, env!("CARGO_BIN_EXE_sso-oidc")];
    let program = Program::new().var("PATH", "/usr/bin:/bin");
    let flags = ["try-faults", "--faults", "gateway-503,access-denied", "--timeout", "8s"];
    let run = program.run(&[&flags[..], &shell].concat());
    assert_eq!(run.code, Some(1), "{run:?}");
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(lines[0].starts_with("Fault") && lines.len() == 4, "{}", run.stdout);
    assert!(lines[2].starts_with("gateway-503@poll:1") && lines[2].contains(" ok"), "{}", run.stdout);
    assert!(lines[3].contains("killed") && lines[3].contains("did not end in time"), "{}", run.stdout);
}

#[test]
fn at_the_time_out_and_at_the_end_the_children_of_the_command_die_too() {
    for (command, said) in [
        ("sleep 300 & echo $! > $PIDS; wait", "did not end in time"),
        ("sleep 300 & echo $! > $PIDS", "without a token"),
    ] {
        let program = Program::new().var("PATH", "/usr/bin:/bin");
        let pids = program.home.path().join("pids");
        let program = program.var("PIDS", pids.to_str().unwrap());
        let stderr = program.run(&["try-faults", "--timeout", "1s", "--", "sh", "-c", command]).fails(255);
        assert!(stderr.contains(said), "{stderr}");
        let pid = std::fs::read_to_string(pids).unwrap();
        let lives = || {
            let alive = Command::new("kill").args(["-0", pid.trim()]).stderr(Stdio::null()).status();
            // One that has ended may wait for its parent, the system.
            let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
            alive.unwrap().success() && !state.contains(") Z ")
        };
        let began = Instant::now();
        while lives() && began.elapsed() < Duration::from_secs(5) {
            thread::sleep(Duration::from_millis(10));
        }
        assert!(!lives(), "{command}");
    }
}

#[test]
fn a_command_that_does_not_sign_in_without_a_fault_is_not_tried_further() {
    let program = Program::new().var("PATH", "/usr/bin:/bin");
    for (command, said) in [("exit 0", "succeeded without a token"), ("exit 5", "did not sign in")] {
        let stderr = program.run(&["try-faults", "--", "sh", "-c", command]).fails(255);
        assert!(stderr.contains(said) && !stderr.contains("1/"), "{stderr}");
    }
    program.run(&["try-faults", "--", "no-such-program"]).fails(127);
    let run = try_ours(&["--faults", "expired@poll:2"]);
    assert!(run.code == Some(1) && run.stdout.contains("never met the fault"), "{run:?}");
    let run = try_ours(&["--faults", "expired@poll:2", "--approve", "after-polls=1"]);
    assert!(run.code == Some(0) && run.stdout.contains("expired@poll:2"), "{run:?}");
    let wrong = program.run(&["try-faults", "--faults", "smoke", "--", "true"]).fails(252);
    assert!(wrong.contains("unknown fault name"), "{wrong}");
}

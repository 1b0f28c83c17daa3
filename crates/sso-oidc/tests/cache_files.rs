//! The cache files of `login`, and the obstacles to reading and writing them.

mod common;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{LOGIN, Program, START_URL, holder, token_file, with};
use oidc_proto::Operation;
use sso_cache::{Cache, Identity};
use sso_oidc_server::{Approval, Config, TestServer};

fn server(approval: Approval) -> TestServer {
    TestServer::with(Config::default().with_approval(approval).with_remembered_requests(1000)).unwrap()
}

fn program(endpoint: &str) -> Program {
    Program::new().var("AWS_ENDPOINT_URL_SSO_OIDC", endpoint)
}

fn cache(program: &Program) -> Cache {
    Cache::at(Cache::default_dir(program.home.path()))
}

fn identity() -> Identity {
    Identity::StartUrl(START_URL.to_owned())
}

fn files(dir: &Path) -> Vec<String> {
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_corrupt_cache_file_is_moved_aside_and_does_not_stop_a_sign_in() {
    let server = server(Approval::Auto);
    let program = program(server.endpoint());
    program.run(&LOGIN).ok();
    let file = token_file(&program);
    std::fs::write(&file, "{\"accessToken\":").unwrap();
    let run = program.run(&with(&["--if-needed"]));
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stderr.contains("[WARNING]") && run.stderr.contains(&file.display().to_string()), "{run:?}");
    token_file(&program);
}

#[test]
fn a_token_that_cannot_be_stored_is_printed_all_the_same() {
    let server = server(Approval::Manual);
    let program = program(server.endpoint());
    let child = program.command(&with(&["--show-token"])).spawn().unwrap();
    let began = Instant::now();
    while server.pending().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(20), "nothing was asked");
        std::thread::sleep(Duration::from_millis(5));
    }
    // During the approval, a directory takes the place of the token's file.
    let file = cache(&program).token_path(&identity());
    std::fs::create_dir(&file).unwrap();
    server.approve(&server.pending()[0]).unwrap();
    let run = child.wait_with_output().unwrap();
    let said = String::from_utf8(run.stderr).unwrap();
    assert_eq!(run.status.code(), Some(255), "{said}");
    assert!(said.contains("Signed in, but the token could not be stored"), "{said}");
    assert!(said.contains(&format!("remove the directory {}", file.display())), "{said}");
    assert!(String::from_utf8(run.stdout).unwrap().contains("accessToken"), "{said}");
}

#[test]
fn programs_that_start_together_sign_in_once() {
    let server =
        TestServer::with(Config::default().with_approval(Approval::Manual).with_remembered_requests(1000))
            .unwrap();
    let program = program(server.endpoint());
    let children: Vec<_> = (0..6).map(|_| program.command(&LOGIN).spawn().unwrap()).collect();
    let waiting = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for mut child in children {
            let waiting = &waiting;
            scope.spawn(move || {
                let said = BufReader::new(child.stderr.take().unwrap()).lines();
                for line in said.map_while(Result::ok) {
                    if line.starts_with("Another sign-in") {
                        waiting.fetch_add(1, Ordering::SeqCst);
                    }
                }
                assert!(child.wait().unwrap().success());
            });
        }
        let began = Instant::now();
        let are_there = || waiting.load(Ordering::SeqCst) == 5 && !server.pending().is_empty();
        while !are_there() && began.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(5));
        }
        server.pending().iter().for_each(|code| server.approve(code).unwrap());
    });
    assert_eq!(waiting.into_inner(), 5, "five of them wait for the sixth");
    let started = server
        .requests()
        .iter()
        .filter(|request| request.operation == Some(Operation::StartDeviceAuthorization))
        .count();
    assert_eq!(started, 1, "six programs, one page to approve");
}

#[test]
fn after_a_sign_in_every_file_of_the_cache_is_a_token_or_a_registration() {
    let server = server(Approval::Auto);
    let program = program(server.endpoint());
    let cache = cache(&program);
    std::fs::create_dir_all(cache.dir()).unwrap();
    std::fs::write(cache.token_path(&identity()), "{\"accessToken\":").unwrap();
    // The files of an earlier version.
    std::fs::write(cache.dir().join(format!("{}.lock", identity().file_name())), "").unwrap();
    program.run(&LOGIN).ok();
    let names = files(cache.dir());
    assert_eq!(names.len(), 2, "{names:?}");
    for name in names {
        let text = std::fs::read_to_string(cache.dir().join(&name)).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(json["clientId"].is_string(), "{name}: {text}");
    }
    assert_eq!(files(cache.private_dir()).len(), 3, "two locks, and the corrupt file");
}

#[test]
fn a_directory_in_the_tokens_place_is_told_before_anything_is_asked() {
    let server = server(Approval::Auto);
    let program = program(server.endpoint());
    let file = cache(&program).token_path(&identity());
    std::fs::create_dir_all(&file).unwrap();
    for more in [&[][..], &["--if-needed"], &["--show-token"]] {
        let said = program.run(&with(more)).fails(255);
        assert!(
            said.contains("[ERROR]: A new token could not be stored, so none was requested: cannot write"),
            "{said}"
        );
        assert!(said.contains(&format!("Hint: remove the directory {}", file.display())), "{said}");
        assert!(
            said.contains("sign in without the cache with `sso-oidc login --no-cache --show-token`"),
            "{said}"
        );
        assert_eq!(said.matches("[WARNING]").count(), 1, "once is enough: {said}");
    }
    assert!(server.requests().is_empty());
    program.run(&with(&["--no-cache", "--show-token"])).ok();
}

#[test]
fn waiting_for_another_sign_in_ends_and_names_who_has_the_lock() {
    let server = server(Approval::Auto);
    let program = program(server.endpoint());
    let cache = cache(&program);
    let _held = cache.lock_sign_in(&identity(), Duration::ZERO).unwrap();
    for (seconds, waits) in [("1", true), ("0", false)] {
        let began = Instant::now();
        let said = program.run(&with(&["--lock-timeout", seconds])).fails(255);
        assert!(began.elapsed() < Duration::from_secs(20), "{said}");
        assert_eq!(said.contains("waiting for it for up to 1 s."), waits, "{said}");
        assert!(
            said.contains(&format!("Another sign-in to {START_URL} did not end within {seconds} s")),
            "{said}"
        );
        assert!(said.contains(&holder(std::process::id())), "{said}");
        assert!(said.contains(&cache.private_dir().display().to_string()), "{said}");
        assert!(
            said.contains("Hint: end that process if it hangs, wait longer with --lock-timeout, or "),
            "{said}"
        );
    }
    assert!(server.requests().is_empty());
}

#[test]
fn where_there_is_no_lock_to_be_had_one_warning_is_enough() {
    let server = server(Approval::Auto);
    let program = program(server.endpoint());
    let cache = cache(&program);
    std::fs::create_dir_all(cache.dir()).unwrap();
    std::fs::write(cache.private_dir(), "a file").unwrap();
    let run = program.run(&LOGIN);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stderr.contains("going on without a lock"), "{run:?}");
    assert_eq!(run.stderr.matches("[WARNING]").count(), 1, "{run:?}");
    token_file(&program);
}

#[cfg(unix)]
#[test]
fn a_cache_that_others_may_write_to_gets_a_warning() {
    use std::os::unix::fs::PermissionsExt as _;

    let server = server(Approval::Auto);
    let program = program(server.endpoint());
    program.run(&LOGIN).ok();
    let cache = cache(&program);
    for (mode, is_open) in [(0o777, true), (0o755, false)] {
        std::fs::set_permissions(cache.dir(), std::fs::Permissions::from_mode(mode)).unwrap();
        let run = program.run(&with(&["--if-needed"]));
        assert_eq!(run.code, Some(0), "{run:?}");
        let warning = format!("[WARNING]: other users can write to {}", cache.dir().display());
        assert_eq!(run.stderr.contains(&warning), is_open, "{run:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_in_the_cache_keeps_no_sign_in_waiting() {
    let server = server(Approval::Auto);
    let program = program(server.endpoint());
    let cache = cache(&program);
    std::fs::create_dir_all(cache.dir()).unwrap();
    let fifo = |path: std::path::PathBuf| {
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success())
    };
    fifo(cache.token_path(&identity()));
    fifo(cache.dir().join("x.json"));
    std::fs::create_dir_all(cache.private_dir()).unwrap();
    fifo(cache.private_dir().join(format!("{}.lock", identity().file_name())));
    let mut child = program.command(&with(&["--if-needed", "--scopes", "a"])).spawn().unwrap();
    let began = Instant::now();
    let code = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        if began.elapsed() > Duration::from_secs(30) {
            child.kill().unwrap();
            panic!("it hangs");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let said = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("it is not a regular file; moved to"), "{said}");
    assert!(program.run(&with(&["--if-needed", "--scopes", "a"])).stderr.starts_with("Already"));
}

//! The two locks, signals, and processes that are killed: a session survives them.

mod common;

#[cfg(unix)]
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use std::time::Duration;

use common::session::{NEW, TOKEN, cache, expire_in, expired_at, identity, invalid_grant, server, signed_in};
use common::{Stub, holder, stored, success, with};
use sso_oidc_server::Rotation;

#[test]
fn a_lock_that_is_held_for_too_long_is_told_with_its_holder() {
    let stub = Stub::always(success(NEW));
    let program = expired_at(&stub);
    let guard = cache(&program).lock(&identity(), Duration::ZERO).unwrap();
    let in_haste = [&TOKEN[..], &["--lock-timeout", "0"]].concat();
    let stderr = program.run(&in_haste).fails(255);
    assert!(
        stderr.contains("Another refresh of the token for ") && stderr.contains("did not end"),
        "{stderr}"
    );
    let hint = "Hint: end that process if it hangs, or wait longer with --lock-timeout";
    assert!(stderr.contains(hint) && !stderr.contains("--no-cache"), "{stderr}");
    assert!(stderr.contains(&holder(std::process::id())), "{stderr}");
    expire_in(&program, 600);
    let run = program.run(&in_haste);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "access-old\n"), "{run:?}");
    assert_eq!(stub.bodies().len(), 0);
    drop(guard);
    assert_eq!(program.run(&in_haste).ok(), "access-new\n");
}

#[test]
fn a_short_wait_for_another_refresh_is_silent_and_a_long_one_names_the_process() {
    let stub = Stub::always(success(NEW));
    let program = expired_at(&stub);
    for (held_for, is_silent) in [(200, true), (1_800, false)] {
        expire_in(&program, -60);
        let guard = cache(&program).lock(&identity(), Duration::ZERO).unwrap();
        let child = program.command(&TOKEN).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(held_for));
        drop(guard);
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        assert_eq!(stderr.is_empty(), is_silent, "{stderr}");
        assert!(is_silent || stderr.contains(&holder(std::process::id())), "{stderr}");
    }
}

#[test]
fn a_sign_in_that_waits_for_its_person_keeps_no_refresh_waiting() {
    let stub = Stub::always(success(NEW));
    let program = expired_at(&stub);
    let _signing_in = cache(&program).lock_sign_in(&identity(), Duration::ZERO).unwrap();
    assert_eq!(program.run(&TOKEN).ok(), "access-new\n");
    expire_in(&program, -60);
    assert_eq!(program.run(&with(&["--if-needed", "--lock-timeout", "0"])).code, Some(0));
    assert_eq!(stub.bodies().len(), 2);
}

#[test]
fn a_sign_in_takes_the_token_that_another_one_stored_after_the_refresh_was_rejected() {
    let stub = Stub::always(invalid_grant());
    let program = expired_at(&stub);
    let signing_in = cache(&program).lock_sign_in(&identity(), Duration::ZERO).unwrap();
    let child = program.command(&with(&["--if-needed"])).spawn().unwrap();
    while stub.bodies().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    // The renewal reads the file for two more seconds. Then it waits for the sign-in, which ends well.
    std::thread::sleep(Duration::from_secs(3));
    let mut token = cache(&program).token(&identity()).unwrap().unwrap();
    token.access_token = "access-other".into();
    token.expires_at = oidc_proto::UnixSeconds::new(4_000_000_000);
    cache(&program).save_token(&identity(), &token).unwrap();
    drop(signing_in);
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.contains("Already signed in"), "{stderr}");
    assert!(stderr.contains("Another sign-in to"), "{stderr}");
    assert_eq!(stub.bodies().len(), 1, "no page is opened");
}

#[cfg(unix)]
#[test]
fn ctrl_c_between_two_tries_of_a_refresh_ends_it() {
    let stub = Stub::always(common::response(503, &[("retry-after", "20")], "<html>down</html>"));
    let program = expired_at(&stub).var("AWS_MAX_ATTEMPTS", "3");
    let mut child = program.command(&TOKEN).spawn().unwrap();
    while stub.bodies().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(200));
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(stub.bodies().len(), 1, "the second try, after 20 s, does not come");
}

#[cfg(unix)]
#[test]
fn a_signal_during_a_refresh_waits_for_its_response_and_stores_it() {
    for signal in ["-INT", "-TERM"] {
        stores_the_response_that_comes_after(signal);
    }
}

/// Sends a signal to a child that has been started, so its number is here soon. Later it does nothing.
#[cfg(unix)]
fn kill(signal: &str, pid: &AtomicU32) {
    for _ in 0..1_000 {
        if pid.load(Ordering::SeqCst) != 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let pid = pid.load(Ordering::SeqCst).to_string();
    let _later_it_is_gone = std::process::Command::new("kill")
        .args([signal, &pid])
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
}

#[cfg(unix)]
fn stores_the_response_that_comes_after(signal: &'static str) {
    let pid = Arc::new(AtomicU32::new(0));
    let of_child = Arc::clone(&pid);
    let stub = Stub::meanwhile(success(NEW), move || {
        kill(signal, &of_child);
        std::thread::sleep(Duration::from_millis(100));
    });
    let program = expired_at(&stub);
    let child = program.command(&TOKEN).spawn().unwrap();
    pid.store(child.id(), Ordering::SeqCst);
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(130), &b""[..]), "{stderr}");
    assert!(stderr.contains("Finishing the refresh"), "{stderr}");
    assert_eq!(stored(&program)["accessToken"], "access-new");
}

#[cfg(unix)]
#[test]
fn a_session_that_a_killed_process_has_lost_is_told_from_one_that_was_revoked() {
    let pid = Arc::new(AtomicU32::new(0));
    let of_child = Arc::clone(&pid);
    let stub = Stub::meanwhile(invalid_grant(), move || kill("-KILL", &of_child));
    let program = expired_at(&stub);
    let mut child = program.command(&TOKEN).spawn().unwrap();
    let killed = child.id();
    pid.store(killed, Ordering::SeqCst);
    assert_eq!(child.wait().unwrap().code(), None);
    let said = program.run(&TOKEN).fails(254);
    let lost = format!("is lost: process {killed} was killed during a refresh");
    assert!(said.contains(&lost) && said.contains("sso-oidc login"), "{said}");
    let said = program.run(&TOKEN).fails(254);
    assert!(said.contains("has ended, or was revoked"), "{said}");
}

/// The number of processes to kill: `STAY_KILLS`, or a hundred.
fn kills() -> u32 {
    std::env::var("STAY_KILLS").map_or(100, |text| text.parse().expect("a whole number"))
}

/// Kills processes that refresh, at any moment.
fn kill_many(rotation: Rotation) {
    let server = server(rotation);
    let program = signed_in(&server);
    let (mut lost, mut refreshed) = (0_u32, 0_u32);
    for round in 0..kills() / 2 {
        // A moment in the life of a process, which lasts some 10 ms here.
        let moment = Duration::from_micros(u64::from(round.wrapping_mul(2_654_435_761) % 30_000));
        expire_in(&program, -60);
        let before = stored(&program);
        let mut child = program.command(&TOKEN).spawn().unwrap();
        std::thread::sleep(moment);
        child.kill().unwrap();
        child.wait().unwrap();
        let after = stored(&program);
        assert!(after["refreshToken"].is_string() && after["accessToken"].is_string(), "{after}");
        refreshed += u32::from(after["accessToken"] != before["accessToken"]);
        let run = program.run(&TOKEN);
        if run.code == Some(0) {
            continue;
        }
        // The service has answered the killed process, which had not stored the answer.
        assert_eq!((run.code, rotation), (Some(254), Rotation::Strict), "{run:?}");
        assert_eq!(after, before, "what was stored is not lost");
        assert!(run.stderr.contains("was killed during a refresh"), "{run:?}");
        lost += 1;
        program.run(&with(&["--scopes", "sso:account:access", "--force"])).ok();
    }
    println!("{rotation:?}: {refreshed} of {} refreshed before the kill, {lost} lost", kills() / 2);
    let cache = cache(&program);
    let files = std::fs::read_dir(cache.dir()).unwrap().count();
    assert!(files <= 4, "{files} files: the token, the registration, and what a killed process was writing");
}

#[test]
fn processes_that_are_killed_at_any_moment_leave_a_whole_file_and_lose_only_an_answer_on_its_way() {
    kill_many(Rotation::Strict);
}

#[test]
fn at_a_service_with_a_grace_a_killed_process_loses_nothing() {
    kill_many(Rotation::Grace);
}

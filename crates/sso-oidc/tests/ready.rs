//! `ready`: the health check of a running test server.

mod common;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use common::{Program, Serving, Stub, response};

#[test]
fn a_server_is_ready_by_its_url_by_its_file_and_by_the_endpoint() {
    let program = Program::new();
    let file = program.file("ready", "");
    let serving = Serving::start_as(&program, &["--ready-file", &file]);
    for arguments in [
        &["ready", &serving.endpoint][..],
        &["ready", "--ready-file", &file, "--wait", "10s"],
        &["ready", "--endpoint-url", &serving.endpoint],
    ] {
        let run = program.run(arguments);
        assert_eq!((&*run.stderr, run.code), ("", Some(0)), "{arguments:?}");
    }
    Program::new().var("AWS_ENDPOINT_URL_SSO_OIDC", &serving.endpoint).run(&["ready"]).ok();
}

#[test]
fn a_server_over_tls_is_asked_with_its_ca() {
    let program = Program::new();
    let ca = program.file("ca.pem", "");
    let serving = Serving::start(&["--tls", "--tls-ca-file", &ca]);
    let untrusted = program.run(&["ready", &serving.endpoint]).fails(1);
    assert!(untrusted.contains("not ready: cannot reach https://"), "{untrusted}");
    program.run(&["ready", &serving.endpoint, "--ca-bundle", &ca]).ok();
}

#[test]
fn what_is_not_ready_is_named_with_exit_code_1() {
    let closed = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let broken = Stub::always(response(503, &[], "the store does not answer\n"));
    let page = Stub::always(response(200, &[], "<html>ready\n"));
    for (url, why) in [
        (&closed, "cannot reach http://127.0.0.1:"),
        (&broken.endpoint, "HTTP 503: the store does not answer"),
        (&page.endpoint, "HTTP 200, and not as `sso-oidc serve` does"),
    ] {
        let stderr = Program::new().run(&["ready", url]).fails(1);
        assert!(stderr.contains("not ready: ") && stderr.contains(why), "{stderr}");
    }
    let program = Program::new();
    for (text, why) in [(None, "cannot read the ready file"), (Some("x"), "has no line with a URL")] {
        let file = program.file("ready", text.unwrap_or_default());
        if text.is_none() {
            std::fs::remove_file(&file).unwrap();
        }
        let stderr = program.run(&["ready", "--ready-file", &file]).fails(1);
        assert!(stderr.contains(why), "{stderr}");
    }
}

#[test]
fn a_server_that_starts_meanwhile_is_waited_for() {
    let program = Program::new();
    let file = program.file("ready", "");
    std::fs::remove_file(&file).unwrap();
    let mut waiting = program.command(&["ready", "--ready-file", &file, "--wait", "30s"]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(waiting.try_wait().unwrap().is_none(), "there is no server yet");
    let serving = Serving::start(&[]);
    std::fs::write(&file, format!("{}\n", serving.endpoint)).unwrap();
    assert_eq!(waiting.wait().unwrap().code(), Some(0));
}

#[test]
fn a_wait_ends() {
    let began = Instant::now();
    let stderr = Program::new().run(&["ready", "--ready-file", "/nowhere", "--wait", "400ms"]).fails(1);
    assert!(stderr.contains("/nowhere"), "{stderr}");
    assert!((Duration::from_millis(400)..Duration::from_secs(10)).contains(&began.elapsed()));
}

#[test]
fn a_url_that_is_none_is_an_error_of_the_configuration_and_not_waited_for() {
    let began = Instant::now();
    for arguments in [&["ready", "--wait", "1h"][..], &["ready", "sso.example", "--wait", "1h"]] {
        Program::new().run(arguments).fails(253);
    }
    Program::new().run(&["ready", "http://127.0.0.1:1", "--ready-file", "x"]).fails(252);
    assert!(began.elapsed() < Duration::from_secs(20));
}

//! `serve --ready-file`.

mod common;

#[cfg(unix)]
use std::{
    net::TcpStream,
    process::Command,
    time::{Duration, Instant},
};

use common::{Program, Serving};

/// Waits for the file, as a script does, and returns its text.
#[cfg(unix)]
fn wait_for(path: &str) -> String {
    let began = Instant::now();
    loop {
        if let Ok(text) = std::fs::read_to_string(path) {
            return text;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "no file");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[cfg(unix)]
#[test]
fn the_file_says_that_the_server_accepts_connections_and_is_gone_at_the_end() {
    let program = Program::new();
    // The file of a server that was killed.
    let path = program.file("ready", "http://127.0.0.1:1\n");
    let mut serving = Serving::start_as(&program, &["--ready-file", &path]);
    let url = wait_for(&path);
    assert_eq!(url, format!("{}\n", serving.endpoint));
    drop(TcpStream::connect(url.trim_end().strip_prefix("http://").unwrap()).unwrap());
    let pid = serving.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(serving.child.wait().unwrap().code(), Some(0));
    assert!(std::fs::metadata(&path).is_err(), "it is gone");
}

#[test]
fn a_server_that_cannot_start_leaves_no_file() {
    let program = Program::new();
    let path = program.file("ready", "http://127.0.0.1:1\n");
    let taken = Serving::start(&[]);
    program.run(&["serve", "--listen", taken.address(), "--ready-file", &path]).fails(255);
    assert!(std::fs::metadata(&path).is_err(), "it would name another server");
}

#[test]
fn a_file_with_other_contents_is_not_replaced() {
    let program = Program::new();
    let path = program.file("notes", "do not lose this\n");
    let stderr = program.run(&["serve", "--ready-file", &path]).fails(255);
    assert!(stderr.contains("notes") && stderr.contains("name another file"), "{stderr}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "do not lose this\n");
}

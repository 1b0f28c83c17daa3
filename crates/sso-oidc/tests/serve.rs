//! `serve` and `demo` as programs.

mod common;

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use common::{Program, Serving};
use sso_oidc_server::InjectedFault;

#[cfg(unix)]
#[test]
fn the_server_prints_one_line_and_stops_cleanly_on_sigint_and_sigterm() {
    // Only Linux tells whether SIGHUP is ignored, and elsewhere it keeps its usual effect.
    let hang_up = cfg!(target_os = "linux").then_some("-HUP");
    for signal in ["-INT", "-TERM"].into_iter().chain(hang_up) {
        let mut serving = Serving::start(&["--listen", "127.0.0.1:0"]);
        // The server accepts connections from this line on.
        drop(TcpStream::connect(serving.address()).unwrap());
        let pid = serving.child.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
        assert_eq!(serving.child.wait().unwrap().code(), Some(0), "{signal}");
        let mut rest = String::new();
        serving.out.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "", "nothing else on standard output");
        let mut log = String::new();
        serving.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        assert!(log.contains("serving") && log.contains("stopped"), "{log}");
        assert!(TcpStream::connect(serving.address()).is_err(), "the port is free again");
    }
}

/// Sends this many requests on one connection, and fails if the server stops responding.
fn ask(serving: &Serving, times: usize) -> std::io::Result<()> {
    let stream = TcpStream::connect(serving.address())?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut answers = BufReader::new(stream.try_clone()?);
    for _ in 0..times {
        (&stream).write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        let mut line = String::new();
        // The body is one line after the headers.
        while line != "ok\n" {
            line.clear();
            if answers.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
    Ok(())
}

#[cfg(unix)]
fn terminate(serving: &Serving) {
    let pid = serving.child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
}

#[cfg(unix)]
#[test]
fn a_second_signal_ends_requests_in_progress() {
    let mut serving = Serving::start(&["--stop-timeout", "60s"]);
    let address = serving.address().to_owned();
    let mut stalled = TcpStream::connect(&address).unwrap();
    let head = "POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n";
    stalled.write_all(head.as_bytes()).unwrap();
    // The server reads the body.
    let mut line = String::new();
    BufReader::new(&stalled).read_line(&mut line).unwrap();
    assert!(line.contains("100 Continue"), "{line}");
    terminate(&serving);
    // Two signals at once count as one.
    while TcpStream::connect(&address).is_ok() {
        std::thread::sleep(Duration::from_millis(5));
    }
    terminate(&serving);
    assert_eq!(serving.child.wait().unwrap().code(), Some(0));
    let mut log = String::new();
    serving.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("stopped at the second signal"), "{log}");
}

#[cfg(unix)]
#[test]
fn a_log_without_a_reader_keeps_the_server_neither_from_answering_nor_from_stopping() {
    // Its log is a pipe that this test does not read. These are more lines than the pipe (64 kB at 170 bytes
    // a line) and the queue (2,048 lines) can hold.
    const MANY: usize = 4_000;
    let mut serving = Serving::start(&[]);
    ask(&serving, MANY).unwrap();
    terminate(&serving);
    assert_eq!(serving.child.wait().unwrap().code(), Some(0));
    let mut rest = String::new();
    serving.out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "nothing else on standard output");

    let mut serving = Serving::start(&[]);
    ask(&serving, MANY).unwrap();
    // A late reader gets the count of the lines that were lost.
    let log = BufReader::new(serving.child.stderr.take().unwrap());
    let (read, reading) = std::sync::mpsc::channel();
    std::thread::spawn(move || log.lines().map_while(Result::ok).try_for_each(|line| read.send(line)));
    let next = || reading.recv_timeout(Duration::from_secs(20)).expect("another line of the log");
    // The queue is full until these are read, and a full queue would lose the line of the stop too.
    (0..2_000).for_each(|_| drop(next()));
    terminate(&serving);
    while !next().ends_with("stopped") {}
    let count = next();
    assert!(count.ends_with(" lines of the log were not read in time and are lost"), "{count}");
    assert_eq!(serving.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_server_for_other_machines_says_that_its_page_has_no_address_for_them() {
    for (arguments, is_warned) in [
        (&["--listen", "0.0.0.0:0"][..], true),
        (&["--listen", "0.0.0.0:0", "--public-url", "http://sso.example:8080"], false),
        (&[], false),
    ] {
        let mut serving = Serving::start(arguments);
        let mut log = BufReader::new(serving.child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("serving") {
            assert!(log.read_line(&mut said).unwrap() > 0, "{said}");
        }
        assert_eq!(said.contains("--public-url"), is_warned, "{said}");
    }
}

/// Reads the log up to the line with this text. The server's end bounds the loop.
fn log_until(log: &mut impl BufRead, mark: &str) -> String {
    let mut said = String::new();
    while !said.contains(mark) {
        assert!(log.read_line(&mut said).unwrap() > 0, "{said}");
    }
    said
}

/// Sends a POST with this body, and returns the whole response.
fn post(serving: &Serving, path: &str, kind: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(serving.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + body).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn member(answer: &str, name: &str) -> String {
    let (_, rest) =
        answer.split_once(&format!("\"{name}\":")).unwrap_or_else(|| panic!("no {name} in {answer}"));
    rest.trim_start_matches('"').split(['"', ',', '}']).next().unwrap().to_owned()
}

#[test]
fn the_log_names_the_page_that_people_are_sent_to() {
    for (arguments, page) in [
        (&["--public-url", "https://sso.example/"][..], "page=https://sso.example/device".to_owned()),
        (&[], "page=http://127.0.0.1:".to_owned()),
    ] {
        let mut serving = Serving::start(arguments);
        let mut log = BufReader::new(serving.child.stderr.take().unwrap());
        let said = log_until(&mut log, "serving");
        assert!(said.contains(&page), "{said}");
    }
}

#[test]
fn a_registration_is_good_at_the_next_server_with_the_same_key_and_the_log_says_what_would_help_at_another() {
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("key");
    let key = ["--registration-key", key.to_str().unwrap(), "--approve", "auto"];
    let start = |serving: &Serving, client: &(String, String)| {
        let (id, secret) = client;
        let body = format!(
            r#"{{"clientId":"{id}","clientSecret":"{secret}","startUrl":"https://d-1234567890.awsapps.com/start"}}"#
        );
        post(serving, "/device_authorization", "application/json", &body)
    };
    let first = Serving::start(&key);
    let body = r#"{"clientName":"botocore","clientType":"public","scopes":["sso:account:access"]}"#;
    let answer = post(&first, "/client/register", "application/json", body);
    let client = (member(&answer, "clientId"), member(&answer, "clientSecret"));
    drop(first);
    let second = Serving::start(&key);
    assert!(start(&second, &client).starts_with("HTTP/1.1 200"));
    let taking = Serving::start(&["--accept-unknown-clients"]);
    assert!(start(&taking, &client).starts_with("HTTP/1.1 200"));

    let mut other = Serving::start(&[]);
    assert!(start(&other, &client).starts_with("HTTP/1.1 401"));
    assert!(start(&other, &client).starts_with("HTTP/1.1 401"));
    post(&other, "/authorize", "application/x-www-form-urlencoded", "");
    let mut log = BufReader::new(other.child.stderr.take().unwrap());
    let said = log_until(&mut log, "/authorize");
    assert_eq!(said.matches("--registration-key").count(), 1, "said once: {said}");
    assert!(said.contains("--accept-unknown-clients") && !said.contains(&client.1), "{said}");
}

#[test]
fn a_registration_key_that_is_none_ends_serve_and_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("key");
    std::fs::write(&key, "hunter2").unwrap();
    let stderr = Program::new().run(&["serve", "--registration-key", key.to_str().unwrap()]).fails(255);
    assert!(stderr.contains(key.to_str().unwrap()) && !stderr.contains("hunter2"), "{stderr}");
}

#[test]
fn the_flags_for_tokens_do_what_they_say() {
    let sign_in = |serving: &Serving| {
        let form = |path: &str, body: &str| post(serving, path, "application/x-www-form-urlencoded", body);
        let code = member(&form("/oauth/device_authorization", "client_id=tool&scope=a"), "device_code");
        let grant = "grant_type=urn:ietf:params:oauth:grant-type:device_code";
        let token = form("/oauth/token", &format!("{grant}&client_id=tool&device_code={code}"));
        let refresh_token = member(&token, "refresh_token");
        let body = format!("grant_type=refresh_token&client_id=tool&refresh_token={refresh_token}");
        let uses = [1, 2].map(|_| form("/oauth/token", &body));
        (member(&token, "expires_in"), uses, refresh_token)
    };
    let flags = |more: &[&'static str]| [&["--approve", "auto", "--oauth-client", "tool"], more].concat();
    for (more, life, second, keeps) in [
        (&[][..], "3600", "400", false),
        (&["--refresh", "strict"], "3600", "400", false),
        (&["--refresh", "grace", "--token-ttl", "900"], "900", "200", false),
        (&["--refresh", "reuse", "--token-ttl", "1"], "1", "200", true),
    ] {
        let (expires_in, uses, refresh_token) = sign_in(&Serving::start(&flags(more)));
        assert_eq!(expires_in, life, "{more:?}");
        assert!(uses[0].starts_with("HTTP/1.1 200"), "{more:?} {}", uses[0]);
        assert!(uses[1].starts_with(&format!("HTTP/1.1 {second}")), "{more:?} {}", uses[1]);
        assert_eq!(member(&uses[0], "refresh_token") == refresh_token, keeps, "{more:?}");
    }
}

#[test]
fn always_slows_an_approved_device_down_and_names_the_interval() {
    let serving =
        Serving::start(&["--approve", "after-polls=1", "--slow-down", "always", "--oauth-client", "tool"]);
    let form = |path: &str, body: &str| post(&serving, path, "application/x-www-form-urlencoded", body);
    let code = member(&form("/oauth/device_authorization", "client_id=tool"), "device_code");
    let grant = "grant_type=urn:ietf:params:oauth:grant-type:device_code";
    let poll = || form("/oauth/token", &format!("{grant}&client_id=tool&device_code={code}"));
    assert_eq!(member(&poll(), "error"), "authorization_pending");
    let early = poll();
    assert_eq!((member(&early, "error").as_str(), member(&early, "interval").as_str()), ("slow_down", "6"));
}

#[test]
fn a_port_in_use_is_said_so_with_the_port() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let stderr = Program::new().run(&["serve", "--listen", &address]).fails(255);
    let port = address.rsplit_once(':').unwrap().1;
    assert!(stderr.contains(&format!("port {port} is already in use on 127.0.0.1")), "{stderr}");
}

#[test]
fn flags_that_make_no_sense_are_252() {
    for arguments in [
        ["serve", "--listen", "nowhere"],
        ["serve", "--approve", "perhaps"],
        ["serve", "--refresh", "perhaps"],
        ["serve", "--token-ttl", "0"],
        ["serve", "--slow-down", "github"],
        ["serve", "--approve", "after-polls=x"],
        ["serve", "--interval", "-1"],
        ["serve", "--device-ttl", "0"],
        ["serve", "--slow-down", "maybe"],
    ] {
        Program::new().run(&arguments).fails(252);
    }
}

#[test]
fn the_interval_and_the_life_of_codes_are_as_asked() {
    let serving = Serving::start(&["--interval", "7", "--device-ttl", "42"]);
    let program = Program::new().var("AWS_ENDPOINT_URL_SSO_OIDC", &serving.endpoint);
    let client = program.run(&["register-client", "--client-name", "x", "--client-type", "public"]).json();
    let (id, secret) = (client["clientId"].as_str().unwrap(), client["clientSecret"].as_str().unwrap());
    let start = [
        "start-device-authorization",
        "--client-id",
        id,
        "--client-secret",
        secret,
        "--start-url",
        "https://d-1.awsapps.com/start",
    ];
    let codes = program.run(&start).json();
    assert_eq!((codes["interval"].as_u64(), codes["expiresIn"].as_u64()), (Some(7), Some(42)));
    let uri = format!("{}/device", serving.endpoint);
    assert_eq!(codes["verificationUri"].as_str(), Some(uri.as_str()));
}

/// Returns a program with a broken config file, which also lacks the profile of the environment.
fn with_broken_config() -> Program {
    Program::new().config("[default\n").var("AWS_PROFILE", "nope")
}

#[test]
fn the_server_has_no_use_for_awss_config_and_runs_with_a_broken_one() {
    let serving = Serving::start_as(&with_broken_config(), &[]);
    ask(&serving, 1).unwrap();
}

#[test]
fn the_demo_shows_a_whole_sign_in_through_either_adapter() {
    for (flag, adapter) in
        [(None, "blocking (device-flow-ureq)"), (Some("--async"), "async (device-flow-reqwest)")]
    {
        let arguments: Vec<&str> = ["demo", "--approve", "--no-browser"].into_iter().chain(flag).collect();
        // `demo` reads no configuration, so a wrong one does not affect it.
        let run = with_broken_config().run(&arguments);
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(run.stderr.contains("/device?user_code="), "{run:?}");
        for row in
            ["Outcome                 signed in", adapter, "Polls ", "Approval to token ", "[redacted]"]
        {
            assert!(run.stdout.contains(row), "{row} is missing in {run:?}");
        }
    }
}

#[test]
fn the_demo_shows_the_flow_with_a_browser_through_either_adapter() {
    for flags in [&[][..], &["--async"], &["--tls"]] {
        let run = Program::new().run(&[&["demo", "--approve", "--flow", "code"], flags].concat());
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(run.stderr.contains("/authorize?response_type=code&"), "{run:?}");
        for row in ["Outcome                 signed in", "Approval to token "] {
            assert!(run.stdout.contains(row), "{row} is missing in {run:?}");
        }
        // The person takes 1.5 seconds.
        let whole =
            run.stdout.lines().find_map(|line| line.strip_prefix("Whole sign-in")?.strip_suffix(" s"));
        assert!(
            whole.is_some_and(|took| took.trim().parse::<f64>().is_ok_and(|took| took >= 1.5)),
            "{run:?}"
        );
        assert!(!run.stdout.contains("Polls"), "{run:?}");
    }
}

#[test]
fn a_client_of_a_fixed_id_needs_no_registration() {
    let serving =
        Serving::start(&["--approve", "auto", "--oauth-client", "tool", "--oauth-client", "other:s:ecret"]);
    let login = ["login", "--show-token", "--issuer", &serving.endpoint, "--client-id"];
    let run = |more: &[&str]| Program::new().run(&[&login, more].concat());
    assert_eq!(run(&["tool", "--scope", "any"]).json()["scope"], "any");
    run(&["other", "--client-secret", "s:ecret"]).ok();
    run(&["other"]).fails(254);
    run(&["nobody"]).fails(254);
    for none in ["", ":secret", "id:"] {
        Program::new().run(&["serve", "--oauth-client", none]).fails(252);
    }
}

#[test]
fn the_faults_are_listed_with_what_they_do() {
    let list = Program::new().run(&["serve", "--fault", "help"]).ok();
    for fault in InjectedFault::ALL {
        let line = list.lines().find(|line| line.split_whitespace().next() == Some(fault.name()));
        assert!(line.is_some_and(|line| line.ends_with(fault.about())), "{fault} in {list}");
    }
}

#[test]
fn a_fault_that_makes_no_sense_is_252_and_says_what_is_wrong() {
    for (fault, wrong) in [
        ("drop", "unknown fault name; `sso-oidc serve --fault help` lists them"),
        ("drip@token", "register, authorize, poll, revoke, introspect, discover, accounts"),
        ("drip:0", "counted from 1"),
        ("refuse:1", "cannot be counted"),
    ] {
        let stderr = Program::new().run(&["serve", "--fault", fault]).fails(252);
        assert!(stderr.contains(wrong), "{stderr}");
    }
}

/// Signs in at a server with these faults.
fn login(faults: &[&str]) -> common::Run {
    let flags = faults.iter().flat_map(|fault| ["--fault", fault]);
    let arguments: Vec<&str> = ["--approve", "auto"].into_iter().chain(flags).collect();
    let serving = Serving::start(&arguments);
    let program = Program::new().var("AWS_ENDPOINT_URL_SSO_OIDC", &serving.endpoint);
    let start_url = "https://d-1234567890.awsapps.com/start";
    program.run(&["login", "--start-url", start_url, "--region", "eu-west-1", "--no-browser"])
}

#[test]
fn a_sign_in_survives_a_gateway_and_a_connection_that_is_reset() {
    let run = login(&["html-502@authorize:1", "reset-request@poll:1"]);
    assert_eq!(run.code, Some(0), "{run:?}");
}

#[test]
fn a_token_that_was_lost_on_the_way_is_told_from_a_denial() {
    let stderr = login(&["drop-after-commit@poll:1"]).fails(255);
    assert!(stderr.contains("was lost"), "{stderr}");
}

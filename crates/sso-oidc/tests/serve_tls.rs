//! `serve --tls` and `demo --tls` as programs: only clients that trust the CA can sign in.

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use common::{Program, Run, Serving};

const LOGIN: [&str; 6] = [
    "login",
    "--start-url",
    "https://d-1234567890.awsapps.com/start",
    "--region",
    "eu-west-1",
    "--no-browser",
];

/// Starts a server with a CA file in this directory.
fn serve(directory: &Path, flags: &[&str]) -> (Serving, String) {
    let file = directory.join("ca.pem").to_str().unwrap().to_owned();
    let base = ["--tls", "--tls-ca-file", &file, "--approve", "auto"];
    (Serving::start(&[&base, flags].concat()), file)
}

fn login(serving: &Serving, ca_file: Option<&str>) -> Run {
    let mut program =
        Program::new().var("AWS_ENDPOINT_URL_SSO_OIDC", &serving.endpoint).var("AWS_MAX_ATTEMPTS", "1");
    if let Some(file) = ca_file {
        program = program.var("AWS_CA_BUNDLE", file);
    }
    program.run(&LOGIN)
}

/// Reads the log up to the line with this text.
fn logged(serving: &mut Serving, what: &str) -> String {
    let mut log = BufReader::new(serving.child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains(what) {
        assert!(log.read_line(&mut said).unwrap() > 0, "{said}");
    }
    said
}

#[test]
fn who_trusts_the_ca_signs_in_over_https_and_who_does_not_is_in_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let (mut serving, ca_file) = serve(directory.path(), &[]);
    assert!(serving.endpoint.starts_with("https://127.0.0.1:"), "{}", serving.endpoint);
    login(&serving, Some(&ca_file)).ok();
    let client = ["register-client", "--client-name", "n", "--client-type", "public"];
    let program = Program::new().var("AWS_MAX_ATTEMPTS", "1");
    let stderr = program.run(&[&client[..], &["--endpoint-url", &serving.endpoint]].concat()).fails(255);
    assert!(stderr.contains("Could not connect to the endpoint URL"), "{stderr}");
    let provider = ["login", "--issuer", &serving.endpoint, "--client-id", "c", "--show-token"];
    let stderr = program.run(&provider).fails(255);
    assert!(
        stderr.contains("No metadata") && stderr.contains("Hint: this certificate is not trusted"),
        "{stderr}"
    );
    let log = logged(&mut serving, "TLS handshake failed");
    assert!(log.contains(&format!("AWS_CA_BUNDLE={ca_file}")), "{log}");
}

#[test]
fn without_a_file_the_ca_is_in_a_temporary_one_that_goes_with_the_server() {
    let mut serving = Serving::start(&["--tls", "--approve", "auto"]);
    let log = logged(&mut serving, "AWS_CA_BUNDLE=");
    let file = log.lines().last().unwrap().split_once("AWS_CA_BUNDLE=").unwrap().1.to_owned();
    login(&serving, Some(&file)).ok();
    #[cfg(unix)]
    {
        let pid = serving.child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert_eq!(serving.child.wait().unwrap().code(), Some(0));
        assert!(!Path::new(&file).exists());
    }
    #[cfg(not(unix))]
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_file_that_was_named_from_here_is_told_of_so_that_it_is_found_from_anywhere() {
    let program = Program::new();
    let mut command = program.command(&["serve", "--tls", "--tls-ca-file", "ca.pem"]);
    let mut child = command.current_dir(program.home.path()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let told = log.find_map(|line| Some(line.unwrap().split_once("AWS_CA_BUNDLE=")?.1.to_owned()));
    child.kill().unwrap();
    child.wait().unwrap();
    let path = Path::new(told.as_deref().unwrap());
    assert!(path.is_absolute() && path.exists(), "{path:?}");
}

#[test]
fn a_file_that_is_not_ours_is_not_replaced_and_no_address_is_promised() {
    let program = Program::new();
    let bundle = program.file("bundle.pem", "-----BEGIN CERTIFICATE-----\n");
    let stderr = program.run(&["serve", "--tls", "--tls-ca-file", &bundle]).fails(255);
    assert!(stderr.contains(&bundle) && stderr.contains("name another file"), "{stderr}");
    assert_eq!(std::fs::read_to_string(&bundle).unwrap(), "-----BEGIN CERTIFICATE-----\n");
}

#[test]
fn a_certificate_of_ones_own_is_shown() {
    let program = Program::new();
    let pair = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = program.file("own.pem", &pair.cert.pem());
    let key = program.file("own.key", &pair.signing_key.serialize_pem());
    let serving =
        Serving::start(&["--approve", "auto", "--tls-certificate", &certificate, "--tls-key", &key]);
    login(&serving, Some(&certificate)).ok();
}

#[test]
fn a_file_that_will_not_do_is_named_with_what_is_wrong_and_what_to_do() {
    let program = Program::new();
    let pair = || rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (own, other) = (pair(), pair());
    let certificate = program.file("own.pem", &own.cert.pem());
    let key = program.file("own.key", &own.signing_key.serialize_pem());
    let others = program.file("others.key", &other.signing_key.serialize_pem());
    for (certificate, key, wrong) in [
        ("nowhere.pem", key.as_str(), ["cannot read the certificate nowhere.pem", ""]),
        (&certificate, "nowhere.key", ["cannot read the private key nowhere.key", ""]),
        (&key, &key, ["own.key: no PEM certificate found", "openssl x509"]),
        (&certificate, &certificate, ["own.pem: no PEM private key found", "openssl pkey"]),
        (&certificate, &others, ["others.key: the private key does not match", "must be the server's own"]),
    ] {
        let run = program.run(&["serve", "--tls-certificate", certificate, "--tls-key", key]);
        let stderr = run.fails(255);
        assert!(wrong.iter().all(|wrong| stderr.contains(wrong)), "{wrong:?}: {stderr}");
    }
}

#[test]
fn flags_that_do_not_go_together_are_252() {
    for arguments in [
        &["serve", "--tls-ca-file", "ca.pem"][..],
        &["serve", "--tls-certificate", "own.pem"],
        &["serve", "--tls-key", "own.key"],
        &["serve", "--tls", "--tls-ca-file", "a", "--tls-certificate", "b", "--tls-key", "c"],
    ] {
        Program::new().run(arguments).fails(252);
    }
    for command in ["serve", "demo"] {
        let stderr = Program::new().run(&[command, "--fault", "tls-expired"]).fails(252);
        assert!(
            stderr.contains("tls-expired needs a generated CA") && stderr.contains("pass --tls"),
            "{stderr}"
        );
    }
}

#[test]
fn a_sign_in_comes_through_a_wrong_certificate_that_is_shown_once() {
    for fault in ["tls-expired@register:1", "tls-other-name@authorize:1", "tls-unknown-ca@poll:1"] {
        let directory = tempfile::tempdir().unwrap();
        let (mut serving, ca_file) = serve(directory.path(), &["--fault", fault]);
        let run = login(&serving, Some(&ca_file));
        assert_eq!(run.code, Some(0), "{fault}: {run:?}");
        let name = fault.split('@').next().unwrap();
        let log = logged(&mut serving, "TLS handshake failed");
        assert!(log.contains(&format!("injected=\"{name}\"")), "{log}");
    }
}

#[test]
fn a_certificate_that_is_always_wrong_ends_a_command_with_the_reason() {
    let client = ["register-client", "--client-name", "n", "--client-type", "public", "--endpoint-url"];
    for (fault, reason) in [
        ("tls-expired", "expired"),
        ("tls-other-name", "not valid for name"),
        ("tls-unknown-ca", "UnknownIssuer"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let (serving, ca_file) = serve(directory.path(), &["--fault", fault]);
        let program = Program::new().var("AWS_MAX_ATTEMPTS", "1").var("AWS_CA_BUNDLE", &ca_file);
        let stderr = program.run(&[&client[..], &[&serving.endpoint]].concat()).fails(255);
        assert!(
            stderr.contains(reason) && stderr.contains("Hint: this certificate is not trusted"),
            "{fault}: {stderr}"
        );
    }
}

#[test]
fn plain_http_is_told_where_the_server_is() {
    let directory = tempfile::tempdir().unwrap();
    let (mut serving, _) = serve(directory.path(), &[]);
    let mut stream = TcpStream::connect(serving.address()).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains(&serving.endpoint), "{answer}");
    logged(&mut serving, "plain HTTP on an HTTPS port");
}

#[test]
fn the_demo_signs_in_over_https_and_through_a_fault_with_either_adapter() {
    for adapter in [None, Some("--async")] {
        let arguments = ["demo", "--approve", "--no-browser", "--tls", "--fault", "tls-expired@authorize:1"];
        let arguments: Vec<&str> = arguments.into_iter().chain(adapter).collect();
        let run = Program::new().run(&arguments);
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(run.stdout.contains("https://127.0.0.1:"), "{run:?}");
    }
    let list = Program::new().run(&["demo", "--fault", "help"]).ok();
    assert_eq!(list, Program::new().run(&["serve", "--fault", "help"]).ok());
}

#[cfg(unix)]
#[test]
fn a_demo_that_is_ended_while_it_waits_leaves_no_file_behind() {
    for adapter in [None, Some("--async")] {
        let temporary = tempfile::tempdir().unwrap();
        let program = Program::new().var("TMPDIR", temporary.path().to_str().unwrap());
        let arguments: Vec<&str> = ["demo", "--tls", "--no-browser"].into_iter().chain(adapter).collect();
        let mut child = program.command(&arguments).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("/device") {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "no code is shown");
        }
        // SIGKILL gives the program no chance to clean up.
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0, "{adapter:?}");
    }
}

//! `approve` and `deny` at a running test server.

mod common;

use std::net::TcpListener;

use common::{DEVICE_CODE, Program, Run, START_URL, Serving, Stub, response};
use sso_oidc_server::TestServer;

/// A device that asked a server for codes.
struct Device {
    program: Program,
    client: [String; 2],
    device_code: String,
    user_code: String,
}

impl Device {
    fn ask(endpoint: &str) -> Self {
        let program = Program::new().var("AWS_ENDPOINT_URL_SSO_OIDC", endpoint);
        let client =
            program.run(&["register-client", "--client-name", "x", "--client-type", "public"]).json();
        let client = ["clientId", "clientSecret"].map(|name| client[name].as_str().unwrap().to_owned());
        let [id, secret] = &client;
        let who = ["--client-id", id, "--client-secret", secret];
        let start = ["start-device-authorization", "--start-url", START_URL];
        let codes = program.run(&[&start[..], &who].concat()).json();
        let code = |name: &str| codes[name].as_str().unwrap().to_owned();
        let (device_code, user_code) = (code("deviceCode"), code("userCode"));
        Self { device_code, user_code, program, client }
    }

    fn poll(&self) -> Run {
        let [id, secret] = &self.client;
        let who = ["--client-id", id, "--client-secret", secret];
        let grant = ["create-token", "--grant-type", DEVICE_CODE, "--device-code", &self.device_code];
        self.program.run(&[&grant[..], &who].concat())
    }

    fn decide(&self, command: &str) -> Run {
        self.program.run(&[command, &self.user_code])
    }
}

#[test]
fn an_approved_device_gets_its_token_and_a_denied_one_does_not() {
    let serving = Serving::start(&[]);
    let device = Device::ask(&serving.endpoint);
    let run = device.program.run(&["approve", &device.user_code.to_lowercase().replace('-', "")]);
    assert!(run.stderr.starts_with("Approved "), "{}", run.stderr);
    assert_eq!(run.ok(), "");
    assert!(device.poll().json()["accessToken"].is_string());
    let device = Device::ask(&serving.endpoint);
    assert_eq!(device.decide("deny").ok(), "");
    assert!(device.poll().fails(254).contains("AccessDenied"));
}

#[test]
fn unknown_expired_and_decided_codes_are_told_apart() {
    let server = TestServer::start();
    let device = Device::ask(server.endpoint());
    for command in ["approve", "deny"] {
        let unknown = device.program.run(&[command, "BBBB-BBBB"]).fails(6);
        assert!(unknown.contains("BBBB-BBBB is unknown"), "{unknown}");
    }
    device.decide("approve").ok();
    assert!(device.decide("deny").fails(7).contains("was decided before"));
    let late = Device::ask(server.endpoint());
    server.expire(&late.user_code).unwrap();
    assert!(late.decide("approve").fails(4).contains("has expired"));
}

#[test]
fn a_server_over_tls_is_decided_at_with_its_ca() {
    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.pem");
    let serving = Serving::start(&["--tls", "--tls-ca-file", ca.to_str().unwrap()]);
    let program = Program::new().var("AWS_ENDPOINT_URL_SSO_OIDC", &serving.endpoint);
    let untrusted = program.run(&["approve", "BBBB-BBBB"]).fails(255);
    assert!(untrusted.contains("cannot reach the test server"), "{untrusted}");
    program.var("AWS_CA_BUNDLE", ca.to_str().unwrap()).run(&["approve", "BBBB-BBBB"]).fails(6);
}

#[test]
fn another_server_is_named_as_one() {
    let stub = Stub::always(response(200, &[("server", "nginx")], "name=\"csrf\" value=\"x\""));
    let stderr = Program::new().run(&["approve", "BBBB-BBBB", "--endpoint-url", &stub.endpoint]).fails(253);
    assert!(stderr.contains("is no `sso-oidc serve`") && stderr.contains("HTTP 200"), "{stderr}");
    assert_eq!(stub.bodies(), [""], "no form is sent to it");
    let stderr = Program::new().run(&["approve", "BBBB-BBBB"]).fails(253);
    assert!(stderr.contains("AWS_ENDPOINT_URL_SSO_OIDC"), "{stderr}");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let closed = format!("http://{closed}");
    let stderr = Program::new().run(&["deny", "BBBB-BBBB", "--endpoint-url", &closed]).fails(255);
    assert!(stderr.contains(&closed), "{stderr}");
}

#[test]
fn a_device_is_approved_as_a_person_of_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("people.toml");
    let people = "[[person]]\nsubject = \"alice\"\n[[person]]\nsubject = \"b<o>b&'\"\nname = \"Bob\"\n";
    std::fs::write(&file, people).unwrap();
    let serving = Serving::start(&["--people", file.to_str().unwrap()]);
    for (who, said) in [(&["--as", "b<o>b&'"][..], "as b<o>b&'."), (&[], "as alice.")] {
        let device = Device::ask(&serving.endpoint);
        let run = device.program.run(&[&["approve", &device.user_code], who].concat());
        assert!(run.stderr.ends_with(&format!("{said}\n")), "{}", run.stderr);
        run.ok();
        assert!(device.poll().json()["accessToken"].is_string());
    }
    let device = Device::ask(&serving.endpoint);
    let unknown = device.program.run(&["approve", &device.user_code, "--as", "carol"]).fails(253);
    assert!(unknown.contains("no person with the subject carol"), "{unknown}");
    assert!(unknown.contains("it has alice, b<o>b&';"), "{unknown}");
    assert!(device.poll().fails(254).contains("AuthorizationPending"), "nothing was decided");
    let refused = device.program.run(&["deny", &device.user_code, "--as", "alice"]).fails(252);
    assert!(refused.contains("--as"), "{refused}");
}

#[test]
fn a_server_without_people_has_one() {
    let serving = Serving::start(&[]);
    let device = Device::ask(&serving.endpoint);
    let unknown = device.program.run(&["approve", &device.user_code, "--as", "alice"]).fails(253);
    assert!(unknown.contains("it has person; `serve --people FILE` names the people"), "{unknown}");
    let run = device.program.run(&["approve", &device.user_code, "--as", "person"]);
    assert!(run.stderr.ends_with("as person.\n"), "{}", run.stderr);
}

#[test]
fn a_file_of_people_that_cannot_be_used_stops_the_start_with_an_example() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("people.toml");
    std::fs::write(&file, "[[person]]\nsubject = \"a\"\n[[person]]\nsubject = \"a\"\n").unwrap();
    let stderr = Program::new().run(&["serve", "--people", file.to_str().unwrap()]).fails(255);
    assert!(stderr.contains("the person a occurs twice") && stderr.contains("[[person]]"), "{stderr}");
}

//! A whole sign-in, operation by operation, against the project's own server.

mod common;

use common::{DEVICE_CODE, Program, Run, run};
use serde_json::Value;
use sso_oidc_server::TestServer;

const START_URL: &str = "https://d-1234567890.awsapps.com/start";

/// A registered client with a running device authorization.
struct Device {
    server: TestServer,
    program: Program,
    client_id: String,
    device_code: String,
    user_code: String,
}

impl Device {
    /// Passes secrets from call to call through the environment, as a careful script does.
    fn start() -> Self {
        let server = TestServer::start();
        let client: Value = run(&[
            "register-client",
            "--client-name",
            "transcript",
            "--client-type",
            "public",
            "--scopes",
            "sso:account:access",
            "--endpoint-url",
            server.endpoint(),
        ])
        .json();
        let text = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
        let program = Program::new()
            .var("AWS_ENDPOINT_URL_SSO_OIDC", server.endpoint())
            .var("SSO_OIDC_CLIENT_SECRET", &text(&client, "clientSecret"));
        let client_id = text(&client, "clientId");
        let device = program
            .run(&["start-device-authorization", "--client-id", &client_id, "--start-url", START_URL])
            .json();
        assert!(device["expiresIn"].as_u64().unwrap() > 0 && device["interval"].as_u64().unwrap() > 0);
        assert!(text(&device, "verificationUriComplete").contains(&text(&device, "userCode")));
        let (device_code, user_code) = (text(&device, "deviceCode"), text(&device, "userCode"));
        Self { server, program, client_id, device_code, user_code }
    }

    fn create_token(&self, more: &[&str]) -> Run {
        let arguments = ["create-token", "--client-id", &self.client_id];
        self.program.run(&[&arguments[..], more].concat())
    }

    fn poll(&self) -> Run {
        self.create_token(&["--grant-type", DEVICE_CODE, "--device-code", &self.device_code])
    }
}

#[test]
fn a_person_approves_and_the_token_comes_and_is_refreshed() {
    let device = Device::start();
    let said = device.poll().fails(254);
    assert!(
        said.contains("(AuthorizationPendingException) when calling the CreateToken operation"),
        "{said}"
    );
    assert!(said.contains("Request id: "), "{said}");

    device.server.approve(&device.user_code).unwrap();
    let token = device.poll().json();
    assert_eq!(token["tokenType"], "Bearer");
    assert!(token["expiresIn"].as_u64().unwrap() > 0);

    let refresh_token = token["refreshToken"].as_str().unwrap();
    let file = device.program.file("refresh-token", refresh_token);
    let grant = ["--grant-type", "refresh_token", "--refresh-token-file", &file];
    let fresh =
        device.create_token(&[&grant[..], &["--query", "accessToken", "--output", "text"]].concat()).ok();
    assert_ne!(fresh.trim(), token["accessToken"].as_str().unwrap());
}

#[test]
fn a_spent_device_code_is_an_invalid_grant() {
    let device = Device::start();
    device.server.approve(&device.user_code).unwrap();
    device.poll().ok();
    assert_eq!(device.poll().code, Some(254));
}

#[test]
fn a_person_denies() {
    let device = Device::start();
    device.server.deny(&device.user_code).unwrap();
    assert!(device.poll().fails(254).contains("(AccessDeniedException)"));
}

#[test]
fn polling_too_fast_is_answered_with_slow_down() {
    let device = Device::start();
    // More early polls than the server tolerates.
    let slowed = (0..4).map(|_| device.poll().fails(254)).any(|said| said.contains("(SlowDownException)"));
    assert!(slowed);
}

#[test]
fn an_unknown_client_is_told_to_register_again() {
    let mut device = Device::start();
    device.client_id = "unknown".to_owned();
    let said = device.poll().fails(254);
    assert!(
        said.contains("(InvalidClientException)") && said.contains("register the client again"),
        "{said}"
    );
}

//! Scripts: the course of a sign-in, poll by poll, in both dialects.

mod common;

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::{Http, START_URL, poll, start, text};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sso_oidc_server::{Approval, Client, Config, InProcess, Script, ServeError, SlowDown, TestServer};

fn server(script: &str) -> TestServer {
    with(Config::default().with_approval(Approval::Manual), script)
}

fn with(config: Config, script: &str) -> TestServer {
    let config = config.with_client(Client::public("my-tool")).with_client(Client::public("other"));
    TestServer::with(config.with_script(script.parse().unwrap())).unwrap()
}

/// Polls so often, and returns the errors, with null for a token.
fn errors(http: &mut Http, client: &str, device: &Value, polls: usize) -> Vec<Value> {
    (0..polls).map(|_| poll(http, client, device).json()["error"].clone()).collect()
}

const STEPS: &str = r#"
    [[sign_in]]
    polls = [{ answer = "pending", times = 2 }, "slow_down", "token"]
"#;

#[test]
fn each_poll_gets_its_step_in_both_dialects() {
    let server = server(&STEPS.repeat(2));
    let mut http = Http::to(&server);
    let device = start(&mut http, "my-tool", "openid");
    let expected =
        [json!("authorization_pending"), json!("authorization_pending"), json!("slow_down"), Value::Null];
    assert_eq!(errors(&mut http, "my-tool", &device, 4), expected, "early polls get no other answer");
    let client = http.client();
    let device = http.start(&client);
    for exception in ["AuthorizationPendingException", "AuthorizationPendingException", "SlowDownException"] {
        assert_eq!(http.poll(&client, &device).fault(), exception);
    }
    assert_eq!(http.poll(&client, &device).status, 200);
}

#[test]
fn a_denial_and_an_early_end_stay() {
    let server = server("[[sign_in]]\npolls = [\"deny\"]\n[[sign_in]]\npolls = [\"pending\", \"expire\"]");
    let mut http = Http::to(&server);
    let denied = start(&mut http, "my-tool", "openid");
    assert_eq!(errors(&mut http, "my-tool", &denied, 2), ["access_denied", "access_denied"]);
    let expired = start(&mut http, "my-tool", "openid");
    let said = errors(&mut http, "my-tool", &expired, 3);
    assert_eq!(said, ["authorization_pending", "expired_token", "expired_token"]);
}

#[test]
fn codes_tokens_and_lifetimes_are_the_chosen_ones_and_work() {
    let server = server(
        r#"
        [[sign_in]]
        user_code = "BCDF-GHJK"
        device_code = "the-device-code"
        access_token = "the-access-token"
        refresh_token = "the-refresh-token"
        expires_in = "2m"
        interval = 7
        token_expires_in = "15m"
        polls = ["token"]
        "#,
    );
    let mut http = Http::to(&server);
    let device = start(&mut http, "my-tool", "openid");
    assert_eq!((text(&device, "user_code"), text(&device, "device_code")), ("BCDF-GHJK", "the-device-code"));
    assert_eq!((&device["expires_in"], &device["interval"]), (&json!(120), &json!(7)));
    let tokens = poll(&mut http, "my-tool", &device).json();
    assert_eq!(text(&tokens, "access_token"), "the-access-token");
    assert_eq!((text(&tokens, "refresh_token"), &tokens["expires_in"]), ("the-refresh-token", &json!(900)));
    let payload = text(&tokens, "id_token").split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    let hash = &Sha256::digest("the-access-token")[..16];
    assert_eq!(
        text(&claims, "at_hash"),
        URL_SAFE_NO_PAD.encode(hash),
        "it is of the token that the client got"
    );
    let bearer = [("Authorization", "Bearer the-access-token")];
    assert_eq!(http.send("GET", "/oauth/userinfo", &bearer, "").json(), json!({ "sub": "person" }));
    let about = [("token", "the-access-token"), ("client_id", "my-tool")];
    assert_eq!(http.form("/oauth/introspect", &[], &about).json()["active"], true);

    let header = [("x-amz-sso_bearer_token", "the-access-token")];
    assert_eq!(http.send("GET", "/assignment/accounts", &header, "").status, 200);
    let refresh =
        [("grant_type", "refresh_token"), ("refresh_token", "the-refresh-token"), ("client_id", "my-tool")];
    let fresh = http.form("/oauth/token", &[], &refresh).json();
    assert_ne!(text(&fresh, "access_token"), "the-access-token");
    let request = server.requests().into_iter().find(|request| request.path == "/oauth/token").unwrap();
    assert_eq!(request.user_code.as_deref(), Some("BCDF-GHJK"));
    let revoke = [("token", "the-refresh-token"), ("client_id", "my-tool")];
    assert_eq!(http.form("/oauth/revoke", &[], &revoke).status, 200);
    assert_eq!(http.send("GET", "/assignment/accounts", &header, "").status, 401);
}

#[test]
fn a_sign_in_is_for_its_client_or_start_url_and_the_rest_follows_the_rules() {
    let script = format!(
        "[[sign_in]]\nclient = \"other\"\npolls = [\"deny\"]\n[[sign_in]]\nclient = \"my tool\"\nstart_url = \
         \"{START_URL}\"\npolls = [\"expire\"]"
    );
    let server = with(Config::default().with_approval(Approval::Auto), &script);
    let mut http = Http::to(&server);
    let device = start(&mut http, "my-tool", "openid");
    assert_eq!(errors(&mut http, "my-tool", &device, 1), [Value::Null], "the rule is approval");
    let device = start(&mut http, "other", "openid");
    assert_eq!(errors(&mut http, "other", &device, 1), ["access_denied"]);
    let device = start(&mut http, "other", "openid");
    assert_eq!(errors(&mut http, "other", &device, 1), [Value::Null], "its sign-in is taken");
    let client = http.client();
    let device = http.start(&client);
    assert_eq!(http.poll(&client, &device).fault(), "ExpiredTokenException");
    server.handle().reset().unwrap();
    let device = start(&mut http, "other", "openid");
    assert_eq!(errors(&mut http, "other", &device, 1), ["access_denied"], "a reset starts the script anew");
}

#[test]
fn errors_of_the_client_come_before_the_script_and_keep_no_sign_in() {
    let server = server("[[sign_in]]\npolls = [\"pending\"]");
    let mut http = Http::to(&server);
    let unknown = [("client_id", "unknown"), ("scope", "openid")];
    assert_eq!(http.form("/oauth/device_authorization", &[], &unknown).json()["error"], "invalid_client");
    let device = start(&mut http, "my-tool", "openid");
    assert_eq!(errors(&mut http, "other", &device, 1), ["invalid_grant"], "it is another client's code");
    assert_eq!(errors(&mut http, "my-tool", &device, 1), ["authorization_pending"]);
    server.advance(Duration::from_secs(600));
    assert_eq!(errors(&mut http, "my-tool", &device, 1), ["expired_token"]);
}

#[test]
fn a_fault_is_one_step_and_a_delay_comes_before_the_answer() {
    let server = with(
        Config::default().with_slow_down(SlowDown::Off),
        r#"
        [[sign_in]]
        polls = ["pending", { fault = "html-502" }, { answer = "token", delay = "50ms" }]
        "#,
    );
    let mut http = Http::to(&server);
    let device = start(&mut http, "my-tool", "openid");
    assert_eq!(errors(&mut http, "my-tool", &device, 1), ["authorization_pending"]);
    assert_eq!(poll(&mut http, "my-tool", &device).status, 502);
    let began = Instant::now();
    let answered = poll(&mut http, "my-tool", &device);
    assert!(began.elapsed() >= Duration::from_millis(50));
    // The gateway's page came in place of what the server did by its rules: the device waits.
    assert_eq!(answered.status, 200, "{answered:?}");
}

#[test]
fn a_service_in_the_process_takes_answers_but_no_faults_and_delays() {
    let service = |script: &str| {
        let config = Config::default().with_script(script.parse().unwrap());
        InProcess::new(config, || Duration::ZERO)
    };
    assert!(service("[[sign_in]]\npolls = [\"token\"]").is_ok());
    let fault = service("[[sign_in]]\npolls = [{ fault = \"html-502\" }]");
    assert!(matches!(fault, Err(ServeError::FaultNeedsConnection { .. })));
    let delay = service("[[sign_in]]\npolls = [{ delay = \"1s\" }]");
    assert!(matches!(delay, Err(ServeError::DelayNeedsConnection)));
}

#[test]
fn a_script_that_comes_later_is_for_the_devices_that_ask_later() {
    let server = server("[[sign_in]]\ndevice_code = \"first\"\npolls = [\"pending\", \"deny\"]");
    let mut http = Http::to(&server);
    let first = start(&mut http, "my-tool", "openid");
    assert_eq!(errors(&mut http, "my-tool", &first, 1), ["authorization_pending"]);
    let later = "[[sign_in]]\naccess_token = \"chosen\"\npolls = [\"token\"]";
    server.set_script(later.parse().unwrap()).unwrap();
    let second = start(&mut http, "my-tool", "openid");
    let said = errors(&mut http, "my-tool", &first, 1);
    assert_eq!(said, ["access_denied"], "a device goes on as it began, with its chosen code");
    server.set_script(Script::default()).unwrap();
    assert_eq!(poll(&mut http, "my-tool", &second).json()["access_token"], "chosen");
    let third = start(&mut http, "my-tool", "openid");
    assert_eq!(errors(&mut http, "my-tool", &third, 1), ["authorization_pending"], "a person decides again");
}

#[test]
fn a_server_that_had_no_script_takes_one_with_faults_at_run_time() {
    let config = Config::default().with_slow_down(SlowDown::Off).with_client(Client::public("my-tool"));
    let server = TestServer::with(config).unwrap();
    let mut http = Http::to(&server);
    start(&mut http, "my-tool", "openid"); // so the connection is older than the faults
    let script = "[[sign_in]]\npolls = [{ fault = \"html-502\" }, { fault = \"redirect-307\" }, \"token\"]";
    server.set_script(script.parse().unwrap()).unwrap();
    let mut http = Http::to(&server);
    let device = start(&mut http, "my-tool", "openid");
    let statuses: Vec<_> = (0..3).map(|_| poll(&mut http, "my-tool", &device).status).collect();
    assert_eq!(statuses, [502, 307, 200]);
}

#[test]
fn a_service_in_the_process_takes_no_faults_and_delays_at_run_time_either() {
    let service = InProcess::new(Config::default(), || Duration::ZERO).unwrap();
    let set = |script: &str| service.handle().set_script(script.parse().unwrap());
    set("[[sign_in]]\npolls = [\"token\"]").unwrap();
    let fault = set("[[sign_in]]\npolls = [{ fault = \"html-502\" }]");
    assert!(matches!(fault, Err(ServeError::FaultNeedsConnection { .. })), "{fault:?}");
    let delay = set("[[sign_in]]\npolls = [{ delay = \"1s\" }]");
    assert!(matches!(delay, Err(ServeError::DelayNeedsConnection)), "{delay:?}");
}

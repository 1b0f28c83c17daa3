//! The clock that a test moves on: everything that takes minutes or months ends at once.

mod common;

use std::time::Duration;

use common::{Http, poll, start, text};
use serde_json::json;
use sso_oidc_server::{Approval, Client, Config, GuessLimit, ServerPolicy, SlowDown, TestServer};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn server(config: Config) -> TestServer {
    TestServer::with(config.with_client(Client::public("my-tool"))).unwrap()
}

#[test]
fn a_device_code_expires_after_ten_minutes_in_both_dialects() {
    let server = server(Config::default());
    let mut http = Http::to(&server);
    let client = http.client();
    let (aws, oauth) = (http.start(&client), start(&mut http, "my-tool", "openid"));
    server.advance(9 * MINUTE);
    assert_eq!(http.poll(&client, &aws).fault(), "AuthorizationPendingException");
    assert_eq!(poll(&mut http, "my-tool", &oauth).json()["error"], "authorization_pending");
    server.advance(MINUTE);
    assert_eq!(http.poll(&client, &aws).fault(), "ExpiredTokenException");
    assert_eq!(poll(&mut http, "my-tool", &oauth).json()["error"], "expired_token");
}

#[test]
fn the_interval_passes_with_the_clock_and_slow_down_adds_five_seconds_of_it() {
    let interval = Duration::from_secs(5);
    let server = server(Config::default().with_interval(interval).with_slow_down(SlowDown::Strict));
    let mut http = Http::to(&server);
    let device = start(&mut http, "my-tool", "openid");
    let mut ask = || text(&poll(&mut http, "my-tool", &device).json(), "error").to_owned();
    assert_eq!(ask(), "authorization_pending");
    assert_eq!(ask(), "slow_down");
    server.advance(interval);
    assert_eq!(ask(), "slow_down", "five seconds are no longer enough");
    server.advance(3 * interval);
    assert_eq!(ask(), "authorization_pending");
    let report = server.report();
    assert_eq!((report.early_polls, report.slow_downs_ignored), (1, 1), "the report has the same clock");
}

#[test]
fn an_access_token_expires_and_the_sign_in_ends_after_90_days() {
    let server = server(Config::default().with_approval(Approval::Auto));
    let mut http = Http::to(&server);
    let client = http.register(
        &json!({"clientName": "my tool", "clientType": "public", "scopes": ["sso:account:access"]}),
    );
    let device = http.start(&client);
    let tokens = http.poll(&client, &device).json();
    let token = text(&tokens, "accessToken").to_owned();
    let mut accounts =
        || http.send("GET", "/assignment/accounts", &[("x-amz-sso_bearer_token", token.as_str())], "").status;
    assert_eq!(accounts(), 200);
    server.advance(60 * MINUTE);
    assert_eq!(accounts(), 401);
    let refresh = json!({
        "clientId": client.id, "clientSecret": client.secret,
        "grantType": "refresh_token", "refreshToken": text(&tokens, "refreshToken"),
    });
    assert_eq!(http.post("/token", &refresh).status, 200);
    server.advance(90 * DAY);
    assert_ne!(http.post("/token", &refresh).status, 200);
}

#[test]
fn the_window_of_wrong_codes_ends() {
    let policy = ServerPolicy::default().with_guesses(GuessLimit::default().with_per_source(1));
    let server = server(Config::default().with_policy(policy));
    let mut http = Http::to(&server);
    let mut reason = || http.get("/device?user_code=BBBB-BBBB").header("x-device-code").map(str::to_owned);
    assert_eq!(reason().as_deref(), Some("unknown"));
    assert_eq!(reason().as_deref(), Some("too-many-guesses"));
    server.advance(DAY);
    assert_eq!(reason().as_deref(), Some("unknown"));
}

#[test]
fn an_idle_connection_outlives_a_day_of_the_clock() {
    let server = server(Config::default());
    let mut http = Http::to(&server);
    assert_eq!(http.get("/health").status, 200);
    server.advance(DAY);
    assert_eq!(http.get("/health").status, 200, "the limits of connections have the system's clock");
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_time_in_the_past_changes_nothing_and_revives_no_code() {
    let server = server(Config::default());
    let mut http = Http::to(&server);
    let device = start(&mut http, "my-tool", "openid");
    let began = server.time();
    server.set_time(began + 10 * MINUTE).unwrap();
    let error = server.set_time(began).unwrap_err();
    assert!(error.to_string().contains("cannot go back"), "{error}");
    assert!(server.time() >= began + 10 * MINUTE);
    assert_eq!(poll(&mut http, "my-tool", &device).json()["error"], "expired_token");
}

//! A registration that its tool keeps for 90 days, at a restarted server. Tokens that several processes use
//! at once.

mod common;

use common::{DEVICE_GRANT, Http, START_URL};
use serde_json::{Value, json};
use sso_oidc_server::{Approval, Client, Config, RegistrationKey, Rotation, Secret, TestServer};

fn key(letter: &str) -> RegistrationKey {
    RegistrationKey::new(Secret::new(letter.repeat(43))).unwrap()
}

fn started(config: Config) -> (TestServer, Http) {
    let server = TestServer::with(config.with_approval(Approval::Auto)).unwrap();
    let http = Http::to(&server);
    (server, http)
}

fn register(http: &mut Http) -> Value {
    let ask =
        json!({"clientName": "botocore-client-x", "clientType": "public", "scopes": ["sso:account:access"]});
    let response = http.post("/client/register", &ask);
    assert_eq!(response.status, 200, "{response:?}");
    response.json()
}

/// Signs in with this registration. Returns the token, or the fault's name.
fn sign_in(http: &mut Http, client: &Value) -> Result<Value, String> {
    let mut body = json!({
        "clientId": client["clientId"], "clientSecret": client["clientSecret"], "startUrl": START_URL,
    });
    let started = http.post("/device_authorization", &body);
    if started.status != 200 {
        return Err(started.fault().to_owned());
    }
    body["grantType"] = json!(DEVICE_GRANT);
    body["deviceCode"] = started.json()["deviceCode"].clone();
    let response = http.post("/token", &body);
    assert_eq!(response.status, 200, "{response:?}");
    Ok(response.json())
}

fn refresh(http: &mut Http, client: &Value, token: &Value) -> (u16, Value) {
    let body = json!({
        "clientId": client["clientId"], "clientSecret": client["clientSecret"],
        "grantType": "refresh_token", "refreshToken": token["refreshToken"],
    });
    let response = http.post("/token", &body);
    (response.status, response.json())
}

#[test]
fn a_registration_outlives_a_restart_where_the_key_is_the_same() {
    let (first, mut http) = started(Config::default().with_registration_key(key("k")));
    let client = register(&mut http);
    drop(first);
    let (_second, mut http) = started(Config::default().with_registration_key(key("k")));
    let token = sign_in(&mut http, &client).unwrap();
    assert!(token["refreshToken"].is_string());
    for config in [Config::default(), Config::default().with_registration_key(key("q"))] {
        let (_other, mut http) = started(config);
        assert_eq!(sign_in(&mut http, &client).unwrap_err(), "InvalidClientException");
    }
}

#[test]
fn a_confidential_client_of_the_other_dialect_outlives_a_restart_as_well() {
    let (first, mut http) = started(Config::default().with_registration_key(key("k")));
    let client = http.post("/oauth/register", &json!({"client_name": "tool"})).json();
    drop(first);
    let (_second, mut http) = started(Config::default().with_registration_key(key("k")));
    let parameters = [
        ("client_id", client["client_id"].as_str().unwrap()),
        ("client_secret", client["client_secret"].as_str().unwrap()),
    ];
    assert_eq!(http.form("/oauth/device_authorization", &[], &parameters).status, 200);
}

#[test]
fn unknown_clients_are_accepted_in_awss_dialect_alone() {
    let (_server, mut http) = started(Config::default().with_unknown_clients_accepted());
    let client = json!({"clientId": "wnJ2GiD2", "clientSecret": "of-another-server"});
    assert!(sign_in(&mut http, &client).unwrap()["refreshToken"].is_string());
    let form = [("client_id", "another"), ("client_secret", "s")];
    assert_eq!(http.form("/oauth/device_authorization", &[], &form).json()["error"], "invalid_client");
}

#[test]
fn a_refresh_token_used_twice_is_graced_in_awss_dialect_and_ends_the_chain_in_oauths() {
    let (_server, mut http) = started(Config::default());
    let client = register(&mut http);
    let token = sign_in(&mut http, &client).unwrap();
    let answers = [1, 2].map(|_| refresh(&mut http, &client, &token));
    assert_eq!((answers[0].0, answers[1].0), (200, 200));
    assert_eq!(answers[0].1["refreshToken"], answers[1].1["refreshToken"]);

    let secret = |value: &Value| value.as_str().unwrap().to_owned();
    let (id, client_secret) = (secret(&client["clientId"]), secret(&client["clientSecret"]));
    let mut oauth = |token: &str| {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("client_id", &id),
            ("client_secret", &client_secret),
        ];
        http.form("/oauth/token", &[], &form).json()
    };
    let next = oauth(answers[1].1["refreshToken"].as_str().unwrap());
    let successor = next["refresh_token"].as_str().unwrap();
    assert_eq!(oauth(answers[1].1["refreshToken"].as_str().unwrap())["error"], "invalid_grant");
    let refused = oauth(successor);
    assert_eq!(refused["error"], "invalid_grant", "its chain has ended");
    assert_eq!(refused["error_description"], "Invalid refresh token provided");
}

#[test]
fn a_fate_of_refresh_tokens_that_was_chosen_counts_in_both_dialects() {
    for (rotation, second) in [(Rotation::Strict, 400), (Rotation::Grace, 200), (Rotation::Reuse, 200)] {
        let (_server, mut http) =
            started(Config::default().with_rotation(rotation).with_client(Client::public("tool")));
        let client = register(&mut http);
        let token = sign_in(&mut http, &client).unwrap();
        let (first, again) = (refresh(&mut http, &client, &token), refresh(&mut http, &client, &token));
        assert_eq!((first.0, again.0), (200, second), "{rotation:?}");
        assert_eq!(first.1["refreshToken"] == token["refreshToken"], rotation == Rotation::Reuse);

        let form = [("client_id", "tool"), ("scope", "a")];
        let code = http.form("/oauth/device_authorization", &[], &form).json()["device_code"].clone();
        let form =
            [("grant_type", DEVICE_GRANT), ("client_id", "tool"), ("device_code", code.as_str().unwrap())];
        let token = http.form("/oauth/token", &[], &form).json()["refresh_token"].clone();
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "tool"),
            ("refresh_token", token.as_str().unwrap()),
        ];
        let statuses = [1, 2].map(|_| http.form("/oauth/token", &[], &form).status);
        assert_eq!(statuses, [200, second], "{rotation:?}");
    }
}

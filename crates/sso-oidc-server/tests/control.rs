//! The control API, as a test in another language uses it.

mod common;

use std::time::Duration;

use common::{Http, START_URL, poll, start, text};
use serde_json::{Value, json};
use sso_oidc_server::{
    Approval, Capacity, Client, Config, Control, DeviceStatus, Memory, Secret, ServeError, TestServer,
};

const TOKEN: &str = "Bearer control-token";

struct Controlled {
    server: TestServer,
    control: Http,
}

/// Starts a server with a public client and the control API.
fn controlled(config: Config) -> Controlled {
    let config = config
        .with_client(Client::public("my-tool"))
        .with_control(Control::new(Secret::from("control-token")));
    let server = TestServer::with(config).unwrap();
    let control = Http::to_endpoint(server.handle().control_endpoint().unwrap());
    Controlled { server, control }
}

impl Controlled {
    fn ask(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let response =
            self.control.send(method, &format!("/_control/{path}"), &[("Authorization", TOKEN)], &body);
        (response.status, response.json())
    }

    #[track_caller]
    fn post(&mut self, path: &str, body: &Value) -> Value {
        let (status, said) = self.ask("POST", path, body);
        assert_eq!(status, 200, "{said}");
        said
    }

    /// Returns the error of a request that must fail with this status.
    #[track_caller]
    fn refused(&mut self, path: &str, body: &Value, status: u16) -> String {
        let (got, said) = self.ask("POST", path, body);
        assert_eq!(got, status, "{said}");
        assert!(!text(&said, "message").is_empty());
        text(&said, "error").to_owned()
    }

    fn requests(&mut self, query: &str) -> Vec<Value> {
        let path = format!("/_control/requests{query}");
        let response = self.control.send("GET", &path, &[("Authorization", TOKEN)], "");
        assert_eq!(response.status, 200, "{response:?}");
        response.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn error_of_poll(&self, device: &Value) -> Value {
        poll(&mut Http::to(&self.server), "my-tool", device).json()["error"].clone()
    }
}

#[test]
fn without_the_token_nothing_is_done_or_told() {
    let mut controlled = controlled(Config::default());
    for headers in [&[][..], &[("Authorization", "Bearer wrong")], &[("Authorization", "control-token")]] {
        for (method, path) in [("GET", "/_control/requests"), ("POST", "/_control/reset"), ("GET", "/")] {
            let response = controlled.control.send(method, path, headers, "");
            assert_eq!(response.status, 401, "{response:?}");
            assert_eq!(response.header("www-authenticate"), Some("Bearer"));
            assert_eq!(text(&response.json(), "error"), "unauthorized");
        }
    }
    let response =
        Http::to(&controlled.server).send("GET", "/_control/requests", &[("Authorization", TOKEN)], "");
    assert_eq!(response.status, 404, "the server's own port has no control API");
}

#[test]
fn a_wrong_path_method_or_body_has_an_error_that_helps() {
    let mut controlled = controlled(Config::default());
    assert_eq!(controlled.refused("nothing", &Value::Null, 404), "unknown_path");
    assert_eq!(controlled.refused("devices", &Value::Null, 405), "wrong_method");
    let (status, said) = controlled.ask("POST", "approve", &json!({"userCode": "BCDF-GHJK"}));
    assert!(status == 400 && text(&said, "message").contains("expected `user_code`"), "{said}");
    assert_eq!(controlled.refused("revoke", &json!({}), 400), "invalid_request");
    assert_eq!(controlled.refused("clock", &json!({"advance": "1.5 s"}), 400), "invalid_request");
    let long = json!({"user_code": "x".repeat(70_000)});
    assert_eq!(controlled.refused("approve", &long, 413), "invalid_body");
}

#[test]
fn the_person_approves_denies_and_expires() {
    let mut controlled = controlled(Config::default().with_interval(Duration::ZERO));
    let mut http = Http::to(&controlled.server);
    for (verdict, error) in
        [("approve", Value::Null), ("deny", json!("access_denied")), ("expire", json!("expired_token"))]
    {
        let device = start(&mut http, "my-tool", "openid");
        let body = json!({"user_code": text(&device, "user_code")});
        controlled.post(verdict, &body);
        assert_eq!(controlled.error_of_poll(&device), error, "{verdict}");
        assert!(["decided", "expired"].contains(&controlled.refused("approve", &body, 409).as_str()));
    }
    assert_eq!(controlled.refused("deny", &json!({"user_code": "BBBB-BBBB"}), 404), "unknown_user_code");
    let (_, said) = controlled.ask("GET", "devices", &Value::Null);
    let states: Vec<&str> =
        said["devices"].as_array().unwrap().iter().map(|device| text(device, "state")).collect();
    assert_eq!(states.len(), 3);
    assert!(["redeemed", "denied", "expired"].iter().all(|state| states.contains(state)), "{states:?}");
}

#[test]
fn the_requests_tell_who_asked_for_what_and_no_secret() {
    let mut controlled = controlled(Config::default().with_approval(Approval::Auto));
    let mut http = Http::to(&controlled.server);
    let scopes = ["sso:account:access"];
    let client = http.register(&json!({"clientName": "my tool", "clientType": "public", "scopes": scopes}));
    let device = http.start(&client);
    let tokens = http.poll(&client, &device).json();
    let requests = controlled.requests("");
    let shown: Vec<_> = requests
        .iter()
        .map(|request| {
            (text(request, "operation"), request["client_name"].as_str(), request["status"].as_u64())
        })
        .collect();
    let expected = |name| (name, Some("my tool"), Some(200));
    assert_eq!(
        shown,
        ["RegisterClient", "StartDeviceAuthorization", "CreateToken"].map(expected),
        "{requests:?}"
    );
    assert_eq!(requests[0]["scopes"], json!(scopes));
    for request in &requests[1..] {
        assert_eq!(request["user_code"], json!(device.user_code));
        assert_eq!(request["start_url"], json!(START_URL));
        assert_eq!(request["client_id"], json!(client.id));
    }
    assert_eq!(requests[2]["grant_type"], json!(common::DEVICE_GRANT));
    let everything = format!("{requests:?}");
    for secret in
        [&client.secret, &device.device_code, text(&tokens, "accessToken"), text(&tokens, "refreshToken")]
    {
        assert!(!everything.contains(secret));
    }
    assert_eq!(controlled.requests("?after=2").len(), 1);
    assert_eq!(controlled.requests("?operation=RegisterClient").len(), 1);
    let path = "/_control/requests?operation=Nothing";
    assert_eq!(controlled.control.send("GET", path, &[("Authorization", TOKEN)], "").status, 400);
}

#[test]
fn a_wait_ends_with_the_request_that_it_waits_for() {
    let mut controlled = controlled(Config::default());
    let endpoint = controlled.server.endpoint().to_owned();
    let later = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        start(&mut Http::to_endpoint(&endpoint), "my-tool", "openid");
    });
    let requests = controlled.requests("?wait=1&timeout=10&operation=StartDeviceAuthorization");
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0]["scopes"], json!(["openid"]));
    later.join().unwrap();
    assert_eq!(controlled.requests("?wait=2&timeout=0").len(), 1, "it ends with what there is");
    let handle = controlled.server.handle();
    assert_eq!(handle.wait_for_requests(1, Duration::from_secs(10), |_| true).len(), 1);
}

#[test]
fn the_clock_moves_on_and_never_back() {
    let mut controlled = controlled(Config::default());
    let device = start(&mut Http::to(&controlled.server), "my-tool", "openid");
    let (_, before) = controlled.ask("GET", "clock", &Value::Null);
    let before = before["time"].as_f64().unwrap();
    let after = controlled.post("clock", &json!({"advance": "10m"}))["time"].as_f64().unwrap();
    assert!(after >= before + 600.0);
    assert_eq!(controlled.error_of_poll(&device), "expired_token");
    assert_eq!(controlled.refused("clock", &json!({"set": before}), 409), "time_in_past");
    controlled.post("clock", &json!({"set": after + 3600.5}));
    controlled.post("clock", &json!({"advance": 1}));
}

#[test]
fn a_sign_in_ends_by_its_client_or_by_either_token() {
    let mut controlled = controlled(Config::default().with_approval(Approval::Auto));
    let mut http = Http::to(&controlled.server);
    for kind in ["client_id", "access_token", "refresh_token"] {
        let device = start(&mut http, "my-tool", "openid");
        let tokens = poll(&mut http, "my-tool", &device).json();
        let body = match kind {
            "client_id" => json!({"client_id": "my-tool"}),
            token => json!({"token": text(&tokens, token)}),
        };
        assert_eq!(controlled.post("revoke", &body), json!({"ended": 1}), "{kind}");
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", text(&tokens, "refresh_token")),
            ("client_id", "my-tool"),
        ];
        assert_eq!(http.form("/oauth/token", &[], &form).json()["error"], "invalid_grant", "{kind}");
        assert_eq!(controlled.refused("revoke", &body, 404), "unknown_sign_in");
    }
}

#[cfg(feature = "faults")]
#[test]
fn faults_are_replaced_and_a_reset_starts_those_of_the_configuration_anew() {
    use sso_oidc_server::{FaultRule, InjectedFault, Operation};
    let at_start = FaultRule::new(InjectedFault::SlowDown).at(Operation::CreateToken).once();
    let mut controlled = controlled(Config::default().with_fault(at_start));
    let device = start(&mut Http::to(&controlled.server), "my-tool", "openid");
    assert_eq!(controlled.error_of_poll(&device), "slow_down");
    controlled.post("faults", &json!({"faults": ["access-denied@poll:1"]}));
    assert_eq!(controlled.error_of_poll(&device), "access_denied");
    let injected = controlled.requests("?operation=CreateToken");
    assert_eq!(injected[1]["injected"], "access-denied");
    let (status, said) = controlled.ask("POST", "faults", &json!({"faults": ["nonsense"]}));
    assert!(status == 400 && text(&said, "message").contains("nonsense"), "{said}");

    controlled.post("reset", &Value::Null);
    assert_eq!(controlled.requests("").len(), 0);
    assert!(controlled.server.pending().is_empty());
    assert_eq!(controlled.error_of_poll(&device), "slow_down", "the fault counts anew");
    assert_eq!(controlled.error_of_poll(&device), "invalid_grant", "the device is gone");
    assert_eq!(controlled.requests("")[0]["number"], 1);
}

#[cfg(feature = "faults")]
#[test]
fn faults_begin_on_an_open_connection() {
    let mut controlled = controlled(Config::default());
    let mut http = Http::to(&controlled.server);
    let device = start(&mut http, "my-tool", "openid");
    controlled.post("faults", &json!({"faults": ["slow-down@poll"]}));
    // A client of another kind would see the close by now.
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(poll(&mut http, "my-tool", &device).json()["error"], "slow_down");
    assert_eq!(controlled.server.connections(), 1);
}

#[test]
fn a_store_of_the_program_is_not_emptied() {
    let store = std::sync::Mutex::new(Memory::new(Capacity::default()));
    let mut controlled = controlled(Config::default().with_store(store));
    start(&mut Http::to(&controlled.server), "my-tool", "openid");
    assert_eq!(controlled.refused("reset", &Value::Null, 409), "not_reset");
    assert!(matches!(controlled.server.handle().reset(), Err(ServeError::ForeignStore)));
    let devices = controlled.server.handle().devices().unwrap();
    assert_eq!((devices.len(), devices[0].status), (1, DeviceStatus::Pending));
}

#[test]
fn the_control_port_closes_with_the_server() {
    let controlled = controlled(Config::default());
    let address = controlled.server.handle().control_endpoint().unwrap().replace("http://", "");
    assert!(std::net::TcpStream::connect(&address).is_ok());
    drop(controlled.server);
    assert!(std::net::TcpStream::connect(&address).is_err());
}

#[test]
fn a_script_over_the_control_api_replaces_the_one_before_and_a_wrong_one_is_named() {
    let own = "[[sign_in]]\npolls = [\"deny\"]";
    let config = Config::default().with_approval(Approval::Manual).with_script(own.parse().unwrap());
    let mut controlled = controlled(config);
    let mut http = Http::to(&controlled.server);
    let mut answers = |polls: usize| -> Vec<Value> {
        let device = start(&mut http, "my-tool", "openid");
        (0..polls).map(|_| poll(&mut http, "my-tool", &device).json()["error"].clone()).collect()
    };
    controlled.post("script", &json!({ "script": "[[sign_in]]\npolls = [\"pending\", \"expire\"]" }));
    assert_eq!(answers(2), ["authorization_pending", "expired_token"]);
    controlled.post("script", &json!({ "script": null }));
    assert_eq!(answers(1), ["authorization_pending"]);
    controlled.post("reset", &Value::Null);
    assert_eq!(answers(1), ["access_denied"], "that of the configuration starts anew");
    let wrong = json!({ "script": "[[sign_in]]\npolls = [\"maybe\"]" });
    let (status, said) = controlled.ask("POST", "script", &wrong);
    assert!(status == 400 && text(&said, "message").contains("line 2"), "{status} {said}");
    for body in [json!({}), json!({ "scripts": "" })] {
        assert_eq!(controlled.refused("script", &body, 400), "invalid_request");
    }
}

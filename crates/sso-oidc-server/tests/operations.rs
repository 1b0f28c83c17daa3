//! The three AWS operations, as bytes on a socket.

mod common;

use common::{DEVICE_GRANT, Http, START_URL};
use serde_json::{Value, json};
use sso_oidc_server::{Config, SlowDown, TestServer};

fn keys(json: &Value) -> Vec<&str> {
    json.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn a_sign_in_goes_through_on_one_connection() {
    let server = TestServer::start();
    let mut http = Http::to(&server);

    let response = http.post("/client/register", &json!({"clientName": "tool", "clientType": "public"}));
    assert_eq!(response.status, 200);
    let client = response.json();
    assert_eq!(keys(&client), ["clientId", "clientIdIssuedAt", "clientSecret", "clientSecretExpiresAt"]);
    let life =
        client["clientSecretExpiresAt"].as_i64().unwrap() - client["clientIdIssuedAt"].as_i64().unwrap();
    assert_eq!(life, 7_776_000);

    let body = json!({
        "clientId": client["clientId"], "clientSecret": client["clientSecret"], "startUrl": START_URL,
    });
    let response = http.post("/device_authorization", &body);
    assert_eq!(response.status, 200);
    let device = response.json();
    assert_eq!(
        keys(&device),
        ["deviceCode", "expiresIn", "interval", "userCode", "verificationUri", "verificationUriComplete"]
    );
    assert_eq!(device["expiresIn"], 600);
    assert_eq!(device["interval"], 1);
    assert_eq!(device["verificationUri"], format!("{}/device", server.endpoint()));

    let body = json!({
        "clientId": client["clientId"], "clientSecret": client["clientSecret"],
        "grantType": DEVICE_GRANT, "deviceCode": device["deviceCode"],
    });
    let response = http.post("/token", &body);
    assert_eq!((response.status, response.fault()), (400, "AuthorizationPendingException"));
    assert_eq!(
        response.body,
        r#"{"error":"authorization_pending","error_description":"Authorization is still pending"}"#
    );

    server.approve(device["userCode"].as_str().unwrap()).unwrap();
    let response = http.post("/token", &body);
    assert_eq!(response.status, 200);
    let token = response.json();
    assert_eq!(keys(&token), ["accessToken", "expiresIn", "tokenType"]);
    assert_eq!(token["expiresIn"], 28_800);
    assert_eq!(token["tokenType"], "Bearer");

    let response = http.post("/token", &body);
    assert_eq!((response.status, response.fault()), (400, "InvalidGrantException"));
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_client_with_scopes_refreshes_its_token() {
    let server = TestServer::start();
    let mut http = Http::to(&server);
    let client =
        http.register(&json!({"clientName": "t", "clientType": "public", "scopes": ["sso:account:access"]}));
    let device = http.start(&client);
    server.approve(&device.user_code).unwrap();
    let token = http.poll(&client, &device).json();
    let refresh = |token: &Value| {
        json!({
            "clientId": client.id, "clientSecret": client.secret,
            "grantType": "refresh_token", "refreshToken": token["refreshToken"],
        })
    };
    let response = http.post("/token", &refresh(&token));
    assert_eq!(response.status, 200);
    assert_eq!(response.json()["expiresIn"], 3600);
    assert_eq!(http.post("/token", &refresh(&token)).status, 200, "two processes may refresh at once");
    let unknown = http.post("/token", &refresh(&json!({ "refreshToken": "x" })));
    assert_eq!((unknown.status, unknown.fault()), (400, "InvalidGrantException"));
    assert_eq!(unknown.json()["error_description"], "Invalid refresh token provided");
}

#[test]
fn every_answer_has_a_request_id_of_its_own_a_date_and_is_not_to_be_stored() {
    let server = TestServer::start();
    let mut http = Http::to(&server);
    let mut ids = std::collections::HashSet::new();
    let answers = [
        http.post("/client/register", &json!({"clientName": "t", "clientType": "public"})),
        http.post("/token", &json!({})),
        http.get("/token"),
        http.get("/nowhere"),
        http.get("/device"),
        http.get("/health"),
        http.get("/"),
    ];
    for answer in answers {
        let id = answer.header("x-amzn-RequestId").unwrap_or_else(|| panic!("{answer:?}")).to_owned();
        assert_eq!(id.len(), 36);
        assert!(ids.insert(id));
        assert!(answer.header("Date").is_some(), "{answer:?}");
        assert_eq!(answer.header("Cache-Control"), Some("no-store"), "{answer:?}");
        assert_eq!(answer.header("X-Content-Type-Options"), Some("nosniff"));
    }
}

#[test]
fn an_unknown_client_and_a_wrong_secret_get_the_same_bytes() {
    let server = TestServer::start();
    let mut http = Http::to(&server);
    let client = http.client();
    let answers = [(client.id.as_str(), "wrong"), ("unknown", client.secret.as_str())].map(|(id, secret)| {
        let body = json!({"clientId": id, "clientSecret": secret, "startUrl": START_URL});
        http.post("/device_authorization", &body)
    });
    assert_eq!((answers[0].status, answers[0].fault()), (401, "InvalidClientException"));
    assert_eq!(answers[0].body, answers[1].body);
    assert_eq!(answers[1].status, 401);
}

#[test]
fn a_content_type_is_not_insisted_on_and_unknown_members_are_ignored() {
    let server = TestServer::start();
    let mut http = Http::to(&server);
    let body = r#"{"clientName":"t","clientType":"public","futureMember":{"a":[1,2]}}"#;
    for headers in
        [&[][..], &[("Content-Type", "text/plain")][..], &[("Content-Type", "application/x-amz-json-1.1")]]
    {
        assert_eq!(http.send("POST", "/client/register", headers, body).status, 200);
    }
}

#[test]
fn create_token_with_iam_says_that_it_is_not_supported() {
    let server = TestServer::start();
    let response = Http::to(&server).post("/token?aws_iam=t", &json!({}));
    assert_eq!((response.status, response.fault()), (400, "InvalidRequestException"));
    assert!(response.body.contains("CreateTokenWithIAM"), "{response:?}");
}

#[test]
fn strict_slows_the_second_of_two_quick_polls_and_grace_forgives_it() {
    for (mode, second) in [
        (SlowDown::Strict, "SlowDownException"),
        (SlowDown::Grace, "AuthorizationPendingException"),
        (SlowDown::Off, "AuthorizationPendingException"),
    ] {
        let server = TestServer::with(Config::default().with_slow_down(mode)).unwrap();
        let mut http = Http::to(&server);
        let client = http.client();
        let device = http.start(&client);
        assert_eq!(http.poll(&client, &device).fault(), "AuthorizationPendingException");
        let response = http.poll(&client, &device);
        assert_eq!((response.status, response.fault()), (400, second), "{mode:?}");
    }
}

#[test]
fn the_verification_uri_does_not_believe_the_host_header() {
    let server = TestServer::with(Config::default().with_allowed_host("box.local")).unwrap();
    let mut http = Http::to(&server);
    let client = http.client();
    let body = json!({"clientId": client.id, "clientSecret": client.secret, "startUrl": START_URL});
    let headers =
        [("Host", "box.local:1234"), ("X-Forwarded-Host", "evil.example"), ("Forwarded", "host=evil")];
    let response = http.send("POST", "/device_authorization", &headers, &body.to_string());
    assert_eq!(response.json()["verificationUri"], format!("{}/device", server.endpoint()));
}

#[test]
fn the_verification_uri_is_below_the_public_url() {
    let server = TestServer::with(Config::default().with_public_url("https://sso.example:8443/")).unwrap();
    let mut http = Http::to(&server);
    let client = http.client();
    let body = json!({"clientId": client.id, "clientSecret": client.secret, "startUrl": START_URL});
    let response = http.post("/device_authorization", &body);
    assert_eq!(response.json()["verificationUri"], "https://sso.example:8443/device");
}

#[test]
fn a_test_can_look_back_on_the_requests() {
    let server = TestServer::start();
    let mut http = Http::to(&server);
    let client = http.client();
    let device = http.start(&client);
    let pending = http.poll(&client, &device);
    let mut second = Http::to(&server);
    assert_eq!(second.get("/device?user_code=BCDF-GHJK").status, 404);

    let requests = server.requests();
    let seen: Vec<_> = requests
        .iter()
        .map(|r| {
            (r.operation.map_or("-", oidc_proto::Operation::name), r.path.as_str(), r.status, r.connection)
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("RegisterClient", "/client/register", 200, 1),
            ("StartDeviceAuthorization", "/device_authorization", 200, 1),
            ("CreateToken", "/token", 400, 1),
            ("-", "/device", 404, 2),
        ]
    );
    assert_eq!(requests[2].error.as_deref(), Some("AuthorizationPendingException"));
    assert_eq!(Some(requests[2].request_id.as_str()), pending.header("x-amzn-RequestId"));
    assert!(requests.is_sorted_by_key(|request| request.at));
    assert_eq!(server.pending(), [device.user_code]);
    assert_eq!(server.handle().stats().requests, 4);
}

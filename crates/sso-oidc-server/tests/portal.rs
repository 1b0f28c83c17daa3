//! The portal API over a socket, as the SDKs see it.

mod common;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::{Http, Response, START_URL};
use serde_json::{Value, json};
use sso_oidc_server::{Account, Approval, Config, Role, SlowDown, TestServer};

const TOKEN: &str = "x-amz-sso_bearer_token";

fn server(config: Config) -> TestServer {
    TestServer::with(config.with_approval(Approval::Auto).with_slow_down(SlowDown::Off)).unwrap()
}

/// Signs in with scopes; returns the token's JSON.
fn sign_in(http: &mut Http) -> Value {
    let registration = json!({
        "clientName": "tool", "clientType": "public", "scopes": ["sso:account:access"],
    });
    let client = http.register(&registration);
    let device = http.start(&client);
    let token = http.poll(&client, &device);
    assert_eq!(token.status, 200, "{token:?}");
    token.json()
}

fn access_token(token: &Value) -> &str {
    token["accessToken"].as_str().unwrap()
}

fn get(http: &mut Http, target: &str, token: &str) -> Response {
    http.send("GET", target, &[(TOKEN, token)], "")
}

/// Returns the exception of an error response, which has the portal's form.
#[track_caller]
fn exception(response: &Response) -> String {
    let name = response.header("x-amzn-ErrorType").unwrap().to_owned();
    let body = response.json();
    assert_eq!(body["__type"], format!("com.amazonaws.switchboard.portal#{name}"), "{response:?}");
    assert!(body.get("error").is_none() && response.header("x-amzn-RequestId").is_some(), "{response:?}");
    name
}

#[test]
fn a_sign_in_leads_to_accounts_roles_and_credentials() {
    let server = server(Config::default());
    let mut http = Http::to(&server);
    let token = sign_in(&mut http);
    let token = access_token(&token);
    let accounts = get(&mut http, "/assignment/accounts", token).json();
    assert_eq!(
        accounts,
        json!({
            "accountList": [
                {"accountId": "012345678901", "accountName": "Sandbox", "emailAddress": "sandbox@example.com"},
                {"accountId": "123456789012", "accountName": "Production", "emailAddress": "production@example.com"},
            ],
            "nextToken": null,
        })
    );
    let roles = get(&mut http, "/assignment/roles?account_id=012345678901", token).json();
    assert_eq!(
        roles,
        json!({
            "roleList": [
                {"roleName": "AdministratorAccess", "accountId": "012345678901"},
                {"roleName": "ReadOnlyAccess", "accountId": "012345678901"},
            ],
            "nextToken": null,
        })
    );
    let target = "/federation/credentials?role_name=ReadOnlyAccess&account_id=012345678901";
    let [one, other] = [0, 1].map(|_| get(&mut http, target, token).json()["roleCredentials"].take());
    assert_ne!(one, other, "each call gets credentials of its own");
    for (member, length) in [("accessKeyId", 20), ("secretAccessKey", 40), ("sessionToken", 320)] {
        assert_eq!(one[member].as_str().unwrap().len(), length);
    }
    assert!(one["accessKeyId"].as_str().unwrap().starts_with("ASIA"));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let left = u128::from(one["expiration"].as_u64().unwrap()) - now;
    assert!((3_590_000..=3_600_000).contains(&left), "{left} ms");
}

#[test]
fn accounts_belong_to_their_portal_and_roles_have_their_lifetime() {
    let elsewhere = Account::new("000000000001", "Elsewhere").with_start_url("https://other.example/start");
    let here = Account::new("000000000002", "Here")
        .with_start_url(START_URL)
        .with_role(Role::new("a b/c+d").with_lifetime(Duration::from_secs(60)));
    let server = server(Config::default().with_accounts([elsewhere, here]));
    let mut http = Http::to(&server);
    let token = sign_in(&mut http);
    let token = access_token(&token);
    let accounts = get(&mut http, "/assignment/accounts", token).json();
    let expected = json!([{"accountId": "000000000002", "accountName": "Here", "emailAddress": null}]);
    assert_eq!(accounts["accountList"], expected);
    let target = "/federation/credentials?account_id=000000000002&role_name=a%20b%2Fc%2Bd";
    let expiration = get(&mut http, target, token).json()["roleCredentials"]["expiration"].as_u64().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    assert!(u128::from(expiration) <= now + 60_000);
    for target in [
        "/assignment/roles?account_id=000000000001",
        "/assignment/roles?account_id=2",
        "/federation/credentials?account_id=000000000001&role_name=x",
        "/federation/credentials?account_id=000000000002&role_name=A%20b%2Fc%2Bd",
    ] {
        let refused = get(&mut http, target, token);
        assert_eq!((refused.status, exception(&refused).as_str()), (403, "ForbiddenException"), "{target}");
        assert_eq!(refused.json()["message"], "No access");
    }
}

#[test]
fn a_long_list_comes_in_pages() {
    let accounts = (0..45).map(|id| Account::new(format!("{id:012}"), format!("Account {id}")));
    let server = server(Config::default().with_accounts(accounts));
    let mut http = Http::to(&server);
    let token = sign_in(&mut http);
    for (most, pages) in [("", 3), ("&max_result=45", 1), ("&max_result=44", 2)] {
        let (mut ids, mut next, mut count) = (Vec::new(), String::new(), 0);
        loop {
            let target = format!("/assignment/accounts?{next}{most}");
            let page = get(&mut http, &target, access_token(&token)).json();
            let items = page["accountList"].as_array().unwrap();
            ids.extend(items.iter().map(|account| account["accountId"].as_str().unwrap().to_owned()));
            count += 1;
            match page["nextToken"].as_str() {
                Some(token) => next = format!("next_token={token}"),
                None => break,
            }
        }
        let expected: Vec<String> = (0..45).map(|id| format!("{id:012}")).collect();
        assert_eq!((ids, count), (expected, pages), "{most}");
    }
}

#[test]
fn a_token_that_is_unknown_missing_or_ended_is_unauthorized() {
    let server = server(Config::default());
    let mut http = Http::to(&server);
    let token = sign_in(&mut http);
    let mut altered = access_token(&token).to_owned();
    altered.truncate(altered.len() - 1);
    for token in ["", "unknown", altered.as_str(), token["refreshToken"].as_str().unwrap()] {
        for target in [
            "/assignment/accounts",
            "/assignment/roles?account_id=012345678901",
            "/federation/credentials?account_id=012345678901&role_name=ReadOnlyAccess",
        ] {
            let refused = get(&mut http, target, token);
            assert_eq!((refused.status, exception(&refused).as_str()), (401, "UnauthorizedException"));
            assert_eq!(refused.json()["message"], "Session token not found or invalid");
        }
    }
    let missing = http.get("/assignment/accounts");
    assert_eq!((missing.status, exception(&missing).as_str()), (401, "UnauthorizedException"));
}

#[test]
fn logout_ends_the_sign_in() {
    let server = server(Config::default());
    let mut http = Http::to(&server);
    let token = sign_in(&mut http);
    let ended = http.send("POST", "/logout", &[(TOKEN, access_token(&token))], "");
    assert_eq!((ended.status, ended.body.as_str()), (200, ""));
    assert_eq!(get(&mut http, "/assignment/accounts", access_token(&token)).status, 401);
    let again = http.send("POST", "/logout", &[(TOKEN, access_token(&token))], "{}");
    assert_eq!((again.status, exception(&again).as_str()), (401, "UnauthorizedException"));
}

#[test]
fn a_request_that_is_malformed_is_refused_with_what_is_wrong() {
    let server = server(Config::default());
    let mut http = Http::to(&server);
    let token = sign_in(&mut http);
    for (target, why) in [
        ("/assignment/accounts?max_result=0", "max_result"),
        ("/assignment/accounts?next_token=1000", "next_token"),
        ("/assignment/roles", "account_id is required"),
        ("/federation/credentials?account_id=012345678901", "role_name is required"),
    ] {
        let refused = get(&mut http, target, access_token(&token));
        assert_eq!((refused.status, exception(&refused).as_str()), (400, "InvalidRequestException"));
        assert!(refused.json()["message"].as_str().unwrap().contains(why), "{refused:?}");
    }
    for (method, path, allowed) in [
        ("POST", "/assignment/accounts", "GET"),
        ("DELETE", "/federation/credentials", "GET"),
        ("GET", "/logout", "POST"),
    ] {
        let refused = http.send(method, path, &[(TOKEN, access_token(&token))], "");
        assert_eq!((refused.status, exception(&refused).as_str()), (405, "MethodNotAllowedException"));
        assert_eq!(refused.header("Allow"), Some(allowed));
    }
}

#[test]
fn a_portal_request_is_recorded_without_its_token_and_parameters() {
    let server = server(Config::default().with_remembered_requests(10));
    let mut http = Http::to(&server);
    let token = sign_in(&mut http);
    get(&mut http, "/federation/credentials?account_id=1&role_name=x", access_token(&token));
    let last = server.requests().pop().unwrap();
    assert_eq!(
        (last.operation.unwrap().name(), last.path.as_str()),
        ("GetRoleCredentials", "/federation/credentials")
    );
    assert_eq!(last.error.as_deref(), Some("ForbiddenException"));
}

#[cfg(feature = "faults")]
#[test]
fn faults_apply_to_the_operation_that_they_name_and_to_no_other_of_the_portal() {
    let rules = ["html-502@accounts:1", "html-502@logout", "unavailable@roles:2-"];
    let config = rules.into_iter().fold(Config::default(), |config, rule| {
        config.with_fault(rule.parse::<sso_oidc_server::FaultRule>().unwrap())
    });
    let server = server(config);
    let ask = |target: &str, token: &str| get(&mut Http::to(&server), target, token);
    let token = sign_in(&mut Http::to(&server));
    let token = access_token(&token);
    assert_eq!([0, 1].map(|_| ask("/assignment/accounts", token).status), [502, 200]);
    let roles = "/assignment/roles?account_id=012345678901";
    assert_eq!([0, 1, 2].map(|_| ask(roles, token).status), [200, 503, 503]);
    let credentials = "/federation/credentials?account_id=012345678901&role_name=ReadOnlyAccess";
    assert_eq!(ask(credentials, token).status, 200);
    let lost = Http::to(&server).send("POST", "/logout", &[(TOKEN, token)], "");
    assert_eq!(lost.status, 502);
    assert_eq!(
        ask("/assignment/accounts", token).status,
        401,
        "the logout was performed, and its response lost"
    );
}

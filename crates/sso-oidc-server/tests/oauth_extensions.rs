//! The OAuth dialect beyond RFC 8628: PKCE, resources, and the polling intervals of some providers.

mod common;

use common::{DEVICE_GRANT, Http, Response, poll, start, text};
use sso_oidc_server::{Approval, Client, Config, SlowDown, TestServer};

fn server(config: Config) -> TestServer {
    TestServer::with(config.with_client(Client::public("public"))).unwrap()
}

fn error(response: &Response) -> String {
    response.json()["error"].as_str().unwrap().to_owned()
}

#[test]
fn a_server_that_looks_at_the_pace_first_names_the_interval_to_a_device_that_was_approved() {
    let server = server(Config::default().with_slow_down(SlowDown::Always).with_approval(Approval::Auto));
    let mut http = Http::to(&server);
    let device = start(&mut http, "public", "");
    assert_eq!(poll(&mut http, "public", &device).status, 200, "the first poll is never early");

    let server = self::server(Config::default().with_slow_down(SlowDown::Always));
    let mut http = Http::to(&server);
    let device = start(&mut http, "public", "");
    assert_eq!(error(&poll(&mut http, "public", &device)), "authorization_pending");
    server.approve(text(&device, "user_code")).unwrap();
    for interval in [6, 11] {
        let early = poll(&mut http, "public", &device);
        assert_eq!((early.status, error(&early).as_str()), (400, "slow_down"));
        assert_eq!(early.json()["interval"], interval);
    }
}

#[test]
fn pkce_is_checked_where_a_device_asks_for_it() {
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let server = server(Config::default().with_approval(Approval::Auto));
    let mut http = Http::to(&server);
    let ask = [("client_id", "public"), ("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
    let device = http.form("/oauth/device_authorization", &[], &ask).json();
    let code = text(&device, "device_code").to_owned();
    let form = [("grant_type", DEVICE_GRANT), ("device_code", &code), ("client_id", "public")];
    for wrong in [None, Some(CHALLENGE)] {
        let mut form = form.to_vec();
        form.extend(wrong.map(|verifier| ("code_verifier", verifier)));
        let refused = http.form("/oauth/token", &[], &form);
        assert_eq!((refused.status, error(&refused).as_str()), (400, "invalid_grant"));
        assert!(text(&refused.json(), "error_description").contains("code_verifier"));
    }
    let form = [form.as_slice(), &[("code_verifier", VERIFIER)]].concat();
    assert_eq!(http.form("/oauth/token", &[], &form).status, 200);

    let ask = [("client_id", "public"), ("code_challenge", VERIFIER), ("code_challenge_method", "plain")];
    let refused = http.form("/oauth/device_authorization", &[], &ask);
    assert_eq!((refused.status, error(&refused).as_str()), (400, "invalid_request"));
}

#[test]
fn a_resource_may_stand_several_times() {
    let server = server(Config::default().with_approval(Approval::Auto));
    let mut http = Http::to(&server);
    let ask =
        [("client_id", "public"), ("resource", "https://a.example/"), ("resource", "https://b.example/")];
    let device = http.form("/oauth/device_authorization", &[], &ask).json();
    let code = text(&device, "device_code").to_owned();
    let form = [("grant_type", DEVICE_GRANT), ("device_code", &code), ("client_id", "public")];
    let form = [&form[..], &ask[1..]].concat();
    assert_eq!(http.form("/oauth/token", &[], &form).status, 200);
}

//! StartDeviceAuthorization.

use core::time::Duration;
use device_authority::ServerPolicy;
use oidc_proto::{Client, FaultCode, RegisterClientRequest, Secret, grant_type};

use crate::common::{Bench, START_URL, fault};

#[test]
fn the_answer_has_what_the_real_service_sends() {
    let mut bench = Bench::new(ServerPolicy::default().with_verification_uri("http://127.0.0.1:9/device"));
    let client = bench.client();
    let device = bench.start(&client).unwrap();
    assert_eq!(device.device_code.expose().len(), 86);
    assert_eq!(device.expires_in, Duration::from_secs(600));
    assert_eq!(device.interval, Some(Duration::from_secs(1)));
    assert_eq!(device.verification_uri, "http://127.0.0.1:9/device");
    let complete = format!("http://127.0.0.1:9/device?user_code={}", device.user_code);
    assert_eq!(device.verification_uri_complete, Some(complete));
    let (left, right) = device.user_code.split_once('-').unwrap();
    assert!([left, right].iter().all(|half| half.len() == 4));
    assert!(device.user_code.bytes().all(|b| b == b'-' || b"BCDFGHJKLMNPQRSTVWXZ".contains(&b)));
}

#[test]
fn a_verification_uri_with_a_query_keeps_it() {
    let mut bench = Bench::new(ServerPolicy::default().with_verification_uri("http://x.example/d?a=b"));
    let client = bench.client();
    let complete = bench.start(&client).unwrap().verification_uri_complete.unwrap();
    assert!(complete.starts_with("http://x.example/d?a=b&user_code="), "{complete}");
}

#[test]
fn an_unknown_client_and_a_wrong_secret_get_the_same_fault() {
    let mut bench = Bench::new(ServerPolicy::default());
    let known = bench.client();
    let wrong = Client::new(known.id.clone(), Secret::from("wrong"));
    let unknown = Client::new("unknown", known.secret.clone().unwrap());
    let wrong = bench.start(&wrong).unwrap_err();
    assert_eq!(wrong, bench.start(&unknown).unwrap_err());
    assert_eq!(wrong.code, FaultCode::InvalidClient);
    assert_eq!(wrong.status, 401);
    assert!(bench.start(&known).is_ok());
}

#[test]
fn a_client_without_a_secret_is_an_invalid_client() {
    let mut bench = Bench::new(ServerPolicy::default());
    let mut client = bench.client();
    client.secret = None;
    assert_eq!(fault(bench.start(&client)), FaultCode::InvalidClient);
}

#[test]
fn a_registration_is_good_until_the_second_of_its_expiry() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.client();
    bench.wait(7_775_999.5);
    assert!(bench.start(&client).is_ok());
    bench.wait(0.5);
    assert_eq!(fault(bench.start(&client)), FaultCode::InvalidClient);
}

#[test]
fn a_client_that_registered_without_the_device_grant_is_unauthorized() {
    let mut bench = Bench::new(ServerPolicy::default());
    let mut ask = RegisterClientRequest::new("tool");
    ask.grant_types = vec![grant_type::REFRESH_TOKEN.to_owned()];
    let client = bench.register(&ask).unwrap().client;
    assert_eq!(fault(bench.start(&client)), FaultCode::UnauthorizedClient);
    ask.grant_types.push(grant_type::DEVICE_CODE.to_owned());
    let client = bench.register(&ask).unwrap().client;
    assert!(bench.start(&client).is_ok());
}

#[test]
fn any_host_may_be_the_start_url() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.client();
    for url in [START_URL, "http://localhost:8080", "HTTPS://x.example/start/#/", "https://[::1]/s"] {
        assert!(bench.start_at(&client, url).is_ok(), "{url}");
    }
}

#[test]
fn a_start_url_that_is_no_absolute_http_url_is_an_invalid_request() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.client();
    let long = format!("https://x.example/{}", "x".repeat(2048));
    for url in [
        "x",
        "/start",
        "//x.example",
        "ftp://x.example",
        "javascript://x",
        "https://",
        "https:///start",
        "https://:443/",
        "https://user@/",
        "https://x.example/a b",
        "https://x.example/\"><script>",
        "https://x.example/\u{1b}[2J",
        "https://é.example",
        &long,
    ] {
        assert_eq!(fault(bench.start_at(&client, url)), FaultCode::InvalidRequest, "{url}");
    }
}

#[test]
fn the_wire_announces_a_fraction_of_a_second_rounded_up() {
    let policy = ServerPolicy::default()
        .with_interval(Duration::from_millis(200))
        .with_device_ttl(Duration::from_millis(1500));
    let mut bench = Bench::new(policy);
    let client = bench.client();
    let device = bench.start(&client).unwrap();
    assert_eq!(device.interval, Some(Duration::from_secs(1)));
    assert_eq!(device.expires_in, Duration::from_secs(2));
}

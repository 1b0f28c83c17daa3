//! The address of a client behind a reverse proxy (RFC 7239), for the limits on wrong user codes.

mod common;

use common::Http;
use common::browser::waiting;
use sso_oidc_server::{Config, GuessLimit, ServerPolicy, TestServer};

/// Returns a server that trusts these proxies.
fn behind(proxies: &[&str], limit: GuessLimit) -> TestServer {
    let config = Config::default().with_policy(ServerPolicy::default().with_guesses(limit));
    TestServer::with(config.with_trusted_proxies(proxies.iter().map(|proxy| proxy.parse().unwrap()))).unwrap()
}

/// Looks at a code as the client that these headers name. Returns the status.
fn look(http: &mut Http, code: &str, headers: &[(&str, &str)]) -> u16 {
    http.send("GET", &format!("/device?user_code={code}"), headers, "").status
}

fn from(http: &mut Http, code: &str, address: &str) -> u16 {
    look(http, code, &[("X-Forwarded-For", address)])
}

#[test]
fn the_wrong_codes_of_one_client_of_a_proxy_do_not_keep_out_another() {
    let server = behind(&["127.0.0.0/8"], GuessLimit::default());
    let (mut http, _client, device) = waiting(&server);
    for _ in 0..10 {
        assert_eq!(from(&mut http, "BBBB-BBBB", "198.51.100.1"), 404);
    }
    assert_eq!(from(&mut http, &device.user_code, "198.51.100.1"), 429);
    assert_eq!(from(&mut http, &device.user_code, "198.51.100.2"), 200);
    assert_eq!(look(&mut http, &device.user_code, &[]), 200, "without a header the client is the proxy");
}

#[test]
fn thirty_addresses_that_use_up_the_guesses_of_all_do_not_keep_out_another_one() {
    let server = behind(&["127.0.0.1"], GuessLimit::default());
    let (mut http, _client, device) = waiting(&server);
    for stranger in 0..30 {
        for _ in 0..10 {
            assert_eq!(from(&mut http, "BBBB-BBBB", &format!("198.51.100.{stranger}")), 404);
        }
    }
    assert_eq!(from(&mut http, &device.user_code, "198.51.100.7"), 429);
    let person = "203.0.113.1";
    assert_eq!([0; 2].map(|_| from(&mut http, &device.user_code, person)), [200, 200]);
    // A person may mistype once. The second wrong code is the last one for now.
    assert_eq!([0; 3].map(|_| from(&mut http, "BBBB-BBBB", person)), [404, 404, 429]);
    assert_eq!(from(&mut http, &device.user_code, person), 429);
    // One more address of the same /64 is the same source.
    assert_eq!([0; 2].map(|_| from(&mut http, "BBBB-BBBB", "2001:db8::1")), [404, 404]);
    assert_eq!(from(&mut http, "BBBB-BBBB", "2001:db8::2"), 429);
    assert_eq!(from(&mut http, &device.user_code, "2001:db8:0:1::1"), 200);
}

#[test]
fn at_the_ceiling_no_code_is_looked_up() {
    let limit = GuessLimit::default().with_everyone(3).with_ceiling(5);
    let server = behind(&["127.0.0.1"], limit);
    let (mut http, _client, device) = waiting(&server);
    for stranger in 0..5 {
        assert_eq!(from(&mut http, "BBBB-BBBB", &format!("198.51.100.{stranger}")), 404);
    }
    assert_eq!(from(&mut http, &device.user_code, "203.0.113.1"), 429);
    server.advance(core::time::Duration::from_secs(60));
    assert_eq!(from(&mut http, &device.user_code, "203.0.113.1"), 200);
}

#[test]
fn a_client_that_is_no_trusted_proxy_has_its_own_address_whatever_it_says() {
    for proxies in [&[][..], &["10.0.0.0/8", "::1"]] {
        let server = behind(proxies, GuessLimit::default().with_per_source(3));
        let (mut http, _client, device) = waiting(&server);
        for address in ["198.51.100.1", "198.51.100.2", "10.0.0.1"] {
            let (node, plain) = (format!("for={address}"), address);
            let headers = [("Forwarded", node.as_str()), ("X-Forwarded-For", plain)];
            assert_eq!(look(&mut http, "BBBB-BBBB", &headers), 404);
        }
        assert_eq!(from(&mut http, &device.user_code, "198.51.100.3"), 429);
    }
}

#[test]
fn what_a_client_writes_before_its_proxy_gives_it_no_new_guesses() {
    let server = behind(&["127.0.0.1"], GuessLimit::default().with_per_source(3));
    let (mut http, _client, device) = waiting(&server);
    for (name, value) in [
        ("X-Forwarded-For", "198.51.100.1"),
        ("X-Forwarded-For", "203.0.113.1, 198.51.100.1"),
        ("Forwarded", "for=203.0.113.2, for=\"198.51.100.1:4711\""),
    ] {
        assert_eq!(look(&mut http, "BBBB-BBBB", &[(name, value)]), 404, "{value}");
    }
    let two_lines = [("X-Forwarded-For", "203.0.113.3"), ("X-Forwarded-For", "198.51.100.1")];
    assert_eq!(look(&mut http, &device.user_code, &two_lines), 429);
    // A header that the proxy has passed on, beside its own.
    let passed_on = [("Forwarded", "for=203.0.113.4"), ("X-Forwarded-For", "198.51.100.1")];
    assert_eq!([0; 4].map(|_| look(&mut http, "BBBB-BBBB", &passed_on)), [404, 404, 404, 429]);
}

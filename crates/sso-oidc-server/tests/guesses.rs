//! The limits on wrong user codes, at the page (RFC 8628 §5.1).

mod common;

use common::browser::{Browser, csrf, waiting};
use sso_oidc_server::{Config, GuessLimit, ServerPolicy, TestServer};

#[test]
fn a_code_that_does_not_work_is_explained_with_a_status_and_a_way_on() {
    let limit = GuessLimit::default().with_per_source(2);
    let config = Config::default().with_policy(ServerPolicy::default().with_guesses(limit));
    let server = TestServer::with(config).unwrap();
    let (mut http, client, used) = waiting(&server);
    let expired = http.start(&client);
    server.approve(&used.user_code).unwrap();
    server.expire(&expired.user_code).unwrap();
    let mut browser = Browser::at(&server);
    let cases = [
        (used.user_code.as_str(), 410, "used already"),
        (&expired.user_code, 410, "has expired"),
        ("BBBB-BBBB", 404, "No device is waiting"),
        ("CCCC-CCCC", 404, "No device is waiting"),
        ("nonsense", 400, "eight letters"),
        ("BBBB-BBBB", 429, "Too many wrong codes"),
        (&used.user_code, 429, "Too many wrong codes"),
    ];
    for (code, status, words) in cases {
        let page = browser.look(code);
        assert_eq!(page.status, status, "{code}");
        assert!(page.body.contains("role=\"alert\"") && page.body.contains(words), "{}", page.body);
        assert!(page.body.contains("<form method=\"get\" action=\"/device\">"), "a way on");
        assert_eq!(page.header("Retry-After").is_some(), status == 429);
    }
}

#[test]
fn wrong_codes_from_elsewhere_do_not_keep_a_person_from_deciding_who_has_the_page() {
    let limit = GuessLimit::default().with_per_source(1);
    let config = Config::default().with_policy(ServerPolicy::default().with_guesses(limit));
    let server = TestServer::with(config).unwrap();
    let (_http, _client, device) = waiting(&server);
    let mut browser = Browser::at(&server);
    let token = csrf(&browser.look(&device.user_code));
    assert_eq!([0; 2].map(|_| browser.look("BBBB-BBBB").status), [404, 429]);
    assert_eq!(browser.look(&device.user_code).status, 429, "a right code is not looked up either");
    assert_eq!(browser.press("CCCC-CCCC", &token, "approve", &[]).status, 403, "a guess has no page");
    assert_eq!(browser.press(&device.user_code, &token, "approve", &[]).status, 200);
}

#[test]
fn after_the_wrong_codes_of_a_stranger_at_the_same_address_an_open_page_still_decides() {
    for action in ["approve", "deny"] {
        let server = TestServer::start();
        let (mut http, client, device) = waiting(&server);
        let mut person = Browser::at(&server);
        let token = csrf(&person.look(&device.user_code));
        let mut stranger = Browser::at(&server);
        for _ in 0..10 {
            assert_eq!(stranger.look("BBBB-BBBB").status, 404);
        }
        assert_eq!(stranger.look(&device.user_code).status, 429);
        // The token is of the page, and of this code alone. The stranger has none.
        assert_eq!(stranger.press(&device.user_code, &token, action, &[]).status, 403);
        assert_eq!(person.press("CCCC-CCCC", &token, action, &[]).status, 403);
        assert_eq!(person.press(&device.user_code, &token, action, &[]).status, 200);
        assert_eq!(http.poll(&client, &device).status == 200, action == "approve");
    }
}

#[test]
fn a_text_that_cannot_be_a_code_is_told_apart_and_counts_as_no_guess() {
    let server = TestServer::start();
    let (_http, _client, device) = waiting(&server);
    let mut browser = Browser::at(&server);
    for text in ["zz", "BBBB-BBBBB", "0000-0000", "a"].repeat(10) {
        let page = browser.look(text);
        assert_eq!((page.status, page.header("x-device-code")), (400, Some("not-a-code")), "{text}");
        assert!(page.body.contains("A code has eight letters"), "{}", page.body);
    }
    assert_eq!(browser.look(&device.user_code).status, 200);
}

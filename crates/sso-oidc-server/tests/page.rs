//! The page for a person's approval.

mod common;

use common::Http;
use common::browser::{Browser, csrf, waiting};
use serde_json::json;
use sso_oidc_server::{Config, GuessLimit, ServerPolicy, TestServer};

#[test]
fn a_person_enters_the_code_compares_it_and_approves() {
    let server = TestServer::start();
    let (mut http, client, device) = waiting(&server);
    let mut browser = Browser::at(&server);

    let form = browser.http.get("/device");
    assert_eq!(form.status, 200);
    assert!(form.body.contains("name=\"user_code\""));
    assert!(form.body.contains("<label for=\"user_code\">"));

    let page = browser.look(&device.user_code.to_lowercase().replace('-', "+"));
    assert_eq!(page.status, 200);
    for text in [
        device.user_code.as_str(),
        "my tool",
        "https://d-1234567890.awsapps.com/start",
        "Only continue if you started this yourself",
        "Time left",
    ] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    assert_eq!(
        http.poll(&client, &device).fault(),
        "AuthorizationPendingException",
        "looking decides nothing"
    );

    let done = browser.press(&device.user_code, &csrf(&page), "approve", &[]);
    assert_eq!(done.status, 200);
    assert!(done.body.contains("You can close this page and return to your device"));
    assert_eq!(http.poll(&client, &device).status, 200);
}

#[test]
fn a_person_denies_and_the_device_hears_access_denied() {
    let server = TestServer::start();
    let (mut http, client, device) = waiting(&server);
    let mut browser = Browser::at(&server);
    let page = browser.look(&device.user_code);
    assert_eq!(browser.press(&device.user_code, &csrf(&page), "deny", &[]).status, 200);
    assert_eq!(http.poll(&client, &device).fault(), "AccessDeniedException");
}

#[test]
fn a_decision_that_did_not_come_from_the_page_is_403_and_decides_nothing() {
    let server = TestServer::start();
    let (mut http, client, device) = waiting(&server);
    let code = &device.user_code;
    let mut browser = Browser::at(&server);
    let token = csrf(&browser.look(code));
    let other = csrf(&Browser::at(&server).look(code));
    assert_ne!(token, other, "each browser has its own token");

    let mut without_cookie = Browser::at(&server);
    let attempts = [
        ("no token", browser.press(code, "", "approve", &[])),
        ("another browser's token", browser.press(code, &other, "approve", &[])),
        ("a wrong token", browser.press(code, &"0".repeat(64), "approve", &[])),
        ("no cookie", without_cookie.press(code, &token, "approve", &[])),
        ("an empty cookie", without_cookie.press(code, "", "approve", &[("Cookie", "device_csrf=")])),
        ("another site", browser.press(code, &token, "approve", &[("Sec-Fetch-Site", "cross-site")])),
        ("another port", browser.press(code, &token, "approve", &[("Sec-Fetch-Site", "same-site")])),
        ("another origin", browser.press(code, &token, "approve", &[("Origin", "https://evil.example")])),
        ("another page", browser.press(code, &token, "approve", &[("Referer", "https://evil.example/")])),
        ("a sandboxed frame", browser.press(code, &token, "approve", &[("Origin", "null")])),
        (
            "no origin of its own",
            browser.press(code, &token, "approve", &[("Sec-Fetch-Site", "same-origin"), ("Origin", "null")]),
        ),
    ];
    for (what, response) in attempts {
        assert_eq!(response.status, 403, "{what}");
        assert!(response.body.contains("role=\"alert\"") && response.body.contains("/device?user_code="));
    }
    assert_eq!(http.poll(&client, &device).fault(), "AuthorizationPendingException");

    let origin = server.endpoint();
    let ours = [("Sec-Fetch-Site", "same-origin"), ("Origin", origin)];
    assert_eq!(browser.press(code, &token, "approve", &ours).status, 200);
}

#[test]
fn a_decision_for_one_code_needs_the_page_of_that_code() {
    let server = TestServer::start();
    let (mut http, client, device) = waiting(&server);
    let attackers = http.start(&client);
    let mut browser = Browser::at(&server);
    // Cookie and token are valid for another code only.
    let token = csrf(&browser.look(&attackers.user_code));
    let page = browser.press(&device.user_code, &token, "approve", &[]);
    assert_eq!(page.status, 403);
    assert_eq!(http.poll(&client, &device).fault(), "AuthorizationPendingException");
    assert_eq!(browser.press(&attackers.user_code, &token, "approve", &[]).status, 200);
}

#[test]
fn only_a_form_decides() {
    let server = TestServer::start();
    let (mut http, client, device) = waiting(&server);
    let mut browser = Browser::at(&server);
    let token = csrf(&browser.look(&device.user_code));
    let (cookie, origin) = (browser.cookie.clone().unwrap(), server.endpoint().to_owned());
    let body = format!("user_code={}&csrf={token}&action=approve", device.user_code);
    let mut post = |content_type: &[(&str, &str)]| {
        let mut headers = vec![("Cookie", cookie.as_str()), ("Origin", &origin)];
        headers.extend(content_type);
        browser.http.send("POST", "/device", &headers, &body).status
    };
    for other in
        ["text/plain", "application/json", "multipart/form-data", "application/x-www-form-urlencodedx"]
    {
        assert_eq!(post(&[("Content-Type", other)]), 415, "{other}");
    }
    assert_eq!(post(&[]), 415);
    assert_eq!(http.poll(&client, &device).fault(), "AuthorizationPendingException");
    assert_eq!(post(&[("Content-Type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8")]), 200);
}

#[test]
fn a_cookie_that_was_planted_is_no_token() {
    let server = TestServer::start();
    let (mut http, client, device) = waiting(&server);
    let planted = "5e".repeat(32);
    let mut browser = Browser::at(&server);
    browser.cookie = Some(format!("device_csrf={planted}"));
    assert_eq!(browser.press(&device.user_code, &planted, "approve", &[]).status, 403);
    // The token of another server for the same cookie is not valid either.
    let other = TestServer::start();
    let (_http, _client, elsewhere) = waiting(&other);
    let mut there = Browser::at(&other);
    there.cookie.clone_from(&browser.cookie);
    let foreign = csrf(&there.look(&elsewhere.user_code));
    assert_eq!(browser.press(&device.user_code, &foreign, "approve", &[]).status, 403);
    assert_eq!(http.poll(&client, &device).fault(), "AuthorizationPendingException");
    let own = csrf(&browser.look(&device.user_code));
    assert_ne!(own, planted);
    assert_eq!(browser.press(&device.user_code, &own, "approve", &[]).status, 200);
}

#[test]
fn another_sites_page_uses_up_no_guesses_and_a_link_from_there_shows_the_form_filled_in() {
    let limit = GuessLimit::default().with_per_source(2);
    let config = Config::default().with_policy(ServerPolicy::default().with_guesses(limit));
    let server = TestServer::with(config).unwrap();
    let (_http, _client, device) = waiting(&server);
    let mut browser = Browser::at(&server);
    let path = |code: &str| format!("/device?user_code={code}");
    let (own, other_port) = (server.endpoint().to_owned(), format!("{}1", server.endpoint()));
    let (own_page, longer) = (format!("{own}/device?user_code=x"), format!("{own}.evil.example/"));
    for said in [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        // Over plain http to another machine, browsers send only these headers.
        ("Origin", "http://evil.example"),
        ("Origin", "null"),
        ("Referer", "http://evil.example/page"),
        ("Referer", &other_port),
        ("Referer", &longer),
        ("Referer", "about:blank"),
    ] {
        for code in ["BBBB-BBBB", "CCCC-CCCC", &device.user_code] {
            let page = browser.http.send("GET", &path(code), &[said], "");
            assert_eq!(page.status, 200, "{said:?}");
            assert!(page.body.contains(&format!("value=\"{code}\"")) && !page.body.contains("Approve"));
            assert_eq!(page.header("Set-Cookie"), None);
        }
    }
    for said in [
        &[("Sec-Fetch-Site", "none")][..],
        &[("Sec-Fetch-Site", "same-origin"), ("Referer", &own_page)],
        &[("Origin", &own), ("Referer", &own_page)],
        &[("Referer", &own)],
        &[],
    ] {
        let page = browser.http.send("GET", &path(&device.user_code), said, "");
        assert!(page.body.contains("Approve this device?"), "{said:?}");
    }
}

#[test]
fn a_page_behind_a_public_address_is_its_own_whatever_leads_from_it() {
    let config = Config::default().with_public_url("https://sso.example");
    let server = TestServer::with(config).unwrap();
    let (_http, _client, device) = waiting(&server);
    let mut browser = Browser::at(&server);
    let path = format!("/device?user_code={}", device.user_code);
    for (referer, is_own) in [
        ("https://SSO.example/device", true),
        ("http://sso.example/", false),
        ("https://sso.example.org/", false),
    ] {
        let page = browser.http.send("GET", &path, &[("Referer", referer)], "");
        assert_eq!(page.body.contains("Approve this device?"), is_own, "{referer}");
    }
}

#[test]
fn the_pages_own_origin_is_accepted() {
    let server = TestServer::start();
    let (_http, _client, device) = waiting(&server);
    let mut browser = Browser::at(&server);
    let token = csrf(&browser.look(&device.user_code));
    let origin = server.endpoint().to_owned();
    let response = browser.press(&device.user_code, &token, "approve", &[("Origin", &origin)]);
    assert_eq!(response.status, 200);
}

#[test]
fn a_get_never_approves_whatever_it_carries() {
    let server = TestServer::start();
    let (mut http, client, device) = waiting(&server);
    let mut browser = Browser::at(&server);
    let token = csrf(&browser.look(&device.user_code));
    let _ = browser.look(&format!("{}&csrf={token}&action=approve", device.user_code));
    assert_eq!(http.poll(&client, &device).fault(), "AuthorizationPendingException");
}

#[test]
fn two_open_tabs_do_not_spoil_each_other() {
    let server = TestServer::start();
    let (mut http, client, first) = waiting(&server);
    let second = http.start(&client);
    let mut browser = Browser::at(&server);
    let one = csrf(&browser.look(&first.user_code));
    let two = csrf(&browser.look(&second.user_code));
    assert_eq!(browser.press(&first.user_code, &one, "approve", &[]).status, 200);
    assert_eq!(browser.press(&second.user_code, &two, "deny", &[]).status, 200);
}

#[test]
fn nothing_that_a_client_says_about_itself_becomes_markup() {
    let server = TestServer::start();
    let mut http = Http::to(&server);
    let client = http.register(&json!({
        "clientName": "<script>alert(1)</script>\"'&\u{1b}[2J\u{202e}evil",
        "clientType": "public",
        "scopes": ["<img/src=x>", "'onload='x"],
    }));
    let body = json!({
        "clientId": client.id, "clientSecret": client.secret, "startUrl": "https://x.example/?a='b&c=1",
    });
    let user_code = http.post("/device_authorization", &body).json()["userCode"].as_str().unwrap().to_owned();
    let page = Browser::at(&server).look(&user_code);
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;[2Jevil"),
        "{}",
        page.body
    );
    for bad in ["<script", "<img", "'onload", "\u{1b}", "\u{202e}", "='b"] {
        assert!(!page.body.contains(bad), "{bad:?}: {}", page.body);
    }

    // Text that a person typed is escaped too.
    let typed = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E";
    let page = Browser::at(&server).look(typed);
    assert_eq!(page.status, 400);
    assert!(page.body.contains("&quot;&gt;&lt;script"), "{}", page.body);
    assert!(!page.body.contains("<script"));
    let page = Browser::at(&server).press(typed, "x", "approve", &[]);
    assert!(page.status == 403 && !page.body.contains("<script"));
}

#[test]
fn every_page_keeps_other_sites_and_other_eyes_out() {
    let server = TestServer::start();
    let (_http, _client, device) = waiting(&server);
    let mut browser = Browser::at(&server);
    let confirm = browser.look(&device.user_code);
    let cookie = confirm.header("Set-Cookie").unwrap().to_owned();
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/device"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "a browser would not send it back over plain HTTP");
    let pages = [
        browser.http.get("/device"),
        browser.look("BBBB-BBBB"),
        browser.press(&device.user_code, "", "approve", &[]),
        browser.press(&device.user_code, &csrf(&confirm), "", &[]),
        browser.press(&device.user_code, &csrf(&confirm), "approve", &[]),
        browser.http.get("/start"),
        confirm,
    ];
    for page in pages {
        let policy = page.header("Content-Security-Policy").unwrap_or_else(|| panic!("{page:?}"));
        for part in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"]
        {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"));
        assert_eq!(page.header("X-Frame-Options"), Some("DENY"));
        assert_eq!(page.header("X-Content-Type-Options"), Some("nosniff"));
        assert_eq!(page.header("Referrer-Policy"), Some("same-origin"));
        assert_eq!(page.header("Cache-Control"), Some("no-store"));
        assert_eq!(page.header("Cross-Origin-Opener-Policy"), Some("same-origin"));
        assert_eq!(page.header("Content-Type"), Some("text/html; charset=utf-8"));
        assert!(page.header("Permissions-Policy").is_some());
        assert!(page.body.starts_with("<!doctype html>\n<html lang=\"en\">"));
        assert!(page.body.contains("name=\"viewport\""));
        assert!(!page.body.contains("style=") && !page.body.contains("<style"), "the policy would block it");
    }
}

#[test]
fn behind_https_the_cookie_is_secure() {
    let server = TestServer::with(Config::default().with_public_url("https://sso.example")).unwrap();
    let (_http, _client, device) = waiting(&server);
    let page = Browser::at(&server).look(&device.user_code);
    assert!(page.header("Set-Cookie").unwrap().ends_with("; Secure"));
}

#[test]
fn posting_a_code_that_does_not_work_is_explained_too() {
    let server = TestServer::start();
    let (_http, _client, device) = waiting(&server);
    let mut browser = Browser::at(&server);
    let token = csrf(&browser.look(&device.user_code));
    assert_eq!(browser.press(&device.user_code, &token, "approve", &[]).status, 200);
    assert_eq!(browser.press(&device.user_code, &token, "deny", &[]).status, 410, "pressed twice");
    assert_eq!(browser.press(&device.user_code, &token, "perhaps", &[]).status, 400);
}

#[test]
fn the_small_paths_answer() {
    let server = TestServer::start();
    let mut http = Http::to(&server);
    let root = http.get("/");
    assert_eq!((root.status, root.header("Location")), (303, Some("/device")));
    let head = http.send("HEAD", "/device", &[], "");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    let start = http.get("/start");
    assert!(start.body.contains("<meta name=\"region\" content=\"us-east-1\"/>"), "{}", start.body);
    let style = http.get("/style.css");
    assert_eq!((style.status, style.header("Content-Type")), (200, Some("text/css; charset=utf-8")));
    assert!(style.body.contains("prefers-color-scheme: dark"));
    let health = http.get("/health");
    assert_eq!((health.status, health.body.as_str()), (200, "ok\n"));
    assert_eq!(http.get("/favicon.ico").status, 204);
}

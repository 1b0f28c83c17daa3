//! The page of `/authorize`: what the person sees, and who may decide.

mod common;

use core::time::Duration;

use common::code::{
    Browser, CALLBACK, aws_grant, aws_query, between, names, oauth_grant, parameters, query, refreshed,
    registration, server,
};
use common::{Http, text};
use serde_json::json;
use sso_oidc_server::{Approval, Capacity, Config, TestServer};

#[test]
fn a_person_sees_who_asks_and_approves_and_the_aws_cli_gets_its_token() {
    let server = server(Approval::Manual);
    let mut http = Http::to(&server);
    let client = http.register(&registration());
    let query = aws_query(&client);
    let mut browser = Browser::at(&server);
    let (page, csrf) = browser.look(&query);
    assert_eq!(page.status, 200);
    for text in [
        "<strong>my tool</strong>",
        "<code>sso:account:access</code>",
        "127.0.0.1:49152",
        "a program on this computer",
        "Only continue if you started this yourself",
    ] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    assert_eq!(server.handle().stats().held.codes, 0, "looking decides nothing");

    let action =
        between(&page.body, "<form method=\"post\" action=\"/authorize?", "\"").replace("&amp;", "&");
    assert_eq!(action, query);
    let done = browser.press(&action, &csrf, "approve", &[]);
    assert_eq!(done.status, 200);
    assert!(done.body.contains("Approved") && done.header("Location").is_none());
    let answer = parameters(&refreshed(&done), CALLBACK);
    assert_eq!(names(&answer), ["code", "state", "iss"]);
    assert_eq!((answer[1].1.as_str(), answer[2].1.as_str()), ("a b&error=x", server.endpoint()));

    let token = http.post("/token", &aws_grant(&client, &answer[0].1));
    assert_eq!(token.status, 200, "{token:?}");
    let token = token.json();
    assert_eq!((text(&token, "tokenType"), &token["expiresIn"]), ("Bearer", &json!(3600)));
    let refresh = json!({
        "clientId": client.id, "clientSecret": client.secret,
        "grantType": "refresh_token", "refreshToken": token["refreshToken"],
    });
    assert_eq!(http.post("/token", &refresh).status, 200);
    let replay = http.post("/token", &aws_grant(&client, &answer[0].1));
    assert_eq!((replay.status, replay.fault()), (400, "InvalidGrantException"));
    assert_eq!(http.post("/token", &refresh).fault(), "InvalidGrantException", "a replay ends the sign-in");
}

#[test]
fn a_person_denies_and_the_client_hears_access_denied() {
    let server = server(Approval::Manual);
    let mut browser = Browser::at(&server);
    let query = query(&[]);
    let (_, csrf) = browser.look(&query);
    let done = browser.press(&query, &csrf, "deny", &[]);
    assert!(done.status == 200 && done.body.contains("Denied"), "{done:?}");
    let answer = parameters(&refreshed(&done), CALLBACK);
    assert_eq!(names(&answer), ["error", "error_description", "state", "iss"]);
    assert_eq!(answer[0].1, "access_denied");
    let record = server.requests().pop().unwrap();
    assert_eq!((record.path.as_str(), record.error.as_deref()), ("/authorize", Some("access_denied")));
}

#[test]
fn a_decision_that_did_not_come_from_the_page_is_403_and_decides_nothing() {
    let server = server(Approval::Manual);
    let query = query(&[]);
    let mut browser = Browser::at(&server);
    let (_, token) = browser.look(&query);
    let (_, other) = Browser::at(&server).look(&query);
    assert_ne!(token, other, "each browser has its own token");
    let mut bare = Browser::at(&server);
    let planted = format!("authorize_csrf={}", "5e".repeat(32));
    let attempts = [
        ("no token", browser.press(&query, "", "approve", &[])),
        ("another browser's token", browser.press(&query, &other, "approve", &[])),
        ("a wrong token", browser.press(&query, &"0".repeat(64), "approve", &[])),
        ("no cookie", bare.press(&query, &token, "approve", &[])),
        ("a planted cookie", bare.press(&query, &"5e".repeat(32), "approve", &[("Cookie", &planted)])),
        ("another site", browser.press(&query, &token, "approve", &[("Sec-Fetch-Site", "cross-site")])),
        ("another port", browser.press(&query, &token, "approve", &[("Sec-Fetch-Site", "same-site")])),
        ("another origin", browser.press(&query, &token, "approve", &[("Origin", "https://evil.example")])),
        ("another page", browser.press(&query, &token, "approve", &[("Referer", "https://evil.example/")])),
        ("a sandboxed frame", browser.press(&query, &token, "approve", &[("Origin", "null")])),
    ];
    for (what, response) in attempts {
        assert_eq!(response.status, 403, "{what}");
        assert!(
            response.body.contains("role=\"alert\"") && response.body.contains("/authorize?response%5Ftype")
        );
        assert!(!response.body.contains("http-equiv=\"refresh\""), "{what}");
    }
    assert_eq!(server.handle().stats().held.codes, 0);
    assert_eq!(browser.press(&query, &token, "perhaps", &[]).status, 400);
    let origin = server.endpoint();
    let ours = [("Sec-Fetch-Site", "same-origin"), ("Origin", origin)];
    assert_eq!(browser.press(&query, &token, "approve", &ours).status, 200);
    assert_eq!(server.handle().stats().held.codes, 1);
}

#[test]
fn the_page_of_one_request_cannot_decide_on_another() {
    let config = Config::default()
        .with_client(sso_oidc_server::Client::public("public"))
        .with_client(sso_oidc_server::Client::public("other"));
    let server = TestServer::with(config).unwrap();
    let mut browser = Browser::at(&server);
    let seen = query(&[]);
    let (_, token) = browser.look(&seen);
    for change in [
        ("client_id", "other"),
        ("redirect_uri", "http://127.0.0.1:49153/oauth/callback"),
        ("scope", "openid admin"),
        ("state", "t"),
        ("code_challenge", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        ("resource", "https://r.example"),
    ] {
        let changed = query(&[change]);
        let (page, _) = browser.look(&changed);
        assert_eq!(page.status, 200, "the request itself is fine: {change:?}");
        assert_eq!(browser.press(&changed, &token, "approve", &[]).status, 403, "{change:?}");
    }
    // Nor can the page of a device, whose cookie has another name.
    assert_eq!(server.handle().stats().held.codes, 0);
    assert_eq!(browser.press(&seen, &token, "approve", &[]).status, 200, "two tabs do not spoil each other");
}

#[test]
fn a_form_is_for_one_decision_and_pressed_twice_it_brings_the_same_code() {
    let server = server(Approval::Manual);
    let mut browser = Browser::at(&server);
    let query = query(&[]);
    let (_, csrf) = browser.look(&query);
    assert_eq!(browser.press(&query, &csrf, "perhaps", &[]).status, 400, "this spends nothing");
    let once = refreshed(&browser.press(&query, &csrf, "approve", &[]));
    let twice = refreshed(&browser.press(&query, &csrf, "approve", &[]));
    assert_eq!(once, twice, "a browser shows the answer to the second click only");
    assert_eq!(server.handle().stats().held.codes, 1);
    let changed = browser.press(&query, &csrf, "deny", &[]);
    assert_eq!((changed.status, changed.body.contains("has decided before")), (410, true), "{changed:?}");

    let code = parameters(&once, CALLBACK)[0].1.clone();
    let mut http = Http::to(&server);
    let token = http.form("/oauth/token", &[], &oauth_grant(&code, "public"));
    assert_eq!(token.status, 200, "{token:?}");
    let late = browser.press(&query, &csrf, "approve", &[]);
    assert_eq!(late.status, 410, "a code that was redeemed is of no use");
    assert!(late.body.contains("href=\"/authorize?response%5Ftype"), "{}", late.body);
    assert_eq!(server.handle().stats().held.codes, 1);

    let (_, next) = browser.look(&query);
    assert_ne!(csrf, next, "each page has a form of its own");
    let again = refreshed(&browser.press(&query, &next, "approve", &[]));
    assert_ne!(parameters(&again, CALLBACK)[0].1, code);
}

#[test]
fn a_denied_form_stays_denied() {
    let server = server(Approval::Manual);
    let mut browser = Browser::at(&server);
    let query = query(&[]);
    let (_, csrf) = browser.look(&query);
    let [once, twice] = [(); 2].map(|()| refreshed(&browser.press(&query, &csrf, "deny", &[])));
    assert!(once.contains("error=access_denied") && once == twice, "{once}, {twice}");
    assert_eq!(browser.press(&query, &csrf, "approve", &[]).status, 410);
}

#[test]
fn a_person_can_deny_although_the_store_is_full_of_codes() {
    let config = Config::default().with_capacity(Capacity::default().with_codes(1));
    let server = TestServer::with(config.with_client(sso_oidc_server::Client::public("public"))).unwrap();
    let mut browser = Browser::at(&server);
    let query = query(&[]);
    let ((_, first), (_, second)) = (browser.look(&query), browser.look(&query));
    let sent = refreshed(&browser.press(&query, &first, "approve", &[]));
    let denied = refreshed(&browser.press(&query, &second, "deny", &[]));
    assert!(denied.contains("error=access_denied"), "{denied}");
    let code = parameters(&sent, CALLBACK)[0].1.clone();
    let token = Http::to(&server).form("/oauth/token", &[], &oauth_grant(&code, "public"));
    assert_eq!(token.status, 200, "the denial evicts no code: {token:?}");
}

#[test]
fn a_form_whose_decision_the_store_could_not_keep_may_be_pressed_again() {
    let config = Config::default().with_capacity(Capacity::default().with_codes(1));
    let server = TestServer::with(config.with_client(sso_oidc_server::Client::public("public"))).unwrap();
    let mut browser = Browser::at(&server);
    let query = query(&[]);
    let ((_, first), (_, second)) = (browser.look(&query), browser.look(&query));
    let sent = refreshed(&browser.press(&query, &first, "approve", &[]));
    let full = refreshed(&browser.press(&query, &second, "approve", &[]));
    assert!(full.contains("error=temporarily_unavailable"), "{full}");
    let code = parameters(&sent, CALLBACK)[0].1.clone();
    Http::to(&server).form("/oauth/token", &[], &oauth_grant(&code, "public"));
    let sent = refreshed(&browser.press(&query, &second, "approve", &[]));
    assert_eq!(names(&parameters(&sent, CALLBACK)), ["code", "state", "iss"]);
}

#[test]
fn the_id_of_a_form_is_part_of_what_its_token_proves() {
    let server = server(Approval::Manual);
    let mut browser = Browser::at(&server);
    let query = query(&[]);
    let ((_, first), (_, second)) = (browser.look(&query), browser.look(&query));
    let mac = |token: &str| token.split_once('.').unwrap().1.to_owned();
    let id = |token: &str| token.split_once('.').unwrap().0.to_owned();
    for forged in [
        format!("{}.{}", id(&first), mac(&second)),
        format!("99.{}", mac(&first)),
        format!(".{}", mac(&first)),
        format!("-1.{}", mac(&first)),
        mac(&first),
        id(&first),
    ] {
        assert_eq!(browser.press(&query, &forged, "approve", &[]).status, 403, "{forged}");
    }
    assert_eq!(server.handle().stats().held.codes, 0);
}

#[test]
fn a_form_that_is_older_than_the_memory_of_decisions_decides_nothing() {
    let mut config = Config::default().with_client(sso_oidc_server::Client::public("public"));
    config.policy = config.policy.with_remember_expired(Duration::ZERO);
    let server = TestServer::with(config).unwrap();
    let mut browser = Browser::at(&server);
    let query = query(&[]);
    let (_, csrf) = browser.look(&query);
    let late = browser.press(&query, &csrf, "approve", &[]);
    assert_eq!((late.status, late.body.contains("too old to decide")), (410, true), "{late:?}");
    assert_eq!(server.handle().stats().held.codes, 0);
}

#[test]
fn only_a_form_decides_and_a_get_never_does() {
    let server = server(Approval::Manual);
    let mut browser = Browser::at(&server);
    let query = query(&[]);
    let (_, csrf) = browser.look(&query);
    let (cookie, body) = (browser.cookie.clone(), format!("csrf={csrf}&action=approve"));
    for other in ["text/plain", "application/json", "multipart/form-data"] {
        let headers = [("Cookie", cookie.as_str()), ("Content-Type", other)];
        let response = browser.http.send("POST", &format!("/authorize?{query}"), &headers, &body);
        assert_eq!(response.status, 415, "{other}");
    }
    let _ = browser.look(&format!("{query}&{body}"));
    assert_eq!(server.handle().stats().held.codes, 0);
    for (method, status) in [("HEAD", 200), ("PUT", 405), ("DELETE", 405)] {
        let response = browser.http.send(method, &format!("/authorize?{query}"), &[], "");
        assert_eq!(response.status, status, "{method}");
    }
    let response = browser.http.send("PUT", "/authorize", &[], "");
    assert_eq!(response.header("Allow"), Some("GET, HEAD, POST"));
}

#[test]
fn a_head_decides_nothing_for_a_simulated_person_either() {
    let server = server(Approval::Auto);
    let mut http = Http::to(&server);
    let head = http.send("HEAD", &format!("/authorize?{}", query(&[])), &[], "");
    assert_eq!((head.status, head.header("Location")), (200, None));
    assert_eq!(server.handle().stats().held.codes, 0);
}

#[test]
fn nothing_that_a_request_says_becomes_markup() {
    let server = server(Approval::Manual);
    let mut http = Http::to(&server);
    let mut ask = registration();
    ask["clientName"] = json!("<script>alert(1)</script>\"'&\u{1b}[2J\u{202e}evil");
    ask["scopes"] = json!(["<img/src=x>", "'onload='x"]);
    let client = http.register(&ask);
    let odd = "\"><script>alert(1)</script>'";
    let asked = query(&[("client_id", &client.id), ("scope", ""), ("state", odd)]);
    // A client that is no browser may send characters that a browser escapes.
    let asked = format!("{asked}&x='b'");
    let mut browser = Browser::at(&server);
    let (page, csrf) = browser.look(&asked);
    assert!(
        page.body.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;[2Jevil"),
        "{}",
        page.body
    );
    let done = browser.press(&asked, &csrf, "approve", &[]);
    let forged = browser.press(&asked, "x", "approve", &[]);
    assert_eq!((page.status, done.status, forged.status), (200, 200, 403));
    for page in [&page, &done, &forged] {
        for bad in ["<script", "<img", "'onload", "\u{1b}", "\u{202e}", "='b'"] {
            assert!(!page.body.contains(bad), "{bad:?}: {}", page.body);
        }
    }
}

#[test]
fn every_page_keeps_other_sites_and_other_eyes_out() {
    let server = server(Approval::Manual);
    let mut browser = Browser::at(&server);
    let query = query(&[]);
    let (page, csrf) = browser.look(&query);
    let cookie = page.header("Set-Cookie").unwrap();
    // A link of another site leads here, so the cookie must come along.
    for attribute in ["authorize_csrf=", "HttpOnly", "SameSite=Lax", "Path=/authorize"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let pages = [
        browser.press(&query, "", "approve", &[]),
        browser.press(&query, &csrf, "", &[]),
        browser.press(&query, &csrf, "approve", &[]),
        browser.http.get("/authorize"),
        page,
    ];
    for page in pages {
        let policy = page.header("Content-Security-Policy").unwrap();
        for part in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"]
        {
            assert!(policy.contains(part), "{policy}");
        }
        assert_eq!(page.header("X-Frame-Options"), Some("DENY"));
        assert_eq!(page.header("Referrer-Policy"), Some("same-origin"), "so no other site learns the code");
        assert_eq!(page.header("Cache-Control"), Some("no-store"));
        assert!(page.body.starts_with("<!doctype html>\n<html lang=\"en\">"));
    }
    let secure = TestServer::with(
        Config::default()
            .with_public_url("https://sso.example")
            .with_client(sso_oidc_server::Client::public("public")),
    );
    let (page, _) = Browser::at(&secure.unwrap()).look(&query);
    assert!(page.header("Set-Cookie").unwrap().ends_with("; Secure"));
}

#[test]
fn a_link_of_another_site_shows_the_page() {
    let server = server(Approval::Manual);
    let mut http = Http::to(&server);
    for said in [("Sec-Fetch-Site", "cross-site"), ("Referer", "https://app.example/"), ("Origin", "null")] {
        let page = http.send("GET", &format!("/authorize?{}", query(&[])), &[said], "");
        assert!(page.status == 200 && page.body.contains("Approve"), "{said:?}");
    }
}

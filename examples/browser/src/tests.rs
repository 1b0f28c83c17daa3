//! The steps of a page, against a service that is a list of answers.

use super::*;

const START: &str = "https://d-1234567890.awsapps.com/start";
const REGISTERED: &str = r#"{"clientId":"c","clientSecret":"s","clientSecretExpiresAt":1800000000}"#;
const CODES: &str = r#"{"deviceCode":"d","userCode":"WDJB-MJHT","verificationUri":"https://device.example/",
    "verificationUriComplete":"https://device.example/?user_code=WDJB-MJHT","expiresIn":600,"interval":1}"#;
const PENDING: &str = r#"{"error":"authorization_pending"}"#;
const GRANTED: &str = r#"{"accessToken":"a-secret","expiresIn":28800,"tokenType":"Bearer"}"#;

/// A page with its clock.
struct Page {
    sign_in: SignIn,
    now: f64,
}

impl Page {
    fn open() -> Self {
        let sign_in = SignIn::new("http://127.0.0.1:8400", START, 1, 0.0);
        Self { sign_in: sign_in.unwrap_or_else(|_| panic!("a service on this machine")), now: 0.0 }
    }

    /// Waits as often as it is told, and returns the step after that.
    fn next(&mut self) -> Step {
        for _ in 0..10 {
            match self.sign_in.next(tick(self.now)) {
                Step::Wait { time } => self.now += time,
                step => return step,
            }
        }
        panic!("it waits for ever");
    }

    fn url(&mut self) -> String {
        match self.next() {
            Step::Send { url, .. } => url,
            other => panic!("no request but {other:?}"),
        }
    }

    fn answer(&mut self, status: u16, headers: &[&str], body: &str) {
        self.sign_in.head(status, headers.iter().map(|text| (*text).to_owned()).collect());
        self.sign_in.chunk(body.as_bytes());
        self.sign_in.end(self.now);
    }

    /// Asks for the codes, and shows them.
    fn prompted() -> Self {
        let mut page = Self::open();
        for body in [REGISTERED, CODES] {
            page.url();
            page.answer(200, &[], body);
        }
        assert!(matches!(page.next(), Step::Prompt { .. }));
        page
    }
}

#[test]
fn a_page_that_does_each_step_is_signed_in_and_is_told_no_token() {
    let mut page = Page::open();
    assert_eq!(page.url(), "http://127.0.0.1:8400/client/register");
    page.answer(200, &[], REGISTERED);
    assert_eq!(page.url(), "http://127.0.0.1:8400/device_authorization");
    page.answer(200, &[], CODES);
    assert_eq!(
        page.next(),
        Step::Prompt {
            code: "WDJB-MJHT".to_owned(),
            url: Some("https://device.example/?user_code=WDJB-MJHT".to_owned()),
            address: "https://device.example/".to_owned(),
            lasts: 600_000,
            replaces_earlier: false,
        }
    );
    for (status, body) in [(400, PENDING), (200, GRANTED)] {
        let before = page.now;
        assert_eq!(page.url(), "http://127.0.0.1:8400/token");
        assert!(page.now >= before + 1000.0, "{before} {}", page.now);
        page.answer(status, &[], body);
    }
    let done: serde_json::Value = serde_json::from_str(&page.sign_in.poll(page.now)).unwrap();
    let told = serde_json::json!({
        "step": "done", "signed_in": true, "text": "You are signed in.", "lasts": 28_800_000
    });
    assert_eq!(done, told);
}

#[test]
fn a_request_has_what_fetch_needs() {
    let mut page = Page::open();
    let Step::Send { method, headers, body, limit, .. } = page.next() else { panic!("it registers") };
    assert_eq!((&*method, limit), ("POST", 40_000));
    assert!(headers.contains(&("content-type".to_owned(), "application/json".to_owned())), "{headers:?}");
    assert!(body.contains(r#""clientName":"example-browser""#), "{body}");
}

#[test]
fn a_page_that_lost_the_answer_is_told_to_ask_again() {
    let mut page = Page::open();
    let first = page.url();
    let before = page.now;
    assert_eq!(page.url(), first);
    assert!(page.now > before, "it waits before that");
}

#[test]
fn a_redirect_whose_target_the_browser_hides_ends_the_sign_in() {
    let mut page = Page::open();
    page.url();
    page.answer(0, &[], "");
    let Step::Done { signed_in: false, text, .. } = page.next() else { panic!("a refusal") };
    assert!(text.contains("redirects are not followed"), "{text}");
}

#[test]
fn a_body_that_the_browser_has_unpacked_is_read() {
    let mut page = Page::open();
    page.url();
    page.answer(200, &["content-encoding", "gzip", "x-amzn-requestid", "1"], REGISTERED);
    assert!(page.url().ends_with("/device_authorization"));
}

#[test]
fn a_token_that_arrived_before_the_connection_broke_counts() {
    let mut page = Page::prompted();
    page.url();
    page.sign_in.head(200, Vec::new());
    assert!(page.sign_in.chunk(GRANTED.as_bytes()));
    page.sign_in.failed(page.now, "TypeError: network error".to_owned());
    assert!(matches!(page.next(), Step::Done { signed_in: true, .. }));
}

#[test]
fn a_browser_that_gets_no_answer_at_all_is_told_why_in_the_end() {
    let mut page = Page::open();
    for _ in 0..20 {
        match page.next() {
            Step::Send { .. } => page.sign_in.failed(page.now, "TypeError: Failed to fetch".to_owned()),
            Step::Done { signed_in, text, .. } => {
                assert!(!signed_in && text.contains("before a response arrived"), "{text}");
                assert!((10_000.0..=30_000.0).contains(&page.now), "it ended at {}", page.now);
                return;
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("it never ends");
}

#[test]
fn a_cancelled_sign_in_sends_nothing_more_and_a_late_answer_changes_nothing() {
    let mut page = Page::prompted();
    page.url();
    page.sign_in.cancel();
    page.answer(200, &[], GRANTED);
    let Step::Done { signed_in: false, text, .. } = page.next() else { panic!("cancelled") };
    assert!(text.contains("cancelled"), "{text}");
}
